"""Steps of the solvers for several nets, whose weights are the rows of a matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR

from .penalties import FlatPenalty

if TYPE_CHECKING:
    from .net import TrainingNet


def make_steps(nets: Sequence[TrainingNet]) -> Steps:
    """Put the weights of nets into the rows of a matrix; each goes on where it was."""
    has_rows = nets[0].solver == "adamax" and all(net._clip() is None for net in nets)
    return (AdamaxSteps if has_rows else Steps)(nets)


class Steps:
    """Steps of each net's own solver, after penalties and before averages of all rows.

    Row j of ``values`` and of ``gradients`` is the vector of net j, as long as it is here.
    """

    def __init__(self, nets: Sequence[TrainingNet]) -> None:
        self.nets = [*nets]
        self.values = torch.stack([net.flat.copy() for net in nets])
        self.gradients = torch.zeros_like(self.values)
        self.penalty = self._stacked_penalties()
        self.n_steps = self._column([net.n_steps_ for net in nets])
        self.decays: Any = None
        self.averages: Any = None
        if nets[0].average_ is not None:
            self.averages = torch.stack([net.average_.values for net in nets])  # type: ignore[union-attr]
            self.decays = self._column([net.averaging for net in nets])
        self._move_in()

    def numbers(self) -> tuple[Any, ...]:
        """Return what of the step that comes is found on the host, which `take` takes."""
        return ()

    def take(self, losses: Tensor, *numbers: Any) -> None:
        """Take a step by the gradients that are there; add penalties to the losses."""
        self.n_steps += 1
        if self.penalty is not None:
            losses += self.penalty.add_to(self.gradients, self.values)
        self._take(*numbers)
        if self.averages is not None:
            n = self.n_steps
            self.averages.lerp_(self.values, 1 - self.decays.minimum((1 + n) / (10 + n)))

    def _take(self, *numbers: Any) -> None:
        for step in self.own_steps:
            step()

    def are_finite(self) -> list[bool]:
        """Tell of each row whether it is."""
        return self.values.isfinite().all(1).tolist()

    def keep(self, nets: Sequence[TrainingNet]) -> None:
        """Drop the rows of all nets but these, which are in their order."""
        row = {net: number for number, net in enumerate(self.nets)}
        rows = torch.tensor([row[net] for net in nets], device=self.values.device)
        self.nets = [*nets]
        self._select(lambda values: values.index_select(0, rows))
        self._move_in()

    def leave(self, net: TrainingNet) -> None:
        """Give a net memory of its own, and all that it needs to go on."""
        net.n_steps_ = int(self.n_steps[self.nets.index(net)])
        net.flat.move_to(net.flat.copy(), net.flat.gradient.clone())
        if net.average_ is not None:
            net.average_.values = net.average_.values.clone()
            net.average_.n_steps = net.n_steps_

    def _select(self, rows_of: Callable[[Tensor], Tensor]) -> None:
        self.values, self.gradients = rows_of(self.values), rows_of(self.gradients)
        self.n_steps = rows_of(self.n_steps)
        if self.averages is not None:
            self.averages, self.decays = rows_of(self.averages), rows_of(self.decays)
        if self.penalty is not None:
            parts = (self.penalty.l1, self.penalty.l2, self.penalty.centre)
            self.penalty = FlatPenalty(*map(rows_of, parts))

    def _move_in(self) -> None:
        """Have each net live in its row."""
        for number, net in enumerate(self.nets):
            net.flat.move_to(self.values[number], self.gradients[number])
            if net.average_ is not None:
                net.average_.values = self.averages[number]
        self._find_own_steps()

    def _find_own_steps(self) -> None:
        self.own_steps = []
        for net in self.nets:
            clip, schedule = net._clip(), net.schedule_
            self.own_steps += [] if clip is None else [clip]
            self.own_steps.append(net._step())
            self.own_steps += [] if schedule is None else [schedule.step]

    def _column(self, numbers: Sequence[float]) -> Tensor:
        return self.values.new_tensor(numbers).unsqueeze(1)

    def _stacked_penalties(self) -> FlatPenalty | None:
        """Return the penalties of all rows; zeros for nets that have none."""
        given = [net.penalty_ for net in self.nets]
        if all(each is None for each in given):
            return None
        none = torch.zeros_like(self.values[0])
        rows = [
            (none,) * 3 if each is None else (each.l1, each.l2, each.centre)
            for each in given
        ]
        return FlatPenalty(*(torch.stack(parts) for parts in zip(*rows, strict=True)))


class AdamaxSteps(Steps):
    """Steps of Adamax on all rows, each at its own rate.

    Source: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR (2015),
    section 7.1, with the schedules of the nets.
    """

    states = ("exp_avg", "exp_inf")

    def __init__(self, nets: Sequence[TrainingNet]) -> None:
        super().__init__(nets)
        self.mean, self.largest = map(self._stacked_state, self.states)
        self.memory = torch.empty_like(self.values)
        group = nets[0].optimizer_.param_groups[0]
        self.betas, self.eps = group["betas"], group["eps"]
        self.rates = Rates(nets, self._column)

    def numbers(self) -> tuple[Any, ...]:
        """Return the rates and beta_1."""
        return self.rates.next()

    def _take(self, *numbers: Any) -> None:
        rate, beta1 = numbers
        mean, largest, memory = self.mean, self.largest, self.memory
        mean.lerp_(self.gradients, 1 - beta1)
        torch.abs(self.gradients, out=memory).add_(self.eps)
        torch.maximum(largest.mul_(self.betas[1]), memory, out=largest)
        torch.div(mean, largest, out=memory)
        self.values.addcmul_(memory, rate / (1 - beta1**self.n_steps), value=-1)

    def leave(self, net: TrainingNet) -> None:
        """Give a net memory of its own, and all that it needs to go on."""
        row = self.nets.index(net)
        super().leave(net)
        rows = (self.mean[row].clone(), self.largest[row].clone())
        state = dict(zip(self.states, rows, strict=True))
        net.optimizer_.state[net.flat.vector] = state | {
            "step": self.n_steps[row, 0].clone()
        }

    def _stacked_state(self, name: str) -> Tensor:
        """Return what the solver of each net remembers; zeros before its first step."""
        none = torch.zeros_like(self.values[0])
        of_nets = [net.optimizer_.state[net.flat.vector] for net in self.nets]
        return torch.stack([state.get(name, none) for state in of_nets])

    def _select(self, rows_of: Callable[[Tensor], Tensor]) -> None:
        super()._select(rows_of)
        self.mean, self.largest = rows_of(self.mean), rows_of(self.largest)
        self.memory = self.memory[: len(self.values)]
        self.rates.select(rows_of)

    def _find_own_steps(self) -> None:
        """Have none: steps are of all rows."""


class Rates:
    """The rate and beta_1 of each net's next step, as columns; torch's own schedules.

    Schedules that differ in their height alone are one.
    """

    def __init__(
        self, nets: Sequence[TrainingNet], column: Callable[[Sequence[float]], Tensor]
    ) -> None:
        group = nets[0].optimizer_.param_groups[0]
        self.column, self.beta1 = column, group["betas"][0]
        cycles = [net.one_cycle for net in nets]
        self.schedules: list[OneCycleLR] = []
        if cycles[0] is None:
            self.heights = column([net.lr for net in nets])
            return
        self.heights = column([cycle["max_lr"] for cycle in cycles])  # type: ignore[index]
        shapes = [
            ({**net.one_cycle, "max_lr": 1.0}, net.n_steps_)  # type: ignore[dict-item]
            for net in nets
        ]
        different = [s for n, s in enumerate(shapes) if s not in shapes[:n]]
        numbers = [different.index(shape) for shape in shapes]
        self.which = column(numbers)[:, 0].long()
        for cycle, n_steps in different:
            solver = torch.optim.Adamax([torch.zeros(1)], lr=1.0)
            schedule = OneCycleLR(solver, **cycle)
            solver.step()  # before which torch's schedules warn
            for _ in range(n_steps):
                schedule.step()
            self.schedules.append(schedule)

    def next(self) -> tuple[Any, Any]:
        """Return both, for the step that comes now."""
        if not self.schedules:
            return self.heights, self.beta1
        groups = [schedule.optimizer.param_groups[0] for schedule in self.schedules]
        now = [(group["lr"], group["betas"][0]) for group in groups]
        for schedule in self.schedules:
            if schedule.last_epoch < schedule.total_steps - 1:
                schedule.step()
        if len(now) == 1:
            ((rate, beta1),) = now
            return self.heights * rate, beta1
        rates, betas = (
            self.column(each).index_select(0, self.which) for each in zip(*now, strict=True)
        )
        return self.heights * rates, betas

    def select(self, rows_of: Callable[[Tensor], Tensor]) -> None:
        """Keep some rows."""
        self.heights = rows_of(self.heights)
        if self.schedules:
            self.which = rows_of(self.which)
