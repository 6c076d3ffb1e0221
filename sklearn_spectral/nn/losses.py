"""Losses with a weight per sample.

Each is a module called as ``loss(output, target, weight=None)``; it returns the mean over
the batch of weight times loss. Weights are not normalised here: scaled once, by their
mean over the whole data, they leave every batch its due share.
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
        """Return the weighted mean of the losses of a batch, of shape (). The target is
        class indices, (n_samples,), or values, (n_samples, n_outputs)."""
        if weight is None:
            return self.mean(output, target)
        return (self.per_sample(output, target) * weight).mean()

    def mean(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of the samples, of shape ()."""
        return self.per_sample(output, target).mean()

    def with_gradient(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the weighted mean of the losses and its gradient, outside any graph."""
        with torch.enable_grad():
            output = output.detach().requires_grad_()
            loss = self(output, target, weight)
        (gradient,) = torch.autograd.grad(loss, output)
        return loss.detach(), gradient

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample, of shape (n_samples,)."""
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
        if output.shape[1] == 1:
            return F.binary_cross_entropy_with_logits(
                output[:, 0], target.to(output.dtype), reduction="none"
            )
        return F.cross_entropy(output, target, reduction="none")

    def mean(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean cross-entropy."""
        if output.shape[1] == 1:
            return super().mean(output, target)
        return F.cross_entropy(output, target)

    def with_gradient(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient: the softmax less the one-hot label."""
        if output.shape[1] == 1:
            return super().with_gradient(output, target, weight)
        logarithms = torch.log_softmax(output.detach(), dim=1)
        label = target.unsqueeze(1)
        losses = -logarithms.gather(1, label)
        minus_one = logarithms.new_full((1, 1), -1).expand(len(label), 1)
        gradient = logarithms.exp_().scatter_add_(1, label, minus_one)
        if weight is not None:
            losses *= weight.unsqueeze(1)
            gradient *= weight.unsqueeze(1)
        return losses.mean(), gradient.div_(len(label))


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
        if output.shape[1] == 1:
            return 2 * (torch.sigmoid(output[:, 0]) - target.to(output.dtype)) ** 2
        one_hot = F.one_hot(target, output.shape[1]).to(output.dtype)
        return ((torch.softmax(output, dim=1) - one_hot) ** 2).sum(dim=1)


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
        return ((output - target) ** 2).mean(dim=1) / 2


LOSSES: dict[str, type[WeightedLoss]] = {
    "log_loss": LogLoss,
    "brier": BrierLoss,
    "squared_error": SquaredError,
}
"""The losses by the names that estimators give them."""
