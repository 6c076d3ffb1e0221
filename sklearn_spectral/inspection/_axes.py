"""Axes to draw on, and what may be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_selection import SelectorMixin

from ..estimators.fitted_attributes import FittedAttributesMixin
from ..estimators.spectral import BaseSpectral
from ..estimators.unwrap import delegate, innermost, nested


class Display:
    """Base of the displays: after ``plot`` they have ``ax_`` and ``figure_``."""

    ax_: Any
    figure_: Any

    def _begin(self, ax: Any) -> Any:
        """Return the axes to draw on: those given, or those of a new figure."""
        try:
            from matplotlib import pyplot
            from matplotlib.axes import Axes
        except ImportError as error:
            raise ImportError(
                f"{type(self).__name__}.plot needs matplotlib, which is not installed. "
                'Install it, for example by pip install "sklearn-spectral[plot]".'
            ) from error
        if ax is None:
            _, ax = pyplot.subplots(layout="constrained")  # legends may stand beside
        elif not isinstance(ax, Axes):
            raise TypeError(f"ax must be axes of matplotlib; got {type(ax).__name__}.")
        self.ax_, self.figure_ = ax, ax.figure
        return ax


def with_defaults(artist: str, given: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """Return the given keywords of an artist of matplotlib over defaults, by full names."""
    from matplotlib import cbook, lines

    if artist == "Line2D":
        given = cbook.normalize_kwargs(given, lines.Line2D)
    if "norm" in given:  # which brings its own limits
        defaults = {n: v for n, v in defaults.items() if n not in ("vmin", "vmax")}
    return {**defaults, **given}


def input_names(estimator: Any) -> Any:
    """Return the names of the inputs of the network in an estimator: what the steps before
    it make of those that the outermost one was fitted with; None if nothing knows them.
    """
    names = None
    for each in nested(estimator):
        names = getattr(each, "feature_names_in_", names)
        if hasattr(each, "steps") and len(before := each[:-1]):
            try:
                names = before.get_feature_names_out(names)
            except (AttributeError, ValueError, TypeError):  # a step has no names for them
                names = None
        elif isinstance(each, SelectorMixin):
            names = each.get_feature_names_out(names)
    return names


def network_in(estimator: Any, called: str) -> Any:
    """Return the fitted network of this package in an estimator; a TypeError if none is.

    ``called``: what the user called, for messages.
    """
    found = innermost(estimator)
    if not isinstance(found, FittedAttributesMixin):
        raise TypeError(
            f"{called} takes a fitted estimator of sklearn_spectral, or a pipeline, "
            f"search or pruner around one; got {type(found).__name__}."
        )
    return found


def spectral_network_in(estimator: Any, called: str) -> Any:
    """Return the same, if it has eigenvalues: neither in direct space nor compact."""
    found = network_in(estimator, called)
    if not isinstance(found, BaseSpectral):
        raise TypeError(
            f"{type(found).__name__} is trained in direct space and has no eigenvalues; "
            f"{called} takes a SpectralClassifier or a SpectralRegressor."
        )
    found._fitted.complete()  # or the error of a compact model, which has no such network
    return found


def network_and_inputs(
    estimator: Any, called: str, *inputs: Any, through: type | None = None
) -> tuple[Any, ...]:
    """Return the spectral network in an estimator, and inputs as they come to it.

    ``through``: a wrapper that hands the inputs on, as pipelines, searches and pruners do;
    messages name it instead of the last, for what only populations are good for.
    """
    network, *rest = any_network_and_inputs(estimator, called, *inputs, through=through)
    return spectral_network_in(network, called), *rest


def right_labels(model: Any, y: Any) -> NDArray[np.bool_]:
    """Return which of a classifier's labels are right, (n_rows, n_classes); labels that it
    does not have are refused."""
    y = model._check_target(y, "y")
    encoded = model._encode_target(y, reset=False)
    if model._has_many_labels:
        return encoded > 0
    return encoded[:, None] == np.arange(len(model.classes_))


def any_network_and_inputs(
    estimator: Any, called: str, *inputs: Any, through: type | None = None
) -> tuple[Any, ...]:
    """Return the same of any network, in direct space and compact ones too."""
    known = (FittedAttributesMixin, *(() if through is None else (through,)))
    last = "pruner" if through is None else through.__name__
    for each in nested(estimator):
        if hasattr(each, "steps"):
            if len(before := each[:-1]):
                inputs = tuple(before.transform(X) for X in inputs)
        elif not isinstance(each, known) and delegate(each) is None:
            raise TypeError(
                f"{called} takes a fitted SpectralClassifier or SpectralRegressor, or a "
                f"pipeline, search or {last} around one; got {type(each).__name__}."
            )
    return each, *inputs
