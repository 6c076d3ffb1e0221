"""Populations in files and pickles: all members, or the network that they merge to."""

import pickle
import warnings

import numpy as np
import pytest
import skops.io

from sklearn_spectral import SpectralClassifier, SpectralRegressor, load, save
from sklearn_spectral.exceptions import ModelFileError
from sklearn_spectral.files.container import decode, encode

from ..plain import plain_classifier, plain_regressor

FEW = {"standardize": False, "max_iter": 1, "random_state": 0}
MODELS = [
    plain_classifier(9, "tanh", linear_expansion=11, **{**FEW, "standardize": True}),
    plain_classifier((9, 8), train_eigenvectors="qr", **FEW),
    plain_classifier((), linear_expansion=11, train_eigenvalues="out", **FEW),
]
TRUSTED = ["sklearn_spectral.SpectralClassifier"]


@pytest.fixture(scope="module", params=MODELS, ids=str)
def model(request, digits, as_population):
    X, y = digits
    fitted = as_population(request.param.fit(X.astype(np.float32), y))
    fitted.oob_score_ = 0.5
    fitted.oob_decision_function_ = np.zeros((len(X), 10))
    return fitted


def same_network(loaded, model):
    one, other = loaded._fitted, model._fitted
    assert one.config == other.config
    for ours, theirs in zip(
        (*one.coefs, *one.intercepts), (*other.coefs, *other.intercepts), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == np.float32


def test_a_file_holds_the_members(model, digits, path):
    X = digits[0].astype(np.float32)
    with warnings.catch_warnings(action="error"):
        save(model, path)
    loaded = load(path)
    same_network(loaded, model)
    assert loaded.get_params() == model.get_params()
    assert loaded.oob_score_ == 0.5
    assert not hasattr(loaded, "oob_decision_function_")
    for name, values in model._fitted.complete().items():
        np.testing.assert_array_equal(loaded._fitted.complete()[name], values)
    scores = model.member_decision_function(X)
    np.testing.assert_array_equal(loaded.member_decision_function(X), scores)


def test_a_compact_file_holds_the_merged_network(model, digits, path):
    X = digits[0].astype(np.float32)
    save(model, path, compact=True)
    loaded = load(path)
    same_network(loaded, model)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    n_retracted = sum(v.size for v in (*model._fitted.coefs, *model.intercepts_))
    n_scales = 64 * model._fitted.config["units"]
    assert path.stat().st_size <= 4 * (n_retracted + n_scales) + 8000
    with pytest.raises(AttributeError, match="saved with compact=True"):
        loaded.member_decision_function(X)
    one = loaded.merge_members()  # which needs no more than that
    np.testing.assert_allclose(
        one.predict_proba(X), model.predict_proba(X), rtol=0, atol=1e-6
    )
    assert one.to_network().n_trained == one.n_parameters_
    save(loaded, path, compact=True)
    same_network(load(path), model)


def test_pickles_and_skops_keep_everything(model):
    data = skops.io.dumps(model)
    for loaded in (
        pickle.loads(pickle.dumps(model)),
        skops.io.loads(data, trusted=TRUSTED),
    ):
        same_network(loaded, model)
        assert loaded.oob_decision_function_.shape == (1797, 10)
        for name, values in model._fitted.complete().items():
            np.testing.assert_array_equal(loaded._fitted.complete()[name], values)


@pytest.mark.parametrize("kind", [SpectralClassifier, SpectralRegressor])
def test_what_a_fit_found_out_of_bag_is_a_number_in_a_file(cancer, path, kind):
    X, y = cancer
    model = kind(6, n_members=4, bag_fraction=0.5, max_iter=3, random_state=0).fit(X, y)
    with warnings.catch_warnings(action="error"):
        save(model, path)
    loaded = load(path)
    assert loaded.oob_score_ == model.oob_score_
    assert vars(model).keys() - vars(loaded).keys() == {"_net", model._out_of_bag_name}
    again = pickle.loads(pickle.dumps(model))
    assert vars(model).keys() - vars(again).keys() == {"_net"}
    for each in (model, loaded):
        each.partial_fit(X, y)
    np.testing.assert_array_equal(loaded.coefs_[0], model.coefs_[0])
    assert not hasattr(model, "oob_score_")


def test_a_pickle_of_an_older_version_is_of_one_member(digits):
    model = plain_classifier(9, bag_fraction=1.0, temperature=1.0, **FEW).fit(*digits)
    older = pickle.loads(pickle.dumps(model))
    for name in ("n_members", "bag_fraction", "averaging", "standardize", "temperature"):
        vars(older).pop(name)
    for name in ("n_members", "units"):
        older._fitted.config.pop(name)
    loaded = pickle.loads(pickle.dumps(older))
    assert loaded.get_params() == model.get_params()
    assert loaded._fitted.config == model._fitted.config


def test_sixteen_members_take_four_bytes_for_each_trained_number(path, as_population):
    X = np.random.default_rng(0).normal(size=(60, 784)).astype(np.float32)
    model = plain_classifier(120, linear_expansion=None, max_iter=1)
    model = as_population(model.fit(X, np.arange(60) % 10), 16)
    assert model.n_parameters_ == 16 * (784 + 2 * 120 + 120 + 2 * 10)
    save(model, path)
    assert path.stat().st_size <= 4 * model.n_parameters_ + 8000
    assert load(path).n_parameters_ == model.n_parameters_


def test_members_count_in_the_bound(path, diabetes, as_population):
    model = plain_regressor((50, 50), linear_expansion=None, max_iter=1)
    model = as_population(model.fit(*diabetes), 200)
    save(model, path)
    with pytest.raises(ModelFileError, match=r"200 members of 10-50-50-1.* max_bytes"):
        load(path, max_bytes=8 * 200 * (50 * 50 + 10 * 50))
    assert load(path).n_members == 200


def config(name, value):
    def change(content, tensors):
        entries = dict(content["state"]["_config"]["dict"])
        entries[name] = value
        content["state"]["_config"]["dict"] = [*map(list, entries.items())]

    return change


def tensor(name, value):
    return lambda content, tensors: tensors.update({name: value})


FIRST = "network.stacks.0.layers.0."
WRONG = {
    "other number of members": config("n_members", 2),
    "no members": config("n_members", 0),
    "members are true": config("n_members", True),
    "more members than memory": config("n_members", 10**12),
    "one member's eigenvalues": tensor(FIRST + "eigenvalues_in", np.ones(64, np.float32)),
    "one slope": tensor("network.activations.0.slope", np.ones((), np.float32)),
    "a member without a number": tensor(
        FIRST + "bias", np.full((3, 11), np.nan, np.float32)
    ),
    "shared eigenvectors of each": tensor(
        "network.stacks.1.layers.0.form.block", np.ones((3, 10, 9), np.float32)
    ),
    "a score that is none": lambda content, tensors: content["state"].update(
        oob_score_="good"
    ),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_file_that_lies_about_members_is_refused(digits, as_population, path, how):
    model = as_population(MODELS[0].fit(digits[0].astype(np.float32), digits[1]))
    # Eigenvectors that no seed regrows, to be in the file.
    model._fitted.arrays["stacks.1.layers.0.form.block"][0] += 1
    save(model, path)
    assert load(path).n_members == 3
    content, tensors = decode("model", path.read_bytes())
    tensors = {name: values.copy() for name, values in tensors.items()}
    WRONG[how](content, tensors)
    path.write_bytes(encode("model", content, tensors))
    with pytest.raises(ModelFileError, match="cannot be loaded"):
        load(path)


def test_merged_weights_of_another_shape_are_refused(digits, as_population, path):
    model = as_population(plain_classifier((9, 8), **FEW).fit(*digits))
    save(model, path, compact=True)
    content, tensors = decode("model", path.read_bytes())
    for shape in ((27, 24), (3, 8, 9), (2, 9, 8)):
        changed = {**tensors, "coefs_.1": np.ones(shape)}
        path.write_bytes(encode("model", content, changed))
        with pytest.raises(ModelFileError, match=r"coefs_\.1 has shape"):
            load(path)
