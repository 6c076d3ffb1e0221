"""The rivals of a fit, each called the same way and returning its seconds per epoch."""

import subprocess
import sys
import time
import warnings
from itertools import pairwise
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import torch
from plain import PLAIN
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn import functional as F

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.nn import SpectralNetwork

NEVER = {"tol": 0.0, "n_iter_no_change": 10**6}
"""Settings with which a fit is not stopped before its last epoch."""


def seconds_per_epoch(estimator, X, y, n_epochs):
    """Fit and return the seconds per epoch, all preparation included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        estimator.fit(X, y)
        return (time.perf_counter() - start) / n_epochs


def ours(X, y, batch_size, n_epochs, **parameters):
    """Ours, as a user has it."""
    estimator = SpectralClassifier(
        batch_size=batch_size,
        random_state=0,
        **{**PLAIN, "max_iter": n_epochs, **NEVER, **parameters},
    )
    return seconds_per_epoch(estimator, X, y, n_epochs)


def perceptron(X, y, hidden, batch_size, n_epochs):
    """scikit-learn's MLPClassifier with its own solver."""
    estimator = MLPClassifier(
        hidden, batch_size=batch_size, max_iter=n_epochs, random_state=0, **NEVER
    )
    return seconds_per_epoch(estimator, X, y, n_epochs)


class LayerByLayer(nn.Module):
    """A spectral layer as public code has it: W is formed, and x passes it."""

    def __init__(self, n_in, n_out, train_eigenvectors=False):
        super().__init__()
        bound = (3 / n_in) ** 0.5
        self.eigenvectors = nn.Parameter(
            (2 * torch.rand(n_out, n_in) - 1) * bound, requires_grad=train_eigenvectors
        )
        self.eigenvalues_in = nn.Parameter(torch.ones(n_in))
        self.eigenvalues_out = nn.Parameter(torch.zeros(n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        """Form the weight and multiply."""
        gaps = self.eigenvalues_in - self.eigenvalues_out[:, None]
        return F.linear(x, gaps * self.eigenvectors, self.bias)


def layer_by_layer(
    X,
    y,
    linear_widths,
    widths,
    batch_size,
    n_epochs,
    device="cpu",
    train_eigenvectors=False,
):
    """Such layers in a bare loop: no loader, no callbacks."""
    first = [LayerByLayer(*pair, train_eigenvectors) for pair in pairwise(linear_widths)]
    module = nn.Sequential(*first)
    for pair in pairwise(widths):
        module.extend([nn.ReLU(), LayerByLayer(*pair, train_eigenvectors)])
    module.to(device)
    solver = torch.optim.Adamax(
        [p for p in module.parameters() if p.requires_grad], lr=0.03
    )
    start = time.perf_counter()
    for _ in range(n_epochs):
        order = torch.randperm(len(X), device=device)
        for begin in range(0, len(X), batch_size):
            rows = order[begin : begin + batch_size]
            solver.zero_grad()
            loss = F.cross_entropy(module(X[rows]), y[rows])
            loss.backward()
            solver.step()
        loss.item()
    return (time.perf_counter() - start) / n_epochs


def skorch_default(X, y, batch_size, n_epochs, device="cpu", **network):
    """The same module in a skorch classifier, with its default loader."""
    network = SpectralNetwork(X.shape[1], 10, seed=0, **network)
    net = NeuralNetClassifier(
        network,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adamax,
        lr=0.003,
        max_epochs=n_epochs,
        batch_size=batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        device=device,
    )
    return seconds_per_epoch(net, X, y, n_epochs)


class SpectralTools:
    """spectraltools in a process of its own environment, which trains when told to."""

    def __init__(self, python, mnist, hidden, batch_size, n_epochs, threads):
        script = Path(__file__).with_name("spectraltools_rival.py")
        arguments = [mnist, hidden, batch_size, n_epochs, threads]
        self.process = subprocess.Popen(
            [str(python), str(script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.versions = self._answer()

    def __call__(self):
        """Train once; return the seconds per epoch."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self._answer())

    def _answer(self):
        for line in self.process.stdout:
            if line.startswith("answer:"):
                return line.removeprefix("answer:").strip()
        raise RuntimeError(
            "spectraltools ended without an answer; start spectraltools_rival.py by hand "
            "in its environment to see why."
        )

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()
