"""The methods: settings of each that fill a count of trained numbers.

A method is a list of templates, functions of one whole number, and of learning rates. The
number is the largest with which the network trains no more numbers than it may. The first
six of rates and templates are compared, fewer where templates come to the same network;
then the best network with all rates of one grid, the same for all methods.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.fitted.layers import layers_of
from sklearn_spectral.spec.parametrizations.kronecker import LEAST_SPLIT

from .data import BATCHES, EPOCHS

WIDEST, WIDEST_LINEAR = 1024, 6144
"""Most nodes of a hidden layer, and of one that is retracted: for the time of a fit."""

LEAST_FILLED = 0.7
"""A count is left out where no setting comes near it."""

Template = Callable[[int, int, int, int], dict[str, Any] | None]


def n_numbers(params: dict[str, Any], n_in: int, n_classes: int) -> int:
    """Count the numbers that a network trains, without making it."""
    space = "spectral" if "train_eigenvalues" in params else "direct"
    make = SpectralClassifier if space == "spectral" else DirectClassifier
    estimator = make(**({"n_members": 1} if space == "spectral" else {}) | params)
    config = {
        "in_features": n_in,
        "out_features": n_classes if n_classes > 2 else 1,
        "hidden_layer_sizes": estimator.hidden_layer_sizes,
        "linear_expansion": estimator.linear_expansion,
        "activation": "relu",
        "bias": estimator.fit_intercept,
        **estimator._network_settings(),
    }
    layers = [layer for stack in layers_of(space, config, 0) for layer in stack]
    return sum(layer.n_trained() for layer in layers)


def is_grid(side: int, n_in: int) -> bool:
    """Tell whether a layer of so many nodes squared is wanted: of images as a grid."""
    return side <= WIDEST**0.5 and (n_in <= LEAST_SPLIT or side**2 > LEAST_SPLIT)


# ---- ours ----


def by_eigenvalues(divisor: int, readout: bool) -> Template:
    """Eigenvalues of a linear expansion alone, and if asked all of the last layer."""

    def template(k, count, n_in, n_classes):
        hidden = int(np.clip(count // (divisor * (n_classes if readout else 1)), 8, 200))
        return {
            "hidden_layer_sizes": (hidden,),
            "linear_expansion": ((k,), ()),
            "train_eigenvalues": "out" if count < 6000 else "both",
            "train_eigenvectors": "readout" if readout else False,
            "fit_intercept": False,  # linear nodes would have biases that add nothing
        }

    return template


def spectral_kronecker(*rank: int) -> Template:
    """Eigenvalues in place of biases, and eigenvectors that are sums of Kronecker
    products."""

    def template(k, count, n_in, n_classes):
        if not is_grid(k, n_in):
            return None
        return {
            "hidden_layer_sizes": (k * k,),
            "linear_expansion": None,
            "train_eigenvalues": "out",
            "train_eigenvectors": "kronecker",
            "rank": rank,
            "fit_intercept": False,
        }

    return template


# ---- rivals ----


def direct(name: str, n_layers: int, **more: Any) -> Template:
    """Hidden layers of k nodes each."""

    def template(k, count, n_in, n_classes):
        return {"hidden_layer_sizes": (k,) * n_layers, "parametrization": name, **more}

    return template


def kronecker(*rank: int) -> Template:
    """A hidden layer of k times k nodes."""

    def template(k, count, n_in, n_classes):
        if not is_grid(k, n_in):
            return None
        return {
            "hidden_layer_sizes": (k * k,),
            "parametrization": "kronecker",
            "rank": rank,
        }

    return template


def shared(name: str, times: int) -> Template:
    """k numbers in a network of so many ``times`` the count of weights; the last layer has
    a number for each of its weights, but no more than a fifth of all."""

    def template(k, count, n_in, n_classes):
        n_out = n_classes if n_classes > 2 else 1
        hidden = int(np.clip(times * count // (n_in + n_out), 8, WIDEST))
        last = min(n_out * hidden, max(1, count // 5))
        if name == "subset":
            numbers: Any = k
        else:
            numbers = (k, last)
        if k > n_in * hidden:
            return None
        return {
            "hidden_layer_sizes": (hidden,),
            "parametrization": name,
            "n_weights": numbers,
        }

    return template


def of_rank(name: str, hidden: int) -> Template:
    """Factors of rank k in the first layer; the last is whole, or of rank 4. The hidden
    nodes are so many, or as many as leave two thirds of the numbers to the first layer."""

    def template(k, count, n_in, n_classes):
        n_out = n_classes if n_classes > 2 else 1
        n_hidden = int(np.clip(count // (3 * n_out), 4, hidden))
        if k > min(n_in, n_hidden):
            return None
        return {
            "hidden_layer_sizes": (n_hidden,),
            "parametrization": name,
            "rank": (k, min(4, n_out)),
        }

    return template


KRONECKER = (
    *((1, 1), (1, 2), (1, 4), (1, 8), (2, 4), (2, 8), (3, 8)),
    *((4, 10), (6, 10), (8, 16), (12, 16), (16, 16)),
)
"""Products in the first layer and in the last; the first six that fill a count."""

N_SETTINGS = 6
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
"""All rates that the best network of a method is tried with."""

METHODS: dict[str, tuple[list[Template], tuple[float, ...]]] = {
    "spectral, eigenvalues": (
        [by_eigenvalues(20, False), by_eigenvalues(4, True), by_eigenvalues(8, True)],
        (0.1, 0.3),
    ),
    "spectral, Kronecker": ([spectral_kronecker(*r) for r in KRONECKER], (0.1, 0.2)),
    "Kronecker": ([kronecker(*r) for r in KRONECKER], (0.1, 0.2)),
    "hashed": ([shared("hashed", t) for t in (8, 32, 64)], (0.03, 0.1)),
    "random subspace": ([shared("random_subspace", t) for t in (4, 16, 32)], (0.03, 0.1)),
    "LoRA on random": ([of_rank("lora", h) for h in (50, 100, 200)], (0.01, 0.03)),
    "HalfNet": ([of_rank("covariance", h) for h in (30, 100, 300)], (0.01, 0.03)),
    "half-layered": ([direct("half", n) for n in (1, 2, 3)], (0.03, 0.1)),
    "biases": ([direct("biases", n) for n in (1, 2, 3)], (0.1, 0.3)),
    "low rank": ([of_rank("low_rank", h) for h in (30, 100, 200)], (0.01, 0.03)),
    "random weights": ([shared("subset", t) for t in (8, 32, 64)], (0.01, 0.03)),
    "ordinary": ([direct("weights", n) for n in (1, 2)], (0.003, 0.01, 0.03)),
}
"""Templates and learning rates by the name of the method."""


def filled(template: Template, count: int, n_in: int, n_classes: int):
    """Return the largest network of a template that trains no more than so many numbers."""

    def at(k: int) -> dict[str, Any] | None:
        params = template(k, count, n_in, n_classes)
        if params is None:
            return None
        expansion = params.get("linear_expansion") or ((0,), ())
        if max(params["hidden_layer_sizes"]) > WIDEST or expansion[0][0] > WIDEST_LINEAR:
            return None
        try:
            fits = n_numbers(params, n_in, n_classes) <= count
        except ValueError:  # more numbers than weights
            return None
        return params if fits else None

    if template(10, count, n_in, n_classes) == template(-10, count, n_in, n_classes):
        # A side, squared: few nodes are no grid, and may take more numbers than more do.
        sides = range(int(WIDEST**0.5), 0, -1)
        return next((params for k in sides if (params := at(k))), None)
    low, high = 0, 1
    while at(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at(middle) else (low, middle)
    return at(low) if low else None


def settings(method: str, count: int, n_in: int, n_classes: int) -> list[dict[str, Any]]:
    """Return the first settings of a method, six at most; none if none fills the count."""
    templates, rates = METHODS[method]
    found: list[dict[str, Any]] = []
    for template in templates:
        params = filled(template, count, n_in, n_classes)
        if params is None or params in found:
            continue
        if n_numbers(params, n_in, n_classes) >= LEAST_FILLED * count:
            found.append(params)
    with_rates = [{**p, "learning_rate_init": rate} for rate in rates for p in found]
    return with_rates[:N_SETTINGS]


def with_all_rates(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a setting with each rate of the grid."""
    return [{**params, "learning_rate_init": rate} for rate in RATES]


def make(params: dict[str, Any], kind: str, seed: int):
    """Return the estimator of a setting; what is not in it is the same for all methods."""
    common = {
        "standardize": False,  # pixels in [0, 1], tables by their preparation
        "learning_rate": "one_cycle",
        "batch_size": BATCHES[kind],
        "max_iter": EPOCHS[kind],
        "early_stopping": False,
        "n_iter_no_change": np.inf,
        "random_state": seed,
        "device": "cpu",
    }
    if "train_eigenvalues" in params:
        single = {"n_members": 1, "averaging": 0.0}
        return SpectralClassifier(**{**common, **single, **params})
    return DirectClassifier(**{**common, **params})
