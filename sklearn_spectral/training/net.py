"""The training loop: a skorch net over in-memory batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import OneCycleLR

from ..nn.backprop import Backprop
from .callbacks import (
    EpochHooks,
)
from .cuda_graphs import GraphedGradient
from .flat import FlatParameters, step_of
from .processes import Processes

SOLVERS: dict[str, type[torch.optim.Optimizer]] = {
    "adamax": torch.optim.Adamax,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}
"""The optimizers that take a step per batch, by the names that estimators give them."""

FUSED = ("adam", "sgd")
"""Those of which torch has a kernel that passes over memory once."""

WAITING_FROM = 0.5
"""Share of the one-cycle schedule before which early stopping does not wait: the rate is
high until then, and a validation score that rests may still rise."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; the fields are the parameters of the estimators.

    Parameters
    ----------
    loss, solver, learning_rate : str
        As in the estimators.
    learning_rate_init, momentum, tol : float
        As in the estimators.
    penalties : mapping of str to (float, float)
        Strength of the L1 and of the L2 penalty on each group of parameters that layers
        name.
    n_iter_no_change : float
        As in the estimators.
    max_norm : float
        The norm to which longer gradients are cut; infinity leaves them.
    batch_size, n_epochs, seed, first_epoch, verbose : int
        As in the estimators; ``first_epoch`` counts on from earlier training.
    shuffle : bool or str
        As in the estimators.
    """

    loss: str
    solver: str
    learning_rate: str
    learning_rate_init: float
    momentum: float
    penalties: Mapping[str, tuple[float, float]]
    tol: float
    n_iter_no_change: float
    max_norm: float
    batch_size: int
    n_epochs: int
    shuffle: bool | str
    seed: int
    first_epoch: int
    verbose: int


class TrainingNet(NeuralNet):
    """A skorch net with weighted losses, penalties, and one device sync per epoch.

    Its trained parameters are views of one vector, `FlatParameters`, and the solver takes
    steps on that.

    Parameters
    ----------
    *args
        As for `skorch.NeuralNet`.
    flat : FlatParameters
        Of the module.
    penalties : mapping of str to (float, float), optional
        Strength of the L1 and of the L2 penalty on each group of parameters that layers
        name.
    one_cycle : mapping, optional
        Arguments of torch's ``OneCycleLR``; without, the rate is constant.
    max_norm : float, default=inf
        The norm to which longer gradients are cut.
    processes : Processes, optional
        Those that train this network together; without, this one alone.
    **kwargs
        As for `skorch.NeuralNet`.
    """

    def __init__(
        self,
        *args: Any,
        flat: FlatParameters,
        penalties: Mapping[str, tuple[float, float]] | None = None,
        one_cycle: Mapping[str, Any] | None = None,
        max_norm: float = math.inf,
        processes: Processes | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.processes = processes
        self.flat = flat
        self.penalties = {} if penalties is None else penalties
        self.one_cycle = one_cycle
        self.max_norm = max_norm

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        return []

    def get_all_learnable_params(self):
        """Yield the vector of all that trains; frozen parameters stay out of the solver."""
        yield "trained", self.flat.vector

    def on_batch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Do nothing: no history is kept per batch."""

    def get_loss(self, y_pred, y_true, X=None, training=False) -> Tensor:
        """Return the weighted loss, with the penalties while training."""
        target, weight = y_true
        loss = self.criterion_(y_pred, target, weight)
        if training and self._has_penalty():
            return loss + self.penalty_tensor()
        return loss

    def penalty_tensor(self) -> Tensor | float:
        """Return the sum of the penalties, to be differentiated."""
        penalty: Tensor | float = 0.0
        for layer in self.module_.layers():
            for group, values in layer.penalised():
                l1, l2 = self.penalties[group]
                if l1:
                    penalty = penalty + l1 * values.abs().sum()
                if l2:
                    penalty = penalty + l2 / 2 * values.square().sum()
        return penalty

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> TrainingNet:
        """Make the solver and the schedule of its rate."""
        super().initialize_optimizer(*args, **kwargs)
        self.schedule_ = None
        if self.one_cycle is not None:
            self.schedule_ = OneCycleLR(self.optimizer_, **self.one_cycle)
        return self

    def initialize_module(self, *args: Any, **kwargs: Any) -> TrainingNet:
        """See whether the gradient can be had without autograd."""
        super().initialize_module(*args, **kwargs)
        known = Backprop.supports(self.module_)
        self.passes_ = Backprop(self.module_, self.batch_size) if known else None
        self.graphed_ = None
        if known and not self._has_penalty() and self.flat.vector.is_cuda:
            self.graphed_ = GraphedGradient(self.compute_gradient)
        return self

    def tell_epochs(
        self, begin: Callable[[], None], end: Callable[[torch.nn.Module], bool]
    ) -> None:
        """Have others told of each epoch, after it is seen to be a good one.

        Parameters
        ----------
        begin : callable
            Called without arguments before each epoch.
        end : callable
            Called with the module after each; training ends where it returns True.
        """
        self.callbacks_.insert(1, ("epoch_hooks", EpochHooks(begin, end)))

    def release(self) -> None:
        """Let go of the last batch, which may be all data, and of what was captured."""
        self.captured_ = self.graphed_ is not None and self.graphed_.captured
        self.passes_ = self.graphed_ = None

    @torch.no_grad()
    def penalty(self) -> float:
        """Return the sum of the penalties as a number."""
        return float(self.penalty_tensor()) if self._has_penalty() else 0.0

    def _has_penalty(self) -> bool:
        return any(any(strengths) for strengths in self.penalties.values())

    def compute_gradient(self, x: Tensor, target: tuple[Tensor, Tensor | None]) -> Tensor:
        """Put the gradient of a batch where that of the vector is; return the loss.

        To be called under ``torch.no_grad``.
        """
        if self.passes_ is None:
            self.flat.gradient.zero_()
            with torch.enable_grad():
                loss = self.get_loss(self.module_(x), target, training=True)
            loss.backward()
            return loss.detach()
        loss, d_output = self.criterion_.with_gradient(self.passes_.forward(x), *target)
        self.passes_.backward(d_output)
        if self._has_penalty():
            with torch.enable_grad():
                penalty = self.penalty_tensor()
            if isinstance(penalty, Tensor):
                penalty.backward()  # added to what is there
                loss = loss + penalty.detach()
        return loss

    def _gradient_of_all(
        self, gradient: Callable[..., Tensor], batch: Any, size: int
    ) -> Tensor:
        """Put the gradient of a batch of all processes there; return this one's loss.

        A sum over the processes of what this returns is the loss of the batch.
        """
        assert self.processes is not None
        part = len(batch[0]) / size
        if part:
            loss = gradient(*batch) * part
            self.flat.gradient.mul_(part)
        else:
            loss = self.flat.gradient.new_zeros(())
            self.flat.gradient.zero_()
        self.processes.add_up(self.flat.gradient)
        return loss

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params) -> None:
        """Run over the batches, reading their losses once at the end.

        skorch's own step asks every callback four times a batch and hands the solver a
        closure; on small data that takes longer than the network does.
        """
        if iterator is None:
            return
        self._set_training(training)
        asked = [
            callback
            for _, callback in self.callbacks_
            if type(callback).on_batch_begin is not Callback.on_batch_begin
        ]
        losses, sizes = [], iterator.sizes
        take_step = step_of(self.optimizer_, self.flat)
        gradient = self.compute_gradient if self.graphed_ is None else self.graphed_
        with torch.no_grad():
            for size, batch in zip(sizes, iterator, strict=True):
                for callback in asked:
                    callback.on_batch_begin(self, batch=batch, training=training)
                if self.processes is None:
                    losses.append(gradient(*batch))
                else:
                    losses.append(self._gradient_of_all(gradient, batch, size))
                if self.max_norm < math.inf:
                    clip_grad_norm_(self.flat.vector, self.max_norm)
                take_step()
                if self.schedule_ is not None:
                    self.schedule_.step()
        finite = self.flat.vector.isfinite().all()
        all_losses = torch.stack(losses)
        if self.processes is not None:
            self.processes.add_up(all_losses)
        *values, is_finite = torch.cat([all_losses, finite.to(all_losses)[None]]).tolist()
        mean = sum(v * n for v, n in zip(values, sizes, strict=True)) / sum(sizes)
        self.history.record(prefix + "_first_loss", values[0])
        self.history.record(prefix + "_loss", mean)
        self.history.record(prefix + "_finite", bool(is_finite))
        self.history.record(prefix + "_batch_count", len(values))
