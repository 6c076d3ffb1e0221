"""Captured steps, with a stand-in for the capture where there is no GPU."""

import numpy as np
import pytest
import torch

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.model_selection import SpectralSearchCV
from sklearn_spectral.training import cuda_graphs as _graphs
from sklearn_spectral.training.cuda_graphs import CALLS_BEFORE, Graphed


class Recorder:
    """Replays by calling again; it sees only the memory that was there at the capture."""

    def __init__(self):
        self.replays = 0

    def capture(self, function, last):
        result = last.clone()

        def replay():
            self.replays += 1
            result.copy_(function())

        return replay, result


def total(x, y, weight, factor):
    return (x.sum(1) * y * (1 if weight is None else weight)).sum() * factor


@pytest.mark.parametrize("weighted", [False, True])
def test_replays_are_the_function(weighted):
    recorder = Recorder()
    graphed = Graphed(total, recorder.capture)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for number in range(CALLS_BEFORE + 5):
        for n_rows in (8, 3, 2):
            x = torch.rand(n_rows, 4, generator=generator)
            y = torch.rand(n_rows, generator=generator)
            weight = torch.rand(n_rows, generator=generator) if weighted else None
            given = (x, y, weight, float(number))
            losses.append((graphed(*given), total(*given)))
    assert graphed.captured
    assert recorder.replays == 2 * 5  # of the two first shapes
    for found, expected in losses:
        torch.testing.assert_close(found, expected)


def test_a_capture_that_fails_changes_nothing():
    calls = 0

    def capture(function, last):
        raise RuntimeError("operation not permitted when stream is capturing")

    def counted(*given):
        nonlocal calls
        calls += 1
        return total(*given)

    graphed = Graphed(counted, capture)
    for value in range(2 * CALLS_BEFORE):
        x = torch.full((2, 3), float(value))
        assert graphed(x, torch.ones(2), None, 1.0) == 6 * value
    assert calls == 2 * CALLS_BEFORE  # a step is never taken twice
    assert not graphed.captured


@pytest.fixture
def recorder(monkeypatch):
    recorder = Recorder()
    monkeypatch.setitem(_graphs.CAPTURES, "cpu", recorder.capture)
    return recorder


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_members": 1, "train_eigenvectors": False},
        {"n_members": 3, "bag_fraction": 0.6, "early_stopping": "oob"},
        {"alpha": 0.01, "learning_rate": "one_cycle"},
        {"solver": "adam"},
    ],
)
def test_a_fit_by_replays_is_the_fit(digits, monkeypatch, params, request):
    X, y = digits
    model = SpectralClassifier(
        20, linear_expansion=40, batch_size=100, max_iter=3, random_state=0, **params
    )
    expected = model.fit(X, y).coefs_
    recorder = request.getfixturevalue("recorder")
    for ours, other in zip(model.fit(X, y).coefs_, expected, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-9, atol=1e-12)
    assert recorder.replays > 20
    assert model.net_.captured_


def test_portions_by_replays_are_the_portions(digits, request):
    X, y = digits

    def portions():
        model = SpectralClassifier(20, batch_size=50, random_state=0)
        for _ in range(3):
            model.partial_fit(X, y, classes=range(10))
        return model

    expected = portions().coefs_
    recorder = request.getfixturevalue("recorder")
    for ours, other in zip(portions().coefs_, expected, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-9, atol=1e-12)
    assert recorder.replays > 20


def test_a_search_by_replays_is_the_search(digits, request):
    X, y = digits
    search = SpectralSearchCV(
        SpectralClassifier(10, n_members=2, max_iter=8, batch_size=100, random_state=0),
        {"learning_rate_init": [0.003, 0.03], "alpha": [0.0, 0.01]},
        cv=3,
        refit=False,
    )
    expected = search.fit(X, y).cv_results_["mean_test_score"]
    recorder = request.getfixturevalue("recorder")
    found = search.fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_allclose(found, expected)
    assert recorder.replays > 20
