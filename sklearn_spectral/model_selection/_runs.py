"""Runs: fits whose nets step together, as many at a time as memory has room for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from sklearn import get_config

from ..training.device import own_modes
from ..training.outcome import Outcome
from ..training.threads import threads, threads_for
from ._fits import Fit, Search, Steps, as_it_is, finish, prepare, score
from ._store import Store

# Parameters by which networks or their steps have another shape, and runs are apart.
SHAPES = (
    "hidden_layer_sizes",
    "linear_expansion",
    "activation",
    "n_members",
    "train_eigenvalues",
    "train_eigenvectors",
    "rank",
    "fit_intercept",
    "solver",
    "loss",
    "batch_size",
    "averaging",
    "learning_rate",
    "early_stopping",
)


def in_order(fits: Sequence[Fit]) -> list[Fit]:
    """Return fits with those of one shape beside each other, split by split."""
    shapes: list[Any] = []

    def key(fit: Fit) -> tuple[int, int, int]:
        values = {k: v for k, v in fit.parameters.items() if k.split("__")[-1] in SHAPES}
        if repr(values) not in shapes:
            shapes.append(repr(values))
        return shapes.index(repr(values)), fit.split, fit.candidate

    return sorted(fits, key=key)


class Runs:
    """Makes fits ready, trains them in runs and scores them.

    Runs begin as soon as those that wait take ``working_memory`` of scikit-learn's
    configuration. ``report(fit, share)`` hears what share of a fit's epochs is done.
    """

    def __init__(
        self,
        search: Search,
        store: Store | None = None,
        report: Callable[[Fit, float], None] = lambda fit, share: None,
    ) -> None:
        self.search, self.store, self.report = search, store, report
        self.steps = Steps()
        self.limit = get_config()["working_memory"] * 2**20
        self.groups: list[list[Fit]] = []
        self.seen: set[int] = set()  # of arrays that are counted

    def evaluate(self, fits: Sequence[Fit]) -> None:
        """Train and score all."""
        n_bytes = 0
        for fit in in_order(fits):
            if not self._is_ready(fit):
                continue
            n_bytes += self._n_bytes(fit)
            if n_bytes > self.limit:
                self._train_all()
                n_bytes = 0
        self._train_all()

    def _is_ready(self, fit: Fit) -> bool:
        """Make a fit ready, and tell whether it waits to be trained beside others."""
        if self.store is not None and self.store.read(fit, self.search):
            self.report(fit, 1.0)
            return False
        prepare(fit, self.search, self.steps)
        if fit.run is None:  # it failed, or had to be alone
            self._done(fit)
            return False
        from ..training.together import can_train_beside

        net = fit.run.net
        for group in self.groups:
            if can_train_beside(group[0].run.net, net):
                group.append(fit)
                return True
        self.groups.append([fit])
        return True

    def _train_all(self, until: float = math.inf) -> None:
        """Train those that wait, a run for each shape."""
        for group in self.groups:
            self._train(group, until)
        self.groups = [left for group in self.groups if (left := _going_on(group))]
        if not self.groups:
            self.steps, self.seen = Steps(), set()

    @own_modes()
    def _train(self, group: Sequence[Fit], until: float) -> None:
        from ..training.together import Together

        fits = {fit.run.net: fit for fit in group}
        start, n_fits = time.perf_counter(), len(group)
        apart = 0.0  # what is done for one fit alone, and counted there

        def ended(net: Any, outcome: Outcome | Exception) -> None:
            nonlocal apart
            begin, fit = time.perf_counter(), fits[net]
            fit.fit_time += (begin - start - apart) / n_fits
            finish(fit, self.search, outcome)
            self._done(fit)
            apart += time.perf_counter() - begin

        def after_epoch(net: Any) -> None:
            self.report(fits[net], len(net.history) / net.max_epochs)

        datasets = [fit.run.dataset for fit in group]
        n_threads = threads_for(sum(fit.run.largest_product for fit in group))
        with threads(1):
            Together([*fits], datasets, ended, after_epoch, until, n_threads).run()
        for fit in _going_on(group):
            fit.fit_time += (time.perf_counter() - start - apart) / n_fits

    def _done(self, fit: Fit) -> None:
        """Score a fit, and keep no more than that."""
        fit.result = score(fit, self.search)
        fit.estimator = None
        if self.store is not None:
            self.store.write(fit, self.search)
        self.report(fit, 1.0)

    def prepare(self, fits: Sequence[Fit]) -> None:
        """Make all fits ready at once, however much memory they take."""
        for fit in in_order(fits):
            self._is_ready(fit)

    def train_until(self, epoch: float, fits: Sequence[Fit]) -> None:
        """Train fits that are prepared until an epoch, and score all as they are then."""
        self._train_all(epoch)
        for fit in fits:
            if fit.run is not None:
                fit.result = score(fit, self.search, as_it_is(fit))

    def drop(self, fits: Sequence[Fit]) -> None:
        """Give up fits that are behind; what they scored last is their result."""
        for fit in fits:
            if fit.run is not None:
                fit.training.close()
                fit.run = fit.training = fit.estimator = None
                self.report(fit, 1.0)
        self.groups = [left for group in self.groups if (left := _going_on(group))]

    def _n_bytes(self, fit: Fit) -> int:
        """Return about how much memory a fit takes while it trains, shared rows once."""
        run, net = fit.run, fit.run.net
        network, data = net.module_, run.dataset
        widths = sum(network.architecture.widths)
        numbers = N_COPIES * net.flat.vector.numel()
        numbers += sum(p.numel() for p in network.parameters())
        layers = sum(layer.size for layer in network.layers())
        numbers += 3 * network.n_members * (layers + widths * net.batch_size)
        n_bytes = numbers * net.flat.vector.element_size()
        for array in (data._resident, data.y, data.in_bags):
            if array is not None and array.data_ptr() not in self.seen:
                self.seen.add(array.data_ptr())
                n_bytes += array.numel() * array.element_size()
        return n_bytes


N_COPIES = 12
"""How often what trains is there at once: as values, gradients, moments, averages, the
best so far and the last that was good."""


def _going_on(group: Sequence[Fit]) -> list[Fit]:
    return [fit for fit in group if fit.run is not None]
