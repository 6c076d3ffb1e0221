"""SpectralPruner: strategies, amounts, and life inside scikit-learn."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.pruning import SpectralPruner, prune_nodes

from ..plain import PLAIN

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WHOLE = {**PLAIN, "early_stopping": False, "train_eigenvectors": True, "random_state": 0}
TWENTY = {**PLAIN, "early_stopping": False, "max_iter": 20, "random_state": 0}
STRATEGIES = ("post", "pre", "gradual")


@pytest.fixture
def wide():
    return SpectralClassifier(120, **{**WHOLE, "max_iter": 12})


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_network_shrinks(digits, wide, strategy):
    X, y = digits
    pruner = SpectralPruner(wide, strategy=strategy, n_nodes=12).fit(X[:1300], y[:1300])
    assert pruner.n_nodes_ == (12,)
    assert [coef.shape for coef in pruner.estimator_.coefs_] == [(64, 12), (12, 10)]
    assert pruner.kept_nodes_[0].shape == (12,)
    assert pruner.node_scores_[0].shape == (120,)
    assert np.all(np.diff(pruner.kept_nodes_[0]) > 0)
    assert (
        pruner.score(X[1300:], y[1300:])
        > {"post": 0.1, "pre": 0.8, "gradual": 0.8}[strategy]
    )
    for name in ("max_iter", "learning_rate_init", "warm_start", "random_state"):
        assert getattr(pruner.estimator_, name) == getattr(wide, name)
    assert not hasattr(wide, "coefs_")
    assert not hasattr(pruner, "reference_score_")


def test_post_is_training_and_pruning(digits, wide):
    X, y = digits
    pruner = SpectralPruner(wide, fraction=0.5).fit(X, y)
    by_hand = prune_nodes(clone(wide).fit(X, y), X, fraction=0.5)
    np.testing.assert_array_equal(pruner.predict_proba(X), by_hand.predict_proba(X))


def test_pre_is_eigenvalues_pruning_and_the_small_network_whole(digits, wide):
    X, y = digits
    wide.set_params(
        train_eigenvalues="out", train_eigenvectors=False, learning_rate_init=0.02
    )
    settings = {"node_score": "eigenvalue", "n_nodes": 15}
    pruner = SpectralPruner(wide, strategy="pre", pretrain_iter=4, **settings).fit(X, y)
    first = clone(wide).set_params(linear_expansion=None, max_iter=4)
    first.set_params(learning_rate_init="auto").fit(X, y)
    second = prune_nodes(first, X, **settings)
    second.set_params(train_eigenvectors=True, max_iter=12, learning_rate_init=0.02).fit(
        X, y
    )
    np.testing.assert_array_equal(pruner.predict_proba(X), second.predict_proba(X))
    assert pruner.estimator_.train_eigenvectors is True
    assert pruner.estimator_.n_parameters_ == 15 * 64 + 10 * 15 + 15 + 10 + 15 + 10


def test_gradual_goes_through_the_epochs_once(digits, wide):
    pruner = SpectralPruner(wide, strategy="gradual", n_steps=3, fraction=0.8).fit(*digits)
    assert len(pruner.estimator_.loss_curve_) == 12
    assert pruner.n_nodes_ == (24,)
    with pytest.raises(ValueError, match="raise max_iter or lower n_steps"):
        SpectralPruner(wide, strategy="gradual", n_steps=12).fit(*digits)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_more_score_is_lost_than_allowed(digits, wide, strategy):
    X, y = digits
    pruner = SpectralPruner(
        wide.set_params(hidden_layer_sizes=60), strategy=strategy, max_score_loss=0.02
    )
    pruner.fit(X[:1000], y[:1000], X_val=X[1000:], y_val=y[1000:])
    assert 1 <= pruner.n_nodes_[0] < 60
    assert pruner.pruned_score_ >= pruner.reference_score_ - 0.02
    assert pruner.pruned_score_ == pruner.score(X[1000:], y[1000:])


def test_post_removes_as_many_as_the_score_allows(digits, wide):
    X, y = digits
    pruner = SpectralPruner(wide, max_score_loss=0.01)
    pruner.fit(X[:1000], y[:1000], X_val=X[1000:], y_val=y[1000:])
    whole = clone(wide).fit(X[:1000], y[:1000])
    assert pruner.reference_score_ == whole.score(X[1000:], y[1000:])
    one_less = prune_nodes(whole, X[:1000], n_nodes=pruner.n_nodes_[0] - 1)
    assert one_less.score(X[1000:], y[1000:]) < pruner.reference_score_ - 0.01


def test_validation_data_are_held_out(digits, wide):
    X, y = digits
    seen = []

    def scoring(estimator, X, y):
        seen.append(len(X))
        return accuracy_score(y, estimator.predict(X))

    SpectralPruner(
        wide, max_score_loss=0.01, validation_fraction=0.2, scoring=scoring, random_state=0
    ).fit(pd.DataFrame(X), y, sample_weight=np.ones(len(X)))
    assert set(seen) == {360}


def test_rows_without_weight_are_not_held_out(digits, wide):
    X, y = digits
    wrong = np.r_[y, (y + 1) % 10]  # the second half is labelled wrong, and weighs nothing
    weight = np.repeat([1.0, 0.0], len(y))
    settings = {"max_score_loss": 0.02, "random_state": 0}
    with_them = SpectralPruner(wide, **settings)
    with_them.fit(np.r_[X, X], wrong, sample_weight=weight)
    without = SpectralPruner(wide, **settings).fit(X, y)
    assert with_them.reference_score_ == without.reference_score_ > 0.9
    assert with_them.n_nodes_ == without.n_nodes_


def test_a_score_that_is_no_number_allows_nothing(digits, diabetes, wide):
    X, y = diabetes
    regressor = SpectralRegressor(20, **TWENTY)
    with pytest.raises(ValueError, match="whole network on the validation data is nan"):
        SpectralPruner(regressor, max_score_loss=0.1).fit(X, y, X_val=X[:1], y_val=y[:1])

    def scoring(estimator, X, y):
        return 0.9 if estimator.coefs_[0].shape[1] > 50 else np.nan

    pruner = SpectralPruner(wide, max_score_loss=0.1, scoring=scoring, random_state=0)
    assert pruner.fit(*digits).n_nodes_ == (51,)


def test_gradual_compares_with_a_network_that_is_fully_trained(digits, wide):
    X, y = digits
    pruner = SpectralPruner(wide, strategy="gradual", n_steps=3, max_score_loss=0.0)
    pruner.fit(X[:1200], y[:1200], X_val=X[1200:], y_val=y[1200:])
    assert len(pruner.estimator_.loss_curve_) == 12
    assert pruner.pruned_score_ >= pruner.reference_score_ > 0.85


def test_early_stopping_of_the_estimator_gets_the_validation_data(digits, wide):
    X, y = digits
    wide.set_params(early_stopping=True, scoring="accuracy")
    pruner = SpectralPruner(wide, strategy="pre", n_nodes=20)
    pruner.fit(X[:1300], y[:1300], X_val=X[1300:], y_val=y[1300:])
    assert pruner.score(X[1300:], y[1300:]) == pruner.estimator_.best_validation_score_


@pytest.mark.parametrize("seed", range(3))
def test_compensated_nodes_are_hardly_missed(digits, seed):
    """Four of five nodes removed without any training, beside ranking by ||W||."""
    X, y = digits
    model = SpectralClassifier(200, **{**WHOLE, "max_iter": 20, "random_state": seed}).fit(
        X[:1300], y[:1300]
    )
    whole = model.score(X[1300:], y[1300:])
    ours = prune_nodes(model, X[:1300], fraction=0.8)
    by_norm = prune_nodes(
        model, X[:1300], node_score="weight", compensation="mean", fraction=0.8
    )
    assert ours.score(X[1300:], y[1300:]) > whole - 0.02
    assert by_norm.score(X[1300:], y[1300:]) < whole - 0.05


def test_regularisation_finds_the_width_of_a_teacher():
    """L2 on eigenvalues and eigenvectors leaves about as many nodes as there were."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 5))
    y = np.maximum(X @ rng.normal(size=(5, 4)), 0) @ np.array([1.0, -1.0, 1.5, -2.0])
    y /= y.std()
    student = SpectralRegressor(40, train_eigenvalues="in", **{**WHOLE, "max_iter": 200})
    apart = {"node_score": "variance", "compensation": "mean", "random_state": 0}
    found = {}
    for alpha in (0.0, 1.0):
        student.set_params(alpha=alpha, alpha_eigenvectors=alpha)
        pruner = SpectralPruner(student, max_score_loss=0.002, **apart).fit(X, y)
        assert pruner.reference_score_ > 0.99
        found[alpha] = pruner.n_nodes_[0]
    assert 2 * found[1.0] < found[0.0]
    # Nodes that stand in for each other show even an unregularised student's width.
    student.set_params(alpha=0.0, alpha_eigenvectors=0.0)
    pruner = SpectralPruner(student, max_score_loss=0.002, random_state=0).fit(X, y)
    assert pruner.n_nodes_[0] <= 6


class TestInScikitLearn:
    def test_grid_search_over_a_pipeline(self, digits, wide):
        pipeline = make_pipeline(
            StandardScaler(), SpectralPruner(wide.set_params(max_iter=5))
        )
        grid = {
            "spectralpruner__fraction": [0.2, 0.9],
            "spectralpruner__strategy": ["post", "pre"],
            "spectralpruner__estimator__alpha": [0.0, 1.0],
        }
        search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(*digits)
        assert search.best_score_ > 0.9
        assert search.best_estimator_[-1].n_nodes_[0] in (12, 96)

    def test_select_from_model(self, cancer, wide):
        selector = SelectFromModel(SpectralPruner(wide), max_features=10).fit(*cancer)
        assert selector.transform(cancer[0]).shape == (569, 10)

    def test_frame_with_string_labels(self, digits, wide):
        X, y = digits
        frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
        labels = np.array([f"digit {i}" for i in y])
        pruner = SpectralPruner(wide, fraction=0.3).fit(frame, labels)
        assert set(pruner.predict(frame)) <= set(labels)
        assert list(pruner.feature_names_in_) == list(frame.columns)
        assert list(pruner.classes_) == sorted(set(labels))
        assert pruner.predict_proba(frame).shape == (1797, 10)

    def test_it_is_what_its_estimator_is(self, diabetes, wide):
        X, y = diabetes
        pruner = SpectralPruner(SpectralRegressor(30, **TWENTY))
        assert is_regressor(pruner)
        assert is_classifier(SpectralPruner(wide))
        assert not hasattr(pruner, "predict_proba")
        assert pruner.fit(X, y).predict(X).shape == y.shape
        assert not hasattr(pruner, "classes_")
        assert not hasattr(pruner, "coef_")
        linear = SpectralPruner(
            SpectralRegressor((), linear_expansion=20, **TWENTY), linear_nodes=True
        ).fit(X, y)
        assert linear.coef_.shape == (10,)
        assert isinstance(linear.intercept_, float)

    def test_pickle(self, digits, wide):
        pruner = SpectralPruner(wide).fit(*digits)
        loaded = pickle.loads(pickle.dumps(pruner))
        np.testing.assert_array_equal(
            loaded.predict_proba(digits[0]), pruner.predict_proba(digits[0])
        )


class TestErrors:
    def test_before_anything_is_trained(self, digits, wide, monkeypatch):
        X, y = digits
        assert "SpectralPruner" in SpectralPruner(None)._repr_html_()

        def train(*args, **kwargs):
            raise AssertionError("trained")

        monkeypatch.setattr(SpectralClassifier, "_train", train)
        with pytest.raises(ValueError, match="n_nodes=500 nodes cannot be kept"):
            SpectralPruner(wide, n_nodes=500).fit(X, y)
        with pytest.raises(ValueError, match="ranks nodes by their eigenvalues"):
            SpectralPruner(wide, node_score="eigenvalue").fit(X, y)
        with pytest.raises(ValueError, match="no nodes to remove"):
            SpectralPruner(SpectralClassifier(())).fit(X, y)
        for wrong, said in (
            (MLPClassifier(), r"got MLPClassifier\.$"),
            (
                DirectClassifier(),
                r"got DirectClassifier\. It is trained in direct space\.$",
            ),
            (SpectralClassifier, r"got the class SpectralClassifier\. Give an instance"),
            (make_pipeline(SpectralClassifier()), "put a SpectralPruner there"),
        ):
            with pytest.raises(TypeError, match=said):
                SpectralPruner(wrong).fit(X, y)
        with pytest.raises(ValueError, match="give one of them"):
            SpectralPruner(wide, n_nodes=3, max_score_loss=0.1).fit(X, y)
        with pytest.raises(ValueError, match="neither max_score_loss"):
            SpectralPruner(wide).fit(X, y, X_val=X, y_val=y)
        with pytest.raises(ValueError, match="cannot be done"):
            SpectralPruner(wide, max_score_loss=0.1, validation_fraction=0.001).fit(X, y)
        with pytest.raises(ValueError, match="requires y"):
            SpectralPruner(wide, max_score_loss=0.1).fit(X, None)
        with pytest.raises(ValueError, match="Unknown label type"):
            SpectralPruner(wide, max_score_loss=0.1).fit(X, y + 0.5)
        with pytest.raises(ValueError, match="'strategy' parameter"):
            SpectralPruner(wide, strategy="never").fit(X, y)
        with pytest.raises(NotFittedError):
            SpectralPruner(wide).predict(X)

    def test_one_of_two_validation_arrays(self, digits, wide):
        X, y = digits
        for given in ({"X_val": X}, {"y_val": y}):
            with pytest.raises(ValueError, match="is missing"):
                SpectralPruner(wide, max_score_loss=0.1).fit(X, y, **given)

    def test_a_failed_fit_leaves_the_earlier_one(self, digits, wide):
        X, y = digits
        pruner = SpectralPruner(wide).fit(X, y)
        before = pruner.predict_proba(X)
        with pytest.raises(ValueError, match="n_nodes=500 nodes cannot be kept"):
            pruner.set_params(n_nodes=500).fit(X, y)
        np.testing.assert_array_equal(pruner.predict_proba(X), before)

    def test_warnings_of_the_training_are_shown(self, digits):
        diverging = SpectralClassifier(20, learning_rate_init=1e30, max_iter=3)
        with pytest.warns(ConvergenceWarning):
            SpectralPruner(diverging).fit(*digits)
