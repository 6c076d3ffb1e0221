"""What is compared: each estimator as it comes, but for one thread and its seed.

Packages are imported when a method is made, so that those that are missing are not missed.
"""

import importlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

OURS = "sklearn-spectral"


@dataclass(frozen=True)
class Method:
    """One of the compared.

    Parameters
    ----------
    title : str
        What it is called in tables.
    package : str
        The distribution that it is from.
    make : callable
        Takes whether it is a regression and a seed, returns the estimator.
    slow : bool, default=False
        Fitted to small sets alone, three folds each.
    dense : bool, default=False
        Whether it takes no sparse features.
    dtype : str, default="float64"
        Of the features that it gets.
    kinds : tuple of str
        Kinds of sets that it is for.
    """

    title: str
    package: str
    make: Callable[[bool, int], BaseEstimator]
    slow: bool = False
    dense: bool = False
    dtype: str = "float64"
    kinds: tuple[str, ...] = ("classification", "regression", "wide")

    def version(self) -> str:
        """Return the version of its package; of ours with the commit, if there is one."""
        return _our_version() if self.package == OURS else version(self.package)


def _our_version() -> str:
    import sklearn_spectral

    git = ["git", "-C", str(Path(sklearn_spectral.__file__).parent)]
    options: dict[str, Any] = {"capture_output": True, "text": True, "check": False}
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], **options)
    if commit.returncode:
        return sklearn_spectral.__version__
    changed = subprocess.run([*git, "status", "--porcelain", "."], **options).stdout
    return f"{sklearn_spectral.__version__}+{commit.stdout.strip()}{'.' * bool(changed)}"


def _maker(module: str, classifier: str, regressor: str, settings: dict[str, Any]):
    """Return what makes one of two classes of a module, with its seed."""

    def make(regression: bool, seed: int) -> BaseEstimator:
        found = getattr(
            importlib.import_module(module), regressor if regression else classifier
        )
        seeded = {"random_state": seed} if hasattr(found(), "random_state") else {}
        return found(**{**settings, **seeded})

    return make


def ours(title: str = "Spectral", **settings: Any) -> Method:
    """Return our estimators with some settings, none by default."""
    names = ("sklearn_spectral", "SpectralClassifier", "SpectralRegressor")
    return Method(title, OURS, _maker(*names, settings))


def _sklearn(title: str, module: str, *names: str, dense: bool = False, **settings: Any):
    make = _maker(f"sklearn.{module}", *names, settings)
    return Method(title, "scikit-learn", make, dense=dense)


def _pytabkit(title: str, name: str, **settings: Any) -> Method:
    """Return one of pytabkit's.

    As they come they keep the epoch of the least error of held-out rows. Where settings are
    given these are for classifications alone: what its documentation asks for the log loss.
    """
    names = (f"{name}_Classifier", f"{name}_Regressor")
    kinds = ("classification", "wide") if settings else Method.kinds
    settings = {"device": "cpu", "n_threads": 1, **settings}
    make = _maker("pytabkit", *names, settings)
    return Method(
        title, "pytabkit", make, slow=True, dense=True, dtype="float32", kinds=kinds
    )


def _mlp_of_scaled_targets(regression: bool, seed: int) -> BaseEstimator:
    """Return what most users of MLPRegressor take where targets are large or small."""
    model = MLPRegressor(random_state=seed)
    return TransformedTargetRegressor(model, transformer=StandardScaler())


MLP = ("neural_network", "MLPClassifier", "MLPRegressor")
FOR_LOG_LOSS = {"val_metric_name": "cross_entropy"}

METHODS = {
    "spectral": ours(),
    "mlp": _sklearn("MLP", *MLP),
    "mlp_early": _sklearn("MLP, early stopping", *MLP, early_stopping=True),
    "mlp_scaled": Method(
        *("MLP, scaled targets", "scikit-learn", _mlp_of_scaled_targets),
        kinds=("regression",),
    ),
    "linear": _sklearn("linear", "linear_model", "LogisticRegression", "Ridge"),
    "linear_cv": _sklearn("linear, CV", "linear_model", "LogisticRegressionCV", "RidgeCV"),
    "forest": _sklearn(
        *("random forest", "ensemble", "RandomForestClassifier", "RandomForestRegressor"),
        n_jobs=1,
    ),
    "hgb": _sklearn(
        *("hist. boosting", "ensemble"),
        *("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
        dense=True,
    ),
    "lgbm": Method(
        *("LightGBM", "lightgbm"),
        _maker("lightgbm", "LGBMClassifier", "LGBMRegressor", {"n_jobs": 1, "verbose": -1}),
    ),
    "realmlp_s": _pytabkit("RealMLP-TD-S", "RealMLP_TD_S"),
    "realmlp": _pytabkit("RealMLP-TD", "RealMLP_TD"),
    "realmlp_log_loss": _pytabkit(
        "RealMLP-TD, log loss", "RealMLP_TD", **FOR_LOG_LOSS, use_ls=False
    ),
    "tabm": _pytabkit("TabM-D", "TabM_D"),
    "tabm_log_loss": _pytabkit("TabM-D, log loss", "TabM_D", **FOR_LOG_LOSS),
}
QUICK = tuple(name for name, method in METHODS.items() if not method.slow)
SLOW = tuple(name for name, method in METHODS.items() if method.slow)
