"""Model files of every version of the format can be read; see write_models.py."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

from sklearn_spectral import load
from sklearn_spectral.files.container import FORMAT_VERSION

FILES = sorted(Path(__file__).parent.glob("format_*/*.safetensors"))


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True, as_frame=True)


def test_there_are_files_of_each_version():
    versions = {path.parent.name for path in FILES}
    assert versions == {f"format_{n}" for n in range(1, FORMAT_VERSION + 1)}
    assert len(FILES) >= 5 * FORMAT_VERSION


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_model_of_that_version_predicts_what_it_did(path, iris):
    X = iris[0].astype(np.float32)
    model = load(path)
    name = "classifier" if path.stem == "compact" else path.stem
    expected = np.load(path.parent / "predictions.npz")[name]
    found = model.predict(X)
    if found.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(found.astype(str), expected)
    assert list(model.feature_names_in_) == list(X.columns)
    if path.parent.name == "format_1":  # from before there was any of that
        params = model.get_params()
        assert not params["standardize"]
        assert params.get("n_members", 1) == params.get("temperature", 1) == 1
    if path.stem == "partial":
        model.partial_fit(X, iris[1])
        assert (model.n_iter_, len(model.loss_curve_)) == (1, 2)
