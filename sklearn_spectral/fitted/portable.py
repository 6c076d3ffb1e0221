"""What pickle, joblib and skops see of a fitted estimator: a checked state."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from .._version import __version__
from ..exceptions import ModelFileError
from ..files.integrity import digest

_VERSION, _DIGESTS = "_sklearn_spectral_version", "_digests"


class PortableMixin(BaseEstimator):
    """State that says which version wrote it, with a checksum of each of its entries."""

    def _portable(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the entries of a fitted state that a file needs."""
        return state

    def __getstate__(self) -> dict[str, Any]:
        """Return the state, with checksums if there is anything fitted."""
        state: dict[str, Any] = super().__getstate__()
        if not self.__sklearn_is_fitted__():
            return state
        state = {**self._portable(state), _VERSION: __version__}
        # Of the name too: a pickle writes equal strings once, so both keys change together.
        return {**state, _DIGESTS: {n: digest(n, value) for n, value in state.items()}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a state; warn of another version, refuse one that is damaged."""
        state = dict(state)
        kind = type(self).__name__
        digests = state.pop(_DIGESTS, None)
        if digests is not None:
            changed = [
                name
                for name, expected in digests.items()
                if name not in state or digest(name, state[name]) != expected
            ]
            if changed:
                raise ModelFileError(
                    f"The saved {kind} is damaged: {', '.join(changed)} differ(s) from "
                    "what was written. Load an earlier copy, or fit again."
                )
        version = state.pop(_VERSION, None)
        super().__setstate__(state)
        if digests is None and self.__sklearn_is_fitted__():
            raise ModelFileError(
                f"The saved {kind} is damaged: its checksums are missing. Load an earlier "
                "copy, or fit again."
            )
        if version is not None and version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=kind,
                    current_sklearn_version=__version__,
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
