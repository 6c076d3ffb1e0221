"""Every solver at its automatic rate: none diverges, and none is far behind Adamax."""

import warnings

import numpy as np
import pytest
from sklearn.base import is_regressor
from sklearn.datasets import load_diabetes, load_iris, load_wine, make_friedman2
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.preprocessing import scale

from sklearn_spectral import SpectralClassifier, SpectralRegressor, load, save
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor
from sklearn_spectral.spec.solvers import SOLVERS, Solver, check_solver_state
from sklearn_spectral.training.checkpoints import EpochCheckpoint

from ..plain import PLAIN


def scaled(data):
    return scale(data[0]), data[1]


CLASSIFICATIONS = {
    "iris": scaled(load_iris(return_X_y=True)),
    "iris, not scaled": load_iris(return_X_y=True),
    "wine": scaled(load_wine(return_X_y=True)),
}
REGRESSIONS = {  # the targets are not scaled: they are of hundreds
    "diabetes": scaled(load_diabetes(return_X_y=True)),
    "friedman": scaled(make_friedman2(500, noise=50, random_state=0)),
}


def mean_scores(data, make, n_seeds=5, **parameters):
    """Return the mean score of each solver over seeds, each with its own split."""
    X, y = data
    split = ShuffleSplit if is_regressor(make()) else StratifiedShuffleSplit
    scores = {solver: [] for solver in ("adamax", "adam", "sgd")}
    for seed in range(n_seeds):
        [(train, test)] = split(1, test_size=0.3, random_state=seed).split(X, y)
        for solver, found in scores.items():
            model = make(solver=solver, random_state=seed, **parameters)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                model.fit(X[train], y[train])
            assert model.stop_reason_ != "diverged"
            found.append(model.score(X[test], y[test]))
    return {solver: np.mean(found) for solver, found in scores.items()}


@pytest.mark.parametrize("name", CLASSIFICATIONS)
@pytest.mark.parametrize(
    "parameters",
    [{}, {"train_eigenvectors": True}, {"loss": "brier"}, {"linear_expansion": None}],
    ids=str,
)
def test_classifiers(name, parameters):
    settings = {**PLAIN, **parameters}
    found = mean_scores(CLASSIFICATIONS[name], SpectralClassifier, **settings)
    assert min(found.values()) > found["adamax"] - 0.03, found


@pytest.mark.parametrize("name", REGRESSIONS)
@pytest.mark.parametrize("parameters", [{}, {"train_eigenvectors": True}], ids=str)
def test_regressors(name, parameters):
    settings = {**PLAIN, **parameters}
    found = mean_scores(REGRESSIONS[name], SpectralRegressor, **settings)
    assert min(found.values()) > found["adamax"] - 0.03, found


@pytest.mark.parametrize(
    ("data", "make"),
    [
        (CLASSIFICATIONS["iris, not scaled"], SpectralClassifier),
        (REGRESSIONS["diabetes"], SpectralRegressor),
    ],
    ids=["iris", "diabetes"],
)
def test_the_default_population(data, make):
    found = mean_scores(data, make, n_seeds=2, hidden_layer_sizes=20)
    assert min(found.values()) > found["adamax"] - 0.03, found


@pytest.mark.parametrize("parametrization", ["weights", "gains"])
def test_networks_in_direct_space(parametrization):
    settings = {"parametrization": parametrization, "standardize": False}
    found = mean_scores(CLASSIFICATIONS["iris"], DirectClassifier, **settings)
    assert min(found.values()) > found["adamax"] - 0.03, found
    X, y = REGRESSIONS["diabetes"]
    found = mean_scores((X, scale(y)), DirectRegressor, **settings)
    assert min(found.values()) > found["adamax"] - 0.03, found


def test_gradients_are_cut_at_the_automatic_rate_only():
    """A rate that a user gives is that of plain SGD, in MLPClassifier's sense."""
    X, y = REGRESSIONS["friedman"]
    model = SpectralRegressor((), linear_expansion=None, solver="sgd", momentum=0, **PLAIN)
    model.set_params(learning_rate="constant", batch_size=len(X), random_state=0)
    model.set_params(max_iter=1)

    def step(**parameters):
        """Return how far one step moves the trained numbers, per unit of the rate."""
        model.set_params(**parameters).fit(X, y)
        start = model.eigenvalues_ + model.biases_
        rate = model.net_.lr
        model.partial_fit(X, y)
        after = model.eigenvalues_ + model.biases_
        ways = [np.ravel(a - b) for a, b in zip(after, start, strict=True)]
        return np.linalg.norm(np.concatenate(ways)) / rate

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert step() == pytest.approx(0.14)
        assert step(learning_rate_init=1e-9) > 100


NEW = {
    "nadam": Solver(
        "NAdam", 0.01, 0.1, ("exp_avg", "exp_avg_sq"), scalars=("step", "mu_product")
    ),
    "rmsprop": Solver("RMSprop", 0.01, 0.03, ("square_avg",), cycles_beta=False),
}


@pytest.fixture(params=NEW)
def new_solver(request, monkeypatch):
    """A solver that the package does not have, by its row alone."""
    monkeypatch.setitem(SOLVERS, request.param, NEW[request.param])
    return request.param


@pytest.mark.parametrize("make", [SpectralClassifier, DirectClassifier])
def test_a_solver_is_one_row(new_solver, make, tmp_path, monkeypatch):
    X, y = CLASSIFICATIONS["iris"]
    settings = PLAIN if make is SpectralClassifier else {"standardize": False}
    model = make(20, solver=new_solver, random_state=0, **settings)
    expected = model.fit(X, y).coefs_
    assert model.score(X, y) > 0.9

    def killed(self, net, *, end=EpochCheckpoint.on_epoch_end, **kwargs):
        end(self, net, **kwargs)
        if len(net.history) == 9:
            raise ZeroDivisionError

    model.set_params(checkpoint_dir=tmp_path / "kept")
    with monkeypatch.context() as patch:
        patch.setattr(EpochCheckpoint, "on_epoch_end", killed)
        with pytest.raises(ZeroDivisionError):
            model.fit(X, y)
    for resumed, whole in zip(model.fit(X, y).coefs_, expected, strict=True):
        np.testing.assert_array_equal(resumed, whole)

    save(model.partial_fit(X, y), tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded._fitted.solver_state[new_solver][0].keys() == {
        *NEW[new_solver].arrays,
        *NEW[new_solver].scalars,
    }
    for ours, other in zip(
        loaded.partial_fit(X, y).coefs_, model.partial_fit(X, y).coefs_, strict=True
    ):
        np.testing.assert_array_equal(ours, other)


def test_the_state_of_a_solver_is_whole_or_refused():
    good = {"step": np.ones((), np.float32), "exp_avg": np.ones(3), "exp_inf": np.ones(3)}
    check_solver_state("adamax", good, 3, np.float64)
    check_solver_state("adamax", {}, 3, np.float64)
    check_solver_state("sgd", {"momentum_buffer": None}, 3, np.float64)
    for change in (
        {"step": 1.0},
        {"step": np.full((), np.nan, np.float32)},
        {"step": np.ones(3)},
        {"exp_avg": np.ones(2)},
        {"exp_inf": np.ones(3, np.float32)},
        {"exp_inf": None},
        {"other": np.ones(3)},
    ):
        with pytest.raises(ValueError, match="state of the solver adamax is not that"):
            check_solver_state("adamax", {**good, **change}, 3, np.float64)
