"""The training loop: a skorch net over in-memory batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import OneCycleLR

from ..nn.backprop import Backprop
from ..nn.losses import WeightedLoss
from .callbacks import EpochHooks
from .cuda_graphs import CAPTURES, Graphed, graphed
from .flat import FlatParameters, RunningAverage
from .members import MemberClip, ScaledStep, Strength, penalty, strength_for
from .one_cycle import OneCycle
from .penalties import FlatPenalty
from .processes import Processes
from .steps import AdamaxState, AdamaxSteps, Steps, make_steps

WAITING_FROM = 0.5
"""Share of the one-cycle schedule before which early stopping does not wait: the rate is
high until then, and a validation score that stays may still rise."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to train, by parameters of the estimators, with every "auto" replaced."""

    loss: WeightedLoss
    solver: str
    learning_rate: str
    learning_rate_init: float
    momentum: float
    penalties: Mapping[str, tuple[Strength, Strength]]  # L1 and L2, by group of parameters
    tol: float
    n_iter_no_change: float
    max_norm: float  # to which longer gradients are cut; infinity leaves them
    batch_size: int
    n_epochs: int
    shuffle: bool | str
    seed: int
    first_epoch: int  # number of the first one, after earlier training
    verbose: int
    averaging: float = 0.0  # decay of the running average that is kept; 0 keeps the last
    member_rates: Tensor | None = None  # of each member, as a ratio to learning_rate_init


class TrainingNet(NeuralNet):
    """A skorch net with weighted losses, penalties, and one device sync per epoch.

    The solver takes steps on one vector, `FlatParameters`. ``one_cycle`` has the arguments
    of torch's ``OneCycleLR``; without, the rate is constant. With ``averaging`` callbacks
    see the running average at the end of an epoch, and it is what is left at the end.
    """

    optimizer_: Any  # one of torch, or `AdamaxState`

    def __init__(
        self,
        *args: Any,
        flat: FlatParameters,
        solver: str,
        processes: Processes,
        penalties: Mapping[str, tuple[Strength, Strength]],
        one_cycle: Mapping[str, Any] | None = None,
        max_norm: float = math.inf,
        averaging: float = 0.0,
        member_rates: Tensor | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.flat = flat
        self.solver = solver
        self.processes = processes
        self.penalties = penalties
        self.one_cycle = one_cycle
        self.max_norm = max_norm
        self.averaging = averaging
        self.member_rates = member_rates

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
        """Return the sum of the penalties, of all members, with a graph."""
        total: Tensor | float = 0.0
        for layer in self.module_.layers():
            for group, values in layer.penalised():
                l1, l2 = self.strengths_[group]
                if l1 is not None:
                    total = total + penalty(l1, values.abs())
                if l2 is not None:
                    total = total + penalty(l2 / 2, values.square())
        return total

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> TrainingNet:
        """Make the solver and the schedule of its rate."""
        self.schedule_: Any = None
        if self.solver == "adamax":
            self.optimizer_ = AdamaxState(self.flat.vector, self.lr)
            make_schedule: Callable[..., Any] = OneCycle
        else:
            super().initialize_optimizer(*args, **kwargs)
            make_schedule = partial(OneCycleLR, self.optimizer_)
        if self.one_cycle is not None:
            self.schedule_ = make_schedule(**self.one_cycle)
        self.n_steps_ = 0
        self.average_ = RunningAverage(self.flat) if self.averaging else None
        return self

    def initialize_module(self, *args: Any, **kwargs: Any) -> TrainingNet:
        """See whether the gradient can be had without autograd."""
        super().initialize_module(*args, **kwargs)
        self.strengths_ = self._strengths()
        self.has_passes_ = Backprop.supports(self.module_)
        self.penalty_ = None
        if self.has_passes_ and self._has_penalty():
            self.penalty_ = FlatPenalty.of(self.module_, self.flat, self.strengths_)
        # Of this net, while it trains by itself.
        self.passes_: Backprop | None = None
        self.steps_: Steps | None = None
        self.graphed_: Callable[..., Tensor] | None = None
        self.batch_step_: Callable[[Any, int], Tensor] | None = None
        return self

    def add_epoch_hooks(
        self, begin: Callable[[], None], end: Callable[[torch.nn.Module], bool]
    ) -> None:
        """Have ``begin`` and ``end`` called around each epoch that is seen to be good."""
        self.callbacks_.insert(1, ("epoch_hooks", EpochHooks(begin, end)))

    def release(self) -> None:
        """Free the last batch, which may be all data, and what was captured."""
        self.captured_ = isinstance(self.graphed_, Graphed) and self.graphed_.captured
        if self.steps_ is not None:
            self.steps_.leave(self)
        self.passes_ = self.steps_ = self.graphed_ = self.batch_step_ = None
        self.module_.passes = None

    @torch.no_grad()
    def penalty(self) -> float:
        """Return the sum of the penalties as a number."""
        total = float(self.penalty_tensor()) if self._has_penalty() else 0.0
        return total / self.module_.n_members

    def _has_penalty(self) -> bool:
        return any(s is not None for pair in self.strengths_.values() for s in pair)

    def _strengths(self) -> dict[str, tuple[Strength | None, ...]]:
        """Return what multiplies the penalties of each group, those of zero as None."""
        n_members, like = self.module_.n_members, self.flat.vector.detach()
        return {
            group: tuple(
                strength_for(each, n_members, group == "eigenvectors", like)
                for each in strengths
            )
            for group, strengths in self.penalties.items()
        }

    def averaged(self) -> AbstractContextManager[None]:
        """Have the network be the running average, if any, within a ``with`` block."""
        return nullcontext() if self.average_ is None else self.average_.in_place()

    def use_average(self) -> None:
        """Leave the running average as the weights, if there is one."""
        if self.average_ is not None:
            self.flat.restore(self.average_.values)

    def notify(self, method_name: str, **kwargs: Any) -> None:
        """Call the callbacks, which see the running average at the end of an epoch."""
        at_end = method_name == "on_epoch_end"
        with self.averaged() if at_end else nullcontext():
            super().notify(method_name, **kwargs)

    def _gradient_of(self, x: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
        return self.compute_gradient(x, (y, weight))

    def compute_gradient(self, x: Tensor, target: tuple[Tensor, Tensor | None]) -> Tensor:
        """Write a batch's gradient over the vector's, under no_grad; return the loss."""
        if self.passes_ is None:
            self.flat.gradient.zero_()
            with torch.enable_grad():
                loss = self.get_loss(self.module_(x), target, training=True)
            loss.backward()
            return loss.detach()
        loss, d_output = self.criterion_.with_gradient(self.passes_.forward(x), *target)
        self.passes_.backward(d_output)
        if self.penalty_ is not None:
            loss = loss + self.penalty_.add_to(self.flat.gradient, self.flat.vector)
        return loss

    def _step(self) -> Callable[[], Any]:
        """Return what takes a step of a solver of torch."""
        step = self.optimizer_.step
        if self.member_rates is None:
            return step
        return ScaledStep(step, self.flat, self.module_, self.member_rates)

    def _clip(self) -> Callable[[], Any] | None:
        """Return what cuts the gradient, if it is to be cut."""
        if self.max_norm == math.inf:
            return None
        if self.module_.n_members > 1:
            return MemberClip(self.module_, self.flat, self.max_norm)
        return partial(clip_grad_norm_, self.flat.vector, self.max_norm)

    def make_passes(self) -> None:
        """Find the passes of what trains, which stays where it is from here on."""
        if self.has_passes_:
            self.passes_ = Backprop(self.module_, self.batch_size)
            self.module_.passes = self.passes_.forward

    def _make_step(self) -> Callable[[Any, int], Tensor]:
        """Return what takes a step by a batch of so many rows and returns its loss; to be
        called when what the solver goes on from is known."""
        if isinstance(self.optimizer_, AdamaxState):
            self.n_steps_ = self.optimizer_.n_steps
        steps = self.steps_ = make_steps([self])
        self.make_passes()
        if isinstance(steps, AdamaxSteps) and self.processes.share.n_processes == 1:
            whole = self._graphed(self._gradient_and_step)
            return lambda batch, size: whole(batch[0], *batch[1], *steps.numbers())
        compute = self._graphed(self._gradient_of)
        batch_gradient, gradient = self.processes.batch_gradient, self.flat.gradient

        def step(batch: Any, size: int) -> Tensor:
            loss = batch_gradient(lambda x, y: compute(x, *y), batch, size, gradient)
            steps.move(*steps.numbers())
            return loss

        return step

    def _gradient_and_step(
        self, x: Tensor, y: Tensor, weight: Tensor | None, *numbers: Any
    ) -> Tensor:
        loss = self._gradient_of(x, y, weight)
        cast("Steps", self.steps_).move(*numbers)
        return loss

    def _graphed(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """Return a function as a graph where there are any, and no autograd."""
        if self.passes_ is None:
            return function
        self.graphed_ = graphed(function, self.flat.vector.device)
        return self.graphed_

    @property
    def _reads_columns(self) -> bool:
        """Whether batches of sparse rows may be `SeenColumns`."""
        device = self.flat.vector.device.type
        on_cpu = device == "cpu" and device not in CAPTURES
        return on_cpu and self.passes_ is not None and self.passes_.reads_columns

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params) -> None:
        """Run over the batches, reading their losses once at the end.

        skorch's own step asks every callback four times a batch and hands the solver a
        closure; on small data that takes longer than the network does.
        """
        if iterator is None:
            return
        if self.module_.training != training:
            self._set_training(training)
        by_batch = [
            callback
            for _, callback in self.callbacks_
            if type(callback).on_batch_begin is not Callback.on_batch_begin
        ]
        sizes = iterator.sizes
        # In one array: a small tensor kept of each batch would scatter the memory.
        losses = self.flat.vector.new_empty(len(sizes))
        if self.batch_step_ is None:
            self.batch_step_ = self._make_step()
        step = self.batch_step_
        iterator.dataset.reads_columns = self._reads_columns
        with torch.no_grad():
            for loss, size, batch in zip(losses.unbind(), sizes, iterator, strict=True):
                for callback in by_batch:
                    callback.on_batch_begin(self, batch=batch, training=training)
                loss.copy_(step(batch, size))
        finite = self.flat.vector.isfinite().all()
        self.processes.add_up(losses)
        *values, is_finite = torch.cat([losses, finite.to(losses)[None]]).tolist()
        self.record_epoch(prefix, values, sizes, bool(is_finite))

    def record_epoch(
        self, prefix: str, values: list[float], sizes: list[int], is_finite: bool
    ) -> None:
        """Write down the losses of an epoch's batches, and whether weights are finite."""
        # Of several members a loss is the sum; reported is their mean.
        values = [value / self.module_.n_members for value in values]
        mean = sum(v * n for v, n in zip(values, sizes, strict=True)) / sum(sizes)
        self.history.record(prefix + "_first_loss", values[0])
        self.history.record(prefix + "_loss", mean)
        self.history.record(prefix + "_finite", is_finite)
        self.history.record(prefix + "_batch_count", len(values))
