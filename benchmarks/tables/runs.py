"""Fits, one at a time. Each is a line of a CSV; what is there is not done again."""

import gc
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

from benchmarks.paper.store import Store

from . import measures, sets, sizes
from .methods import Method

KEY = ["set", "of", "fold"]
MEASURES = ["accuracy", "log_loss", "brier", "ece", "r2", "rmse"]
COSTS = ["fit_cpu", "fit_wall", "predict_cpu", "predict_wall"]
SIZES = ["numbers", "bytes", "pickle_bytes"]
COLUMNS = [
    *("set", "kind", "half", "method", "version", "of", "fold"),
    *("n_train", "n_features", *MEASURES, *COSTS, *SIZES, "error"),
]


class Rows(Store):
    """The lines of a method; missing measures are read as NaN."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, COLUMNS, KEY)

    def read(self) -> pd.DataFrame:
        """Return all lines; the later of two of the same fold."""
        if not self.path.exists() or not self.path.stat().st_size:
            return pd.DataFrame(columns=self.columns)
        table = pd.read_csv(self.path, dtype={"error": str, "version": str})
        return table.drop_duplicates(self.key, keep="last").reset_index(drop=True)


def _timed(call, *given):
    """Return what a call returns, and the seconds of this process and of the clock."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = call(*given)
    return found, time.process_time() - cpu, time.perf_counter() - wall


def _given(X, method: Method):
    """Return features as a method takes them."""
    if method.dense and sparse.issparse(X):
        X = X.toarray()
    return X.astype(method.dtype)


def measure(model: BaseEstimator, method: Method, fold: sets.Fold) -> dict[str, float]:
    """Fit to a fold and tell what came of it."""
    X_train, X_test = _given(fold.X_train, method), _given(fold.X_test, method)
    gc.collect()
    _, fit_cpu, fit_wall = _timed(model.fit, X_train, fold.y_train)
    predict = model.predict if fold.n_classes is None else model.predict_proba
    predicted, predict_cpu, predict_wall = _timed(predict, X_test)
    predicted = np.asarray(predicted, np.float64)
    if fold.n_classes is None:
        found = measures.of_numbers(fold.y_test, predicted.ravel(), fold.spread)
    else:
        predicted = measures.complete(predicted, model.classes_, fold.n_classes)
        found = measures.of_classes(fold.y_test, predicted)
    costs = (fit_cpu, fit_wall, predict_cpu, predict_wall)
    return {
        **found,
        **dict(zip(COSTS, costs, strict=True)),
        "numbers": sizes.n_numbers(model),
        **sizes.n_bytes(model),
    }


def row(name: str, method: Method, version: str, fold: sets.Fold) -> dict[str, object]:
    """Return the line of one fit; of one that failed with the error and no measures."""
    about = {
        "set": fold.set,
        "kind": fold.kind,
        "half": sets.HALVES[fold.set],
        "method": name,
        "version": version,
        "of": fold.of,
        "fold": fold.fold,
        "n_train": fold.X_train.shape[0],
        "n_features": fold.X_train.shape[1],
    }
    try:
        model = method.make(fold.n_classes is None, fold.fold)
        return {**about, **measure(model, method, fold), "error": ""}
    except ImportError:  # of the environment, not of the method
        raise
    except Exception as error:
        return {**about, "error": f"{type(error).__name__}: {error}".split("\n")[0][:200]}


def warm_up(method: Method) -> None:
    """Fit to next to nothing, so that no import is timed."""
    X = np.random.default_rng(0).normal(size=(60, 3)).astype(method.dtype)
    for regression in {kind == "regression" for kind in method.kinds}:
        y = X[:, 0] if regression else (X[:, 0] > 0).astype(int)
        method.make(regression, 0).fit(X, y)


def wanted(method: Method, names: Iterable[str], n_folds: Iterable[int]):
    """Yield the sets and numbers of folds that a method is fitted to."""
    for name in names:
        if sets.KINDS[name] not in method.kinds:
            continue
        for of in n_folds:
            if of == sets.N_FOLDS and method.slow:
                continue
            if of == sets.N_FOLDS_SLOW and not sets.is_small(name):
                continue
            yield name, of


def run(
    name: str,
    method: Method,
    names: list[str],
    out: Path,
    n_folds: Iterable[int] = (sets.N_FOLDS, sets.N_FOLDS_SLOW),
    again: bool = False,
) -> None:
    """Fit a method to sets, and write a line for each fold; see `wanted` for which.

    Nothing is printed but how far it is and how long that took.
    """
    store = Rows(out / f"{name}.csv")
    done = set() if again else store.keys()
    todo = [
        (of_set, of)
        for of_set, of in wanted(method, names, n_folds)
        if not done.issuperset((of_set, of, fold) for fold in range(of))
    ]
    if not todo:
        return
    version = method.version()
    warm_up(method)
    for number, (of_set, of) in enumerate(todo):
        start = time.perf_counter()
        failed = ""
        for fold in sets.folds(of_set, of):
            if (of_set, of, fold.fold) not in done:
                line = row(name, method, version, fold)
                store.append(line)
                failed = failed or line["error"]
        seconds = time.perf_counter() - start
        told = f"{name} {number + 1}/{len(todo)} {of_set} {of}: {seconds:.1f} s"
        print(f"{told}, failed: {failed}" if failed else told, flush=True)
