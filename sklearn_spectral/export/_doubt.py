"""Outputs of an ONNX model that say how sure it is: ends of intervals, and sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

LEAST_OPSET = 16
"""The version of ONNX's operators from which on they compare numbers of both types."""


def add_doubt(model: Any, network: Any, coverage: float) -> None:
    """Add ``lower`` and ``upper``, or ``set``, behind the outputs that there are."""
    from onnx import TensorProto, helper

    graph = model.graph
    names = ("set",) if is_classifier(network) else ("lower", "upper")
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
    if is_classifier(network):
        (largest,) = network._largest_believed("coverage", coverage)[:1]
        source = graph.output[1]
    else:
        width = network._largest_believed("coverage", coverage)
        source = graph.output[0]
    write = _Writer(graph, source.name, source.type.tensor_type.elem_type)
    if is_classifier(network):
        found = write("Sub", write.number(1.0), write.source)
        inside = write("LessOrEqual", found, write.number(largest))
        if not network._has_many_labels:  # the most probable one always is
            one = write.constant(np.array([1], np.int64))
            most = write("TopK", write.source, one, n_more=1, axis=1)
            inside = write("Or", inside, write("Equal", write.source, most))
        outputs: dict[str, tuple[str, int, int]] = {
            "set": (inside, TensorProto.BOOL, len(network.classes_))
        }
    else:
        ends = _ends(write, network, width, coverage)
        n_outputs = network.n_outputs_
        outputs = {
            name: (end, write.type, n_outputs)
            for name, end in zip(("lower", "upper"), ends, strict=True)
        }
    n_rows = source.type.tensor_type.shape.dim[0]
    rows = n_rows.dim_param or n_rows.dim_value or None
    for name, (inner, kind, n_columns) in outputs.items():
        graph.node.append(helper.make_node("Identity", [inner], [name]))
        graph.output.append(helper.make_tensor_value_info(name, kind, [rows, n_columns]))


def _ends(write: _Writer, network: Any, width: Any, coverage: float) -> tuple[str, str]:
    """Write the ends of the intervals; as `IntervalsMixin._interval`."""
    if network._n_levels == 1:
        middle = write.source
        power = 0.0 if network._row is None else network._row.power
        half = write.number(width)
        if power:
            half = write("Mul", half, write("Pow", middle, write.number(power)))
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
        self.taken = {value.name for value in (*graph.input, *graph.initializer)}
        self.taken |= {name for node in graph.node for name in node.output}

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
