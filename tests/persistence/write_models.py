"""Write a tiny model file of each kind, and what it predicts, for the current format.

    python tests/persistence/write_models.py

Run once for a new version of the format, before it is released; the files of earlier
versions stay as they are, and ``tests/persistence/test_format_versions.py`` reads them all.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

from sklearn_spectral import SpectralClassifier, SpectralRegressor, save
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.files.container import FORMAT_VERSION


def main():
    """Fit and write."""
    folder = Path(__file__).parent / f"format_{FORMAT_VERSION}"
    folder.mkdir(exist_ok=True)
    X, y = load_iris(return_X_y=True, as_frame=True)
    labels = np.array(["setosa", "versicolor", "virginica"], object)[y]
    X = X.astype(np.float32)
    shared = {"max_iter": 3, "random_state": 0}
    models = {
        "classifier": SpectralClassifier(
            5, linear_expansion=8, activation="tanh", **shared
        ).fit(X, labels),
        "partial": SpectralClassifier(5, train_eigenvectors="qr", **shared),
        "regressor": SpectralRegressor(5, train_eigenvalues="out", **shared).fit(X, X),
        "direct": DirectClassifier(5, parametrization="subset", n_weights=9, **shared).fit(
            X, y > 0
        ),
    }
    models["partial"].partial_fit(X, y, classes=range(3))
    for name, model in models.items():
        save(model, folder / f"{name}.safetensors")
    save(models["classifier"], folder / "compact.safetensors", compact=True)
    predictions = {name: model.predict(X).astype(str) for name, model in models.items()}
    predictions["regressor"] = models["regressor"].predict(X)
    np.savez_compressed(folder / "predictions.npz", **predictions)


if __name__ == "__main__":
    main()
