"""scikit-learn's own callbacks, where there are any: each epoch is a task of the fit.

They came with scikit-learn 1.9, where they are experimental.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand-in of a scikit-learn that has no callbacks."""


__all__ = ["CallbackSupportMixin", "FitTasks"]


class FitTasks:
    """What the callbacks of an estimator are told during one fit.

    Parameters
    ----------
    estimator : estimator
        The estimator being fitted.
    X, y : array-like
        The training data, as they were given.
    sample_weight : array-like or None
        Their weights, likewise.
    max_subtasks : int or None
        How many tasks the fit has at most; None if that is not known.
    """

    def __init__(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any, max_subtasks: int | None
    ) -> None:
        self._root = None
        self._said: dict[str, Any] = {"estimator": estimator, "X": X, "y": y}
        if sample_weight is not None:
            self._said["metadata"] = {"sample_weight": sample_weight}
        if hasattr(estimator, "_init_callback_context"):
            self._root = estimator._init_callback_context(max_subtasks=max_subtasks)
            self._root.call_on_fit_task_begin(**self._said)
        self.listens = hasattr(estimator, "_skl_callbacks")

    def task(self, name: str, run: Callable[[], Any], estimator: Any) -> Any:
        """Run a fit of another estimator as one task, and pass callbacks on to it.

        Parameters
        ----------
        name : str
            What the task is called.
        run : callable
            The fit.
        estimator : estimator
            What it fits.

        Returns
        -------
        object
            What ``run`` returned.
        """
        if self._root is None:
            return run()
        context = self._root.subcontext(task_name=name)
        with context.propagate_callback_context(estimator):
            context.call_on_fit_task_begin(**self._said)
            result = run()
            context.call_on_fit_task_end(**self._said)
        return result

    def begin_epoch(self) -> None:
        """Say that an epoch begins."""
        assert self._root is not None
        self._epoch = self._root.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._said)

    def end_epoch(self, attributes: Callable[[], Mapping[str, Any]]) -> bool:
        """Say that an epoch ended.

        Parameters
        ----------
        attributes : callable
            Returns the attributes with which the estimator is fitted, if training ended
            here; called if any callback asks for it.

        Returns
        -------
        bool
            Whether training is to end here.
        """
        return self._epoch.call_on_fit_task_end(
            **self._said, reconstruction_attributes=attributes
        )

    def end(self) -> None:
        """Say that the fit ended."""
        if self._root is not None:
            self._root.call_on_fit_task_end(**self._said, reconstruction_attributes={})
