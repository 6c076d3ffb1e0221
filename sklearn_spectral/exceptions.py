"""Errors and warnings of this package that scikit-learn has no name for."""

__all__ = ["CheckpointWarning", "ModelFileError", "ModelVersionError"]


class ModelFileError(ValueError):
    """A saved model cannot be used: damaged, invalid, or not a model at all.

    Nothing has changed when it is raised.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_spectral import load
    >>> from sklearn_spectral.exceptions import ModelFileError
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     try:
    ...         load(empty.name)
    ...     except ModelFileError as error:
    ...         print(error)
    '...' cannot be loaded. The file is damaged or invalid: it is cut short, ...
    """


class ModelVersionError(ModelFileError):
    """A saved model is of a format that this version does not know.

    Its message names the versions that wrote the file.

    Examples
    --------
    >>> from sklearn_spectral.exceptions import ModelFileError, ModelVersionError
    >>> issubclass(ModelVersionError, ModelFileError)
    True
    """


class CheckpointWarning(UserWarning):
    """A checkpoint could not be read or written, or the solver takes none.

    The fit goes on without it.

    Examples
    --------
    To have it stop the fit instead:

    >>> import warnings
    >>> from sklearn_spectral.exceptions import CheckpointWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", CheckpointWarning)
    """


def __dir__() -> list[str]:
    return sorted(__all__)
