"""Whatever is given to a function: the right result, or a documented error."""

import io
import os

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from strategies import DOCUMENTED, N_ROWS, ODD_X, estimators, fingerprint, matrices

from sklearn_spectral import SpectralClassifier, SpectralRegressor, load, save
from sklearn_spectral.datasets import load_fashion_mnist, load_mnist
from sklearn_spectral.exceptions import ModelFileError
from sklearn_spectral.export import to_onnx
from sklearn_spectral.files.container import decode, encode
from sklearn_spectral.files.integrity import digest
from sklearn_spectral.inspection import (
    AdjacencyDisplay,
    RelevanceDisplay,
    SpectrumDisplay,
    TrainingCurveDisplay,
    WeightDistributionDisplay,
)
from sklearn_spectral.nn import (
    SparcsNetwork,
    SpectralLinear,
    SpectralNetwork,
    contract,
    spectralize,
    to_linear,
)
from sklearn_spectral.pruning import prune_nodes, score_nodes

pytestmark = pytest.mark.filterwarnings("ignore")

X = np.random.default_rng(0).normal(size=(11, 4))
WIDTHS = st.sampled_from([0, -1, 1, 2, 3, 7, 2.5, "3", None, True, np.int64(2)])
LABELS = st.one_of(
    st.lists(st.text(max_size=5), min_size=2, max_size=4, unique=True),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=4, unique=True),
    st.just([False, True]),
)


def attempt(function, *args, **kwargs):
    """Call something; return what came of it, or None if a documented error was raised."""
    with np.errstate(all="ignore"):
        try:
            return function(*args, **kwargs)
        except DOCUMENTED:
            return None


@pytest.fixture(scope="module")
def fitted():
    few = {"hidden_layer_sizes": (5, 3), "max_iter": 2, "random_state": 0}
    y = np.arange(len(X)) % 3
    return [
        SpectralClassifier(**few, linear_expansion=((4,), (), ())).fit(X, y),
        SpectralClassifier((), linear_expansion=6, max_iter=1).fit(X, y > 0),
        SpectralRegressor(**few, activation="tanh").fit(X, y),
        SpectralClassifier(**few, n_members=3, bag_fraction=0.6).fit(X, y),
        SpectralRegressor(train_eigenvalues="out", **few).fit(X, np.column_stack([y, y])),
    ]


@given(data=st.data())
def test_any_fitted_model_is_saved_and_loaded_exactly(data, tmp_path):
    model = data.draw(estimators())
    if is_classifier(model):
        classes = data.draw(LABELS)
        y = np.array(classes, object if isinstance(classes[0], str) else None)
        y = y[np.arange(len(X)) % len(classes)]
    else:
        y = X[:, : data.draw(st.integers(1, 3))]
    model.early_stopping = False
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    fitted = attempt(model.fit, X.astype(dtype), y)
    if fitted is None:
        return
    save(fitted, tmp_path / "model", compact=data.draw(st.booleans()))
    loaded = load(tmp_path / "model")
    assert loaded.get_params() == fitted.get_params()
    assert digest(loaded._fitted.coefs, loaded.intercepts_) == digest(
        fitted._fitted.coefs, fitted.intercepts_
    )
    assert loaded.predict(X).tolist() == fitted.predict(X).tolist()


@given(data=st.data(), content=st.binary(max_size=300))
def test_any_bytes_are_refused(data, content, tmp_path):
    if data.draw(st.booleans()):  # with a plausible beginning
        size = data.draw(st.sampled_from([0, 1, len(content), 2**20, 2**40, 2**63]))
        content = size.to_bytes(8, "little") + content
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(ModelFileError):
        load(tmp_path / "model")


# What lies between would be a width that is meant, where there is the memory for it.
INTEGERS = st.integers(-(2**15), 2**15) | st.integers(min_value=2**63)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["tuple", "dict", "float", "x"]), inner, max_size=2
        )
    ),
    max_leaves=6,
)


@given(data=st.data(), value=JSON)
def test_any_value_anywhere_in_a_file_is_refused_or_harmless(data, value, fitted, tmp_path):
    """A right checksum on content that no fit leaves."""
    model = data.draw(st.sampled_from(fitted))
    save(model, tmp_path / "model")
    content, tensors = decode("model", (tmp_path / "model").read_bytes())
    place = content
    for _ in range(data.draw(st.integers(0, 4))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        inner = [key for key in keys if isinstance(place[key], dict | list) and place[key]]
        if not inner:
            break
        place = place[data.draw(st.sampled_from(inner))]
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    place[data.draw(st.sampled_from(keys))] = value if np.isfinite(_largest(value)) else 0
    (tmp_path / "model").write_bytes(encode("model", content, tensors))
    try:
        loaded = load(tmp_path / "model")
    except ModelFileError:
        return
    # What is harmless: the model works, whatever its loss was said to be.
    assert len(loaded.predict(X)) == len(X)
    repr(loaded), str(loaded.architecture_), list(map(str, loaded.telescope_plan_))
    attempt(clone(loaded).set_params(max_iter=1, checkpoint_dir=None).fit, X, X[:, 0] > 0)


def _largest(value):
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return max(map(_largest, inner), default=0)
    return abs(value) if isinstance(value, float) else 0


@given(data=st.data())
def test_any_tensor_in_a_file_is_refused_or_harmless(data, fitted, tmp_path):
    model = data.draw(st.sampled_from(fitted))
    save(model, tmp_path / "model", compact=data.draw(st.booleans()))
    content, tensors = decode("model", (tmp_path / "model").read_bytes())
    name = data.draw(st.sampled_from(sorted(tensors)))
    shape = data.draw(st.sampled_from([tensors[name].shape, (), (0,), (3,), (2, 2)]))
    dtype = data.draw(st.sampled_from(["f8", "f4", "f2", "i8", "u1", "?"]))
    fill = data.draw(st.sampled_from([0, 1, -1, 1e30, 1e-30, np.nan, np.inf]))
    with np.errstate(all="ignore"):
        tensors[name] = np.full(shape, fill).astype(dtype)
    (tmp_path / "model").write_bytes(encode("model", content, tensors))
    try:
        loaded = load(tmp_path / "model")
    except ModelFileError:
        return
    found = attempt(loaded.predict, X)
    assert found is None or len(found) == len(X)


SCORES = ("auto", "weights", "eigenvalues", "activation", "nothing", None, 3)


@given(data=st.data())
def test_nodes_are_ranked_and_removed_or_not(fitted, data):
    model = data.draw(st.sampled_from(fitted))
    before = digest(model._fitted.arrays, model._fitted.coefs)
    n_rows = data.draw(N_ROWS)
    some = data.draw(st.sampled_from([None, "data", "data"]))
    given_X = None if some is None else data.draw(matrices(n_rows, 4)).value
    held = fingerprint(given_X)
    options = {
        "node_score": data.draw(st.sampled_from(SCORES)),
        "fraction": data.draw(st.sampled_from([0.0, 0.3, 1.0, -1, 2, "half"])),
        "n_nodes": data.draw(st.sampled_from([None, None, 0, 1, 4, 99, -1, 2.5])),
        "compensation": data.draw(st.sampled_from(["linear", "mean", "none", "x"])),
        "scope": data.draw(st.sampled_from(["layer", "network", 1])),
        "min_nodes": data.draw(st.sampled_from([0, 1, 2, 50])),
    }
    small = attempt(prune_nodes, model, given_X, **options)
    scores = attempt(score_nodes, model, given_X, node_score=options["node_score"])
    assert digest(model._fitted.arrays, model._fitted.coefs) == before
    assert fingerprint(given_X) == held
    if small is not None:
        found = attempt(small.predict, X)
        assert found is None or len(found) == len(X)
    if scores is not None:
        assert not any(np.isnan(values).any() for values in scores)


@given(data=st.data())
def test_onnx_agrees_for_any_network(data):
    model = data.draw(estimators()).set_params(early_stopping=False)
    classes = np.array(data.draw(st.sampled_from([["a", "b"], ["a", "b", "c"]])))
    y = classes[np.arange(len(X)) % len(classes)] if is_classifier(model) else X[:, 0]
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    if attempt(model.fit, X.astype(dtype), y) is None:
        return
    scale = data.draw(st.sampled_from([0.0, 1e-30, 1.0, 100.0]))
    given_X = (scale * X).astype(dtype)
    session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    found = session.run(None, {"X": given_X})
    if is_classifier(model):
        assert found[0].tolist() == model.predict(given_X).tolist()
        np.testing.assert_allclose(found[1], model.predict_proba(given_X), atol=1e-6)
    else:
        close = {"rtol": 1e-5, "atol": 1e-5 * (1 + scale)}
        np.testing.assert_allclose(found[0][:, 0], model.predict(given_X), **close)


@given(data=st.data())
def test_displays_of_any_estimator(fitted, data):
    display = data.draw(
        st.sampled_from(
            [
                AdjacencyDisplay,
                RelevanceDisplay,
                SpectrumDisplay,
                TrainingCurveDisplay,
                WeightDistributionDisplay,
            ]
        )
    )
    odd = [clone(fitted[0]), None, 3, "model", X, SpectralClassifier]
    model = data.draw(st.sampled_from([*fitted, *odd]))
    options = data.draw(
        st.sampled_from(
            [{}, {}, {"layer": 0}, {"layer": 99}, {"layer": "x"}, {"max_nodes": 0}]
        )
    )
    try:
        display.from_estimator(model, **options)
    except (*DOCUMENTED, AttributeError, NotFittedError):
        pass
    finally:
        plt.close("all")


@given(
    n_in=WIDTHS,
    n_out=WIDTHS,
    trained=st.sampled_from(["both", "out", "in", "paper", None, 1]),
    vectors=st.sampled_from([False, True, "svd", "qr", "x", None]),
    init=st.sampled_from(["scaled", "paper", "wide", "x", None]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    n_rows=st.sampled_from([0, 1, 5]),
)
def test_layers_of_any_size(n_in, n_out, trained, vectors, init, dtype, n_rows):
    layer = attempt(
        SpectralLinear,
        n_in,
        n_out,
        train_eigenvalues=trained,
        train_eigenvectors=vectors,
        init=init,
        seed=0,
        dtype=dtype,
    )
    if layer is None:
        return
    x = torch.ones(n_rows, int(n_in), dtype=dtype)
    assert layer(x).shape == (n_rows, int(n_out))
    assert layer(x).isfinite().all()
    linear = layer.to_linear()
    torch.testing.assert_close(linear(x), layer(x), rtol=1e-4, atol=1e-5)
    back = SpectralLinear.from_linear(linear)
    torch.testing.assert_close(back.weight, linear.weight)


@given(
    sizes=st.sampled_from([(), 3, (2, 3), [1], (0,), -1, "x", None, ((2,),), 1.5]),
    expansion=st.sampled_from([None, 2, (3, 2), ((2,), ()), ((), (), ()), (0,), "x", 2.5]),
    activation=st.sampled_from(["relu", "tanh", "elu", "identity", "x", None]),
    mode=st.sampled_from(["auto", "layers", "contract", "closed_form", "project", "x"]),
    n_rows=st.sampled_from([1, 2, 50]),
)
def test_networks_of_any_architecture(sizes, expansion, activation, mode, n_rows):
    network = attempt(
        SpectralNetwork, 4, 2, sizes, expansion, activation, seed=0, telescope=mode
    )
    if network is None:
        return
    x = torch.linspace(-1, 1, 4 * n_rows).reshape(n_rows, 4)
    expected = network.double()(x.double())
    torch.testing.assert_close(network.retract()(x.double()), expected)
    torch.testing.assert_close(network.to_linear()(x.double()), expected)
    for stack in network.stacks:
        weight, _ = contract(list(stack))
        assert weight.shape == (stack.widths[-1], stack.widths[0])
    plans = attempt(network.plan, n_rows)
    assert plans is None or len(plans) == len(network.stacks)


@given(data=st.data())
def test_any_module_is_converted_or_refused(data):
    n = data.draw(st.integers(1, 4))
    parts = {
        "linear": lambda: torch.nn.Linear(n, n),
        "no bias": lambda: torch.nn.Linear(n, n, bias=False),
        "relu": torch.nn.ReLU,
        "norm": lambda: torch.nn.LayerNorm(n),
        "nested": lambda: torch.nn.Sequential(torch.nn.Linear(n, n), torch.nn.Tanh()),
        "bilinear": lambda: torch.nn.Identity(),
    }
    names = data.draw(st.lists(st.sampled_from(list(parts)), max_size=4))
    module = torch.nn.Sequential(*(parts[name]() for name in names))
    odd = st.sampled_from([None, 3, "x", torch.nn.Linear, X])
    module = data.draw(st.one_of(*[st.just(module)] * 5, odd))
    x = torch.randn(3, n, generator=torch.Generator().manual_seed(0))
    spectral = attempt(spectralize, module)
    if spectral is None:
        return
    torch.testing.assert_close(spectral(x), module(x))
    back = attempt(to_linear, spectral)
    torch.testing.assert_close(back(x), module(x))


@given(
    widths=st.sampled_from(
        [(4, 3, 2), (4, 2), (4,), (), (4, 0, 2), ("a", 2), None, 3, (4, 3, 3, 2)]
    ),
    activation=st.sampled_from(["relu", "tanh", "elu", "identity", "x", None]),
    n_rows=st.sampled_from([1, 7]),
)
def test_sparcs_networks_of_any_size(widths, activation, n_rows):
    network = attempt(SparcsNetwork, widths, activation)
    if network is not None:
        out = network(torch.ones(n_rows, widths[0]))
        assert out.shape == (n_rows, widths[-1])
        assert out.isfinite().all()


@given(data=st.data(), content=st.binary(max_size=200))
def test_any_file_given_as_a_data_set_is_refused(data, content, tmp_path):
    loader = data.draw(st.sampled_from([load_mnist, load_fashion_mnist]))
    name = data.draw(st.sampled_from(["mnist.npz", "x.gz", "train-images-idx3-ubyte"]))
    if data.draw(st.booleans()):
        buffer = io.BytesIO()
        values = np.zeros(
            data.draw(st.sampled_from([(), (0,), (3, 784), (2, 28, 28)])), "u1"
        )
        np.savez(buffer, x_train=values, y_train=values, x_test=values, y_test=values)
        content = buffer.getvalue()[: data.draw(st.sampled_from([10**9, 100, 400]))]
    (tmp_path / name).write_bytes(content)
    path = data.draw(
        st.sampled_from([tmp_path / name, tmp_path, os.fspath(tmp_path / name)])
    )
    with pytest.raises((ValueError, OSError)):
        loader(path)


@given(X_odd=ODD_X)
def test_odd_things_to_functions(X_odd, tmp_path):
    for function in (
        lambda: save(X_odd, tmp_path / "model"),
        lambda: to_onnx(X_odd),
        lambda: prune_nodes(X_odd),
        lambda: score_nodes(X_odd),
        lambda: spectralize(X_odd),
        lambda: to_linear(X_odd),
        lambda: SpectralClassifier.from_direct(X_odd),
    ):
        with pytest.raises(DOCUMENTED):
            function()
