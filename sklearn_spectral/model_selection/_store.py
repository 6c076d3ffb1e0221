"""Scores of fits that are done, in a folder: a search that was killed goes on from them."""

from __future__ import annotations

import json
import warnings
from os import fspath
from pathlib import Path
from pickle import PicklingError

from joblib import hash as hash_of

from .._version import __version__
from ..exceptions import CheckpointWarning
from ..files.container import Path_, remove_partials, write_atomically
from ..training.outcome import caller_level
from ._fits import Fit, Search

NUMBERS = ("test_scores", "train_scores", "n_test_samples", "fit_time", "score_time")


class Store:
    """A file for each fit, named by all that its scores follow from.

    Fits that failed are not kept, so that they are tried again.
    """

    def __init__(self, folder: Path_, search: Search) -> None:
        self.folder, self._warned = Path(folder), False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                error.errno,
                f"checkpoint_dir={fspath(folder)!r} cannot be written to "
                f"({error.strerror}). Name a folder that can, or set checkpoint_dir=None.",
            ) from error
        remove_partials(self.folder)
        parts = [
            __version__,
            type(search.estimator).__name__,
            search.estimator.get_params(),
            search.X,
            search.y,
            search.scorer,
            search.fit_params,
            search.score_params,
            search.return_train_score,
        ]
        try:
            self.of_all = hash_of(parts)
        except PicklingError as error:
            raise ValueError(
                "checkpoint_dir names files by the estimator, the scorer and the data, "
                f"which have to be such as can be pickled ({error}). Define functions at "
                "the top level of a module, or set checkpoint_dir=None."
            ) from error

    def read(self, fit: Fit, search: Search) -> bool:
        """Take the scores of a fit if they are there, and tell so."""
        try:
            result = json.loads(self._path(fit, search).read_bytes())
            fit.result = {name: result[name] for name in NUMBERS if name in result}
            fit.result["fit_error"] = None
            return "test_scores" in fit.result
        except FileNotFoundError:
            return False
        except (OSError, ValueError, TypeError, KeyError) as error:
            self._warn(f"cannot be read ({error})")
            return False

    def write(self, fit: Fit, search: Search) -> None:
        """Keep the scores of a fit."""
        assert fit.result is not None
        if fit.error is not None:
            return
        numbers = {name: fit.result[name] for name in NUMBERS if name in fit.result}
        try:
            data = json.dumps(numbers, default=float).encode()
            write_atomically(self._path(fit, search), data)
        except (OSError, ValueError, TypeError) as error:
            self._warn(f"cannot be written ({error})")

    def _path(self, fit: Fit, search: Search) -> Path:
        train, test = search.splits[fit.split]
        key = hash_of([self.of_all, dict(fit.parameters), train, test])
        return self.folder / f"{key}.json"

    def _warn(self, problem: str) -> None:
        """Warn once."""
        if not self._warned:
            self._warned = True
            message = f"A file in {self.folder} {problem}; the search goes on without it."
            warnings.warn(message, CheckpointWarning, caller_level())
