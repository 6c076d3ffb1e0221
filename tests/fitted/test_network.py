"""FittedNetwork: what a fit leaves, whole, without what a seed regrows, and compact."""

import json
import subprocess
import sys

import numpy as np
import pytest

from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.fitted.network import FittedNetwork

from ..plain import plain_classifier, plain_regressor

FEW = {"standardize": False, "max_iter": 2, "random_state": 0}
MODELS = [
    plain_classifier(9, "tanh", linear_expansion=11, **FEW),
    plain_regressor(9, train_eigenvalues="out", train_eigenvectors="qr", **FEW),
    DirectClassifier(9, parametrization="subset", n_weights=70, **FEW),
]


def same(arrays, others):
    assert arrays.keys() == others.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, others[name])


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_it_is_retracted_from_its_arrays(digits, model):
    X, y = digits
    network = model.fit(X, y)._fitted
    again = FittedNetwork.from_arrays(
        network.space, network.config, network.seed, network.complete()
    )
    for ours, theirs in (
        *zip(again.coefs, network.coefs, strict=True),
        *zip(again.intercepts, network.intercepts, strict=True),
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert network.is_finite()
    again.coefs[0][0, 0] = np.inf
    assert not again.is_finite()


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_seed_regrows_what_is_left_out(digits, model):
    network = model.fit(*digits)._fitted
    whole = dict(network.complete())
    trimmed = network.trimmed()
    assert trimmed.regrown
    assert trimmed.arrays.keys() == whole.keys() - trimmed.regrown.keys()
    same(network.arrays, whole)  # the network itself is as it was
    same(trimmed.trimmed().arrays, trimmed.arrays)
    same(trimmed.complete(), whole)
    assert not trimmed.regrown


def test_a_compact_one_has_no_extended_network(digits):
    network = MODELS[0].fit(*digits)._fitted.compacted()
    assert network.architecture.widths == (64, 11, 9, 10)
    with pytest.raises(AttributeError, match="saved with compact=True"):
        network.complete()
    assert network.trimmed().arrays is None


def test_its_state_is_builtin_types_and_arrays(digits):
    model = MODELS[0].fit(*digits)
    state = model._fitted.trimmed().to_state()
    arrays = [*state.pop("_arrays").values(), *state.pop("coefs_")]
    arrays += state.pop("intercepts_")
    assert {type(values) for values in arrays} == {np.ndarray}
    json.dumps(state)  # raises for anything else
    whole = FittedNetwork.from_state("spectral", model._fitted.to_state())
    assert vars(whole).keys() == vars(model._fitted).keys()
    same(whole.complete(), model._fitted.complete())


def test_it_needs_numpy_alone():
    code = """
import sys
import sklearn_spectral.fitted.network
print({"torch", "skorch"} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
