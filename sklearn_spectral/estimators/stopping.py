"""What training stops by: of which rows a score is, and which score."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray
from sklearn.metrics import check_scoring

from ..data.training_data import TrainingData

if TYPE_CHECKING:
    from ..nn.losses import WeightedLoss
    from ..training.out_of_bag import OutOfBag
    from .base import BaseNetwork

StopsBy = Literal["given", "held_out", "oob"] | None
"""Rows that the user gave, rows held out, those that members left out, or none."""

# From how many rows times outputs on rows are held out by default: what many rows tell of
# many outputs goes into eigenvectors, which members share, and out of bag is no judge then.
MANY = 5000

# The same where several labels of a row may be right: each tells something by itself.
MANY_LABELS = 1000


def rows_to_stop_by(
    estimator: BaseNetwork,
    data: TrainingData,
    n_left_out: int,
    *,
    has_validation: bool,
    partial: bool,
) -> StopsBy:
    """Return what ``early_stopping`` stands for."""
    asked, has_numbers = estimator.early_stopping, data.X.has_row_numbers
    if partial or not asked:
        return None
    if has_validation:
        return "given"
    if asked != "auto":
        return "oob" if asked == "oob" else "held_out"
    if estimator._is_wide:
        return "held_out" if has_numbers else None
    if not n_left_out:
        return None
    shares = bool(getattr(estimator, "train_eigenvectors", False))
    size = len(data.row_numbers) * estimator._n_network_outputs()
    can_split = data.groups is None and has_numbers
    limit = MANY_LABELS if estimator._has_many_labels else MANY
    return "held_out" if shares and can_split and size >= limit else "oob"


def loss_score(
    loss: WeightedLoss,
    output_of: Callable[[Any], NDArray[Any]],
    target: NDArray[Any],
    weight: NDArray[Any] | None,
) -> Callable[[Any], float]:
    """Return a function that scores a network by minus the loss of rows that did not train
    it; their outputs and targets are in the units that it learns."""
    import torch

    targets = torch.from_numpy(target)
    of_rows = None if weight is None else torch.from_numpy(weight)

    def score(network: Any) -> float:
        output = torch.from_numpy(output_of(network))
        return _finite(-loss.average(output, targets, of_rows))

    return score


def out_of_bag_loss_score(loss: WeightedLoss, dataset: Any) -> Callable[[Any], float]:
    """Return a function that scores a network by minus its loss out of bag."""
    from ..training.out_of_bag import OutOfBagRows, out_of_bag_loss

    rows = OutOfBagRows(dataset)
    return lambda network: _finite(-out_of_bag_loss(network, rows, loss))


def scorer_score(
    estimator: BaseNetwork,
    fitted_now: Callable[[Any], Any],
    validation: TrainingData,
) -> Callable[[Any], float]:
    """Return a function that scores a network by the scorer of the estimator, on rows that
    did not train it; ``fitted_now`` makes what the estimator would be fitted with."""
    X = validation.X[validation.row_numbers]
    y, weight = estimator._decode_target(validation.target()), validation.weight()
    judge = weighted_scorer(estimator, estimator.scoring)

    def score(network: Any) -> float:
        judged = copy.copy(estimator)
        judged._fitted = fitted_now(network)
        return _score_of(estimator, judge(judged, X, y, weight))

    return score


def out_of_bag_scorer_score(
    estimator: BaseNetwork,
    fitted_now: Callable[[Any], Any],
    dataset: Any,
    in_use: Callable[[OutOfBag], OutOfBag],
) -> Callable[[Any], float]:
    """Return the same out of bag; ``in_use`` gives what is predicted in the user's units:
    of any X, and the scorer gets None, the estimator predicts that."""
    from ..training.out_of_bag import OutOfBagRows, predict_out_of_bag

    rows, judge = OutOfBagRows(dataset), weighted_scorer(estimator, estimator.scoring)

    def score(network: Any) -> float:
        found = in_use(predict_out_of_bag(network, rows))
        judged = copy.copy(estimator)
        judged._fitted = fitted_now(network)
        judged.__dict__["_network_output"] = lambda X: found.output
        y = estimator._decode_target(found.target)
        return _score_of(estimator, judge(judged, None, y, found.weight))

    return score


def weighted_scorer(estimator: Any, scoring: Any) -> Callable[[Any, Any, Any, Any], float]:
    """Return ``scorer(estimator, X, y, weight)``, which leaves weights out if its metric
    takes none."""
    scorer = check_scoring(estimator, scoring)
    # scikit-learn's scorers take weights, and give them to metrics that may not.
    accepted = signature(getattr(scorer, "_score_func", scorer)).parameters
    takes_weight = "sample_weight" in accepted or any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()
    )

    def score(fitted: Any, X: Any, y: Any, weight: Any) -> float:
        if weight is None or not takes_weight:
            return scorer(fitted, X, y)
        return scorer(fitted, X, y, sample_weight=weight)

    return score


def _score_of(estimator: BaseNetwork, score: Any) -> float:
    """Return what a scorer gave as a float; refuse what is no number."""
    try:
        return _finite(float(score))
    except (TypeError, ValueError):
        raise TypeError(
            f"scoring={estimator.scoring!r} must return a number; it returned "
            f"{type(score).__name__}."
        ) from None


def _finite(score: float) -> float:
    return score if math.isfinite(score) else -math.inf
