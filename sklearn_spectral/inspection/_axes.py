"""Axes to draw on, and what may be drawn."""

from __future__ import annotations

from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted

from ..estimators.fitted_attributes import FittedAttributesMixin
from ..estimators.spectral import BaseSpectral


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
    """Return keyword arguments for matplotlib, those given before the defaults.

    Parameters
    ----------
    artist : str
        A class of ``matplotlib``, for the other names that keywords have.
    given : dict
        What the user wants.
    **defaults
        What is taken otherwise.

    Returns
    -------
    dict
        All of them, by their full names.
    """
    from matplotlib import cbook, lines

    if artist == "Line2D":
        given = cbook.normalize_kwargs(given, lines.Line2D)
    if "norm" in given:  # which brings its own limits
        defaults = {n: v for n, v in defaults.items() if n not in ("vmin", "vmax")}
    return {**defaults, **given}


def innermost(estimator: Any) -> Any:
    """Return the model at the end of pipelines, searches and other wrappers.

    Parameters
    ----------
    estimator : estimator
        A fitted one.

    Returns
    -------
    estimator
        The fitted model.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    """
    check_is_fitted(estimator)
    while not isinstance(estimator, FittedAttributesMixin):
        if hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
            continue
        within = (getattr(estimator, name, None) for name in _WRAPPED)
        # An ensemble has a template that is never fitted.
        found = [inner for inner in within if inner is not None and _is_fitted(inner)]
        if not found:
            return estimator
        estimator = found[0]
    return estimator


def input_names(estimator: Any, given: Any = None) -> Any:
    """Return what the inputs of the network in an estimator are called.

    Parameters
    ----------
    estimator : estimator
        As for `network_in`.
    given : sequence of str, optional
        Names of its own inputs, if something before it knows them.

    Returns
    -------
    sequence of str or None
        What the steps before the network make of the names that the outermost estimator
        was fitted with; None if nothing knows them.
    """
    given = getattr(estimator, "feature_names_in_", given)
    if isinstance(estimator, FittedAttributesMixin):
        return given
    if hasattr(estimator, "steps"):
        before = estimator[:-1]
        if len(before):
            try:
                given = before.get_feature_names_out(given)
            except (AttributeError, ValueError, TypeError):  # a step has no names for them
                given = None
        return input_names(estimator[-1], given)
    if isinstance(estimator, SelectorMixin):
        given = estimator.get_feature_names_out(given)
    for name in _WRAPPED:
        if hasattr(estimator, name):
            return input_names(getattr(estimator, name), given)
    return given


_WRAPPED = ("best_estimator_", "regressor_", "estimator_")


def _is_fitted(estimator: Any) -> bool:
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True


def network_in(estimator: Any) -> Any:
    """Return the fitted network of this package in an estimator.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of this package, or a pipeline, search or pruner around one.

    Returns
    -------
    estimator
        The fitted network.

    Raises
    ------
    TypeError
        If there is none in it.
    NotFittedError
        If it is not fitted.
    """
    found = innermost(estimator)
    if not isinstance(found, FittedAttributesMixin):
        raise TypeError(
            "This display takes a fitted estimator of sklearn_spectral, or a pipeline, "
            f"search or pruner around one; got {type(found).__name__}."
        )
    return found


def spectral_network_in(estimator: Any) -> Any:
    """Return the fitted spectral network in an estimator.

    Parameters
    ----------
    estimator : estimator
        As for `network_in`.

    Returns
    -------
    estimator
        A fitted `SpectralClassifier` or `SpectralRegressor`.

    Raises
    ------
    TypeError
        If there is none in it, or one in direct space.
    AttributeError
        If it was saved with ``compact=True`` and holds the retracted network only.
    NotFittedError
        If it is not fitted.
    """
    found = network_in(estimator)
    if not isinstance(found, BaseSpectral):
        raise TypeError(
            f"{type(found).__name__} is trained in direct space and has no eigenvalues; "
            "this display takes a SpectralClassifier or a SpectralRegressor."
        )
    check_is_fitted(found)
    found._fitted.complete()  # or the error of a compact model, which has no such network
    return found
