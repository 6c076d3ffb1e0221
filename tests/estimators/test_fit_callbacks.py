"""scikit-learn's callbacks: each epoch is told, inside searches and pipelines too."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.pruning import SpectralPruner

callback = pytest.importorskip("sklearn.callback")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Recorder:
    """Keep what it is told; stop at an epoch, or break there."""

    def __init__(self, stop_at=None, break_at=None):
        self.stop_at, self.break_at = stop_at, break_at
        self.begun, self.ended, self.scores, self.weights = [], [], [], []
        self.set_up = self.torn_down = 0

    def setup(self, estimator, context):
        self.set_up += 1

    def teardown(self, estimator, context):
        self.torn_down += 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.task_name, context.task_id))

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.ended.append((context.task_name, context.task_id))
        if fitted_estimator is not None:
            self.scores.append(fitted_estimator.score(X, y))
        self.weights.append(metadata)
        if context.task_name == "epoch" and context.task_id == self.break_at:
            raise RuntimeError("broken")
        return context.task_name == "epoch" and context.task_id == self.stop_at


@pytest.mark.parametrize("solver", ["adamax", "lbfgs"])
@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor, DirectClassifier])
def test_each_epoch_is_a_task(digits, diabetes, make, solver):
    X, y = diabetes if make is SpectralRegressor else digits
    recorder = Recorder()
    model = make(10, solver=solver, max_iter=4, random_state=0)
    plain = clone(model).fit(X, y)
    model.set_callbacks(recorder).fit(X, y)
    epochs = [("epoch", i) for i in range(4)]
    assert recorder.begun == [("fit", 0), *epochs]
    assert recorder.ended == [*epochs, ("fit", 0)]
    assert (recorder.set_up, recorder.torn_down) == (1, 1)
    assert recorder.scores[-1] == recorder.scores[-2] == model.score(X, y)
    assert len(set(recorder.scores)) > 2
    np.testing.assert_array_equal(model.coefs_[0], plain.coefs_[0])


def test_labels_and_weights_are_those_given(digits):
    X, y = digits
    recorder, weight = Recorder(), np.arange(len(y)) % 3
    labels = np.array([f"digit {i}" for i in y])
    model = SpectralClassifier(10, max_iter=2, random_state=0).set_callbacks(recorder)
    model.fit(X, labels, sample_weight=weight)
    assert recorder.weights[0]["sample_weight"] is weight
    assert recorder.scores[-1] == model.score(X, labels)


def test_a_callback_may_stop_training(digits):
    recorder = Recorder(stop_at=2)
    model = SpectralClassifier(10, max_iter=30, random_state=0).set_callbacks(recorder)
    model.fit(*digits)
    assert model.n_iter_ == 3
    assert model.stop_reason_ == "callback"


def test_a_callback_that_fails_leaves_the_estimator_as_it_was(digits):
    recorder = Recorder(break_at=1)
    model = SpectralClassifier(10, max_iter=5, random_state=0).fit(*digits)
    before = model.predict_proba(digits[0])
    with pytest.raises(RuntimeError, match="broken"):
        model.set_callbacks(recorder).fit(*digits)
    np.testing.assert_array_equal(model.predict_proba(digits[0]), before)
    assert recorder.torn_down == 1
    assert not any("callback_" in name and "skl" not in name for name in vars(model))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scoring_monitor_in_a_search(digits, n_jobs):
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = SpectralClassifier(10, max_iter=3, random_state=0).set_callbacks(monitor)
    pipeline = make_pipeline(StandardScaler(), model)
    grid = {"spectralclassifier__hidden_layer_sizes": [(5,), (10,)]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs).fit(*digits)
    rows = monitor.get_logs().data
    # Four fits and the last one: three epochs each, and the fit itself.
    assert len(rows) == 5 * 4
    assert sum(row["task_name"] == "epoch" for row in rows) == 15
    last = [row for row in rows if row["task_id_path"][:2] == (0, 1)]
    assert max(row["accuracy"] for row in last) == pytest.approx(
        search.score(*digits), abs=0.05
    )


def test_progress_bar_in_a_search_and_over_a_pruner(digits, capsys):
    pytest.importorskip("rich")
    model = SpectralClassifier(10, max_iter=3, random_state=0)
    search = GridSearchCV(model, {"alpha": [0.0, 1.0]}, cv=2)
    search.set_callbacks(callback.ProgressBar()).fit(*digits)
    shown = capsys.readouterr().out
    assert "candidate-split-evaluation | SpectralClassifier - fit #3" in shown
    pruner = SpectralPruner(model, strategy="gradual", n_steps=2)
    pruner.set_callbacks(callback.ProgressBar()).fit(*digits)
    assert "SpectralPruner - train | SpectralClassifier - fit #2" in capsys.readouterr().out


def test_a_scikit_learn_without_callbacks(fresh_python):
    """The import is guarded: a fit tells nobody, and there is no set_callbacks."""
    script = """
import sys
import numpy as np
from sklearn import ensemble, model_selection, pipeline
sys.modules["sklearn.callback"] = None
from sklearn_spectral import SpectralClassifier
from sklearn_spectral.estimators.fit_callbacks import FitTasks
model = SpectralClassifier(5, random_state=0)
assert not hasattr(model, "set_callbacks")
model._train(np.eye(4), [0, 1, 0, 1])
assert model.predict(np.eye(4)).shape == (4,)
assert FitTasks(model, None, None, None, None).task("train", lambda: "ran", model) == "ran"
"""
    fresh_python(script)


def test_copies_know_what_this_training_leaves_out(diabetes):
    """A fit that goes on from a copy would else take bags of an earlier fit for its own."""

    class Keeper(Recorder):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None, **given):
            super().on_fit_task_end(estimator, context, fitted_estimator=None)
            self.scores.append(fitted_estimator)

    model = SpectralRegressor(4, n_members=4, bag_fraction=0.75, max_iter=2)
    model.fit(*diabetes).set_params(bag_fraction=1.0)
    keeper = Keeper()
    model.set_callbacks(keeper).fit(*diabetes)
    copy = keeper.scores[0]
    copy.set_params(bag_fraction=0.75, warm_start=True)
    with pytest.warns(UserWarning, match="no oob_score_"):
        copy.fit(*diabetes)
