"""Successive halving: candidates that are behind are dropped while the others go on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._fits import Fit
from ._runs import Runs

FIRST_RUNG = {True: 1 / 25, False: 1 / 8}
"""Share of ``max_iter`` after which candidates are first compared by epochs, where training
stops early and where it does not: populations take few epochs."""

Evaluate = Callable[[Sequence[Fit]], Any]


class Halving:
    """Which candidates are left, and how often each went on."""

    def __init__(self, fits: Sequence[Fit], factor: float, metric: str) -> None:
        self.fits, self.factor, self.metric = fits, factor, metric
        self.left = sorted({fit.candidate for fit in fits})
        self.went_on = dict.fromkeys(self.left, 0)
        self.n_rungs = int(math.log(len(self.left), factor) + 1e-9)

    def fits_left(self) -> list[Fit]:
        """Return the fits of the candidates that are left."""
        return [fit for fit in self.fits if fit.candidate in self.left]

    def go_on(self) -> list[Fit]:
        """Compare the candidates that are left; return the fits of those that are not any
        more."""
        before = self.fits_left()
        means = np.array([self._mean_score(candidate) for candidate in self.left])
        best = np.argsort(-np.nan_to_num(means, nan=-np.inf), kind="stable")
        n_left = math.ceil(len(self.left) / self.factor)
        self.left = sorted(self.left[place] for place in best[:n_left])
        for candidate in self.left:
            self.went_on[candidate] += 1
        return [fit for fit in before if fit.candidate not in self.left]

    def _mean_score(self, candidate: int) -> float:
        scores = [
            fit.result["test_scores"]
            for fit in self.fits
            if fit.candidate == candidate and fit.result is not None
        ]
        of_metric = [s[self.metric] if isinstance(s, dict) else s for s in scores]
        return float(np.mean(of_metric))

    def by_splits(self, evaluate: Evaluate) -> list[int]:
        """Train on more and more of the splits; return on how many each candidate was."""
        n_splits = 1 + max(fit.split for fit in self.fits)
        done = 0
        for rung in range(self.n_rungs):
            share = n_splits / self.factor ** (self.n_rungs - rung)
            until = min(max(done + 1, round(share)), n_splits - self.n_rungs + rung)
            if until > done:
                self._evaluate_splits(evaluate, range(done, until))
                done = until
                self.go_on()
        self._evaluate_splits(evaluate, range(done, n_splits))
        return [
            sum(f.result is not None for f in self.fits if f.candidate == candidate)
            for candidate in sorted(self.went_on)
        ]

    def _evaluate_splits(self, evaluate: Evaluate, splits: range) -> None:
        evaluate([fit for fit in self.fits_left() if fit.split in splits])

    def by_epochs(self, runs: Runs, first: int | str, n_epochs: int) -> list[int]:
        """Train on all splits for more and more epochs; return after how many each
        candidate was last scored."""
        runs.prepare(self.fits)
        if first == "auto":
            stops = any(fit.run is not None and fit.run.stops_by for fit in self.fits)
            first = max(1, round(FIRST_RUNG[stops] * n_epochs))
        rungs = [round(int(first) * self.factor**number) for number in range(self.n_rungs)]
        rungs = [rung for rung in rungs if rung < n_epochs]
        for rung in rungs:
            runs.train_until(rung, self.fits_left())
            runs.drop(self.go_on())
        runs.train_until(math.inf, [])
        at = [*rungs, n_epochs]
        return [at[self.went_on[candidate]] for candidate in sorted(self.went_on)]

    def fill(self) -> None:
        """Have fits that were never begun stand at the mean of their candidate's others."""
        for candidate in self.went_on:
            fits = [fit for fit in self.fits if fit.candidate == candidate]
            done = [fit.result for fit in fits if fit.result is not None]
            for fit in fits:
                if fit.result is None:
                    fit.result = {**done[0], **{k: _mean(done, k) for k in _AVERAGED}}


_AVERAGED = ("test_scores", "train_scores", "fit_time", "score_time")


def _mean(results: Sequence[dict[str, Any]], name: str) -> Any:
    values = [result.get(name, 0.0) for result in results]
    if isinstance(values[0], dict):
        return {key: float(np.mean([each[key] for each in values])) for key in values[0]}
    return float(np.mean(values))


def tell(results: dict[str, Any], went_on: Sequence[int], n_splits: Sequence[int]) -> None:
    """Have results tell how often candidates went on, which are ranked by that first, and
    have no scores of splits that they were not tried on."""
    results["iter"] = np.array(went_on)
    for name in [name for name in results if name.startswith("mean_t")]:
        kind = name.removeprefix("mean_")  # "test_score", or "train_" and a metric
        columns = [k for k in results if k.startswith("split") and k.endswith(f"_{kind}")]
        if not columns:
            continue
        for place, n_done in enumerate(n_splits):
            values = [results[column][place] for column in columns[:n_done]]
            results[f"std_{kind}"][place] = np.std(values)
            for column in columns[n_done:]:
                results[column][place] = np.nan
    for name in [name for name in results if name.startswith("rank_test_")]:
        means = results["mean_test_" + name.removeprefix("rank_test_")]
        pairs = np.stack([-results["iter"], -np.nan_to_num(means, nan=-np.inf)], axis=1)
        different, places = np.unique(pairs, axis=0, return_inverse=True)
        counts = np.bincount(places.ravel(), minlength=len(different))
        results[name] = (1 + np.cumsum(counts) - counts)[places.ravel()].astype(np.int32)
