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
    """State of builtin types and arrays, with its version and a checksum of each entry."""

    def _to_state(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return the entries of a saved state for the attributes of a fitted estimator."""
        return attributes

    def _from_state(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes again."""
        return state

    def __getstate__(self) -> dict[str, Any]:
        """Return the state, with checksums if there is anything fitted."""
        state: dict[str, Any] = super().__getstate__()
        if not self.__sklearn_is_fitted__():
            return state
        state = {**self._to_state(state), _VERSION: __version__}
        # Of the name too: a pickle writes equal strings once, so both keys change together.
        return {**state, _DIGESTS: {n: digest(n, value) for n, value in state.items()}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a state; warn of another version, refuse one that is damaged."""
        state, name = dict(state), type(self).__name__
        digests = state.pop(_DIGESTS, None)
        if digests is not None:
            changed = [
                entry
                for entry, expected in digests.items()
                if entry not in state or digest(entry, state[entry]) != expected
            ]
            if changed:
                raise ModelFileError(
                    f"The saved {name} is damaged: {', '.join(changed)} differ(s) from "
                    "what was written. Load an earlier copy, or fit again."
                )
        version = state.pop(_VERSION, None)
        super().__setstate__(self._from_state(state))
        if digests is None and self.__sklearn_is_fitted__():
            raise ModelFileError(
                f"The saved {name} is damaged: its checksums are missing. Load an earlier "
                "copy, or fit again."
            )
        if version is not None and version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=name,
                    current_sklearn_version=__version__,
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
