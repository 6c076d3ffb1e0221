"""Damaged files of every format: an error, or exactly the model that was saved."""

import collections
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "trust"


@pytest.fixture(scope="module")
def corruption():
    """Import the benchmark, which is a folder that is run."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("corruption")
    finally:
        sys.path.remove(str(FOLDER))
        sys.modules.pop("results", None)


@pytest.fixture(scope="module")
def originals(corruption):
    return corruption.originals()


@pytest.mark.parametrize("name", ["model file", "model file, compact", "checkpoint"])
def test_our_files(corruption, originals, name):
    data = originals[name]
    expected = corruption.LOADERS[name](data)
    assert corruption.judge(name, data, expected) == "loaded, the same"
    rng = np.random.default_rng(0)
    copies = [corruption.corrupt(data, rng)[0] for _ in range(200)]
    counts = collections.Counter(corruption.judge(name, copy, expected) for copy in copies)
    assert counts.keys() <= {"ModelFileError", "loaded, the same"}
    assert counts["ModelFileError"] > 190


def test_every_single_byte_of_a_file_counts(corruption, originals):
    data = originals["model file"]
    expected = corruption.LOADERS["model file"](data)
    for position in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[position] ^= 0xFF
        result = corruption.judge("model file", bytes(damaged), expected)
        assert result in ("ModelFileError", "loaded, the same"), position


@pytest.mark.parametrize("name", ["pickle", "joblib", "skops"])
def test_files_of_others(corruption, originals, name):
    data = originals[name]
    expected = corruption.LOADERS[name](data)
    rng = np.random.default_rng(0)
    copies = [corruption.corrupt(data, rng)[0] for _ in range(60)]
    results = corruption.judge_in_child(name, [data, *copies], expected)
    assert results[0] == "loaded, the same"
    assert not {"SILENT CHANGE", "CRASH", "HANG"} & set(results)
