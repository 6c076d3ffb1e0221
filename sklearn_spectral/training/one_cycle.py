"""The one-cycle schedule, as numbers of a step."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

RISES = 0.3
"""The share of the steps in which the rate rises."""

FIRST, LAST = 1 / 25, 1 / 25e4
"""The rates at the two ends, as shares of the highest."""

BETAS = 0.95, 0.85
"""beta_1 at the ends, and where the rate is highest."""


@dataclass
class OneCycle:
    """The rate and beta_1 of each step: the same as torch's ``OneCycleLR`` by default.

    That one needs an optimizer of torch, whose import takes a second, and a small fit
    spends a twentieth of its time in it. ``last_epoch`` is the number of the step that
    comes, as torch calls it.

    Source: L. N. Smith, N. Topin, "Super-convergence", Proc. SPIE 11006 (2019).
    """

    max_lr: float
    total_steps: int
    cycle_momentum: bool = True
    last_epoch: int = 0

    def now(self) -> tuple[float, float]:
        """Return both, for the step that comes."""
        top, end = RISES * self.total_steps - 1, self.total_steps - 1
        at_ends, at_top = BETAS
        if self.last_epoch <= top:
            first, last, betas, share = FIRST, 1.0, (at_ends, at_top), self.last_epoch / top
        else:
            first, last, betas = 1.0, LAST, (at_top, at_ends)
            share = (self.last_epoch - top) / (end - top)
        return self.max_lr * _between(first, last, share), _between(*betas, share)

    def step(self) -> None:
        """Go on to the next step; after the last one the rate stays."""
        self.last_epoch = min(self.last_epoch + 1, self.total_steps - 1)


def _between(first: float, last: float, share: float) -> float:
    """Return what lies between two numbers, by half a wave of a cosine."""
    return last + (first - last) / 2 * (1 + cos(pi * share))
