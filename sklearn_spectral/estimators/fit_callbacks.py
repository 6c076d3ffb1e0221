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
    """The tasks of one fit, of which the callbacks of an estimator hear.

    ``X``, ``y`` and the weights are as they were given; ``max_subtasks`` may be unknown.
    """

    def __init__(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any, max_subtasks: int | None
    ) -> None:
        self._root = None
        self._given: dict[str, Any] = {"estimator": estimator, "X": X, "y": y}
        if sample_weight is not None:
            self._given["metadata"] = {"sample_weight": sample_weight}
        if hasattr(estimator, "_init_callback_context"):
            self._root = estimator._init_callback_context(max_subtasks=max_subtasks)
            self._root.call_on_fit_task_begin(**self._given)
        self.listens = hasattr(estimator, "_skl_callbacks")

    def task(self, name: str, run: Callable[[], Any], estimator: Any) -> Any:
        """Return ``run()``, a fit of another estimator, with callbacks passed on to it."""
        if self._root is None:
            return run()
        context = self._root.subcontext(task_name=name)
        with context.propagate_callback_context(estimator):
            context.call_on_fit_task_begin(**self._given)
            result = run()
            context.call_on_fit_task_end(**self._given)
        return result

    def begin_epoch(self) -> None:
        assert self._root is not None
        self._epoch = self._root.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._given)

    def end_epoch(self, attributes: Callable[[], Mapping[str, Any]]) -> bool:
        """Return whether a callback wants training to end here.

        ``attributes()`` has what the estimator would be fitted with, for those who ask.
        """
        return self._epoch.call_on_fit_task_end(
            **self._given, reconstruction_attributes=attributes
        )

    def end(self) -> None:
        if self._root is not None:
            self._root.call_on_fit_task_end(**self._given, reconstruction_attributes={})
