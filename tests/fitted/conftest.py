"""What the tests of fitted networks share."""

import numpy as np
import pytest
import torch


@pytest.fixture(scope="session")
def retracted_arrays():
    """Return a function that takes weights and biases from torch's own retraction."""

    def arrays_of(network):
        layers = [m for m in network.retract() if isinstance(m, torch.nn.Linear)]
        coefs = [np.ascontiguousarray(layer.weight.numpy(force=True).T) for layer in layers]
        return coefs, [
            np.zeros(layer.out_features, coefs[0].dtype)
            if layer.bias is None
            else layer.bias.numpy(force=True)
            for layer in layers
        ]

    return arrays_of
