"""The losses against scikit-learn's metrics and against autograd."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.metrics import log_loss, mean_squared_error

from sklearn_spectral.nn import BrierLoss, LogLoss, SquaredError

RNG = np.random.default_rng(0)
OUTPUT = RNG.normal(size=(40, 5))
LABELS = np.arange(40) % 5
WEIGHT = RNG.uniform(0.1, 2, size=40)
WEIGHT /= WEIGHT.mean()


def value(loss, output, target, weight=None):
    tensors = [torch.from_numpy(np.asarray(a)) for a in (output, target)]
    return float(loss(*tensors, None if weight is None else torch.from_numpy(weight)))


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_log_loss_is_that_of_scikit_learn(weight):
    expected = log_loss(LABELS, softmax(OUTPUT, axis=1), sample_weight=weight)
    assert value(LogLoss(), OUTPUT, LABELS, weight) == pytest.approx(expected, abs=1e-12)
    binary, logits = LABELS % 2, OUTPUT[:, :1]
    expected = log_loss(binary, expit(logits), sample_weight=weight)
    assert value(LogLoss(), logits, binary, weight) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_brier_is_equation_7(weight):
    distance = ((softmax(OUTPUT, axis=1) - np.eye(5)[LABELS]) ** 2).sum(axis=1)
    expected = np.average(distance, weights=weight)
    assert value(BrierLoss(), OUTPUT, LABELS, weight) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("loss", [LogLoss(), BrierLoss()])
def test_one_output_is_the_difference_of_two(loss):
    labels = LABELS % 2
    two = value(loss, OUTPUT[:, :2], labels)
    one = value(loss, OUTPUT[:, 1:2] - OUTPUT[:, :1], labels)
    assert one == pytest.approx(two, abs=1e-12)


def test_squared_error_is_half_the_mean():
    target = RNG.normal(size=OUTPUT.shape)
    expected = mean_squared_error(target, OUTPUT, sample_weight=WEIGHT) / 2
    found = value(SquaredError(), OUTPUT, target, WEIGHT)
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_outputs", [1, 4])
@pytest.mark.parametrize("loss", [LogLoss(), BrierLoss()])
def test_gradients(loss, n_outputs):
    output = torch.randn(6, n_outputs, dtype=torch.float64, requires_grad=True)
    labels = torch.arange(6) % max(2, n_outputs)
    weight = torch.rand(6, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda out: loss(out, labels, weight), (output,))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 4])
@pytest.mark.parametrize("loss", [LogLoss(), BrierLoss(), SquaredError()])
def test_the_gradient_without_autograd_is_that_of_autograd(loss, n_outputs, weighted):
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(6, n_outputs, dtype=torch.float64, generator=generator)
    target = torch.arange(6) % max(2, n_outputs)
    if isinstance(loss, SquaredError):
        target = torch.randn(6, n_outputs, dtype=torch.float64, generator=generator)
    weight = torch.rand(6, dtype=torch.float64, generator=generator) if weighted else None
    output.requires_grad_()
    expected = loss(output, target, weight)
    (expected_gradient,) = torch.autograd.grad(expected, output)
    found, gradient = loss.with_gradient(output, target, weight)
    torch.testing.assert_close(found, expected.detach())
    torch.testing.assert_close(gradient, expected_gradient)
