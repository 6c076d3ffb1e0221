"""Searches with the interface of scikit-learn's, whose fits train together."""

from __future__ import annotations

import math
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar, Literal, Self

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone, is_classifier
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
    check_cv,
)
from sklearn.model_selection._validation import (
    _check_method_params,
    _insert_error_scores,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import indexable
from sklearn.utils._param_validation import Interval, StrOptions
from tqdm.auto import tqdm

from ..estimators.calls import fitting_another
from ..estimators.fit_callbacks import FitTasks
from ..files.container import Path_
from ..training.outcome import caller_level
from ._fits import Fit, Search, last_step
from ._runs import Runs, in_order
from ._store import Store

FIRST_RUNG = 1 / 40
"""Share of ``max_iter`` after which halving judges first, by default."""


class _TogetherMixin:
    """The fit of both searches; to stand before scikit-learn's."""

    estimator: Any
    _parameter_constraints: ClassVar[dict] = {
        "successive_halving": ["boolean"],
        "factor": [Interval(Real, 1, None, closed="neither")],
        "min_epochs": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "checkpoint_dir": [str, PathLike, None],
    }

    @fitting_another
    def fit(self: Any, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit and score all candidates on all splits, and the best one on all data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
            The target.
        **params
            Passed on to ``fit`` of the estimator, to the splitter and to the scorer, as by
            ``GridSearchCV``: arrays of one entry for each sample are split as X is.

        Returns
        -------
        object
            The fitted search.

        Raises
        ------
        ValueError
            If a parameter is not valid, or all fits failed.
        """
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        tasks = FitTasks(self, X, y, params.get("sample_weight"), 1 + bool(self.refit))
        splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.n_splits_ = splitter.get_n_splits(X, y, **routed.splitter.split)
        search = Search(
            clone(self.estimator),
            X,
            y,
            [*splitter.split(X, y, **routed.splitter.split)],
            scorers,
            routed.estimator.fit,
            routed.scorer.score,
            self.error_score,
            self.return_train_score,
        )
        candidates = self._candidates()
        fits = self._fits(search, candidates)
        more = self._evaluate(fits, search, refit_metric)
        out = [fit.result for fit in fits]
        _warn_or_raise_about_fit_failures(out, self.error_score)
        _warn_of_those_alone(fits)
        if callable(self.scoring):
            _insert_error_scores(out, self.error_score)
        results = self._format_results(candidates, self.n_splits_, out, more)
        if more:
            _rank_later_first(results)
        first = out[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        self._choose(results, refit_metric)
        if self.refit:
            self._refit(search, tasks)
        is_multimetric = isinstance(scorers, _MultimetricScorer)
        self.scorer_ = scorers._scorers if is_multimetric else scorers
        self.cv_results_ = results
        tasks.end()
        return self

    def _candidates(self) -> list[Mapping[str, Any]]:
        """Return the parameters to try."""
        raise NotImplementedError

    def _fits(
        self: Any, search: Search, candidates: Sequence[Mapping[str, Any]]
    ) -> list[Fit]:
        """Return a fit for each candidate and split, in the order of the results."""
        n_splits = len(search.splits)
        if n_splits != self.n_splits_:
            raise ValueError(
                f"cv says that it has {self.n_splits_} splits, but it gave {n_splits}."
            )
        if not n_splits * len(candidates):
            raise ValueError(
                f"There is nothing to fit: {len(candidates)} candidates and {n_splits} "
                "splits."
            )
        pairs = [(c, s) for c in range(len(candidates)) for s in range(n_splits)]
        return [Fit(n, c, s, candidates[c]) for n, (c, s) in enumerate(pairs)]

    def _evaluate(
        self: Any, fits: Sequence[Fit], search: Search, metric: str
    ) -> dict[str, Any]:
        """Have each fit get its result; return what else the results tell."""
        store = None
        if self.checkpoint_dir is not None:
            store = Store(self.checkpoint_dir, search)
        n_jobs = effective_n_jobs(self.n_jobs)
        if self.successive_halving:
            rungs = self._rungs(search, fits)
            with _progress(fits, self.verbose) as report:
                runs = Runs(search, None, report)
                judge = _judge(metric)
                iterations = runs.halve(fits, rungs, self.factor, judge)
            n_epochs = [*rungs, self._n_epochs(search)]
            at = [iterations[candidate] for candidate in sorted(iterations)]
            return {"iter": at, "n_epochs": [n_epochs[number] for number in at]}
        if n_jobs == 1:
            with _progress(fits, self.verbose) as report:
                Runs(search, store, report).evaluate(fits)
            return {}
        ordered = in_order(fits)
        cuts = np.linspace(0, len(fits), min(n_jobs, len(fits)) + 1).astype(int)
        pieces = [ordered[start:stop] for start, stop in zip(cuts, cuts[1:], strict=False)]
        parallel = Parallel(
            n_jobs=self.n_jobs, verbose=self.verbose, pre_dispatch=self.pre_dispatch
        )
        done = parallel(delayed(_evaluate_piece)(search, store, piece) for piece in pieces)
        for fit, (result, why_alone) in zip(
            ordered, (each for piece in done for each in piece), strict=True
        ):
            fit.result, fit.why_alone = result, why_alone
        return {}

    def _n_epochs(self: Any, search: Search) -> int:
        return int(last_step(search.estimator).max_iter)

    def _rungs(self: Any, search: Search, fits: Sequence[Fit]) -> list[int]:
        """Return after how many epochs candidates are compared."""
        last = last_step(search.estimator)
        if not hasattr(last, "max_iter"):
            raise TypeError(
                "successive_halving=True stops networks of this package in between; "
                f"{type(last).__name__} is none. Set it to False."
            )
        n_candidates = 1 + max(fit.candidate for fit in fits)
        first = self.min_epochs
        if first == "auto":
            first = max(1, round(FIRST_RUNG * last.max_iter))
        n_rungs = int(math.log(n_candidates, self.factor) + 1e-9)
        rungs = [round(first * self.factor**number) for number in range(n_rungs)]
        return [rung for rung in rungs if rung < last.max_iter]

    def _choose(self: Any, results: dict[str, Any], metric: Any) -> None:
        """Choose the best candidate, as scikit-learn's searches do."""
        if not self.refit and self.multimetric_:
            return
        self.best_index_ = self._select_best_index(self.refit, metric, results)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _refit(self: Any, search: Search, tasks: FitTasks) -> None:
        """Fit the best candidate on all data."""
        chosen = clone(dict(self.best_params_), safe=False)
        self.best_estimator_ = best = clone(search.estimator).set_params(**chosen)
        data = (search.X,) if search.y is None else (search.X, search.y)
        start = time.time()
        tasks.task(
            "refit-with-best-params", lambda: best.fit(*data, **search.fit_params), best
        )
        self.refit_time_ = time.time() - start
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_


def _evaluate_piece(
    search: Search, store: Store | None, fits: Sequence[Fit]
) -> list[tuple[dict[str, Any] | None, str | None]]:
    """Evaluate some fits, in a worker."""
    Runs(search, store).evaluate(fits)
    return [(fit.result, fit.why_alone) for fit in fits]


@contextmanager
def _progress(fits: Sequence[Fit], verbose: int) -> Any:
    """Show how much of all epochs is done in one bar; fits that end early jump."""
    if not verbose:
        yield lambda fit, share: None
        return
    shares: dict[Fit, float] = {}
    with tqdm(
        total=len(fits), unit="fit", bar_format="{l_bar}{bar}| {n:.1f}/{total} fits "
        "[{elapsed}<{remaining}]"
    ) as bar:

        def report(fit: Fit, share: float) -> None:
            bar.update(share - shares.get(fit, 0.0))
            shares[fit] = share

        yield report


def _judge(metric: str) -> Callable[[Sequence[Mapping[str, Any]]], float]:
    """Return what halving compares candidates by: the mean of the scores of a metric."""

    def mean_score(results: Sequence[Mapping[str, Any]]) -> float:
        scores = [result["test_scores"] for result in results]
        return float(np.mean([s[metric] if isinstance(s, dict) else s for s in scores]))

    return mean_score


def _rank_later_first(results: dict[str, Any]) -> None:
    """Rank candidates that went on before those that were dropped."""
    for name in [name for name in results if name.startswith("rank_test_")]:
        means = results["mean_test_" + name.removeprefix("rank_test_")]
        means = np.nan_to_num(means, nan=-np.inf)
        pairs = np.stack([-results["iter"], -means], axis=1)
        different, places = np.unique(pairs, axis=0, return_inverse=True)
        counts = np.bincount(places.ravel(), minlength=len(different))
        first = 1 + np.cumsum(counts) - counts
        results[name] = first[places.ravel()].astype(np.int32)


def _warn_of_those_alone(fits: Sequence[Fit]) -> None:
    """Say which fits were trained one by one, and why."""
    reasons = Counter(fit.why_alone for fit in fits if fit.why_alone is not None)
    if not reasons:
        return
    said = "; ".join(f"{count}, since {reason}" for reason, count in reasons.items())
    warnings.warn(
        f"Of {len(fits)} fits some were trained one by one: {said}.",
        UserWarning,
        caller_level(),
    )


class SpectralSearchCV(_TogetherMixin, GridSearchCV):
    """Grid search."""

    _parameter_constraints: ClassVar[dict] = {
        **GridSearchCV._parameter_constraints,
        **_TogetherMixin._parameter_constraints,
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        successive_halving: bool = False,
        factor: float = 3,
        min_epochs: int | Literal["auto"] = "auto",
        checkpoint_dir: Path_ | None = None,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.successive_halving = successive_halving
        self.factor = factor
        self.min_epochs = min_epochs
        self.checkpoint_dir = checkpoint_dir

    def _candidates(self) -> list[Mapping[str, Any]]:
        return [*ParameterGrid(self.param_grid)]


class SpectralRandomizedSearchCV(_TogetherMixin, RandomizedSearchCV):
    """Randomized search."""

    _parameter_constraints: ClassVar[dict] = {
        **RandomizedSearchCV._parameter_constraints,
        **_TogetherMixin._parameter_constraints,
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        successive_halving: bool = False,
        factor: float = 3,
        min_epochs: int | Literal["auto"] = "auto",
        checkpoint_dir: Path_ | None = None,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.successive_halving = successive_halving
        self.factor = factor
        self.min_epochs = min_epochs
        self.checkpoint_dir = checkpoint_dir

    def _candidates(self) -> list[Mapping[str, Any]]:
        distributions, seed = self.param_distributions, self.random_state
        return [*ParameterSampler(distributions, self.n_iter, random_state=seed)]
