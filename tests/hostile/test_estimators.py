"""Whatever is given to an estimator: the right result, or a documented error.

Never a hang, a crash, a silent NaN, a changed input, or something half-written.
"""

import warnings

import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone, is_classifier
from strategies import (
    BATCH,
    DOCUMENTED,
    N_COLUMNS,
    N_ROWS,
    ODD_X,
    TARGETS,
    estimators,
    fingerprint,
    labels,
    matrices,
    numbers,
    weights,
)

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.pruning import SpectralPruner
from sklearn_spectral.spec.losses import LOSSES

pytestmark = pytest.mark.filterwarnings("ignore")


def attempt(function, *args, **kwargs):
    """Call something; return what came of it, or None if a documented error was raised."""
    before = [fingerprint(value) for value in (*args, *kwargs.values())]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = function(*args, **kwargs)
    except DOCUMENTED as error:
        note(f"{type(error).__name__}: {error}")
        result = None
    after = [fingerprint(value) for value in (*args, *kwargs.values())]
    assert after == before, "an input was changed"
    return result


def state(model):
    """Return what a failed call has to leave as it was."""
    return {name: id(value) for name, value in vars(model).items()}


def check_predictions(model, X, n_rows):
    """See that a fitted model predicts finite numbers, or says why not."""
    found = attempt(model.predict, X)
    if found is None:
        return
    assert len(found) == n_rows
    if not is_classifier(model):
        assert np.isfinite(found).all()
        if model._calibration is not None:
            ends = attempt(model.predict_interval, X)
            assert ends.shape[0] == n_rows
            assert (ends[..., 0] <= ends[..., 1]).all()
        return
    probabilities = attempt(model.predict_proba, X)
    assert probabilities.shape == (n_rows, len(model.classes_))
    assert np.isfinite(probabilities).all()
    if model._calibration is not None:
        sets = attempt(model.predict_set, X)
        assert (sets.shape, sets.dtype) == (probabilities.shape, bool)
    assert not np.isnan(attempt(model.predict_log_proba, X)).any()
    if found.ndim == 2:  # of several labels
        np.testing.assert_array_equal(found, probabilities > 0.5)
        return
    assert set(found.tolist()) <= set(model.classes_.tolist())
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@given(data=st.data())
def test_classifiers_of_any_data(data):
    model = data.draw(estimators(kinds=("classifier",)))
    n_rows, n_columns = data.draw(N_ROWS), data.draw(N_COLUMNS)
    X, y = data.draw(matrices(n_rows, n_columns)), data.draw(labels(n_rows))
    weight = data.draw(weights(n_rows))
    before = state(model)
    fitted = attempt(model.fit, X.value, y.value, sample_weight=weight)
    if X.dense is None or y.dense is None or len(np.unique(y.dense)) < 2:
        assert fitted is None
    if fitted is None:
        assert state(model) == before
        return
    check_predictions(model, X.value, n_rows)


@given(data=st.data())
def test_regressors_of_any_data(data):
    model = data.draw(estimators(kinds=("regressor",)))
    n_rows, n_columns = data.draw(N_ROWS), data.draw(N_COLUMNS)
    X = data.draw(matrices(n_rows, n_columns))
    values = data.draw(numbers((n_rows, 2)))
    name = data.draw(st.sampled_from(list(TARGETS)))
    weight = data.draw(weights(n_rows))
    before = state(model)
    fitted = attempt(model.fit, X.value, TARGETS[name](values), sample_weight=weight)
    refused = ("strings", "complex", "too few", "cube", "nothing", "scalar")
    if X.dense is None or name in refused:
        assert fitted is None
    if fitted is None:
        assert state(model) == before
        return
    check_predictions(model, X.value, n_rows)


@given(data=st.data())
def test_the_container_does_not_matter(data):
    """A fit on any container is the fit on the plain array of the same numbers."""
    model = data.draw(estimators())
    n_rows, n_columns = data.draw(N_ROWS), data.draw(N_COLUMNS)
    X = data.draw(matrices(n_rows, n_columns))
    if sparse.issparse(X.value):  # which would stay sparse: it is standardised otherwise
        model.set_params(standardize=False)
    y = np.arange(n_rows) % 2
    fitted = attempt(model.fit, X.value, y)
    if fitted is None:
        return
    single = fitted.coefs_[0].dtype == np.float32
    plain = np.ascontiguousarray(X.dense, np.float32 if single else np.float64)
    other = attempt(clone(model).fit, plain, y)
    assert other is not None
    for ours, theirs in zip(fitted._fitted.coefs, other._fitted.coefs, strict=True):
        # A sparse matrix is summed in another order, which an optimizer may enlarge.
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-3 * np.abs(ours).max())
    found = attempt(fitted.predict, X.value)
    again = attempt(fitted.predict, plain)
    if found is not None and again is not None:
        np.testing.assert_allclose(
            found.astype(float),
            again.astype(float),
            rtol=1e-4,
            atol=1e-4 * np.abs(plain).max(),
        )


@pytest.fixture(scope="module")
def fitted():
    """One model of each kind, of four features."""
    X, y = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3
    few = {"hidden_layer_sizes": 5, "linear_expansion": 4, "max_iter": 2, "random_state": 0}
    bags = {**few, "bag_fraction": 0.5, "n_members": 2}  # which few rows do not have
    return [
        SpectralClassifier(**bags).fit(X, np.eye(3, dtype=int)[y]),
        *(
            SpectralRegressor(loss=loss, quantile=quantile, **bags).fit(X, y + 1)
            for loss in LOSSES
            for quantile in (0.5, (0.1, 0.9))
        ),
    ] + [
        kind(activation=activation, **few).fit(X.astype(dtype), y)
        for kind in (SpectralClassifier, SpectralRegressor)
        for activation in ("relu", "tanh", "elu", "identity")
        for dtype in (np.float32, np.float64)
    ]


@given(data=st.data())
def test_predictions_of_any_data(fitted, data):
    model = data.draw(st.sampled_from(fitted))
    n_rows = data.draw(N_ROWS)
    n_columns = data.draw(st.sampled_from([4, 4, 4, 4, 3, 5, 1]))
    X = data.draw(matrices(n_rows, n_columns))
    before = state(model)
    found = attempt(model.predict, X.value)
    if X.dense is None or n_columns != 4:
        assert found is None
    if found is not None:
        check_predictions(model, X.value, n_rows)
        plain = attempt(model.predict, np.ascontiguousarray(X.dense))
        if plain is not None and not is_classifier(model):
            scale = 1 + np.abs(plain).max()
            np.testing.assert_allclose(found, plain, rtol=1e-3, atol=1e-4 * scale)
    assert state(model) == before


@given(data=st.data(), X=ODD_X)
def test_odd_things_as_data(fitted, data, X):
    model = data.draw(estimators())
    before = state(model)
    attempt(model.fit, X, data.draw(st.sampled_from([[0, 1], [0.5, 1.5], None, X])))
    if not hasattr(model, "coefs_"):
        assert state(model) == before
    attempt(data.draw(st.sampled_from(fitted)).predict, X)


@given(data=st.data())
def test_portions_of_any_size(data):
    model = data.draw(estimators())
    n_columns = data.draw(N_COLUMNS)
    if model.solver == "lbfgs":
        assert not hasattr(model, "partial_fit")
        return
    classes = {"classes": ["a", "b", "c"]} if is_classifier(model) else {}
    n_done = 0
    for _ in range(data.draw(st.integers(1, 3))):
        n_rows = data.draw(N_ROWS)
        X = data.draw(matrices(n_rows, n_columns))
        y = np.array(["a", "b", "c"])[np.arange(n_rows) % 3] if classes else np.ones(n_rows)
        before = state(model)
        done = attempt(model.partial_fit, X.value, y, **(classes if n_done == 0 else {}))
        if done is None:
            assert state(model) == before
            continue
        n_done += 1
        assert X.dense is not None
        check_predictions(model, X.value, n_rows)


@given(data=st.data())
def test_own_validation_data(data):
    model = data.draw(estimators()).set_params(early_stopping=True)
    n_rows, n_columns = data.draw(N_ROWS), data.draw(N_COLUMNS)
    n_val = data.draw(N_ROWS)
    X = np.random.default_rng(0).normal(size=(n_rows + 1, n_columns))
    X_val = data.draw(matrices(n_val, data.draw(st.sampled_from([n_columns] * 3 + [6]))))
    y = np.arange(n_rows + 1) % 2
    y_val = data.draw(
        st.sampled_from(
            [np.arange(n_val) % 2, np.full(n_val, 7), np.zeros(n_val), None, "a"]
        )
    )
    before = state(model)
    done = attempt(model.fit, X, y, X_val=X_val.value, y_val=y_val)
    if X_val.dense is None:
        assert done is None
    if done is None:
        assert state(model) == before
    else:
        assert not np.isnan(model.best_validation_score_)


@given(data=st.data())
def test_pruners_of_any_data(data):
    model = data.draw(estimators()).set_params(early_stopping=False, max_iter=1)
    n_rows, n_columns = data.draw(N_ROWS), data.draw(N_COLUMNS)
    X = data.draw(matrices(n_rows, n_columns))
    pruner = SpectralPruner(
        model,
        strategy=data.draw(st.sampled_from(["post", "pre", "gradual"])),
        n_nodes=data.draw(st.sampled_from([None, 1, 2, 100])),
        fraction=data.draw(st.sampled_from([0.1, 0.5, 0.9])),
        compensation=data.draw(st.sampled_from(["linear", "mean", "none"])),
        n_steps=2,
    )
    before = state(pruner)
    done = attempt(pruner.fit, X.value, np.arange(n_rows) % 2)
    if X.dense is None:
        assert done is None
    if done is None:
        assert state(pruner) == before
        return
    check_predictions(pruner, X.value, n_rows)


CHANGES = {
    "hidden_layer_sizes": [0, -1, 2.5, "3", (3, 0), [[3]], None, True, np.array([2]), {3}],
    "linear_expansion": [0, -3, (0,), ((), (), (), ()), "5", 1.5, [None, (2,)], ((2,), 3)],
    "activation": ["RELU", None, 3, np.tanh],
    "alpha": [-1, np.nan, np.inf, "1", 1e300, None],
    "batch_size": [0, -1, 2.5, "all", 10**9, np.int8(3), True],
    "max_iter": [0, -1, 1.5, None, "1"],
    "learning_rate_init": [0, -1.0, np.nan, np.inf, 1e300, 1e-300, "fast"],
    "momentum": [1, -0.1, 2, "0"],
    "validation_fraction": [0, 1, -1, 0.999, 1e-9],
    "tol": [-1, np.nan, np.inf],
    "n_iter_no_change": [0, -1, 2.5, np.inf],
    "random_state": [-1, "seed", 2**40, np.random.RandomState(0), None],
    "device": ["", "gpu", "cuda:99", "meta", 3],
    "n_members": [0, -1, 2.5, "2", None, True],
    "bag_fraction": [0.0, 0.5, 1e-9, 1.5, np.nan, "all"],
    "averaging": [1.0, -0.1, np.nan, "no", 0.5],
    "standardize": [None, "yes", 1, 0.5],
    "temperature": [0, -1.0, np.nan, np.inf, 1e-300, 1e300, "hot", True],
    "loss": ["mse", None, 3, "huber", "log_loss"],
    "quantile": [0.0, 1.0, np.nan, "a", (0.5, 0.1), (0.2, 0.9), []],
    "huber_delta": [0.0, -1.0, np.nan, np.inf, 1e-300, 1e300],
    "label_smoothing": [1.0, -0.1, np.nan, 0.999],
    "l1_ratio": [-0.1, 1.1, np.nan],
    "telescope": ["no", None, "project"],
    "checkpoint_dir": [3, b"x", ""],
    "verbose": [-1, "yes"],
}


@given(data=st.data())
def test_parameters_of_any_kind(data):
    model = data.draw(estimators())
    known = sorted(CHANGES.keys() & model.get_params().keys())
    for name in data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=2)):
        model.set_params(**{name: data.draw(st.sampled_from(CHANGES[name]))})
    X = np.random.default_rng(0).normal(size=(2 * BATCH + 1, 3))
    before = state(model)
    done = attempt(model.fit, X, np.arange(len(X)) % 2)
    if done is None:
        assert state(model) == before
        return
    check_predictions(model, X, len(X))
