"""Saved models: equal to the last bit, small, and free of torch until they train."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from ..plain import plain_classifier, plain_regressor

MODELS = [
    plain_classifier((), linear_expansion=30, max_iter=3, random_state=0),
    plain_classifier(
        12, linear_expansion=30, activation="tanh", max_iter=3, random_state=0
    ),
    plain_classifier((12, 9), activation="elu", solver="lbfgs", max_iter=3, random_state=0),
    plain_regressor(12, linear_expansion=30, max_iter=3, random_state=0),
]

LOAD_AND_PREDICT = """
import sys, joblib, pickle, numpy as np
X = np.load("X.npy")
with open("model.pickle", "rb") as file:
    models = [joblib.load("model.joblib"), pickle.load(file)]
for name, model in zip(["joblib", "pickle"], models):
    np.save(name + "-predict.npy", model.predict(X))
    if hasattr(model, "predict_proba"):
        np.save(name + "-proba.npy", model.predict_proba(X))
        model.predict_log_proba(X), model.decision_function(X)
    str(model), model._repr_html_(), model.feature_importances_
    model.score(X, model.predict(X))
heavy = {"torch", "skorch", "tqdm"} & set(sys.modules)
assert not heavy, heavy
print("done")
"""


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fresh_process_predicts_the_same_bits_without_torch(
    digits, model, dtype, tmp_path, fresh_python
):
    X, y = digits[0].astype(dtype), digits[1]
    model = clone(model).fit(X, y)
    np.save(tmp_path / "X.npy", X)
    joblib.dump(model, tmp_path / "model.joblib")
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    assert fresh_python(LOAD_AND_PREDICT) == "done\n"
    for name in ("joblib", "pickle"):
        predicted = np.load(tmp_path / f"{name}-predict.npy")
        np.testing.assert_array_equal(predicted, model.predict(X))
        if hasattr(model, "predict_proba"):
            proba = np.load(tmp_path / f"{name}-proba.npy")
            np.testing.assert_array_equal(proba, model.predict_proba(X))


def test_importing_the_package_does_not_import_torch(fresh_python):
    script = """
import sys, sklearn_spectral
sklearn_spectral.SpectralClassifier(hidden_layer_sizes=(3,)).get_params()
assert "torch" not in sys.modules
assert "SpectralLinear" in dir(sklearn_spectral.nn)
assert "torch" in sys.modules
try:
    sklearn_spectral.nothing
except AttributeError as error:
    print(error)
"""
    assert "has no attribute 'nothing'" in fresh_python(script)


def test_no_torch_object_is_in_the_file(digits):
    model = plain_classifier(12, max_iter=1, random_state=0)
    model.partial_fit(*digits, classes=range(10))
    assert b"torch" not in pickle.dumps(model)
    assert b"skorch" not in pickle.dumps(model)


def test_a_loaded_model_builds_its_network_anew(digits):
    X, y = digits
    model = plain_classifier(
        12, linear_expansion=30, activation="tanh", max_iter=2, random_state=0
    ).fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))
    trained, built = model.net_.module_.state_dict(), loaded.to_network().state_dict()
    assert list(trained) == list(built)
    for name, value in trained.items():
        np.testing.assert_array_equal(value.numpy(), built[name].numpy())
    with pytest.raises(AttributeError, match=r"was loaded or copied.*Use to_network"):
        _ = loaded.net_


def test_a_deep_copy_is_independent(digits):
    X, y = digits
    model = plain_classifier(12, max_iter=2, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    copy.deepcopy(model).partial_fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_clone_is_unfitted(digits):
    model = plain_classifier(
        12, linear_expansion=((3,), ()), max_iter=1, random_state=0
    ).fit(*digits)
    cloned = clone(model)
    assert cloned.get_params() == model.get_params()
    assert not hasattr(cloned, "coefs_")
