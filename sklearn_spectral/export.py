"""Fitted estimators as ONNX models, alone or within a pipeline.

skl2onnx puts the models together; here is what it needs to know of these estimators.
"""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_selection import SelectorMixin
from sklearn.multiclass import OneVsOneClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .baselines import DirectClassifier, DirectRegressor
from .estimators.base import BaseNetwork
from .estimators.classifier import SpectralClassifier
from .estimators.regressor import SpectralRegressor
from .estimators.unwrap import delegate, innermost
from .pruning import SpectralPruner
from .spec.activations import ACTIVATIONS

__all__ = ["register_converters", "to_onnx"]

_NETWORKS = (SpectralClassifier, DirectClassifier, SpectralRegressor, DirectRegressor)
_SWITCHES = ("nocl", "output_class_labels", "raw_scores", "single_score")
_OPTIONS = {"zipmap": [True, False, "columns"], **{n: [True, False] for n in _SWITCHES}}


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
        One of this package, fitted; or a Pipeline, a search or an ensemble that has one
        inside, as far as skl2onnx knows the rest. Of a `SpectralPruner` the small network
        is taken, of a search the best estimator.
    X : array-like or dataframe of shape (n_samples, n_features), optional
        Some input, from which the type of the model's input is seen: any type of numbers
        that ``fit`` takes. Given a frame, a pipeline has an input for each column, of the
        type of numpy that the column has.
    initial_types : list of (str, object), optional
        The inputs as skl2onnx describes them, instead of X. Without both, there is one
        input ``X`` of the type that the network has.
    target_opset : int or dict, optional
        The version of ONNX's operators; skl2onnx's newest by default.
    options : dict, optional
        Of skl2onnx's converters. Unless they name ``zipmap``, a classifier gives an array
        of probabilities instead of a list of dicts.

    Returns
    -------
    onnx.ModelProto
        The model; ``model.SerializeToString()`` is what a file holds.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    TypeError
        If X is the name of a file, or skl2onnx does not know an estimator inside.
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
    >>> network = SpectralClassifier(20, linear_expansion=200, max_iter=20, random_state=0)
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
    last = estimator
    while isinstance(last, Pipeline):
        last = last[-1]
    is_double = isinstance(last, _NETWORKS) and last.coefs_[0].dtype == np.float64
    given: dict[str, Any] = {}
    if initial_types is None:
        floating = DoubleTensorType if is_double else FloatTensorType
        if X is None:
            initial_types = [("X", floating([None, estimator.n_features_in_]))]
        elif isinstance(estimator, Pipeline) and hasattr(X, "columns"):
            X, given = _columns(X, np.float64 if is_double else np.float32)
        else:
            X = np.asarray(X)  # one input; a pipeline may treat columns in different ways
            if X.dtype not in (np.float32, np.float64) and X.dtype.kind in "biuf":
                given = {"X": X.dtype}
                initial_types = [("X", floating([None, X.shape[1]]))]
    try:
        model = skl2onnx.to_onnx(
            estimator,
            X[:1] if initial_types is None else None,
            initial_types=initial_types,
            target_opset=target_opset,
            options=_all_options(estimator, last, options),
        )
    except KeyError as error:
        if not isinstance(error.args[0], type):
            raise
        raise TypeError(
            f"skl2onnx has no converter for {error.args[0].__name__}, which is inside of "
            f"this {type(estimator).__name__}. Replace it by an estimator that skl2onnx "
            "knows, or register a converter for it."
        ) from error
    _take_types(model, given)
    return model


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
    for each in (*_NETWORKS, SpectralPruner):
        is_pruner = each is SpectralPruner  # of a classifier or a regressor
        update_registered_converter(
            each,
            f"SklearnSpectral{each.__name__}",
            _shapes,
            _convert,
            parser=_parse_pruner if is_pruner else None,
            options=_OPTIONS if is_pruner or issubclass(each, ClassifierMixin) else None,
        )


def _unwrapped(estimator: Any) -> Any:
    """Take what predicts out of searches and pruners, also those in a pipeline."""
    if (inner := delegate(estimator)) is not None:
        return _unwrapped(inner)
    if isinstance(estimator, Pipeline):
        steps = [(name, _unwrapped(step)) for name, step in estimator.steps]
        if steps != estimator.steps:  # else it stays, for options by its id
            return Pipeline(steps)
    return estimator


# ---- what skl2onnx takes beside the estimator ----


def _all_options(estimator: Any, last: Any, options: Any) -> dict[int | type, Any]:
    """Return the options of all estimators inside; those of the user take precedence."""
    from skl2onnx.common.utils_sklearn import enumerate_model_names

    merged: dict[Any, Any] = dict(_inner_options(estimator, {}))
    given: list[tuple[Any, dict[str, Any]]] = []
    for key, value in ({} if options is None else options).items():
        if not isinstance(key, str):
            given.append((key, value))
            continue
        # As skl2onnx reads names, which it does not mix with other keys.
        names = {"": estimator, **dict(enumerate_model_names(estimator))}
        where, _, option = (key, "", "") if key in names else key.rpartition("__")
        if where not in names:
            raise ValueError(
                f"options name {key!r}, but there is no {where!r} in this "
                f"{type(estimator).__name__}; it has {sorted(names)[1:]}."
            )
        given.append((id(names[where]), {option: value} if option else value))
    has_classes = is_classifier(last) and not isinstance(last, SelectorMixin)
    if has_classes and not any("zipmap" in value for _, value in given):
        given.insert(0, (id(last), {"zipmap": False}))
    for key, value in given:
        merged[key] = {**merged.get(key, {}), **value}
    return merged


def _inner_options(estimator: Any, options: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    """Yield the options of all networks inside by their ids, from those of the outer."""
    if isinstance(estimator, (*_NETWORKS, SpectralPruner)):
        if options:
            yield id(estimator), options
        return
    if isinstance(estimator, Pipeline):
        # A selector counts as a classifier if it has one, but takes no options.
        yield from ((id(step), {}) for _, step in estimator.steps[:-1])
    for inner, passed_on in _options_inside(estimator, options):
        yield from _inner_options(inner, passed_on)


def _options_inside(estimator: Any, options: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Return what is directly in an estimator, with its options: ``raw_scores`` if scores
    are calibrated, stacked or compared. skl2onnx stops at pipelines and searches.
    """
    is_pipeline = isinstance(estimator, Pipeline)
    inner = estimator.steps[-1][1] if is_pipeline else delegate(estimator)
    if inner is not None:
        return [(inner, options)]
    if isinstance(estimator, StackingClassifier):
        scores = {"raw_scores": True, "single_score": len(estimator.classes_) == 2}
        pairs = zip(estimator.estimators_, estimator.stack_method_, strict=True)
        return [
            *((each, scores if by == "decision_function" else {}) for each, by in pairs),
            (estimator.final_estimator_, options),
        ]
    if isinstance(estimator, CalibratedClassifierCV | OneVsOneClassifier):
        options = {"raw_scores": True}
    elif isinstance(estimator, VotingClassifier):
        options = {}
    options = {name: value for name, value in options.items() if name != "single_score"}
    inside = [each.estimator for each in getattr(estimator, "calibrated_classifiers_", ())]
    return [(each, options) for each in (*inside, *getattr(estimator, "estimators_", ()))]


def _columns(X: Any, number: Any) -> tuple[Any, dict[str, Any]]:
    """Return a row whose numbers are of one type, and the types that its columns have:
    skl2onnx would round columns of several types that meet in one transformer.
    """
    if not hasattr(X, "iloc"):  # polars, of which skl2onnx does not know
        import pandas as pd

        X = pd.DataFrame({name: X[name].to_numpy() for name in X.columns})
    # Nullable types of pandas, and those of Arrow, have one of numpy.
    given = {name: getattr(each, "numpy_dtype", each) for name, each in X.dtypes.items()}
    row = X[:1].copy()
    for name, dtype in given.items():
        if getattr(dtype, "kind", "O") in "iuf":
            row[name] = np.zeros(1, number)
    return row, given


def _take_types(model: Any, given: dict[str, Any]) -> None:
    """Give the inputs the types that the user's data have, and cast from them."""
    from onnx import helper

    casts, graph = [], model.graph
    taken = {each.name for each in (*graph.input, *graph.initializer)}
    taken |= {name for node in graph.node for name in node.output}
    for value in graph.input:
        dtype, tensor = given.get(value.name), value.type.tensor_type
        if getattr(dtype, "kind", "O") not in "biuf":
            continue
        wanted = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        if wanted == tensor.elem_type:
            continue
        inner = f"{value.name}_as_given"
        while inner in taken:
            inner += "_"
        taken.add(inner)
        for node in model.graph.node:
            node.input[:] = [inner if name == value.name else name for name in node.input]
        casts.append(helper.make_node("Cast", [value.name], [inner], to=tensor.elem_type))
        tensor.elem_type = wanted
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


# ---- converters ----


def _parse_pruner(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare the outputs of a pruner, those of a classifier or of a regressor."""
    from skl2onnx import get_model_alias
    from skl2onnx.common.data_types import FloatTensorType

    operator = scope.declare_local_operator(get_model_alias(type(model)), model)
    operator.inputs = inputs
    names = ("label", "probabilities") if is_classifier(model) else ("variable",)
    for name in names:  # `_shapes` sets the types
        operator.outputs.append(scope.declare_local_variable(name, FloatTensorType()))
    return operator.outputs


def _shapes(operator: Any) -> None:
    """Set the types and shapes of the outputs: floats are of the type of the input."""
    from skl2onnx.common import data_types

    given, network = operator.inputs[0], innermost(operator.raw_operator)
    is_double = isinstance(given.type, data_types.DoubleTensorType)
    number = data_types.DoubleTensorType if is_double else data_types.FloatTensorType
    n_rows = given.get_first_dimension()
    if not is_classifier(network):
        operator.outputs[0].type = number([n_rows, network.n_outputs_])
        return
    is_text = np.asarray(network.classes_).dtype.kind not in "biuf"
    label = data_types.StringTensorType if is_text else data_types.Int64TensorType
    operator.outputs[0].type = label([n_rows])
    operator.outputs[1].type = number([n_rows, len(network.classes_)])


def _convert(scope: Any, operator: Any, container: Any) -> None:
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
    is_binary, scores = len(estimator.classes_) == 2, logits
    if is_binary:
        zero = constant("zero", number, [0.0])
        winner = emit("Cast", emit("Greater", logits, zero), to=TensorProto.INT64)
        if not options["single_score"]:
            scores = emit("Concat", emit("Neg", logits), logits, axis=1)
    else:
        winner = emit("ArgMax", logits, axis=1, keepdims=1)
    if not options["raw_scores"]:
        scores = emit("Sigmoid", scores) if is_binary else emit("Softmax", scores, axis=1)
    emit("Cast", scores, into=last, to=to)
    flat = emit("Reshape", winner, constant("flat", TensorProto.INT64, [-1]))
    classes = constant("classes", *_labels(scope, operator))
    emit("Gather", classes, flat, into=operator.outputs[0].full_name, axis=0)


class _Graph:
    """`spec.activations.Graph` by skl2onnx; its numbers are of one type of ONNX."""

    def __init__(self, scope: Any, container: Any, number_type: int) -> None:
        self.scope, self.container, self.number_type = scope, container, number_type

    def emit(
        self, op_type: str, *inputs: str, into: str | None = None, **attributes: Any
    ) -> str:
        """Write an operator; return the name of its output."""
        if into is None:
            into = self.scope.get_unique_variable_name(op_type.lower())
        name = self.scope.get_unique_operator_name(op_type)
        self.container.add_node(op_type, list(inputs), into, name=name, **attributes)
        return into

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
                f"ONNX has labels that are 64-bit integers or text; {classes.tolist()[:5]} "
                "would be changed. Fit with labels such as these as strings."
            )
        return TensorProto.INT64, integers
    if not all(isinstance(label, str) for label in classes):
        raise ValueError(
            f"ONNX has labels that must be all integers or all strings; got "
            f"{classes.tolist()[:5]}. Fit with labels such as these as strings."
        )
    return TensorProto.STRING, [label.encode("utf-8") for label in classes]


def __dir__() -> list[str]:
    return sorted(__all__)
