"""The losses against scikit-learn's metrics and against autograd."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax
from sklearn.metrics import (
    log_loss,
    mean_absolute_error,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
    mean_squared_error,
)

from sklearn_spectral.nn import BrierLoss, LogLoss, NumberLoss, SquaredError
from sklearn_spectral.nn.losses import OwnLoss
from sklearn_spectral.spec.losses import LOSSES, quantile_of

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


OF_CLASSES = [LogLoss(), BrierLoss(), LogLoss(0.2), BrierLoss(0.2)]
OF_NUMBERS = [
    SquaredError(),
    NumberLoss("absolute_error"),
    NumberLoss("huber", 0.7),
    NumberLoss("huber", [0.2, 0.7, 1.0, 2.0]),
    NumberLoss("quantile", 0.3),
    NumberLoss("quantile", (0.1, 0.5, 0.8, 0.9)),
    NumberLoss("poisson"),
    NumberLoss("gamma"),
    NumberLoss("poisson", scale=[0.5, 1.0, 2.0, 3.0]),
]


def of_numbers(loss, n_members=None):
    """Return outputs and positive targets of four outputs for a loss."""
    generator = torch.Generator().manual_seed(0)
    shape = (6, 4) if n_members is None else (n_members, 6, 4)
    output = torch.randn(*shape, dtype=torch.float64, generator=generator)
    n_targets = 4 // loss.n_levels
    target = torch.rand(6, n_targets, dtype=torch.float64, generator=generator) + 0.1
    return output, target


def test_each_loss_of_numbers_is_registered_and_tested():
    assert {loss.loss for loss in OF_NUMBERS} == {*LOSSES.values()}


@pytest.mark.parametrize("n_outputs", [1, 4])
@pytest.mark.parametrize("loss", OF_CLASSES)
def test_gradients(loss, n_outputs):
    output = torch.randn(6, n_outputs, dtype=torch.float64, requires_grad=True)
    labels = torch.arange(6) % max(2, n_outputs)
    weight = torch.rand(6, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda out: loss(out, labels, weight), (output,))


def check_gradient(loss, output, target, weighted):
    weight = None
    if weighted:
        generator = torch.Generator().manual_seed(1)
        weight = torch.rand(6, dtype=torch.float64, generator=generator)
    output.requires_grad_()
    expected = loss(output, target, weight)
    (expected_gradient,) = torch.autograd.grad(expected, output)
    found, gradient = loss.with_gradient(output, target, weight)
    torch.testing.assert_close(found, expected.detach())
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 4])
@pytest.mark.parametrize("loss", OF_CLASSES)
def test_the_gradient_without_autograd_is_that_of_autograd(loss, n_outputs, weighted):
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(6, n_outputs, dtype=torch.float64, generator=generator)
    check_gradient(loss, output, torch.arange(6) % max(2, n_outputs), weighted)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_members", [None, 3])
@pytest.mark.parametrize("loss", OF_NUMBERS)
def test_the_gradient_of_numbers_is_that_of_autograd(loss, n_members, weighted):
    check_gradient(loss, *of_numbers(loss, n_members), weighted)


@pytest.mark.parametrize("n_members", [None, 3])
@pytest.mark.parametrize("loss", OF_CLASSES)
def test_several_labels_are_so_many_problems_of_two_classes(loss, n_members):
    shape = (6, 4) if n_members is None else (n_members, 6, 4)
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(*shape, dtype=torch.float64, generator=generator)
    labels = torch.randint(2, (6, 4), generator=generator)
    apart = [loss(output[..., i : i + 1], labels[:, i]) for i in range(4)]
    found = loss(output, labels.double())
    torch.testing.assert_close(found, torch.stack(apart).mean())
    check_gradient(loss, output, labels.double(), weighted=True)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_smoothed_labels(n_classes):
    outputs, labels = OUTPUT[:, :n_classes], LABELS % n_classes
    smooth = 0.8 * np.eye(n_classes)[labels] + 0.2 / n_classes
    expected = -(smooth * log_softmax(outputs, axis=1)).sum(axis=1).mean()
    assert value(LogLoss(0.2), outputs, labels) == pytest.approx(expected, abs=1e-12)
    expected = ((softmax(outputs, axis=1) - smooth) ** 2).sum(axis=1).mean()
    assert value(BrierLoss(0.2), outputs, labels) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        (NumberLoss("absolute_error"), mean_absolute_error),
        (NumberLoss("quantile", 0.3), partial(mean_pinball_loss, alpha=0.3)),
        (NumberLoss("poisson"), lambda y, z: mean_poisson_deviance(y, np.exp(z)) / 2),
        (NumberLoss("gamma"), lambda y, z: mean_gamma_deviance(y, np.exp(z)) / 2),
    ],
)
def test_losses_of_numbers_are_those_of_scikit_learn(loss, metric):
    output, target = OUTPUT[:, :1], RNG.uniform(0.1, 3, size=(40, 1))
    expected = metric(target[:, 0], output[:, 0])
    assert value(loss, output, target) == pytest.approx(expected, abs=1e-12)


def test_huber_is_that_of_torch():
    output, target = map(torch.from_numpy, (OUTPUT, RNG.normal(size=OUTPUT.shape)))
    expected = torch.nn.functional.huber_loss(output, target, delta=0.7)
    torch.testing.assert_close(NumberLoss("huber", 0.7)(output, target), expected)


def test_an_option_is_asked_for_and_no_other():
    with pytest.raises(ValueError, match="'huber' takes huber_delta; got None"):
        NumberLoss("huber")
    with pytest.raises(ValueError, match="'gamma' takes no option; got 2"):
        NumberLoss("gamma", 2)


def test_an_own_loss_sees_members_as_rows():
    output, target = of_numbers(SquaredError(), 3)
    own = OwnLoss(lambda out, true: (out - true).square() / 2)
    torch.testing.assert_close(own(output, target), SquaredError()(output, target))
    own = OwnLoss(torch.nn.CrossEntropyLoss(reduction="none"))
    labels = torch.arange(6) % 4
    torch.testing.assert_close(own(output, labels), LogLoss()(output, labels))
    with pytest.raises(ValueError, match=r"of shape \(18,\) here; it returned \(\)"):
        OwnLoss(torch.nn.functional.mse_loss)(output, target.expand(3, 6, 4))


def test_quantiles_by_weights_are_those_of_repeated_rows():
    y, repeats = RNG.normal(size=(30, 2)), RNG.integers(1, 4, size=30)
    repeated = np.repeat(y, repeats, axis=0)
    for share in (0.1, 0.5, 0.75):
        expected = np.quantile(repeated, share, axis=0, method="inverted_cdf")
        found = quantile_of(y, repeats / repeats.sum(), share)
        np.testing.assert_array_equal(found, expected)
