"""What a user calls, and what skl2onnx takes beside the estimator."""

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

from ..baselines import DirectClassifier, DirectRegressor
from ..estimators.classifier import SpectralClassifier
from ..estimators.regressor import SpectralRegressor
from ..estimators.unwrap import delegate
from ..pruning import SpectralPruner
from ._converters import convert, parse_pruner, set_shapes
from ._doubt import add_doubt, names_in

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
    coverage: float | None = None,
) -> Any:
    """Convert a fitted estimator, or a pipeline with one inside, to an ONNX model.

    The model holds the retracted network. A classifier has the outputs ``label`` and
    ``probabilities``, an array with a column for each class; a regressor has ``variable``
    of shape (n_samples, n_outputs), in which quantiles of one target are neighbours. Labels
    are those of ``predict``, probabilities those of ``predict_proba`` up to rounding;
    booleans become 0 and 1.

    Parameters
    ----------
    estimator : estimator
        One of this package, fitted; or a Pipeline, a search or an ensemble that has one
        inside, as far as skl2onnx knows the rest. Of a `SpectralPruner` the small network
        is taken, of a search the best estimator.
    X : array-like or dataframe of shape (n_samples, n_features), optional
        An example of the input, for its type and width: any type of numbers that
        ``fit`` takes. Given a frame, a pipeline has an input for each column, of the
        type of numpy that the column has.
    initial_types : list of (str, object), optional
        The inputs as skl2onnx describes them, instead of X. Without both, there is one
        input ``X`` of the type that the network has.
    target_opset : int or dict, optional
        The version of ONNX's operators; skl2onnx's newest by default.
    options : dict, optional
        Of skl2onnx's converters. Unless they name ``zipmap``, a classifier gives an array
        of probabilities instead of a list of dicts.
    coverage : float, optional
        Adds how sure the model is: for a regressor the outputs ``lower`` and ``upper``,
        both (n_samples, n_outputs), that ``predict_interval`` has for this coverage;
        for a classifier ``set``, booleans (n_samples, n_classes), as from
        ``predict_set``. The last step must be an estimator of this package.

    Returns
    -------
    onnx.ModelProto
        The model; ``model.SerializeToString()`` is what a file holds.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    TypeError
        If X is the name of a file, or skl2onnx does not know an estimator inside, or
        coverage is asked for and the last step is not an estimator of this package.
    AttributeError
        If coverage is asked for and all rows trained the network.
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If labels are neither strings nor 64-bit integers (booleans and floats that are
        whole are taken as such); if coverage is asked for with scores or dicts instead of
        probabilities, or with operators before version 16.

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
            "X must be an example of the input, which shows its type and width; got "
            f"{X!r}. to_onnx returns the model: write model.SerializeToString() to a file."
        )
    register_converters()
    import skl2onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    check_is_fitted(estimator)
    estimator = _unwrapped(estimator)
    last = estimator
    while isinstance(last, Pipeline):
        last = last[-1]
    if coverage is not None:
        _check_coverage(last, options)
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
    if coverage is not None:
        add_doubt(model, last, coverage)
    _take_types(model, given)
    return model


def _check_coverage(last: Any, options: Any) -> None:
    """Refuse ``coverage`` of other estimators, and of other outputs than probabilities."""
    if not isinstance(last, _NETWORKS):
        raise TypeError(
            "coverage is for estimators of sklearn_spectral, alone or last in a pipeline; "
            f"got {type(last).__name__}."
        )
    if any(word in str(options) for word in ("zipmap", "raw_scores")):
        raise ValueError(
            "coverage needs an array of probabilities: leave zipmap and raw_scores "
            f"out of options={options!r}."
        )


def register_converters() -> None:
    """Register the estimators of this package with skl2onnx.

    `to_onnx` does so itself; call this to use ``skl2onnx.to_onnx`` or
    ``skl2onnx.convert_sklearn``, for example for a network inside an ensemble.

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
            set_shapes,
            convert,
            parser=parse_pruner if is_pruner else None,
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
    taken = names_in(graph)
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
