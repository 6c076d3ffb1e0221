"""From eigenvalues to weights and back, and training that goes on with something else."""

import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class TestToDirect:
    @pytest.mark.parametrize("extended", [False, True])
    def test_it_is_from_spectral(self, digits, extended):
        X, y = digits
        model = SpectralClassifier(
            30,
            linear_expansion=40,
            activation="tanh",
            n_members=1 if extended else 3,
            max_iter=5,
            random_state=0,
        ).fit(X, y)
        direct = model.to_direct(extended=extended, max_iter=3)
        assert type(direct) is DirectClassifier
        np.testing.assert_allclose(
            direct.predict_proba(X), model.predict_proba(X), atol=1e-12
        )
        other = DirectClassifier.from_spectral(model, extended=extended, max_iter=3)
        np.testing.assert_array_equal(
            direct.fit(X, y).predict_proba(X), other.fit(X, y).predict_proba(X)
        )

    def test_regressor(self, diabetes):
        X, y = diabetes
        model = SpectralRegressor(10, max_iter=5, random_state=0).fit(X, y)
        assert type(model.to_direct()) is DirectRegressor
        own = DirectRegressor(max_iter=5, random_state=0, warm_start=True)
        own.set_params(hidden_layer_sizes=model.to_direct().hidden_layer_sizes)
        assert model.to_direct().get_params() == own.get_params()
        np.testing.assert_allclose(model.to_direct().predict(X), model.predict(X))

    def test_errors(self, digits):
        with pytest.raises(NotFittedError):
            SpectralClassifier().to_direct()
        model = SpectralClassifier(10, max_iter=1).fit(*digits)
        with pytest.raises(ValueError, match=r"\['parametrization'\] cannot be given"):
            model.to_direct(parametrization="gains")
        with pytest.raises(TypeError, match="extended must be True or False"):
            model.to_direct(extended=3)
        with pytest.raises(ValueError, match="'random_state' parameter"):
            model.to_direct(random_state="a")


class TestFromDirect:
    @pytest.mark.parametrize(
        "parametrization", ["weights", "gains", "low_rank", "singular_values"]
    )
    def test_there_and_back(self, digits, parametrization):
        X, y = digits
        direct = DirectClassifier(
            (30, 20),
            linear_expansion=((25,), (), ()),
            activation="tanh",
            parametrization=parametrization,
            max_iter=3,
            random_state=0,
        ).fit(X, y)
        model = SpectralClassifier.from_direct(direct)
        assert str(model.architecture_) == "64-25(linear)-30-20-10"
        np.testing.assert_allclose(
            model.predict_proba(X), direct.predict_proba(X), atol=1e-12
        )
        # Both sets, a bias per node, and a slope per tanh layer.
        widths = 64, 25, 30, 20, 10
        assert model.n_parameters_ == sum(widths[:-1]) + 2 * sum(widths[1:]) + 2
        back = model.to_direct(extended=True)
        np.testing.assert_allclose(
            back.predict_proba(X), direct.predict_proba(X), atol=1e-12
        )

    @pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
    def test_from_scikit_learns_perceptron(self, digits, activation):
        X, y = digits
        frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
        labels = np.array([f"digit {i}" for i in y])
        mlp = MLPClassifier((30, 20), activation=activation, max_iter=5, random_state=0)
        mlp.fit(frame, labels)
        model = SpectralClassifier.from_direct(mlp)
        np.testing.assert_allclose(
            model.predict_proba(frame), mlp.predict_proba(frame), atol=1e-12
        )
        np.testing.assert_array_equal(model.predict(frame), mlp.predict(frame))
        assert list(model.feature_names_in_) == list(frame.columns)
        assert model.fit(frame, labels).score(frame, labels) > 0.9

    def test_two_classes_and_regression(self, cancer, diabetes):
        X, y = cancer
        mlp = MLPClassifier(10, max_iter=5, random_state=0).fit(X, y)
        np.testing.assert_allclose(
            SpectralClassifier.from_direct(mlp).predict_proba(X), mlp.predict_proba(X)
        )
        X, y = diabetes
        for targets in (y, np.column_stack([y, -y])):
            mlp = MLPRegressor(hidden_layer_sizes=10, max_iter=5, random_state=0)
            mlp.fit(X, targets)
            model = SpectralRegressor.from_direct(mlp)
            np.testing.assert_allclose(model.predict(X), mlp.predict(X))
            assert model.predict(X).shape == targets.shape

    def test_without_biases(self, digits):
        X, y = digits
        direct = DirectClassifier(20, fit_intercept=False, max_iter=3, random_state=0)
        model = SpectralClassifier.from_direct(direct.fit(X, y))
        assert model.fit_intercept is False
        np.testing.assert_allclose(
            model.decision_function(X), direct.decision_function(X), atol=1e-12
        )

    def test_the_source_is_not_changed_by_what_follows(self, digits):
        X, y = digits
        mlp = MLPClassifier(20, max_iter=5, random_state=0).fit(X, y)
        before = mlp.predict_proba(X)
        model = SpectralClassifier.from_direct(mlp, train_eigenvectors=True, max_iter=2)
        model.fit(X, y)
        np.testing.assert_array_equal(mlp.predict_proba(X), before)
        assert np.abs(model.predict_proba(X) - before).max() > 0.01

    def test_its_generator_and_mapped_arrays_are_left_alone(self, digits, tmp_path):
        X, y = digits
        generator = np.random.RandomState(0)
        mlp = MLPClassifier(10, max_iter=2, random_state=generator).fit(X, y)
        joblib.dump(mlp, tmp_path / "mlp.joblib")
        before = generator.get_state()[2]
        SpectralClassifier.from_direct(mlp)
        assert generator.get_state()[2] == before
        mapped = joblib.load(tmp_path / "mlp.joblib", mmap_mode="r")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = SpectralClassifier.from_direct(mapped, max_iter=1)
        model.fit(X, y)

    def test_fine_tuning_on_a_shift_of_the_data(self, digits):
        X, y = digits
        turned = np.rot90(X.reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64)
        direct = DirectClassifier(100, max_iter=30, random_state=0).fit(X[:1300], y[:1300])
        before = direct.score(turned[1300:], y[1300:])
        model = SpectralClassifier.from_direct(direct, max_iter=30)
        assert model.linear_expansion is None
        model.fit(turned[:1300], y[:1300])
        assert model.n_parameters_ < 0.06 * direct.n_parameters_
        assert model.score(turned[1300:], y[1300:]) > before + 0.4

    def test_errors(self, digits):
        X, y = digits
        mlp = MLPClassifier(10, max_iter=2).fit(X, y)
        with pytest.raises(TypeError, match="one predicts classes"):
            SpectralRegressor.from_direct(mlp)
        for wrong in (SpectralClassifier(10, max_iter=1).fit(X, y), "mlp", None):
            with pytest.raises(TypeError, match="from_direct takes a fitted Direct"):
                SpectralClassifier.from_direct(wrong)
        for unfitted in (MLPClassifier(), DirectClassifier()):
            with pytest.raises(NotFittedError):
                SpectralClassifier.from_direct(unfitted)
        with pytest.raises(ValueError, match=r"\['hidden_layer_sizes', 'init'\] cannot be"):
            SpectralClassifier.from_direct(mlp, init="paper", hidden_layer_sizes=3)
        with pytest.raises(ValueError, match="'alpha' parameter"):
            SpectralClassifier.from_direct(mlp, alpha=-1)


class TestWhatTrainsMayChange:
    def test_the_network_stays_what_it_is(self, digits):
        """A rate of nearly nothing: every change of form, and the predictions stay."""
        X, y = digits
        few = {"max_iter": 10, "temperature": 1.0}  # which each fit would find anew
        model = SpectralClassifier(
            30, linear_expansion=20, activation="tanh", random_state=0, **few
        ).fit(X, y)
        before = model.predict_proba(X)
        model.set_params(warm_start=True, max_iter=1, learning_rate_init=1e-12)
        for which in ("out", "in", "paper", "both"):
            for form in (True, "svd", "qr", False):
                model.set_params(train_eigenvalues=which, train_eigenvectors=form).fit(X, y)
                np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-8)
                assert model.n_parameters_ == model.to_network().n_trained
        assert len(model.loss_curve_) == 26

    def test_eigenvalues_first_and_then_all(self, digits):
        X, y = digits
        model = SpectralClassifier(50, max_iter=10, warm_start=True, random_state=0)
        first = model.fit(X[:1300], y[:1300]).score(X[1300:], y[1300:])
        phi = model.eigenvectors_[0].copy()
        model.set_params(train_eigenvectors=True, max_iter=20).fit(X[:1300], y[:1300])
        assert model.score(X[1300:], y[1300:]) > first
        assert np.abs(model.eigenvectors_[0] - phi).max() > 0.01
        fresh = clone(model).fit(X[:1300], y[:1300])
        assert fresh.n_iter_ == 20

    def test_with_partial_fit(self, digits):
        X, y = digits
        model = SpectralClassifier(20, random_state=0)
        model.partial_fit(X, y, classes=range(10))
        model.set_params(train_eigenvectors=True).partial_fit(X, y)
        assert model.n_parameters_ == model.to_network().n_trained > 64 * 20

    def test_the_architecture_may_not(self, digits):
        model = SpectralClassifier(20, max_iter=1, warm_start=True).fit(*digits)
        with pytest.raises(ValueError, match="Training cannot go on with another network"):
            model.set_params(hidden_layer_sizes=21).fit(*digits)
