"""The paper's claims that need fits of their own: pre-training, and tanh with a slope.

The others (expansion, overfitting) are read off the cells; see report.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from fits import quietly
from joblib import Parallel, delayed
from methods import PAPER, PAPER_RATES, SINGLE
from skorch import NeuralNetClassifier
from store import Store
from tqdm import tqdm

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.nn import SpectralNetwork

COLUMNS = ["claim", "case", "seed", "epoch", "accuracy", "slope"]
KEY = ["claim", "case", "seed", "epoch"]

N2 = 500
N_EPOCHS = 20
RATE, HIGH_RATE = PAPER_RATES["non-linear"], 0.1
"""Of eigenvalues that train before all weights do: the paper's, and ten times that."""

SETTINGS = {
    **PAPER,
    "hidden_layer_sizes": (120,),
    "learning_rate_init": RATE,
}
# Early stopping never stops here: it is what records the test accuracy of each epoch.
WATCHED = {"early_stopping": True, "scoring": "accuracy", "n_iter_no_change": np.inf}


def plain(mnist, seed: int, extended: bool):
    """Train all weights from an ordinary start."""
    model = DirectClassifier(
        **{**SETTINGS, **WATCHED},
        linear_expansion=N2 if extended else None,
        random_state=seed,
    )
    model.fit(mnist.X_train, mnist.y_train, X_val=mnist.X_test, y_val=mnist.y_test)
    return model.validation_scores_


def pretrained(mnist, seed: int, extended: bool, rate: float, n_pretraining: int):
    """Train the eigenvalues first, for some epochs, which count; then all weights of what
    they gave."""
    first = SpectralClassifier(
        **{**SETTINGS, **SINGLE, "learning_rate_init": rate},
        linear_expansion=N2,
        init="paper",
        train_eigenvalues="out",
        random_state=seed,
    )
    scores = []
    # An epoch each: no test image decides which is handed over.
    for _ in range(n_pretraining):
        first.partial_fit(mnist.X_train, mnist.y_train, classes=np.arange(10))
        scores.append(first.score(mnist.X_test, mnist.y_test))
    model = DirectClassifier.from_spectral(
        first,
        extended=extended,
        learning_rate_init=SETTINGS["learning_rate_init"],
        max_iter=N_EPOCHS - n_pretraining,
        **WATCHED,
    )
    model.fit(mnist.X_train, mnist.y_train, X_val=mnist.X_test, y_val=mnist.y_test)
    return scores + model.validation_scores_


def tanh(mnist, seed: int, trained: bool):
    """Train eigenvalues of a network with tanh(beta x), beta trained or one."""
    torch.manual_seed(seed)
    network = SpectralNetwork(
        784,
        10,
        120,
        linear_expansion=N2,
        activation="tanh",
        bias=False,
        train_eigenvalues="out",
        init="paper",
        seed=seed,
    )
    for activation in network.activations:
        activation.slope.requires_grad_(trained)
    net = NeuralNetClassifier(
        network,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adamax,
        lr=SETTINGS["learning_rate_init"],
        batch_size=SETTINGS["batch_size"],
        max_epochs=N_EPOCHS,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    net.fit(mnist.X_train, mnist.y_train)
    slope = float(network.activations[0].slope)
    return net.score(mnist.X_test, mnist.y_test), slope


CURVES = {
    "plain, retracted network": (plain, False),
    "plain, extended network": (plain, True),
    "2 epochs by eigenvalues, then retracted": (pretrained, False, RATE, 2),
    "2 epochs by eigenvalues, then unfolded": (pretrained, True, RATE, 2),
    "2 epochs by eigenvalues at 0.1, then retracted": (pretrained, False, HIGH_RATE, 2),
    "2 epochs by eigenvalues at 0.1, then unfolded": (pretrained, True, HIGH_RATE, 2),
    "5 epochs by eigenvalues at 0.1, then retracted": (pretrained, False, HIGH_RATE, 5),
    "10 epochs by eigenvalues at 0.1, then retracted": (pretrained, False, HIGH_RATE, 10),
}


def _curve(load: Callable, case: str, seed: int) -> list[dict[str, object]]:
    train, *how = CURVES[case]
    with quietly():
        scores = train(load("mnist"), seed, *how)
    return [
        {"claim": "pre-training", "case": case, "seed": seed, "epoch": k, "accuracy": score}
        for k, score in enumerate(scores, start=1)
    ]


def _tanh(load: Callable, case: str, seed: int) -> list[dict[str, object]]:
    with quietly():
        accuracy, slope = tanh(load("mnist"), seed, case == "beta trained")
    row = {"claim": "tanh", "case": case, "seed": seed, "epoch": N_EPOCHS}
    return [row | {"accuracy": accuracy, "slope": slope}]


def open_store(folder: Path) -> Store:
    """Return the rows of the claims."""
    return Store(folder / "claims.csv", COLUMNS, KEY)


def run(folder: Path, load: Callable, n_seeds: int, n_jobs: int) -> None:
    """Fit what is missing of the claims; rows go to ``claims.csv``."""
    store = open_store(folder)
    done = store.keys()
    tasks = []
    for seed in range(n_seeds):
        for make, claim, cases in (
            (_curve, "pre-training", CURVES),
            (_tanh, "tanh", ("beta trained", "beta one")),
        ):
            for case in cases:
                if (claim, case, seed, N_EPOCHS) not in done:
                    tasks.append(delayed(make)(load, case, seed))
    finished = Parallel(n_jobs, return_as="generator_unordered")(tasks)
    for rows in tqdm(finished, total=len(tasks), unit="claim"):
        for row in rows:
            store.append(row)
