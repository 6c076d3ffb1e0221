"""How a fit trains: what each "auto" of the parameters stands for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..fitted.layers import architecture_of, n_members_in

if TYPE_CHECKING:
    from ..training.net import TrainingOptions
    from .fit_run import FitRun

# A constant rate has no warm-up to survive and no decay to settle in.
CONSTANT_SHARE = 0.1

# A running average settles what a constant rate does not, and so does the mean of several
# members; for batches of 200 rows.
AVERAGED_SHARE = 0.6

# How many rows batches of a population have at least, by default.
LEAST_BATCH = 64

# The decay of the running average where training stops by what is out of bag.
AVERAGING = 0.98


class FitOptions:
    """The options of one run, over ``n_samples`` rows."""

    def __init__(self, run: FitRun, n_samples: int) -> None:
        self.run, self.estimator, self.n_samples = run, run.estimator, n_samples

    def told(self) -> TrainingOptions:
        """Return how to train, every "auto" replaced by what it stands for."""
        from ..training.net import TrainingOptions

        estimator, run = self.estimator, self.run
        unit = max(run.data.total_weight(), 1.0)
        batch_size = self._batch_size()
        rate, max_norm = self._rate(batch_size)
        shuffle = estimator.shuffle
        return TrainingOptions(
            loss=self.run.units.loss(),
            solver=estimator.solver,
            learning_rate=estimator._schedule(self.run.partial, self.run.stops_by),
            learning_rate_init=float(rate),
            momentum=estimator.momentum,
            penalties={
                group: (strength * l1_ratio / unit, strength * (1 - l1_ratio) / unit)
                for group, (strength, l1_ratio) in estimator._penalties().items()
            },
            tol=estimator.tol,
            n_iter_no_change=self._patience(),
            max_norm=max_norm,
            batch_size=int(batch_size),
            n_epochs=1 if self.run.partial else int(estimator.max_iter),
            shuffle=shuffle if isinstance(shuffle, str) else bool(shuffle),
            seed=self.run.seed,
            first_epoch=self.run.first_epoch,
            verbose=int(estimator.verbose),
            averaging=self._averaging(),
        )

    def _patience(self) -> float:
        """Return after how many epochs without improvement training stops."""
        patience = self.estimator.n_iter_no_change
        if patience != "auto":
            return patience
        if not self._averaging():
            return 10
        return 5 if self.run.stops_by == "oob" or self.estimator._is_wide else 10

    def _averaging(self) -> float:
        """Return the decay of the running average of the weights."""
        decay = getattr(self.estimator, "averaging", 0.0)
        if self.run.partial or not self.run.solver.by_batches:
            return 0.0
        if decay == "auto":
            return AVERAGING if self.run.stops_by else 0.0
        return float(decay)

    def _rate(self, batch_size: int) -> tuple[float, float]:
        """Return the highest rate, and the norm to which longer gradients are cut."""
        estimator = self.estimator
        if estimator.learning_rate_init != "auto":
            return estimator.learning_rate_init, np.inf
        max_norm = estimator._auto_max_norm() if self.run.solver.clips else np.inf
        share = 1.0
        if estimator._schedule(self.run.partial, self.run.stops_by) == "constant":
            share = CONSTANT_SHARE
            if self._averaging() and n_members_in(self.run.config) > 1:
                # The noise of a step is that of its batch. How many rows few data have is
                # no part of it: weights of rows count as repetitions do.
                share = AVERAGED_SHARE * math.sqrt(max(batch_size, LEAST_BATCH) / 200)
        return estimator._auto_learning_rate() * share, max_norm

    def _batch_size(self) -> int:
        """Return how many rows go into a batch."""
        n_samples = self.n_samples
        if not self.run.solver.by_batches:
            from ..training.batches import rows_of_full_batch

            widest = architecture_of(self.run.config).widest * n_members_in(self.run.config)
            return rows_of_full_batch(n_samples, widest)
        size = self.estimator.batch_size
        if size != "auto":
            return size
        if n_members_in(self.run.config) == 1 or self.run.partial:
            return min(200, n_samples)
        # Populations learn in few epochs, which need steps enough.
        return min(n_samples, max(LEAST_BATCH, min(200, n_samples // 20)))
