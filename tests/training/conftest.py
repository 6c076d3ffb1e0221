"""A fixture that trains torch networks as estimators do, without one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sklearn_spectral.nn import LogLoss
from sklearn_spectral.training.net import TrainingOptions
from sklearn_spectral.training.processes import Processes
from sklearn_spectral.training.run import make_net

OPTIONS = TrainingOptions(
    loss=LogLoss(),
    solver="adamax",
    learning_rate="constant",
    learning_rate_init=0.01,
    momentum=0.9,
    penalties={"eigenvalues": (0.0, 0.0), "eigenvectors": (0.0, 0.0)},
    tol=0.0,
    n_iter_no_change=np.inf,
    max_norm=np.inf,
    batch_size=32,
    n_epochs=2,
    shuffle=True,
    seed=0,
    first_epoch=0,
    verbose=0,
)


@pytest.fixture(scope="session")
def net_for():
    """Return a function that puts a network into a net, with some of the options."""

    def make(network, dataset, **options):
        return make_net(
            network,
            replace(OPTIONS, **options),
            len(dataset),
            torch.device("cpu"),
            Processes("cpu"),
            lambda module: True,
        )

    return make
