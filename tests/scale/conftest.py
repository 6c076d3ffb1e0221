"""Fixtures: the digits in files and behind slices, and small blocks to read them by."""

import numpy as np
import pytest

from sklearn_spectral.data import rows as _rows


class Sliced:
    """An array that can be sliced by rows and nothing else; it tells what was read."""

    def __init__(self, array, chunks=None):
        self._array = array
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, chunks
        self.read = []

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        self.read.append((rows.start, rows.stop))
        return self._array[rows]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of ten rows of the digits, four of them together."""
    monkeypatch.setattr(_rows, "BLOCK_NUMBERS", 640)
    monkeypatch.setattr(_rows, "BUFFER_BLOCKS", 4)


@pytest.fixture
def stored(tmp_path):
    """Return a function that puts an array into a file, or behind slices."""

    def store(kind, array):
        if kind == "slices":
            return Sliced(array)
        if kind == "memmap":
            file = np.memmap(tmp_path / "X", array.dtype, mode="w+", shape=array.shape)
            file[:] = array
            file.flush()
            return np.memmap(tmp_path / "X", array.dtype, mode="r", shape=array.shape)
        if kind == "dask":
            import dask.array

            return dask.array.from_array(array, chunks=(500, -1))
        if kind.startswith("hdf5"):
            import h5py

            settings = (
                {"chunks": (5, 32), "compression": "gzip"} if "chunks" in kind else {}
            )
            file = h5py.File(tmp_path / "X.h5", "w")
            return file.create_dataset("X", data=array, **settings)
        import zarr

        result = zarr.create_array(
            tmp_path / "X.zarr", shape=array.shape, chunks=(10, 64), dtype=array.dtype
        )
        result[:] = array
        return result

    return store
