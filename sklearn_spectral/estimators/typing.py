"""Types that several estimators share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

Seed = int | np.random.RandomState | None
"""What randomness follows from."""

Scoring = str | Callable[..., float] | None
"""What a score is by; None is the loss."""

Method = TypeVar("Method", bound=Callable[..., Any])

if TYPE_CHECKING:  # scikit-learn has no types, and what it decorates would have none

    def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]: ...

else:
    from sklearn.utils.metaestimators import available_if  # noqa: F401
