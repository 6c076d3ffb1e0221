"""Constraints of parameters beside those of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, KeysView
from typing import Any

from sklearn.utils._param_validation import StrOptions


class RegisteredNames(StrOptions):
    """Strings that name something in a registry, as it is when they are checked."""

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self.names = names
        super().__init__(None)

    @property
    def options(self) -> KeysView[str]:
        """The names, in their order; a view, which counts as a set."""
        return dict.fromkeys(self.names()).keys()

    @options.setter
    def options(self, _: Any) -> None:
        pass
