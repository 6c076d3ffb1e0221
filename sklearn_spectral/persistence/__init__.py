"""Saving fitted estimators to files that are small, checked, and hold no code.

`sklearn_spectral.save` and `sklearn_spectral.load` are from here."""

from __future__ import annotations

import os
from numbers import Real
from typing import Any

from sklearn.utils.validation import check_is_fitted

from ..baselines import DirectClassifier, DirectRegressor
from ..estimators.base import BaseNetwork
from ..estimators.classifier import SpectralClassifier
from ..estimators.regressor import SpectralRegressor
from ..exceptions import ModelFileError
from ..files.container import MAX_BYTES, Path_, decode, encode, read, write_atomically
from .model_file import from_file_content, to_file_content

_ESTIMATORS: dict[str, type[BaseNetwork]] = {
    each.__name__: each
    for each in (SpectralClassifier, SpectralRegressor, DirectClassifier, DirectRegressor)
}


def save(estimator: Any, path: Path_, *, compact: bool = False) -> None:
    """Write a fitted estimator to a safetensors file.

    The file holds what was trained, and the seed that regrows what was not: about four
    bytes for each trained number (eight, if it was trained on float64), and a few kilobytes
    for parameters, loss curve and checksums. The name is taken by the file only when it is
    whole; a file that was there is replaced.

    Parameters
    ----------
    estimator : SpectralClassifier, SpectralRegressor, DirectClassifier or DirectRegressor
        A fitted estimator.
    path : str or path-like
        Name of the file; ``.safetensors`` is the usual ending.
    compact : bool, default=False
        Whether to store the retracted network alone, which predicts: about four bytes
        for each of its weights, nothing to regrow when it is loaded, and no way to train
        it further.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another class (of a `SpectralPruner` save its ``estimator_``), or a
        parameter or label is of a type that a file without code cannot hold.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : The way back.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_spectral import SpectralClassifier, load, save
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SpectralClassifier(20, max_iter=20, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, Path(folder) / "iris.safetensors")
    ...     loaded = load(Path(folder) / "iris.safetensors")
    >>> bool((loaded.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    if type(estimator) not in _ESTIMATORS.values():
        raise TypeError(
            f"save takes one of {', '.join(_ESTIMATORS)}; got {type(estimator).__name__}. "
            "To save a pruner or a pipeline, save the network inside (estimator_, or the "
            "step), or use joblib, skops or ONNX."
        )
    check_is_fitted(estimator)
    if not isinstance(compact, bool):
        raise TypeError(f"compact must be True or False; got {compact!r}.")
    content, tensors = to_file_content(estimator, compact=compact)
    write_atomically(path, encode("model", content, tensors))


def load(path: Path_, *, max_bytes: int = MAX_BYTES) -> SpectralClassifier | Any:
    """Read an estimator from a file that `save` wrote.

    Nothing in the file is run or unpickled, and all of it is checked: a file that is
    damaged, or was made to do harm, is an error, in time and memory that are bounded by
    its size and by ``max_bytes``. torch is not needed.

    Parameters
    ----------
    path : str or path-like
        Name of the file.
    max_bytes : int, default=2**31
        What the file, and the network that is regrown from it, may take in memory.

    Returns
    -------
    SpectralClassifier, SpectralRegressor, DirectClassifier or DirectRegressor
        Fitted, predicting the same bits as the estimator that was saved.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ModelFileError
        If it is not an undamaged model file; its subclass `ModelVersionError` if it is
        one of a later version of the format.

    See Also
    --------
    save : What writes such files.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_spectral import load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "stranger.safetensors"
    ...     _ = path.write_bytes(b"anything at all")
    ...     load(path)
    Traceback (most recent call last):
    sklearn_spectral.exceptions.ModelFileError: '...' cannot be loaded. The file is ...
    """
    if not isinstance(max_bytes, Real):
        raise TypeError(f"max_bytes must be a number of bytes; got {max_bytes!r}.")
    # "| Any" in the type: which of them it is, only the file knows.
    data = read(path, max_bytes)
    try:
        content, tensors = decode("model", data)
        return from_file_content(
            _ESTIMATORS[content["estimator"]], content, tensors, max_bytes
        )
    except ModelFileError as error:
        raise type(error)(f"{os.fspath(path)!r} cannot be loaded. {error}") from error
    except Exception as error:  # a right checksum on what `save` never writes
        text = f"{type(error).__name__}: {error}"
        raise ModelFileError(
            f"{os.fspath(path)!r} cannot be loaded. Its content is invalid ({text[:500]})."
        ) from error
