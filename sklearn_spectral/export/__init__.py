"""Fitted estimators as ONNX models, alone or within a pipeline.

skl2onnx puts the models together; here is what it needs to know of these estimators.
"""

from ._onnx import register_converters, to_onnx

__all__ = ["register_converters", "to_onnx"]

# Errors and documentation name where users import them from.
register_converters.__module__ = to_onnx.__module__ = __name__


def __dir__() -> list[str]:
    return sorted(__all__)
