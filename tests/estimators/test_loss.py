"""The losses of regressors, and own ones, beside scikit-learn's models of the same loss."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import (
    GammaRegressor,
    HuberRegressor,
    PoissonRegressor,
    QuantileRegressor,
)
from sklearn.metrics import (
    d2_pinball_score,
    mean_pinball_loss,
    mean_poisson_deviance,
    r2_score,
)
from sklearn.neural_network import MLPRegressor

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectRegressor
from sklearn_spectral.spec.losses import LOSSES

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 5))
MEAN = np.exp(X @ [0.3, -0.2, 0.1, 0.0, 0.4] + 1)
COUNTS = RNG.poisson(MEAN).astype(float)
POSITIVE = RNG.gamma(2, MEAN)
TAILED = np.log(MEAN) + RNG.standard_t(2, size=300)
LINEAR = {"hidden_layer_sizes": (), "n_members": 1, "early_stopping": False}
EXACT = {**LINEAR, "solver": "lbfgs", "max_iter": 2000, "tol": 1e-10, "random_state": 0}
OPTIONS = [
    {"loss": "absolute_error"},
    {"loss": "huber"},
    {"loss": "huber", "huber_delta": 0.3},
    {"loss": "quantile", "quantile": 0.8},
    {"loss": "quantile", "quantile": (0.1, 0.5, 0.9)},
    {"loss": "poisson"},
    {"loss": "gamma"},
]


def small(**kw):
    return SpectralRegressor(8, max_iter=10, random_state=0, **kw)


def assert_same_line(model, reference, atol):
    np.testing.assert_allclose(model.coef_, reference.coef_, atol=atol)
    assert model.intercept_ == pytest.approx(reference.intercept_, abs=atol)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(
    ("loss", "reference", "y"),
    [("poisson", PoissonRegressor, COUNTS), ("gamma", GammaRegressor, POSITIVE)],
)
def test_one_linear_layer_is_the_generalised_linear_model(loss, reference, y, standardize):
    expected = reference(alpha=0, tol=1e-8, max_iter=1000).fit(X, y)
    model = SpectralRegressor(loss=loss, standardize=standardize, **EXACT).fit(X, y)
    assert_same_line(model, expected, 1e-4)
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-4)
    assert model.out_activation_ == "exp"


def test_weights_are_repetitions_also_for_counts():
    repeats = RNG.integers(0, 3, size=len(X))
    expected = PoissonRegressor(alpha=0, tol=1e-8, max_iter=1000)
    expected.fit(X, COUNTS, sample_weight=repeats)
    model = SpectralRegressor(loss="poisson", **EXACT)
    assert_same_line(model.fit(X, COUNTS, sample_weight=repeats), expected, 1e-4)


def test_counts_of_several_targets_are_so_many_models():
    both = np.stack([COUNTS, RNG.poisson(MEAN)], axis=1)
    model = SpectralRegressor(loss="poisson", **EXACT).fit(X, both)
    for place in range(2):
        expected = PoissonRegressor(alpha=0, tol=1e-8, max_iter=1000).fit(X, both[:, place])
        np.testing.assert_allclose(model.coef_[place], expected.coef_, atol=1e-4)


def test_one_linear_layer_is_the_huber_regressor():
    expected = HuberRegressor(alpha=0, tol=1e-8, max_iter=1000).fit(X, TAILED)
    delta = expected.epsilon * expected.scale_
    model = SpectralRegressor(loss="huber", huber_delta=delta, standardize=False, **EXACT)
    assert_same_line(model.fit(X, TAILED), expected, 1e-4)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_one_linear_layer_is_the_quantile_regressor(level):
    # The least loss is at a corner, which steps of a constant length only come close to.
    expected = QuantileRegressor(quantile=level, alpha=0).fit(X, TAILED)
    model = SpectralRegressor(
        loss="quantile",
        quantile=level,
        train_eigenvectors=False,
        max_iter=600,
        n_iter_no_change=np.inf,
        random_state=0,
        **LINEAR,
    ).fit(X, TAILED)
    least = mean_pinball_loss(TAILED, expected.predict(X), alpha=level)
    found = mean_pinball_loss(TAILED, model.predict(X), alpha=level)
    assert found == pytest.approx(least, rel=1e-4)
    assert_same_line(model, expected, 0.03)


def test_absolute_error_is_the_median():
    how = {**LINEAR, "max_iter": 200, "random_state": 0}
    one = SpectralRegressor(loss="absolute_error", **how).fit(X, TAILED)
    other = SpectralRegressor(loss="quantile", quantile=0.5, **how).fit(X, TAILED)
    expected = QuantileRegressor(alpha=0).fit(X, TAILED).predict(X)
    least = np.abs(TAILED - expected).mean()
    for model in (one, other):
        assert np.abs(TAILED - model.predict(X)).mean() == pytest.approx(least, rel=5e-3)


def test_quantiles_do_not_cross_and_one_of_each_is_its_own_model():
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    model = small(loss="quantile", quantile=levels).set_params(max_iter=200)
    model.fit(X, TAILED)
    # Far from what was seen the outputs themselves cross.
    far = np.random.default_rng(1).normal(scale=30, size=(2000, 5))
    output = model._network_output(far)
    assert (np.diff(output, axis=1) < 0).any()
    assert (np.diff(model.predict(far), axis=1) >= 0).all()
    both = small(loss="quantile", quantile=levels).fit(X, np.stack([TAILED, -TAILED], 1))
    assert both.predict(X).shape == (300, 2, 5)
    assert both.member_predict(X).shape == (8, 300, 2, 5)
    inside = TAILED[:, None] <= model.predict(X)
    np.testing.assert_allclose(inside.mean(axis=0), levels, atol=0.12)


def test_the_score_of_quantiles_is_that_of_their_loss():
    levels = (0.2, 0.7)
    model = small(loss="quantile", quantile=levels).fit(X, TAILED)
    predicted = model.predict(X)
    expected = [
        d2_pinball_score(TAILED, predicted[:, i], alpha=level)
        for i, level in enumerate(levels)
    ]
    assert model.score(X, TAILED) == pytest.approx(np.mean(expected))
    out_of_bag = [
        d2_pinball_score(TAILED, model.oob_prediction_[:, i], alpha=level)
        for i, level in enumerate(levels)
    ]
    assert model.oob_score_ == pytest.approx(np.mean(out_of_bag))
    one = small(loss="quantile", quantile=0.7).fit(X, TAILED)
    score = one.score(X, TAILED)
    assert one.set_params(quantile=0.1).score(X, TAILED) == score
    model = small(loss="poisson").fit(X, COUNTS)
    assert model.score(X, COUNTS) == r2_score(COUNTS, model.predict(X))
    assert model.oob_score_ == pytest.approx(r2_score(COUNTS, model.oob_prediction_))


@pytest.mark.parametrize("cls", [SpectralRegressor, DirectRegressor])
@pytest.mark.parametrize("options", OPTIONS)
def test_each_loss_is_better_than_a_constant(options, cls):
    model = cls(20, random_state=0, max_iter=40, **options)
    assert model.fit(X, POSITIVE).score(X, POSITIVE) > 0.05


@pytest.mark.parametrize("options", [{"loss": "squared_error"}, *OPTIONS])
def test_the_units_of_the_target_do_not_count(options):
    scale = 2.0**10
    model = small(**options).fit(X, POSITIVE).predict(X)
    other = small(**options).fit(X, POSITIVE * scale).predict(X)
    np.testing.assert_allclose(other / scale, model, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile"])
def test_few_targets_far_off_hardly_count(loss):
    y = np.log(MEAN)
    spoiled = y.copy()
    spoiled[:6] = 1e4
    model = SpectralRegressor(20, loss=loss, random_state=0).fit(X, spoiled)
    assert r2_score(y[6:], model.predict(X[6:])) > 0.8
    squares = SpectralRegressor(20, random_state=0).fit(X, spoiled)
    assert r2_score(y[6:], squares.predict(X[6:])) < 0


@pytest.mark.parametrize("options", OPTIONS)
def test_training_goes_on_in_the_units_of_the_first_fit(options):
    model = small(warm_start=True, early_stopping=False, **options).fit(X, POSITIVE)
    before = model.predict(X)
    model.set_params(max_iter=1, learning_rate_init=1e-9).fit(X, POSITIVE * 3)
    np.testing.assert_allclose(model.predict(X), before, rtol=1e-3)
    parts = small(**options)
    for _ in range(3):
        parts.partial_fit(X, POSITIVE)
    assert parts.predict(X).shape == before.shape


def test_going_on_with_an_output_of_another_meaning_is_refused():
    model = small(warm_start=True).fit(X, POSITIVE)
    before = model.predict(X)
    for other in ({"loss": "poisson"}, {"loss": "quantile", "quantile": (0.1, 0.9)}):
        model.set_params(**other)
        with pytest.raises(ValueError, match="trained by loss='squared_error', for"):
            model.fit(X, POSITIVE)
    np.testing.assert_array_equal(model.predict(X), before)
    model.set_params(loss="huber").fit(X, POSITIVE)  # of the same kind


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"loss": "poisson"}, "loss='poisson' needs targets not below 0; y has -1"),
        ({"loss": "gamma"}, "loss='gamma' needs targets above 0; y has -1"),
        ({"loss": "quantile", "quantile": (0.9, 0.1)}, "quantile=.0.9, 0.1. must be"),
        ({"loss": "quantile", "quantile": (0.5, 1.0)}, "quantile=.0.5, 1.0. must be"),
        ({"loss": "quantile", "quantile": [[0.5]]}, "in increasing order"),
        ({"loss": "mse"}, "The 'loss' parameter of SpectralRegressor must be"),
        ({"quantile": 1.5}, "The 'quantile' parameter of SpectralRegressor must be"),
        ({"loss": "huber", "huber_delta": 0.0}, "The 'huber_delta' parameter of"),
    ],
)
def test_targets_and_options_that_no_loss_takes(options, error):
    y = COUNTS.copy()
    y[3] = -1
    with pytest.raises(ValueError, match=error):
        small(**options).fit(X, y)


def test_zero_is_a_count_but_no_number_of_a_gamma_distribution():
    assert (COUNTS == 0).any()
    small(loss="poisson").fit(X, COUNTS)
    with pytest.raises(ValueError, match="needs targets above 0; y has 0"):
        small(loss="gamma").fit(X, COUNTS)
    model = small(loss="poisson").fit(X[:20], np.zeros(20))
    assert (model.predict(X) >= 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_far_off_has_a_finite_prediction(dtype):
    rows = X.astype(dtype)
    model = small(loss="poisson", activation="identity").fit(rows, COUNTS)
    found = model.predict(rows * 1e5)
    assert np.isfinite(np.square(found)).all()
    assert found.max() > 1e9
    assert found.min() > 0
    # And one among those that train or judge spoils no fit.
    rows[0] = 1000
    for scoring in (None, "r2"):
        model = small(loss="poisson", activation="identity", scoring=scoring)
        assert np.isfinite(model.fit(rows, COUNTS).oob_prediction_).all()
        model.set_params(early_stopping=True).fit(rows, COUNTS, X_val=rows, y_val=COUNTS)
        assert np.isfinite(model.predict_interval(rows)).all()


def test_scorers_see_what_is_predicted():
    model = small(loss="poisson", scoring="neg_mean_poisson_deviance").fit(X, COUNTS)
    expected = -mean_poisson_deviance(COUNTS, model.oob_prediction_)
    assert model.best_validation_score_ == pytest.approx(expected)


def test_the_loss_of_an_old_state_is_the_squared_error():
    model = small().fit(X, COUNTS)
    predicted = model.predict(X)
    state = model.__getstate__()
    state["_digests"] = {
        name: value
        for name, value in state["_digests"].items()
        if name not in ("loss", "quantile", "huber_delta", "_fitted_loss", "_levels")
    }
    for name in ("loss", "quantile", "huber_delta", "_fitted_loss", "_levels"):
        del state[name]
    old = SpectralRegressor.__new__(SpectralRegressor)
    old.__setstate__(state)
    np.testing.assert_array_equal(old.predict(X), predicted)
    assert (old.loss, old.quantile, old.huber_delta) == ("squared_error", 0.5, 1.35)


# ---- a function of the user ----


def log_cosh(output, target):
    error = output - target
    return (error.abs() + torch.log1p((-2 * error.abs()).exp())).mean(dim=-1)


def focal(output, label):
    logarithm = torch.log_softmax(output, -1).gather(-1, label[:, None])[:, 0]
    return -((1 - logarithm.exp()) ** 2) * logarithm


def test_an_own_loss_trains_on_targets_as_they_are():
    seen = []

    def loss(output, target):
        seen.append((output.shape[1:], target.shape[1:], float(target.max())))
        return log_cosh(output, target)

    model = SpectralRegressor(20, loss=loss, random_state=0, max_iter=60)
    assert model.fit(X, TAILED).score(X, np.log(MEAN)) > 0.3
    assert model.predict_interval(X).shape == (300, 2)
    shapes = {each[:2] for each in seen}
    assert shapes == {((1,), (1,))}
    assert max(each[2] for each in seen) == pytest.approx(TAILED.max(), rel=1e-6)


def test_an_own_loss_of_classes():
    inputs, y = load_iris(return_X_y=True)
    model = SpectralClassifier(20, loss=focal, random_state=0).fit(inputs, y)
    assert model.score(inputs, y) > 0.9
    assert model.predict_proba(inputs).sum(axis=1) == pytest.approx(1)


def test_an_own_loss_that_is_squared_error_is_that():
    def half_square(output, target):
        return (output - target) ** 2 / 2

    # Both in the units of y, and with the same steps.
    how = {"standardize": False, "early_stopping": False, "solver": "lbfgs"}
    one, two = (small(loss=loss, **how) for loss in ("squared_error", half_square))
    expected = one.fit(X, TAILED).predict(X)
    np.testing.assert_allclose(two.fit(X, TAILED).predict(X), expected, rtol=1e-6)


def test_an_own_loss_has_to_be_of_each_sample():
    with pytest.raises(ValueError, match="a loss for each sample, of shape"):
        small(loss=torch.nn.functional.mse_loss).fit(X, TAILED)
    with pytest.raises(ValueError, match=r"returned <class 'float'>"):
        small(loss=lambda output, target: 1.0).fit(X, TAILED)
    # One axis too few on one side makes a square of it.
    with pytest.raises(ValueError, match=r"returned \(\d+, \d+\) for outputs \(\d+, 1\)"):
        small(loss=lambda output, target: (output[:, 0] - target) ** 2).fit(X, TAILED)
    with pytest.raises(ValueError, match=r"returned torch\.int64"):
        small(loss=lambda output, target: (output > target).long()).fit(X, TAILED)
    with pytest.raises(TypeError, match="loss=MSELoss is a class; give an instance"):
        small(loss=torch.nn.MSELoss).fit(X, TAILED)
    model = small(loss=torch.nn.SmoothL1Loss(reduction="none")).fit(X, TAILED)
    assert model.out_activation_ == "identity"


KILLED = """
import sys
import numpy as np
import torch
from sklearn_spectral import SpectralRegressor

def weighed(share):
    def loss(output, target):
        error = target - output
        return torch.where(error > 0, share, 1 - share) * error**2
    return loss

share, last, folder = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
calls = []

def scored(estimator, X, y):
    calls.append(1)
    if len(calls) == last:
        sys.exit()
    return -float(np.square(estimator.predict(X) - y).mean())

X = np.random.default_rng(0).normal(size=(100, 2))
how = {"loss": weighed(share), "scoring": scored, "checkpoint_dir": folder or None}
model = SpectralRegressor(5, max_iter=8, random_state=0, **how).fit(X, X.sum(axis=1))
print(len(calls), model.predict(X[:1])[0])
"""


def test_a_killed_fit_goes_on_by_its_own_loss_and_by_no_other(
    tmp_path, monkeypatch, capsys
):
    """Also in another process, in which functions have other addresses."""

    def here(*arguments):
        monkeypatch.setattr(sys, "argv", ["", *arguments])
        exec(KILLED, {"__name__": "__main__"})
        return capsys.readouterr().out.split()

    def elsewhere(*arguments):
        command = [sys.executable, "-c", KILLED, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.split()

    with pytest.raises(SystemExit):
        here("0.9", "5", str(tmp_path))
    assert here("0.1", "-1", str(tmp_path)) == here("0.1", "-1", "")
    n_calls, predicted = elsewhere("0.9", "-1", str(tmp_path))
    assert int(n_calls) == 4, "four of eight epochs were done"
    assert float(predicted) == pytest.approx(float(here("0.9", "-1", "")[1]), rel=1e-6)


class Weighed:
    def __init__(self, share):
        self.share = share

    def loss(self, output, target):
        error = target - output
        return torch.where(error > 0, self.share, 1 - self.share) * error**2


def test_methods_of_two_objects_have_two_checkpoints(tmp_path):
    first, second = (
        small(loss=Weighed(share).loss, checkpoint_dir=tmp_path).fit(X, TAILED)
        for share in (0.1, 0.9)
    )
    assert len({*tmp_path.iterdir()}) == 2
    alone = small(loss=Weighed(0.9).loss).fit(X, TAILED)
    np.testing.assert_array_equal(second.predict(X), alone.predict(X))
    assert first.predict(X).mean() < second.predict(X).mean()


def test_a_loss_that_calls_itself_is_kept_in_checkpoints(tmp_path):
    def make():
        def loss(output, target, depth=2):
            return loss(output, target, depth - 1) if depth else (output - target) ** 2

        return loss

    model = small(loss=make(), checkpoint_dir=tmp_path).fit(X, TAILED)
    assert len([*tmp_path.iterdir()]) == 1
    assert np.isfinite(model.predict(X)).all()


# ---- what others trained ----


def test_a_network_of_counts_is_taken_over():
    mlp = MLPRegressor(
        hidden_layer_sizes=8, loss="poisson", max_iter=30, random_state=0
    ).fit(X, COUNTS)
    model = SpectralRegressor.from_direct(mlp)
    np.testing.assert_allclose(model.predict(X), mlp.predict(X), rtol=1e-5)
    assert (model.loss, model.out_activation_) == ("poisson", mlp.out_activation_)
    model.set_params(max_iter=3).fit(X, COUNTS)
    direct = DirectRegressor(8, loss="quantile", quantile=(0.1, 0.9), max_iter=5)
    taken = SpectralRegressor.from_direct(direct.fit(X, TAILED))
    np.testing.assert_allclose(taken.predict(X), direct.predict(X), rtol=1e-5)
    assert taken.quantile == (0.1, 0.9)
    for estimator, other in ((mlp, "squared_error"), (direct, "gamma")):
        with pytest.raises(ValueError, match=r"trained by loss='.*', for which its"):
            SpectralRegressor.from_direct(estimator, loss=other)


@pytest.mark.parametrize("options", OPTIONS)
def test_conversions_predict_the_same(options):
    model = small(**options).fit(X, POSITIVE)
    predicted = model.predict(X)
    for other in (model.to_direct(), model.merge_members()):
        np.testing.assert_allclose(other.predict(X), predicted, rtol=1e-4)
        expected, found = (each.predict_interval(X) for each in (model, other))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


# ---- how sure ----


@pytest.mark.parametrize("options", OPTIONS)
def test_intervals_hold_what_they_promise(options):
    inputs, y = load_diabetes(return_X_y=True)
    # The rows of the data are in no order.
    model = SpectralRegressor(20, random_state=0, **options).fit(inputs[:300], y[:300])
    low, high = model.predict_interval(inputs[300:], 0.8).T
    assert 0.68 < ((low <= y[300:]) & (y[300:] <= high)).mean() < 0.92
    assert (low <= high).all()


def test_widths_follow_what_the_loss_says_of_errors():
    for loss, power in (("poisson", 0.5), ("gamma", 1.0)):
        y = COUNTS if loss == "poisson" else POSITIVE
        model = small(loss=loss).fit(X, y)
        predicted, std = model.predict(X, return_std=True)
        ratio = std / predicted**power
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
        low, high = model.predict_interval(X, 0.95).T
        np.testing.assert_allclose(low, np.maximum(2 * predicted - high, 0), atol=1e-4)
        assert low.min() == 0


def test_intervals_of_quantiles_are_narrow_where_targets_are_close():
    inputs = np.linspace(0, 1, 600)[:, None]
    noise = np.random.default_rng(0).normal(size=600)
    y = np.sin(4 * inputs[:, 0]) + noise * (0.05 + inputs[:, 0])
    model = SpectralRegressor(30, loss="quantile", quantile=(0.05, 0.95), random_state=0)
    widths = np.ptp(model.fit(inputs, y).predict_interval(inputs, 0.9), axis=1)
    assert widths[500:].mean() > 3 * widths[:100].mean()
    with pytest.raises(ValueError, match="this network predicts 2 quantiles"):
        model.predict(inputs, return_std=True)


def test_all_losses_are_tried_here():
    tried = {options["loss"] for options in OPTIONS}
    assert tried == LOSSES.keys() - {"squared_error"}


def test_intervals_take_the_quantiles_that_are_nearest_to_the_coverage():
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    both = np.stack([TAILED, -TAILED], axis=1)
    model = small(loss="quantile", quantile=levels).set_params(max_iter=100).fit(X, both)
    predicted = model.predict(X)
    for coverage, places in ((0.9, (0, 4)), (0.6, (1, 3)), (0.5, (1, 3))):
        low, high = np.moveaxis(model.predict_interval(X, coverage), -1, 0)
        added = np.stack(
            [predicted[..., places[0]] - low, high - predicted[..., places[1]]]
        )
        # One number for each output.
        np.testing.assert_allclose(
            added, np.broadcast_to(added[:1, :1], added.shape), atol=1e-5
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_targets_that_spread_little_are_learnt_as_well(loss, dtype):
    # Their logarithms differ by parts of a thousand.
    rows, y = X.astype(dtype), 1000 + np.log(MEAN)
    model = SpectralRegressor(20, loss=loss, random_state=0).fit(rows, y)
    plain = SpectralRegressor(20, random_state=0).fit(rows, y)
    assert model.score(rows, y) > 0.95
    assert model.score(rows, y) > plain.score(rows, y) - 0.02
    # As of standardised targets: half the share of the deviance that is not explained.
    assert min(model.loss_curve_) >= 0
    assert model.loss_ == pytest.approx(plain.loss_, abs=0.02)


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
@pytest.mark.parametrize("value", [3.3, 100.0])
def test_targets_that_are_all_alike(loss, value):
    model = small(loss=loss).set_params(max_iter=100).fit(X, np.full(300, value))
    np.testing.assert_allclose(model.predict(X), value, rtol=0.15)
    assert 0 <= model.loss_ < 1
    parts = small(loss=loss).partial_fit(X[:50], np.full(50, value))
    for _ in range(100):
        parts.partial_fit(X, POSITIVE)
    assert np.ptp(parts.predict(X)) > 0.5
