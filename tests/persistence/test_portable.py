"""Pickles and skops files: versions, checksums, one trusted type."""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor
from sklearn_spectral.exceptions import ModelFileError
from sklearn_spectral.files.integrity import digest
from sklearn_spectral.pruning import SpectralPruner
from sklearn_spectral.spec.units import UNITS

from ..plain import plain_classifier, plain_regressor

FEW = {"standardize": False, "max_iter": 2, "random_state": 0}
MODELS = [
    plain_classifier(9, linear_expansion=11, activation="tanh", **FEW),
    plain_classifier(9, train_eigenvectors="qr", **FEW),
    plain_regressor(9, linear_expansion=11, train_eigenvalues="out", **FEW),
    DirectClassifier(9, parametrization="subset", n_weights=50, **FEW),
    DirectRegressor(9, parametrization="readout", **FEW),
    SpectralClassifier(9, linear_expansion=11, max_iter=2, random_state=0),
]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_pickle_holds_what_trained_and_regrows_the_rest(digits, model):
    X, y = digits
    model = copy.deepcopy(model).fit(X, y)
    state = model.__getstate__()
    frozen = {
        name
        for name, values in model.to_network().state_dict(keep_vars=True).items()
        if not values.requires_grad
    }
    kept = {name for name in frozen if "form.orthogonal" in name or name in UNITS}
    assert state["_regrown"].keys() == frozen - kept
    assert state["_arrays"].keys() & frozen == kept
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded._fitted.regrown == state["_regrown"]  # predicting needed nothing of that
    for name, values in model._fitted.complete().items():
        np.testing.assert_array_equal(loaded._fitted.complete()[name], values)
    assert not loaded._fitted.regrown
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(model)))).predict(X),
        model.predict(X),
    )


def test_what_a_seed_does_not_regrow_is_kept(digits):
    X, y = digits
    start = plain_classifier(9, linear_expansion=11, init="covariance", **FEW).fit(X, y)
    assert start.__getstate__()["_regrown"].keys() == {
        "stacks.0.layers.1.form.block",
        "stacks.1.layers.0.form.block",
    }
    pruner = SpectralPruner(plain_classifier(9, **FEW), n_nodes=4).fit(X, y)
    loaded = pickle.loads(pickle.dumps(pruner))
    np.testing.assert_array_equal(loaded.predict(X), pruner.predict(X))
    for ours, theirs in zip(
        loaded.estimator_.eigenvectors_, pruner.estimator_.eigenvectors_, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_zero_of_another_sign_is_kept_as_it_is(digits):
    model = plain_classifier((), train_eigenvalues="in", **FEW).fit(*digits)
    name = "stacks.0.layers.0.eigenvalues_out"
    assert name in model.__getstate__()["_regrown"]
    model._fitted.arrays[name] = -np.zeros(10)
    assert name not in model.__getstate__()["_regrown"]
    assert np.signbit(pickle.loads(pickle.dumps(model)).eigenvalues_[0][64:]).all()


def test_another_draw_than_the_fitted_one_is_refused(digits, monkeypatch):
    model = pickle.loads(pickle.dumps(plain_classifier(9, **FEW).fit(*digits)))
    model._fitted.seed += 1
    model.predict(digits[0])
    with pytest.raises(ModelFileError, match=r"form.block .* the checksums differ"):
        _ = model.eigenvectors_
    with pytest.raises(ModelFileError, match="the checksums differ"):
        model.partial_fit(*digits)


def test_another_version_is_warned_of(digits, monkeypatch):
    model = plain_classifier(9, **FEW).fit(*digits)
    data = pickle.dumps(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.loads(data)
    monkeypatch.setattr("sklearn_spectral.estimators.portable.__version__", "0.0.1")
    old = pickle.dumps(model)
    monkeypatch.undo()
    with pytest.warns(
        InconsistentVersionWarning, match=r"SpectralClassifier from version 0"
    ):
        loaded = pickle.loads(old)
    np.testing.assert_array_equal(loaded.predict(digits[0]), model.predict(digits[0]))
    assert vars(loaded).keys() == vars(model).keys() - {"_net"}


def change_number(state):
    state["coefs_"][0] = state["coefs_"][0] + 1e-7


def change_parameter(state):
    state["alpha"] = 1.0


def change_digit(state):
    state["loss_"] = float(np.nextafter(state["loss_"], 9))


@pytest.mark.parametrize(
    "change",
    [
        change_number,
        change_parameter,
        change_digit,
        lambda state: state.pop("_seed"),
        lambda state: state.pop("_digests"),
        lambda state: state["_digests"].pop("coefs_") and state.pop("coefs_"),
        lambda state: state["_digests"].update(loss_="0"),
        lambda state: state["classes_"].__setitem__(0, 9),
    ],
)
def test_a_damaged_state_is_refused(digits, change):
    model = plain_classifier(9, **FEW).fit(*digits)
    state = copy.deepcopy(model.__getstate__())
    change(state)
    if "coefs_" not in state:  # nothing says that it was fitted
        return
    with pytest.raises(ModelFileError, match="SpectralClassifier is damaged"):
        SpectralClassifier.__new__(SpectralClassifier).__setstate__(state)


def test_a_subclass_may_add_to_the_state(digits):
    global Annotated

    class Annotated(SpectralClassifier):
        def __getstate__(self):
            return {**super().__getstate__(), "note_": "added later"}

    model = Annotated(9, **FEW).fit(*digits)
    assert pickle.loads(pickle.dumps(model)).note_ == "added later"


def test_a_digest_is_of_values_and_types():
    assert digest([1, "a"], np.arange(3)) == digest([1, "a"], np.arange(3))
    assert digest(np.arange(3.0)) == digest(np.arange(3.0).astype(">f8"))
    different = [np.arange(3), np.arange(3.0), [0, 1, 2], (0, 1, 2), {0: 1}, "0", 0, b"0"]
    assert len({digest(value) for value in different}) == len(different)


def test_a_pruner_is_checked_too(digits):
    pruner = SpectralPruner(plain_classifier(9, **FEW), n_nodes=4).fit(*digits)
    state = dict(pruner.__getstate__())
    state["fraction"] = 0.25
    with pytest.raises(ModelFileError, match="fraction differ"):
        SpectralPruner.__new__(SpectralPruner).__setstate__(state)


TRUSTED = {
    "SpectralClassifier": "sklearn_spectral.SpectralClassifier",
    "SpectralRegressor": "sklearn_spectral.SpectralRegressor",
    "DirectClassifier": "sklearn_spectral.baselines.DirectClassifier",
    "DirectRegressor": "sklearn_spectral.baselines.DirectRegressor",
}


@pytest.mark.parametrize("in_pipeline", [False, True])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_skops_needs_to_trust_one_type(digits, model, in_pipeline):
    X, y = digits
    network = copy.deepcopy(model)
    whole = make_pipeline(StandardScaler(), network) if in_pipeline else network
    data = skops.io.dumps(whole.fit(X, y))
    trusted = [TRUSTED[type(model).__name__]]
    assert skops.io.get_untrusted_types(data=data) == trusted
    loaded = skops.io.loads(data, trusted=trusted)
    np.testing.assert_array_equal(loaded.predict(X), whole.predict(X))
    network_loaded = loaded[-1] if in_pipeline else loaded
    for name, values in network._fitted.complete().items():
        np.testing.assert_array_equal(network_loaded._fitted.complete()[name], values)


def test_skops_keeps_the_state_of_the_solver(digits):
    X, y = digits
    model = plain_classifier(9, **FEW).partial_fit(X, y, classes=range(10))
    loaded = skops.io.loads(
        skops.io.dumps(model), trusted=[TRUSTED["SpectralClassifier"]]
    ).partial_fit(X, y)
    np.testing.assert_array_equal(loaded.coefs_[0], model.partial_fit(X, y).coefs_[0])


def test_an_unfitted_estimator_is_as_it_was(tmp_path):
    model = plain_classifier(9, alpha=0.5)
    joblib.dump(model, tmp_path / "model")
    assert joblib.load(tmp_path / "model").get_params() == model.get_params()
