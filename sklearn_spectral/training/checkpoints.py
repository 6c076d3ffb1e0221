"""Checkpoints: a fit that is killed goes on from its last epoch, to the same bits.

Each fit has a name of its own, which follows from its data and parameters, so that many of
them can share a folder, as those of a grid search do.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback

from ..exceptions import CheckpointWarning, ModelFileError
from ..files.container import Path_, decode, encode, read, remove_partials, write_atomically
from ..files.encoding import from_json, to_json
from ..fitted.layers import check_solver_state
from .convert import load_solver, solver_arrays, to_numpy

if TYPE_CHECKING:
    from .full_batch import FullBatchNet
    from .net import TrainingNet
    from .processes import Processes

# What of an optimizer's settings a schedule moves.
_MOVED = {"lr", "betas", "momentum"}

_HISTORY = ("train_first_loss", "train_loss", "train_finite", "train_batch_count")


class CheckpointFile:
    """The file, or the files, that one fit writes and reads.

    Parameters
    ----------
    folder : path-like
        Where; it is made if it is not there.
    key : str
        What the fit is: the digest of all that its result follows from.

    Raises
    ------
    OSError
        If nothing can be written there.
    """

    def __init__(self, folder: Path_, key: str) -> None:
        self.folder, self.key = Path(folder), key
        self._warned = False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_partials(self.folder)
            with tempfile.TemporaryFile(dir=self.folder) as probe:
                probe.write(b"can it be written to?")
        except OSError as error:
            raise OSError(
                error.errno,
                f"checkpoint_dir={os.fspath(folder)!r} cannot be written to "
                f"({error.strerror}). Name a folder that can, or set checkpoint_dir=None.",
            ) from error

    def _path(self, part: str = "") -> Path:
        return self.folder / f"{self.key}{part and '.'}{part}.safetensors"

    def read(self, part: str = "") -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        """Return what was written; None if nothing was, or it cannot be used."""
        path = self._path(part)
        try:
            content, tensors = decode("checkpoint", read(path, 2**62))
            if type(content.get("seed")) is not int or content["seed"] < 0:
                raise ModelFileError("it has no seed")
            return content, tensors
        except FileNotFoundError:
            return None
        except (OSError, ModelFileError) as error:
            self.tell(f"{path} cannot be used ({error})")
            return None

    def write(self, content: Any, tensors: Any, part: str = "") -> None:
        """Replace what was written; a failure is a warning, the first time."""
        try:
            write_atomically(self._path(part), encode("checkpoint", content, tensors))
        except (OSError, ValueError) as error:
            self.tell(f"{self._path(part)} cannot be written ({error})")

    def tell(self, what: str) -> None:
        """Warn once."""
        if not self._warned:
            self._warned = True
            warnings.warn(f"{what}; the fit goes on without it.", CheckpointWarning, 3)

    def remove(self, first_part: int = 0) -> None:
        """Remove what was written, or the numbered parts from one on."""
        for path in self.folder.glob(f"{self.key}*.safetensors"):
            number = path.name.split(".")[1]
            if not number.isdecimal() or int(number) >= first_part:
                with contextlib.suppress(OSError):
                    path.unlink()


class SharedCheckpointFile(CheckpointFile):
    """Files of a fit by several processes: the first of them reads and writes.

    Parameters
    ----------
    folder, key
        As for `CheckpointFile`.
    processes : Processes
        Those that train together.
    """

    def __init__(self, folder: Path_, key: str, processes: Processes) -> None:
        self.processes = processes
        if processes.is_first:
            super().__init__(folder, key)
        else:
            self.folder, self.key, self._warned = Path(folder), key, True

    def read(self, part: str = "") -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        """Return what the first process read."""
        return self.processes.told_by_first(super().read)(part)

    def write(self, content: Any, tensors: Any, part: str = "") -> None:
        """Have the first process write."""
        if self.processes.is_first:
            super().write(content, tensors, part)

    def remove(self, first_part: int = 0) -> None:
        """Have the first process remove."""
        if self.processes.is_first:
            super().remove(first_part)


class Keeper(Callback):
    """Write all that training goes on from after each epoch; take it up at the start.

    It has to be the last of the callbacks: what the others do at the start of training is
    overwritten, and an epoch after which one of them stops is not kept but run again.

    Parameters
    ----------
    file : CheckpointFile
        Where to.
    seed : int
        Of the fit.
    kept : tuple, optional
        What ``file`` had when the fit began.
    """

    def __init__(self, file: CheckpointFile, seed: int, kept: Any = None) -> None:
        self.file, self.seed, self.kept = file, seed, kept

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Go on from what was kept."""
        if self.kept is not None:
            try:
                kept = _understand(net, *self.kept)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                self.file.tell(f"The checkpoint {self.file.key} is of another network")
            else:
                _put(net, kept)
        self.kept = None

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Write the epoch."""
        content, tensors = _take(net)
        self.file.write({**content, "seed": self.seed}, tensors)


class EvaluationKeeper(Callback):
    """Write what L-BFGS was told in each iteration; tell it the same at the start.

    The state of scipy's solver cannot be had, but follows from the losses and gradients
    that it was given. Each iteration is a file, so that none is written twice.

    Parameters
    ----------
    file : CheckpointFile
        Where to.
    seed : int
        Of the fit.
    """

    def __init__(self, file: CheckpointFile, seed: int) -> None:
        self.file, self.seed = file, seed

    def on_train_begin(self, net: FullBatchNet, **kwargs: Any) -> None:
        """Give the solver the evaluations that were kept."""
        n_trained = len(net.flat.vector)
        known: list[tuple[float, NDArray[Any]]] = []
        self.n_kept = 0
        while (part := self.file.read(f"{self.n_kept}")) is not None:
            none = np.empty(0)
            losses = part[1].get("losses", none)
            gradients = part[1].get("gradients", none)
            if part[0]["seed"] != self.seed:
                break  # of another fit without a seed, which got further
            if gradients.shape != (losses.size, n_trained):
                self.file.tell(f"The checkpoint {self.file.key} is of another network")
                break
            known += zip(losses.tolist(), gradients, strict=True)
            self.n_kept += 1
        self.file.remove(first_part=self.n_kept)
        net.known_evaluations, net.new_evaluations = known, []

    def on_epoch_end(self, net: FullBatchNet, **kwargs: Any) -> None:
        """Write the evaluations of an iteration that was not kept before."""
        epoch = len(net.history) - 1
        if epoch < self.n_kept:
            return
        assert net.new_evaluations is not None
        losses, gradients = zip(*net.new_evaluations, strict=True)
        net.new_evaluations = []
        tensors = {"losses": np.array(losses), "gradients": np.array(gradients)}
        self.file.write({"seed": self.seed}, tensors, f"{epoch}")


def keeper_of(
    file: CheckpointFile, solver: str, seed: int, *, drawn: bool
) -> Keeper | EvaluationKeeper:
    """Return what keeps the epochs of a fit, and goes on from those that were kept.

    Parameters
    ----------
    file : CheckpointFile
        Where.
    solver : str
        Of the fit.
    seed : int
        Of the fit.
    drawn : bool
        Whether the seed is a new draw, so that one that was kept takes its place.

    Returns
    -------
    Keeper or EvaluationKeeper
        Its ``seed`` is the one to train with.
    """
    by_evaluations = solver == "lbfgs"
    kept = file.read("0" if by_evaluations else "")
    if kept is not None and kept[0]["seed"] != seed:
        if drawn:
            seed = kept[0]["seed"]
        else:
            file.tell(f"The checkpoint {file.key} is of another seed")
            kept = None
    return EvaluationKeeper(file, seed) if by_evaluations else Keeper(file, seed, kept)


def _take(net: TrainingNet) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return all that the next epoch follows from."""
    tensors = {"vector": to_numpy(net.flat.vector)}
    callbacks = {}
    for name, callback in net.callbacks_:
        if hasattr(callback, "resumable"):
            numbers = {}
            for entry, value in callback.resumable().items():
                if isinstance(value, torch.Tensor):
                    tensors[f"{name}.{entry}"] = to_numpy(value)
                elif isinstance(value, list):
                    tensors[f"{name}.{entry}"] = np.array(value, np.float64)
                else:
                    numbers[entry] = to_json(value)
            callbacks[name] = numbers
    tensors |= {
        f"solver.{name}": np.asarray(value)
        for name, value in solver_arrays(net.optimizer_).get(0, {}).items()
        if value is not None
    }
    rows = [[float(row[name]) for name in _HISTORY] for row in net.history]
    tensors["history"] = np.array(rows, np.float64)
    group = net.optimizer_.param_groups[0]
    return {
        "callbacks": callbacks,
        "settings": {name: to_json(group[name]) for name in sorted(_MOVED & group.keys())},
        "n_steps": None if net.schedule_ is None else net.schedule_.last_epoch,
    }, tensors


def _understand(net: TrainingNet, content: Any, tensors: Any) -> dict[str, Any]:
    """Return what was kept in the form that `_put` takes; raise if it is of another net."""
    like = net.flat.vector
    history, dtype = tensors["history"], to_numpy(like[:1]).dtype
    if history.shape[1:] != (len(_HISTORY),) or not 1 <= len(history) <= net.max_epochs:
        raise ValueError("history")

    def checked(values: NDArray[Any]) -> torch.Tensor:
        right = values.shape == tuple(like.shape) and values.dtype == dtype
        if not (right and np.isfinite(values).all()):
            raise ValueError("weights")
        return torch.from_numpy(values).to(like.device)

    if content["n_steps"] is not None and type(content["n_steps"]) is not int:
        raise ValueError("n_steps")
    if (net.schedule_ is None) != (content["n_steps"] is None):
        raise ValueError("n_steps")

    def below(prefix: str) -> dict[str, NDArray[Any]]:
        return {
            name.removeprefix(prefix): np.array(values)
            for name, values in tensors.items()
            if name.startswith(prefix)
        }

    callbacks = {}
    for name, callback in net.callbacks_:
        if hasattr(callback, "resumable"):
            values = {n: from_json(v) for n, v in content["callbacks"][name].items()}
            for entry, array in below(f"{name}.").items():
                if entry == "scores" and array.shape == (len(history),):
                    values[entry] = array.tolist()
                else:
                    values[entry] = checked(array)
            if values.keys() != callback.resumable().keys():
                raise ValueError(name)
            callbacks[name] = values
    group = net.optimizer_.param_groups[0]
    settings = {
        name: from_json(content["settings"][name]) for name in _MOVED & group.keys()
    }
    numbers = np.hstack([np.asarray(value, np.float64) for value in settings.values()])
    if not np.isfinite(numbers).all():
        raise ValueError("settings")
    solver = below("solver.")
    kind = type(net.optimizer_).__name__.lower()
    check_solver_state(kind, solver, len(like), dtype)
    return {
        "vector": checked(np.array(tensors["vector"])),
        "solver": solver,
        "callbacks": callbacks,
        "settings": settings,
        "n_steps": content["n_steps"],
        "rows": history.tolist(),
    }


def _put(net: TrainingNet, kept: dict[str, Any]) -> None:
    """Bring a net to where `_take` found it."""
    net.flat.restore(kept["vector"])
    for name, callback in net.callbacks_:
        if name in kept["callbacks"]:
            callback.resume(kept["callbacks"][name], net)
    load_solver(net.optimizer_, {0: kept["solver"]} if kept["solver"] else {})
    net.optimizer_.param_groups[0].update(kept["settings"])
    if net.schedule_ is not None:
        net.schedule_.last_epoch = kept["n_steps"]
        net.schedule_._step_count = kept["n_steps"] + 1
    scores = getattr(dict(net.callbacks_).get("early_stopping"), "scores_", None)
    for epoch, row in enumerate(kept["rows"]):
        net.history.new_epoch()
        for name, value in zip(_HISTORY, row, strict=True):
            net.history.record(name, value)
        if scores is not None:
            net.history.record("valid_score", scores[epoch])
    net.iterator_train__first_epoch += len(net.history)
