"""Mixed tables: what columns become, what is refused, and the pipeline in its uses."""

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor, make_table_pipeline
from sklearn_spectral.inspection import RelevanceDisplay
from sklearn_spectral.tables import category_columns, number_columns, to_texts

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = pd.DataFrame(
    {
        "age": [30.0, np.nan, 50.0, 70.0, 30.0, 30.0],
        "city": ["Bari", "Pisa", None, "Bari", "Pisa", None],
        "rooms": [1, 2, 3, 4, 5, 6],
        "lift": [True, False, True, True, False, True],
    }
)
LABELS = [0, 1, 0, 1, 0, 1]


class Standardizing(LogisticRegression):
    """A stand-in for an estimator that standardises its inputs."""

    def __init__(self, standardize=True):
        super().__init__()
        self.standardize = standardize


def plain(**settings):
    """Return the pipeline of an estimator without a scaler before it."""
    return make_table_pipeline(Standardizing(), **settings)


def prepared(X, **settings):
    """Return what the estimator is given, by name."""
    table = plain(**settings).fit(X, LABELS)[:-1]
    return pd.DataFrame(table.transform(X), columns=table.get_feature_names_out())


@pytest.fixture(scope="module")
def tumours():
    """Breast cancer as numbers, strings, categoricals and bools, some of them missing."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    frame = X[["mean radius", "mean smoothness"]].copy()
    sizes = pd.cut(X["mean area"], 3, labels=["small", "middle", "large"])
    frame["size"] = sizes.astype(object)
    frame["grade"] = pd.qcut(X["mean concavity"], 4, labels=[1, 2, 3, 4])
    frame["rough"] = X["mean texture"] > X["mean texture"].median()
    missing = np.random.default_rng(0).random(frame.shape) < 0.1
    return frame.astype({"rough": "boolean"}).mask(missing), y.map({0: "bad", 1: "good"})


# ---- what columns become ----


def test_values_and_names():
    found = prepared(SMALL)
    expected = {
        "age": [30, 30, 50, 70, 30, 30],  # the median of what is there
        "rooms": [1, 2, 3, 4, 5, 6],
        "missingindicator_age": [0, 1, 0, 0, 0, 0],
        "city=Bari": [1, 0, 0, 1, 0, 0],
        "city=Pisa": [0, 1, 0, 0, 1, 0],
        "missingindicator_city": [0, 0, 1, 0, 0, 1],
        "lift=False": [0, 1, 0, 0, 1, 0],
        "lift=True": [1, 0, 1, 1, 0, 1],
    }
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected, dtype=float))


NULLABLE = {"age": "Int64", "city": "string", "rooms": "Float64", "lift": "boolean"}
ARROW = {
    "age": "double[pyarrow]",
    "city": "string[pyarrow]",
    "rooms": "int8[pyarrow]",
    "lift": "bool[pyarrow]",
}


@pytest.mark.parametrize(
    "convert",
    [
        pl.from_pandas,
        lambda X: pl.from_pandas(X).with_columns(
            pl.col("city").cast(pl.Categorical), pl.col("age").cast(pl.Decimal(10, 2))
        ),
        lambda X: X.astype(NULLABLE),
        lambda X: X.astype(ARROW),
        lambda X: X.astype({"city": "category", "lift": "category"}),
        lambda X: X.astype(object).where(X.notna(), pd.NA),
        lambda X: X.set_axis(range(4), axis=1),
        lambda X: X.to_numpy(object),
        lambda X: X.to_numpy(object).tolist(),
    ],
    ids=[
        *("polars", "polars types", "nullable", "arrow", "categorical", "objects"),
        *("numbered", "array", "lists"),
    ],
)
def test_every_way_to_hold_a_table_gives_the_same(convert):
    X, expected = convert(SMALL), plain().fit(SMALL, LABELS)[:-1].transform(SMALL)
    before = X.copy() if hasattr(X, "iloc") else None
    np.testing.assert_array_equal(plain().fit(X, LABELS)[:-1].transform(X), expected)
    if before is not None:
        pd.testing.assert_frame_equal(X, before)


def test_set_output():
    table = plain().set_output(transform="pandas").fit(SMALL, LABELS)[:-1]
    pd.testing.assert_frame_equal(table.transform(SMALL), prepared(SMALL))


def test_one_category_however_it_is_written():
    ways = [[1, 2], [1.0, 2.0], ["1", "2"], np.float32([1, 2]), pd.Categorical([1, 2])]
    frames = [pd.DataFrame({"code": way}) for way in ways]
    frames.append(pd.DataFrame({"code": pd.Categorical([1, 2, None])})[:2])
    for frame in frames:
        assert to_texts(frame).ravel().tolist() == ["1", "2"]
    flags = pd.DataFrame({"a": [True, False], "b": pd.array([True, pd.NA], "boolean")})
    assert to_texts(flags).tolist() == [["True", "True"], ["False", None]]


def test_objects_are_what_they_hold():
    columns = {
        "numbers": [1, None, 2.5],
        "mixed": [1, "a", None],
        "bools": [True, None, False],
        "nothing": [None, None, None],
        "categorical": pd.Categorical([1, 2, 1]),
    }
    frame = pd.DataFrame({name: pd.Series(c, dtype=object) for name, c in columns.items()})
    frame["categorical"] = columns["categorical"]
    assert number_columns(frame) == [0]
    assert category_columns(frame) == [1, 2, 3, 4]


def test_single_precision_stays():
    X = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    assert plain().fit(X, LABELS)[:-1].transform(X).dtype == np.float32


def test_thousands_of_levels_become_few_columns():
    levels = np.random.default_rng(0).zipf(1.3, 4000).astype(str)
    X = pd.DataFrame({"level": levels})
    assert X.nunique().item() > 500
    pipeline = plain().fit(X, np.arange(4000) % 2)
    names = pipeline[:-1].get_feature_names_out()
    assert len(names) == 40
    frequent = set(X["level"].value_counts().index[:39])
    assert set(names) == {f"level={name}" for name in frequent | {"infrequent_sklearn"}}
    new = pipeline[:-1].transform(pd.DataFrame({"level": ["never seen"]}))
    assert names[new[0] == 1].tolist() == ["level=infrequent_sklearn"]
    more = plain(max_categories=None, min_frequency=1).fit(X, np.arange(4000) % 2)
    assert len(more[:-1].get_feature_names_out()) == X.nunique().item()


def test_what_was_not_in_fit_is_no_category():
    table = plain().fit(SMALL, LABELS)[:-1]
    new = SMALL[:1].assign(city="Rome", rooms=np.nan)
    found = pd.Series(table.transform(new)[0], table.get_feature_names_out())
    assert found.filter(like="city").tolist() == [0, 0, 0]
    assert found["rooms"] == 3.5


def test_what_is_constant_empty_or_unique_to_each_row_does_not_count():
    idle = SMALL.assign(
        same=7, word="a", void=np.nan, nothing=None, id=[f"row {i}" for i in range(6)]
    )
    pd.testing.assert_frame_equal(prepared(idle), prepared(SMALL))
    model = plain().fit(idle, LABELS)
    moved = idle.assign(same=1e6, word="b", void=3.0, nothing="x", id="row 0")
    np.testing.assert_array_equal(model.predict_proba(moved), model.predict_proba(idle))


@pytest.mark.parametrize(
    ("estimator", "scaled"),
    [
        (LogisticRegression(), True),
        (Standardizing(False), True),
        (Standardizing(), False),
        (TransformedTargetRegressor(Standardizing()), False),
    ],
)
def test_numbers_are_scaled_unless_the_estimator_does_it(estimator, scaled):
    pipeline = make_table_pipeline(estimator)
    table = pipeline[:-1].fit(SMALL)
    rooms = table.transform(SMALL)[:, list(table.get_feature_names_out()).index("rooms")]
    assert (abs(rooms.mean()) < 1e-12) == scaled
    assert pipeline[-1] is estimator


# ---- what is refused ----


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.Timestamp("2020-01-01"), "dates or times .*'new'.* days since"),
        (pd.Timedelta("1s"), "dates or times .*'new'"),
        (pd.Series([[1]] * 6), "Column 'new' has entries of type list"),
        (b"bytes", "Column 'new' has entries of type bytes"),
        (1j, "Column 'new' has entries of type complex"),
        (np.inf, "infinity"),
    ],
)
def test_columns_refused_in_fit(column, message):
    with pytest.raises(ValueError, match=message):
        plain().fit(SMALL.assign(new=column), LABELS)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (csr_array(np.eye(6)), TypeError, "sparse"),
        (np.arange(6), ValueError, "1 dimensions"),
        (pl.from_pandas(SMALL).to_arrow(), TypeError, "Table; expected a frame of pandas"),
        (pl.from_pandas(SMALL).with_columns(d=pl.date(2020, 1, 1)), ValueError, "dates"),
    ],
)
def test_tables_refused_in_fit(X, error, message):
    with pytest.raises(error, match=message):
        plain().fit(X, LABELS)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"age": "old"}, "Column 'age' had numbers only in fit.*'old'"),
        ({"age": pd.Timestamp("2020-01-01")}, "dates or times .*'age'"),
        ({"city": pd.Timestamp("2020-01-01")}, "dates or times .*'city'"),
        ({"age": np.inf}, "infinity"),
    ],
)
def test_columns_refused_in_predict(changed, message):
    model = plain().fit(SMALL, LABELS)
    with pytest.raises(ValueError, match=message):
        model.predict(SMALL.assign(**changed))
    with pytest.raises(ValueError, match=r"columns are missing: \{'age'\}"):
        model.predict(SMALL.drop(columns="age"))


@pytest.mark.parametrize("estimator", [SpectralClassifier, "classifier", None])
def test_what_is_no_estimator(estimator):
    with pytest.raises(TypeError, match="give an instance of an estimator"):
        make_table_pipeline(estimator)


# ---- in its uses ----


@pytest.fixture(scope="module")
def model(tumours):
    network = SpectralClassifier(20, max_iter=30, n_members=1, random_state=0)
    return make_table_pipeline(network).fit(*tumours)


def test_a_classifier_learns_from_all_columns(tumours, model):
    X, y = tumours
    assert model.score(X, y) > 0.9
    alone = clone(model).fit(X[["size", "grade", "rough"]], y)
    assert alone.score(X, y) > 0.85  # 0.63 are benign
    assert set(model.predict(X[::-1][X.columns[::-1]])) == {"bad", "good"}


def test_a_regressor_learns():
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    X = X.astype({"sex": "category"})
    network = SpectralRegressor(20, max_iter=30, n_members=1, random_state=0)
    scaled = TransformedTargetRegressor(network, transformer=StandardScaler())
    model = make_table_pipeline(scaled).fit(X, y)
    assert model.score(X, y) > 0.4
    assert {"sex=1", "sex=2"} < set(model[:-1].get_feature_names_out())


def test_importances_have_names(tumours, model):
    names = model[:-1].get_feature_names_out()
    importances = model[-1].feature_importances_
    assert len(names) == len(importances)
    display = RelevanceDisplay.from_estimator(model)
    assert display.feature_names == list(names)
    label = pd.Series(["no", "yes"])[np.arange(len(tumours[1])) % 2].to_numpy()
    told = clone(model).fit(tumours[0].assign(told=label), label)
    ranked = told[:-1].get_feature_names_out()[np.argsort(-told[-1].feature_importances_)]
    assert set(ranked[:2]) == {"told=no", "told=yes"}


def test_grid_search_and_clone(tumours, model):
    grid = {
        "est__hidden_layer_sizes": [(), (10,)],
        "table__categories__onehot__max_categories": [2, None],
    }
    small = clone(model).set_params(est__max_iter=3)
    search = GridSearchCV(small, grid, cv=2, error_score="raise").fit(*tumours)
    assert np.unique(search.cv_results_["mean_test_score"]).size > 1
    np.testing.assert_array_equal(
        clone(model).fit(*tumours).predict_proba(tumours[0]),
        model.predict_proba(tumours[0]),
    )


def test_joblib_in_another_process_without_torch(tumours, model, fresh_python, tmp_path):
    joblib.dump((model, tumours[0]), tmp_path / "model.joblib")
    script = (
        "import sys, joblib; model, X = joblib.load('model.joblib')\n"
        "joblib.dump(model.predict_proba(X), 'found.joblib'); print('torch' in sys.modules)"
    )
    assert fresh_python(script) == "False\n"
    found = joblib.load(tmp_path / "found.joblib")
    np.testing.assert_array_equal(found, model.predict_proba(tumours[0]))


def test_skops(tumours, model):
    data = skops.io.dumps(model)
    types = skops.io.get_untrusted_types(data=data)
    steps = {"category_columns", "name_category", "number_columns", "to_floats", "to_texts"}
    ours = {f"sklearn_spectral.tables.{name}" for name in steps}
    assert {*types} - {"numpy.dtype"} == ours | {"sklearn_spectral.SpectralClassifier"}
    loaded = skops.io.loads(data, trusted=types)
    np.testing.assert_array_equal(loaded.predict(tumours[0]), model.predict(tumours[0]))


class Recorder(BaseEstimator):
    """Remembers what fit was given."""

    def __init__(self, standardize=True):
        self.standardize = standardize

    def fit(self, X, y, sample_weight=None, groups=None, X_val=None):
        self.given_ = {"sample_weight": sample_weight, "groups": groups, "X_val": X_val}
        self.X_ = X
        return self


def test_weights_groups_and_validation_data_reach_the_estimator():
    given = {"sample_weight": np.arange(6.0), "groups": np.arange(6) // 2}
    model = make_table_pipeline(Recorder())
    model.fit(SMALL, LABELS, **{f"est__{name}": value for name, value in given.items()})
    assert model[-1].given_ == {**given, "X_val": None}
    with config_context(enable_metadata_routing=True):
        routed = Recorder().set_fit_request(sample_weight=True, groups=True, X_val=True)
        model = make_table_pipeline(routed).set_params(transform_input=["X_val"])
        model.fit(SMALL, LABELS, X_val=SMALL[::-1], **given)
    assert model[-1].given_["groups"] is given["groups"]
    np.testing.assert_array_equal(model[-1].given_["X_val"], model[-1].X_[::-1])
