"""A fitted estimator's state as the content and tensors of a file, and back, checked.

A file may come from anybody: nothing that it says is taken before it is seen to be what a
fit leaves.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from numbers import Integral
from operator import lt
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import validate_parameter_constraints

from ..estimators.base import BaseNetwork
from ..estimators.regression import OWN
from ..exceptions import ModelFileError, ModelVersionError
from ..files.encoding import from_json, pack, to_json, unpack
from ..fitted.drawing import caption_of
from ..fitted.layers import LayerArrays, architecture_of, member_axis, up_to_date
from ..fitted.members import fed_width, merged_shapes
from ..fitted.network import FittedNetwork, with_regrown
from ..fitted.units import units_shapes
from ..spec.losses import LOSSES
from ..spec.parametrizations import PARAMETRIZATIONS, parametrization_in
from ..spec.plan import STRATEGIES, StackPlan
from ..spec.solvers import SOLVERS, check_solver_state

# Series of values, which are stored as arrays; and what not every fit leaves.
CURVES = ("loss_curve_", "validation_scores_")
SERIES = ("classes_", "feature_names_in_", "_calibration", *CURVES)
OPTIONAL = {"_scored_until", "_y_ndim", "best_validation_score_", "device_", "n_outputs_"}
OPTIONAL |= {"_bagged", "_fitted_loss", "_levels", "_y_type", "oob_score_", "temperature_"}
OF_FRAMEWORK = {"_fitted", "_net", "_sklearn_version"}
# One row for each row of the training data, which may be larger than the network.
OF_ROWS = {"oob_decision_function_", "oob_prediction_"}


def to_file_content(
    estimator: BaseNetwork, *, compact: bool
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what of a fitted estimator JSON holds, and the arrays beside it."""
    network = estimator._fitted.trimmed()
    if compact or network.arrays is None:
        network = network.compacted()
    attributes = vars(estimator)
    params = estimator.get_params(deep=False)
    defaults = {"loss": type(estimator)().get_params()["loss"]}
    for name, kinds in (("random_state", Integral), ("scoring", str), ("loss", str)):
        if not isinstance(value := params.get(name), (kinds, NoneType)):
            params[name] = defaults.get(name)
            _warn(
                f"{name}={value!r} cannot be written to a file; the saved model has "
                f"{name}={params[name]!r}. Its network is not touched by that."
            )
    # A path of this machine; and a file is not to say where others write.
    params["checkpoint_dir"] = None
    known = params.keys() | IS_VALID.keys() | {*SERIES} | OF_FRAMEWORK | OF_ROWS
    if left_out := sorted(attributes.keys() - known):
        _warn(
            f"A model file does not hold {', '.join(left_out)} of this estimator; use "
            "joblib.dump to keep them."
        )
    tensors = _network_tensors(network)
    series = {}
    for name in SERIES:
        if name in attributes:
            values = np.asarray(attributes[name])
            if name in CURVES:
                values = values.astype(np.float64)
            elif name == "_calibration":
                values = values.ravel()
            tensors[name], series[name] = _written(name, pack, values)
    state = {**attributes, **network.to_state()}
    content = {
        "estimator": type(estimator).__name__,
        "compact": network.arrays is None,
        "params": {name: _written(name, to_json, value) for name, value in params.items()},
        "state": {name: to_json(state[name]) for name in IS_VALID if name in state},
        "series": series,
        "solver": to_json(_solver_content(network, tensors)),
    }
    return content, tensors


def _network_tensors(network: FittedNetwork) -> dict[str, NDArray[Any]]:
    """Name the arrays of the extended network; of a compact one the retracted weights."""
    if network.arrays is not None:
        return {f"network.{name}": values for name, values in network.arrays.items()}
    tensors = {}
    pairs = zip(network.coefs, network.intercepts, strict=True)
    for position, pair in enumerate(pairs):
        tensors[f"coefs_.{position}"], tensors[f"intercepts_.{position}"] = pair
    if network.input_scale is not None:
        tensors["input_scale"] = network.input_scale
    return tensors


def _solver_content(
    network: FittedNetwork, tensors: dict[str, NDArray[Any]]
) -> dict[str, Any]:
    """Return the numbers that a solver goes on from; its arrays join ``tensors``."""
    solver: dict[str, Any] = {}
    for name, entries in network.solver_state.items():
        solver[name] = {}
        for key, value in entries.get(0, {}).items():
            if isinstance(value, np.ndarray):
                tensors[f"solver.{name}.{key}"] = value
            else:
                solver[name][key] = value
    return solver


def from_file_content(
    estimator_type: type[BaseNetwork],
    content: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    max_bytes: int,
) -> BaseNetwork:
    """Return the fitted estimator that a file holds; ModelFileError if no fit leaves it."""
    params = _params(estimator_type, content["params"])
    _require(params.get("checkpoint_dir") is None, "it names a folder to write to")
    estimator = estimator_type(**params)
    estimator._validate_params()
    state = {name: from_json(value) for name, value in content["state"].items()}
    for name, value in state.items():
        _require(name in IS_VALID, f"it has an attribute {name!r}")
        _require(IS_VALID[name](value), f"{name} is {_shown(value)}")
    missing = (IS_VALID.keys() - OPTIONAL) | {"loss_curve_"}
    missing -= state.keys() | content["series"].keys()
    _require(not missing, f"{sorted(missing)} missing")
    config = _checked_config(estimator_type, state["_config"], state["n_features_in_"])
    for name, how in content["series"].items():
        state[name] = _series(name, how, tensors, max_bytes)
    _check_target(estimator_type, state, config)
    if "_calibration" in state:
        n_levels = len(state.get("_levels") or (0,))
        n_kinds, several = config["out_features"], n_levels > 1
        if several:  # of each target as many as there are pairs of quantiles
            n_kinds = n_kinds // n_levels * (n_levels // 2)
        if "classes_" in state:
            n_kinds = 1 if _has_many_labels(state) else 2
        values = state["_calibration"]
        state["_calibration"] = _scores(values, n_kinds, signed=several)
    names = state.get("feature_names_in_")
    if names is not None:
        right = len(names) == config["in_features"] and names.dtype == object
        _require(
            right and all(isinstance(name, str) for name in names),
            "feature_names_in_ are not the names of the features",
        )
    network = FittedNetwork(
        estimator_type._space, config, state.pop("_seed"), [], [], plans=state.pop("_plans")
    )
    del state["_config"]
    digests = state.pop("_regrown")
    estimator.__dict__.update(state)
    _check_size(network, max_bytes)
    layers, slopes = network.layers(), network.slope_names()
    n_trained = sum(layer.n_trained() for layer in layers)
    n_trained += len(slopes) * network.n_members
    _require(n_trained == estimator.n_parameters_, "it has another number of parameters")
    if content["compact"]:
        network.coefs, network.intercepts = _retracted(network, tensors)
        if config["units"]:
            shape = (config["in_features"],)
            network.input_scale = _checked(tensors, "input_scale", shape)
            _check_scales({"input_scale": network.input_scale})
    else:
        own = dict.fromkeys(slopes, member_axis(config)) | units_shapes(config)
        arrays = _extended(layers, own, digests, tensors)
        _check_scales(arrays)
        network = FittedNetwork.from_arrays(
            network.space, config, network.seed, arrays, plans=network.plans
        )
        _require(network.is_finite(), "its weights overflow")
        network.solver_state = _solver(
            network, n_trained, from_json(content["solver"]), tensors
        )
    estimator._fitted = network
    return estimator


def _series(name: str, how: str, tensors: Any, max_bytes: int) -> Any:
    """Return a series of values, checked."""
    _require(name in SERIES, f"it has an attribute {name!r}")
    # Text takes many times its length while it is read.
    is_small = how == "numbers" or 64 * tensors[name].nbytes <= max_bytes
    _require(is_small, f"{name} takes more than max_bytes={max_bytes}")
    values = unpack(tensors[name], how)
    if name not in CURVES:
        return values
    _require(values.dtype == np.float64, f"{name} is no list of numbers")
    return values.tolist()


def _retracted(
    network: FittedNetwork, tensors: Mapping[str, NDArray[Any]]
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Return the weights and biases of the retracted network."""
    coefs, intercepts = [], []
    shapes = merged_shapes(network.architecture.stacks, network.n_members)
    for position, shape in enumerate(shapes):
        coef = _checked(tensors, f"coefs_.{position}", shape)
        width = (fed_width(coef),)
        coefs.append(coef)
        intercepts.append(_checked(tensors, f"intercepts_.{position}", width))
    _require(len({v.dtype for v in coefs + intercepts}) == 1, "its arrays differ in type")
    return coefs, intercepts


def _extended(
    layers: Sequence[LayerArrays],
    slopes: Mapping[str, tuple[int, ...]],
    digests: Mapping[str, str],
    tensors: Mapping[str, NDArray[Any]],
) -> dict[str, NDArray[Any]]:
    """Return the arrays of the extended network: those of the file, and those regrown."""
    shapes = {
        layer.prefix + name: shape
        for layer in layers
        for name, shape in layer.shapes().items()
    }
    shapes |= slopes
    arrays = {}
    for name, shape in shapes.items():
        if name not in digests:
            _require(not name.endswith(".position"), f"no seed regrows {name}")
            arrays[name] = _checked(tensors, f"network.{name}", shape)
    types = {values.dtype for values in arrays.values()}
    _require(len(types) == 1, "its arrays differ in type")
    return with_regrown(arrays, layers, digests, types.pop())


def _check_scales(arrays: Mapping[str, NDArray[Any]]) -> None:
    """See that units divide and multiply by positive numbers."""
    for name in {"input_scale", "output_scale"} & arrays.keys():
        _require(bool((arrays[name] > 0).all()), f"{name} is not positive")


def _check_size(network: FittedNetwork, max_bytes: int) -> None:
    """Refuse a network that would take too much memory, before anything is made."""
    architecture, n_members = network.architecture, network.n_members
    entries = sum(n_out * n_in for n_out, n_in in architecture.layer_shapes)
    entries *= parametrization_in(network.config).n_drawn
    # Contracting goes from one end of a stack to the other.
    entries += 3 * sum(
        max(widths) * max(widths[0], widths[-1]) for widths in architecture.stacks
    )
    if n_members > 1:  # eigenvalues and biases, and the networks that are then merged
        ends = sum(2 * n_out + n_in for n_out, n_in in architecture.layer_shapes)
        plain = sum(widths[0] * widths[-1] for widths in architecture.stacks)
        entries += n_members * (ends + 2 * plain)
    if 8 * entries > max_bytes:
        raise ModelFileError(
            f"The network {_shown(caption_of(network))} of this file takes up to "
            f"{8 * entries} bytes in memory, more than max_bytes={max_bytes}. Raise "
            "max_bytes if you trust the file."
        )


def _params(estimator_type: type[BaseNetwork], stored: Any) -> dict[str, Any]:
    """Return the constructor's parameters; those of then where the file is older."""
    params = {name: from_json(value) for name, value in stored.items()}
    params = estimator_type._completed(params)
    if unknown := sorted(params.keys() - set(estimator_type._get_param_names())):
        raise ModelVersionError(
            f"The file gives {estimator_type.__name__} the parameter(s) "
            f"{_shown(unknown)}, which this version of sklearn_spectral does not have. "
            "Install a newer one."
        )
    return params


def _checked_config(
    estimator_type: type[BaseNetwork], config: dict[str, Any], n_features: int
) -> dict[str, Any]:
    """See that a network can be built with these keyword arguments."""
    config = up_to_date(estimator_type._space, config)
    shared = ("in_features", "out_features", "hidden_layer_sizes", "linear_expansion")
    expected = {
        *shared,
        "activation",
        "bias",
        "units",
        *estimator_type()._network_settings(),
    }
    optional = {name for chosen in PARAMETRIZATIONS.values() for name in chosen.options}
    optional &= estimator_type._parameter_constraints.keys()
    names = config.keys()
    _require(expected <= names <= expected | optional, f"a network of {_shown(names)}")
    for name in {"in_features", "out_features", "n_members"} & names:
        _require(_is_int(config[name], 1), f"{name} is {_shown(config[name])}")
    _require(
        config["in_features"] == n_features, "n_features_in_ is not that of the network"
    )
    params = {"fit_intercept" if n == "bias" else n: v for n, v in config.items()}
    constraints = {
        n: estimator_type._parameter_constraints[n]
        for n in params.keys() - {"in_features", "out_features", "units"}
    }
    _require(isinstance(config["units"], bool), f"units is {_shown(config['units'])}")
    of_params = {name: params[name] for name in constraints}
    validate_parameter_constraints(constraints, of_params, estimator_type.__name__)
    missing = {*parametrization_in(config).options} - names
    _require(not missing, f"its network has no {sorted(missing)}")
    architecture_of(config)
    return config


def _check_target(
    estimator_type: type[BaseNetwork], state: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    """See that the outputs are those of the classes, or of the targets."""
    n_outputs = config["out_features"]
    for name in estimator_type._target_attributes:
        # Those that older files lack have a default.
        _require(name in state or hasattr(estimator_type, name), f"{name} is missing")
    if "classes_" in estimator_type._target_attributes:
        n_classes = len(state["classes_"])
        is_one = n_classes == 2 and not _has_many_labels(state)
        right = n_outputs == (1 if is_one else n_classes) and n_classes > 1
        _require(right, f"{n_classes} classes for {n_outputs} outputs")
        # Those of a fit are sorted; a search among them relies on it.
        increasing = all(bool(one < other) for one, other in pairwise(state["classes_"]))
        _require(increasing, "its classes are not in order")
        if state["classes_"].dtype.kind == "f":
            _require(bool(np.isfinite(state["classes_"]).all()), "its classes are infinite")
    else:
        n_targets, levels = state["n_outputs_"], state.get("_levels")
        right = n_targets * len(levels or (0,)) == n_outputs and (
            state["_y_ndim"] == 2 or n_targets == 1
        )
        _require(right, f"n_outputs_ is {_shown(n_targets)}")
        by_levels = state.get("_fitted_loss") == "quantile"
        right = (levels is not None) == by_levels
        _require(right, "it has quantiles without their loss, or the reverse")


def _has_many_labels(state: Mapping[str, Any]) -> bool:
    return state.get("_y_type", "labels") != "labels"


def _scores(values: NDArray[Any], n_kinds: int, *, signed: bool) -> NDArray[Any]:
    """Return the scores of rows that did not train, checked: in order, one at least."""
    right = values.dtype == np.float64 and len(values) and len(values) % n_kinds == 0
    _require(bool(right), "_calibration is of another size")
    values = values.reshape(-1, n_kinds)
    in_order = np.isfinite(values).all() and (np.diff(values, axis=0) >= 0).all()
    in_order = in_order and (signed or (values >= 0).all())
    _require(bool(in_order), "_calibration is not in order")
    return values


def _solver(
    network: FittedNetwork,
    n_trained: int,
    stored: Any,
    tensors: Mapping[str, NDArray[Any]],
) -> dict[str, Any]:
    """Return the state of the solver, from which partial_fit goes on."""
    result: dict[str, Any] = {}
    for name, numbers in stored.items():
        known = name in SOLVERS and SOLVERS[name].by_batches
        _require(known, f"it has a solver {_shown(name)}")
        prefix = f"solver.{name}."
        entries = dict(numbers)
        for path in tensors:
            if path.startswith(prefix):
                entries[path[len(prefix) :]] = _checked(tensors, path, tensors[path].shape)
        check_solver_state(name, entries, n_trained, network.dtype)
        result[name] = {0: entries} if entries else {}
    return result


def _checked(
    tensors: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]
) -> NDArray[Any]:
    """Return a copy of a tensor that is there, of the right shape, and finite."""
    _require(name in tensors, f"{_shown(name)} is missing")
    values = tensors[name]
    _require(values.shape == shape, f"{name} has shape {values.shape} instead of {shape}")
    _require(values.dtype in (np.float32, np.float64), f"{name} has type {values.dtype}")
    _require(bool(np.isfinite(values).all()), f"{name} has numbers that are not finite")
    return values.copy()


def _written(name: str, write: Callable[[Any], Any], value: Any) -> Any:
    """Say which attribute it is that cannot be written."""
    try:
        return write(value)
    except TypeError as error:
        raise TypeError(
            f"{name} of this estimator cannot be saved: {error}. Use builtin types and "
            "labels that are numbers or strings, or joblib.dump."
        ) from error


def _warn(text: str) -> None:
    """Warn the caller of `save`."""
    warnings.warn(text, UserWarning, stacklevel=4)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ModelFileError(f"The file is damaged or invalid: {what}.")


def _shown(value: Any) -> str:
    """Show what a file holds, but not all of it."""
    text = repr(value)
    return text if len(text) <= 100 else text[:100] + "..."


def _is_int(value: Any, least: int) -> bool:
    return type(value) is int and least <= value < 2**63


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _are_plans(value: Any) -> bool:
    """Tell whether these are plans of a telescope, which can be shown."""
    for entry in value:
        plan = StackPlan(**entry)
        counts = (plan.multiplications, plan.memory)
        right = (
            isinstance(plan.widths, tuple)
            and all(_is_int(width, 1) for width in plan.widths)
            and _is_int(plan.batch_size, 1)
            and plan.strategy in STRATEGIES
            and plan.after_projection in STRATEGIES
            and all(_is_int(n, 0) for count in counts for n in count.values())
            and plan.multiplications.keys() <= STRATEGIES.keys()
            and plan.multiplications.keys() == plan.memory.keys()
        )
        if not right:
            return False
    return True


def _are_digests(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(text, str) for pair in value.items() for text in pair
    )


def _is_left_out(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and value[0] in ("rows", "groups")
        and _is_int(value[1], 1)
    )


def _are_levels(value: Any) -> bool:
    if value is None:
        return True
    right = isinstance(value, tuple) and len(value) > 0 and all(map(_is_number, value))
    return right and value[0] > 0 and value[-1] < 1 and all(map(lt, value, value[1:]))


IS_VALID: dict[str, Callable[[Any], bool]] = {
    "_bagged": _is_left_out,
    "_fitted_loss": lambda value: value in (*LOSSES, OWN),
    "_levels": _are_levels,
    "_y_type": lambda value: value in ("labels", "indicators", "sparse indicators"),
    "_config": lambda value: isinstance(value, dict),
    "_plans": lambda value: isinstance(value, list) and _are_plans(value),
    "_regrown": _are_digests,
    "_scored_until": lambda value: _is_int(value, 0),
    "_seed": lambda value: _is_int(value, 0),
    "_y_ndim": lambda value: _is_int(value, 1) and value <= 2,
    "best_loss_": _is_number,
    "best_validation_score_": _is_number,
    "device_": lambda value: isinstance(value, str),
    "loss_": _is_number,
    "n_features_in_": lambda value: _is_int(value, 1),
    "n_iter_": lambda value: _is_int(value, 0),
    "n_outputs_": lambda value: _is_int(value, 1),
    "n_parameters_": lambda value: _is_int(value, 0),
    "oob_score_": _is_number,
    "temperature_": lambda value: _is_number(value) and 0 < value < math.inf,
    "stop_reason_": lambda value: isinstance(value, str),
}
"""What is numbers, text or a small container, by name, and how it is checked."""
