"""How much members differ: numbers that can be counted by hand, and what is drawn."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor, load, save
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.inspection import MemberDiversityDisplay, member_diversity

from ..plain import PLAIN

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def with_outputs(model, members, mean, monkeypatch):
    """Have a fitted network pass for a population that predicts given numbers."""
    classifies = hasattr(model, "classes_")
    many, one = (
        ("member_decision_function", "decision_function")
        if classifies
        else ("member_predict", "predict")
    )
    model._fitted.config["n_members"] = len(members)
    monkeypatch.setattr(model, many, lambda X: np.array(members, float), raising=False)
    monkeypatch.setattr(model, one, lambda X: np.array(mean, float))
    return model


@pytest.fixture
def two_classes(monkeypatch):
    X, y = np.arange(8.0).reshape(4, 2), np.array(["a", "a", "b", "b"])
    model = SpectralClassifier(3, max_iter=1, random_state=0).fit(X, y)
    members = [[-1, -1, 1, 1], [-1, 1, 1, 1], [-1, 1, -1, 1]]
    return with_outputs(model, members, [-1, -1, 1, 2], monkeypatch), X, y


class TestNumbers:
    def test_two_classes(self, two_classes):
        model, X, y = two_classes
        found = member_diversity(model, X, y)
        assert found.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
        np.testing.assert_allclose(found.disagreement, [0.25, 0.5, 0.25])
        np.testing.assert_allclose(found.member_errors, [0, 0.25, 0.5])
        assert np.isnan(found.error_correlation[:2]).all()
        both = np.corrcoef([0, 1, 0, 0], [0, 1, 1, 0])[0, 1]
        np.testing.assert_allclose(found.error_correlation[2], both)
        assert found.error == 0
        assert found.gain == 0.25
        right = 1 / (1 + np.exp(-np.array([1, 1, 1, 2])))
        np.testing.assert_allclose(found.log_loss, -np.log(right).mean())
        third = np.log1p(np.exp([-1, 1, 1, -1])).mean()
        np.testing.assert_allclose(found.member_log_losses[2], third)
        gain = found.member_log_losses.mean() - found.log_loss
        np.testing.assert_allclose(found.log_loss_gain, gain)

    def test_weights_are_repetitions(self, two_classes, monkeypatch):
        model, X, y = two_classes
        weighted = member_diversity(model, X, y, sample_weight=[2, 1, 3, 1])
        rows = [0, 0, 1, 2, 2, 2, 3]
        members = model.member_decision_function(X)[:, rows]
        with_outputs(model, members, model.decision_function(X)[rows], monkeypatch)
        repeated = member_diversity(model, X[rows], y[rows])
        for name, value in vars(repeated).items():
            np.testing.assert_allclose(getattr(weighted, name), value, err_msg=name)

    def test_more_classes(self, monkeypatch):
        X, y = np.arange(6.0).reshape(3, 2), np.array([3, 5, 9])
        model = SpectralClassifier(3, max_iter=1, random_state=0).fit(X, y)
        scores = np.random.default_rng(0).normal(size=(2, 3, 3))
        found = member_diversity(
            with_outputs(model, scores, scores.mean(0), monkeypatch), X, y
        )
        first, second = y[scores.argmax(-1)]
        assert found.disagreement == pytest.approx([np.mean(first != second)])
        assert found.member_errors == pytest.approx(
            [(first != y).mean(), (second != y).mean()]
        )
        shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        wanted = [log_loss(y, each, labels=y) for each in shares]
        np.testing.assert_allclose(found.member_log_losses, wanted)

    @pytest.mark.parametrize("weight", [None, [1, 2, 1, 3, 1]])
    def test_regression(self, weight, monkeypatch):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(5, 2)), rng.normal(size=(5, 2)) * [1, 100]
        model = SpectralRegressor(3, max_iter=1, random_state=0).fit(X, y)
        members = y + rng.normal(size=(2, 5, 2))
        with_outputs(model, members, members.mean(0), monkeypatch)
        found = member_diversity(model, X, y, sample_weight=weight)
        w = np.ones(5) if weight is None else np.array(weight)
        center = w @ y / w.sum()
        variance = w @ (y - center) ** 2 / w.sum()
        square = (members[0] - members[1]) ** 2 / variance
        wanted = np.sqrt((w @ square).sum() / (2 * w.sum()))
        np.testing.assert_allclose(found.disagreement, [wanted])
        np.testing.assert_allclose(
            found.member_errors, w @ ((members - y) ** 2).mean(-1).T / w.sum()
        )
        np.testing.assert_allclose(
            found.error, w @ ((members.mean(0) - y) ** 2).mean(1) / w.sum()
        )
        assert np.isnan(found.log_loss_gain)
        assert -1 <= found.error_correlation[0] <= 1

    def test_units_of_a_transformed_target(self, diabetes, monkeypatch):
        X, y = diabetes[0][:50], 10 + 5 * diabetes[1][:50]
        net = SpectralRegressor(3, max_iter=1, random_state=0)
        wrapped = TransformedTargetRegressor(
            make_pipeline(StandardScaler(), net), transformer=StandardScaler()
        ).fit(X, y)
        scaled = (y - y.mean()) / y.std()
        members = [scaled + 1, scaled - 1]
        with_outputs(wrapped.regressor_[-1], members, scaled, monkeypatch)
        found = member_diversity(wrapped, X, y)
        np.testing.assert_allclose(found.member_errors, y.var())
        np.testing.assert_allclose(found.error, 0, atol=1e-20)
        np.testing.assert_allclose(found.disagreement, [2])


class TestPopulations:
    def test_in_wrappers(self, cancer):
        X, y = cancer[0][:200], cancer[1][:200]
        net = SpectralClassifier(5, n_members=3, max_iter=3, random_state=0)
        pipeline = make_pipeline(StandardScaler(), net)
        search = GridSearchCV(pipeline, {"spectralclassifier__alpha": [0.0]}, cv=2)
        for each in (pipeline, search):
            found = member_diversity(each.fit(X, y), X, y)
            assert found.disagreement.shape == (3,)
            assert found.error == pytest.approx(1 - each.score(X, y))
            assert found.log_loss == pytest.approx(log_loss(y, each.predict_proba(X)))

    def test_of_numbers(self, diabetes):
        X, y = diabetes
        net = SpectralRegressor(5, n_members=3, max_iter=3, random_state=0).fit(X, y)
        found = member_diversity(net, X, y)
        np.testing.assert_allclose(found.error, ((net.predict(X) - y) ** 2).mean())
        assert found.gain > 0  # the square of a mean is below the mean of squares


class TestPicture:
    def test_what_is_drawn(self, two_classes):
        model, X, y = two_classes
        display = MemberDiversityDisplay.from_estimator(model, X, y, color="k")
        assert display.points_.get_xdata().tolist() == [0.25, 0.5, 0.25]
        assert display.points_.get_ydata().tolist() == [0.125, 0.25, 0.375]
        assert display.points_.get_color() == "k"
        assert set(display.member_line_.get_ydata()) == {0.25}
        assert set(display.population_line_.get_ydata()) == {0}
        assert display.gain_.get_label() == "gain: 0.25"
        correlation = display.diversity.error_correlation[2]
        assert f"correlate by {correlation:.2f}" in display.points_.get_label()
        _, ax = plt.subplots()
        assert display.plot(ax=ax) is display
        assert display.ax_ is ax
        assert display.figure_ is ax.figure

    def test_errors_are_constant(self, two_classes, monkeypatch):
        model, X, y = two_classes
        model = with_outputs(model, [[-1, -1, 1, 1]] * 2, [-1, -1, 1, 1], monkeypatch)
        display = MemberDiversityDisplay.from_estimator(model, X, y)
        assert "correlate by unknown" in display.points_.get_label()


class TestRefused:
    def test_without_matplotlib(self, two_classes, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
        with pytest.raises(
            ImportError, match=r"MemberDiversityDisplay.plot needs matplotlib"
        ):
            MemberDiversityDisplay.from_estimator(*two_classes)

    def test_not_fitted(self, digits):
        with pytest.raises(NotFittedError):
            member_diversity(SpectralClassifier(n_members=2), *digits)

    def test_a_single_network(self, digits):
        X, y = digits[0][:100], digits[1][:100]
        model = SpectralClassifier(3, **{**PLAIN, "max_iter": 1}, random_state=0)
        wrapped = GridSearchCV(
            make_pipeline(StandardScaler(), model),
            {"spectralclassifier__alpha": [0.0]},
            cv=2,
        )
        for each in (model, wrapped):
            with pytest.raises(
                ValueError, match=r"SpectralClassifier is a single network.*n_members"
            ):
                member_diversity(each.fit(X, y), X, y)

    def test_no_spectral_network(self, digits, diabetes):
        with pytest.raises(TypeError, match="has no eigenvalues"):
            member_diversity(DirectClassifier(3, max_iter=1).fit(*digits), *digits)
        other = LinearRegression().fit(*diabetes)
        takes = "takes a .* search or TransformedTargetRegressor .* got LinearRegression"
        with pytest.raises(TypeError, match=f"^member_diversity {takes}"):
            member_diversity(other, *diabetes)
        with pytest.raises(TypeError, match=f"^MemberDiversityDisplay {takes}"):
            MemberDiversityDisplay.from_estimator(other, *diabetes)

    def test_other_lengths(self, two_classes):
        model, X, y = two_classes
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            member_diversity(model, X, y[:3])
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            member_diversity(model, X, y, sample_weight=[1, 1])

    @pytest.mark.parametrize("transforms", [False, True])
    def test_other_targets(self, transforms, diabetes):
        X, y = diabetes[0][:40], diabetes[1][:40]
        net = SpectralRegressor(3, n_members=3, max_iter=1, random_state=0)
        if transforms:
            net = TransformedTargetRegressor(net, transformer=StandardScaler())
        for n_fitted, n_given in ((1, 2), (2, 1), (2, 4)):
            net.fit(X, np.tile(y[:, None], n_fitted))
            other = np.tile(y[:, None], n_given)
            message = f"y has {n_given} targets .* predicts are {n_fitted}"
            with pytest.raises(ValueError, match=message):
                member_diversity(net, X, other)
        with pytest.raises(ValueError, match="dim 3"):
            member_diversity(net, X, y.reshape(-1, 1, 1))

    def test_a_compact_model(self, diabetes, path):
        net = SpectralRegressor(3, n_members=2, max_iter=1, random_state=0)
        save(net.fit(*diabetes), path, compact=True)
        with pytest.raises(AttributeError, match="saved with compact=True"):
            member_diversity(load(path), *diabetes)


def test_one_quantile_is_one_number_but_several_are_not():
    X = np.random.default_rng(0).normal(size=(100, 3))
    how = {"loss": "quantile", "max_iter": 5, "random_state": 0}
    one = SpectralRegressor(5, quantile=0.9, **how).fit(X, X[:, 0])
    found = member_diversity(one, X, X[:, 0])
    expected = mean_squared_error(X[:, 0], one.predict(X))
    assert found.error == pytest.approx(expected)
    several = SpectralRegressor(5, quantile=(0.1, 0.9), **how).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="this SpectralRegressor predicts several"):
        member_diversity(several, X, X[:, 0])
