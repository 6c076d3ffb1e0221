"""The user's units: what stands around a network that reads standardised numbers.

It reads ``(x - input_shift) / input_scale``, and what it gives is multiplied by
``output_scale`` before ``output_shift`` is added. Both maps are affine, so that they fold
into the first and the last layer of the retracted network:

    W = W_n / input_scale,   b = b_n - W input_shift,
    W' = output_scale W_n',  b' = output_scale b_n' + output_shift
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..spec.units import UNITS


def has_units(config: Mapping[str, Any]) -> bool:
    """Tell whether a network has such arrays."""
    return bool(config.get("units", False))


def units_shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return their shapes; none where the network reads the user's units as they are."""
    if not has_units(config):
        return {}
    ends = {"input": (config["in_features"],), "output": (config["out_features"],)}
    return {name: ends[name.split("_")[0]] for name in UNITS}


def fold_units(
    coefs: list[NDArray[Any]],
    intercepts: list[NDArray[Any]],
    arrays: Mapping[str, NDArray[Any]],
) -> None:
    """Fold the units into the weights (n_in, n_out) and biases of a network, in place of
    the first and the last in the lists."""
    if "input_scale" not in arrays:
        return
    shift, scale, out_shift, out_scale = (arrays[n].astype(np.float64) for n in UNITS)
    coefs[0] = coefs[0] / scale[:, None]
    intercepts[0] = intercepts[0] - shift @ coefs[0]
    coefs[-1] = coefs[-1] * out_scale
    intercepts[-1] = intercepts[-1] * out_scale + out_shift
