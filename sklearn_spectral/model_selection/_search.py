"""The fit of searches with the interface of scikit-learn's: all fits train together."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, pairwise
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone, is_classifier
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import check_cv
from sklearn.model_selection._validation import (
    _check_method_params,
    _insert_error_scores,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import indexable
from sklearn.utils._param_validation import Interval, StrOptions
from tqdm.auto import tqdm

from ..estimators.base import BaseNetwork
from ..estimators.calls import fitting_another
from ..estimators.fit_callbacks import FitTasks
from ..training.outcome import caller_level
from ._fits import Fit, Search, last_step
from ._halving import Halving, tell
from ._runs import Runs, in_order
from ._store import Store


class TogetherMixin:
    """The fit of both searches; to stand before scikit-learn's."""

    estimator: Any
    _parameter_constraints: ClassVar[dict] = {
        "successive_halving": ["boolean"],
        "resource": [StrOptions({"splits", "epochs"})],
        "factor": [Interval(Real, 1, None, closed="neither")],
        "min_epochs": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "checkpoint_dir": [str, PathLike, None],
    }

    @fitting_another
    def fit(self: Any, X: Any, y: Any = None, **params: Any) -> Any:
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
        halved = self._evaluate(fits, search, refit_metric)
        out = [fit.result for fit in fits]
        _warn_or_raise_about_fit_failures(out, self.error_score)
        _warn_of_those_alone(fits)
        if callable(self.scoring):
            _insert_error_scores(out, self.error_score)
        results = self._format_results(candidates, self.n_splits_, out)
        if halved is not None:
            *told, n_resources = halved
            results["n_resources"] = np.array(n_resources)
            tell(results, *told)
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

    def _evaluate(self: Any, fits: Sequence[Fit], search: Search, metric: str) -> Any:
        """Have each fit get its result; with halving return, of each candidate, how often
        it went on, on how many splits it was tried, and how much of the resource it had."""
        if not self.successive_halving:
            self._evaluate_all(fits, search)
            return None
        last = last_step(search.estimator)
        if not isinstance(last, BaseNetwork):
            raise TypeError(
                "successive_halving=True is for estimators of this package; "
                f"{type(last).__name__} is none. Set it to False."
            )
        halving = Halving(fits, self.factor, metric)
        n_splits = [self.n_splits_] * len(halving.left)
        if self.resource == "splits":
            n_resources = n_splits = halving.by_splits(
                lambda some: self._evaluate_all(some, search)
            )
        else:
            with _progress(fits, self.verbose) as report:
                runs = Runs(search, None, report)
                n_resources = halving.by_epochs(runs, self.min_epochs, last.max_iter)
        halving.fill()
        went_on = [halving.went_on[candidate] for candidate in sorted(halving.went_on)]
        return went_on, n_splits, n_resources

    def _evaluate_all(self: Any, fits: Sequence[Fit], search: Search) -> None:
        """Have each fit get its result, here or in workers."""
        store = None
        if self.checkpoint_dir is not None:
            store = Store(self.checkpoint_dir, search)
        n_jobs = min(effective_n_jobs(self.n_jobs), len(fits))
        if n_jobs <= 1:
            with _progress(fits, self.verbose) as report:
                Runs(search, store, report).evaluate(fits)
            return
        ordered = in_order(fits)
        cuts = np.linspace(0, len(fits), n_jobs + 1).astype(int)
        pieces = [ordered[start:stop] for start, stop in pairwise(cuts)]
        parallel = Parallel(
            n_jobs=self.n_jobs, verbose=self.verbose, pre_dispatch=self.pre_dispatch
        )
        done = parallel(delayed(_evaluate_piece)(search, store, piece) for piece in pieces)
        for fit, (result, why_alone) in zip(ordered, chain(*done), strict=True):
            fit.result, fit.why_alone = result, why_alone

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
        total=len(fits),
        unit="fit",
        bar_format="{l_bar}{bar}| {n:.1f}/{total} fits [{elapsed}<{remaining}]",
    ) as bar:

        def report(fit: Fit, share: float) -> None:
            step = share - shares.get(fit, 0.0)
            bar.update(min(step, bar.total - bar.n))  # of which rounding makes more
            shares[fit] = share

        yield report


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
