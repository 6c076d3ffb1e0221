"""scikit-learn's own checks over every public estimator, in several configurations."""

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor
from sklearn_spectral.pruning import SpectralPruner

# The defaults run all epochs; of most others the checks ask no more than few give.
FEW, MORE = {"max_iter": 20}, {"max_iter": 100}
ONE = {"n_members": 1, "train_eigenvectors": False, **FEW}

# Biases of a linear network of centred data have no gradient but rounding, of which steps
# of one size make more in few epochs.
LINEAR = {"hidden_layer_sizes": (), "linear_expansion": 20, "standardize": False}

CONFIGURATIONS = [
    {},
    {**LINEAR, "train_eigenvalues": "paper"},
    {"hidden_layer_sizes": (20, 10), "linear_expansion": ((15,), (), (5, 5))},
    {"train_eigenvectors": True},
    {"train_eigenvectors": "svd"},
    {"train_eigenvectors": "qr", "linear_expansion": 20},
    # Penalties keep probabilities off 1, where their order would be lost to rounding.
    {"solver": "lbfgs", "activation": "elu", "alpha": 1.0},
    {"solver": "adam", "learning_rate": "constant", "activation": "tanh"},
    {"solver": "sgd", "fit_intercept": False},
    {"n_members": 4, "bag_fraction": 0.75, "early_stopping": "oob", **MORE},
    {"n_members": 2, "hidden_layer_sizes": (12, 8), "bag_fraction": 0.5, "solver": "lbfgs"},
]

DIRECT_CONFIGURATIONS = [
    {},
    {"parametrization": "subset", "n_weights": 5, **MORE},
    {"parametrization": "gains", "linear_expansion": 20},
    {"parametrization": "readout", "solver": "adam", **MORE},
    {"parametrization": "low_rank", "rank": 3},
    {"parametrization": "singular_values", "init": "scaled", **MORE},
]

PRUNER_CONFIGURATIONS = [
    {},
    {"strategy": "pre", "node_score": "weight_product", "fraction": 0.2},
    {"strategy": "gradual", "compensation": "mean", "scope": "global", "n_steps": 2},
]


def few(configuration, settings=ONE):
    """Return few epochs of one network for all but the defaults."""
    return settings if configuration else {}


PRUNERS = [
    SpectralPruner(
        make(30, alpha=0.1, random_state=0, **few(configuration)),
        random_state=0,
        **configuration,
    )
    for make in (SpectralClassifier, SpectralRegressor)
    for configuration in PRUNER_CONFIGURATIONS
]

ESTIMATORS = [
    make(random_state=0, **{**few(configuration), **configuration})
    for make in (SpectralClassifier, SpectralRegressor)
    for configuration in CONFIGURATIONS
] + [
    make(random_state=0, **{**few(configuration, FEW), **configuration})
    for make in (DirectClassifier, DirectRegressor)
    for configuration in DIRECT_CONFIGURATIONS
]


@parametrize_with_checks([*ESTIMATORS, *PRUNERS])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check", [check_param_validation, check_dataframe_column_names_consistency]
)
@pytest.mark.parametrize(
    "make", [SpectralClassifier, SpectralRegressor, DirectClassifier, DirectRegressor]
)
def test_checks_that_the_suite_leaves_out(make, check):
    check(make.__name__, make(max_iter=5))


@pytest.mark.parametrize(
    "check", [check_param_validation, check_dataframe_column_names_consistency]
)
@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
def test_the_same_checks_of_the_pruner(make, check):
    check("SpectralPruner", SpectralPruner(make(10, max_iter=5)))
