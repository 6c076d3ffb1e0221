"""Standardised inside, retracted outside: everything is in the units of the user."""

import pickle

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

import sklearn_spectral
from sklearn_spectral import load, save
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor
from sklearn_spectral.export import to_onnx
from sklearn_spectral.pruning import prune_nodes

FEW = {"max_iter": 4, "random_state": 0}
ONE = {"n_members": 1, "train_eigenvectors": False}
"""Bags are by what rows contain, which other units change."""


def SpectralClassifier(*args, **settings):
    return sklearn_spectral.SpectralClassifier(*args, **{**ONE, **settings})


def SpectralRegressor(*args, **settings):
    return sklearn_spectral.SpectralRegressor(*args, **{**ONE, **settings})


CLASSIFIERS = [SpectralClassifier, DirectClassifier]
REGRESSORS = [SpectralRegressor, DirectRegressor]


FULL = {
    SpectralClassifier: sklearn_spectral.SpectralClassifier,
    SpectralRegressor: sklearn_spectral.SpectralRegressor,
}


@pytest.fixture(scope="module")
def raw():
    """The breast cancer data as they were measured, with a column that is constant."""
    X, y = load_breast_cancer(return_X_y=True)
    return np.column_stack([X, np.full(len(X), 5.0)]), y


@pytest.fixture(scope="module")
def targets():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    return X, y


def units_of(model):
    return {name: values.copy() for name, values in model._fitted.units().items()}


def assert_same_units(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def output(model, X):
    return model.decision_function(X) if is_classifier(model) else model.predict(X)


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_as_behind_a_scaler(make, raw):
    X, y = raw
    model = make(8, **FEW)
    outside = make_pipeline(StandardScaler(), clone(model).set_params(standardize=False))
    expected = outside.fit(X, y).decision_function(X)
    np.testing.assert_allclose(
        model.fit(X, y).decision_function(X), expected, rtol=1e-8, atol=1e-10
    )
    assert model.loss_curve_ == outside[-1].loss_curve_


@pytest.mark.parametrize("make", REGRESSORS)
def test_targets_as_behind_a_scaler(make, targets):
    X, y = targets
    y = np.column_stack([y * 1e6 + 1e9, -1e-6 * y + X[:, 2]])
    model = make(8, **FEW)
    outside = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), clone(model).set_params(standardize=False)),
        transformer=StandardScaler(),
    )
    expected = outside.fit(X, y).predict(X)
    np.testing.assert_allclose(model.fit(X, y).predict(X), expected, rtol=1e-8)
    np.testing.assert_allclose(
        model.loss_curve_, outside.regressor_[-1].loss_curve_, rtol=1e-8
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X * 10.0 ** np.linspace(-3, 3, X.shape[1]),
        lambda X: 1990 + 10 * X,
        lambda X: 1e-8 * X,
        lambda X: 1e8 * X,
    ],
    ids=["six orders", "offset", "1e-8", "1e8"],
)
def test_no_scale_of_the_features_matters(change, cancer):
    X, y = cancer
    kwargs = {"hidden_layer_sizes": 8, "max_iter": 20, "random_state": 0}
    plain = SpectralClassifier(**kwargs).fit(X, y)
    found = SpectralClassifier(**kwargs).fit(change(X), y)
    expected = plain.decision_function(X)
    np.testing.assert_allclose(found.decision_function(change(X)), expected, atol=1e-6)
    np.testing.assert_allclose(
        found.feature_importances_, plain.feature_importances_, atol=1e-8
    )
    single = SpectralClassifier(**kwargs).fit(change(X).astype(np.float32), y)
    assert single.coefs_[0].dtype == np.float32
    assert single.score(change(X), y) > 0.95


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": (8, 6), "activation": "tanh", "linear_expansion": 9},
        {"hidden_layer_sizes": (8, 6), "n_members": 3, "activation": "tanh"},
        {"train_eigenvalues": "out", "linear_expansion": None},
        {"fit_intercept": False},
    ],
)
@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
def test_all_forms_of_the_network_give_the_same(make, settings, raw):
    X, y = raw
    model = make(**{"hidden_layer_sizes": 8, **FEW, **settings}).fit(X, 3.0 + 2 * y)
    expected, x = output(model, X), torch.from_numpy(X)
    network = model.to_network()
    found = [model.net_.module_(x), network(x), network.retract()(x)]
    if model.n_members == 1:
        found.append(network.to_linear()(x))
    else:
        members = [network.member(k)(x) for k in range(model.n_members)]
        found += [torch.stack(members)]
    for each in found:
        values = each.detach().numpy()
        values = values.mean(0) if values.ndim == 3 else values
        np.testing.assert_allclose(values[:, 0], expected, rtol=1e-10, atol=1e-10)


def test_trained_tensors_are_in_no_units(raw):
    model = SpectralClassifier(8, **FEW).fit(*raw)
    assert not [name for name in model.net_.module_.state_dict() if "units" in name]
    assert model.n_parameters_ == model.net_.module_.n_trained


@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
def test_without_biases_nothing_is_shifted(make, raw):
    X, y = raw
    model = make(8, fit_intercept=False, **FEW).fit(X, y)
    np.testing.assert_array_equal(output(model, np.zeros_like(X[:2])), 0.0)


@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
def test_weights_are_repetitions(make, raw):
    X, y = raw
    counts = np.random.default_rng(0).integers(0, 3, len(X))
    model = make(8, solver="lbfgs", **FEW)
    repeated = clone(model).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    weighted = clone(model).fit(X, y, counts)
    np.testing.assert_allclose(output(weighted, X), output(repeated, X), rtol=1e-6)


def test_weights_of_classes_do_not_count(raw):
    X, y = raw
    plain, balanced = (
        SpectralClassifier(8, class_weight=each, **FEW).fit(X, y)
        for each in (None, {0: 1.0, 1: 9.0})
    )
    np.testing.assert_array_equal(
        units_of(plain)["input_shift"], units_of(balanced)["input_shift"]
    )


def test_rows_held_out_do_not_count(raw):
    X, y = raw
    model = SpectralClassifier(8, early_stopping=True, **FEW).fit(X, y)
    assert abs(units_of(model)["input_shift"] / X.mean(0) - 1).max() > 1e-4


def test_sparse_inputs_stay_sparse(raw):
    X, y = raw
    X = sparse.csr_array(np.where(np.median(X, 0) < X, X, 0.0))
    model = SpectralClassifier(8, **FEW).fit(X, y)
    assert not units_of(model)["input_shift"].any()
    scale = np.sqrt((X**2).sum(axis=0) / (X != 0).sum(axis=0))
    outside = SpectralClassifier(8, standardize=False, **FEW)
    outside.fit(X @ sparse.diags_array(1 / scale), y)
    np.testing.assert_allclose(
        model.decision_function(X),
        outside.decision_function(X @ sparse.diags_array(1 / scale)),
        rtol=1e-8,
        atol=1e-10,
    )


@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
def test_streams_and_files_are_as_arrays(make, raw, tmp_path):
    X, y = raw
    y = y if make is SpectralClassifier else 1e6 * y
    settings = {"n_members": 4, "bag_fraction": 0.75, "shuffle": False}
    model = make(8, **settings, **FEW)
    expected = clone(model).fit(X, y)
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "X.h5", "w") as file:
        stored = file.create_dataset("X", data=X, chunks=(50, X.shape[1]))
        of_file = clone(model).fit(stored, y)
    np.save(tmp_path / "X.npy", X)
    of_memmap = clone(model).fit(np.load(tmp_path / "X.npy", mmap_mode="r"), y)
    tensors = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    of_stream = clone(model).fit(DataLoader(tensors, batch_size=30))
    for found in (of_file, of_memmap, of_stream):
        np.testing.assert_array_equal(output(found, X), output(expected, X))
        assert found.oob_score_ == expected.oob_score_


@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
def test_the_first_portion_decides(make, raw):
    X, y = raw
    classes = {"classes": [0, 1]} if make is SpectralClassifier else {}
    model = make(8, random_state=0).partial_fit(X[:100], y[:100], **classes)
    first = units_of(model)
    np.testing.assert_allclose(first["input_shift"], X[:100].mean(0), rtol=1e-10)
    model.partial_fit(10 * X[100:], y[100:])
    assert_same_units(units_of(model), first)


@pytest.mark.parametrize("make", [*CLASSIFIERS, *REGRESSORS])
def test_a_fit_goes_on_in_the_units_of_the_first(make, raw):
    X, y = raw
    y = y if is_classifier(make()) else 50.0 * y
    model = make(8, warm_start=True, learning_rate="constant", **FEW).fit(X, y)
    before, first = model.loss_, units_of(model)
    unpickled = pickle.loads(pickle.dumps(model)).fit(2 * X, y)
    assert_same_units(units_of(model.fit(2 * X, y)), first)
    np.testing.assert_array_equal(output(model, X), output(unpickled, X))
    again = clone(model).fit(X, y).fit(X, y)
    assert again.loss_ < before < again.loss_curve_[0]


def test_a_fit_that_fails_leaves_the_earlier_net(raw):
    X, y = raw
    model = SpectralRegressor(8, warm_start=True, **FEW).fit(X, 1e3 * y)
    before = model.net_.module_(torch.from_numpy(X))
    model.set_params(n_members=2, bag_fraction=0.5)
    with pytest.raises(ValueError, match="another network"):
        model.fit(X, y)
    assert torch.equal(model.net_.module_(torch.from_numpy(X)), before)


@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_files_hold_the_units(make, dtype, raw, path):
    X, y = raw[0].astype(dtype), raw[1]
    model = make(8, n_members=2, bag_fraction=0.5, **FEW).fit(X, 3 * y)
    expected = output(model, X)
    pickled = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(output(pickled, X), expected)
    for compact in (False, True):
        save(model, path, compact=compact)
        loaded = load(path)
        np.testing.assert_array_equal(output(loaded, X), expected)
        np.testing.assert_array_equal(
            loaded._fitted.input_scale, units_of(model)["input_scale"]
        )
        np.testing.assert_allclose(
            loaded.feature_importances_, model.feature_importances_, rtol=1e-6
        )
        merged, rtol = loaded.merge_members(), 1e-12 if dtype == np.float64 else 1e-4
        np.testing.assert_allclose(output(merged, X), expected, rtol=rtol, atol=rtol)


def test_skops_files_hold_the_units(raw, tmp_path):
    skops = pytest.importorskip("skops.io")
    model = SpectralClassifier(8, **FEW).fit(*raw)
    skops.dump(model, tmp_path / "model.skops")
    trusted = skops.get_untrusted_types(file=tmp_path / "model.skops")
    assert len(trusted) == 1
    loaded = skops.load(tmp_path / "model.skops", trusted=trusted)
    expected = model.decision_function(raw[0])
    np.testing.assert_array_equal(loaded.decision_function(raw[0]), expected)


def test_onnx_reads_the_users_units(raw):
    runtime = pytest.importorskip("onnxruntime")
    X, y = raw
    model = SpectralClassifier(8, n_members=2, bag_fraction=0.5, **FEW).fit(X, y)
    session = runtime.InferenceSession(to_onnx(model, X[:1]).SerializeToString())
    labels, probabilities = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_array_equal(labels, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
def test_what_is_made_of_it_predicts_and_trains_the_same(make, raw):
    X, y = raw
    y = y if make is SpectralClassifier else 1e3 + 50.0 * y
    model = make(8, n_members=2, train_eigenvectors=True, **FEW).fit(X, y)
    merged, direct = model.merge_members(), model.to_direct()
    made = [
        merged,
        direct,
        FULL[make].from_direct(direct),
        prune_nodes(merged, X, n_nodes=16),
    ]
    for each in made:
        np.testing.assert_allclose(output(each, X), output(model, X), rtol=1e-9)
        assert_same_units(units_of(each), units_of(model))
        each.set_params(max_iter=1, learning_rate_init=1e-3).fit(X, y)
        assert each.loss_ < 2 * model.loss_
    members = model.member_predict if make is SpectralRegressor else None
    members = members or model.member_decision_function
    np.testing.assert_allclose(members(X).mean(0), output(model, X), rtol=1e-9)


def test_what_was_not_standardised_does_not_become_so(cancer):
    X, y = cancer
    mlp = MLPClassifier(8, max_iter=5, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        mlp.fit(X, y)
    model = sklearn_spectral.SpectralClassifier.from_direct(mlp).set_params(max_iter=2)
    assert model.standardize
    assert not units_of(model.fit(100 + X, y))


def test_nodes_are_ranked_by_what_they_do_on_standardised_data(raw):
    X, y = raw
    far = 1e4 * X + 1e6
    first, second = (
        prune_nodes(SpectralClassifier(12, **FEW).fit(each, y), each, n_nodes=6)
        for each in (X, far)
    )
    np.testing.assert_allclose(
        first.decision_function(X), second.decision_function(far), atol=1e-5
    )
