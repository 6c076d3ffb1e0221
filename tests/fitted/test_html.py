"""The HTML representation shows the network."""

import pickle
import xml.etree.ElementTree as ElementTree
from html import escape

import pytest
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor
from sklearn_spectral.estimators.facts import facts_of
from sklearn_spectral.fitted.drawing import network_html

from ..plain import plain_classifier


@pytest.fixture(scope="module")
def fitted(digits):
    model = plain_classifier(30, linear_expansion=200, max_iter=2, random_state=0)
    return model.fit(*digits)


def test_widths_linear_layers_and_parameters(fitted):
    fragment = ElementTree.fromstring(network_html(fitted._fitted, fitted.n_parameters_))
    text = "|".join(fragment.itertext())
    assert "64-200(linear)-30-10" in text
    for shown in ("64|input", "200|linear", "30|relu", "10|output"):
        assert shown in text
    assert f"{fitted.n_parameters_:,} parameters trained" in text
    # 65 * 200 + 201 * 30 + 31 * 10 and 65 * 30 + 31 * 10
    assert "19,340 weights and biases; 2,260 in the retracted network" in text
    dashed = [e for e in fragment.iter() if e.get("stroke-dasharray")]
    assert len(dashed) == 1


def test_it_is_part_of_what_a_notebook_shows(fitted):
    html = fitted._repr_mimebundle_()["text/html"]
    assert "sklearn-spectral-network" in html
    assert html.rstrip().endswith("</body>")
    with config_context(display="text"):
        assert "text/html" not in fitted._repr_mimebundle_()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_is_told_of_a_fit(digits):
    X, y = digits
    few = plain_classifier(9, train_eigenvectors=False, max_iter=2, random_state=0)
    many = SpectralClassifier(
        9, n_members=4, bag_fraction=0.75, early_stopping="oob", max_iter=3, random_state=0
    )
    shown = facts_of(many.fit(X, y))
    assert shown["Trains"] == "all eigenvalues, all eigenvectors, biases"
    assert shown["Members"] == "4, whose mean predicts; each row is left out by 1"
    assert shown["Epochs"] == "3: all that max_iter allows"
    assert shown["Out-of-bag score"] == f"{many.oob_score_:.4g} (accuracy)"
    assert shown["Validation score"].endswith("(minus the loss)")
    assert shown["Time"].endswith(" s on cpu")
    assert "no eigenvectors" in facts_of(few.fit(X, y))["Trains"]
    loaded = pickle.loads(pickle.dumps(many))
    assert "Time" not in facts_of(loaded), "a file does not hold it"
    direct = DirectRegressor(9, early_stopping=True, scoring="r2", max_iter=2).fit(X, y)
    shown = facts_of(direct)
    assert shown["Trains"] == "parametrization 'weights', biases"
    assert shown["Validation score"].endswith("(r2)")
    taken = SpectralClassifier.from_direct(DirectClassifier(9, max_iter=2).fit(X, y))
    assert "Epochs" not in facts_of(taken)
    html = many._repr_html_()
    assert html.count("<details open") == 2
    for name, value in facts_of(many).items():
        assert f"{name}</th>" in html
        assert escape(value) in html


def test_before_fit_there_is_nothing_to_show():
    model = SpectralClassifier(30)
    assert "sklearn-spectral-network" not in model._repr_html_()
    assert "SpectralClassifier" in estimator_html_repr(make_pipeline(model))


def test_widths_are_named_in_a_pipeline(digits, fitted):
    html = estimator_html_repr(make_pipeline(StandardScaler(), fitted))
    assert "64-200(linear)-30-10" in html


def test_networks_in_direct_space_without_biases(digits):
    model = DirectClassifier(20, fit_intercept=False, max_iter=1).fit(*digits)
    drawing = network_html(model._fitted, model.n_parameters_)
    text = "|".join(ElementTree.fromstring(drawing).itertext())
    assert "of 1,480 weights; 1,480 in the retracted network" in text
    assert "1,480 parameters trained" in text
