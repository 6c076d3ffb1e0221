"""The displays: what they read is right, what they draw is there, what they refuse."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import LogNorm, SymLogNorm
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_spectral import SpectralClassifier, SpectralRegressor, load, save
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.inspection import (
    AdjacencyDisplay,
    PruningDisplay,
    RelevanceDisplay,
    SpectrumDisplay,
    TrainingCurveDisplay,
    WeightDistributionDisplay,
)
from sklearn_spectral.pruning import SpectralPruner, prune_nodes

from ..plain import PLAIN

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FEW = {**PLAIN, "max_iter": 2, "random_state": 0}
SOME = {**FEW, "max_iter": 5}
FOR_ANY_NETWORK = (AdjacencyDisplay, RelevanceDisplay, TrainingCurveDisplay)


@pytest.fixture(scope="module")
def fitted(digits):
    model = SpectralClassifier(30, linear_expansion=20, **SOME)
    return model.fit(*digits)


@pytest.fixture(scope="module")
def linear(digits):
    model = SpectralClassifier((), linear_expansion=20, **SOME)
    return model.fit(*digits)


@pytest.mark.parametrize(
    "display",
    [*FOR_ANY_NETWORK, SpectrumDisplay, WeightDistributionDisplay],
)
class TestAll:
    def test_convention(self, fitted, display):
        drawn = display.from_estimator(fitted)
        assert drawn.figure_ is drawn.ax_.figure
        assert drawn.ax_.has_data()
        _, ax = plt.subplots()
        again = drawn.plot(ax=ax)
        assert again is drawn
        assert drawn.ax_ is ax
        assert ax.has_data()
        drawn.figure_.canvas.draw()
        _, ax = plt.subplots()
        assert display.from_estimator(fitted, ax=ax).ax_ is ax

    def test_the_network_is_found_in_wrappers(self, digits, diabetes, display):
        model = SpectralClassifier(10, max_iter=2, random_state=0)
        wrapped = [
            make_pipeline(StandardScaler(), model).fit(*digits),
            GridSearchCV(model, {"alpha": [0.0, 1.0]}, cv=2).fit(*digits),
            SpectralPruner(model).fit(*digits),
            make_pipeline(StandardScaler(), SpectralPruner(model)).fit(*digits),
            TransformedTargetRegressor(SpectralRegressor(10, max_iter=2)).fit(*diabetes),
        ]
        for estimator in wrapped:
            assert display.from_estimator(estimator).ax_.has_data()

    def test_errors(self, digits, fitted, display):
        with pytest.raises(NotFittedError):
            display.from_estimator(SpectralClassifier())
        with pytest.raises(TypeError):
            display.from_estimator(DecisionTreeClassifier().fit(*digits))
        with pytest.raises(TypeError, match="ax must be axes of matplotlib; got str"):
            display.from_estimator(fitted, ax="left")

    def test_without_matplotlib(self, fitted, display, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
        with pytest.raises(ImportError, match=rf"{display.__name__}.plot needs matplotlib"):
            display.from_estimator(fitted)


@pytest.mark.parametrize("display", FOR_ANY_NETWORK)
def test_networks_in_direct_space(digits, display):
    model = DirectClassifier(10, max_iter=2, random_state=0).fit(*digits)
    assert display.from_estimator(model).ax_.has_data()


class TestSpectrum:
    def test_the_eigenvalues_are_drawn_in_order(self, fitted):
        display = SpectrumDisplay.from_estimator(fitted)
        assert display.layers == ["64 to 20", "20 to 30", "30 to 10"]
        assert len(display.lines_) == 6
        for layer, (n_in, values) in enumerate(
            zip((64, 20, 30), fitted.eigenvalues_, strict=True)
        ):
            drawn_in, drawn_out = display.lines_[2 * layer : 2 * layer + 2]
            np.testing.assert_array_equal(drawn_in.get_ydata(), np.sort(values[:n_in]))
            np.testing.assert_array_equal(drawn_out.get_ydata(), np.sort(values[n_in:]))

    def test_chosen_layers(self, fitted):
        display = SpectrumDisplay.from_estimator(fitted, layers=[2], color="k")
        assert display.layers == ["30 to 10"]
        assert {line.get_color() for line in display.lines_} == {"k"}

    def test_one_layer_and_wrong_ones(self, fitted):
        assert SpectrumDisplay.from_estimator(fitted, layers=0).layers == ["64 to 20"]
        for wrong in ([7], -4, 1.5):
            with pytest.raises(ValueError, match="has 3 layers, 0 to 2"):
                SpectrumDisplay.from_estimator(fitted, layers=wrong)

    def test_the_legend_stands_beside_the_curves(self, fitted):
        display = SpectrumDisplay.from_estimator(fitted)
        display.figure_.canvas.draw()
        legend = display.ax_.get_legend()
        assert [text.get_text() for text in legend.get_texts()] == display.layers
        assert legend.get_window_extent().x0 >= display.ax_.get_window_extent().x1
        assert legend.get_window_extent().x1 <= display.figure_.bbox.x1

    def test_direct_networks_have_none(self, digits):
        with pytest.raises(TypeError, match="has no eigenvalues"):
            SpectrumDisplay.from_estimator(DirectClassifier(5, max_iter=1).fit(*digits))


class TestWeights:
    def test_beside_others(self, digits, fitted):
        mlp = MLPClassifier(10, max_iter=2).fit(*digits)
        logistic = LogisticRegression(max_iter=5).fit(*digits)
        display = WeightDistributionDisplay.from_estimator(
            fitted, others={"mlp": mlp, "logistic": logistic}, name="ours", bins=30
        )
        assert {name: len(w) for name, w in display.weights.items()} == {
            "ours": 64 * 30 + 300,
            "mlp": 640 + 100,
            "logistic": 640,
        }
        np.testing.assert_array_equal(
            display.weights["ours"], np.concatenate([c.ravel() for c in fitted.coefs_])
        )
        labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        counts = {"ours": "2,220", "mlp": "740", "logistic": "640"}
        assert labels == [f"{name}, {count} weights" for name, count in counts.items()]

    def test_one_layer_and_names(self, fitted):
        display = WeightDistributionDisplay.from_estimator(
            fitted, others=[fitted], layer=-1
        )
        assert list(display.weights) == ["SpectralClassifier", "SpectralClassifier 2"]
        assert all(len(w) == 300 for w in display.weights.values())
        with pytest.raises(ValueError, match=r"layer=2, but .* has 2 layer"):
            WeightDistributionDisplay.from_estimator(fitted, layer=2)


class TestAdjacency:
    def test_a_linear_network_has_its_a_c(self, linear):
        display = AdjacencyDisplay.from_estimator(linear)
        np.testing.assert_array_equal(display.adjacency, linear.compact_adjacency_)
        assert display.widths == (64, 10)

    def test_blocks_of_a_non_linear_one(self, fitted):
        matrix = AdjacencyDisplay.from_estimator(fitted).adjacency
        assert matrix.shape == (104, 104)
        np.testing.assert_array_equal(matrix[64:94, :64], fitted.coefs_[0].T)
        np.testing.assert_array_equal(matrix[94:, 64:94], fitted.coefs_[1].T)
        assert np.count_nonzero(matrix) == 64 * 30 + 300

    def test_no_layer_is_drawn_too_small_to_see(self, cancer):
        """30-100-1, of which one row leads to the output."""
        model = SpectralClassifier(100, **FEW).fit(*cancer)
        display = AdjacencyDisplay.from_estimator(model)
        image = display.image_.get_array()
        # Rows of the inputs and columns of the output are empty, and left out.
        assert image.shape[1] == 30 + 100
        np.testing.assert_array_equal(image[:100, :30], model.coefs_[0].T)
        assert len(image) - 100 >= 0.09 * len(image)
        for row in image[100:]:
            np.testing.assert_array_equal(row[30:], model.coefs_[1][:, 0])
            np.testing.assert_array_equal(row[:30], 0)
        names = [
            [label.get_text() for label in axis.get_ticklabels()]
            for axis in (display.ax_.yaxis, display.ax_.xaxis)
        ]
        assert names == [["100 hidden", "1 output"], ["30 inputs", "100 hidden"]]

    def test_too_large(self, fitted, monkeypatch):
        from sklearn_spectral.inspection import _adjacency

        monkeypatch.setattr(_adjacency, "MAX_NODES", 100)
        with pytest.raises(ValueError, match="104 nodes"):
            AdjacencyDisplay.from_estimator(fitted)


class TestRelevance:
    def test_a_map(self, fitted):
        display = RelevanceDisplay.from_estimator(fitted, image_shape=(8, 8))
        np.testing.assert_array_equal(
            display.image_.get_array(), fitted.feature_importances_.reshape(8, 8)
        )

    def test_bars_of_the_most_relevant(self, digits):
        X, y = digits
        frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
        model = SpectralClassifier(10, max_iter=3, random_state=0).fit(frame, y)
        display = RelevanceDisplay.from_estimator(model, max_features=5)
        widths = [bar.get_width() for bar in display.bars_]
        expected = np.sort(model.feature_importances_)[-5:]
        np.testing.assert_array_equal(widths, expected)
        labels = [text.get_text() for text in display.ax_.get_yticklabels()]
        assert labels[-1] == f"pixel {model.feature_importances_.argmax()}"
        names = [f"p{i}" for i in range(64)]
        display = RelevanceDisplay.from_estimator(
            model, feature_names=names, max_features=None
        )
        assert len(display.bars_) == 64

    def test_names_come_through_a_pipeline_and_the_rest_is_said(self, cancer):
        frame = load_breast_cancer(as_frame=True)
        names = [*frame.data.columns]
        network = SpectralClassifier(10, linear_expansion=None, **FEW)
        pipeline = make_pipeline(StandardScaler(), network)
        search = GridSearchCV(pipeline, {"spectralclassifier__alpha": [0.0]}, cv=2)
        pruned = make_pipeline(StandardScaler(), SpectralPruner(network, n_nodes=5))
        inner = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), network))
        for model in (pipeline, search, pruned, inner):
            display = RelevanceDisplay.from_estimator(model.fit(frame.data, frame.target))
            assert display.feature_names == names
            assert len(display.bars_) == 20
            assert display.ax_.get_title() == "20 of 30 features"
        whole = RelevanceDisplay.from_estimator(pipeline, max_features=None)
        assert whole.ax_.get_title() == ""
        columns = make_column_transformer(
            (StandardScaler(), names[:3]), ("passthrough", names[5:7])
        )
        mixed = make_pipeline(columns, network).fit(frame.data, frame.target)
        assert RelevanceDisplay.from_estimator(mixed).feature_names == [
            *(f"standardscaler__{name}" for name in names[:3]),
            *(f"passthrough__{name}" for name in names[5:7]),
        ]
        reduced = make_pipeline(PCA(3), network).fit(*cancer)
        display = RelevanceDisplay.from_estimator(reduced)
        assert display.feature_names == ["pca0", "pca1", "pca2"]
        # What selects hands on the names of what it took.
        selected = RFE(network, n_features_to_select=4).fit(frame.data, frame.target)
        for model in (selected, make_pipeline(selected).fit(frame.data, frame.target)):
            inner = model if hasattr(model, "support_") else model[-1]
            display = RelevanceDisplay.from_estimator(model)
            assert display.feature_names == [*frame.data.columns[inner.support_]]
        # Steps that name other than they make, or cannot.
        doubled = FunctionTransformer(
            lambda X: np.hstack([X, X]), feature_names_out="one-to-one"
        )
        model = make_pipeline(doubled, network).fit(*cancer)
        assert RelevanceDisplay.from_estimator(model).feature_names[-1] == "x59"
        halved = make_pipeline(FunctionTransformer(lambda X: X[:, ::2]), network)
        display = RelevanceDisplay.from_estimator(halved.fit(*cancer))
        assert display.feature_names[:2] == ["x0", "x1"]

    def test_errors(self, fitted):
        with pytest.raises(ValueError, match=r"\(7, 8\) has 56 pixels, but .* on 64"):
            RelevanceDisplay.from_estimator(fitted, image_shape=(7, 8))
        for shape in ("8x8", (8.0, 8.0)):
            with pytest.raises(TypeError, match="image_shape must be a tuple of whole"):
                RelevanceDisplay.from_estimator(fitted, image_shape=shape)
        with pytest.raises(ValueError, match="max_features must be at least 1"):
            RelevanceDisplay.from_estimator(fitted, max_features=-1)
        with pytest.raises(ValueError, match="3 names for 64 features"):
            RelevanceDisplay.from_estimator(fitted, feature_names=["a", "b", "c"])


class TestTrainingCurve:
    def test_loss_and_validation_score(self, digits):
        model = SpectralClassifier(
            10, max_iter=5, early_stopping=True, warm_start=True, random_state=0
        ).fit(*digits)
        display = TrainingCurveDisplay.from_estimator(model.fit(*digits))
        np.testing.assert_array_equal(display.line_.get_ydata(), model.loss_curve_)
        assert list(display.line_.get_xdata()) == list(range(1, 11))
        assert list(display.score_line_.get_xdata()) == list(range(6, 11))
        np.testing.assert_array_equal(
            -display.score_line_.get_ydata(), model.validation_scores_
        )
        assert display.score_ax_ is None, "both are losses"
        labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert labels == ["training", "validation"]

    def test_another_score_has_an_axis_of_its_own(self, digits):
        model = SpectralClassifier(10, scoring="accuracy", early_stopping=True, **FEW)
        display = TrainingCurveDisplay.from_estimator(model.fit(*digits))
        np.testing.assert_array_equal(
            display.score_line_.get_ydata(), model.validation_scores_
        )
        assert display.score_ax_.get_ylabel() == "accuracy"

    def test_scores_stay_where_they_were_after_a_portion_more(self, digits, tmp_path):
        model = SpectralClassifier(5, max_iter=4, early_stopping=True, random_state=0)
        model.fit(*digits)
        for _ in range(3):
            model.partial_fit(*digits)
        save(model, tmp_path / "model")
        for each in (model, load(tmp_path / "model")):
            display = TrainingCurveDisplay.from_estimator(each)
            assert len(display.line_.get_xdata()) == 7
            assert display.score_line_.get_xdata().tolist() == [1, 2, 3, 4]

    def test_scores_of_a_training_that_diverged(self, diabetes):
        X, y = diabetes
        model = SpectralRegressor(
            20,
            solver="sgd",
            learning_rate="constant",
            learning_rate_init=0.1,
            early_stopping=True,
            **{**FEW, "max_iter": 30},
        ).fit(1000 * X, y)
        assert model.stop_reason_ == "diverged"
        assert model._scored_until == len(model.loss_curve_) - 1
        model.loss_curve_, model.validation_scores_ = [3.0, 2.0, np.nan], [0.1, 0.2]
        model._scored_until = 2
        display = TrainingCurveDisplay.from_estimator(model)
        assert list(display.score_line_.get_xdata()) == [1, 2]

    def test_without_validation(self, fitted):
        display = TrainingCurveDisplay.from_estimator(fitted)
        assert display.score_line_ is None


class TestPruning:
    def test_the_scores_are_those_of_the_pruned_networks(self, digits, fitted):
        X, y = digits
        display = PruningDisplay.from_estimator(
            fitted, X[1300:], y[1300:], X_rank=X[:1300], fractions=[0, 0.5, 0.8]
        )
        assert list(display.scores) == ["residual", "weight"]
        assert display.scores["residual"][0] == fitted.score(X[1300:], y[1300:])
        pruned = prune_nodes(fitted, X[:1300], node_score="weight", fraction=0.8)
        assert display.scores["weight"][2] == pruned.score(X[1300:], y[1300:])
        assert len(display.lines_) == 2
        _, ax = plt.subplots()
        assert display.plot(ax=ax).ax_ is ax

    def test_default_fractions_and_scoring(self, diabetes):
        X, y = diabetes
        model = SpectralRegressor(20, max_iter=5, random_state=0).fit(X, y)
        display = PruningDisplay.from_estimator(
            model, X, y, node_scores=["variance"], scoring="neg_mean_absolute_error"
        )
        assert display.scores["variance"].shape == (20,)
        assert (display.scores["variance"] < 0).all()

    def test_in_pipelines_searches_and_pruners(self, digits):
        X, y = digits
        model = SpectralClassifier(10, max_iter=2, random_state=0)
        pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
        inner = PruningDisplay.from_estimator(
            pipeline[-1],
            pipeline[:-1].transform(X),
            y,
            node_scores="weight",
            fractions=[0.5],
        )
        search = GridSearchCV(pipeline, {"spectralclassifier__alpha": [0.0]}, cv=2)
        for wrapped in (pipeline, search.fit(X, y)):
            outer = PruningDisplay.from_estimator(
                wrapped, X, y, node_scores="weight", fractions=[0.5]
            )
            np.testing.assert_array_equal(outer.scores["weight"], inner.scores["weight"])
        alone = PruningDisplay.from_estimator(
            make_pipeline(pipeline[-1]), X, y, node_scores="weight", fractions=[0.0]
        )
        assert alone.scores["weight"][0] == pipeline[-1].score(X, y)
        pruner = SpectralPruner(model).fit(X, y)
        display = PruningDisplay.from_estimator(pruner, X, y, fractions=[0.0])
        assert display.scores["residual"][0] == pruner.score(X, y)

    def test_a_fitted_pruner_alone_shows_what_it_found(self, digits):
        X, y = digits
        model = SpectralClassifier((20, 10), linear_expansion=None, **FEW)
        pruner = SpectralPruner(model, fraction=0.4).fit(X, y)
        search = GridSearchCV(make_pipeline(StandardScaler(), pruner), {}, cv=2)
        for wrapped in (pruner, search.fit(X, y)):
            display = PruningDisplay.from_estimator(wrapped)
            assert list(display.node_scores) == ["1: 12 of 20 nodes", "2: 6 of 10 nodes"]
            assert len(display.lines_) == 2
        alike = SpectralPruner(clone(model).set_params(hidden_layer_sizes=(10, 10)))
        assert len(PruningDisplay.from_estimator(alike.fit(X, y)).lines_) == 2
        display = PruningDisplay.from_estimator(pruner)
        drawn = display.lines_[0].get_ydata()
        np.testing.assert_array_equal(drawn, np.sort(pruner.node_scores_[0])[::-1])
        with pytest.raises(ValueError, match="no fitted SpectralPruner in this Spectral"):
            PruningDisplay.from_estimator(pruner.estimator_)
        with pytest.raises(ValueError, match="y is missing"):
            PruningDisplay.from_estimator(pruner, X)

    def test_errors(self, digits):
        X, y = digits
        with pytest.raises(TypeError, match="got DecisionTreeClassifier"):
            PruningDisplay.from_estimator(DecisionTreeClassifier().fit(X, y), X, y)
        with pytest.raises(TypeError, match="has no eigenvalues"):
            PruningDisplay.from_estimator(DirectClassifier(5, max_iter=1).fit(X, y), X, y)
        with pytest.raises(NotFittedError):
            PruningDisplay.from_estimator(SpectralClassifier(), X, y)
        model = SpectralClassifier(5, max_iter=1).fit(X, y)
        for wrong in (0.5, [2], [0, -0.1], [np.nan]):
            with pytest.raises(ValueError, match="fractions must be a sequence of numbers"):
                PruningDisplay.from_estimator(model, X, y, fractions=wrong)


def test_an_ensemble_is_named(digits):
    bagging = BaggingClassifier(SpectralClassifier(5, max_iter=1), n_estimators=2)
    bagging.fit(*digits)
    for display in (*FOR_ANY_NETWORK, SpectrumDisplay, WeightDistributionDisplay):
        with pytest.raises(TypeError, match="BaggingClassifier"):
            display.from_estimator(bagging)


def test_messages_name_what_was_called(digits):
    tree = DecisionTreeClassifier().fit(*digits)
    for display in (*FOR_ANY_NETWORK, SpectrumDisplay):
        with pytest.raises(TypeError, match=rf"^{display.__name__} takes a fitted est"):
            display.from_estimator(tree)
    with pytest.raises(TypeError, match=r"^PruningDisplay takes .* search or pruner"):
        PruningDisplay.from_estimator(tree, *digits)
    direct = DirectClassifier(5, max_iter=1).fit(*digits)
    for display, data in ((SpectrumDisplay, ()), (PruningDisplay, digits)):
        with pytest.raises(TypeError, match=f"; {display.__name__} takes a Spectral"):
            display.from_estimator(direct, *data)


def test_others_are_several(fitted):
    for wrong in (fitted, 3):
        with pytest.raises(TypeError, match="neither a mapping nor a sequence"):
            WeightDistributionDisplay.from_estimator(fitted, others=wrong)


def test_a_compact_model_has_no_spectrum(fitted, tmp_path):
    save(fitted, tmp_path / "compact.safetensors", compact=True)
    compact = load(tmp_path / "compact.safetensors")
    with pytest.raises(AttributeError, match="saved with compact=True"):
        SpectrumDisplay.from_estimator(compact)


def test_keywords_of_matplotlib(fitted):
    for display in (SpectrumDisplay, TrainingCurveDisplay):
        drawn = display.from_estimator(fitted, c="k", ls=":", label="mine", lw=2)
        line = drawn.ax_.get_lines()[0]
        assert (line.get_color(), line.get_linestyle()) == ("k", ":")
        assert (line.get_label(), line.get_linewidth()) == ("mine", 2)
    AdjacencyDisplay.from_estimator(fitted, norm=SymLogNorm(0.1))
    RelevanceDisplay.from_estimator(fitted, image_shape=(8, 8), norm=LogNorm())
    display = WeightDistributionDisplay.from_estimator(
        fitted, others=[fitted], bins=20, label="mine"
    )
    first, second = (bars[0].get_xy()[:, 0] for bars in display.lines_)
    np.testing.assert_array_equal(first, second)
