"""Checkpoints: resumed to the same bits, and no harm where they cannot be written."""

import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.exceptions import CheckpointWarning
from sklearn_spectral.files.container import _partial_of, decode, encode
from sklearn_spectral.files.integrity import digest
from sklearn_spectral.training.checkpoints import EpochCheckpoint

from ..plain import PLAIN

SIX = {"max_iter": 6, "random_state": 0}
PLAIN_SIX = {**PLAIN, **SIX}
MODELS = [
    SpectralClassifier(9, **SIX),
    SpectralClassifier(9, linear_expansion=12, **PLAIN_SIX),
    SpectralClassifier(
        9, solver="adam", early_stopping=True, learning_rate="one_cycle", **PLAIN_SIX
    ),
    SpectralClassifier(
        9,
        linear_expansion=12,
        activation="tanh",
        solver="sgd",
        learning_rate="constant",
        **PLAIN_SIX,
    ),
    SpectralClassifier(9, solver="sgd", momentum=0.0, alpha=1.0, **PLAIN_SIX),
    SpectralClassifier((), linear_expansion=12, train_eigenvalues="out", **PLAIN_SIX),
    SpectralClassifier(9, init="covariance", batch_size=2000, **SIX),
    SpectralClassifier(9, early_stopping=True, n_iter_no_change=1, tol=1.0, **SIX),
    SpectralClassifier(
        9, learning_rate="constant", n_iter_no_change=1, tol=9.0, **PLAIN_SIX
    ),
    SpectralRegressor(9, linear_expansion=12, activation="elu", **SIX),
    DirectClassifier(9, linear_expansion=12, parametrization="subset", n_weights=70, **SIX),
    SpectralClassifier(9, averaging=0.9, learning_rate="constant", **PLAIN_SIX),
    SpectralClassifier(9, n_members=3, bag_fraction=0.6, early_stopping="oob", **SIX),
    SpectralClassifier(
        9, n_members=3, bag_fraction=1.0, averaging=0.5, solver="sgd", **SIX
    ),
]


class Killed(BaseException):
    """Stands for the end of the process."""


def all_of(model):
    scores = getattr(model, "validation_scores_", None)
    return digest(
        model.coefs_,
        model._fitted.arrays,
        model.loss_curve_,
        scores,
        model.n_iter_,
        model.stop_reason_,
    )


def fit_killed(model, X, y, epoch, monkeypatch, **more):
    """Fit up to the end of an epoch; tell whether it got there."""
    keep = EpochCheckpoint.on_epoch_end

    def keep_and_die(self, net, **kwargs):
        keep(self, net, **kwargs)
        if len(net.history) == epoch:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(EpochCheckpoint, "on_epoch_end", keep_and_die)
        try:
            clone(model).fit(X, y, **more)
        except Killed:
            return True
    return False


@pytest.mark.parametrize("epoch", [1, 3, 6])
@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_killed_fit_resumes_to_the_same_bits(digits, tmp_path, model, epoch, monkeypatch):
    X, y = digits
    expected = all_of(clone(model).fit(X, y))
    model = clone(model).set_params(checkpoint_dir=tmp_path)
    killed = fit_killed(model, X, y, epoch, monkeypatch)
    assert killed or clone(model).fit(X, y).n_iter_ <= epoch
    epochs = []
    keep = EpochCheckpoint.on_epoch_end
    with monkeypatch.context() as patch:
        patch.setattr(
            EpochCheckpoint,
            "on_epoch_end",
            lambda self, net, **kwargs: (epochs.append(1), keep(self, net, **kwargs)),
        )
        resumed = clone(model).fit(X, y)
    assert all_of(resumed) == expected
    assert len(epochs) <= 6 - epoch
    assert all_of(clone(model).fit(X, y)) == expected  # a finished one, too


def test_lbfgs_warns_that_it_begins_anew(digits, tmp_path):
    X, y = digits
    model = SpectralClassifier(9, solver="lbfgs", **SIX)
    expected = all_of(clone(model).fit(X, y))
    model.set_params(checkpoint_dir=tmp_path / "never")
    with pytest.warns(CheckpointWarning, match="a fit that is killed begins anew") as seen:
        model.fit(X, y)
    assert [one.filename for one in seen if one.category is CheckpointWarning] == [__file__]
    assert all_of(model) == expected
    assert not list(tmp_path.iterdir())


def test_data_of_any_kind_resume(digits, tmp_path, monkeypatch):
    X, y = digits
    weight = np.linspace(0, 2, len(y))
    np.save(tmp_path / "X.npy", X)
    given = [
        sparse.csr_array(X),
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        np.asfortranarray(X),
    ]
    plain = all_of(
        SpectralClassifier(9, linear_expansion=12, **SIX).fit(X, y, sample_weight=weight)
    )
    for number, data in enumerate(given):
        model = SpectralClassifier(
            9, linear_expansion=12, **SIX, checkpoint_dir=tmp_path / str(number)
        )
        assert fit_killed(model, data, y, 2, monkeypatch, sample_weight=weight)
        resumed = model.fit(data, y, sample_weight=weight)
        if number:
            assert all_of(resumed) == plain
    # The order in memory is no matter, a weight is.
    assert fit_killed(model, X, y, 2, monkeypatch, sample_weight=weight) is False
    assert fit_killed(model, X, y, 2, monkeypatch) is True


def test_own_validation_data_and_warm_starts_resume(digits, tmp_path, monkeypatch):
    X, y = digits
    val = {"X_val": X[:300], "y_val": y[:300]}
    model = SpectralClassifier(9, early_stopping=True, warm_start=True, **SIX)
    expected = clone(model).fit(X[300:], y[300:], **val).fit(X[300:], y[300:], **val)
    model.set_params(checkpoint_dir=tmp_path)
    assert fit_killed(model, X[300:], y[300:], 2, monkeypatch, **val)
    model.fit(X[300:], y[300:], **val)
    assert len(list(tmp_path.iterdir())) == 1
    model.fit(X[300:], y[300:], **val)
    assert len(list(tmp_path.iterdir())) == 2
    assert all_of(model) == all_of(expected)


def test_fits_share_a_folder(digits, tmp_path):
    X, y = digits
    grid = {"hidden_layer_sizes": [5, 6], "activation": ["relu", "tanh"]}
    model = SpectralClassifier(max_iter=2, random_state=0)
    plain = GridSearchCV(model, grid, cv=2).fit(X, y)
    model = clone(model).set_params(checkpoint_dir=tmp_path / "new" / "folder")
    search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(X, y)
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 9
    again = GridSearchCV(model, grid, cv=2).fit(X, y)
    for found in (search, again):
        np.testing.assert_array_equal(
            found.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
        )


@pytest.mark.parametrize(
    "other",
    [{"alpha": 0.5}, {"max_iter": 7}, {"random_state": 1}, {"hidden_layer_sizes": 8}],
    ids=str,
)
def test_another_fit_does_not_take_a_checkpoint_up(digits, tmp_path, other, monkeypatch):
    model = SpectralClassifier(9, linear_expansion=12, **SIX, checkpoint_dir=tmp_path)
    assert fit_killed(model, *digits, 3, monkeypatch)
    changed = clone(model).set_params(**other)
    plain = clone(changed).set_params(checkpoint_dir=None)
    assert all_of(changed.fit(*digits)) == all_of(plain.fit(*digits))
    assert len(list(tmp_path.iterdir())) == 2


def test_without_a_seed_an_unfinished_fit_resumes_and_a_finished_one_is_drawn_anew(
    digits, tmp_path, monkeypatch
):
    X, y = digits
    model = SpectralClassifier(9, max_iter=6, checkpoint_dir=tmp_path, early_stopping=True)
    assert fit_killed(model, X, y, 3, monkeypatch)
    assert len(list(tmp_path.iterdir())) == 1
    first = clone(model).fit(X, y)
    seeded = clone(model).set_params(checkpoint_dir=None).fit(X, y)
    assert not list(tmp_path.iterdir())
    assert first._fitted.seed != clone(model).fit(X, y)._fitted.seed
    # The same as if its seed had been drawn at once.
    monkeypatch.setattr(SpectralClassifier, "_draw_seed", lambda self: first._fitted.seed)
    assert all_of(seeded.fit(X, y)) == all_of(first)


def test_ctrl_c_leaves_a_checkpoint(digits, tmp_path, monkeypatch):
    X, y = digits
    expected = all_of(SpectralClassifier(9, **SIX).fit(X, y))
    model = SpectralClassifier(9, **SIX, checkpoint_dir=tmp_path)
    keep = EpochCheckpoint.on_epoch_end

    def interrupt(self, net, **kwargs):
        keep(self, net, **kwargs)
        if len(net.history) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(EpochCheckpoint, "on_epoch_end", interrupt)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
    assert model.n_iter_ == 3
    assert all_of(model.fit(X, y)) == expected


def test_partial_fit_keeps_nothing(digits, tmp_path):
    model = SpectralClassifier(9, checkpoint_dir=tmp_path / "never")
    model.partial_fit(*digits, classes=range(10))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_an_error_at_start(digits, tmp_path):
    (tmp_path / "file").write_text("")
    model = SpectralClassifier(9, checkpoint_dir=tmp_path / "file" / "folder")
    with pytest.raises(
        OSError, match=r"checkpoint_dir=.* cannot be written to \(Not a dir"
    ):
        model.fit(*digits)
    assert not hasattr(model, "coefs_")
    if Path("/proc/self").exists():  # where not even root can write
        with pytest.raises(OSError, match="cannot be written to"):
            model.set_params(checkpoint_dir="/proc/self/none").fit(*digits)


@pytest.mark.parametrize("solver", ["adamax", "adam"])
def test_a_full_disk_is_a_warning_and_the_fit_goes_on(
    digits, tmp_path, solver, monkeypatch
):
    X, y = digits
    model = SpectralClassifier(9, solver=solver, **SIX)
    expected = all_of(clone(model).fit(X, y))
    model.set_params(checkpoint_dir=tmp_path)
    assert fit_killed(model, X, y, 2, monkeypatch)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    calls = []

    def full(descriptor):
        calls.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(CheckpointWarning, match=r"No space left .* goes on without") as seen:
        model.fit(X, y)
    assert sum(issubclass(w.category, CheckpointWarning) for w in seen) == 1
    assert len(calls) > 3
    assert all_of(model) == expected
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


@pytest.mark.parametrize("solver", ["adamax", "adam"])
@pytest.mark.parametrize("damage", ["cut", "empty", "other", "folder"])
def test_a_damaged_checkpoint_is_a_warning_and_begun_anew(
    digits, tmp_path, solver, damage, monkeypatch
):
    X, y = digits
    model = SpectralClassifier(9, solver=solver, **SIX)
    expected = all_of(clone(model).fit(X, y))
    model.set_params(checkpoint_dir=tmp_path)
    assert fit_killed(model, X, y, 3, monkeypatch)
    path = min(tmp_path.iterdir(), key=lambda p: p.name)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    else:  # whole, but of another network
        other = clone(model).set_params(hidden_layer_sizes=4, checkpoint_dir=tmp_path / "o")
        assert fit_killed(other, X, y, 3, monkeypatch)
        other_path = min((tmp_path / "o").iterdir(), key=lambda p: p.name)
        path.write_bytes(other_path.read_bytes())
    with pytest.warns(CheckpointWarning, match="goes on without"):
        model.fit(X, y)
    assert all_of(model) == expected


def test_what_a_killed_write_left_is_removed(digits, tmp_path, monkeypatch):
    model = SpectralClassifier(9, **SIX, checkpoint_dir=tmp_path)
    assert fit_killed(model, *digits, 2, monkeypatch)
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        check=True,
    )
    gone, alive = (
        tmp_path / f"{_partial_of(pid)}abc" for pid in (int(done.stdout), os.getpid())
    )
    gone.write_bytes(b"half")
    alive.write_bytes(b"half")
    model.fit(*digits)
    assert not gone.exists()
    assert alive.exists()


KILL_ITSELF = """
import os, signal, numpy as np
from sklearn.datasets import load_digits
from sklearn_spectral import SpectralClassifier, save
from sklearn_spectral.training.checkpoints import EpochCheckpoint
X, y = load_digits(return_X_y=True)
settings = {"max_iter": 6, "random_state": 0, "checkpoint_dir": "kept"}
model = SpectralClassifier(9, linear_expansion=12, **settings)
write = os.replace
n = 0
def replace(one, other):
    global n
    n += 1
    if n == EPOCH:
        os.kill(os.getpid(), signal.SIGKILL)
    write(one, other)
os.replace = replace
save(model.fit(X / 16, y), "model.safetensors")
"""


def test_a_process_that_was_killed_while_writing_resumes(digits, tmp_path, fresh_python):
    from sklearn_spectral import load

    with pytest.raises(AssertionError):
        fresh_python(KILL_ITSELF.replace("EPOCH", "2"))
    assert any("partial" in path.name for path in (tmp_path / "kept").iterdir())
    fresh_python(KILL_ITSELF.replace("EPOCH", "1000"))
    assert not any("partial" in path.name for path in (tmp_path / "kept").iterdir())
    expected = SpectralClassifier(9, linear_expansion=12, **SIX).fit(*digits)
    loaded = load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda content, tensors: tensors.update(vector=tensors["vector"][:-1]),
        lambda content, tensors: tensors.update(vector=tensors["vector"].astype("f4")),
        lambda content, tensors: tensors.update(history=tensors["history"][:, :2]),
        lambda content, tensors: tensors.pop("history"),
        lambda content, tensors: content.update(n_steps=None),
        lambda content, tensors: content.update(callbacks={}),
        lambda content, tensors: content.pop("settings"),
        lambda content, tensors: content["settings"].update(lr={"x": 1}),
        lambda content, tensors: content.update(n_steps="many"),
        lambda content, tensors: content.update(seed="none"),
        lambda content, tensors: content.update(seed=1),
        lambda content, tensors: tensors.update(vector=np.zeros(())),
        lambda content, tensors: tensors.update(vector=tensors["vector"] * np.nan),
        lambda content, tensors: tensors.update(history=np.ones((50, 4))),
        lambda content, tensors: tensors.update({"solver.exp_avg": np.zeros(())}),
        lambda content, tensors: tensors.update({"solver.step": np.full((), -1.0)}),
        lambda content, tensors: tensors.pop("solver.exp_inf"),
    ],
)
def test_a_checkpoint_made_wrongly_is_a_warning_and_begun_anew(
    digits, tmp_path, change, monkeypatch
):
    X, y = digits
    model = SpectralClassifier(9, linear_expansion=12, **PLAIN_SIX)
    expected = all_of(clone(model).fit(X, y))
    model.set_params(checkpoint_dir=tmp_path)
    assert fit_killed(model, X, y, 3, monkeypatch)
    (path,) = tmp_path.iterdir()
    content, tensors = decode("checkpoint", path.read_bytes())
    change(content, tensors)
    path.write_bytes(encode("checkpoint", content, tensors))
    with pytest.warns(CheckpointWarning, match="goes on without"):
        model.fit(X, y)
    assert all_of(model) == expected


def test_fits_of_the_same_key_at_once(digits, tmp_path):
    X, y = digits
    model = SpectralClassifier(9, linear_expansion=12, **SIX)
    expected = all_of(clone(model).fit(X, y))
    model.set_params(checkpoint_dir=tmp_path)
    with warnings.catch_warnings(), ThreadPoolExecutor(6) as pool:
        warnings.simplefilter("error")
        fits = [pool.submit(clone(model).fit, X, y) for _ in range(12)]
        assert {all_of(fit.result()) for fit in fits} == {expected}


def test_a_parameter_of_an_odd_type_counts(digits, tmp_path):
    X, y = digits
    model = SpectralClassifier(9, **SIX, checkpoint_dir=tmp_path)
    for name, values in (
        ("alpha", [np.longdouble(0.1), np.longdouble(900.0)]),
        ("hidden_layer_sizes", [range(3, 5), range(5, 7)]),
    ):
        one, other = (clone(model).set_params(**{name: v}).fit(X, y) for v in values)
        assert all_of(one) != all_of(other)


def test_no_folder_is_named_by_nothing(digits):
    with pytest.raises(ValueError, match="checkpoint_dir='' names no folder"):
        SpectralClassifier(9, checkpoint_dir="").fit(*digits)


def test_a_long_list_of_scores_is_kept(digits, tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_spectral.files.container.MAX_HEADER", 4000)
    X, y = digits[0][:300], digits[1][:300]
    model = SpectralClassifier((), early_stopping=True, n_iter_no_change=np.inf, **PLAIN)
    model.set_params(max_iter=300, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CheckpointWarning)
        kept = clone(model).set_params(checkpoint_dir=tmp_path).fit(X, y)
    assert len(kept.validation_scores_) == 300
