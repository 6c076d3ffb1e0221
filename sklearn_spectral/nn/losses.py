"""Losses with a weight per sample.

Each is a module called as ``loss(output, target, weight=None)``; it returns the mean over
the batch of weight times loss. Weights are not normalised here: scaled once, by their
mean over the whole data, they leave every batch its due share.

Of the members of a population it is the sum of their losses: each then has the gradient
that it would have alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..spec.losses import LOSSES as OF_NUMBERS

FEW_CLASSES = 16
"""A softmax of fewer takes all rows at a time, if these are neighbours, in a tenth of the
time."""


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
        loss, gradient = self.by_member(output, target, weight)
        return loss.sum() if loss.ndim else loss, gradient

    def by_member(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the same, with a loss for each member where there are several."""
        with torch.enable_grad():
            output = output.detach().requires_grad_()
            losses = self.per_sample(output, target)
            if weight is not None:
                losses = losses * _by_member(weight)
            loss = losses.mean(-1)
            (gradient,) = torch.autograd.grad(loss.sum(), output)
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

    def kind(self) -> Any:
        """Return what losses that `beside_each_other` puts into one have alike."""
        return getattr(self, "smoothing", None)


class LogLoss(WeightedLoss):
    """Cross-entropy of the classes; the logistic loss where there is one output.

    Targets of as many axes as the output are labels, 0 or 1, each by itself: several may be
    right. The loss is then the mean of their logistic losses.

    Parameters
    ----------
    smoothing : float, default=0.0
        Share of a label that is spread evenly over all classes, its own included.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import LogLoss
    >>> LogLoss()(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]))
    tensor(0.6931)
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__()
        self.smoothing = smoothing

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the cross-entropy of each sample."""
        if are_logistic(output, target):
            target = smoothed(_as_output(target, output), self.smoothing, 2)
            return F.binary_cross_entropy_with_logits(
                output, target, reduction="none"
            ).mean(dim=-1)
        target = _of_each(target, output)
        classes = output.movedim(-1, 1)  # where torch has them
        return F.cross_entropy(
            classes, target, reduction="none", label_smoothing=self.smoothing
        )

    def mean(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean cross-entropy."""
        if are_logistic(output, target) or output.ndim > 2:
            return super().mean(output, target)
        return F.cross_entropy(output, target, label_smoothing=self.smoothing)

    def by_member(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient: the softmax less the one-hot label."""
        output, classes = output.detach(), -1
        if are_logistic(output, target):
            losses = self.per_sample(output, target)
            label = smoothed(_as_output(target, output), self.smoothing, 2)
            difference = torch.sigmoid(output).sub_(label).div_(output.shape[-1])
            return _weighted(losses, difference, weight)
        label = _of_each(target, output)
        if output.ndim > 2 or output.shape[1] < FEW_CLASSES:
            output, classes = output.mT.contiguous(), -2
        logarithms = torch.log_softmax(output, dim=classes)
        n_rows, label, share = label.shape[-1], label.unsqueeze(classes), self.smoothing
        gains = logarithms.gather(classes, label)  # minus the losses
        if share:
            evenly = logarithms.mean(dim=classes, keepdim=True)
            gains = gains.mul_(1 - share).add_(evenly, alpha=share)
        less = logarithms.new_full((1,) * label.ndim, share - 1).expand(label.shape)
        gradient = logarithms.exp_().scatter_add_(classes, label, less)
        if share:
            gradient -= share / output.shape[classes]
        if weight is None:
            gradient.div_(n_rows)
        else:
            of_row = (_by_member(weight) / n_rows).unsqueeze(classes)
            gradient *= of_row
            gains *= of_row
        loss = gains.sum((-2, -1)).neg_()
        if weight is None:
            loss.div_(n_rows)
        return loss, gradient if classes == -1 else gradient.mT


class BrierLoss(WeightedLoss):
    r"""Squared distance of the predicted probabilities and the one-hot label.

    .. math:: L = \| l - \sigma(z) \|^2

    with :math:`\sigma` the softmax. One output stands for the logit of the second of two
    classes and gives the same value as two outputs would; labels of which several may be
    right are so many such outputs, of which the loss is the mean.

    Parameters
    ----------
    smoothing : float, default=0.0
        Share of a label that is spread evenly over all classes, its own included.

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

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__()
        self.smoothing = smoothing

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the squared distance of each sample."""
        return self._parts(output, target)[2]

    def by_member(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient."""
        shares, difference, losses = self._parts(output.detach(), target)
        if are_logistic(output, target):
            slope = shares * (1 - shares) * difference * (4 / output.shape[-1])
        else:
            moved = shares * difference
            slope = 2 * (moved - shares * moved.sum(dim=-1, keepdim=True))
        return _weighted(losses, slope, weight)

    def _parts(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return probabilities, how far they are from the labels, and the losses."""
        if are_logistic(output, target):
            shares = torch.sigmoid(output)
            label = smoothed(_as_output(target, output), self.smoothing, 2)
            difference = shares - label
            return shares, difference, 2 * difference.square().mean(dim=-1)
        shares, n_classes = torch.softmax(output, dim=-1), output.shape[-1]
        label = F.one_hot(target, n_classes).to(output.dtype)
        difference = shares - smoothed(label, self.smoothing, n_classes)
        return shares, difference, difference.square().sum(dim=-1)


class NumberLoss(WeightedLoss):
    """A loss of numbers, averaged over the outputs.

    Parameters
    ----------
    name : {"squared_error", "absolute_error", "huber", "quantile", "poisson", "gamma"}
        Which one. The last two are half the deviance of a distribution, the logarithm of
        whose mean the network gives.
    option : float or sequence of float, optional
        What the loss needs: of ``"huber"`` the error from which on it is linear, for all or
        for each output; of ``"quantile"`` the levels, for which each target has outputs
        that are neighbours.
    scale : float or sequence of float, default=1.0
        What outputs are multiplied by before the loss is taken, for all or for each. The
        loss is divided by its square, so that it bends as it did.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import NumberLoss
    >>> NumberLoss("quantile", [0.1, 0.9])(torch.zeros(4, 2), torch.ones(4, 1))
    tensor(0.5000)
    """

    option: Tensor | None
    scale: Tensor

    def __init__(self, name: str, option: Any = None, scale: Any = 1.0) -> None:
        super().__init__()
        self.loss, self.n_levels = OF_NUMBERS[name], 1
        if (self.loss.option is None) != (option is None):
            need = "no option" if self.loss.option is None else f"{self.loss.option}"
            raise ValueError(f"The loss {name!r} takes {need}; got {option!r}.")
        values = None
        if option is not None:
            values = torch.atleast_1d(torch.as_tensor(option, dtype=torch.float64))
            if self.loss.option == "quantile":
                self.n_levels = len(values)
        self.register_buffer("option", values)
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float64))
        self._is_scaled = bool((self.scale != 1).any())

    def kind(self) -> Any:
        """Return its name, and its levels if it has some."""
        levels = self.loss.option == "quantile" and tuple(self.option.tolist())  # type: ignore[union-attr]
        return self.loss, levels

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean over the outputs of each sample."""
        return self._mean_value(*self._arguments(output, target))

    def _mean_value(self, output: Tensor, *others: Tensor) -> Tensor:
        losses = self.loss.value(output, *others)
        if self._is_scaled:
            losses = losses / self.scale.to(output) ** 2
        return losses.mean(dim=-1)

    def by_member(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient."""
        arguments = self._arguments(output.detach(), target)
        losses, slope = self._mean_value(*arguments), self.loss.slope(*arguments)
        if self._is_scaled:
            slope = slope / self.scale.to(output)
        return _weighted(losses, slope / output.shape[-1], weight)

    def _arguments(self, output: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        if self._is_scaled:
            output = output * self.scale.to(output)
        if self.option is None:
            return output, target
        option = self.option.to(output)
        if self.loss.option == "quantile":
            option = option.repeat(output.shape[-1] // self.n_levels)
            target = target.repeat_interleave(self.n_levels, dim=-1)
        return output, target, option


class SquaredError(NumberLoss):
    """Half the squared error, averaged over the outputs.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import SquaredError
    >>> SquaredError()(torch.zeros(4, 3), torch.ones(4, 3))
    tensor(0.5000)
    """

    def __init__(self) -> None:
        super().__init__("squared_error")


class OwnLoss(WeightedLoss):
    """A user's function of outputs and targets, which returns a loss for each sample.

    It is called with outputs (n_samples, n_outputs) and targets, whose first axis is that;
    the rows of the members of a population stand one below the other.
    """

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        if isinstance(function, type):
            raise TypeError(
                f"loss={function.__name__} is a class; give an instance, such as "
                f"{function.__name__}(reduction='none')."
            )
        self.function = function

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """Return what the function does, of each sample; a mean over its outputs."""
        shape = output.shape[:-1]
        if output.ndim > 2:
            if target.shape[: len(shape)] != shape:
                target = target.expand(*shape[:1], *target.shape)
            target = target.flatten(0, 1)
            output = output.flatten(0, 1)
        losses = self.function(output, target)
        found: Any = type(losses)
        if isinstance(losses, Tensor):
            found = tuple(losses.shape)
            if not losses.is_floating_point():
                found = losses.dtype
        n_rows, n_outputs = output.shape
        if found not in ((n_rows,), (n_rows, 1), (n_rows, n_outputs)):
            raise ValueError(
                "The function given as loss must return a tensor of numbers with a loss "
                f"for each sample, of shape ({n_rows},) here; it returned {found} for "
                f"outputs {tuple(output.shape)} and targets {tuple(target.shape)}. For "
                "losses of torch set reduction='none'."
            )
        if losses.ndim == 2:
            losses = losses.mean(dim=-1)
        return losses.reshape(shape)


def beside_each_other(losses: Sequence[WeightedLoss], n_members: int) -> WeightedLoss:
    """Return one loss for the outputs of several networks, of n_members each, that stand
    beside each other; losses of one `WeightedLoss.kind`, each with its own numbers."""
    first = losses[0]
    if not isinstance(first, NumberLoss):
        return first
    result = NumberLoss.__new__(NumberLoss)
    nn.Module.__init__(result)
    result.loss, result.n_levels = first.loss, first.n_levels
    for name in ("scale", "option"):
        given: list[Any] = [getattr(one, name) for one in losses]
        is_alike = given[0] is None or all(torch.equal(given[0], one) for one in given[1:])
        values = given[0]
        if not is_alike:
            each = torch.stack([*torch.broadcast_tensors(*map(torch.atleast_1d, given))])
            values = each.repeat_interleave(n_members, 0).unsqueeze(1)
        result.register_buffer(name, values)
    result._is_scaled = bool((result.scale != 1).any())
    return result


def are_logistic(output: Tensor, target: Tensor) -> bool:
    """Tell whether each output is the logit of a label by itself."""
    return output.shape[-1] == 1 or target.is_floating_point()


def smoothed(label: Tensor, share: float, n_classes: int) -> Tensor:
    """Return labels of which a share is spread evenly."""
    return label * (1 - share) + share / n_classes if share else label


def _as_output(target: Tensor, output: Tensor) -> Tensor:
    """Return labels, 0 or 1, with the axes and the type that the output has."""
    if not target.is_floating_point():
        target = target.unsqueeze(-1)
    return target.to(output.dtype).expand(output.shape)


def _weighted(
    losses: Tensor, gradients: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the mean of losses of samples and its gradient, given theirs; in place."""
    if weight is not None:
        losses *= _by_member(weight)
        gradients *= _by_member(weight).unsqueeze(-1)
    return losses.mean(-1), gradients.div_(losses.shape[-1])


def _sum_of_means(losses: Tensor) -> Tensor:
    """Return the mean over samples, summed over members if there are several."""
    return losses.mean() if losses.ndim == 1 else losses.mean(-1).sum()


def _by_member(weight: Tensor) -> Tensor:
    """Return weights of rows, one for all members or one of each, as losses are."""
    return weight if weight.ndim == 1 else weight.T


def _of_each(target: Tensor, output: Tensor) -> Tensor:
    """Return class indices for each member, where all share the rows."""
    return target if target.ndim == output.ndim - 1 else target.expand(output.shape[:-1])


LOSSES: dict[str, Callable[..., WeightedLoss]] = {
    "log_loss": LogLoss,
    "brier": BrierLoss,
    **{name: partial(NumberLoss, name) for name in OF_NUMBERS},
}
"""What makes the losses, by the names that estimators give them."""
