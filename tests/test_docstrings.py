"""Every public docstring is numpydoc, whole, and every public class has an example."""

import inspect

import pytest
from numpydoc.validate import validate

import sklearn_spectral
from sklearn_spectral import nn

CLASSES_AND_FUNCTIONS = [
    f"{module.__name__}.{name}"
    for module in (sklearn_spectral, nn)
    for name in module.__all__
    if inspect.isclass(getattr(module, name)) or inspect.isfunction(getattr(module, name))
]

METHODS = [
    f"sklearn_spectral.{name}.{method}"
    for name in ("SpectralClassifier", "SpectralRegressor")
    for method in dir(getattr(sklearn_spectral, name))
    if method in {"fit", "partial_fit", "predict", "predict_proba", "predict_log_proba"}
    or method == "decision_function"
]

# Extended summaries and cross references are a matter of judgement, and private
# arguments of scikit-learn's wrappers are not ours to describe.
IGNORED = {"ES01", "SA01", "SA04", "EX01", "GL01", "GL02", "GL03", "YD01"}


@pytest.mark.parametrize("name", CLASSES_AND_FUNCTIONS + METHODS)
def test_numpydoc(name):
    problems = [
        f"{code}: {text}" for code, text in validate(name)["errors"] if code not in IGNORED
    ]
    assert problems == []


@pytest.mark.parametrize("name", CLASSES_AND_FUNCTIONS)
def test_there_is_an_example(name):
    _, _, leaf = name.rpartition(".")
    module = nn if ".nn." in name else sklearn_spectral
    assert ">>>" in inspect.getdoc(getattr(module, leaf))
