"""Checkpoints: a fit that is killed resumes from its last epoch, to the same bits.

Each is named by all that the result of its fit follows from, so that many fits can share a
folder, as those of a grid search do.
"""

from __future__ import annotations

import contextlib
import pickle
import tempfile
import warnings
from functools import partial
from os import fspath
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback

from ..data.training_data import TrainingData
from ..exceptions import CheckpointWarning, ModelFileError
from ..files.container import Path_, decode, encode, read, remove_partials, write_atomically
from ..files.encoding import from_json, to_json
from ..files.integrity import digest
from ..spec.solvers import SOLVERS, check_solver_state
from .convert import load_solver, solver_arrays, to_numpy
from .device import resolve_device
from .outcome import caller_level
from .processes import Processes

if TYPE_CHECKING:
    from ..estimators.base import BaseNetwork
    from .net import TrainingNet

# Parameters that do not affect the result.
_WITHOUT_EFFECT = {"checkpoint_dir", "device", "random_state", "verbose"}

# What of an optimizer's settings a schedule moves.
_SCHEDULED = {"lr", "betas", "momentum"}

_HISTORY = ("train_first_loss", "train_loss", "train_finite", "train_batch_count")


def checkpoint_for(
    estimator: BaseNetwork,
    data: TrainingData,
    validation: TrainingData | None,
    seed: int,
    *,
    resume: bool,
    processes: Processes,
) -> EpochCheckpoint | None:
    """Return what keeps a fit's epochs, whose ``seed`` may be that of a killed fit.

    None, with a warning, if the solver has no epochs to keep.
    """
    assert estimator.checkpoint_dir is not None
    if not fspath(estimator.checkpoint_dir):
        raise ValueError(
            "checkpoint_dir='' names no folder; '.' is the one that you are in, and "
            "None keeps no checkpoints."
        )
    if not SOLVERS[estimator.solver].by_batches:
        if processes.is_rank_zero:
            warnings.warn(
                f"solver={estimator.solver!r} does not use checkpoint_dir: a fit that is "
                "killed begins anew. Use a solver that takes steps on batches, or set "
                "checkpoint_dir=None.",
                CheckpointWarning,
                caller_level(),
            )
        return None
    is_drawn = estimator.random_state is None
    key = digest(
        type(estimator).__name__,
        _parameters(estimator),
        _callbacks(estimator),
        resolve_device(estimator.device).type,
        None if is_drawn else seed,
        data.parts(),
        None if validation is None else validation.parts(),
        [estimator._fitted.complete(), len(estimator.loss_curve_)] if resume else None,
    )[:32]
    file = CheckpointFile(estimator.checkpoint_dir, key, processes)
    return make_checkpoint(file, seed, is_drawn=is_drawn)


def checksums(
    estimator: BaseNetwork, data: TrainingData, validation: TrainingData | None
) -> dict[str, str]:
    """Return checksums, by name, by which processes see that they were given the same.

    Of the input only the shape, the first and the last row count: it may be large.
    """

    def of_input(given: TrainingData | None) -> str:
        if given is None:
            return digest(None)
        ends = [given.X[rows] for rows in (slice(0, 1), slice(len(given.y) - 1, None))]
        dense = [end.toarray() if hasattr(end, "toarray") else end for end in ends]
        return digest(list(given.X.shape), dense)

    return {
        "parameters": digest(type(estimator).__name__, _parameters(estimator)),
        "callbacks": digest(_callbacks(estimator)),
        "X": of_input(data),
        "y": digest(data.y),
        "groups": digest(data.groups),
        "weights": digest(data.sample_weight, data.rows),
        "validation data": digest(
            of_input(validation), None if validation is None else validation.y
        ),
    }


class CheckpointFile:
    """The file that one fit writes and reads, on rank zero of its processes."""

    def __init__(self, folder: Path_, key: str, processes: Processes) -> None:
        self.folder, self.key, self.processes = Path(folder), key, processes
        self.path = self.folder / f"{key}.safetensors"
        self._warned = not processes.is_rank_zero
        if processes.is_rank_zero:
            self._prepare()

    def _prepare(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_partials(self.folder)
            with tempfile.TemporaryFile(dir=self.folder) as probe:
                probe.write(b"can it be written to?")
        except OSError as error:
            raise OSError(
                error.errno,
                f"checkpoint_dir={fspath(self.folder)!r} cannot be written to "
                f"({error.strerror}). Name a folder that can, or set checkpoint_dir=None.",
            ) from error

    def read(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        """Return what was written; None if nothing was, or it cannot be used."""
        return self.processes.on_rank_zero(self._read)()

    def _read(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        try:
            content, tensors = decode("checkpoint", read(self.path, 2**62))
            if type(content.get("seed")) is not int or content["seed"] < 0:
                raise ModelFileError("it has no seed")
            return content, tensors
        except FileNotFoundError:
            return None
        except (OSError, ModelFileError) as error:
            self.warn(f"{self.path} cannot be used ({error})")
            return None

    def write(self, content: Any, tensors: Any) -> None:
        """Replace what was written; a failure is a warning, the first time."""
        if not self.processes.is_rank_zero:
            return
        try:
            write_atomically(self.path, encode("checkpoint", content, tensors))
        except (OSError, ValueError) as error:
            self.warn(f"{self.path} cannot be written ({error})")

    def warn(self, problem: str) -> None:
        """Warn once."""
        if not self._warned:
            self._warned = True
            message = f"{problem}; the fit goes on without it."
            warnings.warn(message, CheckpointWarning, caller_level())

    def remove(self) -> None:
        """Remove what was written."""
        if self.processes.is_rank_zero:
            with contextlib.suppress(OSError):
                self.path.unlink()


class EpochCheckpoint(Callback):
    """Write all that training resumes from after each epoch, and resume at the start.

    It has to be the last of the callbacks: what the others do at the start of training is
    overwritten, and an epoch after which one of them stops is not written but run again.
    """

    def __init__(self, file: CheckpointFile, seed: int, written: Any = None) -> None:
        self.file, self.seed, self.written = file, seed, written

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        if self.written is not None:
            try:
                state = parse(net, *self.written)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                self.file.warn(f"The checkpoint {self.file.key} is of another network")
            else:
                restore(net, state)
        self.written = None

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        content, tensors = capture(net)
        self.file.write({**content, "seed": self.seed}, tensors)


def make_checkpoint(file: CheckpointFile, seed: int, *, is_drawn: bool) -> EpochCheckpoint:
    """Return a fit's checkpoint; a written seed replaces one that is newly drawn."""
    written = file.read()
    if written is not None and written[0]["seed"] != seed:
        if is_drawn:
            seed = written[0]["seed"]
        else:
            file.warn(f"The checkpoint {file.key} is of another seed")
            written = None
    return EpochCheckpoint(file, seed, written)


def capture(net: TrainingNet) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return all that the next epoch follows from, as JSON's types and as arrays."""
    average = net.average_
    if average is None:
        tensors = {"vector": to_numpy(net.flat.vector)}
    else:  # which is in the place of what trains
        assert average.trained is not None
        tensors = {
            "vector": to_numpy(average.trained),
            "average": to_numpy(average.values),
        }
    callbacks = {}
    for name, callback in _resumable(net).items():
        numbers = {}
        for entry, value in callback.resumable().items():
            if isinstance(value, torch.Tensor):
                tensors[f"{name}.{entry}"] = to_numpy(value)
            elif isinstance(value, list):
                tensors[f"{name}.{entry}"] = np.array(value, np.float64)
            else:
                numbers[entry] = to_json(value)
        callbacks[name] = numbers
    if net.steps_ is not None:
        net.steps_.tell()
    tensors |= {
        f"solver.{name}": np.asarray(value)
        for name, value in solver_arrays(net.optimizer_).get(0, {}).items()
        if value is not None
    }
    rows = [[float(row[name]) for name in _HISTORY] for row in net.history]
    tensors["history"] = np.array(rows, np.float64)
    return {
        "callbacks": callbacks,
        "settings": {name: to_json(value) for name, value in _settings(net).items()},
        "n_steps": None if net.schedule_ is None else net.n_steps_,
    }, tensors


def parse(net: TrainingNet, content: Any, tensors: Any) -> dict[str, Any]:
    """Return what `capture` gave as `restore` takes it; raise if it is of another net."""
    vector = net.flat.vector
    dtype = to_numpy(vector[:1]).dtype
    history, n_steps = tensors["history"], content["n_steps"]
    if history.shape[1:] != (len(_HISTORY),) or not 1 <= len(history) <= net.max_epochs:
        raise ValueError("history")
    if type(n_steps) is not (type(None) if net.schedule_ is None else int):
        raise ValueError("n_steps")
    settings = {name: from_json(content["settings"][name]) for name in _settings(net)}
    numbers = np.hstack([np.asarray(value, np.float64) for value in settings.values()])
    if not np.isfinite(numbers).all():
        raise ValueError("settings")
    solver = _below("solver.", tensors)
    check_solver_state(net.solver, solver, len(vector), dtype)
    callbacks = {}
    for name, callback in _resumable(net).items():
        values = {n: from_json(v) for n, v in content["callbacks"][name].items()}
        for entry, array in _below(f"{name}.", tensors).items():
            is_series = entry == "scores" and array.shape == (len(history),)
            values[entry] = array.tolist() if is_series else _weights(array, vector)
        if values.keys() != callback.resumable().keys():
            raise ValueError(name)
        callbacks[name] = values
    average = None
    if net.average_ is not None:
        average = _weights(np.array(tensors["average"]), vector)
    return {
        "vector": _weights(np.array(tensors["vector"]), vector),
        "average": average,
        "solver": solver,
        "callbacks": callbacks,
        "settings": settings,
        "n_steps": n_steps,
        "rows": history.tolist(),
    }


def restore(net: TrainingNet, state: dict[str, Any]) -> None:
    """Bring a net to where `capture` found it."""
    net.flat.restore(state["vector"])
    if net.average_ is not None:
        net.average_.values.copy_(state["average"])
    n_batches = _HISTORY.index("train_batch_count")
    net.n_steps_ = int(sum(row[n_batches] for row in state["rows"]))
    with net.averaged():
        for name, callback in _resumable(net).items():
            callback.resume(state["callbacks"][name], net)
    load_solver(net.optimizer_, {0: state["solver"]} if state["solver"] else {})
    net.optimizer_.param_groups[0].update(state["settings"])
    if net.schedule_ is not None:
        net.schedule_.last_epoch = state["n_steps"]
        if net.solver != "adamax":  # whose schedule is torch's
            net.schedule_._step_count = state["n_steps"] + 1
    scores = getattr(dict(net.callbacks_).get("early_stopping"), "scores_", None)
    for epoch, row in enumerate(state["rows"]):
        net.history.new_epoch()
        for name, value in zip(_HISTORY, row, strict=True):
            net.history.record(name, value)
        if scores is not None:
            net.history.record("valid_score", scores[epoch])
    net.iterator_train__first_epoch += len(net.history)


def _resumable(net: TrainingNet) -> dict[str, Any]:
    return {name: each for name, each in net.callbacks_ if hasattr(each, "resumable")}


def _settings(net: TrainingNet) -> dict[str, Any]:
    """Return those settings of the optimizer that a schedule moves."""
    group = net.optimizer_.param_groups[0]
    return {name: group[name] for name in sorted(_SCHEDULED & group.keys())}


def _below(prefix: str, tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return copies of the arrays whose name begins so, by the rest of it."""
    return {
        name.removeprefix(prefix): np.array(values)
        for name, values in tensors.items()
        if name.startswith(prefix)
    }


def _weights(values: NDArray[Any], vector: torch.Tensor) -> torch.Tensor:
    """Return finite values for a vector as a tensor; raise if they are of another shape."""
    is_like = values.shape == vector.shape and values.dtype == to_numpy(vector[:1]).dtype
    if not (is_like and np.isfinite(values).all()):
        raise ValueError("weights")
    return torch.from_numpy(values).to(vector.device)


def _parameters(estimator: BaseNetwork) -> list[Any]:
    params = estimator.get_params(deep=False)
    return [[n, _hashable(params[n])] for n in sorted(params.keys() - _WITHOUT_EFFECT)]


def _callbacks(estimator: BaseNetwork) -> list[str]:
    return [type(c).__name__ for c in getattr(estimator, "_skl_callbacks", ())]


def _hashable(value: Any, within: tuple[Any, ...] = ()) -> Any:
    """Return a parameter as what a checksum can be taken of, in all processes alike if
    that can be: what is shown of a function has its address. ``within`` are functions
    that hold it."""
    with contextlib.suppress(TypeError):
        return to_json(value)
    if any(value is each for each in within):  # a function that calls itself
        return "itself"
    of_part = partial(_hashable, within=(*within, value))
    if isinstance(value, partial):
        parts = [value.func, *value.args, *value.keywords.items()]
        return ["partial", *map(of_part, parts)]
    if hasattr(value, "__code__"):
        name = f"{value.__module__}.{value.__qualname__}"
        return [name, _of_code(value.__code__), [*map(of_part, _held_by(value))]]
    with contextlib.suppress(pickle.PicklingError, TypeError, AttributeError):
        return pickle.dumps(value).hex()
    return repr(value)


def _held_by(function: Any) -> list[Any]:
    """Return what a function, or a bound method, has beside its instructions."""
    held = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    held += [function.__self__] if hasattr(function, "__self__") else []
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # an empty one
            held.append(cell.cell_contents)
    return held


def _of_code(code: CodeType) -> list[Any]:
    """Return the instructions of a function, with those inside of it."""
    inner = [
        _of_code(each) if isinstance(each, CodeType) else repr(each)
        for each in code.co_consts
    ]
    return [code.co_code.hex(), list(code.co_names), inner]
