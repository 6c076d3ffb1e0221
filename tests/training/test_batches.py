"""Batches: complete, ordered, on time, and never the whole at once."""

import tracemalloc

import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_spectral.data.rows import CHUNK_BYTES, is_memmap
from sklearn_spectral.training.batches import ArrayDataset, BatchIterator, FullBatch

RNG = np.random.default_rng(0)
DENSE = RNG.normal(size=(50, 6)) * (RNG.uniform(size=(50, 6)) < 0.4)
LABELS = np.arange(50)


def collect(batches):
    X, y, w = [], [], []
    for Xb, (yb, wb) in batches:
        X.append(Xb.numpy().copy())  # written again by the next
        y.append(yb.numpy())
        w.append(None if wb is None else wb.numpy())
    return np.concatenate(X), np.concatenate(y), w


def make_input(kind, tmp_path):
    if kind == "memmap":
        file = np.memmap(tmp_path / "X", dtype=np.float64, mode="w+", shape=DENSE.shape)
        file[:] = DENSE
        file.flush()
        return np.memmap(tmp_path / "X", dtype=np.float64, mode="r", shape=DENSE.shape)
    return {
        "dense": lambda: DENSE,
        "fortran": lambda: np.asfortranarray(DENSE),
        "read-only": read_only,
        "csr_matrix": lambda: sparse.csr_matrix(DENSE),
        "csr_array": lambda: sparse.csr_array(DENSE),
    }[kind]()


def read_only():
    copy = DENSE.copy()
    copy.flags.writeable = False
    return copy


KINDS = ["dense", "fortran", "read-only", "csr_matrix", "csr_array", "memmap"]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("error")
def test_every_row_once_per_epoch(kind, dtype, shuffle, tmp_path):
    dataset = ArrayDataset(make_input(kind, tmp_path), LABELS, dtype=dtype)
    batches = BatchIterator(dataset, batch_size=8, shuffle=shuffle, seed=3)
    assert len(batches) == 7
    X, y, _ = collect(batches)
    assert X.dtype == dtype
    assert y.dtype == np.int64
    assert (y == np.arange(50)).all() != shuffle
    np.testing.assert_array_equal(np.sort(y), LABELS)
    np.testing.assert_array_equal(X, DENSE[y].astype(dtype))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_weights(kind, tmp_path):
    rows = np.array([3, 7, 8, 20, 49])
    weight = np.linspace(1, 2, 50)
    dataset = ArrayDataset(make_input(kind, tmp_path), LABELS, weight, rows)
    assert len(dataset) == 5
    X, y, weights = collect(BatchIterator(dataset, batch_size=2, shuffle=True))
    np.testing.assert_array_equal(np.sort(y), rows)
    np.testing.assert_array_equal(X, DENSE[y])
    np.testing.assert_allclose(np.concatenate(weights), weight[y])


def test_order_depends_on_seed_and_epoch_only():
    dataset = ArrayDataset(DENSE, LABELS)

    def order(seed, first_epoch):
        return collect(BatchIterator(dataset, 8, True, seed, first_epoch))[1]

    iterator = BatchIterator(dataset, 8, True, seed=3)
    first, second = collect(iterator)[1], collect(iterator)[1]
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, order(3, 0))
    np.testing.assert_array_equal(second, order(3, 1))
    assert not np.array_equal(first, order(4, 0))


def test_one_batch_of_everything_is_not_shuffled():
    _, y, _ = collect(BatchIterator(ArrayDataset(DENSE, LABELS), 50, shuffle=True))
    np.testing.assert_array_equal(y, LABELS)


def test_in_memory_rows_in_order_are_not_copied():
    dataset = ArrayDataset(DENSE, LABELS)
    X, _ = dataset.take(slice(0, 10))
    assert np.shares_memory(X.numpy(), DENSE)


@pytest.mark.parametrize("kind", ["csr_array", "memmap"])
def test_a_streamed_array_is_never_whole_in_memory(kind, tmp_path):
    """16,000 x 2,000 doubles are 256 MB; a pass in batches may take a few of them."""
    shape = (16_000, 2_000)
    if kind == "memmap":
        X = np.memmap(tmp_path / "big", dtype=np.float64, mode="w+", shape=shape)
    else:
        X = sparse.csr_array(sparse.random(*shape, density=1e-4, random_state=0))
    dataset = ArrayDataset(X, np.zeros(shape[0], dtype=np.int64), dtype=np.float32)
    assert dataset.streams
    tracemalloc.start()
    for batch in BatchIterator(dataset, 500, shuffle=True):
        del batch
    for (piece, _), share in FullBatch(dataset, widest=2_000):
        assert 0 < share < 1
        del piece
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * CHUNK_BYTES < 256e6 / 2


def test_full_batch_shares_add_up():
    for X in (DENSE, sparse.csr_array(DENSE)):
        pieces = list(FullBatch(ArrayDataset(X, LABELS), widest=6))
        assert sum(share for _, share in pieces) == pytest.approx(1)
        rows = torch.cat([piece[0] for piece, _ in pieces]).numpy()
        np.testing.assert_array_equal(rows, DENSE)


def test_integers_in_a_file_are_converted_batch_by_batch(tmp_path):
    X = np.memmap(tmp_path / "X", dtype=np.uint8, mode="w+", shape=(20, 3))
    X[:] = np.arange(60).reshape(20, 3)
    dataset = ArrayDataset(X, LABELS[:20], dtype=np.float32)
    batch, _ = dataset.take(np.array([4, 2]))
    assert batch.dtype == torch.float32
    np.testing.assert_array_equal(batch.numpy(), [[12, 13, 14], [6, 7, 8]])


def test_views_of_a_memmap_are_known(tmp_path):
    X = np.memmap(tmp_path / "X", dtype=np.float64, mode="w+", shape=(20, 3))
    assert is_memmap(X)
    assert is_memmap(np.asarray(X)[2:])
    assert not is_memmap(DENSE[2:])
    assert not is_memmap(sparse.csr_array(DENSE))
