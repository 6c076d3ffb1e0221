"""Bad input: early, clear errors of standard types, and nothing left half-written."""

import copy

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from sklearn_spectral import SpectralClassifier, SpectralRegressor

from ..plain import PLAIN

X = np.random.default_rng(0).normal(size=(40, 5))
Y = np.arange(40) % 3


def with_value(value):
    bad = X.copy()
    bad[3, 2] = value
    return bad


@pytest.mark.parametrize(
    ("data", "target", "message"),
    [
        (X[:, 0], Y, "Expected 2D array, got 1D array"),
        (X, Y[:-1], "inconsistent numbers of samples"),
        (X, np.column_stack([Y, Y]), r"y should be a 1d array"),
        (with_value(np.nan), Y, "contains NaN"),
        (with_value(np.inf), Y, "contains infinity"),
        (sparse.csr_array(with_value(np.nan)), Y, "contains NaN"),
        (X[:0], Y[:0], "0 sample"),
        (X[:, :0], Y, "0 feature"),
        (X, np.zeros(40), r"one class only, \[0.0\]; a classifier needs two or more"),
        (X, None, "requires y to be passed"),
        (X, Y + 0.5, "Unknown label type: continuous"),
        (X.astype(complex), Y, "Complex data not supported"),
        ([["a", "b"]] * 40, Y, "could not convert string.*make_table_pipeline"),
    ],
)
def test_classifier_data(data, target, message):
    model = SpectralClassifier(4, max_iter=1)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(data, target)
    assert vars(model) == before


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.where(Y == 0, np.nan, Y), "contains NaN"),
        (np.where(Y == 0, np.inf, Y), "contains infinity"),
        (sparse.csr_array(Y[:, None]), r"y is sparse.*y.toarray\(\)"),
        (["a"] * 40, "could not convert string|dtype='numeric' is not compatible"),
    ],
)
def test_regressor_targets(target, message):
    with pytest.raises(ValueError, match=message):
        SpectralRegressor(4, max_iter=1).fit(X, target)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(40), "All entries of sample_weight are zero"),
        (-np.ones(40), "Negative values"),
        (np.full(40, 1.7e308), "sum to more than a float64 can be"),
        (np.full(40, np.nan), "NaN"),
        ("ones", "could not convert|sample_weight"),
        (np.ones(39), r"sample_weight.shape"),
        (
            (Y == 1).astype(float),
            "samples of weight zero were dropped, has one class",
        ),
    ],
)
def test_weights(weight, message):
    with pytest.raises(ValueError, match=message):
        SpectralClassifier(4, max_iter=1).fit(X, Y, sample_weight=weight)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": (10, -1)}, "holds -1"),
        ({"hidden_layer_sizes": -1}, "hidden_layer_sizes"),
        ({"linear_expansion": -1}, "linear_expansion"),
        ({"linear_expansion": ((4,), (), ())}, "has 3 entries.*has 2 gaps"),
        ({"linear_expansion": (4, (3,))}, "mixes integers and sequences"),
        ({"activation": "swish"}, "'activation' parameter"),
        ({"train_eigenvalues": "none"}, "'train_eigenvalues' parameter"),
        ({"solver": "rmsprop"}, "'solver' parameter"),
        ({"loss": "hinge"}, "'loss' parameter"),
        ({"init": "zeros"}, "'init' parameter"),
        ({"learning_rate": "cosine"}, "'learning_rate' parameter"),
        ({"learning_rate_init": 0.0}, "'learning_rate_init' parameter"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"alpha": -1.0}, "'alpha' parameter"),
        ({"l1_ratio": 2.0}, "'l1_ratio' parameter"),
        ({"class_weight": "even"}, "'class_weight' parameter"),
        (
            {"class_weight": {0: 1.0, "x": 2.0}},
            "class_weight names",
        ),
        ({"class_weight": {0: "a"}}, "class_weight=.* has a weight that is no number"),
        ({"class_weight": {0: -1.0}}, "negative or not finite"),
        ({"class_weight": {0: np.inf}}, "negative or not finite"),
        ({"class_weight": {0: 0, 1: 0, 2: 0}}, "leaves no weight to any class"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
        ({"device": "abacus"}, "not a device that torch knows"),
        ({"device": 3}, "'device' parameter"),
        ({"early_stopping": True, "validation_fraction": 0.01}, "cannot be done"),
    ],
)
def test_parameters(parameters, message):
    model = SpectralClassifier(**{"hidden_layer_sizes": (4,), "max_iter": 1, **parameters})
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y)
    assert not hasattr(model, "coefs_")
    assert not hasattr(model, "n_features_in_"), "a failed fit leaves nothing"


class TestValidationData:
    model = SpectralClassifier(4, max_iter=1, early_stopping=True)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"X_val": X}, "y_val is missing"),
            ({"y_val": Y}, "X_val is missing"),
            (
                {"X_val": X[:, :3], "y_val": Y},
                "validation data X_val, y_val: X has 3 features, but .* expecting 5",
            ),
            ({"X_val": X, "y_val": Y[:5]}, "inconsistent numbers of samples"),
            (
                {"X_val": X, "y_val": Y + 1},
                r"y_val has labels .*: \[3\]",
            ),
            ({"X_val": with_value(np.nan), "y_val": Y}, "contains NaN"),
            ({"X_val": X, "y_val": sparse.csr_array(Y[:, None])}, "y_val is sparse"),
        ],
    )
    def test_what_does_not_fit(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            self.model.fit(X, Y, **arguments)

    def test_regressor(self):
        model = SpectralRegressor(4, max_iter=1, early_stopping=True)
        with pytest.raises(ValueError, match="y_val contains NaN"):
            model.fit(X, Y, X_val=X, y_val=np.where(Y == 0, np.nan, Y))

    def test_only_with_early_stopping(self):
        with pytest.raises(ValueError, match="early_stopping=False"):
            SpectralClassifier(4, early_stopping=False).fit(X, Y, X_val=X, y_val=Y)


class TestPartialFit:
    def test_classes_are_needed_first(self):
        with pytest.raises(ValueError, match="first call of partial_fit needs classes"):
            SpectralClassifier(4).partial_fit(X, Y)

    def test_unknown_labels(self):
        model = SpectralClassifier(4)
        with pytest.raises(ValueError, match=r"not among the classes: \[2\]"):
            model.partial_fit(X, Y, classes=[0, 1])
        assert not hasattr(model, "classes_")
        model.partial_fit(X, Y, classes=[0, 1, 2])
        with pytest.raises(ValueError, match=r"not among the classes: \[7\]"):
            model.partial_fit(X, np.where(Y == 0, 7, Y))

    def test_classes_may_not_change(self):
        model = SpectralClassifier(4).partial_fit(X, Y, classes=[0, 1, 2])
        with pytest.raises(ValueError, match=r"classes=\[0, 1\] differ"):
            model.partial_fit(X, Y, classes=[0, 1])

    def test_one_class(self):
        with pytest.raises(ValueError, match="classes has one class only"):
            SpectralClassifier(4).partial_fit(X, np.zeros(40), classes=[0])

    def test_balanced_weights_need_all_data(self):
        model = SpectralClassifier(4, class_weight="balanced")
        with pytest.raises(ValueError, match="cannot be known from a part of the data"):
            model.partial_fit(X, Y, classes=[0, 1, 2])

    def test_number_of_features_and_targets(self):
        model = SpectralClassifier(4).partial_fit(X, Y, classes=[0, 1, 2])
        with pytest.raises(ValueError, match="X has 3 features"):
            model.partial_fit(X[:, :3], Y)
        regressor = SpectralRegressor(4).partial_fit(X, Y)
        with pytest.raises(ValueError, match=r"y has 2 target\(s\), but 1"):
            regressor.partial_fit(X, np.column_stack([Y, Y]))


@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
def test_predict_before_fit_and_with_other_features(make):
    model = make(4, max_iter=1, random_state=0)
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.fit(X, Y)
    with pytest.raises(ValueError, match=r"X has 4 features, but .* expecting 5"):
        model.predict(X[:, :4])
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(with_value(np.nan))


def test_warm_start_with_a_single_class():
    model = SpectralClassifier(4, max_iter=1, warm_start=True, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match=r"^y has one class only, \[0\]"):
        model.fit(X, np.zeros(40, dtype=int))


def test_predict_with_a_device_of_no_meaning():
    model = SpectralClassifier(4, max_iter=1, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="'gpuu' is not a device that torch knows"):
        model.set_params(device="gpuu").predict(X)


def test_going_on_with_another_network():
    model = SpectralClassifier(4, max_iter=1, warm_start=True, random_state=0).fit(X, Y)
    for parameters, message in [
        ({"hidden_layer_sizes": (4, 3)}, r"hidden_layer_sizes=\(4, 3\) \(was \(4,\)\)"),
        ({"linear_expansion": 9}, r"linear_expansion=\(\(9,\), \(\)\)"),
        ({"activation": "tanh"}, r"activation='tanh' \(was 'relu'\)"),
        ({"fit_intercept": False}, r"fit_intercept=False \(was True\)"),
    ]:
        changed = copy.deepcopy(model).set_params(**parameters)
        with pytest.raises(ValueError, match=f"cannot go on.*{message}"):
            changed.fit(X, Y)
    # The same layout in other words is the same network.
    model.set_params(hidden_layer_sizes=[4], linear_expansion=((), ())).fit(X, Y)


@pytest.mark.parametrize(
    "failing", [(X[:, :3], np.zeros(40)), (with_value(np.nan), Y), (X, Y[:-1])]
)
def test_a_failed_fit_leaves_the_earlier_one(failing):
    model = SpectralClassifier(4, max_iter=2, random_state=0).fit(X, Y)
    before, proba = dict(vars(model)), model.predict_proba(X)
    with pytest.raises(ValueError):  # noqa: PT011
        model.fit(*failing)
    assert vars(model) == before
    assert model.net_ is before["_net"]
    np.testing.assert_array_equal(model.predict_proba(X), proba)


def test_input_arrays_are_left_alone():
    data, target, weight = X.copy(), Y.copy(), np.linspace(0, 1, 40)
    copies = [a.copy() for a in (data, target, weight)]
    model = SpectralClassifier(4, max_iter=2, train_eigenvectors=True, early_stopping=True)
    model.fit(data, target, sample_weight=weight)
    model.partial_fit(data, target).predict_proba(data)
    for array, before in zip((data, target, weight), copies, strict=True):
        np.testing.assert_array_equal(array, before)


def test_an_output_that_overflows_is_an_error():
    model = SpectralClassifier(4, max_iter=1, random_state=0).fit(X.astype(np.float32), Y)
    model.coefs_[0] *= 100
    far = np.full((3, 5), 3e38, np.float32)
    with pytest.raises(ValueError, match=r"output is not finite: X has numbers so large"):
        model.predict(far)
    assert len(model.predict(far.astype(np.float64))) == 3  # where there is room


def test_dates_are_not_numbers():
    dates = (1000 * X).astype("datetime64[D]")
    with pytest.raises(ValueError, match=r"X has dates or times \(datetime64\[D\]\)"):
        SpectralClassifier(4, max_iter=1).fit(dates, Y)
    with pytest.raises(ValueError, match="X has dates or times"):
        SpectralClassifier(4, max_iter=1).fit(X, Y).predict(dates)
    since = dates[:, 0] - dates[0, 0]
    for target in (dates[:, 0], since, pd.Series(dates[:, 0]), dates[:, :2]):
        with pytest.raises(ValueError, match="y has dates or times"):
            SpectralRegressor(4, max_iter=1).fit(X, target)


def test_weights_that_overflow_when_contracted_are_undone():
    # The last step goes so far that a product of two layers is infinite.
    model = SpectralRegressor((), linear_expansion=3, solver="sgd", **PLAIN)
    model.set_params(learning_rate="constant", learning_rate_init=1e250, max_iter=1)
    model.set_params(random_state=0)
    with pytest.warns(UserWarning, match="became NaN or infinite"):
        model.set_params(batch_size=40, momentum=0).fit(1e-3 * X, 1e-3 * Y)
    assert model.stop_reason_ == "diverged"
    assert np.isfinite(model.predict(X)).all()
