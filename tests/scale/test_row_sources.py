"""HDF5, Zarr, Dask and memory maps: the fit of the same array in memory, block by block."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_spectral import SpectralClassifier, SpectralRegressor, load, save
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.data.rows import SlicedRows, is_memmap, is_sliced
from sklearn_spectral.files.integrity import digest
from sklearn_spectral.training.batches import ArrayDataset, BatchIterator

from ..plain import PLAIN

FILES = ["slices", "hdf5", "hdf5 chunks", "zarr", "dask"]
FOUR = {"max_iter": 4, "random_state": 0, "batch_size": 64}
MODELS = [
    SpectralClassifier(12, linear_expansion=30, **FOUR),
    SpectralClassifier(12, early_stopping=True, **FOUR),
    SpectralClassifier(12, solver="lbfgs", **FOUR),
    SpectralClassifier(12, init="sqrt_covariance", class_weight="balanced", **FOUR),
    SpectralClassifier((), shuffle=False, **FOUR),
    SpectralRegressor(12, solver="sgd", **FOUR),
    SpectralClassifier(12, n_members=3, bag_fraction=0.6, early_stopping="oob", **FOUR),
    DirectClassifier(12, **{**FOUR, "batch_size": 2000}),
]


def in_memory(model):
    """Return the model that takes the rows of an array in the order of a file's."""
    return clone(model).set_params(shuffle=model.shuffle and "blocks")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_slices_give_the_fit_of_the_array(digits, stored, model):
    X, y = digits
    expected = in_memory(model).fit(X, y)
    source = stored("slices", X)
    fitted = clone(model).fit(source, y)
    for ours, theirs in zip(fitted.coefs_, expected.coefs_, strict=True):
        # The covariance and the full batch are sums over pieces of another size.
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fitted.loss_curve_, expected.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(fitted.predict(source), expected.predict(X))
    assert fitted.score(source, y) == pytest.approx(expected.score(X, y), rel=1e-9)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("kind", [*FILES[1:4], "memmap"])
def test_files_give_the_fit_of_the_array(digits, stored, kind, dtype):
    X, y = (16 * digits[0]).astype(dtype), digits[1]
    model = SpectralClassifier(12, shuffle="blocks", **FOUR)
    expected = clone(model).fit(stored("slices", X), y)
    file = stored(kind, X)
    assert is_memmap(file) or is_sliced(file)
    fitted = clone(model).fit(file, y)
    np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])
    assert fitted.coefs_[0].dtype == (np.float32 if dtype == np.float32 else np.float64)
    probabilities = fitted.predict_proba(file)
    np.testing.assert_allclose(probabilities, fitted.predict_proba(X), rtol=1e-5, atol=1e-7)


def test_a_dask_array_is_streamed(digits, stored):
    X, y = digits
    model = SpectralClassifier(12, **FOUR)
    streamed = clone(model).fit(stored("dask", X), stored("dask", y[:, None])[:, 0])
    expected = model.set_params(shuffle="blocks").fit(X, y)
    np.testing.assert_array_equal(streamed.coefs_[0], expected.coefs_[0])


@pytest.mark.usefixtures("small_blocks")
def test_weights_of_zero_and_partial_fit(digits, stored):
    X, y = digits
    source, weight = stored("slices", X), np.arange(len(y)) % 3.0
    model = SpectralClassifier(12, **FOUR)
    fitted = clone(model).fit(source, y, sample_weight=weight)
    expected = in_memory(model).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])
    fitted.partial_fit(source, y)
    expected.partial_fit(X, y)
    np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("kind", ["slices", "memmap"])
@pytest.mark.parametrize("batch_size", [7, 64, 100, 1796, 1797, 5000])
@pytest.mark.parametrize("rows", [None, np.arange(0, 1797, 2), np.arange(300)])
@pytest.mark.usefixtures("small_blocks")
def test_every_row_once_per_epoch(digits, stored, kind, batch_size, rows):
    X, labels = digits[0], np.arange(1797)
    file = stored(kind, X)
    file = SlicedRows(file) if kind == "slices" else file
    dataset = ArrayDataset(file, labels, rows=rows)
    batches = BatchIterator(dataset, batch_size, "blocks", seed=3)
    epochs = []
    for _ in range(2):
        sizes, seen = [], []
        for x, (y, _) in batches:
            np.testing.assert_array_equal(x.numpy(), X[y.numpy()])
            sizes.append(len(x))
            seen.append(y.numpy())
        assert sizes == batches.sizes
        assert len(sizes) == len(batches)
        epochs.append(np.concatenate(seen))
    expected = labels if rows is None else rows
    for order in epochs:
        np.testing.assert_array_equal(np.sort(order), expected)
    if batch_size < len(expected):
        assert (epochs[0] != epochs[1]).mean() > 0.9
        assert np.abs(np.diff(epochs[0])).mean() > 10  # neighbours are taken apart


@pytest.mark.usefixtures("small_blocks")
def test_no_more_is_read_at_a_time_than_a_buffer_holds(digits, stored):
    X, y = digits
    source = stored("slices", X)
    settings = {**PLAIN, "standardize": True, "max_iter": 1}
    model = SpectralClassifier(12, batch_size=50, random_state=0, **settings)
    model.fit(source, y)
    spans = np.array(source.read)
    assert (spans[:, 1] - spans[:, 0]).max() <= 40
    assert np.diff(spans).sum() == 3 * 1797  # to check it, its scale, and the epoch
    source.read.clear()
    model.predict(source)
    spans = np.array(source.read)
    assert (spans[:, 1] - spans[:, 0]).max() <= 10
    assert np.diff(spans).sum() == 1797


def test_blocks_are_whole_chunks(digits):
    class Chunked:
        shape, dtype = (10_000, 64), np.dtype(np.float64)

    for chunks, expected in [
        (None, 4096),
        ((1000, 64), 4000),
        ((3000, 8), 3000),
        ((5000, 64), 5000),
        (((700, 900, 100), (64,)), 3600),
        ("contiguous", 4096),
        ((10**9, 64), 64 * 4096),
    ]:
        array = Chunked()
        array.chunks = chunks
        assert SlicedRows(array).block_rows == expected, chunks


def test_rows_by_number_come_in_the_order_asked_for(digits, stored):
    source = SlicedRows(stored("slices", digits[0]))
    index = np.array([1700, 3, 3, 900, 0])
    np.testing.assert_array_equal(source[index], digits[0][index])
    assert source[[]].shape == (0, 64)


def test_a_checksum_sees_every_row(digits, stored):
    X = digits[0].copy()
    before = digest(SlicedRows(stored("slices", X)))
    assert before == digest(SlicedRows(stored("hdf5", X)))
    X[1796, 63] += 1
    assert digest(SlicedRows(stored("slices", X))) != before


def test_a_checkpoint_of_a_file_is_found_again(digits, stored, tmp_path):
    X, y = digits
    model = SpectralClassifier(12, checkpoint_dir=tmp_path / "kept", **FOUR)
    first = clone(model).fit(stored("hdf5", X), y)
    (kept,) = (tmp_path / "kept").iterdir()
    again = clone(model).fit(stored("slices", X), y)
    assert [kept] == list((tmp_path / "kept").iterdir())
    np.testing.assert_array_equal(first.coefs_[0], again.coefs_[0])


def test_saved_and_loaded(digits, stored, tmp_path):
    X, y = digits
    model = SpectralClassifier(12, shuffle="blocks", **FOUR).fit(stored("slices", X), y)
    save(model, tmp_path / "model.safetensors")
    back = load(tmp_path / "model.safetensors")
    assert back.shuffle == "blocks"
    assert back.data_parallel is False
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))


def not_a_number(X):
    X = X.copy()
    X[1234, 5] = np.nan
    return X


@pytest.mark.parametrize("kind", ["slices", "memmap"])
def test_what_is_no_number_is_named(digits, stored, kind):
    X, y = digits
    file = stored(kind, not_a_number(X))
    with pytest.raises(ValueError, match=r"contains NaN, in row 1234, column 5"):
        SpectralClassifier().fit(file, y)
    model = SpectralClassifier(max_iter=1).fit(X, y)
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(file)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((4, 4, 4)), r"shape \(4, 4, 4\); expected two dimensions"),
        (np.ones(4), r"shape \(4,\); expected two dimensions"),
        (np.ones((4, 4), complex), "dtype complex128; expected real numbers"),
        (np.full((4, 4), "a"), "dtype <U1; expected real numbers"),
        (np.ones((0, 4)), r"0 sample\(s\) and 4 feature\(s\)"),
    ],
)
def test_what_cannot_be_read_is_refused(array, message, stored):
    with pytest.raises(ValueError, match=message):
        SpectralClassifier().fit(stored("slices", array), np.arange(len(array)) % 2)


def test_wrong_sizes_and_missing_targets(digits, stored):
    X, y = digits
    source = stored("slices", X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        SpectralClassifier().fit(source, y[:-1])
    with pytest.raises(ValueError, match="requires y to be passed"):
        SpectralClassifier().fit(source)
    model = SpectralClassifier(max_iter=1).fit(source, y)
    with pytest.raises(ValueError, match="expecting 64 features"):
        model.predict(stored("slices", X[:, 1:]))


def test_slices_of_another_shape_are_refused(digits, stored):
    source = stored("slices", digits[0])
    source.shape = (3000, 64)
    with pytest.raises(ValueError, match=r"X\[0:3000\] has the shape \(1797, 64\)"):
        SpectralClassifier().fit(source, np.arange(3000) % 2)


def test_a_dask_array_without_a_shape_is_refused(digits, stored):
    X = stored("dask", digits[0])
    with pytest.raises(ValueError, match=r"compute_chunk_sizes\(\) first"):
        SpectralClassifier().fit(X[X[:, 10] > 0.5], digits[1])


def test_what_is_written_to_a_private_map_stays(digits, tmp_path):
    X, y = digits
    X.tofile(tmp_path / "X")
    mapped = np.memmap(tmp_path / "X", np.float64, mode="c", shape=X.shape)
    mapped[0] = 7.0
    SpectralClassifier(shuffle="blocks", **FOUR).fit(mapped, y).predict(mapped)
    assert (mapped[0] == 7.0).all()


def test_slices_of_another_type_or_with_missing_values_are_refused(digits):
    X, y = digits

    class Packed:
        shape, dtype = X.shape, np.dtype(np.int16)

        def __getitem__(self, rows):
            return X[rows]

    class Masked(Packed):
        dtype = X.dtype

        def __getitem__(self, rows):
            return np.ma.masked_equal(X[rows], 0.5)

    model = SpectralClassifier(12, max_iter=2)
    with pytest.raises(ValueError, match=r"has the dtype float64, but X\.dtype is int16"):
        model.fit(Packed(), y)
    with pytest.raises(ValueError, match="has missing values"):
        model.fit(Masked(), y)


def test_projected_data_are_shuffled_as_the_file_is(digits, small_blocks):
    X, y = digits
    model = SpectralClassifier(
        12,
        linear_expansion=20,
        train_eigenvalues="out",
        shuffle="blocks",
        random_state=0,
        **{**PLAIN, "standardize": True, "max_iter": 3},
    )
    projected = clone(model).fit(X, y)
    assert projected.telescope_plan_[0].strategy == "project"
    formed = clone(model).set_params(telescope="closed_form").fit(X, y)
    np.testing.assert_allclose(projected.loss_curve_, formed.loss_curve_, rtol=1e-9)
