"""Every entry point with every source of rows: what the array gives, or one message."""

import re

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.pruning import SpectralPruner, prune_nodes, score_nodes

N_ROWS = 240
MODEL = SpectralClassifier(8, max_iter=2, shuffle=False, batch_size=64, random_state=0)
MODEL.set_params(standardize=False)  # sparse rows are not centred
PRUNER = SpectralPruner(MODEL, random_state=0)


class Indexed(Dataset):
    def __init__(self, X, y):
        self.X, self.y = X, y

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return self.X[index], self.y[index]


class Coming(IterableDataset):
    def __init__(self, X, y):
        self.X, self.y = X, y

    def __iter__(self):
        return zip(self.X, self.y, strict=True)


STORED = ["memmap", "slices", "hdf5", "hdf5 chunks", "zarr", "dask"]
OF_TORCH = {
    "tensors": lambda X, y: TensorDataset(torch.from_numpy(X), torch.from_numpy(y)),
    "dataset": Indexed,
    "iterable": Coming,
    "loader": lambda X, y: DataLoader(Indexed(X, y), batch_size=50),
}
SOURCES = ["list", "csr", *STORED, *OF_TORCH]
STREAMS = {"iterable", "loader"}
WITHOUT_NUMBERS = {*OF_TORCH, *STORED[1:]}


@pytest.fixture(scope="module")
def rows(digits):
    return digits[0][:N_ROWS].astype(np.float32), digits[1][:N_ROWS]


@pytest.fixture(scope="module")
def fitted(rows):
    return clone(MODEL).fit(*rows)


def source(kind, X, y, stored):
    if kind in OF_TORCH:
        return OF_TORCH[kind](X, y), None
    if kind in STORED:
        return stored(kind, X), y
    return {"list": list, "csr": sparse.csr_array}[kind](X), y


def refit(**settings):
    return lambda _, X, y: clone(MODEL).set_params(**settings).fit(X, y).coefs_[0]


def prune(**settings):
    return lambda _, X, y: (
        clone(PRUNER).set_params(**settings).fit(X, y).estimator_.coefs_[0]
    )


def fit_with_x_val(rows):
    model = clone(MODEL).set_params(early_stopping=True)
    return lambda _, X, y: model.fit(*rows, X_val=X, y_val=y).validation_scores_


def prune_with_x_val(rows):
    pruner = clone(PRUNER).set_params(max_score_loss=0.1)
    return lambda _, X, y: pruner.fit(*rows, X_val=X, y_val=y).reference_score_


# What is called, and the sources that it refuses.
ENTRIES = {
    "fit": (refit(), ()),
    "fit, standardised": (refit(standardize=True), ()),
    "fit, weights of classes": (refit(class_weight="balanced"), ()),
    "fit, early_stopping": (refit(early_stopping=True), STREAMS),
    "fit, init by covariance": (refit(init="covariance"), STREAMS),
    "fit, lbfgs": (refit(solver="lbfgs"), ()),
    "partial_fit": (
        lambda _, X, y: clone(MODEL).partial_fit(X, y, np.arange(10)).coefs_[0],
        (),
    ),
    "predict": (lambda model, X, y: model.predict(X), ()),
    "predict_proba": (lambda model, X, y: model.predict_proba(X), ()),
    "decision_function": (lambda model, X, y: model.decision_function(X), ()),
    "score": (lambda model, X, y: model.score(X, y), ()),
    "score_nodes": (lambda model, X, y: score_nodes(model, X)[0], ()),
    "prune_nodes": (lambda model, X, y: prune_nodes(model, X).coefs_[0], ()),
    "SpectralPruner.fit": (prune(), ()),
    "SpectralPruner.fit, held out": (prune(max_score_loss=0.1), WITHOUT_NUMBERS),
}
OF_X_VAL = {"fit, X_val": fit_with_x_val, "SpectralPruner.fit, X_val": prune_with_x_val}


CASES = [
    (entry, kind)
    for entry in [*ENTRIES, *OF_X_VAL]
    for kind in SOURCES
    if (entry, kind) != ("fit, standardised", "csr")
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("entry", "kind"), CASES)
def test_an_entry_takes_a_source_or_says_why_not(entry, kind, rows, fitted, stored):
    if entry in OF_X_VAL:
        call, refused, name = OF_X_VAL[entry](rows), STREAMS, "X_val"
    else:
        (call, refused), name = ENTRIES[entry], "X"
    given = source(kind, *rows, stored)
    if kind not in refused:
        expected, found = call(fitted, *rows), call(fitted, *given)
        if kind == "list":  # of Python's floats, which are doubles
            expected = call(fitted, rows[0].astype(np.float64), rows[1])
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
        return
    message = rf"^{name} is of type \w+\. .+ needs rows by their numbers, which \w+ does"
    with pytest.raises(ValueError, match=message + r" not give: (use|give) .+\.$"):
        call(fitted, *given)


@pytest.mark.parametrize("kind", OF_TORCH)
def test_targets_come_with_the_samples(kind, rows, fitted):
    X, y = rows
    data, weight = OF_TORCH[kind](X, y), np.ones(N_ROWS)
    stopping = clone(MODEL).set_params(early_stopping=True)
    calls = {
        "y and sample_weight": [
            lambda: clone(MODEL).fit(data, y),
            lambda: clone(MODEL).fit(data, sample_weight=weight),
            lambda: clone(MODEL).partial_fit(data, y, np.arange(10)),
            lambda: fitted.score(data, sample_weight=weight),
            lambda: clone(PRUNER).fit(data, y),
        ],
        "y_val": [
            lambda: stopping.fit(X, y, X_val=data, y_val=y),
            lambda: (
                clone(PRUNER).set_params(max_score_loss=0.1).fit(X, y, X_val=data, y_val=y)
            ),
        ],
        "sample_weight": [lambda: score_nodes(fitted, data, sample_weight=weight)],
    }
    for names, each in calls.items():
        message = rf"is of type \w+\. Its samples bring .+: leave out {names}[;.]"
        for call in each:
            with pytest.raises(ValueError, match=message) as caught:
                call()
            assert re.match("X(_val)? is", str(caught.value))
