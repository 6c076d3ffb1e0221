"""What would become numbers without a word is refused by every way in, or kept exactly."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.pruning import SpectralPruner, score_nodes

X = np.random.default_rng(0).normal(size=(40, 2))
Y = np.arange(40) % 2
DAYS = np.arange(40).astype("datetime64[D]")
SINCE = DAYS - DAYS[0]
FEW = {"max_iter": 1, "random_state": 0}

DATES = {
    "array": np.column_stack([DAYS, DAYS]),
    "frame of dates only": pd.DataFrame({"a": DAYS, "b": DAYS}),
    "frame with a column of dates": pd.DataFrame({"a": X[:, 0], "b": DAYS}),
    "frame with a time zone": pd.DataFrame(
        {"a": X[:, 0], "b": pd.Series(DAYS).dt.tz_localize("UTC")}
    ),
    "frame of time spans": pd.DataFrame({"a": SINCE, "b": SINCE}),
    "frame of periods": pd.DataFrame(
        {"a": pd.period_range("2020", periods=40, freq="D"), "b": X[:, 0]}
    ),
    "frame of missing dates": pd.DataFrame({"a": [pd.NaT] * 40, "b": X[:, 0]}),
    "frame of objects": pd.DataFrame({"a": X[:, 0], "b": pd.Series([*DAYS], dtype=object)}),
    "polars, dates beside numbers": pl.DataFrame({"a": DAYS, "b": X[:, 0]}),
    "polars, times of day": pl.DataFrame({"a": [datetime.time(1)] * 40, "b": X[:, 0]}),
    "polars, spans": pl.DataFrame({"a": [datetime.timedelta(1)] * 40, "b": X[:, 0]}),
    "Arrow table": pa.table({"a": X[:, 0], "b": pa.array(DAYS)}),
    "Arrow table of spans": pa.table({"a": X[:, 0], "b": pa.array(SINCE.astype("m8[s]"))}),
    "rows of dates": [[day, day] for day in DAYS],
    "rows of dates and numbers": [[day, 1.0] for day in DAYS],
    "rows that are arrays": [np.array([day, day]) for day in DAYS],
    "rows of Python's dates": [[datetime.date(2020, 1, 1), 1.0]] * 40,
    "rows of Python's spans": [(1.0, datetime.timedelta(days=1))] * 40,
    "rows of time stamps": [[pd.Timestamp(day), 1.0] for day in DAYS],
    "rows of missing dates": [[np.datetime64("NaT"), 1.0]] * 40,
    "objects": np.array([[day, 1.0] for day in DAYS], object),
}


def ways_in(values):
    """Yield every call that takes X."""
    early = {"early_stopping": True, **FEW}
    fitted = SpectralClassifier(4, linear_expansion=None, **FEW).fit(X, Y)
    yield lambda: SpectralClassifier(4, linear_expansion=None, **FEW).fit(values, Y)
    yield lambda: SpectralRegressor(4, linear_expansion=None, **FEW).fit(values, Y)
    yield lambda: DirectClassifier(4, **FEW).fit(values, Y)
    yield lambda: SpectralClassifier(4, **FEW).partial_fit(values, Y, classes=[0, 1])
    yield lambda: SpectralClassifier(4, **early).fit(X, Y, X_val=values, y_val=Y)
    yield lambda: SpectralPruner(SpectralClassifier(4, linear_expansion=None, **FEW)).fit(
        values, Y
    )
    yield lambda: fitted.predict(values)
    yield lambda: fitted.predict_proba(values)
    yield lambda: fitted.score(values, Y)
    yield lambda: score_nodes(fitted, values)


@pytest.mark.parametrize("kind", DATES)
@pytest.mark.filterwarnings("ignore:X has feature names")
def test_dates_are_refused_by_every_way_in(kind):
    for call in ways_in(DATES[kind]):
        with pytest.raises(ValueError, match="X has dates or times"):
            call()


@pytest.mark.parametrize(
    "target",
    [
        [*DAYS],
        pd.DataFrame({"y": DAYS}),
        pl.Series("y", DAYS),
        pa.array(DAYS),
        pa.chunked_array([pa.array(DAYS)]),
        [datetime.timedelta(days=n) for n in range(40)],
        pd.Series([*DAYS], dtype=object),
    ],
    ids=["list", "frame", "polars", "Arrow", "Arrow in chunks", "spans", "objects"],
)
def test_dates_are_no_targets(target):
    early = SpectralRegressor(4, linear_expansion=None, early_stopping=True, **FEW)
    with pytest.raises(ValueError, match="y has dates or times"):
        SpectralRegressor(4, linear_expansion=None, **FEW).fit(X, target)
    with pytest.raises(ValueError, match="y_val has dates or times"):
        early.fit(X, X[:, 0], X_val=X, y_val=target)
    with pytest.raises(ValueError, match="y has dates or times"):
        SpectralRegressor(4, linear_expansion=None, **FEW).fit(X, X[:, 0]).score(X, target)
    with pytest.raises(ValueError, match="sample_weight has dates or times"):
        SpectralRegressor(4, linear_expansion=None, **FEW).fit(
            X, X[:, 0], sample_weight=target
        )


def test_masked_entries_are_refused_and_no_mask_is_fine():
    masked = np.ma.array(X, mask=X > 1)
    for values in (masked, [*masked]):
        for call in ways_in(values):
            with pytest.raises(ValueError, match="X has masked entries"):
                call()
    some = np.ma.array(Y, mask=Y == 1)
    model = SpectralClassifier(4, linear_expansion=None, **FEW)
    with pytest.raises(ValueError, match="y has masked entries"):
        model.fit(X, some)
    with pytest.raises(ValueError, match="sample_weight has masked entries"):
        model.fit(X, Y, sample_weight=np.ma.array(np.ones(40), mask=Y == 1))
    plain = model.fit(X, Y).predict_proba(X)
    whole = np.ma.array(X, mask=False)
    np.testing.assert_array_equal(model.fit(whole, Y).predict_proba(whole), plain)
    with pytest.raises(ValueError, match="y has masked entries"):
        model.score(X, some)


def test_masked_samples_of_torch_data_are_refused():
    class Samples(torch.utils.data.Dataset):
        def __len__(self):
            return len(X)

        def __getitem__(self, row):
            return np.ma.array(X[row], mask=[False, row == 3]), int(Y[row])

    with pytest.raises(ValueError, match="X has masked entries"):
        SpectralClassifier(4, linear_expansion=None, **FEW).fit(Samples())


NEIGHBOURS = [2**53, 2**53 + 1]


@pytest.mark.parametrize("kind", ["Int64", "UInt64", "int64[pyarrow]"])
def test_whole_numbers_of_nullable_types_stay_apart(kind):
    labels = pd.Series(NEIGHBOURS * 20, dtype=kind)
    model = SpectralClassifier(4, linear_expansion=None, **FEW)
    for y in (labels, labels.array):
        assert model.fit(X, y).classes_.tolist() == NEIGHBOURS
    plain = labels.to_numpy("int64")
    assert model.score(X, labels) == (model.predict(X) == plain).mean()
    portion = SpectralClassifier(4, linear_expansion=None, **FEW)
    portion.partial_fit(X, labels, classes=labels.unique())
    assert portion.classes_.tolist() == NEIGHBOURS
    early = SpectralClassifier(4, linear_expansion=None, scoring="accuracy", **FEW)
    early.fit(X, plain, X_val=X, y_val=labels)
    assert early.best_validation_score_ == early.score(X, plain)
    missing = labels.astype("Int64").where(labels.index > 0)
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(X, missing)


def test_labels_that_are_equal_as_floats_are_refused():
    with pytest.raises(ValueError, match=r"floats of 2\*\*53 and more as labels"):
        SpectralClassifier(4, linear_expansion=None, **FEW).fit(
            X, [2**53, 2**53 + 1, 5.0, 6.0] * 10
        )
    small = [2.0**53 - 1, 1.0] * 20
    model = SpectralClassifier(4, linear_expansion=None, **FEW).fit(X, small)
    assert model.classes_.tolist() == small[1::-1]
