"""The captured gradient, with a stand-in for the capture where there is no GPU."""

import numpy as np
import pytest
import torch

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.training import net as _training
from sklearn_spectral.training.cuda_graphs import CALLS_BEFORE, GraphedGradient


class Recorder:
    """Replays by calling again; it sees only the memory that was there at the capture."""

    def __init__(self):
        self.replays = 0

    def capture(self, function):
        result = function().clone()

        def replay():
            self.replays += 1
            result.copy_(function())

        return replay, result


def total(x, target):
    y, weight = target
    return (x.sum(1) * y * (1 if weight is None else weight)).sum()


@pytest.mark.parametrize("weighted", [False, True])
def test_replays_are_the_function(weighted):
    recorder = Recorder()
    graphed = GraphedGradient(total, recorder.capture)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(CALLS_BEFORE + 5):
        for n_rows in (8, 3):
            x = torch.rand(n_rows, 4, generator=generator)
            y = torch.rand(n_rows, generator=generator)
            target = (y, torch.rand(n_rows, generator=generator) if weighted else None)
            losses.append((graphed(x, target), total(x, target)))
    assert graphed.captured
    assert 0 < recorder.replays < len(losses)
    for found, expected in losses:
        torch.testing.assert_close(found, expected)


def test_a_capture_that_fails_changes_nothing():
    def capture(function):
        raise RuntimeError("operation not permitted when stream is capturing")

    graphed = GraphedGradient(total, capture)
    for value in range(2 * CALLS_BEFORE):
        x = torch.full((2, 3), float(value))
        assert graphed(x, (torch.ones(2), None)) == 6 * value
    assert not graphed.captured


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_members": 1, "train_eigenvectors": False},
        {"n_members": 3, "bag_fraction": 0.6, "early_stopping": "oob"},
    ],
)
def test_a_fit_by_replays_is_the_fit(digits, monkeypatch, params):
    X, y = digits
    model = SpectralClassifier(
        20, linear_expansion=40, batch_size=100, max_iter=3, random_state=0, **params
    )
    expected = model.fit(X, y).coefs_
    recorder = Recorder()
    original = _training.TrainingNet.initialize_module

    def with_graph(net, *args, **kwargs):
        original(net, *args, **kwargs)
        net.graphed_ = GraphedGradient(net.compute_gradient, recorder.capture)
        return net

    monkeypatch.setattr(_training.TrainingNet, "initialize_module", with_graph)
    for ours, other in zip(model.fit(X, y).coefs_, expected, strict=True):
        np.testing.assert_array_equal(ours, other)
    assert recorder.replays > 20
