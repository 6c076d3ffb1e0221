"""Errors and warnings of this package that scikit-learn has no name for."""

__all__ = ["CheckpointWarning", "ModelFileError", "ModelVersionError"]


class ModelFileError(ValueError):
    """A saved model cannot be used: damaged, made wrongly, or not a model at all.

    Nothing has changed when it is raised.
    """


class ModelVersionError(ModelFileError):
    """A saved model is of a format that this version does not know."""


class CheckpointWarning(UserWarning):
    """A checkpoint could not be read or written; the fit goes on without it."""
