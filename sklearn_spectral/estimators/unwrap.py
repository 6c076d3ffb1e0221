"""The model inside pipelines, searches, pruners and other wrappers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .fitted_attributes import FittedAttributesMixin


def delegate(estimator: Any) -> Any:
    """Return the fitted estimator that predicts for a search or a pruner; else None.
    Wrappers other than searches name it in ``_delegate``.
    """
    return getattr(estimator, getattr(estimator, "_delegate", "best_estimator_"), None)


def nested(estimator: Any) -> Iterator[Any]:
    """Yield a fitted estimator and what it wraps, from the outside to the model inside."""
    check_is_fitted(estimator)
    while estimator is not None:
        yield estimator
        estimator = _wrapped(estimator)


def innermost(estimator: Any) -> Any:
    """Return the model inside a fitted estimator, which may be itself."""
    *_, model = nested(estimator)
    return model


def _wrapped(estimator: Any) -> Any:
    if isinstance(estimator, FittedAttributesMixin):
        return None
    if hasattr(estimator, "steps"):
        return estimator.steps[-1][1]
    names = ("best_estimator_", "regressor_", "estimator_")
    # An ensemble has a template that is never fitted.
    within = (getattr(estimator, name, None) for name in names)
    return next((each for each in within if each is not None and _is_fitted(each)), None)


def _is_fitted(estimator: Any) -> bool:
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True
