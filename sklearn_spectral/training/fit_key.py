"""What a fit follows from, as checksums: they name its checkpoint, and show its equals."""

from __future__ import annotations

from os import fspath
from typing import TYPE_CHECKING, Any

from ..data.training_data import TrainingData
from ..files.encoding import to_json
from ..files.integrity import digest

if TYPE_CHECKING:
    from ..estimators.base import BaseNetwork
    from .checkpoints import EvaluationKeeper, Keeper
    from .processes import Processes

# Parameters that change nothing of the result.
_WITHOUT_EFFECT = ("checkpoint_dir", "device", "random_state", "verbose")


def keeper_for(
    estimator: BaseNetwork,
    data: TrainingData,
    validation: TrainingData | None,
    seed: int,
    *,
    proceed: bool,
    processes: Processes | None,
) -> Keeper | EvaluationKeeper:
    """Return the keeper of a fit's checkpoint, named by all that its result follows from.

    Parameters
    ----------
    estimator : BaseNetwork
        Its ``checkpoint_dir`` is not None.
    data, validation : TrainingData or None
        What it is fitted to.
    seed : int
        Of the fit; that of the keeper takes its place.
    proceed : bool
        Whether it goes on from an earlier fit.
    processes : Processes or None
        Those that train together.

    Returns
    -------
    Keeper or EvaluationKeeper
        Ready.

    Raises
    ------
    ValueError
        If ``checkpoint_dir`` is empty text.
    OSError
        If nothing can be written there.
    """
    from .checkpoints import CheckpointFile, SharedCheckpointFile, keeper_of
    from .device import resolve_device

    assert estimator.checkpoint_dir is not None
    if not fspath(estimator.checkpoint_dir):
        raise ValueError(
            "checkpoint_dir='' names no folder; '.' is the one that you are in, and "
            "None keeps no checkpoints."
        )
    drawn = estimator.random_state is None
    key = digest(
        type(estimator).__name__,
        _parameters(estimator),
        _callbacks(estimator),
        resolve_device(estimator.device).type,
        None if drawn else seed,
        data.parts(),
        None if validation is None else validation.parts(),
        [estimator._fitted.complete(), len(estimator.loss_curve_)] if proceed else None,
    )[:32]
    if processes is None:
        file = CheckpointFile(estimator.checkpoint_dir, key)
    else:
        file = SharedCheckpointFile(estimator.checkpoint_dir, key, processes)
    return keeper_of(file, estimator.solver, seed, drawn=drawn)


def checksums(
    estimator: BaseNetwork, data: TrainingData, validation: TrainingData | None
) -> dict[str, str]:
    """Return checksums by which processes see that they were given the same.

    Of the input only the shape, the first and the last row count: it may be large.

    Parameters
    ----------
    estimator : BaseNetwork
        Being fitted.
    data, validation : TrainingData or None
        What it is fitted to.

    Returns
    -------
    dict of str to str
        By what they are of.
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
        "weights": digest(data.sample_weight, data.rows),
        "validation data": digest(
            of_input(validation), None if validation is None else validation.y
        ),
    }


def _parameters(estimator: BaseNetwork) -> list[Any]:
    params = estimator.get_params(deep=False)
    names = sorted(params.keys() - set(_WITHOUT_EFFECT))
    return [[name, _hashable(params[name])] for name in names]


def _callbacks(estimator: BaseNetwork) -> list[str]:
    return [type(c).__name__ for c in getattr(estimator, "_skl_callbacks", ())]


def _hashable(value: Any) -> Any:
    """Return a parameter as what a checksum can be taken of."""
    try:
        return to_json(value)
    except TypeError:
        return repr(value)
