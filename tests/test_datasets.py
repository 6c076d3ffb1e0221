"""Loading MNIST: sources, checks, and what is said of a bad file."""

import gzip
import hashlib
import struct
from dataclasses import replace

import numpy as np
import pytest
from sklearn.utils import Bunch

from sklearn_spectral import datasets
from sklearn_spectral.datasets import load_fashion_mnist, load_mnist

LOADERS = {"_MNIST": load_mnist, "_FASHION_MNIST": load_fashion_mnist}


@pytest.fixture(params=LOADERS)
def stand_in(request, monkeypatch):
    """A loader whose original data are 30 + 10 images of noise, and those arrays."""
    bits = np.random.default_rng(0)
    arrays = {
        "x_train": bits.integers(0, 256, (30, 784), dtype=np.uint8),
        "y_train": np.arange(30, dtype=np.uint8) % 10,
        "x_test": bits.integers(0, 256, (10, 784), dtype=np.uint8),
        "y_test": np.arange(10, dtype=np.uint8),
    }
    sums = {part: hashlib.sha256(a.tobytes()).hexdigest() for part, a in arrays.items()}
    original = getattr(datasets, request.param)
    small = replace(original, sha256=sums, folders=())
    monkeypatch.setattr(datasets, request.param, small)
    shapes = {part: a.shape for part, a in arrays.items()}
    monkeypatch.setattr(datasets, "_SHAPES", shapes)
    monkeypatch.delenv(small.variable, raising=False)
    return LOADERS[request.param], arrays, small


def write_idx(folder, arrays, suffix=".gz"):
    for part, name in datasets._IDX_NAMES.items():
        values = arrays[part]
        shape = (len(values), 28, 28) if values.ndim == 2 else values.shape
        header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        content = header + values.tobytes()
        (folder / (name + suffix)).write_bytes(
            gzip.compress(content) if suffix else content
        )


def same(loaded, arrays):
    np.testing.assert_array_equal(loaded.y_train, arrays["y_train"])
    np.testing.assert_array_equal(loaded.y_test, arrays["y_test"])
    assert loaded.y_train.dtype == np.int64
    np.testing.assert_allclose(loaded.X_train * 255, arrays["x_train"], atol=1e-4)
    np.testing.assert_allclose(loaded.X_test * 255, arrays["x_test"], atol=1e-4)
    assert loaded.X_train.dtype == np.float32
    assert len(loaded.target_names) == 10


@pytest.mark.parametrize("images", [(784,), (28, 28)])
def test_an_archive(stand_in, tmp_path, images):
    load, arrays, small = stand_in
    path = tmp_path / small.npz_name
    np.savez_compressed(
        path,
        **{k: v.reshape(len(v), *images) if v.ndim == 2 else v for k, v in arrays.items()},
    )
    same(load(path), arrays)
    same(load(str(tmp_path)), arrays)
    plain = load(path, scale=False)
    np.testing.assert_array_equal(plain.X_train, arrays["x_train"])
    assert plain.X_train.dtype == np.uint8


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_the_original_files(stand_in, tmp_path, suffix):
    load, arrays, _ = stand_in
    write_idx(tmp_path, arrays, suffix)
    loaded = load(tmp_path)
    same(loaded, arrays)
    assert loaded.source == str(tmp_path)


def test_the_environment_names_the_path(stand_in, tmp_path, monkeypatch):
    load, arrays, small = stand_in
    write_idx(tmp_path, arrays)
    monkeypatch.setenv(small.variable, str(tmp_path))
    same(load(), arrays)


def test_an_installed_package_is_found(stand_in, tmp_path, monkeypatch):
    load, arrays, small = stand_in
    write_idx(tmp_path, arrays)
    name = "_MNIST" if load is load_mnist else "_FASHION_MNIST"
    monkeypatch.setattr(datasets, name, replace(small, folders=(str(tmp_path),)))
    same(load(), arrays)


def test_openml_is_asked_last_with_its_cache(stand_in, tmp_path, monkeypatch):
    load, arrays, small = stand_in
    asked = {}

    def fetch(name, **settings):
        asked.update(settings, name=name)
        return Bunch(
            data=np.concatenate([arrays["x_train"], arrays["x_test"]]).astype(np.int64),
            target=np.concatenate([arrays["y_train"], arrays["y_test"]]).astype(str),
        )

    monkeypatch.setattr(datasets, "fetch_openml", fetch)
    loaded = load(data_home=tmp_path)
    same(loaded, arrays)
    assert loaded.source == f"OpenML {small.openml_name}"
    assert asked["name"] == small.openml_name
    assert asked["version"] == 1
    assert asked["data_home"] == tmp_path


def test_no_network_says_what_to_do(stand_in, monkeypatch):
    load, _, small = stand_in

    def fetch(*args, **settings):
        raise OSError("no route to host")

    monkeypatch.setattr(datasets, "fetch_openml", fetch)
    with pytest.raises(OSError, match=f"no route to host.*{small.variable}"):
        load()


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["npz", ".gz", ""])
def test_a_truncated_file_is_named(stand_in, tmp_path, kind, kept):
    load, arrays, small = stand_in
    if kind == "npz":
        broken = tmp_path / small.npz_name
        np.savez_compressed(broken, **arrays)
    else:
        write_idx(tmp_path, arrays, kind)
        broken = tmp_path / (datasets._IDX_NAMES["x_train"] + kind)
    content = broken.read_bytes()
    broken.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ValueError, match="truncated, damaged") as error:
        load(tmp_path)
    assert broken.name in str(error.value)


def test_other_data_are_refused(stand_in, tmp_path):
    load, arrays, small = stand_in
    path = tmp_path / small.npz_name
    changed = arrays["x_test"].copy()
    changed[3, 5] ^= 1
    np.savez(path, **{**arrays, "x_test": changed})
    with pytest.raises(ValueError, match=f"x_test .* not the original {small.name}"):
        load(path)
    np.savez(path, **{**arrays, "y_test": arrays["y_test"][:-1]})
    with pytest.raises(ValueError, match=r"y_test .* shape \(9,\)"):
        load(path)
    np.savez(path, **{**arrays, "x_test": arrays["x_test"] / 255})
    with pytest.raises(ValueError, match="type float64"):
        load(path)
    np.savez(path, x_train=arrays["x_train"])
    with pytest.raises(ValueError, match="no arrays"):
        load(path)
    np.save(tmp_path / "single.npy", arrays["x_train"])
    with pytest.raises(ValueError, match="another kind"):
        load(tmp_path / "single.npy")
    (tmp_path / "text").write_text("not an archive")
    with pytest.raises(ValueError, match="no archive of arrays") as error:
        load(tmp_path / "text")
    assert "pickle" not in str(error.value)
    np.savez(path, **{**arrays, "y_test": np.array([{}] * 10)})
    with pytest.raises(ValueError, match="damaged or of another kind"):
        load(path)


def test_a_missing_path_says_so(stand_in, tmp_path):
    load, arrays, small = stand_in
    with pytest.raises(FileNotFoundError, match=f"no file or folder.*{small.variable}"):
        load(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=f"neither {small.npz_name!r} nor"):
        load(tmp_path)
    write_idx(tmp_path, arrays)
    (tmp_path / (datasets._IDX_NAMES["y_test"] + ".gz")).unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels"):
        load(tmp_path)


@pytest.mark.mnist
def test_the_real_mnist():
    mnist = load_mnist()
    assert mnist.X_train.shape == (60_000, 784)
    assert mnist.X_test.min() == 0
    assert mnist.X_test.max() == 1
    assert mnist.y_train[:3].tolist() == [5, 0, 4]


@pytest.mark.fashion_mnist
def test_the_real_fashion_mnist():
    fashion = load_fashion_mnist()
    assert fashion.X_test.shape == (10_000, 784)
    assert fashion.target_names[fashion.y_train[0]] == "Ankle boot"
