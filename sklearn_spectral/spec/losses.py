"""Losses of numbers: each for training, prediction, intervals and ONNX.

To add one, write its functions here and register it in ``LOSSES``: its key is then a value
of ``loss`` of the regressors. Losses of classes are in ``nn/losses.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .activations import Graph

if TYPE_CHECKING:
    from torch import Tensor

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Link:
    """What stands between the network's output and what is predicted."""

    activation: str
    """The name of it that scikit-learn has, in ``out_activation_``."""
    apply: Callable[[NDArray[Any]], NDArray[Any]]
    """Returns predictions for outputs."""
    write: Callable[[Graph, str, Any], str]
    """Does so in ONNX: takes a `Graph`, the name of some values and their type; returns
    the name of the predictions."""


def largest_exponent(dtype: Any) -> float:
    """Return where exponentials are cut, so that their squares are finite, too."""
    return float(np.log(np.finfo(dtype).max) / 2) - 1


def _exp(values: NDArray[Any]) -> NDArray[Any]:
    limit = largest_exponent(values.dtype)
    return np.exp(np.clip(values, -limit, limit))


def _write_exp(graph: Graph, values: str, dtype: Any) -> str:
    limit = largest_exponent(dtype)
    below = graph.emit("Min", values, graph.number(limit))
    return graph.emit("Exp", graph.emit("Max", below, graph.number(-limit)))


LINKS: dict[str, Link] = {
    "identity": Link("identity", lambda values: values, lambda graph, x, dtype: x),
    "log": Link("exp", _exp, _write_exp),
}
"""By the name of the link function, whose inverse they are."""


@dataclass(frozen=True)
class Loss:
    """One loss of a number, by what the rest of the package needs of it.

    Functions take tensors of outputs and of targets, and where the loss has an ``option``
    its value as a third.
    """

    value: Callable[..., Tensor]
    """Returns the loss of each output, before its link. Zero is the least it can be."""
    slope: Callable[..., Tensor]
    """Returns its derivative by the output."""
    constant: Callable[..., Numbers]
    """Takes targets, of shape (n_samples, n_outputs), weights that sum to one, and the
    option. Returns the output of the best constant, or one close to it."""
    constant_name: str
    link: str = "identity"
    least: float | None = None
    """What targets may not be below, if there is such a number."""
    is_open: bool = False
    """Whether that number itself is not allowed either."""
    option: str | None = None
    """The parameter of the regressors that the loss has."""
    is_robust: bool = False
    """Whether few targets that lie far off hardly count. What standardises is robust, too:
    median and median absolute deviation instead of mean and standard deviation."""
    is_steep: bool = False
    """Whether its slope grows with the target without a bound."""
    power: float = 0.0
    """How far targets lie from what is predicted goes with this power of that."""

    def refuses(self, y: Numbers) -> str:
        """Say what targets have to be, if these are not; else return nothing."""
        if self.least is None:
            return ""
        if (y > self.least if self.is_open else y >= self.least).all():
            return ""
        return f"{'above' if self.is_open else 'not below'} {self.least:g}"


def quantile_of(y: Numbers, weight: Numbers, share: float) -> Numbers:
    """Return the lowest value of each column up to which a share of the weights lies."""
    order = np.argsort(y, axis=0)
    sums = np.cumsum(weight[order], axis=0)
    # Rounding is not to go on to the next.
    reached = sums >= share * sums[-1] * (1 - 1e-12)
    place = np.take_along_axis(order, reached.argmax(axis=0)[None], axis=0)
    return np.take_along_axis(y, place, axis=0)[0]


def _mean(y: Numbers, weight: Numbers) -> Numbers:
    return np.average(y, axis=0, weights=weight)


def _log_of_mean(y: Numbers, weight: Numbers) -> Numbers:
    return np.log(np.maximum(_mean(y, weight), np.finfo(np.float64).tiny))


def _median(y: Numbers, weight: Numbers, option: Any = None) -> Numbers:
    return quantile_of(y, weight, 0.5)


def _quantiles(y: Numbers, weight: Numbers, levels: Any) -> Numbers:
    return np.stack([quantile_of(y, weight, each) for each in levels], axis=-1).ravel()


def _log_ratio(output: Tensor, target: Tensor) -> Tensor:
    """Return the logarithm of target by mean; what follows from it is exact where they are
    close, as the difference of larger terms is not."""
    return target.clamp_min(1e-30).log() - output


def _poisson(output: Tensor, target: Tensor) -> Tensor:
    # Half the deviance.
    ratio = _log_ratio(output, target)
    positive = target * (ratio + (-ratio).expm1())
    return positive.where(target > 0, output.exp())


def _poisson_slope(output: Tensor, target: Tensor) -> Tensor:
    positive = target * (-_log_ratio(output, target)).expm1()
    return positive.where(target > 0, output.exp())


def _gamma(output: Tensor, target: Tensor) -> Tensor:
    # Half the deviance.
    ratio = _log_ratio(output, target)
    return ratio.expm1() - ratio


def _huber(output: Tensor, target: Tensor, delta: Tensor) -> Tensor:
    error = (output - target).abs()
    square = error.minimum(delta)
    return square * (error - square / 2)


def _huber_slope(output: Tensor, target: Tensor, delta: Tensor) -> Tensor:
    return (output - target).minimum(delta).maximum(-delta)


def _pinball(output: Tensor, target: Tensor, level: Tensor) -> Tensor:
    error = target - output
    return (level * error).maximum((level - 1) * error)


def _pinball_slope(output: Tensor, target: Tensor, level: Tensor) -> Tensor:
    return (output > target).to(output.dtype) - level


LOSSES: dict[str, Loss] = {
    "squared_error": Loss(
        lambda output, target: (output - target).square() / 2,
        lambda output, target: output - target,
        _mean,
        "the mean of the target",
        is_steep=True,
    ),
    "absolute_error": Loss(
        lambda output, target: (output - target).abs(),
        lambda output, target: (output - target).sign(),
        _median,
        "the median of the target",
        is_robust=True,
    ),
    "huber": Loss(
        _huber,
        _huber_slope,
        _median,
        "the median of the target",
        option="huber_delta",
        is_robust=True,
    ),
    "quantile": Loss(
        _pinball,
        _pinball_slope,
        _quantiles,
        "the quantiles of the target",
        option="quantile",
        is_robust=True,
    ),
    "poisson": Loss(
        _poisson,
        _poisson_slope,
        _log_of_mean,
        "the mean of the target",
        link="log",
        least=0.0,
        is_steep=True,
        power=0.5,
    ),
    "gamma": Loss(
        _gamma,
        lambda output, target: -_log_ratio(output, target).expm1(),
        _log_of_mean,
        "the mean of the target",
        link="log",
        least=0.0,
        is_open=True,
        is_steep=True,
        power=1.0,
    ),
}
"""The losses of numbers by the value of ``loss``."""
