"""Losses with a weight per sample.

Each is a module called as ``loss(output, target, weight=None)``; it returns the mean over
the batch of weight times loss. Weights are not normalised here: scaled once, by their
mean over the whole data, they leave every batch its due share.

Of the members of a population it is the sum of their losses: each then has the gradient
that it would have alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WeightedLoss(nn.Module):
    """Mean over the samples of weight times loss; subclasses define the loss."""

    def __init__(self) -> None:
        super().__init__()

    def forward(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Return the weighted mean of the losses of a batch, of shape ().

        The target is class indices, (n_samples,), or values, (n_samples, n_outputs). The
        output of a population is (n_members, n_samples, n_outputs); weights may then be
        (n_samples, n_members), and targets have its first axis too.
        """
        if weight is None:
            return self.mean(output, target)
        return _sum_of_means(self.per_sample(output, target) * _by_member(weight))

    def mean(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of the samples, of shape ()."""
        return _sum_of_means(self.per_sample(output, target))

    def with_gradient(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the weighted mean of the losses and its gradient, outside any graph."""
        with torch.enable_grad():
            output = output.detach().requires_grad_()
            loss = self(output, target, weight)
        (gradient,) = torch.autograd.grad(loss, output)
        return loss.detach(), gradient

    @torch.no_grad()
    def average(self, output: Tensor, target: Tensor, weight: Tensor | None) -> float:
        """Return the weighted mean of the losses, whatever the mean of the weights is."""
        losses = self.per_sample(output, target)
        if weight is None:
            return float(losses.mean())
        return float((losses * weight).sum() / weight.sum())

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample, (n_samples,) or (n_members, n_samples)."""
        raise NotImplementedError


class LogLoss(WeightedLoss):
    """Cross-entropy of the classes; the logistic loss where there is one output.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import LogLoss
    >>> LogLoss()(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]))
    tensor(0.6931)
    """

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the cross-entropy of each sample."""
        target = _of_each(target, output)
        if output.shape[-1] == 1:
            return F.binary_cross_entropy_with_logits(
                output[..., 0], target.to(output.dtype), reduction="none"
            )
        classes = output.movedim(-1, 1)  # where torch has them
        return F.cross_entropy(classes, target, reduction="none")

    def mean(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean cross-entropy."""
        if output.shape[-1] == 1 or output.ndim > 2:
            return super().mean(output, target)
        return F.cross_entropy(output, target)

    def with_gradient(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient: the softmax less the one-hot label."""
        output, label, classes = output.detach(), _of_each(target, output), -1
        if output.shape[-1] == 1:
            difference = torch.sigmoid(output).sub_(label.unsqueeze(-1))
            return _weighted(self.per_sample(output, target), difference, weight)
        if output.ndim > 2:  # much faster where the rows are neighbours
            output, classes = output.mT.contiguous(), -2
        logarithms = torch.log_softmax(output, dim=classes)
        label = label.unsqueeze(classes)
        losses = -logarithms.gather(classes, label)
        minus_one = logarithms.new_full((1,) * label.ndim, -1).expand(label.shape)
        gradient = logarithms.exp_().scatter_add_(classes, label, minus_one)
        if weight is not None:
            of_row = _by_member(weight).unsqueeze(classes)
            losses *= of_row
            gradient *= of_row
        losses = losses.squeeze(classes)
        gradient.div_(losses.shape[-1])
        return _sum_of_means(losses), gradient if classes == -1 else gradient.mT


class BrierLoss(WeightedLoss):
    r"""Squared distance of the predicted probabilities and the one-hot label.

    .. math:: L = \| l - \sigma(z) \|^2

    with :math:`\sigma` the softmax. One output stands for the logit of the second of two
    classes and gives the same value as two outputs would.

    References
    ----------
    Giambagli et al., Nature Communications 12, 1330 (2021), equation 7.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import BrierLoss
    >>> BrierLoss()(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]))
    tensor(0.5000)
    """

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the squared distance of each sample."""
        if output.shape[-1] == 1:
            return 2 * (torch.sigmoid(output[..., 0]) - target.to(output.dtype)) ** 2
        one_hot = F.one_hot(target, output.shape[-1]).to(output.dtype)
        return ((torch.softmax(output, dim=-1) - one_hot) ** 2).sum(dim=-1)


class SquaredError(WeightedLoss):
    """Half the squared error, averaged over the outputs.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import SquaredError
    >>> SquaredError()(torch.zeros(4, 3), torch.ones(4, 3))
    tensor(0.5000)
    """

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """Return half the mean squared error of each sample."""
        return ((output - target) ** 2).mean(dim=-1) / 2

    def with_gradient(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient: the difference."""
        difference = output.detach() - target
        losses = difference.square().mean(dim=-1).div_(2)
        return _weighted(losses, difference.div_(output.shape[-1]), weight)


def _weighted(
    losses: Tensor, gradients: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the mean of losses of samples and its gradient, given theirs; in place."""
    if weight is not None:
        losses *= _by_member(weight)
        gradients *= _by_member(weight).unsqueeze(-1)
    return _sum_of_means(losses), gradients.div_(losses.shape[-1])


def _sum_of_means(losses: Tensor) -> Tensor:
    """Return the mean over samples, summed over members if there are several."""
    return losses.mean() if losses.ndim == 1 else losses.mean(-1).sum()


def _by_member(weight: Tensor) -> Tensor:
    """Return weights of rows, one for all members or one of each, as losses are."""
    return weight if weight.ndim == 1 else weight.T


def _of_each(target: Tensor, output: Tensor) -> Tensor:
    """Return class indices for each member, where all share the rows."""
    return target if target.ndim == output.ndim - 1 else target.expand(output.shape[:-1])


LOSSES: dict[str, type[WeightedLoss]] = {
    "log_loss": LogLoss,
    "brier": BrierLoss,
    "squared_error": SquaredError,
}
"""The losses by the names that estimators give them."""
