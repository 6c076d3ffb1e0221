"""Fitted networks in direct space as weights and biases, of any estimator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, is_classifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.validation import check_is_fitted

from .base import BaseNetwork

FOLLOWING = frozenset(
    {
        *("hidden_layer_sizes", "linear_expansion", "activation", "fit_intercept"),
        *("parametrization", "n_weights", "frozen_init", "rank", "init", "warm_start"),
    }
)
"""Parameters that follow from a network that is taken over."""

OF_LOSS = ("loss", "label_smoothing", "quantile", "huber_delta")
"""Parameters that a network which is taken over brings along."""


@dataclass(frozen=True)
class PlainNetwork:
    """A network in direct space, in the words of the estimators' parameters.

    ``coefs`` of shape (n_in, n_out) are those of all layers, the linear ones included;
    ``learnt`` is what was learnt of the data beside the network, ``units`` what stands
    around it, ``loss`` the parameters that say what its output means.
    """

    coefs: list[NDArray[Any]]
    intercepts: list[NDArray[Any]] | None
    hidden_layer_sizes: tuple[int, ...]
    linear_expansion: Any
    activation: str
    learnt: dict[str, Any]
    units: dict[str, NDArray[Any]] = field(default_factory=dict)
    loss: dict[str, Any] = field(default_factory=dict)


def plain_network(estimator: Any) -> PlainNetwork:
    """Read the network of a fitted estimator in direct space; arrays are not copied."""
    if isinstance(estimator, MLPClassifier | MLPRegressor):
        check_is_fitted(estimator)
        return _of_perceptron(estimator)
    if isinstance(estimator, BaseNetwork) and estimator._space == "direct":
        check_is_fitted(estimator)
        return _of_direct(estimator)
    raise TypeError(
        "from_direct takes a fitted DirectClassifier, DirectRegressor, MLPClassifier or "
        f"MLPRegressor; got {type(estimator).__name__}. For a torch module see "
        "sklearn_spectral.nn.spectralize."
    )


def _of_direct(estimator: BaseNetwork) -> PlainNetwork:
    from torch import nn

    from ..training.convert import to_numpy

    plain = estimator.to_network().to_linear(fold_units=False)
    layers = [module for module in plain if isinstance(module, nn.Linear)]
    fitted = estimator._fitted
    names = {"n_features_in_", "feature_names_in_", *estimator._target_attributes}
    return PlainNetwork(
        coefs=[to_numpy(layer.weight).T for layer in layers],
        intercepts=[to_numpy(layer.bias) for layer in layers] if fitted.has_bias else None,
        hidden_layer_sizes=fitted.config["hidden_layer_sizes"],
        linear_expansion=estimator.architecture_.expansion_parameter,
        activation=fitted.activation,
        units=fitted.units(),
        loss={n: getattr(estimator, n) for n in OF_LOSS if hasattr(estimator, n)},
        learnt={
            name: getattr(estimator, name) for name in names if hasattr(estimator, name)
        },
    )


def _of_perceptron(estimator: MLPClassifier | MLPRegressor) -> PlainNetwork:
    n_outputs = estimator.coefs_[-1].shape[1]
    if isinstance(estimator, MLPClassifier):
        learnt: dict[str, Any] = {"classes_": estimator.classes_}
        if estimator.out_activation_ == "logistic" and n_outputs > 1:
            learnt["_y_type"] = "indicators"
    else:
        learnt = {"n_outputs_": n_outputs, "_y_ndim": 1 if n_outputs == 1 else 2}
        learnt["_fitted_loss"] = estimator.loss
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(estimator, name):
            learnt[name] = getattr(estimator, name)
    return PlainNetwork(
        coefs=estimator.coefs_,
        intercepts=estimator.intercepts_,
        hidden_layer_sizes=tuple(coef.shape[1] for coef in estimator.coefs_[:-1]),
        linear_expansion=None,
        activation=estimator.activation,
        learnt=learnt,
        loss={"loss": estimator.loss} if "_fitted_loss" in learnt else {},
    )


def check_conversion(cls: type, estimator: Any, given: dict[str, Any], method: str) -> None:
    """Refuse the other type of target, and parameters that follow from the estimator."""
    if is_classifier(estimator) != issubclass(cls, ClassifierMixin):
        raise TypeError(
            f"{cls.__name__} cannot take over a {type(estimator).__name__}: one predicts "
            "classes, the other numbers."
        )
    fixed = sorted(FOLLOWING & given.keys())
    if fixed:
        raise ValueError(
            f"{fixed} cannot be given to {method}: they follow from the estimator. Set "
            "them on a new one and fit that."
        )
