"""scikit-learn's own checks over every public estimator, in several configurations."""

from functools import partial

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from sklearn_spectral import SpectralClassifier, SpectralRegressor

CONFIGURATIONS = [
    {},
    {"linear_expansion": 20},
    {"hidden_layer_sizes": (), "linear_expansion": (20, 15)},
    {"hidden_layer_sizes": (20, 10), "linear_expansion": ((15,), (), (5, 5))},
    {"train_eigenvectors": True, "activation": "tanh"},
    {"solver": "lbfgs", "activation": "elu"},
    {"solver": "adam", "learning_rate": "constant", "train_eigenvalues": "paper"},
    {"solver": "sgd", "early_stopping": True, "fit_intercept": False},
]

ESTIMATORS = [
    make(random_state=0, **configuration)
    for make in (SpectralClassifier, SpectralRegressor)
    for configuration in CONFIGURATIONS
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check", [check_param_validation, check_dataframe_column_names_consistency]
)
@pytest.mark.parametrize("make", [SpectralClassifier, SpectralRegressor])
def test_checks_that_the_suite_leaves_out(make, check):
    check(make.__name__, make(max_iter=5))


def test_none_of_the_checks_is_expected_to_fail_or_left_out():
    """The list above is the whole truth: nothing is marked, no optional package missing."""
    checks = partial(parametrize_with_checks, legacy=True)([SpectralClassifier()])
    for estimator, check in checks.args[1]:
        marks = getattr(estimator, "marks", ())
        assert not marks, (estimator, check)
