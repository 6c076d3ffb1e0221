"""Populations are pruned as the network that they merge to: all members' nodes compete."""

import numpy as np
import pytest

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.pruning import SpectralPruner, prune_nodes, score_nodes

FEW = {"max_iter": 6, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def model(cancer):
    return SpectralClassifier((6, 5), "tanh", n_members=4, **FEW).fit(*cancer)


def test_nodes_of_all_members_are_scored_together(model, cancer):
    X, _ = cancer
    one = model.merge_members()
    for data, score in ((None, "weight"), (X, "residual"), (X, "variance")):
        found = score_nodes(model, data, node_score=score)
        assert [len(values) for values in found] == [24, 20]
        for ours, theirs in zip(
            found, score_nodes(one, data, node_score=score), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("node_score", ["eigenvalue", "eigenvalue_norm"])
def test_eigenvalues_of_members_rank_nothing(cancer, node_score):
    model = SpectralClassifier(4, n_members=3, train_eigenvalues="out", max_iter=1)
    pruner = SpectralPruner(model, node_score=node_score)
    for use in (score_nodes, prune_nodes):
        with pytest.raises(ValueError, match="3 members are merged"):
            use(model.fit(*cancer), node_score=node_score)
    with pytest.raises(ValueError, match="3 members are merged"):
        pruner.fit(*cancer)


def test_the_result_is_smaller_and_ordinary(model, cancer):
    X, y = cancer
    before = model.decision_function(X)
    same = prune_nodes(model, X, fraction=0)
    np.testing.assert_allclose(same.decision_function(X), before, atol=1e-12)
    small = prune_nodes(model, X, n_nodes=8, scope="global", min_nodes=2)
    assert sum(small.hidden_layer_sizes) == 8
    assert (small.n_members, small._fitted.n_members, small.warm_start) == (1, 1, True)
    assert [coef.shape[1] for coef in small.coefs_[:-1]] == [*small.hidden_layer_sizes]
    assert np.corrcoef(small.decision_function(X), before)[0, 1] > 0.9
    assert (small.predict(X) == model.predict(X)).mean() > 0.95
    assert model.coefs_[0].shape == (30, 24)
    small.fit(X, y)


@pytest.mark.parametrize("strategy", ["post", "pre", "gradual"])
def test_a_pruner_trains_a_population_and_leaves_one_network(cancer, strategy):
    X, y = cancer
    model = SpectralClassifier(6, n_members=4, bag_fraction=0.8, **FEW)
    pruner = SpectralPruner(model, strategy=strategy, n_nodes=5, n_steps=2).fit(X, y)
    small = pruner.estimator_
    assert (small.n_members, small.bag_fraction) == (1, 1.0)
    assert (small.hidden_layer_sizes, pruner.n_nodes_) == ((5,), (5,))
    assert [len(scores) for scores in pruner.node_scores_] == [24]
    (kept,) = pruner.kept_nodes_
    assert len({*kept.tolist()}) == 5
    assert kept.max() < 24
    assert pruner.score(X, y) > 0.85
    assert len(small.loss_curve_) == {"post": 6, "pre": 12, "gradual": 6}[strategy]


def test_a_loss_of_score_is_allowed_for_all_members_together(diabetes):
    model = SpectralRegressor(6, n_members=3, train_eigenvectors=True, **FEW)
    pruner = SpectralPruner(model, max_score_loss=0.05, random_state=0).fit(*diabetes)
    assert pruner.reference_score_ - pruner.pruned_score_ <= 0.05
    assert pruner.n_nodes_ < (18,)


def test_what_cannot_be_removed_is_known_before_training(cancer):
    model = SpectralClassifier(3, n_members=4, **FEW)
    with pytest.raises(ValueError, match="13 nodes cannot be kept: the network has 12"):
        SpectralPruner(model, n_nodes=13).fit(*cancer)
    linear = SpectralClassifier((), linear_expansion=5, n_members=4, **FEW)
    with pytest.raises(ValueError, match="no non-linear layer"):
        SpectralPruner(linear, linear_nodes=True).fit(*cancer)


def test_out_of_bag_stopping_uses_no_validation_data(cancer):
    X, y = cancer
    model = SpectralClassifier(
        6, n_members=4, bag_fraction=0.8, early_stopping="oob", **FEW
    )
    with pytest.raises(ValueError, match="neither max_score_loss"):
        SpectralPruner(model).fit(X, y, X_val=X, y_val=y)


@pytest.mark.parametrize("strategy", ["pre", "gradual"])
def test_automatic_stopping_takes_validation_data_before_and_after(cancer, strategy):
    X, y = cancer
    model = SpectralClassifier(
        4, n_members=3, max_iter=6, scoring="accuracy", random_state=0
    )
    pruner = SpectralPruner(model, strategy=strategy, n_nodes=5, n_steps=2)
    pruner.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    assert pruner.estimator_.early_stopping == "auto"
    best = pruner.estimator_.best_validation_score_
    assert pruner.score(X[400:], y[400:]) == best
