"""Calls that do not fit: the estimator is named, and what is meant is said."""

import inspect

import numpy as np
import pytest
from sklearn.base import RegressorMixin, clone
from sklearn.neural_network import MLPClassifier

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor
from sklearn_spectral.pruning import SpectralPruner

X = np.random.default_rng(0).normal(size=(20, 2))
Y = np.arange(20) % 2
ALL = (SpectralClassifier, SpectralRegressor, DirectClassifier, DirectRegressor)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({"epochs": 3}, "The number of epochs is max_iter."),
        ({"lr": 0.1}, "The learning rate is learning_rate_init."),
        ({"max_itr": 3}, "Did you mean 'max_iter'?"),
        ({"hidden_units": 3}, "The widths of the layers are hidden_layer_sizes."),
        ({"abracadabra": 3}, ""),
    ],
)
def test_unknown_parameters(kind, arguments, advice):
    (name,) = arguments
    with pytest.raises(TypeError) as error:
        kind(**arguments)
    expected = f"{kind.__name__}() got an unexpected keyword argument {name!r}. {advice}"
    assert str(error.value) == expected.strip()


@pytest.mark.parametrize(
    ("kind", "other", "own"),
    [
        (SpectralRegressor, "mse", "squared_error"),
        (DirectRegressor, "mae", "absolute_error"),
        (SpectralClassifier, "cross_entropy", "log_loss"),
    ],
)
def test_losses_of_other_packages_are_named(kind, other, own):
    with pytest.raises(ValueError, match=rf"Got '{other}' instead\. It is '{own}' here\."):
        kind(2, loss=other, max_iter=1).fit(X, Y)


@pytest.mark.parametrize("kind", ALL)
def test_unknown_arguments_of_methods(kind):
    model = kind(2, max_iter=1)
    name = kind.__name__
    for wrong in ("eval_set", "validation_data"):
        with pytest.raises(TypeError, match=rf"^{name}\.fit\(\) .* are X_val and y_val"):
            model.fit(X, Y, **{wrong: (X, Y)})
    with pytest.raises(TypeError, match=rf"^{name}\.partial_fit\(\) got an unexpected"):
        model.partial_fit(X, Y, epochs=2)
    with pytest.raises(TypeError, match=rf"^{name}\.fit\(\) missing a required argument"):
        model.fit()
    with pytest.raises(TypeError, match=rf"^{name}\.fit\(\) too many positional"):
        model.fit(X, Y, None, X, Y, 3)
    model.fit(X, Y)
    with pytest.raises(TypeError, match=rf"^{name}\.predict\(\) .* 'return_cov'"):
        model.predict(X, return_cov=True)
    with pytest.raises(TypeError, match=rf"^{name}\.score\(\) .* 'metric'"):
        model.score(X, Y, metric="f1")


def test_advice_is_given_where_it_is_true_only():
    model = SpectralClassifier(2, max_iter=1)
    with pytest.raises(TypeError, match=r"'C'\.$"):  # the inverse of alpha
        SpectralClassifier(C=1)
    with pytest.raises(TypeError, match=r"fit\(\) .* 'loss'\. It is a parameter of Spec"):
        model.fit(X, Y, loss="brier")
    with pytest.raises(TypeError, match=r"'max_iter'\. It is a parameter of SpectralClass"):
        model.fit(X, Y, max_iter=3)
    with pytest.raises(TypeError, match=r"^SpectralPruner\(\) .* 'epochs'\.$"):
        SpectralPruner(model, epochs=3)
    with pytest.raises(ValueError, match=r"Got True instead\.$"):
        SpectralClassifier(2, learning_rate=True).fit(X, Y)


def test_class_methods_name_the_class():
    with pytest.raises(TypeError, match=r"^SpectralRegressor\.from_direct\(\) missing"):
        SpectralRegressor.from_direct()
    with pytest.raises(TypeError, match=r"^DirectClassifier\.from_spectral\(\) missing"):
        DirectClassifier.from_spectral()
    with pytest.raises(TypeError, match=r"^SpectralClassifier\(\) got an unexpected"):
        SpectralClassifier.from_direct(DirectClassifier(2, max_iter=1).fit(X, Y), foo=1)


def test_a_subclass_that_calls_wrongly_is_not_blamed_on_its_user():
    class Own(SpectralClassifier):
        def __init__(self, width=3):
            super().__init__(width, layers=3)

    with pytest.raises(TypeError, match=r"^SpectralClassifier\(\) got an unexpected"):
        Own(width=3)


def test_a_pruner_and_a_subclass():
    with pytest.raises(TypeError, match=r"^SpectralPruner\(\) .* 'ratio'"):
        SpectralPruner(SpectralClassifier(), ratio=0.5)
    with pytest.raises(TypeError, match=r"^SpectralPruner\.fit\(\) .* are X_val and y_val"):
        SpectralPruner(SpectralClassifier()).fit(X, Y, eval_set=(X, Y))

    class Own(SpectralClassifier):
        pass

    with pytest.raises(TypeError, match=r"^Own\(\) got an unexpected"):
        Own(foo=1)


def test_too_many_positions():
    text = r"By position it takes hidden_layer_sizes and activation\."
    with pytest.raises(TypeError, match=text):
        SpectralClassifier(5, "relu", 500)


@pytest.mark.parametrize("kind", ALL)
def test_signatures_are_as_written(kind):
    parameters = inspect.signature(kind).parameters
    positional = ["hidden_layer_sizes", "activation"]
    assert list(inspect.signature(MLPClassifier).parameters)[:2] == positional
    keyword = inspect.Parameter.KEYWORD_ONLY
    assert [n for n, p in parameters.items() if p.kind is not keyword] == positional
    assert set(kind().get_params()) == set(parameters)
    assert clone(kind(max_iter=7)).max_iter == 7
    more = ["return_std"] * issubclass(kind, RegressorMixin)
    assert list(inspect.signature(kind.predict).parameters) == ["self", "X", *more]


@pytest.mark.parametrize(
    ("parameters", "advice"),
    [
        ({"learning_rate": 0.01}, "the rate itself is learning_rate_init=0.01"),
        ({"learning_rate": "adaptive"}, "MLPClassifier's 'adaptive' does not exist here"),
        ({"activation": "sigmoid"}, "It is 'logistic' here"),
        ({"activation": None}, "It is 'identity' here"),
        ({"activation": 500}, "Linear layers are given by name: linear_expansion=500"),
    ],
)
def test_values_that_mean_something_else(parameters, advice):
    with pytest.raises(ValueError, match=advice):
        SpectralClassifier(2, **{"linear_expansion": None, **parameters}).fit(X, Y)
