"""ONNX of networks inside ensembles, pipelines and searches, of any type of input."""

import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.export import to_onnx
from sklearn_spectral.pruning import SpectralPruner

from .test_export import run

FEW = {"max_iter": 5, "random_state": 0}
LINEAR = LogisticRegression()

ENSEMBLES = {
    "sigmoid": lambda e: CalibratedClassifierCV(e, cv=2),
    "sigmoid, one": lambda e: CalibratedClassifierCV(e, cv=2, ensemble=False),
    "isotonic": lambda e: CalibratedClassifierCV(e, cv=2, method="isotonic"),
    "isotonic, one": lambda e: CalibratedClassifierCV(
        e, cv=2, method="isotonic", ensemble=False
    ),
    "stacked scores": lambda e: StackingClassifier(
        [("a", e)], final_estimator=LINEAR, stack_method="decision_function"
    ),
    "stacked probabilities": lambda e: StackingClassifier([("a", e), ("b", LINEAR)]),
    "last of a stack": lambda e: StackingClassifier([("b", LINEAR)], final_estimator=e),
    "one against one": OneVsOneClassifier,
    "one against the rest": OneVsRestClassifier,
    "soft votes": lambda e: VotingClassifier(
        [("a", e), ("b", LINEAR)], voting="soft", flatten_transform=False
    ),
    "hard votes": lambda e: VotingClassifier(
        [("a", e), ("b", LINEAR), ("c", e)], flatten_transform=False
    ),
    "bags": lambda e: BaggingClassifier(
        e, n_estimators=2, max_features=0.7, random_state=0
    ),
    "bags, calibrated": lambda e: BaggingClassifier(
        CalibratedClassifierCV(e, cv=2), n_estimators=2, random_state=0
    ),
    "search over calibration": lambda e: GridSearchCV(
        CalibratedClassifierCV(e, cv=2), {"method": ["sigmoid"]}, cv=2
    ),
}

NETWORKS = {
    "spectral": lambda: SpectralClassifier(10, linear_expansion=None, **FEW),
    "direct": lambda: DirectClassifier(10, **FEW),
    "in a pipeline": lambda: make_pipeline(
        StandardScaler(), SpectralClassifier(10, linear_expansion=None, **FEW)
    ),
    "in a search": lambda: GridSearchCV(
        SpectralClassifier(10, linear_expansion=None, **FEW), {"max_iter": [5]}, cv=2
    ),
    "pruned": lambda: SpectralPruner(
        SpectralClassifier(10, linear_expansion=None, **FEW), n_nodes=5
    ),
}


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module", params=[2, 3])
def classes(request):
    return make_classification(
        200, 8, n_informative=6, n_classes=request.param, random_state=0, class_sep=0.7
    )


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_an_ensemble_gives_the_labels_of_predict(classes, ensemble, network):
    X, y = classes
    X = X.astype(np.float32)
    model = ENSEMBLES[ensemble](NETWORKS[network]()).fit(X, y)
    found, probabilities = run(to_onnx(model, X), X)
    agree = (found.ravel() == model.predict(X)).mean()
    if "isotonic" in ensemble:
        # skl2onnx reads other steps off the staircase where a score is that of a step.
        linear = ENSEMBLES[ensemble](LINEAR).fit(X, y)
        others = run(to_onnx(linear, X), X)[0] == linear.predict(X)
        assert agree >= others.mean() - 0.01
        return
    assert agree == 1
    if hasattr(model, "predict_proba"):
        np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=2e-6)


def test_boosting_and_float64(classes):
    X, y = classes
    single = X.astype(np.float32)
    boosted = AdaBoostClassifier(NETWORKS["spectral"](), n_estimators=2, random_state=0)
    boosted.fit(single, y)
    found = run(to_onnx(boosted, single), single)[0]
    np.testing.assert_array_equal(found, boosted.predict(single))
    for name in ("sigmoid", "stacked scores", "soft votes", "bags"):
        model = ENSEMBLES[name](NETWORKS["in a pipeline"]()).fit(X, y)
        found, probabilities = run(to_onnx(model, X), X)
        np.testing.assert_array_equal(found, model.predict(X))
        np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("kind", ["spectral", "pruned"])
def test_regressors_in_ensembles(diabetes, kind):
    X, y = diabetes[0].astype(np.float32), diabetes[1]
    network = SpectralRegressor(10, linear_expansion=None, **FEW)
    if kind == "pruned":
        network = SpectralPruner(network, n_nodes=5)
    scaled = make_pipeline(StandardScaler(), network)
    pairs = [("a", scaled), ("b", Ridge())]
    for model in (
        BaggingRegressor(scaled, n_estimators=2, random_state=0),
        VotingRegressor(pairs),
        StackingRegressor(pairs, final_estimator=network),
    ):
        model.fit(X, y)
        found = run(to_onnx(model, X), X)[0].ravel()
        np.testing.assert_allclose(found, model.predict(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("selector", [RFE, SelectFromModel])
def test_selectors_by_a_network(classes, selector):
    X, y = classes
    X = X.astype(np.float32)
    network = NETWORKS["spectral"]()
    model = make_pipeline(StandardScaler(), selector(network), network).fit(X, y)
    found, probabilities = run(to_onnx(model, X), X)
    np.testing.assert_array_equal(found, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-6)
    alone = selector(network).fit(X, y)
    np.testing.assert_array_equal(run(to_onnx(alone, X), X)[0], alone.transform(X))


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int16", "int32", "uint32", "int64", "uint64", "float16"]
)
def test_input_of_any_type_of_numbers(digits, dtype):
    """The model takes what fit takes, and computes in the type that fit computed in."""
    X, y = (16 * digits[0]).astype(dtype), digits[1]
    network = SpectralClassifier(10, linear_expansion=None, **FEW)
    regressor = SpectralRegressor(10, linear_expansion=None, **FEW).fit(X, y)
    model = to_onnx(regressor, X)
    np.testing.assert_allclose(
        run(model, X)[0].ravel(), regressor.predict(X), rtol=1e-12, atol=1e-12
    )
    for kind in (
        network,
        make_pipeline(StandardScaler(), network),
        CalibratedClassifierCV(network, cv=2),
    ):
        kind.fit(X, y)
        found, probabilities = run(to_onnx(kind, X), X)
        np.testing.assert_array_equal(found, kind.predict(X))
        # scikit-learn's scaler rounds float16 to float16.
        atol = 2e-3 if dtype == "float16" else 2e-6
        np.testing.assert_allclose(probabilities, kind.predict_proba(X), atol=atol)


def test_a_frame_with_columns_of_several_types():
    rng = np.random.default_rng(0)
    kinds = ["uint8", "int32", "float16", "float32", "float64", "int64"]
    frame = pd.DataFrame({kind: rng.integers(0, 9, 100).astype(kind) for kind in kinds})
    y = np.where(frame.sum(axis=1) > 24, "many", "few")
    model = make_pipeline(
        StandardScaler(), SpectralClassifier(10, linear_expansion=None, **FEW)
    )
    model.fit(frame, y)
    exported = to_onnx(model, frame)
    found, probabilities = run(exported, frame)
    np.testing.assert_array_equal(found, model.predict(frame))
    np.testing.assert_allclose(probabilities, model.predict_proba(frame), atol=1e-6)
    with pytest.raises(Exception, match="Unexpected input data type"):
        run(exported, frame.astype("float64"))


@pytest.mark.parametrize("by_columns", [False, True])
@pytest.mark.parametrize("kind", ["int8", "uint8", "int32", "int64", "float16", "Int64"])
def test_a_frame_with_numbers_of_another_type_before_floats(iris, kind, by_columns):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["a"] = (10 * frame["a"]).round().astype("float64").astype(kind)
    frame["a_cast"], frame["name"] = frame["b"], np.where(y > 0, "x", "y").astype(object)
    columns = [*"abcd", "a_cast"]
    model = SpectralClassifier(10, linear_expansion=None, max_iter=30, random_state=0)
    if by_columns:
        shown = frame
        split = ColumnTransformer(
            [("numbers", StandardScaler(), columns), ("texts", OneHotEncoder(), ["name"])]
        )
        pipeline = make_pipeline(split, model).fit(shown, y)
    else:
        shown = frame[columns]
        pipeline = make_pipeline(StandardScaler(), model).fit(shown, y)
    given = shown.astype({"a": "int64"}) if kind == "Int64" else shown
    found, probabilities = run(to_onnx(pipeline, shown), given)
    assert (found == pipeline.predict(shown)).mean() > 0.99
    atol = 2e-2 if kind == "float16" else 2e-6  # scikit-learn's scaler rounds it
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(shown), atol=atol)


def test_a_frame_of_polars():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"size": rng.normal(size=50), "count": rng.integers(9, size=50).astype("int32")}
    )
    y = (frame["size"] > 0).to_numpy()
    model = make_pipeline(
        StandardScaler(), SpectralClassifier(10, linear_expansion=None, **FEW)
    )
    model.fit(frame, y)
    found, probabilities = run(to_onnx(model, frame), frame)
    np.testing.assert_array_equal(found, model.predict(frame))
    np.testing.assert_allclose(probabilities, model.predict_proba(frame), atol=1e-6)


def test_options_of_parts_of_a_pipeline_stay(classes):
    X, y = classes
    X = X.astype(np.float32)
    model = make_pipeline(StandardScaler(), NETWORKS["spectral"]()).fit(X, y)
    options = {id(model): {"zipmap": True}}
    for given in (options, {"zipmap": True}, {"spectralclassifier__zipmap": True}):
        kept = copy.deepcopy(given)
        rows = run(to_onnx(model, X, options=given), X)[1]
        assert set(rows[0]) == set(model.classes_)
        assert given == kept, "what is given is not written into"
    assert isinstance(run(to_onnx(model, X), X)[1], np.ndarray)
    with pytest.raises(ValueError, match="there is no 'network' in this Pipeline"):
        to_onnx(model, X, options={"network__zipmap": True})


def test_what_skl2onnx_does_not_know_is_named(diabetes):
    X, y = diabetes
    network = SpectralRegressor(10, linear_expansion=None, **FEW)
    search = RandomizedSearchCV(network, {"max_iter": [3]}, n_iter=1, cv=2)
    model = VotingRegressor([("a", search), ("b", Ridge())]).fit(X, y)
    with pytest.raises(TypeError, match="no converter for RandomizedSearchCV"):
        to_onnx(model, X)
