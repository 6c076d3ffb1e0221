"""The operators of ONNX that make up a fitted network, written by skl2onnx's converters."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from ..estimators.base import BaseNetwork
from ..estimators.unwrap import innermost
from ..spec.activations import ACTIVATIONS


def parse_pruner(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare the outputs of a pruner, those of a classifier or of a regressor."""
    from skl2onnx import get_model_alias
    from skl2onnx.common.data_types import FloatTensorType

    operator = scope.declare_local_operator(get_model_alias(type(model)), model)
    operator.inputs = inputs
    names = ("label", "probabilities") if is_classifier(model) else ("variable",)
    for name in names:  # `set_shapes` sets the types
        operator.outputs.append(scope.declare_local_variable(name, FloatTensorType()))
    return operator.outputs


def set_shapes(operator: Any) -> None:
    """Set the types and shapes of the outputs: floats are of the type of the input."""
    from skl2onnx.common import data_types

    given, network = operator.inputs[0], innermost(operator.raw_operator)
    is_double = isinstance(given.type, data_types.DoubleTensorType)
    number = data_types.DoubleTensorType if is_double else data_types.FloatTensorType
    n_rows = given.get_first_dimension()
    if not is_classifier(network):
        operator.outputs[0].type = number([n_rows, network._n_network_outputs()])
        return
    if network._has_many_labels:
        shape = [n_rows, len(network.classes_)]
        operator.outputs[0].type = data_types.Int64TensorType(shape)
        operator.outputs[1].type = number(shape)
        return
    is_text = np.asarray(network.classes_).dtype.kind not in "biuf"
    label = data_types.StringTensorType if is_text else data_types.Int64TensorType
    operator.outputs[0].type = label([n_rows])
    operator.outputs[1].type = number([n_rows, len(network.classes_)])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Write the retracted network as operators of ONNX."""
    from onnx import TensorProto
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    estimator = innermost(operator.raw_operator)
    given = operator.inputs[0]
    is_single = estimator.coefs_[0].dtype == np.float32
    # As in numpy: what is not of single precision on both sides is computed in double.
    is_single = is_single and isinstance(given.type, FloatTensorType)
    number = TensorProto.FLOAT if is_single else TensorProto.DOUBLE

    graph = _Graph(scope, container, number)
    emit, constant = graph.emit, graph.constant
    logits = _write_network(estimator, graph, given.full_name)
    if not is_classifier(estimator):
        dtype = np.float32 if is_single else np.float64
        logits = _write_response(estimator, graph, logits, dtype)
    wide = isinstance(operator.outputs[-1].type, DoubleTensorType)
    last = operator.outputs[-1].full_name
    to = TensorProto.DOUBLE if wide else TensorProto.FLOAT
    if not is_classifier(estimator):
        emit("Cast", logits, into=last, to=to)
        return
    # What ensembles of skl2onnx ask for: scores, of two classes both or one alone.
    options = container.get_options(
        operator.raw_operator, {"raw_scores": False, "single_score": False}
    )
    several = estimator._has_many_labels
    is_binary, scores = len(estimator.classes_) == 2 and not several, logits
    if several:
        is_positive = emit("Greater", logits, constant("zero", number, [0.0]))
        label = operator.outputs[0].full_name
        winner = emit("Cast", is_positive, into=label, to=TensorProto.INT64)
    elif is_binary:
        zero = constant("zero", number, [0.0])
        winner = emit("Cast", emit("Greater", logits, zero), to=TensorProto.INT64)
        if not options["single_score"]:
            scores = emit("Concat", emit("Neg", logits), logits, axis=1)
    else:
        winner = emit("ArgMax", logits, axis=1, keepdims=1)
    if not options["raw_scores"]:
        by_itself = is_binary or several
        scores = emit("Sigmoid", scores) if by_itself else emit("Softmax", scores, axis=1)
    emit("Cast", scores, into=last, to=to)
    if several:
        return
    flat = emit("Reshape", winner, constant("flat", TensorProto.INT64, [-1]))
    classes = constant("classes", *_labels(scope, operator))
    emit("Gather", classes, flat, into=operator.outputs[0].full_name, axis=0)


class _Graph:
    """`spec.activations.Graph` by skl2onnx; its numbers are of one type of ONNX."""

    def __init__(self, scope: Any, container: Any, number_type: int) -> None:
        self.scope, self.container, self.number_type = scope, container, number_type

    def emit(
        self,
        op_type: str,
        *inputs: str,
        into: str | None = None,
        n_more: int = 0,
        **attributes: Any,
    ) -> str:
        """Write an operator; return the name of its first output, of which there are
        ``n_more`` that nobody wants."""
        names = [
            self.scope.get_unique_variable_name(op_type.lower()) for _ in range(n_more + 1)
        ]
        names[0] = names[0] if into is None else into
        name = self.scope.get_unique_operator_name(op_type)
        self.container.add_node(op_type, list(inputs), names, name=name, **attributes)
        return names[0]

    def constant(self, name: str, onnx_type: int, values: Any) -> str:
        """Write an array; return its name."""
        name = self.scope.get_unique_variable_name(name)
        flat = np.ravel(values).tolist()
        self.container.add_initializer(name, onnx_type, list(np.shape(values)), flat)
        return name

    def number(self, value: float) -> str:
        """Write a number; return its name."""
        return self.constant("number", self.number_type, [value])


def _write_network(estimator: BaseNetwork, graph: _Graph, given: str) -> str:
    """Write the layers; return the name of the output of the last."""
    emit, constant, number = graph.emit, graph.constant, graph.number_type
    values = emit("Cast", given, to=number)
    network = estimator._fitted
    layers = list(zip(network.coefs, network.intercepts, strict=True))
    for position, (coef, intercept) in enumerate(layers):
        weight = constant("weight", number, coef)
        if coef.ndim == 2:
            product = emit("MatMul", values, weight)
        else:
            product = _write_blocks(graph, values, weight, coef.shape)
        values = emit("Add", product, constant("bias", number, intercept))
        if position < len(layers) - 1:
            values = ACTIVATIONS[network.activation].write(graph, values)
    return values


def _write_response(estimator: Any, graph: _Graph, values: str, dtype: Any) -> str:
    """Write what a regressor predicts for outputs of its network."""
    from onnx import TensorProto

    values = estimator._link.write(graph, values, dtype)
    n_levels, n_outputs = estimator._n_levels, estimator.n_outputs_
    if n_levels == 1:
        return values

    def integers(*sizes: int) -> str:
        return graph.constant("sizes", TensorProto.INT64, sizes)

    apart = graph.emit("Reshape", values, integers(0, n_outputs, n_levels))
    in_order = graph.emit(
        "TopK", apart, integers(n_levels), n_more=1, axis=-1, largest=0, sorted=1
    )
    return graph.emit("Reshape", in_order, integers(0, n_outputs * n_levels))


def _write_blocks(graph: _Graph, values: str, weight: str, shape: tuple[int, ...]) -> str:
    """Write the product of each member's nodes with its own weights; see `times_blocks`."""
    from onnx import TensorProto

    n_members, n_in, n_out = shape

    def reshaped(values: str, *sizes: int) -> str:
        # Zero is the size that there is: the number of rows.
        shape = graph.constant("shape", TensorProto.INT64, [0, *sizes])
        return graph.emit("Reshape", values, shape)

    own = graph.emit("Transpose", reshaped(values, n_members, n_in), perm=[1, 0, 2])
    product = graph.emit("Transpose", graph.emit("MatMul", own, weight), perm=[1, 0, 2])
    return reshaped(product, n_members * n_out)


def _labels(scope: Any, operator: Any) -> tuple[int, Any]:
    """Return the classes as ONNX has them, and their type: 64-bit integers or text."""
    from onnx import TensorProto
    from skl2onnx.common.utils_classifier import get_label_classes

    classes = np.asarray(get_label_classes(scope, operator.raw_operator))
    if classes.dtype.kind in "biuf":
        integers = classes.astype(np.int64)
        if integers.tolist() != classes.tolist():
            raise ValueError(
                f"Labels in ONNX are 64-bit integers or text; {classes.tolist()[:5]} would "
                "be changed. Fit with these labels as strings."
            )
        return TensorProto.INT64, integers
    if not all(isinstance(label, str) for label in classes):
        raise ValueError(
            f"Labels in ONNX must be all integers or all strings; got "
            f"{classes.tolist()[:5]}. Fit with these labels as strings."
        )
    return TensorProto.STRING, [label.encode("utf-8") for label in classes]
