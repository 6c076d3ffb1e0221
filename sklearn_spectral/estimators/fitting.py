"""How a fit goes: made ready, trained by itself or beside others, stored."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, cast

from ..fitted.network import FittedNetwork
from ..training.outcome import caller_level, warn_or_reraise
from .fit_callbacks import FitTasks
from .fit_run import FitRun
from .stopping import StopsBy

if TYPE_CHECKING:
    from .base import BaseNetwork


def train_alone(run: FitRun, training: Generator[FitRun, None, None]) -> None:
    """Train what a training yielded by itself, and have it go on to its end."""
    try:
        run.train()
    except BaseException as error:
        training.throw(error)
    next(training, None)


class FittingMixin:
    """What trains an estimator; to stand before its other bases."""

    fit: Callable[..., Any]
    max_iter: int
    warm_start: bool
    _fitted: FittedNetwork
    _out_of_bag_name: ClassVar[str]
    _check_bags: Callable[..., None]
    _schedule: Callable[[bool, StopsBy], str]
    _training_data: Callable[..., Any]
    _validate_params: Callable[[], None]
    _validation_data: Callable[[Any, Any], Any]
    __sklearn_is_fitted__: Callable[[], bool]

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        *,
        partial: bool = False,
        classes: Any = None,
        groups: Any = None,
    ) -> None:
        """Train from the start or go on, then store the outcome and report on it."""
        how = {"partial": partial, "classes": classes, "groups": groups}
        training = self._training(X, y, sample_weight, X_val, y_val, **how)
        train_alone(next(training), training)

    def _fit_beside(self, *args: Any, **kwargs: Any) -> Generator[FitRun, None, None]:
        """Yield the run of what ``fit`` does with these arguments; see `_training`."""
        given = signature(type(self).fit).bind(self, *args, **kwargs).arguments
        names = ("X", "y", "sample_weight", "X_val", "y_val")
        self._validate_params()
        return self._training(
            *map(given.get, names), partial=False, classes=None, groups=given.get("groups")
        )

    def _training(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        X_val: Any,
        y_val: Any,
        *,
        partial: bool,
        classes: Any,
        groups: Any,
    ) -> Generator[FitRun, None, None]:
        """Yield a run that is ready; go on when it has trained, here or beside others."""
        tasks = None
        if not partial:
            tasks = FitTasks(self, X, y, sample_weight, max_subtasks=self.max_iter)
        with self._unchanged_on_failure():
            resume = self.__sklearn_is_fitted__() and (partial or self.warm_start)
            if resume and self._fitted.arrays is None:
                raise ValueError(
                    f"This {type(self).__name__} was saved with compact=True, so that it "
                    "cannot be trained further. Load a file saved with compact=False, or "
                    "fit anew with warm_start=False."
                )
            data = self._training_data(
                X,
                y,
                sample_weight,
                reset=not resume,
                partial=partial,
                classes=classes,
                groups=groups,
            )
            self._check_bags(X_val, groups, partial=partial)
            validation = self._validation_data(X_val, y_val)
            run = FitRun(
                cast("BaseNetwork", self),
                data,
                validation,
                tasks,
                resume=resume,
                partial=partial,
            )
            with closing(run):
                run.prepare()
                yield run
                run.finish()
        if tasks is not None:
            tasks.end()
        scheduled = self._schedule(partial, run.stops_by) == "one_cycle"
        warn_or_reraise(
            run.outcome,
            constant=None if partial else run.best_constant(),
            all_epochs_expected=scheduled or run.stops_by is not None,
            from_start=not resume,
        )
        if run.why_seen is not None and not partial:
            warnings.warn(
                f"There are no oob_score_ and {self._out_of_bag_name}: training went on "
                f"from weights that {run.why_seen}. To have them, fit anew: with "
                "warm_start=False.",
                UserWarning,
                caller_level(),
            )

    @contextmanager
    def _unchanged_on_failure(self) -> Iterator[None]:
        """Bring all attributes back if the body raises: nothing is half-written."""
        before = vars(self).copy()
        try:
            yield
        except BaseException:
            if "_net" not in vars(self):
                before.pop("_net", None)
            self.__dict__ = before
            raise
