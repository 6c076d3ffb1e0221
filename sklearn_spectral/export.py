"""Fitted estimators as ONNX models, alone or within a pipeline.

skl2onnx puts the models together; here is what it needs to know of these estimators.
"""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._activations import ACTIVATIONS
from ._base import BaseNetwork
from ._classifier import SpectralClassifier
from ._regressor import SpectralRegressor
from .baselines import DirectClassifier, DirectRegressor
from .pruning import SpectralPruner

__all__ = ["register_converters", "to_onnx"]

_CLASSIFIERS = (SpectralClassifier, DirectClassifier)
_REGRESSORS = (SpectralRegressor, DirectRegressor)


def to_onnx(
    estimator: Any,
    X: Any = None,
    *,
    initial_types: Any = None,
    target_opset: Any = None,
    options: Any = None,
) -> Any:
    """Convert a fitted estimator, or a pipeline with one inside, to an ONNX model.

    The model holds the retracted network. A classifier has the outputs ``label`` and
    ``probabilities``, an array with a column for each class; a regressor has ``variable``
    of shape (n_samples, n_outputs). Labels are those of ``predict``, probabilities those
    of ``predict_proba`` up to rounding; booleans become 0 and 1.

    Parameters
    ----------
    estimator : estimator
        One of this package, fitted, or a Pipeline of it and transformers that skl2onnx
        knows. Of a `SpectralPruner` the small network is taken, of a search the best
        estimator.
    X : array-like or dataframe of shape (n_samples, n_features), optional
        Some input, from which the type of the model's input is seen: float32 or float64.
        Given a frame, a pipeline has an input for each column.
    initial_types : list of (str, object), optional
        The inputs as skl2onnx describes them, instead of X. Without both, there is one
        input ``X`` of the type that the network has.
    target_opset : int or dict, optional
        The version of ONNX's operators; skl2onnx's newest by default.
    options : dict, optional
        Of skl2onnx's converters. By default classifiers of this package give an array of
        probabilities instead of a list of dicts (``{"zipmap": False}``).

    Returns
    -------
    onnx.ModelProto
        The model; ``model.SerializeToString()`` is what a file holds.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    TypeError
        If X is the name of a file.
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If labels are neither strings nor 64-bit integers (booleans and floats that are
        whole are taken as such).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.export import to_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> network = SpectralClassifier(20, 200, max_iter=20, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), network).fit(X, y)
    >>> model = to_onnx(pipeline, X)
    >>> [output.name for output in model.graph.output]
    ['label', 'probabilities']
    """
    if isinstance(X, str | PathLike):
        raise TypeError(
            f"X is some input, to see its type; got {X!r}. to_onnx returns the model: "
            "write model.SerializeToString() to a file."
        )
    register_converters()
    import skl2onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    check_is_fitted(estimator)
    estimator = _unwrapped(estimator)
    if X is not None and not (isinstance(estimator, Pipeline) and hasattr(X, "columns")):
        X = np.asarray(X)  # one input; a pipeline may treat columns in different ways
    if X is None and initial_types is None:
        network = estimator
        while isinstance(network, Pipeline):
            network = network[-1]
        coefs = getattr(network, "coefs_", None)
        is_single = coefs is None or coefs[0].dtype == np.float32
        kind = FloatTensorType if is_single else DoubleTensorType
        initial_types = [("X", kind([None, estimator.n_features_in_]))]
    options = {
        **{kind: {"zipmap": False} for kind in _CLASSIFIERS},
        **({} if options is None else options),
    }
    return skl2onnx.to_onnx(
        estimator,
        None if X is None else X[:1],
        initial_types=initial_types,
        target_opset=target_opset,
        options=options,
    )


def register_converters() -> None:
    """Tell skl2onnx of the estimators of this package.

    `to_onnx` does so itself; call this to use ``skl2onnx.to_onnx`` or
    ``skl2onnx.convert_sklearn``, as for a network inside another ensemble.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    >>> import skl2onnx
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.export import register_converters
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SpectralClassifier(20, max_iter=20, random_state=0).fit(X, y)
    >>> register_converters()
    >>> [output.name for output in skl2onnx.to_onnx(model, X[:1]).graph.output]
    ['output_label', 'output_probability']
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            "ONNX export needs skl2onnx and onnx; install them with "
            'pip install "sklearn-spectral[onnx]".'
        ) from error
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes

    for kind in _CLASSIFIERS:
        update_registered_converter(
            kind,
            f"SklearnSpectral{kind.__name__}",
            calculate_linear_classifier_output_shapes,
            _convert,
            options={"zipmap": [True, False, "columns"], "nocl": [True, False]},
            overwrite=True,
        )
    for regressor in _REGRESSORS:
        update_registered_converter(
            regressor,
            f"SklearnSpectral{regressor.__name__}",
            _regressor_shape,
            _convert,
            overwrite=True,
        )


def _unwrapped(estimator: Any) -> Any:
    """Take what was found out of searches, and the small network out of pruners."""
    if hasattr(estimator, "best_estimator_"):
        return _unwrapped(estimator.best_estimator_)
    if isinstance(estimator, SpectralPruner):
        return estimator.estimator_
    if isinstance(estimator, Pipeline):
        return Pipeline([(name, _unwrapped(step)) for name, step in estimator.steps])
    return estimator


def _regressor_shape(operator: Any) -> None:
    """Say that there is a column for each target, in the type of the input."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    given = operator.inputs[0]
    is_double = isinstance(given.type, DoubleTensorType)
    kind = DoubleTensorType if is_double else FloatTensorType
    n_outputs = operator.raw_operator.n_outputs_
    operator.outputs[0].type = kind([given.get_first_dimension(), n_outputs])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Write the retracted network as operators of ONNX."""
    from onnx import TensorProto
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    estimator: BaseNetwork = operator.raw_operator
    given = operator.inputs[0]
    is_single = estimator.coefs_[0].dtype == np.float32
    # As in numpy: what is not of single precision on both sides is computed in double.
    is_single = is_single and isinstance(given.type, FloatTensorType)
    number = TensorProto.FLOAT if is_single else TensorProto.DOUBLE

    graph = _Graph(scope, container, number)
    emit, constant = graph.emit, graph.constant
    logits = _network(estimator, graph, given.full_name)
    wide = isinstance(operator.outputs[-1].type, DoubleTensorType)
    last = operator.outputs[-1].full_name
    to = TensorProto.DOUBLE if wide else TensorProto.FLOAT
    if not is_classifier(estimator):
        emit("Cast", logits, into=last, to=to)
        return
    if len(estimator.classes_) == 2:
        zero = constant("zero", number, [0.0])
        winner = emit("Cast", emit("Greater", logits, zero), to=TensorProto.INT64)
        both = emit("Concat", emit("Neg", logits), logits, axis=1)
        probabilities = emit("Sigmoid", both)
    else:
        winner = emit("ArgMax", logits, axis=1, keepdims=1)
        probabilities = emit("Softmax", logits, axis=1)
    emit("Cast", probabilities, into=last, to=to)
    labels, kind = _labels(scope, operator)
    flat = emit("Reshape", winner, constant("flat", TensorProto.INT64, [-1]))
    classes = constant("classes", kind, labels)
    emit("Gather", classes, flat, into=operator.outputs[0].full_name, axis=0)


class _Graph:
    """A model that skl2onnx is writing, whose numbers are of one type."""

    def __init__(self, scope: Any, container: Any, kind: int) -> None:
        self.scope, self.container, self.kind = scope, container, kind

    def emit(
        self, op_type: str, *inputs: str, into: str | None = None, **attributes: Any
    ) -> str:
        """Write an operator; return the name of what it gives."""
        if into is None:
            into = self.scope.get_unique_variable_name(op_type.lower())
        name = self.scope.get_unique_operator_name(op_type)
        self.container.add_node(op_type, list(inputs), into, name=name, **attributes)
        return into

    def constant(self, name: str, kind: int, values: Any) -> str:
        """Write an array; return its name."""
        name = self.scope.get_unique_variable_name(name)
        flat = np.ravel(values).tolist()
        self.container.add_initializer(name, kind, list(np.shape(values)), flat)
        return name

    def number(self, value: float) -> str:
        """Write a number; return its name."""
        return self.constant("number", self.kind, [value])


def _network(estimator: BaseNetwork, graph: _Graph, given: str) -> str:
    """Write the layers; return the name of what the last one gives."""
    emit, constant, number = graph.emit, graph.constant, graph.kind
    values = emit("Cast", given, to=number)
    layers = list(zip(estimator.coefs_, estimator.intercepts_, strict=True))
    for position, (coef, intercept) in enumerate(layers):
        product = emit("MatMul", values, constant("weight", number, coef))
        values = emit("Add", product, constant("bias", number, intercept))
        if position < len(layers) - 1:
            values = ACTIVATIONS[estimator._config["activation"]].write(graph, values)
    return values


def _labels(scope: Any, operator: Any) -> tuple[Any, int]:
    """Return the classes as ONNX has them: 64-bit integers or text."""
    from onnx import TensorProto
    from skl2onnx.common.utils_classifier import get_label_classes

    classes = np.asarray(get_label_classes(scope, operator.raw_operator))
    if classes.dtype.kind in "biuf":
        integers = classes.astype(np.int64)
        if integers.tolist() != classes.tolist():
            raise ValueError(
                f"ONNX has labels that are 64-bit integers or text; {classes.tolist()[:5]} "
                "would be changed. Fit with labels such as these as strings."
            )
        return integers, TensorProto.INT64
    return [label.encode("utf-8") for label in classes], TensorProto.STRING


def __dir__() -> list[str]:
    return sorted(__all__)
