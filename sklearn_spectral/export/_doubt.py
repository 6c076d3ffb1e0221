"""Outputs of an ONNX model that say how sure it is: ends of intervals, and sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from ..estimators.conformal import METHODS

LEAST_OPSET = 16
"""The version of ONNX's operators from which on they compare numbers of both types."""


def add_doubt(model: Any, network: Any, coverage: float) -> None:
    """Add ``lower`` and ``upper``, or ``set``, behind the outputs that there are."""
    from onnx import TensorProto, helper

    graph, of_classes = model.graph, is_classifier(network)
    names = ("set",) if of_classes else ("lower", "upper")
    if taken := sorted({value.name for value in graph.input} & {*names}):
        raise ValueError(
            f"coverage adds outputs named {names}, and the input has columns of the same "
            f"names: {taken}. Rename these."
        )
    version = max(each.version for each in model.opset_import if not each.domain)
    if version < LEAST_OPSET:
        raise ValueError(
            f"coverage needs target_opset={LEAST_OPSET} or newer; got {version}."
        )
    largest = network._largest_believed("coverage", coverage)
    source = graph.output[1 if of_classes else 0]
    write = _Writer(graph, source.name, source.type.tensor_type.elem_type)
    added: tuple[str, ...]
    if of_classes:
        added = (_set(write, network, largest),)
    else:
        added = _ends(write, network, largest, coverage)
    kind: int = TensorProto.BOOL if of_classes else write.type
    n_columns = len(network.classes_) if of_classes else network.n_outputs_
    n_rows = source.type.tensor_type.shape.dim[0]
    rows = n_rows.dim_param or n_rows.dim_value or None
    for name, inner in zip(names, added, strict=True):
        graph.node.append(helper.make_node("Identity", [inner], [name]))
        graph.output.append(helper.make_tensor_value_info(name, kind, [rows, n_columns]))


def _set(write: _Writer, network: Any, largest: Any) -> str:
    """Write which classes are in the sets; as `SetsMixin._set` of method "lac"."""
    strange = write("Sub", write.number(1.0), write.source)
    inside = write("LessOrEqual", strange, write.number(largest[METHODS["lac"]]))
    if network._has_many_labels:
        return inside
    # The most probable one always is.
    one = write.constant(np.array([1], np.int64))
    most = write("TopK", write.source, one, n_more=1, axis=1)
    return write("Or", inside, write("Equal", write.source, most))


def _ends(write: _Writer, network: Any, width: Any, coverage: float) -> tuple[str, str]:
    """Write the ends of the intervals; as `IntervalsMixin._interval`."""
    if network._n_levels == 1:
        middle = write.source
        half = write.number(width)
        if network._power:
            powers = write("Pow", middle, write.number(network._power))
            half = write("Mul", half, powers)
        low, high = write("Sub", middle, half), write("Add", middle, half)
    else:
        levels = np.array(network._levels)
        places = np.arange(network._n_network_outputs()).reshape(-1, len(levels))
        pair, width = network._nearest_pair(width, coverage)
        low, high = (
            write("Gather", write.source, write.constant(places[:, each]), axis=1)
            for each in (pair, len(levels) - 1 - pair)
        )
        half = write.number(width)
        low, high = write("Sub", low, half), write("Add", high, half)
        if np.isfinite(width).all():
            middle = write("Mul", write("Add", low, high), write.number(0.5))
            low, high = write("Min", low, middle), write("Max", high, middle)
    if network._link.activation == "exp":
        low = write("Max", low, write.number(0.0))
    return low, high


class _Writer:
    """Appends operators to a graph, under names that are not taken."""

    def __init__(self, graph: Any, source: str, kind: int) -> None:
        self.graph, self.source, self.type = graph, source, kind
        self.taken = names_in(graph)

    def __call__(
        self, op_type: str, *inputs: str, n_more: int = 0, **attributes: Any
    ) -> str:
        """Write an operator; return the name of its first output."""
        from onnx import helper

        names = [self._name(op_type.lower()) for _ in range(n_more + 1)]
        node = helper.make_node(op_type, list(inputs), names, **attributes)
        self.graph.node.append(node)
        return names[0]

    def number(self, values: Any) -> str:
        """Write numbers of the type of the source; return their name."""
        from onnx import helper

        dtype = helper.tensor_dtype_to_np_dtype(self.type)
        return self.constant(np.atleast_1d(np.asarray(values, dtype)))

    def constant(self, values: Any) -> str:
        """Write an array; return its name."""
        from onnx import numpy_helper

        name = self._name("constant")
        self.graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def _name(self, stem: str) -> str:
        name, number = f"doubt_{stem}", 0
        while name in self.taken:
            number += 1
            name = f"doubt_{stem}_{number}"
        self.taken.add(name)
        return name


def names_in(graph: Any) -> set[str]:
    """Return the names of all values in a graph."""
    names = {value.name for value in (*graph.input, *graph.initializer)}
    return names | {name for node in graph.node for name in node.output}
