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
from .flat import FlatParameters, RunningAverage, step_of
from .members import MemberClip, ScaledStep, Strength, penalty, strength_for
from .penalties import FlatPenalty
from .processes import Processes
from .steps import AdamaxSteps

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
        super().initialize_optimizer(*args, **kwargs)
        self.schedule_ = None
        if self.one_cycle is not None:
            self.schedule_ = OneCycleLR(self.optimizer_, **self.one_cycle)
        self.n_steps_ = 0  # of those taken beside other nets
        self.average_ = None
        if self.averaging:
            self.average_ = RunningAverage(self.flat, self.averaging)
        return self

    def initialize_module(self, *args: Any, **kwargs: Any) -> TrainingNet:
        """See whether the gradient can be had without autograd."""
        super().initialize_module(*args, **kwargs)
        self.strengths_ = self._strengths()
        known = Backprop.supports(self.module_)
        self.passes_ = Backprop(self.module_, self.batch_size) if known else None
        self.penalty_ = None
        if known and self._has_penalty():
            self.penalty_ = FlatPenalty.of(self.module_, self.flat, self.strengths_)
        self.graphed_: Callable[..., Tensor] | None = None
        self.steps_: AdamaxSteps | None = None  # those that are captured
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
        self.passes_ = self.graphed_ = self.steps_ = None

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
        """Return what takes a step of the solver."""
        step = step_of(self.optimizer_, self.flat)
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

    def _batch_step(self) -> Callable[[Any, int], Tensor]:
        """Return what takes a step by a batch of so many rows and returns its loss."""
        device = self.flat.vector.device
        if self.graphed_ is None and self.passes_ is not None and device.type in CAPTURES:
            self.steps_ = self._captured_steps()
            if self.steps_ is None:
                self.graphed_ = graphed(self._gradient_of, device)
            else:
                self.passes_ = Backprop(self.module_, self.batch_size)  # in its new memory
                self.graphed_ = graphed(self._whole_step(self.steps_), device)
        if self.steps_ is not None:
            numbers, whole = self.steps_.numbers, cast("Graphed", self.graphed_)
            return lambda batch, size: whole(batch[0], *batch[1], *numbers())
        take_step, clip = self._step(), self._clip()
        gradient = self.graphed_ or self._gradient_of

        def compute(x: Tensor, target: tuple[Tensor, Tensor | None]) -> Tensor:
            return gradient(x, *target)

        def step(batch: Any, size: int) -> Tensor:
            loss = self.processes.batch_gradient(compute, batch, size, self.flat.gradient)
            if clip is not None:
                clip()
            take_step()
            if self.average_ is not None:
                self.average_.update()
            if self.schedule_ is not None:
                self.schedule_.step()
            return loss

        return step

    def _captured_steps(self) -> AdamaxSteps | None:
        """Return steps that can be captured with the gradient, where they are known."""
        if (
            self.solver != "adamax"
            or self.member_rates is not None
            or self.processes.share.n_processes > 1
            or "checkpoint" in dict(self.callbacks_)
        ):
            return None
        taken = self.optimizer_.state[self.flat.vector].get("step", 0)
        self.n_steps_ = int(taken)
        steps = AdamaxSteps([self])
        steps.penalty = None  # which is in the gradient
        return steps

    def _whole_step(self, steps: AdamaxSteps) -> Callable[..., Tensor]:
        clip = self._clip()

        def whole(x: Tensor, y: Tensor, weight: Tensor | None, *numbers: Any) -> Tensor:
            loss = self._gradient_of(x, y, weight)
            if clip is not None:
                clip()
            steps.take(loss, *numbers)
            return loss

        return whole

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params) -> None:
        """Run over the batches, reading their losses once at the end.

        skorch's own step asks every callback four times a batch and hands the solver a
        closure; on small data that takes longer than the network does.
        """
        if iterator is None:
            return
        self._set_training(training)
        by_batch = [
            callback
            for _, callback in self.callbacks_
            if type(callback).on_batch_begin is not Callback.on_batch_begin
        ]
        losses, sizes = [], iterator.sizes
        step = self._batch_step()
        with torch.no_grad():
            for size, batch in zip(sizes, iterator, strict=True):
                for callback in by_batch:
                    callback.on_batch_begin(self, batch=batch, training=training)
                losses.append(step(batch, size))
        finite = self.flat.vector.isfinite().all()
        all_losses = torch.stack(losses)
        self.processes.add_up(all_losses)
        *values, is_finite = torch.cat([all_losses, finite.to(all_losses)[None]]).tolist()
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
