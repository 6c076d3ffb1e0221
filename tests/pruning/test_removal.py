"""What is left when nodes go: exact where nothing is lost, refused where nothing is."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.pruning import prune_nodes, score_nodes
from sklearn_spectral.pruning._removal import kept_nodes, removal_order

from ..plain import PLAIN

DATA = ("residual", "variance", "mean")
FORMS = (False, True, "svd", "qr")


@pytest.fixture(scope="module")
def deep(digits):
    """Two tanh layers with linear ones before and between, eigenvectors trained."""
    model = SpectralClassifier(
        (30, 20),
        linear_expansion=((25,), (15,), ()),
        activation="tanh",
        random_state=0,
        **{**PLAIN, "train_eigenvectors": True, "max_iter": 5},
    )
    return model.fit(*digits)


def activations(model, X):
    """Pass data through the extended network, layer by layer, in torch."""
    import torch

    network, found = model.to_network(), []
    x = torch.from_numpy(X)
    with torch.no_grad():
        for position, stack in enumerate(network.stacks):
            for layer in stack:
                x = layer(x)
                found.append(x)
            if position < len(network.activations):
                x = found[-1] = network.activations[position](x)
    return [values.numpy() for values in found[:-1]]


class TestRemoval:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("activation", ["relu", "tanh", "elu", "identity"])
    def test_nodes_that_nothing_reaches_leave_no_trace(self, digits, form, activation):
        """Half of the nodes get no signal but a bias: folding it in loses nothing."""
        X, y = digits
        model = SpectralClassifier(
            20,
            linear_expansion=None,
            activation=activation,
            train_eigenvalues="in",
            random_state=0,
            **{**PLAIN, "train_eigenvectors": form, "max_iter": 3},
        ).fit(X, y)
        prefix = "stacks.0.layers.0."
        dead = np.arange(20) % 2 == 0
        arrays = {name: values.copy() for name, values in model._fitted.arrays.items()}
        arrays[prefix + "bias"] = np.linspace(-1, 1, 20)
        network = model.to_network()
        layer = next(iter(network.layers()))
        phi = layer.eigenvectors.detach().clone()
        phi[dead] = 0
        layer.load(layer.eigenvalues_in, layer.eigenvalues_out, phi)
        layer.bias.data[:] = layer.bias.new_tensor(arrays[prefix + "bias"])
        model._store(network, model._fitted.config, model._fitted.seed)
        linear = activation == "identity"
        small = prune_nodes(model, node_score="weight", linear_nodes=linear)
        widths = [10] if not linear else []
        assert [coef.shape[1] for coef in small.coefs_] == [*widths, 10]
        np.testing.assert_allclose(
            small.decision_function(X), model.decision_function(X), atol=1e-9
        )

    def test_removed_nodes_are_replaced_by_their_means(self, digits):
        X, y = digits
        model = SpectralClassifier(
            40, linear_expansion=None, random_state=0, **{**PLAIN, "max_iter": 5}
        ).fit(X, y)
        sent = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
        order = np.argsort(sent.std(axis=0) * np.linalg.norm(model.coefs_[1], axis=1))
        sent[:, order[:25]] = sent[:, order[:25]].mean(axis=0)
        expected = sent @ model.coefs_[1] + model.intercepts_[1]
        small = prune_nodes(
            model, X, n_nodes=15, node_score="variance", compensation="mean"
        )
        np.testing.assert_allclose(small.decision_function(X), expected, atol=1e-9)

    def test_means_are_weighted(self, digits):
        X, y = digits
        weight = np.repeat([0.0, 2.0], [900, 897])
        model = SpectralClassifier(
            40, linear_expansion=None, random_state=0, **{**PLAIN, "max_iter": 5}
        ).fit(X, y)
        weighted = prune_nodes(model, X, sample_weight=weight, n_nodes=15)
        left_out = prune_nodes(model, X[900:], n_nodes=15)
        np.testing.assert_allclose(
            weighted.decision_function(X), left_out.decision_function(X), atol=1e-9
        )

    def test_without_biases_nothing_is_folded_in(self, digits):
        X, y = digits
        model = SpectralClassifier(
            40,
            linear_expansion=None,
            fit_intercept=False,
            random_state=0,
            **{**PLAIN, "max_iter": 5},
        )
        model.fit(X, y)
        sent = np.maximum(X @ model.coefs_[0], 0)
        order = np.argsort(sent.std(axis=0) * np.linalg.norm(model.coefs_[1], axis=1))
        sent[:, order[:25]] = 0
        small = prune_nodes(
            model, X, n_nodes=15, node_score="variance", compensation="mean"
        )
        np.testing.assert_allclose(
            small.decision_function(X), sent @ model.coefs_[1], atol=1e-9
        )
        assert small.biases_ == []

    @pytest.mark.parametrize("fit_intercept", [True, False])
    def test_removed_nodes_are_predicted_from_those_that_stay(self, digits, fit_intercept):
        """By ridge regression, as scikit-learn does it."""
        X, y = digits
        model = SpectralClassifier(
            40,
            linear_expansion=None,
            fit_intercept=fit_intercept,
            random_state=0,
            **{**PLAIN, "max_iter": 5},
        ).fit(X, y)
        sent = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
        small = prune_nodes(model, X, n_nodes=15, node_score="weight")
        gone = np.argsort(score_nodes(model, node_score="weight")[0], kind="stable")
        gone, kept = np.sort(gone[:25]), np.sort(gone[25:])
        centred = sent - sent.mean(axis=0) * fit_intercept
        alpha = 1e-3 * np.square(centred).mean(axis=0).mean() * len(X)
        ridge = Ridge(alpha=alpha, fit_intercept=fit_intercept, tol=1e-12)
        sent[:, gone] = ridge.fit(sent[:, kept], sent[:, gone]).predict(sent[:, kept])
        expected = sent @ model.coefs_[1] + model.intercepts_[1]
        np.testing.assert_allclose(small.decision_function(X), expected, atol=1e-8)
        # The eigenvectors took the change up; what trains is what trained.
        assert small.n_parameters_ == small.to_network().n_trained

    @pytest.mark.parametrize("which", ["out", "in"])
    def test_nodes_can_be_ranked_by_eigenvalues_again(self, digits, which):
        X, y = digits
        model = SpectralClassifier(
            40,
            linear_expansion=None,
            train_eigenvalues=which,
            random_state=0,
            **{**PLAIN, "max_iter": 10},
        ).fit(X, y)
        small = prune_nodes(model, X, fraction=0.25)
        (scores,) = score_nodes(small, node_score="eigenvalue")
        assert len(np.unique(scores)) == 30

    @pytest.mark.parametrize("weight", [1.0, 0.3, 1e-3])
    def test_samples_that_are_one_point(self, digits, weight):
        X, y = digits
        model = SpectralClassifier(20, random_state=0, **{**PLAIN, "max_iter": 3}).fit(X, y)
        weights = np.zeros(len(X))
        weights[7] = weight
        small = prune_nodes(model, X, sample_weight=weights)
        np.testing.assert_allclose(
            small.decision_function(X[7:8]), model.decision_function(X[7:8]), atol=1e-6
        )

    def test_linear_nodes_beyond_the_rank_are_made_up_for(self, digits):
        """64 pixels cannot move more than 64 linear nodes independently."""
        X, y = digits
        model = SpectralClassifier(
            (),
            linear_expansion=200,
            random_state=0,
            **{**PLAIN, "train_eigenvectors": True, "max_iter": 5},
        ).fit(X, y)
        small = prune_nodes(model, X, n_nodes=64, linear_nodes=True)
        loose = prune_nodes(model, X, n_nodes=64, linear_nodes=True, compensation="mean")
        error = [
            np.abs(m.decision_function(X) - model.decision_function(X)).mean()
            for m in (small, loose)
        ]
        assert error[0] < 0.05 * error[1]

    def test_every_layer_loses_its_share(self, digits, deep):
        small = prune_nodes(deep, digits[0], fraction=0.4, linear_nodes=True)
        assert str(small.architecture_) == "64-15(linear)-18-9(linear)-12-10"
        assert str(prune_nodes(deep, fraction=0.5).architecture_) == (
            "64-25(linear)-15-15(linear)-10-10"
        )

    def test_global_scope_compares_layers(self, digits, deep):
        small = prune_nodes(deep, digits[0], fraction=0.5, scope="global")
        widths = small.architecture_.hidden_layer_sizes
        assert sum(widths) == 25
        assert widths != (15, 10)
        scores = score_nodes(deep, digits[0])
        scores = [s / np.sqrt(np.mean(s**2)) for s in scores]
        joined = np.sort(np.concatenate([scores[1], scores[3]]))
        assert widths[0] == (scores[1] >= joined[25]).sum()

    def test_a_minimum_stays(self, digits, deep):
        small = prune_nodes(deep, digits[0], fraction=0.99, min_nodes=3)
        assert small.architecture_.hidden_layer_sizes == (3, 3)
        with pytest.raises(ValueError, match="a number from 6 to 50"):
            prune_nodes(deep, n_nodes=5, min_nodes=3)
        with pytest.raises(ValueError, match="a number from 2 to 50"):
            prune_nodes(deep, n_nodes=51)
        with pytest.raises(ValueError, match="min_nodes keeps all 50"):
            prune_nodes(deep, min_nodes=30)

    def test_nothing_removed_is_the_same_network(self, digits, deep):
        same = prune_nodes(deep, digits[0], fraction=0)
        np.testing.assert_array_equal(
            same.predict_proba(digits[0]), deep.predict_proba(digits[0])
        )

    def test_layers_that_keep_their_nodes_are_not_scored(self, digits, deep):
        from sklearn_spectral.pruning import SpectralPruner

        pruner = SpectralPruner(clone(deep)).fit(*digits)
        assert [bool(np.isnan(s).all()) for s in pruner.node_scores_] == [
            True,
            False,
            True,
            False,
        ]

    def test_what_comes_back_is_a_whole_estimator(self, digits, deep):
        X, y = digits
        before = deep.predict_proba(X)
        small = prune_nodes(deep, X, fraction=0.5)
        np.testing.assert_array_equal(deep.predict_proba(X), before)
        assert small.n_parameters_ == small.to_network().n_trained < deep.n_parameters_
        assert small.get_params()["hidden_layer_sizes"] == (15, 10)
        assert not hasattr(small, "net_")
        assert small.set_params(max_iter=5).fit(X, y).score(X, y) > 0.9
        assert small.coefs_[0].shape == (64, 15)
        assert clone(small).fit(X, y).coefs_[0].shape == (64, 15)

    def test_eigenvalues_of_those_that_stay_are_kept(self, digits):
        model = SpectralClassifier(
            30, linear_expansion=None, random_state=0, **{**PLAIN, "max_iter": 3}
        ).fit(*digits)
        scores = score_nodes(model)[0]
        kept = np.sort(np.argsort(scores, kind="stable")[15:])
        small = prune_nodes(model)
        np.testing.assert_array_equal(
            small.eigenvalues_[0], model.eigenvalues_[0][np.r_[:64, 64 + kept]]
        )
        np.testing.assert_array_equal(small.eigenvectors_[0], model.eigenvectors_[0][kept])
        np.testing.assert_array_equal(
            small.eigenvectors_[1], model.eigenvectors_[1][:, kept]
        )

    def test_regressor(self, diabetes):
        X, y = diabetes
        model = SpectralRegressor(60, random_state=0).fit(X, y)
        small = prune_nodes(model, X, fraction=0.5)
        assert small.predict(X).shape == y.shape
        assert small.score(X, y) > model.score(X, y) - 0.02


class TestScores:
    def test_each_is_what_it_says(self, digits, deep):
        X, _ = digits
        network = deep.to_network()
        weights = [layer.weight.detach().numpy() for layer in network.layers()]
        incoming = [np.linalg.norm(w, axis=1) for w in weights[:-1]]
        onward = [np.linalg.norm(w, axis=0) for w in weights[1:]]
        sent = activations(deep, X)
        expected = {
            "weight": incoming,
            "weight_product": [a * b for a, b in zip(incoming, onward, strict=True)],
            "variance": [s.std(axis=0) * o for s, o in zip(sent, onward, strict=True)],
            "mean": [abs(s.mean(axis=0)) * o for s, o in zip(sent, onward, strict=True)],
        }
        for name, values in expected.items():
            found = score_nodes(deep, X if name in DATA else None, node_score=name)
            for ours, theirs in zip(found, values, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-12)

    def test_residual_is_the_error_of_what_the_next_layer_receives(self, digits):
        """Checked against regressions, removal by removal, and by trying all nodes."""
        X, y = digits
        model = SpectralClassifier(
            6, random_state=0, **{**PLAIN, "max_iter": 20, "train_eigenvectors": True}
        )
        model.fit(X, y)
        sent = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
        (scores,) = score_nodes(model, X, node_score="residual")
        alpha = 1e-3 * sent.var(axis=0).mean()

        def error(kept):
            gone = np.setdiff1d(np.arange(6), kept)
            centred = sent - sent.mean(axis=0)
            scatter = centred.T @ centred / len(X) + alpha * np.eye(6)
            left = scatter[np.ix_(gone, gone)]
            if len(kept):
                across = scatter[np.ix_(kept, gone)]
                left = left - across.T @ np.linalg.solve(
                    scatter[np.ix_(kept, kept)], across
                )
            onward = model.coefs_[1][gone]
            return np.trace(onward.T @ left @ onward)

        kept = np.arange(6)
        for node in np.argsort(scores):
            tried = {other: error(np.setdiff1d(kept, other)) for other in kept}
            assert node == min(tried, key=tried.get)
            np.testing.assert_allclose(scores[node] ** 2, tried[node], rtol=1e-8)
            kept = np.setdiff1d(kept, node)

    def test_small_chunks_and_sparse_data_score_the_same(self, digits, deep, monkeypatch):
        from sklearn_spectral.pruning import _scores

        X, _ = digits
        whole = score_nodes(deep, X)
        monkeypatch.setattr(_scores, "CACHED_BYTES", 64 * 8 * 100)
        for data in (X, csr_array(X), pd.DataFrame(X)):
            for ours, theirs in zip(score_nodes(deep, data), whole, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-8)

    @pytest.mark.parametrize("init", ["scaled", "paper"])
    def test_eigenvalues_where_the_other_set_is_fixed(self, digits, init):
        """Beside the number that it is fixed to: 1 or 0, as the start has it."""
        for which, fixed in (("out", 1.0), ("in", 0.0)):
            model = SpectralClassifier(
                30,
                linear_expansion=None,
                train_eigenvalues=which,
                init=init,
                random_state=0,
                **{**PLAIN, "max_iter": 3},
            ).fit(*digits)
            own = (
                model.eigenvalues_[0][64:] if which == "out" else model.eigenvalues_[1][:30]
            )
            (scores,) = score_nodes(model, node_score="eigenvalue")
            np.testing.assert_allclose(scores, abs(own - fixed))
            (scores,) = score_nodes(model, node_score="eigenvalue_norm")
            coef = model.coefs_[0].T if which == "out" else model.coefs_[1]
            np.testing.assert_allclose(scores, np.linalg.norm(coef, axis=1), rtol=1e-6)

    @pytest.mark.parametrize("node_score", ["eigenvalue", "eigenvalue_norm"])
    def test_eigenvalues_say_nothing_where_both_sets_train(self, digits, node_score):
        model = SpectralClassifier(30, random_state=0, **{**PLAIN, "max_iter": 2}).fit(
            *digits
        )
        with pytest.raises(ValueError, match="train_eigenvalues='out'"):
            score_nodes(model, node_score=node_score)

    def test_a_set_that_is_fixed_but_not_to_one_number_says_nothing(self, digits):
        model = SpectralClassifier(
            30, random_state=0, warm_start=True, **{**PLAIN, "max_iter": 2}
        )
        model.fit(*digits).set_params(train_eigenvalues="out").fit(*digits)
        with pytest.raises(ValueError, match="fixed to one number"):
            score_nodes(model, node_score="eigenvalue")


def test_order_of_removal():
    scores = [np.array([3.0, 1.0, 2.0]), np.array([30.0, 10.0])]
    assert removal_order(scores, [2, 1], "layer") == [(0, 1), (1, 1), (0, 2)]
    assert removal_order(scores, [3, 0], "global") == [(0, 1), (0, 2), (0, 0)]
    kept = kept_nodes([3, 2], [(0, 1), (1, 1)])
    assert [nodes.tolist() for nodes in kept] == [[0, 2], [0]]


class TestErrors:
    def test_what_cannot_be_pruned(self, digits):
        X, y = digits
        for wrong in (DirectClassifier(max_iter=1), make_pipeline(SpectralClassifier())):
            with pytest.raises(TypeError, match="takes a SpectralClassifier"):
                prune_nodes(wrong)
        with pytest.raises(NotFittedError):
            prune_nodes(SpectralClassifier())
        linear = SpectralClassifier(
            (), linear_expansion=20, **{**PLAIN, "max_iter": 1}
        ).fit(X, y)
        with pytest.raises(ValueError, match="linear_nodes=True"):
            prune_nodes(linear)
        assert prune_nodes(linear, linear_nodes=True).coef_.shape == (10, 64)
        with pytest.raises(ValueError, match=r"no nodes to remove\.$"):
            prune_nodes(
                SpectralClassifier(
                    (), linear_expansion=None, **{**PLAIN, "max_iter": 1}
                ).fit(X, y),
                linear_nodes=True,
            )

    def test_wrong_arguments(self, digits, deep):
        X, _ = digits
        for wrong in ({"fraction": 1.0}, {"node_score": "size"}, {"scope": "all"}):
            with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' parameter"):
                prune_nodes(deep, **wrong)
        for name in DATA:
            with pytest.raises(ValueError, match="needs data"):
                prune_nodes(deep, node_score=name)
        with pytest.raises(ValueError, match="64 features"):
            prune_nodes(deep, X[:, :5])
        with pytest.raises(ValueError, match="without X"):
            prune_nodes(deep, sample_weight=np.ones(len(X)))
