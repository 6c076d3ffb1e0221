"""A search whose fits train together is GridSearchCV, to rounding."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    QuantileTransformer,
    StandardScaler,
)

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.model_selection import SpectralRandomizedSearchCV, SpectralSearchCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
MODEL = SpectralClassifier(8, n_members=3, max_iter=8, random_state=0)
RATES = {"learning_rate_init": [0.003, 0.03, 0.1]}
LOG_LOSS = {"scoring": "neg_log_loss", "cv": 3}
NET = "spectralclassifier__"


def check_same(search, expected, tolerance=1e-9):
    """Compare what two fitted searches tell; times apart."""
    found, wanted = search.cv_results_, expected.cv_results_
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        if name == "params" or name.startswith("param_"):
            assert list(found[name]) == list(values)
        elif "time" not in name:
            np.testing.assert_allclose(found[name], values, tolerance, tolerance)
    for name in ("best_index_", "best_params_", "n_splits_", "multimetric_"):
        assert getattr(search, name, None) == getattr(expected, name, None)
    if search.refit:
        np.testing.assert_allclose(
            search.predict_proba(X), expected.predict_proba(X), atol=1e-9
        )


GRIDS = {
    "rates and penalties": (MODEL, {**RATES, "alpha": [0, 0.1]}),
    "eigenvalue sets and widths": (
        MODEL,
        {"train_eigenvalues": ["both", "out"], "hidden_layer_sizes": [(), (5,), (8, 4)]},
    ),
    "class weights and seeds": (
        MODEL,
        {"class_weight": [None, "balanced", {0: 5, 1: 1, 2: 1}], "random_state": [0, 1]},
    ),
    "one member": (clone(MODEL).set_params(n_members=1), RATES),
    "two grids": (MODEL, [RATES, {"n_members": [1, 2], "activation": ["tanh"]}]),
    "pipeline": (
        make_pipeline(QuantileTransformer(n_quantiles=9), MODEL),
        {
            f"{NET}learning_rate_init": [0.003, 0.03],
            "quantiletransformer__n_quantiles": [5, 50],
        },
    ),
    "steps of a pipeline": (
        make_pipeline(StandardScaler(), MODEL),
        {"standardscaler": [StandardScaler(), "passthrough"], f"{NET}alpha": [0, 0.1]},
    ),
}


@pytest.mark.parametrize("name", GRIDS)
def test_it_is_grid_search(name):
    given = {**LOG_LOSS, "return_train_score": True}
    search = SpectralSearchCV(*GRIDS[name], **given).fit(X, y)
    expected = GridSearchCV(*GRIDS[name], **given).fit(X, y)
    if name != "steps of a pipeline":
        check_same(search, expected)
    # Standardising twice changes nothing, so that ranks are those of rounding.
    for key in ("mean_test_score", "mean_train_score"):
        np.testing.assert_allclose(
            search.cv_results_[key], expected.cv_results_[key], atol=1e-9
        )


@pytest.mark.parametrize("refit", ["accuracy", False, lambda results: 1])
def test_several_metrics(refit):
    given = {"scoring": ["accuracy", "neg_log_loss"], "refit": refit, "cv": 3}
    search = SpectralSearchCV(MODEL, RATES, **given).fit(X, y)
    check_same(search, GridSearchCV(MODEL, RATES, **given).fit(X, y))
    assert hasattr(search, "best_score_") is (refit == "accuracy")


def test_a_scorer_that_returns_several():
    def scoring(estimator, X, y):
        return {"a": estimator.score(X, y), "b": -estimator.loss_}

    given = {"scoring": scoring, "refit": "b", "cv": 3}
    search = SpectralSearchCV(MODEL, RATES, **given).fit(X, y)
    check_same(search, GridSearchCV(MODEL, RATES, **given).fit(X, y))


def test_sparse_rows_frames_and_labels():
    big, labels = load_breast_cancer(return_X_y=True)
    seldom = sparse.csr_matrix(np.where(big > np.median(big, axis=0), big, 0))
    search = SpectralSearchCV(MODEL, RATES, **LOG_LOSS).fit(seldom, labels)
    expected = GridSearchCV(MODEL, RATES, **LOG_LOSS).fit(seldom, labels)
    for key in ("mean_test_score", "rank_test_score"):
        np.testing.assert_allclose(
            search.cv_results_[key], expected.cv_results_[key], rtol=1e-9
        )
    frame, names = pd.DataFrame(X, columns=list("abcd")), np.array(["x", "y", "z"])[y]
    search = SpectralSearchCV(MODEL, RATES, cv=3).fit(frame, names)
    assert list(search.feature_names_in_) == list("abcd")
    assert list(search.classes_) == ["x", "y", "z"]
    assert search.score(frame, names) > 0.6


def test_one_that_diverges():
    rates = {"learning_rate_init": [0.01, 1e300]}
    search = SpectralSearchCV(MODEL, rates, **LOG_LOSS).fit(X, y)
    check_same(search, GridSearchCV(MODEL, rates, **LOG_LOSS).fit(X, y))


@pytest.mark.parametrize("error_score", [np.nan, -3.0])
def test_fits_that_fail(error_score):
    rates = {"learning_rate_init": [0.01, -1.0]}
    given = {**LOG_LOSS, "error_score": error_score}
    with pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 6"):
        search = SpectralSearchCV(MODEL, rates, **given).fit(X, y)
    with pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 6"):
        check_same(search, GridSearchCV(MODEL, rates, **given).fit(X, y))
    with pytest.raises(ValueError, match="learning_rate_init"):
        SpectralSearchCV(MODEL, rates, cv=3, error_score="raise").fit(X, y)
    with pytest.raises(ValueError, match="Invalid parameter 'nope'"):
        SpectralSearchCV(MODEL, {"nope": [1]}, cv=3).fit(X, y)
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        SpectralSearchCV(MODEL, {"learning_rate_init": [-1.0]}, cv=3).fit(X, y)


def test_groups_and_weights():
    groups, weight = np.arange(len(X)) % 7, np.linspace(0.5, 2, len(X))
    given = {"cv": GroupKFold(3), "scoring": "neg_log_loss"}
    args = {"groups": groups, "sample_weight": weight}
    search = SpectralSearchCV(MODEL, RATES, **given).fit(X, y, **args)
    check_same(search, GridSearchCV(MODEL, RATES, **given).fit(X, y, **args))
    with config_context(enable_metadata_routing=True):
        model = clone(MODEL).set_fit_request(sample_weight=True, groups=True)
        scorer = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
        given = {**given, "scoring": scorer}
        search = SpectralSearchCV(model, RATES, **given).fit(X, y, **args)
        check_same(search, GridSearchCV(model, RATES, **given).fit(X, y, **args))
    pipe = make_pipeline(StandardScaler(), MODEL)
    args = {f"{NET}sample_weight": weight}
    grid = {f"{NET}alpha": [0, 0.1]}
    search = SpectralSearchCV(pipe, grid, **LOG_LOSS).fit(X, y, **args)
    check_same(search, GridSearchCV(pipe, grid, **LOG_LOSS).fit(X, y, **args))


def test_randomized():
    given = {"n_iter": 4, "random_state": 1, **LOG_LOSS}
    rates = {"learning_rate_init": loguniform(1e-3, 1)}
    search = SpectralRandomizedSearchCV(MODEL, rates, **given).fit(X, y)
    check_same(search, RandomizedSearchCV(MODEL, rates, **given).fit(X, y))


class Counter(TransformerMixin, BaseEstimator):
    """Count the fits of all that are alike."""

    fits = 0

    def __init__(self, shift=0):
        self.shift = shift

    def fit(self, X, y=None):
        Counter.fits += 1
        return self

    def transform(self, X):
        return X + self.shift


def test_steps_are_fitted_once_for_each_split_and_setting():
    Counter.fits = 0
    grid = {f"{NET}learning_rate_init": [0.003, 0.03, 0.1], "counter__shift": [0, 1]}
    SpectralSearchCV(make_pipeline(Counter(), MODEL), grid, cv=3, refit=False).fit(X, y)
    assert Counter.fits == 3 * 2


def test_steps_that_cannot_be_pickled():
    step = FunctionTransformer(lambda rows: np.sqrt(rows))
    grid = {f"{NET}alpha": [0, 0.1]}
    search = SpectralSearchCV(make_pipeline(step, MODEL), grid, **LOG_LOSS).fit(X, y)
    expected = GridSearchCV(make_pipeline(step, MODEL), grid, **LOG_LOSS).fit(X, y)
    check_same(search, expected)


def test_runs_below_a_limit_of_memory_are_the_same():
    expected = SpectralSearchCV(MODEL, RATES, **LOG_LOSS).fit(X, y)
    with config_context(working_memory=0):  # each fit by itself
        check_same(SpectralSearchCV(MODEL, RATES, **LOG_LOSS).fit(X, y), expected)


def test_several_workers():
    expected = SpectralSearchCV(MODEL, RATES, **LOG_LOSS).fit(X, y)
    check_same(SpectralSearchCV(MODEL, RATES, n_jobs=2, **LOG_LOSS).fit(X, y), expected)


@pytest.mark.parametrize(
    ("estimator", "grid", "count", "reason"),
    [
        (
            MODEL,
            {"solver": ["lbfgs", "adamax"], "n_members": [1]},
            3,
            "solver='lbfgs' takes all rows",
        ),
        (
            MODEL,
            {"train_eigenvectors": ["svd", True]},
            3,
            "its gradient is that of autograd",
        ),
        (LogisticRegression(), {"C": [0.1, 1]}, 6, "LogisticRegression is no estimator"),
    ],
)
def test_what_has_to_be_alone_is_and_said(estimator, grid, count, reason):
    with pytest.warns(UserWarning, match=f"trained one by one: {count}, since {reason}"):
        search = SpectralSearchCV(estimator, grid, **LOG_LOSS).fit(X, y)
    check_same(search, GridSearchCV(estimator, grid, **LOG_LOSS).fit(X, y))


def test_nothing_is_said_where_all_train_together():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        SpectralSearchCV(MODEL, RATES, cv=3).fit(X, y)


def test_a_subclass_with_a_fit_of_its_own_is_asked():
    class Mine(SpectralClassifier):
        def fit(self, X, y):
            super().fit(X, y)
            self.mine_ = True
            return self

    model = Mine(8, n_members=1, max_iter=3, random_state=0)
    with pytest.warns(UserWarning, match="no estimator of this package"):
        search = SpectralSearchCV(model, {"alpha": [0, 1]}, cv=3).fit(X, y)
    assert search.best_estimator_.mine_


def test_clone_pickle_and_parameters():
    search = SpectralSearchCV(MODEL, RATES, cv=3, factor=2)
    assert clone(search).get_params()["factor"] == 2
    fitted = search.fit(X, y)
    back = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(back.predict(X), fitted.predict(X))
    assert isinstance(search, GridSearchCV)
    with pytest.raises(ValueError, match="'factor'"):
        SpectralSearchCV(MODEL, RATES, factor=1).fit(X, y)


def test_a_bar_of_all_epochs(capsys):
    SpectralSearchCV(MODEL, RATES, cv=3, verbose=1, refit=False).fit(X, y)
    assert "9.0/9 fits" in capsys.readouterr().err


# ---- what is done stays done ----


def test_a_search_goes_on_from_a_folder(tmp_path):
    given = {**LOG_LOSS, "checkpoint_dir": tmp_path, "return_train_score": True}
    search = SpectralSearchCV(MODEL, RATES, **given).fit(X, y)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 9
    files[0].write_text("{")
    before = {file: file.stat().st_mtime_ns for file in files[1:]}
    with pytest.warns(UserWarning, match="cannot be read"):
        again = SpectralSearchCV(MODEL, RATES, **given).fit(X, y)
    check_same(again, search, 0)
    assert {file: file.stat().st_mtime_ns for file in files[1:]} == before
    SpectralSearchCV(MODEL, RATES, **given, refit=False).fit(X[:100], y[:100])
    assert len([*tmp_path.iterdir()]) == 18  # other data, other files


SEEN = []


def interrupts(y_true, y_pred):
    """Be the accuracy, but the fifth time."""
    SEEN.append(1)
    if len(SEEN) == 5:
        raise KeyboardInterrupt
    return float(np.mean(y_true == y_pred))


def test_an_interrupt_leaves_what_is_done(tmp_path):
    SEEN.clear()
    given = {"scoring": make_scorer(interrupts), "cv": 3, "checkpoint_dir": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        SpectralSearchCV(MODEL, RATES, **given).fit(X, y)
    assert len([*tmp_path.iterdir()]) == 4
    SpectralSearchCV(MODEL, RATES, **given, refit=False).fit(X, y)
    assert len(SEEN) == 5 + 5  # those that were done are not scored again


def test_a_folder_that_cannot_be(tmp_path):
    given = {"scoring": lambda estimator, X, y: 1.0, "checkpoint_dir": tmp_path}
    with pytest.raises(ValueError, match="such as can be pickled"):
        SpectralSearchCV(MODEL, RATES, **given).fit(X, y)
    with pytest.raises(OSError, match="checkpoint_dir"):
        SpectralSearchCV(MODEL, RATES, checkpoint_dir="/dev/null/x").fit(X, y)


# ---- successive halving ----

SIX = {"learning_rate_init": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]}


@pytest.mark.parametrize("resource", ["splits", "epochs"])
def test_halving_drops_candidates_and_leaves_the_others_alone(resource):
    whole = SpectralSearchCV(MODEL, SIX, **LOG_LOSS).fit(X, y).cv_results_
    search = SpectralSearchCV(
        MODEL,
        SIX,
        successive_halving=True,
        resource=resource,
        factor=2,
        min_epochs=2,
        **LOG_LOSS,
    )
    found = search.fit(X, y).cv_results_
    assert sorted(found["iter"]) == [0, 0, 0, 1, 2, 2]
    ends = found["iter"] == 2
    resources = {"splits": {1, 2, 3}, "epochs": {2, 4, 8}}[resource]
    assert set(found["n_resources"]) == resources
    np.testing.assert_allclose(
        found["mean_test_score"][ends], whole["mean_test_score"][ends], rtol=1e-9
    )
    assert found["iter"][search.best_index_] == 2
    assert found["rank_test_score"][search.best_index_] == 1
    assert sorted(found["rank_test_score"][ends]) == [1, 2]
    if resource == "splits":
        assert np.isnan(found["split2_test_score"][~ends]).all()
        assert np.isfinite(found["mean_test_score"]).all()
        first = whole["split0_test_score"]
        assert set(np.argsort(-first)[:3]) == set(np.flatnonzero(found["iter"]))


def test_halving_by_several_metrics_in_workers_and_pipelines():
    pipe = make_pipeline(StandardScaler(), MODEL)
    grid = {f"{NET}{name}": values for name, values in SIX.items()}
    given = {"scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss", "cv": 3}
    one = SpectralSearchCV(pipe, grid, successive_halving=True, **given).fit(X, y)
    two = SpectralSearchCV(pipe, grid, successive_halving=True, n_jobs=2, **given)
    check_same(two.fit(X, y), one)
    epochs = clone(one).set_params(resource="epochs", min_epochs=2).fit(X, y)
    assert set(epochs.cv_results_["n_resources"]) == {2, 8}


def test_halving_wants_networks():
    with pytest.raises(TypeError, match="LogisticRegression"):
        SpectralSearchCV(
            LogisticRegression(), {"C": [0.1, 1]}, successive_halving=True
        ).fit(X, y)
