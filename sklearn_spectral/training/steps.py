"""Steps of the solvers for several nets, whose weights are the rows of a matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from .flat import RunningAverage, share_of_step
from .members import ratios_of
from .one_cycle import OneCycle
from .penalties import FlatPenalty

if TYPE_CHECKING:
    from .net import TrainingNet


def make_steps(nets: Sequence[TrainingNet]) -> Steps:
    """Put the weights of nets into the rows of a matrix; each goes on where it was."""
    is_adamax = isinstance(nets[0].optimizer_, AdamaxState)
    return (AdamaxSteps if is_adamax else Steps)(nets)


class Steps:
    """Steps of each net's own solver, after penalties and before averages of all rows.

    Row j of ``values`` and of ``gradients`` is the vector of net j, as long as it is here.
    """

    def __init__(self, nets: Sequence[TrainingNet]) -> None:
        self.nets = [*nets]
        self.values = torch.stack([net.flat.copy() for net in nets])
        self.gradients = torch.zeros_like(self.values)
        self.penalty = self._stacked_penalties()
        self.averages: Any = None
        if nets[0].average_ is not None:
            averages = [cast("RunningAverage", net.average_) for net in nets]
            self.averages = torch.stack([average.values for average in averages])
        self._move_in()

    def numbers(self) -> tuple[Any, ...]:
        """Return what of the step that comes is found on the host, for `take`: as numbers,
        or as columns where it differs from net to net."""
        for net in self.nets:
            net.n_steps_ += 1
        if self.averages is None:
            return (None,)
        return (
            self._each([share_of_step(net.averaging, net.n_steps_) for net in self.nets]),
        )

    def take(self, losses: Tensor, *numbers: Any) -> None:
        """Take a step by the gradients that are there; add penalties to the losses."""
        if self.penalty is not None:
            losses += self.penalty.add_to(self.gradients, self.values)
        self.move(*numbers)

    def move(self, share: Any, *numbers: Any) -> None:
        """Take a step by the gradients, of which penalties are a part."""
        self._take(*numbers)
        if self.averages is not None:
            self.averages.lerp_(self.values, share)

    def _take(self, *numbers: Any) -> None:
        for step in self.own_steps:
            step()

    def _each(self, numbers: list[float]) -> Any:
        """Return the number of all nets, or a column."""
        is_alike = numbers.count(numbers[0]) == len(numbers)
        return numbers[0] if is_alike else self._column(numbers)

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
        net.flat.move_to(net.flat.copy(), net.flat.gradient.clone())
        if net.average_ is not None:
            net.average_.values = net.average_.values.clone()

    def tell(self) -> None:
        """Have each net's solver know what it remembers; those of torch do."""

    def _select(self, rows_of: Callable[[Tensor], Tensor]) -> None:
        self.values, self.gradients = rows_of(self.values), rows_of(self.gradients)
        if self.averages is not None:
            self.averages = rows_of(self.averages)
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


class AdamaxState:
    """What Adamax remembers of a vector, called and told as torch's optimizers do it.

    It takes no steps, which are those of `AdamaxSteps`: an optimizer of torch imports its
    compiler, which takes a second in a first fit.
    """

    def __init__(self, vector: nn.Parameter, lr: float) -> None:
        self.vector = vector
        self.param_groups: list[dict[str, Any]] = [{"lr": lr, "betas": (0.9, 0.999)}]
        self.state: dict[nn.Parameter, dict[str, Tensor]] = {}

    @property
    def n_steps(self) -> int:
        """How many steps were taken when it was told last."""
        return int(self.state[self.vector]["step"]) if self.state else 0

    def of(self, name: str) -> Tensor:
        """Return one of its two vectors; zeros before the first step."""
        return (
            self.state[self.vector][name] if self.state else torch.zeros_like(self.vector)
        )

    def tell(self, n_steps: int, **vectors: Tensor) -> None:
        """Remember vectors, which may change in place, and the number of steps."""
        self.state = {self.vector: {"step": torch.tensor(float(n_steps)), **vectors}}

    def state_dict(self) -> dict[str, Any]:
        """Return states and settings."""
        states = dict(enumerate(self.state.values()))
        return {"state": states, "param_groups": self.param_groups}

    def load_state_dict(self, given: dict[str, Any]) -> None:
        """Take what `state_dict` gave; vectors as what trains is, and where it is."""
        like = self.vector.detach()
        for states in given["state"].values():
            moved = {name: v.to(like) if v.ndim else v for name, v in states.items()}
            self.state = {self.vector: moved}


class AdamaxSteps(Steps):
    """Steps of Adamax on all rows, each at its own rate.

    Source: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR (2015),
    section 7.1, with the schedules of the nets.
    """

    states = ("exp_avg", "exp_inf")
    eps = 1e-8

    def __init__(self, nets: Sequence[TrainingNet]) -> None:
        super().__init__(nets)
        self.mean, self.largest = map(self._stacked_state, self.states)
        self.memory = torch.empty_like(self.values)
        self.betas = nets[0].optimizer_.param_groups[0]["betas"]
        self.rates = Rates(nets, self._each)

    def numbers(self) -> tuple[Any, ...]:
        """Return the rates of averages, of the step, and of the mean of gradients."""
        averaged = super().numbers()
        return *averaged, *self.rates.next([net.n_steps_ for net in self.nets])

    def _take(self, *numbers: Any) -> None:
        rate, rest = numbers
        mean, largest, memory = self.mean, self.largest, self.memory
        for clip in self.clips:
            clip()
        mean.lerp_(self.gradients, rest)
        torch.abs(self.gradients, out=memory).add_(self.eps)
        torch.maximum(largest.mul_(self.betas[1]), memory, out=largest)
        torch.div(mean, largest, out=memory)
        if isinstance(rate, Tensor):
            self.values.addcmul_(memory, rate, value=-1)
        else:
            self.values.sub_(memory, alpha=rate)

    def leave(self, net: TrainingNet) -> None:
        """Give a net memory of its own, and all that it needs to go on."""
        super().leave(net)
        own = {name: row.clone() for name, row in self._rows_of(net).items()}
        net.optimizer_.tell(net.n_steps_, **own)

    def tell(self) -> None:
        """Have each net's solver remember its rows."""
        for net in self.nets:
            net.optimizer_.tell(net.n_steps_, **self._rows_of(net))

    def _rows_of(self, net: TrainingNet) -> dict[str, Tensor]:
        row, of_all = self.nets.index(net), (self.mean, self.largest)
        return {name: of[row] for name, of in zip(self.states, of_all, strict=True)}

    def _stacked_state(self, name: str) -> Tensor:
        return torch.stack([net.optimizer_.of(name) for net in self.nets])

    def _select(self, rows_of: Callable[[Tensor], Tensor]) -> None:
        super()._select(rows_of)
        self.mean, self.largest = rows_of(self.mean), rows_of(self.largest)
        self.memory = self.memory[: len(self.values)]
        self.rates = Rates(self.nets, self._each)

    def _find_own_steps(self) -> None:
        """Find what cuts each net's gradient; steps are of all rows."""
        clips = [net._clip() for net in self.nets]
        self.clips = [clip for clip in clips if clip is not None]


class Rates:
    """How far each net's next step goes, and how much of a gradient its mean takes in.

    Schedules that differ in their height alone are one.
    """

    def __init__(
        self,
        nets: Sequence[TrainingNet],
        each: Callable[[list[float]], Any],
    ) -> None:
        self.each, self.heights = each, each([net.lr for net in nets])
        self.beta1 = nets[0].optimizer_.param_groups[0]["betas"][0]
        if nets[0].member_rates is not None:  # and there is no other net
            ratios = ratios_of(nets[0].module_, nets[0].member_rates)
            self.heights = self.heights * ratios.to(nets[0].flat.vector.detach())
        self.schedules: list[OneCycle] = []
        if nets[0].schedule_ is None:
            return
        cycles = [
            replace(net.schedule_, max_lr=1.0, last_epoch=net.n_steps_) for net in nets
        ]
        self.schedules = [s for n, s in enumerate(cycles) if s not in cycles[:n]]
        self.which = [self.schedules.index(cycle) for cycle in cycles]

    def next(self, n_steps: Sequence[int]) -> tuple[Any, Any]:
        """Return both, for the step that comes now: of each net its first, second, ..."""
        now = [(1.0, self.beta1)] * len(n_steps)
        if self.schedules:
            of_each = [schedule.now() for schedule in self.schedules]
            now = [of_each[which] for which in self.which]
            for schedule in self.schedules:
                schedule.step()
        shares = [
            share / (1 - beta1**n) for (share, beta1), n in zip(now, n_steps, strict=True)
        ]
        return self.heights * self.each(shares), self.each([1 - beta1 for _, beta1 in now])
