"""Training on small real data: solvers, schedules, stopping, going on."""

import copy
import gc
import tracemalloc
import warnings
import weakref

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import (
    train_test_split,
)
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor

from ..plain import PLAIN


def assert_same_fit(left, right):
    """Compare two fits to the last bit."""
    assert left.loss_curve_ == right.loss_curve_
    for name in ("coefs_", "intercepts_", "eigenvalues_", "eigenvectors_", "biases_"):
        for a, b in zip(getattr(left, name), getattr(right, name), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("parameters", "at_least"),
    [
        ({"linear_expansion": 200}, 0.91),
        ({"hidden_layer_sizes": (), "linear_expansion": 300}, 0.90),
        ({"train_eigenvectors": True}, 0.95),
        ({"train_eigenvectors": True, "activation": "tanh"}, 0.95),
        ({"linear_expansion": 200, "activation": "tanh"}, 0.91),
        ({"linear_expansion": 200, "activation": "elu"}, 0.91),
        ({"linear_expansion": 200, "train_eigenvalues": "out"}, 0.89),
        ({"linear_expansion": 200, "train_eigenvalues": "in"}, 0.89),
        ({"linear_expansion": 200, "train_eigenvalues": "paper"}, 0.90),
        ({"linear_expansion": 200, "loss": "brier"}, 0.91),
        ({"linear_expansion": 200, "solver": "adam"}, 0.91),
        ({"linear_expansion": 200, "solver": "sgd"}, 0.88),
        ({"linear_expansion": 200, "solver": "lbfgs"}, 0.90),
        ({"linear_expansion": 200, "learning_rate": "constant"}, 0.90),
        ({"linear_expansion": 200, "init": "wide", "learning_rate_init": 0.1}, 0.91),
        ({"linear_expansion": 200, "init": "paper", "learning_rate_init": 0.03}, 0.90),
        ({"linear_expansion": ((200,), (50,))}, 0.91),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_learns_the_digits(digits, parameters, at_least):
    X, X_test, y, y_test = train_test_split(*digits, random_state=0, stratify=digits[1])
    settings = {**PLAIN, "max_iter": 60, "random_state": 0, **parameters}
    model = SpectralClassifier(**settings).fit(X, y)
    assert model.score(X_test, y_test) >= at_least
    assert model.loss_curve_[-1] < model.loss_curve_[0] / 2
    assert model.n_iter_ == len(model.loss_curve_) <= 60


@pytest.mark.parametrize("solver", ["adamax", "adam", "sgd", "lbfgs"])
def test_regression_reaches_a_linear_model(diabetes, solver):
    X, y = diabetes
    model = SpectralRegressor((), linear_expansion=50, solver=solver, **PLAIN)
    model.set_params(max_iter=200, train_eigenvectors=True, n_iter_no_change=20)
    model.set_params(random_state=0)
    assert model.fit(X, y).score(X, y) > Ridge().fit(X, y).score(X, y) - 0.02


def test_a_free_linear_network_finds_the_linear_models(diabetes):
    """With eigenvectors trained, L-BFGS goes to the optimum that scikit-learn has."""
    X, y = diabetes
    settings = {
        **PLAIN,
        "hidden_layer_sizes": (),
        "train_eigenvectors": True,
        "solver": "lbfgs",
        "max_iter": 1000,
        "tol": 1e-12,
        "random_state": 0,
    }
    ours, theirs = SpectralRegressor(**settings).fit(X, y), LinearRegression().fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-4)
    labels = y > 0
    ours = SpectralClassifier(**settings).fit(X, labels)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, labels)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-3)


@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
@pytest.mark.parametrize("solver", ["adamax", "lbfgs"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_random_state_fixes_the_fit_to_the_last_bit(digits, make, solver):
    model = make(30, linear_expansion=40, max_iter=4, solver=solver, random_state=7)
    first, second = clone(model).fit(*digits), clone(model).fit(*digits)
    assert_same_fit(first, second)
    other = clone(model).set_params(random_state=8).fit(*digits)
    assert other.loss_curve_ != first.loss_curve_
    # The same estimator, fitted again: nothing is left over from the first time.
    assert_same_fit(first, first.fit(*digits))


def test_a_fit_does_not_touch_global_random_numbers(digits):
    import torch

    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    SpectralClassifier(10, max_iter=2, random_state=0).fit(*digits)
    assert torch.equal(torch_state, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_of_the_input_is_that_of_the_model(digits, dtype):
    X, y = digits
    model = SpectralClassifier(10, max_iter=2, random_state=0).fit(X.astype(dtype), y)
    assert {a.dtype for a in (*model.coefs_, *model.eigenvalues_)} == {np.dtype(dtype)}
    assert model.predict_proba(X.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("solver", ["adamax", "lbfgs"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sparse_and_mapped_data_give_the_dense_fit(digits, tmp_path, solver):
    X, y = digits
    model = SpectralClassifier(20, linear_expansion=30, max_iter=3, random_state=0)
    # Sparse data are not centred.
    model.set_params(solver=solver, standardize=False)
    dense = clone(model).fit(X, y)
    on_disk = np.memmap(tmp_path / "X", dtype=X.dtype, mode="w+", shape=X.shape)
    on_disk[:] = X
    mapped = np.memmap(tmp_path / "X", dtype=X.dtype, mode="r", shape=X.shape)
    for other in (sparse.csr_array(X), sparse.csc_matrix(X), mapped):
        fitted = clone(model).fit(other, y)
        for a, b in zip(fitted.coefs_, dense.coefs_, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-10)
        np.testing.assert_allclose(
            fitted.decision_function(other), dense.decision_function(X), atol=1e-9
        )


def test_mapped_integers_are_converted_on_the_way(digits, tmp_path):
    X, y = digits
    pixels = np.round(X * 16).astype(np.uint8)
    mapped = np.memmap(tmp_path / "X", dtype=np.uint8, mode="w+", shape=X.shape)
    mapped[:] = pixels
    model = SpectralClassifier(20, max_iter=3, random_state=0)
    in_memory = clone(model).fit(pixels, y)
    from_file = clone(model).fit(mapped, y)
    assert_same_fit(in_memory, from_file)
    np.testing.assert_array_equal(from_file.predict(mapped), in_memory.predict(pixels))


class TestEarlyStopping:
    def test_best_weights_are_kept(self, digits, overshooting):
        X, X_val, y, y_val = train_test_split(*digits, random_state=0)
        model = overshooting.set_params(n_iter_no_change=5, scoring="accuracy")
        model.fit(X, y, X_val=X_val, y_val=y_val)
        assert model.stop_reason_ == "early_stopping"
        assert model.n_iter_ < model.max_iter
        assert len(model.validation_scores_) == model.n_iter_
        assert model.best_validation_score_ == max(model.validation_scores_)
        assert model.best_validation_score_ > model.validation_scores_[-1]
        assert model.score(X_val, y_val) == pytest.approx(model.best_validation_score_)

    def test_by_default_validation_data_are_what_stops(self, cancer):
        X, X_val, y, y_val = train_test_split(*cancer, random_state=0)
        model = SpectralClassifier(10, max_iter=3, random_state=0)
        model.set_params(scoring="accuracy").fit(X, y, X_val=X_val, y_val=y_val)
        assert max(model.validation_scores_) == model.score(X_val, y_val)
        model.set_params(scoring=None)
        scores = model.fit(X, y).validation_scores_
        assert max(scores) < 0, "losses out of bag"
        assert not hasattr(model.set_params(n_members=1).fit(X, y), "validation_scores_")

    @pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
    def test_of_wide_input_rows_are_held_out_if_there_are_enough(self, make):
        X, y = np.random.default_rng(0).normal(size=(60, 1001)), np.arange(60) // 2 % 4
        model = make(2, max_iter=2, random_state=0)
        assert len(model.fit(X, y).validation_scores_) == 2
        assert model.merge_members().hidden_layer_sizes == (2,)
        assert not hasattr(model.fit(X[:8], y[:8]), "validation_scores_")

    def test_rows_that_cannot_be_split_are_told(self):
        X, y = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) // 2
        model = SpectralClassifier(2, early_stopping=True, max_iter=2)
        with pytest.raises(ValueError, match="early_stopping=False"):
            model.fit(X, y)

    def test_own_split_is_held_out(self, digits):
        model = SpectralClassifier(10, early_stopping=True, max_iter=3, random_state=0)
        assert len(model.fit(*digits).validation_scores_) == 3
        full = clone(model).set_params(early_stopping=False).fit(*digits)
        assert full.loss_curve_ != model.loss_curve_
        assert not hasattr(full, "validation_scores_")
        model.set_params(early_stopping=False).fit(*digits)
        assert not hasattr(model, "validation_scores_"), "those of the earlier fit"

    def test_labels_of_strings_and_sparse_validation_data(self, cancer):
        X, X_val, y, y_val = train_test_split(*cancer, random_state=0)
        names = np.array(["malignant", "benign"])
        model = SpectralClassifier(10, max_iter=3, scoring="accuracy", random_state=0)
        model.fit(X, names[y], X_val=sparse.csr_array(X_val), y_val=names[y_val])
        assert model.score(X_val, names[y_val]) == model.best_validation_score_


class TestGoingOn:
    def test_warm_start_goes_on(self, digits):
        model = SpectralClassifier(20, linear_expansion=30, random_state=0, **PLAIN)
        model.set_params(learning_rate="constant", learning_rate_init=0.02, tol=0)
        model.set_params(max_iter=5)
        with pytest.warns(ConvergenceWarning, match="max_iter=5"):
            model.fit(*digits)
        after_one = model.loss_curve_[-1]
        with pytest.warns(ConvergenceWarning):
            model.set_params(warm_start=True).fit(*digits)
        assert model.n_iter_ == 5
        assert len(model.loss_curve_) == 10
        assert model.loss_curve_[5] < after_one * 1.1
        assert model.loss_curve_[-1] < after_one

    def test_a_short_cycle_that_undoes_the_last_fit_is_a_warning(self):
        X, y = load_iris(return_X_y=True)
        X = StandardScaler().fit_transform(X)
        model = SpectralClassifier(random_state=0, warm_start=True, **PLAIN).fit(X, y)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(X, y)
        with pytest.warns(ConvergenceWarning, match="Going on raised the loss: it was 0.0"):
            copy.deepcopy(model).set_params(max_iter=3).fit(X, y)
        gentle = copy.deepcopy(model).set_params(max_iter=3, learning_rate_init=0.003)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert gentle.fit(X, y).score(X, y) == model.score(X, y)

    def test_warm_start_survives_a_pickle(self, digits):
        import pickle

        model = SpectralClassifier(20, max_iter=3, random_state=0, warm_start=True)
        model.fit(*digits)
        loaded = pickle.loads(pickle.dumps(model))
        assert_same_fit(model.fit(*digits), loaded.fit(*digits))

    @pytest.mark.parametrize("train_eigenvectors", [False, True])
    @pytest.mark.parametrize("activation", ["relu", "tanh"])
    @pytest.mark.parametrize("solver", ["adamax", "adam", "sgd"])
    def test_partial_fit_survives_a_pickle(
        self, digits, solver, activation, train_eigenvectors
    ):
        """The moments of the solver are part of the file: going on is bitwise the same."""
        import pickle

        X, y = digits
        model = SpectralClassifier(
            20,
            linear_expansion=((15,), (10,)),
            activation=activation,
            train_eigenvectors=train_eigenvectors,
            solver=solver,
            random_state=0,
        )
        model.partial_fit(X, y, classes=range(10))
        for _ in range(3):
            model.partial_fit(X, y)
        loaded = pickle.loads(pickle.dumps(model))
        assert_same_fit(model.partial_fit(X, y), loaded.partial_fit(X, y))

    def test_partial_fit_is_fit_epoch_by_epoch(self, digits):
        model = SpectralClassifier(20, n_members=1, max_iter=4, random_state=0)
        model.set_params(learning_rate="constant")
        by_parts = clone(model)
        for _ in range(4):
            by_parts.partial_fit(*digits, classes=np.arange(10))
        with pytest.warns(ConvergenceWarning):
            model.fit(*digits)
        assert_same_fit(model, by_parts)

    def test_partial_fit_learns_from_portions(self, digits):
        X, y = digits
        model = SpectralClassifier(50, train_eigenvectors=True, random_state=0)
        model.set_params(learning_rate_init=0.01)
        for epoch in range(15):
            for start in range(0, len(X), 600):
                rows = slice(start, start + 600)
                model.partial_fit(X[rows], y[rows], classes=range(10))
            assert (model.n_iter_, len(model.loss_curve_)) == (1, 3 * (epoch + 1))
        assert model.score(X, y) > 0.95

    def test_partial_fit_of_a_regressor(self, diabetes):
        X, y = diabetes
        weight = np.ones(len(y))
        model = SpectralRegressor(20, random_state=0, learning_rate_init=0.05)
        for _ in range(60):
            model.partial_fit(X, y, sample_weight=weight)
        assert model.score(X, y) > 0.4

    def test_partial_fit_on_one_class_of_those_announced(self, digits):
        X, y = digits
        model = SpectralClassifier(10, random_state=0)
        model.partial_fit(X[y == 3], y[y == 3], classes=np.arange(10))
        assert model.predict_proba(X).shape == (len(X), 10)

    def test_weights_of_portions_are_taken_as_they_are(self, digits):
        """A portion of one class: its weight must not be scaled away."""
        X, y = digits
        ones = y == 1

        def step(**settings):
            model = SpectralClassifier(10, solver="sgd", random_state=0, **settings)
            return model.partial_fit(X[ones], y[ones], classes=range(10))

        plain, heavy = step(), step(class_weight={1: 5.0})
        light = step(class_weight={0: 5.0, 1: 0.2})  # names a class not in the portion
        assert heavy.loss_curve_[0] > plain.loss_curve_[0] > light.loss_curve_[0]

    @pytest.mark.parametrize("before", ["adamax", "adam", "sgd"])
    @pytest.mark.parametrize("after", ["adamax", "adam", "sgd"])
    def test_another_solver_starts_afresh(self, digits, before, after):
        model = SpectralClassifier(10, solver=before, random_state=0)
        model.partial_fit(*digits, classes=range(10))
        model.set_params(solver=after).partial_fit(*digits).partial_fit(*digits)
        assert len(model.loss_curve_) == 3
        assert model.loss_curve_[-1] < model.loss_curve_[0]

    def test_going_on_after_another_precision(self, digits):
        X, y = digits
        model = SpectralClassifier(10, max_iter=2, random_state=0, warm_start=True)
        model.fit(X.astype(np.float32), y).fit(X, y)
        assert model.coefs_[0].dtype == np.float32

    def test_lbfgs_has_no_partial_fit(self):
        assert hasattr(SpectralClassifier(), "partial_fit")
        assert not hasattr(SpectralClassifier(solver="lbfgs"), "partial_fit")
        assert not hasattr(SpectralRegressor(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("learning_rate", ["one_cycle", "constant"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_momentum_is_used(digits, learning_rate):
    model = SpectralClassifier(10, solver="sgd", max_iter=3, random_state=0)
    model.set_params(learning_rate=learning_rate)
    curves = [
        clone(model).set_params(momentum=momentum).fit(*digits).loss_curve_
        for momentum in (0.0, 0.1, 0.9)
    ]
    assert curves[0] != curves[1] != curves[2]
    assert curves[2][-1] < curves[1][-1] < curves[0][-1]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"early_stopping": True},
        {"batch_size": 5000},
        {"solver": "lbfgs"},
        {"train_eigenvalues": "out"},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fitted_model_does_not_hold_the_data(digits, parameters):
    X, y = digits[0].copy(), digits[1]
    data = weakref.ref(X)
    model = SpectralClassifier(10, max_iter=2, random_state=0, **parameters).fit(X, y)
    assert model.net_ is not None
    repr(model.net_)
    del X
    gc.collect()
    assert data() is None


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("view", [False, True])
def test_a_file_is_never_whole_in_memory(tmp_path, dtype, view):
    """Fit with weights and early stopping, and predict, on a file of 64 MB or more."""
    itemsize = np.dtype(dtype).itemsize
    shape = (128 * 2**20 // 512 // max(2, itemsize), 512)
    X = np.memmap(tmp_path / "X", dtype=dtype, mode="w+", shape=shape)
    X[::7, :5] = 1
    y = np.arange(shape[0]) % 7 == 0
    weight = 1.0 + (np.arange(shape[0]) % 3)
    weight[::11] = 0
    model = SpectralClassifier(
        (), max_iter=1, early_stopping=True, batch_size=2000, random_state=0
    )
    X = np.asarray(X) if view else X
    clone(model).fit(np.ones((20, 2)), np.arange(20) % 2)  # imports are not what is asked
    tracemalloc.start()
    model.fit(X, y, sample_weight=weight)
    model.predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The arrays of one number per row, and a few chunks of CHUNK_BYTES.
    assert peak < 100e6 + 60 * shape[0]
    assert peak < shape[0] * shape[1] * 8 / 4


def test_numpy_integers_are_integers(digits):
    model = SpectralClassifier(
        hidden_layer_sizes=np.int64(5),
        linear_expansion=np.int32(7),
        batch_size=np.int64(100),
        max_iter=np.int64(3),
        n_iter_no_change=np.int64(3),
        random_state=np.int64(0),
        verbose=np.int64(0),
    )
    assert model.fit(*digits).n_iter_ == 3
    assert model.loss_ == model.loss_curve_[-1]
    assert model.best_loss_ == min(model.loss_curve_)


def test_a_loss_that_did_not_fall_is_a_warning(digits):
    model = SpectralClassifier(10, max_iter=5, learning_rate_init=1e6, random_state=0)
    with pytest.warns(ConvergenceWarning, match="did not lower the loss"):
        model.fit(*digits)


def test_early_stopping_does_not_wait_while_the_rate_is_high(cancer):
    """With the one-cycle schedule, patience begins with the second half of the epochs."""
    model = SpectralClassifier(20, early_stopping=True, random_state=0, **PLAIN)
    model.set_params(max_iter=200, learning_rate="one_cycle", averaging=0.0).fit(*cancer)
    assert model.stop_reason_ == "early_stopping"
    assert 100 <= model.n_iter_ < 200
    model.set_params(learning_rate="constant").fit(*cancer)
    assert model.n_iter_ < 100


def test_verbose_shows_a_bar_or_lines(digits, capsys):
    model = SpectralClassifier(10, max_iter=3, random_state=0, early_stopping=True)
    model.fit(*digits)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == ""
    model.set_params(verbose=1).fit(*digits)
    bar = capsys.readouterr().err
    assert "3/3" in bar
    assert "loss=" in bar
    assert "valid_score=" in bar
    model.set_params(verbose=2).fit(*digits)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("Epoch 1/3, loss = ")


def test_training_stops_where_the_loss_rests(cancer):
    X, y = cancer
    model = SpectralClassifier(10, learning_rate="constant", tol=1e-2, **PLAIN)
    model.set_params(max_iter=2000, random_state=0).fit(X, y)
    assert model.stop_reason_ == "converged"
    assert model.n_iter_ < 2000
    model.set_params(n_iter_no_change=np.inf, max_iter=30)
    with pytest.warns(ConvergenceWarning, match="still improving after max_iter=30"):
        model.fit(X, y)
    assert model.stop_reason_ == "max_iter"
