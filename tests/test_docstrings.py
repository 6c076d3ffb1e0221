"""Every public docstring is numpydoc, whole, and every public class has an example."""

import inspect
import re

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

import sklearn_spectral
from sklearn_spectral import (
    baselines,
    datasets,
    exceptions,
    export,
    inspection,
    model_selection,
    nn,
    pruning,
)

MODULES = {
    module.__name__: module
    for module in (
        sklearn_spectral,
        baselines,
        datasets,
        exceptions,
        export,
        inspection,
        model_selection,
        nn,
        pruning,
    )
}

CLASSES_AND_FUNCTIONS = [
    f"{module.__name__}.{name}"
    for module in MODULES.values()
    for name in module.__all__
    if inspect.isclass(getattr(module, name)) or inspect.isfunction(getattr(module, name))
]

METHODS = [
    f"{path}.{method}"
    for path in CLASSES_AND_FUNCTIONS
    if not path.startswith(nn.__name__)
    for method, value in vars(
        getattr(MODULES[path.rpartition(".")[0]], path.rpartition(".")[2])
    ).items()
    if not method.startswith("_") and inspect.isfunction(getattr(value, "__func__", value))
] + [
    f"sklearn_spectral.{name}.{method}"
    for name in ("SpectralClassifier", "SpectralRegressor")
    for method in dir(getattr(sklearn_spectral, name))
    if method in {"fit", "partial_fit", "predict", "predict_proba", "predict_log_proba"}
    or method in {"decision_function", "from_direct", "to_direct"}
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
def test_the_defaults_told_are_those_there_are(name):
    module, _, leaf = name.rpartition(".")
    value = getattr(MODULES[module], leaf)
    for entry in NumpyDocString(inspect.getdoc(value))["Parameters"]:
        if told := re.search(r"default=(.+)$", entry.type):
            for each in entry.name.split(", "):
                default = inspect.signature(value).parameters[each].default
                assert eval(told.group(1)) == default, each


@pytest.mark.parametrize("name", CLASSES_AND_FUNCTIONS)
def test_there_is_an_example(name):
    module, _, leaf = name.rpartition(".")
    assert ">>>" in inspect.getdoc(getattr(MODULES[module], leaf))


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_completion_shows_what_is_public(module):
    assert dir(module) == sorted(module.__all__)
