"""The fits of a search: each is made ready, trained beside others, and scored."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pickle import PicklingError
from traceback import format_exc
from typing import Any

from joblib import hash as hash_of
from sklearn.base import clone
from sklearn.model_selection._validation import _check_method_params, _fit_and_score
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import _safe_split

from ..estimators.base import BaseNetwork
from ..estimators.fitting import train_alone
from ..training.outcome import Outcome


@dataclass(frozen=True)
class Search:
    """What all fits of a search have in common."""

    estimator: Any
    X: Any
    y: Any
    splits: Sequence[tuple[Any, Any]]
    scorer: Any
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]
    error_score: Any
    return_train_score: bool


@dataclass(eq=False)
class Fit:
    """One candidate on one split."""

    number: int
    candidate: int
    split: int
    parameters: Mapping[str, Any]
    estimator: Any = None
    training: Any = None  # a generator, between its run and what comes after
    run: Any = None
    error: str | None = None
    fit_time: float = 0.0
    why_alone: str | None = None
    result: dict[str, Any] | None = None

    @contextmanager
    def timed(self, search: Search) -> Iterator[None]:
        """Take the time of a part of the fit, and keep what goes wrong in it."""
        start = time.perf_counter()
        try:
            yield
        except Exception:
            self.error, self.run = format_exc(), None
            if search.error_score == "raise":
                raise
        finally:
            self.fit_time += time.perf_counter() - start


class Steps:
    """What fits of one split share: its rows, and the steps of pipelines before the last,
    fitted once for each setting."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[Any, Any, dict[str, Any]]] = {}
        # Fitted steps, and what the last step was given.
        self.fitted: dict[tuple[int, str], tuple[list[Any], Any, dict[str, Any]]] = {}

    def rows_of(self, fit: Fit, search: Search) -> tuple[Any, Any, dict[str, Any]]:
        """Return X, y and the other arguments of ``fit`` for the rows of a split."""
        if fit.split not in self.rows:
            train = search.splits[fit.split][0]
            X, y = _safe_split(fit.estimator, search.X, search.y, train)
            params = _check_method_params(search.X, params=search.fit_params, indices=train)
            self.rows[fit.split] = X, y, params
        return self.rows[fit.split]

    def given_to_last(
        self, fit: Fit, last: Any, X: Any, y: Any, fit_params: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments with which the pipeline would fit its last step."""
        pipeline = fit.estimator
        key = fit.split, _hash_without(pipeline, fit)
        if key not in self.fitted:
            with _shadowed(last) as calls:
                pipeline.fit(X, y, **fit_params)
            ((args, kwargs),) = calls
            self.fitted[key] = pipeline.steps[:-1], args, kwargs
        steps, args, kwargs = self.fitted[key]
        pipeline.steps[:-1] = steps
        return args, kwargs


def _hash_without(pipeline: Any, fit: Fit) -> str:
    """Return a hash of the parameters of a pipeline but those of its last step; one of the
    fit alone if they cannot be told apart."""
    name = pipeline.steps[-1][0]
    others = {
        key: value
        for key, value in pipeline.get_params().items()
        if key not in (name, "steps") and not key.startswith(f"{name}__")
    }
    try:
        return hash_of(others)
    except (PicklingError, AttributeError, TypeError):  # of a lambda, for example
        return f"fit {fit.number}"


@contextmanager
def _shadowed(estimator: Any) -> Iterator[list[Any]]:
    """Have an estimator's ``fit`` do nothing but note its arguments."""
    calls: list[Any] = []

    def fit(*args: Any, **kwargs: Any) -> Any:
        calls.append((args, kwargs))
        return estimator

    vars(estimator)["fit"] = fit
    try:
        yield calls
    finally:
        del vars(estimator)["fit"]


def last_step(estimator: Any) -> Any:
    """Return what trains: the last step of a pipeline, or the estimator itself."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def prepare(fit: Fit, search: Search, steps: Steps) -> None:
    """Make a fit ready to train; train it where it has to be alone."""
    # A name that is no parameter is a mistake in the grid, and no fit that failed.
    parameters = clone(dict(fit.parameters), safe=False)
    fit.estimator = clone(search.estimator).set_params(**parameters)
    with fit.timed(search):
        X, y, fit_params = steps.rows_of(fit, search)
        last = last_step(fit.estimator)
        if not (isinstance(last, BaseNetwork) and _has_own_fit(last)):
            fit.why_alone = f"{type(last).__name__} is no estimator of this package"
            fit.estimator.fit(*((X,) if y is None else (X, y)), **fit_params)
            return
        args: tuple[Any, ...] = (X, y)
        kwargs = fit_params
        if last is not fit.estimator:
            args, kwargs = steps.given_to_last(fit, last, X, y, fit_params)
        from ..training.together import why_alone  # and torch with it

        fit.training = last._fit_beside(*args, **kwargs)
        fit.run = next(fit.training)
        fit.why_alone = why_alone(fit.run.net, fit.run.dataset)
        if fit.why_alone is not None:
            train_alone(fit.run, fit.training)
            fit.run = None


def _has_own_fit(last: BaseNetwork) -> bool:
    """Tell whether ``fit`` is as it was written here, and no subclass has another."""
    return type(last).fit.__module__.startswith("sklearn_spectral.")


def finish(fit: Fit, search: Search, outcome: Outcome | Exception) -> None:
    """Have the estimator of a fit keep what was trained beside others."""
    with fit.timed(search):
        if isinstance(outcome, Exception):
            fit.training.throw(outcome)
        fit.run.outcome = outcome
        next(fit.training, None)
    fit.run = fit.training = None


def as_it_is(fit: Fit) -> Any:
    """Return what a fit would leave if it ended here: a copy of its estimator."""
    net, pipeline = fit.run.net, fit.estimator
    stopping = dict(net.callbacks_).get("early_stopping")
    last = copy(last_step(pipeline))
    best = None if stopping is None else stopping.best_
    with net.averaged() if best is None else net.flat.as_if(best):
        last._fitted = fit.run._fitted_now(net.module_)
    if not isinstance(pipeline, Pipeline):
        return last
    judged = copy(pipeline)
    judged.steps = [*pipeline.steps[:-1], (pipeline.steps[-1][0], last)]
    return judged


def score(fit: Fit, search: Search, estimator: Any = None) -> dict[str, Any]:
    """Score what a fit left, or what it would leave now, as scikit-learn's searches do."""
    train, test = search.splits[fit.split]
    if estimator is None:
        estimator = fit.estimator

    def fitted(*args: Any, **kwargs: Any) -> Any:
        if fit.error is not None:
            raise _Failed(fit.error)
        return estimator

    vars(estimator)["fit"] = fitted
    try:
        result = _fit_and_score(
            estimator,
            search.X,
            search.y,
            scorer=search.scorer,
            train=train,
            test=test,
            verbose=0,
            parameters=None,
            fit_params=None,
            score_params=search.score_params,
            return_train_score=search.return_train_score,
            return_n_test_samples=True,
            return_times=True,
            error_score=search.error_score,
        )
    finally:
        del vars(estimator)["fit"]
    if fit.error is not None:
        result["fit_error"] = fit.error
    result["fit_time"] += fit.fit_time
    return result


class _Failed(Exception):
    """Stands for what went wrong in a fit before."""
