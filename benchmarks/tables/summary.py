"""From the lines of all methods to what is told of each, on sets that all of them have."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from . import runs, sets
from .methods import METHODS

N_RESAMPLED = 10_000
FEW_ROWS = 500
BEST_OF = ("mlp", "linear")
TOO_MUCH = 1.15
BIGGER_IS_BETTER = {"accuracy", "r2"}


def load(out: Path) -> pd.DataFrame:
    """Return all lines of all methods."""
    found = [runs.Rows(path).read() for path in sorted(out.glob("*.csv"))]
    found = [rows for rows in found if len(rows)]
    if not found:
        raise SystemExit(f"There is nothing in {out} yet: fit first.")
    return pd.concat(found, ignore_index=True)


@dataclass
class Scope:
    """The methods that were fitted to all sets of one kind, half and number of folds.

    Parameters
    ----------
    kind, half : str
        Of the sets.
    of : int
        Number of folds: five on all sets, three on small ones, where the slow methods are.
    means : DataFrame of index (set, method)
        Means over the folds of all measures; those of failed fits are NaN.
    left_out : dict of int
        Methods that are not on all sets, and on how many they are.
    failed : dict of list of str
        Methods, and the sets where fits of theirs have failed.
    """

    kind: str
    half: str
    of: int
    means: pd.DataFrame
    left_out: dict[str, int]
    failed: dict[str, list[str]]

    @property
    def methods(self) -> list[str]:
        """Return the methods, in the order of the registry and of the alphabet."""
        found = self.means.index.get_level_values("method").unique()
        order = list(METHODS)
        return sorted(
            found, key=lambda name: (order.index(name) if name in order else -1, name)
        )

    @property
    def n_sets(self) -> int:
        """Return how many sets there are."""
        return self.means.index.get_level_values("set").nunique()

    def values(self, measure: str) -> pd.DataFrame:
        """Return a measure, a row for each set and a column for each method."""
        return self.means[measure].unstack("method")[self.methods]

    def ranks(self, measure: str) -> pd.DataFrame:
        """Return the ranks on each set, 1 the best; failed fits are last."""
        ascending = measure not in BIGGER_IS_BETTER
        return self.values(measure).rank(axis=1, ascending=ascending, na_option="bottom")


def expected(kind: str, half: str, of: int, rows: pd.DataFrame) -> list[str]:
    """Return the sets that a method has to have; small ones are those with three folds."""
    names = [
        name
        for name in sets.KINDS
        if sets.KINDS[name] == kind and sets.HALVES[name] == half
    ]
    if of == sets.N_FOLDS_SLOW:
        small = set(rows.set[rows.of == of])
        names = [name for name in names if name in small]
    return names


def scope(
    rows: pd.DataFrame, kind: str, half: str, of: int, methods=None, common: bool = False
) -> Scope:
    """Choose what can be compared.

    With `common`, the sets are those that all methods have; else the methods are those that
    have all sets.
    """
    names = expected(kind, half, of, rows)
    mine = rows[(rows.of == of) & rows.set.isin(names)]
    if methods is not None:
        mine = mine[mine.method.isin(methods)]
    counts = mine.groupby(["set", "method"]).fold.nunique().unstack("method", fill_value=0)
    complete = counts.reindex(names, fill_value=0) == of
    left_out = {}
    if common:
        names = [name for name in names if complete.loc[name].all()]
    else:
        left_out = {
            str(name): int(column.sum())
            for name, column in complete.items()
            if not column.all()
        }
    mine = mine[mine.set.isin(names) & ~mine.method.isin(left_out)]
    numbers = [*runs.MEASURES, *runs.COSTS, *runs.SIZES, "n_train"]
    failing = mine[mine.error.notna() & (mine.error != "")]
    failed = {
        str(name): sorted(set(group)) for name, group in failing.groupby("method")["set"]
    }
    grouped = mine.groupby(["set", "method"])[numbers]
    # A mean over some of the folds alone would not be beside that of the others.
    means = grouped.mean().where(grouped.count() == of)
    return Scope(kind, half, of, means, left_out, failed)


def probabilities(found: pd.DataFrame, ours: str, seed: int = 0) -> pd.Series:
    """Return how probable it is that the mean of ours is the lower, beside each method.

    A bootstrap over the sets where both have a value: the share of resamples, ties half.
    """
    result = {}
    for name in found.columns.drop(ours):
        differences = (found[ours] - found[name]).dropna().to_numpy()
        if len(differences):
            rng = np.random.default_rng(seed)
            chosen = rng.integers(len(differences), size=(N_RESAMPLED, len(differences)))
            means = differences[chosen].mean(axis=1)
            result[name] = (means < 0).mean() + (means == 0).mean() / 2
    return pd.Series(result, dtype=float)


def worst_ratio(log_loss: pd.DataFrame) -> pd.DataFrame:
    """Return the largest ratio to the better of MLP and linear, where, and how many are."""
    ratios = log_loss.div(log_loss[list(BEST_OF)].min(axis=1), axis=0)
    found = {"worst": ratios.max(), "worst on": ratios.idxmax()}
    return pd.DataFrame({**found, f"above {TOO_MUCH}": (ratios > TOO_MUCH).sum()})


def _ahead(table: pd.DataFrame, ours: str | None, **found: pd.DataFrame) -> None:
    for name, values in found.items():
        if ours in values.columns and len(values.columns) > 1:
            table[f"P {name}"] = probabilities(values, ours)


def of_classes(chosen: Scope, ours: str | None = None) -> pd.DataFrame:
    """Return what is told of each method on classifications, by rank of log loss."""
    losses, ranks = chosen.values("log_loss"), chosen.ranks("log_loss")
    accuracy_ranks = chosen.ranks("accuracy")
    table = pd.DataFrame(
        {"rank log loss": ranks.mean(), "rank accuracy": accuracy_ranks.mean()}
    )
    for name in ("log_loss", "accuracy", "brier", "ece"):
        table[name.replace("_", " ")] = chosen.values(name).mean()
    if "mlp" in losses:
        ratios = np.log(losses.div(losses["mlp"], axis=0))
        table["log loss / MLP"] = np.exp(ratios.mean())
    if set(BEST_OF) <= set(losses):
        table = table.join(worst_ratio(losses))
    _ahead(table, ours, **{"rank log loss": ranks, "log loss": losses})
    _ahead(table, ours, **{"rank accuracy": accuracy_ranks})
    return table.sort_values("rank log loss")


def of_numbers(chosen: Scope, ours: str | None = None) -> pd.DataFrame:
    """Return what is told of each method on regressions, by rank of R^2."""
    ranks, r2, rmse = chosen.ranks("r2"), chosen.values("r2"), chosen.values("rmse")
    table = pd.DataFrame({"rank R²": ranks.mean(), "R²": r2.mean()})
    table["median R²"] = r2.median()
    table["RMSE / std"] = rmse.mean()
    _ahead(table, ours, **{"rank R²": ranks, "RMSE": rmse})
    return table.sort_values("rank R²")


def costs(chosen: Scope, ours: str | None = None) -> pd.DataFrame:
    """Return times, numbers and bytes: medians over the sets, and ratios on each set."""
    fit = chosen.values("fit_cpu")
    table = pd.DataFrame({"fit s": fit.median()})
    rows = chosen.values("n_train").max(axis=1)
    # All rows of a set, of which a fold trains on all but one part.
    few = rows * chosen.of / (chosen.of - 1) < FEW_ROWS
    table[f"longest below {FEW_ROWS} rows, s"] = fit[few].max()
    if "mlp" in fit:
        table["fit / MLP"] = fit.div(fit["mlp"], axis=0).median()
    if ours in fit:
        table["ours / its fit"] = (1 / fit.div(fit[ours], axis=0)).median()
    table["predict ms"] = 1000 * chosen.values("predict_cpu").median()
    table["numbers"] = chosen.values("numbers").median()
    table["kB"] = chosen.values("bytes").median() / 1000
    table["pickle kB"] = chosen.values("pickle_bytes").median() / 1000
    return table
