"""Training that ends badly: a loss that is not finite, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.training import net as _training

from ..plain import PLAIN

TEN = {**PLAIN, "max_iter": 10}


@pytest.fixture(autouse=True)
def heeded():
    """Heed Ctrl-C as at a terminal, also where a shell runs the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Interrupt(Callback):
    """Press Ctrl-C at the start of a batch."""

    def __init__(self, epoch, batch):
        self.epoch = epoch
        self.batch = batch
        self.seen = 0

    def on_epoch_begin(self, net, **kwargs):
        self.seen = 0

    def on_batch_begin(self, net, **kwargs):
        if len(net.history) == self.epoch and self.seen == self.batch:
            signal.raise_signal(signal.SIGINT)
        self.seen += 1


@pytest.fixture
def interrupt(monkeypatch):
    """Return a function that lets training be interrupted at an epoch and batch."""

    def arm(epoch, batch):
        monkeypatch.setattr(
            _training.TrainingNet,
            "_default_callbacks",
            [("interrupt", Interrupt(epoch, batch))],
        )

    return arm


@pytest.mark.parametrize("batch", [0, 4])
def test_ctrl_c_keeps_the_last_whole_epoch_and_reaches_the_caller(digits, interrupt, batch):
    model = SpectralClassifier(20, random_state=0, learning_rate="constant", **TEN)
    with pytest.warns(ConvergenceWarning):
        three = clone(model).set_params(max_iter=3).fit(*digits)
    interrupt(epoch=4, batch=batch)
    with (
        pytest.warns(ConvergenceWarning, match="interrupted after 3 whole epochs"),
        pytest.raises(KeyboardInterrupt),
    ):
        model.fit(*digits)
    assert model.stop_reason_ == "interrupted"
    assert model.n_iter_ == len(model.loss_curve_) == 3
    for ours, expected in zip(model.coefs_, three.coefs_, strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert model.predict(digits[0]).shape == (1797,)


def test_ctrl_c_in_the_first_epoch_leaves_it_unfitted(digits, interrupt):
    interrupt(epoch=1, batch=2)
    model = SpectralClassifier(20, max_iter=10, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*digits)
    assert not hasattr(model, "coefs_")
    assert not hasattr(model, "n_features_in_")


def test_ctrl_c_in_the_first_epoch_leaves_an_earlier_fit(digits, interrupt):
    model = SpectralClassifier(20, max_iter=2, random_state=0, warm_start=True)
    expected = model.fit(*digits).predict_proba(digits[0])
    interrupt(epoch=1, batch=2)
    for go_on in (model.fit, model.partial_fit):
        with pytest.raises(KeyboardInterrupt):
            go_on(*digits)
        assert model.n_iter_ == 2
        np.testing.assert_array_equal(model.predict_proba(digits[0]), expected)
        np.testing.assert_allclose(
            model.to_network().retract()[0].weight.detach().numpy().T, model.coefs_[0]
        )
        assert not hasattr(model, "net_"), "its weights have moved"


def test_ctrl_c_with_early_stopping_keeps_the_best_epoch(digits, interrupt, overshooting):
    X, X_val, y, y_val = train_test_split(*digits, random_state=0)
    model = overshooting.set_params(n_iter_no_change=np.inf, scoring="accuracy")
    interrupt(epoch=12, batch=2)
    with (
        pytest.warns(ConvergenceWarning, match="11 whole epochs.*of the best one"),
        pytest.raises(KeyboardInterrupt),
    ):
        model.fit(X, y, X_val=X_val, y_val=y_val)
    assert len(model.validation_scores_) == 11
    assert model.validation_scores_[-1] < model.best_validation_score_
    assert model.score(X_val, y_val) == pytest.approx(model.best_validation_score_)


@pytest.mark.filterwarnings("error")
def test_ctrl_c_is_what_is_raised_where_warnings_are_errors(digits, interrupt):
    interrupt(epoch=2, batch=2)
    with pytest.raises(KeyboardInterrupt):
        SpectralClassifier(10, random_state=0).fit(*digits)


def test_a_real_ctrl_c_ends_a_script(tmp_path):
    """Nothing swallows it: the interpreter dies of the signal, as any script does."""
    script = textwrap.dedent(
        """
        from sklearn.datasets import load_digits
        from sklearn_spectral import SpectralClassifier
        X, y = load_digits(return_X_y=True)
        SpectralClassifier(max_iter=10**6, random_state=0, verbose=2).fit(X, y)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-u", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as process:
        for line in process.stdout:
            if line.startswith("Epoch 3/"):
                os.kill(process.pid, signal.SIGINT)
                break
        _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "ConvergenceWarning: Training was interrupted after" in errors
    assert "KeyboardInterrupt" in errors


@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
def test_a_loss_that_is_not_finite_stops_and_keeps_good_weights(digits, make):
    X, y = digits
    model = make((20, 20), solver="sgd", learning_rate="constant", **PLAIN)
    model.set_params(max_iter=50, random_state=0)
    model.set_params(learning_rate_init=1e3, batch_size=50, momentum=0.0)
    with pytest.warns(ConvergenceWarning, match=r"NaN or infinite in epoch \d+"):
        model.fit(10 * X, y)
    assert model.stop_reason_ == "diverged"
    assert model.n_iter_ < 50
    assert np.isfinite(model.predict(10 * X)).all()
    for array in (*model.coefs_, *model.intercepts_, *model.eigenvalues_):
        assert np.isfinite(array).all()


def test_partial_fit_goes_on_after_a_portion_that_diverged(digits):
    X, y = digits
    model = SpectralRegressor(10, random_state=0)
    model.partial_fit(X, y).partial_fit(X, y)
    before = model.predict(X)
    with pytest.warns(ConvergenceWarning, match="NaN or infinite"):
        model.partial_fit(1e300 * X, y)
    np.testing.assert_array_equal(model.predict(X), before)
    for _ in range(3):
        assert model.partial_fit(X, y).stop_reason_ == "max_iter"
    assert np.isfinite(model.predict(X)).all()


def test_divergence_with_early_stopping_is_a_warning(digits):
    X, y = digits
    model = SpectralRegressor(
        (8, 8, 8),
        linear_expansion=((8, 8), (8,), (8,), ()),
        solver="sgd",
        learning_rate="constant",
        learning_rate_init=10.0,
        early_stopping=True,
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning, match=r"infinite in epoch \d+"):
        model.fit(X, y)
    assert np.isfinite(model.predict(X)).all()


def test_divergence_after_good_epochs_keeps_the_last_good_weights(digits, monkeypatch):
    """From epoch 4 on each loss is NaN: what epochs 1 to 3 reached is kept."""
    X, y = digits
    reference = SpectralClassifier(20, random_state=0, **TEN)
    reference.set_params(learning_rate="constant", n_iter_no_change=np.inf)
    three, two = (clone(reference).set_params(max_iter=n_epochs) for n_epochs in (3, 2))
    for shorter in (three, two):
        with pytest.warns(ConvergenceWarning):
            shorter.fit(X, y)
    compute_gradient = _training.TrainingNet.compute_gradient
    from_batch = {"epoch": 4, "batch": 5}
    seen = {"epoch": 0, "batch": 0}

    def spoiled(net, *args, **kwargs):
        loss = compute_gradient(net, *args, **kwargs)
        if len(net.history) != seen["epoch"]:
            seen.update(epoch=len(net.history), batch=0)
        seen["batch"] += 1
        bad = (seen["epoch"], seen["batch"]) >= (from_batch["epoch"], from_batch["batch"])
        return loss * float("nan") if bad else loss

    monkeypatch.setattr(_training.TrainingNet, "compute_gradient", spoiled)
    for batch, expected in ((5, three), (1, two)):
        # With the first batch of epoch 4 spoiled, nothing shows that the weights which
        # epoch 3 left are good; those of epoch 2 have given finite losses.
        from_batch["batch"] = batch
        with pytest.warns(ConvergenceWarning, match="infinite in epoch 4"):
            reference.fit(X, y)
        assert reference.stop_reason_ == "diverged"
        np.testing.assert_array_equal(reference.coefs_[0], expected.coefs_[0])
        assert np.isfinite(reference.predict_proba(X)).all()


def test_huge_features_are_a_warning_not_a_hang():
    X = np.random.default_rng(0).normal(size=(60, 4)) * 1e300
    y = np.arange(60) % 2
    with pytest.warns(ConvergenceWarning, match="epoch 1;"):
        model = SpectralRegressor(5, random_state=0, max_iter=5).fit(X, y)
    assert all(np.isfinite(coef).all() for coef in model.coefs_)
