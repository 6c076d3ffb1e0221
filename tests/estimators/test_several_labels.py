"""Labels of which several may be right, and what else users of MLPClassifier expect."""

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MultiLabelBinarizer
from torch.utils.data import TensorDataset

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.inspection import CoverageDisplay, member_diversity
from sklearn_spectral.persistence import load, save
from sklearn_spectral.pruning import SpectralPruner

X, Y = make_multilabel_classification(300, n_features=10, n_classes=4, random_state=0)


def small(**kw):
    return SpectralClassifier(10, max_iter=20, random_state=0, **kw)


@pytest.fixture(scope="module")
def fitted():
    return SpectralClassifier(30, random_state=0).fit(X[:200], Y[:200])


def test_predictions_are_those_of_each_label(fitted):
    shares, predicted = fitted.predict_proba(X), fitted.predict(X)
    assert shares.shape == predicted.shape == Y.shape
    assert predicted.dtype.kind == "i"
    np.testing.assert_array_equal(predicted, shares > 0.5)
    np.testing.assert_array_equal(predicted, fitted.decision_function(X) > 0)
    np.testing.assert_allclose(np.log(shares), fitted.predict_log_proba(X))
    assert fitted.score(X, Y) == accuracy_score(Y, predicted)
    np.testing.assert_array_equal(fitted.classes_, np.arange(4))
    assert fitted.out_activation_ == "logistic"


def test_it_is_as_good_as_the_network_of_scikit_learn(fitted):
    mlp = MLPClassifier(30, random_state=0, max_iter=400).fit(X[:200], Y[:200])
    found = [
        log_loss(Y[200:].ravel(), model.predict_proba(X[200:]).ravel())
        for model in (fitted, mlp)
    ]
    assert found[0] < found[1]
    assert mlp.out_activation_ == fitted.out_activation_


def test_one_linear_layer_is_a_logistic_regression_of_each_label():
    how = {"solver": "lbfgs", "max_iter": 500, "tol": 1e-7, "alpha": 0.0}
    exact = {"n_members": 1, "early_stopping": False, "temperature": 1.0}
    together = SpectralClassifier((), random_state=0, **exact, **how).fit(X, Y)
    apart = OneVsRestClassifier(SpectralClassifier((), random_state=0, **exact, **how))
    expected = apart.fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(together.predict_proba(X), expected, atol=1e-3)
    np.testing.assert_allclose(
        together.decision_function(X), X @ together.coef_.T + together.intercept_
    )


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_matrix, sp.coo_array])
def test_sparse_labels_give_sparse_predictions(kind, fitted):
    model = SpectralClassifier(30, random_state=0).fit(X[:200], kind(Y[:200]))
    predicted = model.predict(X)
    assert isinstance(predicted, sp.csr_array)
    np.testing.assert_array_equal(predicted.toarray(), fitted.predict(X))
    assert model.score(X, kind(Y)) == model.score(X, Y) == fitted.score(X, Y)
    model = small(early_stopping=True)
    model.fit(X[:200], kind(Y[:200]), X_val=X[200:], y_val=kind(Y[200:]))


@pytest.mark.parametrize("kind", [bool, float, np.int8, list, object])
def test_labels_of_any_type_of_zeros_and_ones(kind, fitted):
    labels = Y[:200].tolist() if kind is list else Y[:200].astype(kind)
    model = SpectralClassifier(30, random_state=0).fit(X[:200], labels)
    np.testing.assert_array_equal(model.predict_proba(X), fitted.predict_proba(X))


def test_labels_from_a_frame_and_from_names(fitted):
    pd = pytest.importorskip("pandas")
    names = [[f"label {i}" for i in np.flatnonzero(row)] for row in Y]
    labels = MultiLabelBinarizer().fit_transform(names)
    frame = pd.DataFrame(labels[:200], columns=list("abcd"))
    model = SpectralClassifier(30, random_state=0).fit(X[:200], frame)
    np.testing.assert_array_equal(model.predict(X), fitted.predict(X))


@pytest.mark.parametrize(
    ("y", "error"),
    [
        (Y + 1, "y has 4 columns, which are taken as labels of which several"),
        (np.full(Y.shape, "a"), "y has 4 columns, which are taken as labels"),
        (np.where(Y, np.nan, 0.0), "contains NaN"),
        (sp.csr_array(Y[:, :1]), "y is sparse, of shape .300, 1.: only several"),
        (Y[:200], "inconsistent numbers of samples"),
        (Y[:, :, None], "dim 3"),
    ],
)
def test_labels_that_cannot_be(y, error):
    with pytest.raises(ValueError, match=error):
        small().fit(X, y)


def test_going_on_needs_labels_of_the_same_kind():
    one = small(warm_start=True).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match=r"y has several label\(s\) per row, but the"):
        one.fit(X, Y)
    several = small(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="y has 3 labels, but 4 were fitted"):
        several.fit(X, Y[:, :3])
    with pytest.raises(ValueError, match=r"y has one label\(s\) per row"):
        several.fit(X, Y[:, 0])
    several.set_params(early_stopping=True)
    with pytest.raises(ValueError, match="y_val has 2 labels, but 4 were"):
        several.fit(X, Y, X_val=X, y_val=Y[:, :2])


def test_weights_of_classes_are_refused_and_those_of_rows_count():
    with pytest.raises(ValueError, match="class_weight='balanced' is for one label per"):
        small(class_weight="balanced").fit(X, Y)
    how = {"early_stopping": False, "solver": "lbfgs", "n_members": 1, "temperature": 1.0}
    repeats = np.arange(300) % 3
    weighted = small(**how).fit(X, Y, sample_weight=repeats)
    repeated = small(**how).fit(np.repeat(X, repeats, 0), np.repeat(Y, repeats, 0))
    expected = repeated.decision_function(X)
    np.testing.assert_allclose(weighted.decision_function(X), expected, atol=1e-2)


@pytest.mark.parametrize("cls", [SpectralClassifier, DirectClassifier])
def test_by_portions(cls):
    model = cls(10, random_state=0)
    for _ in range(60):
        model.partial_fit(X, Y, classes=np.arange(4))
    model.partial_fit(X, sp.csr_array(Y))
    constant = log_loss(Y.ravel(), np.tile(Y.mean(axis=0), 300))
    assert log_loss(Y.ravel(), model.predict_proba(X).ravel()) < 0.95 * constant
    with pytest.raises(ValueError, match=r"left out or be the numbers from 0 to 3; got"):
        cls(10).partial_fit(X, Y, classes=["a", "b", "c", "d"])


def test_a_data_set_of_torch():
    torch = pytest.importorskip("torch")
    pairs = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    model = small(early_stopping=False).fit(pairs)
    expected = small(early_stopping=False).fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-6)


@pytest.mark.parametrize("loss", ["log_loss", "brier"])
@pytest.mark.parametrize("early_stopping", [True, "oob", False])
def test_each_loss_and_way_to_stop(loss, early_stopping):
    model = SpectralClassifier(
        20, loss=loss, early_stopping=early_stopping, label_smoothing=0.05, random_state=0
    )
    model.fit(X, Y)
    assert model.score(X, Y) > 0.35
    assert model.oob_score_ == accuracy_score(Y, model.oob_decision_function_ > 0.5)


def test_sets_have_all_right_labels_for_the_share_promised():
    model = SpectralClassifier(30, random_state=0).fit(X[:150], Y[:150])
    inside = model.predict_set(X[150:], 0.8)
    held = (inside | (Y[150:] == 0)).all(axis=1).mean()
    assert 0.7 < held < 0.92
    with pytest.raises(ValueError, match="method='aps' is for one right label per row"):
        model.predict_set(X, method="aps")
    pytest.importorskip("matplotlib")
    display = CoverageDisplay.from_estimator(model, X[150:], Y[150:], promised=(0.5, 0.8))
    assert display.inside[1] == pytest.approx(held)


def test_members_and_what_cannot_be_said_of_them(fitted):
    apart = fitted.member_decision_function(X)
    assert apart.shape == (8, 300, 4)
    temperature_free = apart.mean(axis=0)
    np.testing.assert_allclose(temperature_free, fitted.decision_function(X), atol=1e-4)
    with pytest.raises(ValueError, match="predicts several"):
        member_diversity(fitted, X, Y)


def test_saved_copied_and_pruned(tmp_path, fitted):
    expected = fitted.predict_proba(X)
    for compact in (False, True):
        save(fitted, tmp_path / "model.spectral", compact=compact)
        again = load(tmp_path / "model.spectral")
        np.testing.assert_array_equal(again.predict_proba(X), expected)
        np.testing.assert_array_equal(again.predict_set(X), fitted.predict_set(X))
    joblib.dump(fitted, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    for other in (fitted.merge_members(), fitted.to_direct()):
        np.testing.assert_allclose(other.predict_proba(X), expected, atol=1e-5)
    pruner = SpectralPruner(small(n_members=1, early_stopping=False), n_nodes=5)
    assert pruner.fit(X, Y).predict_proba(X).shape == Y.shape
    pruner = SpectralPruner(small(n_members=1, early_stopping=False), max_score_loss=0.2)
    assert pruner.fit(X, Y).estimator_.hidden_layer_sizes[0] < 10


def test_a_network_of_several_labels_is_taken_over():
    mlp = MLPClassifier(10, max_iter=20, random_state=0).fit(X, Y)
    model = SpectralClassifier.from_direct(mlp)
    np.testing.assert_allclose(model.predict_proba(X), mlp.predict_proba(X), rtol=1e-5)
    np.testing.assert_array_equal(model.predict(X), mlp.predict(X))
    model.set_params(max_iter=2).fit(X, Y)


def test_in_a_cross_validation():
    model = SpectralClassifier(20, random_state=0)
    scores = cross_val_score(model, X, Y, cv=3, scoring="f1_micro")
    assert scores.min() > 0.6


def test_two_labels_of_which_both_may_be_right():
    # Which are no two classes: so there is a case of both, and one of none.
    model = SpectralClassifier(30, random_state=0).fit(X, Y[:, :2])
    predicted = model.predict(X)
    assert {(0, 0), (1, 1)} <= set(map(tuple, predicted.tolist()))
    np.testing.assert_array_equal(predicted, model.predict_proba(X) > 0.5)


# ---- as MLPClassifier ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_are_kept(dtype):
    classifier = small(early_stopping=False).fit(X.astype(dtype), Y)
    assert all(each.dtype == dtype for each in classifier.coefs_ + classifier.intercepts_)
    assert classifier.predict_proba(X.astype(dtype)).dtype == dtype


def test_types_hardly_change_what_is_learnt():
    how = {"early_stopping": False, "temperature": 1.0}
    single = small(**how).fit(X.astype(np.float32), Y).predict_proba(X.astype(np.float32))
    double = small(**how).fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(single, double, atol=1e-2)


def test_sparse_rows_are_dense_ones():
    how = {"standardize": False, "early_stopping": False}
    dense = small(**how).fit(X, Y)
    for kind in (sp.csr_array, sp.csc_matrix):
        rows = small(**how).fit(kind(X), sp.csr_array(Y))
        np.testing.assert_allclose(
            rows.predict_proba(kind(X)), dense.predict_proba(X), atol=1e-5
        )
