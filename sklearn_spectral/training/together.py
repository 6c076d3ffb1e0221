"""Several fits in one run: nets of one shape that take their steps together.

What trains in each is a row of one matrix. Gradients, solver and running average are of all
rows at once; batches, losses, epochs and their callbacks are those that each net would have
by itself, so that it ends where it would alone, to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor

from ..nn.losses import OwnLoss, beside_each_other
from ..nn.side_by_side import SideBySide, read_rows
from ..spec.solvers import SOLVERS
from .batches import ArrayDataset, BatchIterator, same
from .callbacks import StopTraining
from .cuda_graphs import graphed
from .net import TrainingNet
from .outcome import Outcome
from .run import begin, end, outcome_of
from .steps import AdamaxSteps, make_steps
from .threads import threads

ORDERED_NUMBERS = 2**22
"""Data of no more numbers are put in the order of an epoch at once."""

WIDE_STACK = 2**20
"""From as many multiplications in a step on, linear layers are cheaper in closed form."""

BATCHES_DIFFER_BY = 0.1
"""Batches of nets that step together may differ by this share: folds do by a row."""


def why_alone(net: Any, dataset: Any) -> str | None:
    """Say why a net has to train by itself; None if it need not."""
    if not SOLVERS[net.solver].by_batches:
        return f"solver={net.solver!r} takes all rows at once"
    if not isinstance(dataset, ArrayDataset):
        return "its rows are a stream"
    if isinstance(net.criterion_, OwnLoss):
        return "its loss is a function"
    if "checkpoint" in dict(net.callbacks_):
        return "checkpoint_dir is set"
    if net.member_rates is not None:
        return "its members have rates of their own"
    if net.processes.share.n_processes > 1:
        return "it trains with other processes"
    if not SideBySide.supports(net.module_):
        return "its gradient is that of autograd, or parts of it are computed beforehand"
    if any(_is_cheaper_alone(plan) for plan in _plans(net.module_)):
        return "its linear layers are wide, and cheaper in closed form"
    return None


def _is_cheaper_alone(plan: Any) -> bool:
    if plan is None or plan.strategy != "closed_form":
        return False
    return plan.multiplications["closed_form"] > WIDE_STACK


def can_train_beside(net: TrainingNet, other: TrainingNet) -> bool:
    """Tell whether two nets, none of which has to be alone, may be in one run."""
    least, most = sorted([net.batch_size, other.batch_size])
    return _shape(net) == _shape(other) and most - least <= BATCHES_DIFFER_BY * least


def _shape(net: TrainingNet) -> tuple[Any, ...]:
    network, loss = net.module_, net.criterion_
    return (
        type(network),
        repr(network.architecture),
        network.activation,
        network.n_members,
        [(tuple(p.shape), p.requires_grad) for p in network.parameters()],
        [plan and (plan.strategy, plan.after_projection) for plan in _plans(network)],
        net.flat.vector.dtype,
        net.flat.vector.device,
        net.solver,
        net.average_ is None,
        net.schedule_ is None,
        type(loss),
        loss.kind(),
    )


def _plans(network: Any) -> Iterator[Any]:
    return (stack.active_plan for stack in network.stacks)


class SharedRows:
    """Nets that read the same rows in the same order, and differ in weights at most."""

    def __init__(self, net: TrainingNet, dataset: ArrayDataset) -> None:
        self.nets, self.datasets = [net], [dataset]
        self.iterator: BatchIterator | None = None
        self.losses: list[Tensor] = []
        self.step_in_epoch = 0

    def takes(self, net: TrainingNet, dataset: ArrayDataset) -> bool:
        """Tell whether a net with its data belongs here; it is then one of these."""
        first, own = self.nets[0], self.datasets[0]
        units = [(one.module_.input_shift, one.module_.input_scale) for one in (first, net)]
        belongs = (
            net.batch_size == first.batch_size
            and _order(net) == _order(first)
            and dataset.has_rows_of(own)
            and all(map(same, *units))
        )
        if belongs:
            self.nets.append(net)
            self.datasets.append(dataset)
        return belongs

    def begin(self) -> None:
        """Get ready for the first batch."""
        net, data = self.nets[0], self.datasets[0]
        # Targets and weights are taken by the places that come instead of them.
        self.iterator = net.get_iterator(data.places(), training=True)
        self.iterator.epoch += len(net.history)
        self.sizes = self.iterator.sizes
        self.bags = data.bags()
        self.whole: Tensor | None = None
        if data.is_small(ORDERED_NUMBERS) and isinstance(self.iterator.shuffle, bool):
            self.whole = read_rows(net.module_, data.take(slice(None))[0])
        self._gather_weights()

    def _gather_weights(self) -> None:
        """Have the weights of all nets as columns, if there are any."""
        given = [dataset.sample_weight for dataset in self.datasets]
        self.weight: Tensor | None = None
        if any(each is not None for each in given):
            like = self.datasets[0]
            ones = torch.ones(len(like), dtype=like.torch_dtype, device=like.device)
            self.weight = torch.stack([ones if w is None else w for w in given], dim=1)

    def begin_epoch(self) -> None:
        """Get ready for an epoch: put small data in its order at once."""
        for net in self.nets:
            net.notify("on_epoch_begin", dataset_train=None, dataset_valid=None)
        self.losses = []
        assert self.iterator is not None
        if self.whole is None:
            self.batches = iter(self.iterator)
            return
        generator, n_rows = self.iterator.next_generator(), len(self.whole)
        if generator is None:
            order = torch.arange(n_rows)
        else:
            order = torch.from_numpy(generator.permutation(n_rows))
        order = order.to(self.whole.device)
        self.ordered = self.whole.index_select(0, order), *self._targets(order)

    def next_batch(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return rows as networks read them, targets, and weights if there are any: of each
        net's members, (n_nets, n_members, n_rows), with one for axes that are alike."""
        if self.step_in_epoch == 0:
            self.begin_epoch()
        start = self.step_in_epoch * self.nets[0].batch_size
        now = slice(start, start + self.sizes[self.step_in_epoch])
        self.step_in_epoch += 1
        if self.whole is None:
            x, (places, _) = next(self.batches)
            return read_rows(self.nets[0].module_, x), *self._targets(places)
        x, y, weight = self.ordered
        return x[now], y[now], None if weight is None else weight[..., now]

    def _targets(self, places: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the targets and the weights of rows."""
        y = self.datasets[0].y.index_select(0, places)
        weight: Tensor | None = None
        if self.weight is not None:
            weight = self.weight.index_select(0, places).T.unsqueeze(1)
        if self.bags is not None:
            of_members = self.bags.index_select(0, places).T.unsqueeze(0)
            weight = of_members if weight is None else weight * of_members
        return y, weight

    @property
    def epoch_is_over(self) -> bool:
        """Whether the last batch of an epoch has been."""
        return self.step_in_epoch == len(self.sizes)

    def keep(self, nets: Sequence[TrainingNet]) -> None:
        """Drop all nets but these, which go on."""
        both = zip(self.nets, self.datasets, strict=True)
        kept = [pair for pair in both if pair[0] in nets]
        self.nets, self.datasets = [net for net, _ in kept], [each for _, each in kept]
        self._gather_weights()


def _order(net: TrainingNet) -> tuple[Any, ...]:
    names = ("shuffle", "seed", "first_epoch")
    return tuple(getattr(net, f"iterator_train__{name}") for name in names)


class Together:
    """Trains nets that `can_train_beside` each other until they are done.

    ``ended(net, outcome)`` is called as soon as one is, with how it went or with what it
    raised; ``after_epoch(net)`` after each epoch of each. With ``until`` nets pause after
    so many epochs: another of these goes on with them. Steps, which are of all nets, are in
    ``n_threads``; what is of one net has the threads that torch has.
    """

    def __init__(
        self,
        nets: Sequence[TrainingNet],
        datasets: Sequence[Any],
        ended: Callable[[TrainingNet, Outcome | Exception], None],
        after_epoch: Callable[[TrainingNet], None] = lambda net: None,
        until: float = math.inf,
        n_threads: int | None = 1,
    ) -> None:
        self.groups: list[SharedRows] = []
        self.ended, self.after_epoch, self.until = ended, after_epoch, until
        self.n_threads = n_threads
        self.data = dict(zip(nets, datasets, strict=True))
        for net, dataset in self.data.items():
            if not any(group.takes(net, dataset) for group in self.groups):
                self.groups.append(SharedRows(net, dataset))

    @property
    def nets(self) -> list[TrainingNet]:
        """Those that go on, in the order of their rows."""
        return [net for group in self.groups for net in group.nets]

    def run(self) -> None:
        """Train all."""
        for net in self.nets:
            if not net.history:
                begin(net, self.data[net])
        for group in self.groups:
            group.begin()
        self.steps = make_steps(self.nets)
        self._line_up()
        while self.groups:
            self.step()

    def step(self) -> None:
        """Take one step of all nets."""
        batches = [group.next_batch() for group in self.groups]
        with torch.no_grad(), threads(self.n_threads):
            losses = self._step_of(*chain(*batches), *self.steps.numbers())
        for group, own in zip(self.groups, losses.split(self.counts), strict=True):
            group.losses.append(own)
        over = [group for group in self.groups if group.epoch_is_over]
        if over:
            self._end_epochs(over)

    def _take_step(self, *given: Any) -> Tensor:
        """Take a step by the three tensors of each batch; return the losses."""
        n_batches = len(self.passes.parts)
        batches = [given[3 * place : 3 * place + 3] for place in range(n_batches)]
        losses = self._gradient(batches)
        self.steps.take(losses, *given[3 * n_batches :])
        return losses

    def _gradient(self, batches: Sequence[tuple[Tensor, Tensor, Tensor | None]]) -> Tensor:
        """Compute all gradients of a batch; return the losses, one of each net."""
        inputs = [x for x, _, _ in batches]
        output = self.passes.forward(inputs)
        most = output.shape[1]
        is_ragged = any(len(x) < most for x in inputs)
        weighs = is_ragged or any(w is not None for _, _, w in batches)
        if most not in self.memory:
            y = batches[0][1]
            target = y.new_zeros(len(output), most, *y.shape[1:])
            self.memory[most] = target, output.new_zeros(len(output), most)
        target, weight = self.memory[most]
        for (x, y, w), part in zip(batches, self.passes.parts, strict=True):
            target[part, : len(x)] = y
            if weighs:
                own = weight[part, : len(x)]
                if w is None:
                    own.fill_(1.0)
                else:
                    own.unflatten(0, (-1, self.n_members)).copy_(w)
                if len(x) < most:  # of which the loss is a mean, and of them some are none
                    own.mul_(most / len(x))
                    weight[part, len(x) :] = 0.0
        loss, d_output = self.criterion.by_member(
            output, target, weight.T if weighs else None
        )
        self.passes.backward(d_output)
        return loss.unflatten(0, (-1, self.n_members)).sum(1)

    def _line_up(self) -> None:
        """Put nets that go on in their rows, and plan their passes."""
        nets = self.nets
        self.counts = [len(group.nets) for group in self.groups]
        self.n_members = nets[0].module_.n_members
        self.passes = SideBySide(
            [net.module_ for net in nets],
            self.steps.values,
            self.steps.gradients,
            self.counts,
        )
        criteria = [net.criterion_ for net in nets]
        self.criterion = beside_each_other(criteria, self.n_members)
        # Targets and weights of a batch of all, (n_all_members, most rows).
        self.memory: dict[int, tuple[Tensor, Tensor]] = {}
        self._step_of: Callable[..., Tensor] = self._take_step
        if isinstance(self.steps, AdamaxSteps):
            self._step_of = graphed(self._take_step, self.steps.values.device)

    def _end_epochs(self, over: Sequence[SharedRows]) -> None:
        """Have nets hear that an epoch is over; drop those that have ended."""
        nets = self.nets
        finite = dict(zip(nets, self.steps.are_finite(), strict=True))
        n_before = len(nets)
        for group in over:
            columns = torch.stack(group.losses, dim=1).tolist()
            going_on = []
            for net, losses in zip(group.nets, columns, strict=True):
                net.record_epoch("train", losses, group.sizes, finite[net])
                if self._goes_on(net):
                    going_on.append(net)
            group.step_in_epoch = 0
            if len(going_on) < len(group.nets):
                group.keep(going_on)
        self.groups = [group for group in self.groups if group.nets]
        if self.groups and len(self.nets) < n_before:
            self.steps.keep(self.nets)
            self._line_up()

    def _goes_on(self, net: TrainingNet) -> bool:
        """Do what comes after an epoch of one net; tell whether another follows."""
        n_epochs, outcome = len(net.history), cast("Outcome | Exception | None", None)
        try:
            net.notify("on_epoch_end", dataset_train=None, dataset_valid=None)
            if n_epochs == net.max_epochs:
                net.use_average()
                outcome = self._end(net, "max_iter")
        except StopTraining as stop:
            outcome = self._end(net, stop.reason)
        except Exception as error:  # of a scorer or a callback of this net
            outcome = error
        goes_on = outcome is None and n_epochs < self.until
        if not goes_on:
            self.steps.leave(net)
        self.after_epoch(net)
        if outcome is not None:
            self.ended(net, outcome)
        return goes_on

    def _end(self, net: TrainingNet, reason: str) -> Outcome:
        net.stop_reason_ = reason
        end(net, self.data[net])
        return outcome_of(net)
