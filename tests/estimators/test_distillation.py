"""A classifier that learns the probabilities of another one."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import scale
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_spectral import SpectralClassifier, SpectralRegressor, load, save
from sklearn_spectral.estimators.distillation import soft_loss

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FEW = {"hidden_layer_sizes": 8, "n_members": 1, "max_iter": 3, "random_state": 0}


def test_the_loss_is_the_cross_entropy_with_probabilities():
    rng = np.random.default_rng(0)
    output, target = rng.normal(size=(2, 6, 3)), rng.dirichlet(np.ones(3), size=6)
    found = soft_loss(torch.from_numpy(output), torch.from_numpy(target))
    expected = -(target * np.log(softmax(output, axis=-1))).sum(axis=-1)
    np.testing.assert_allclose(found, expected)
    of_second = soft_loss(
        torch.from_numpy(output[..., :1]), torch.from_numpy(target[:, :1])
    )
    p = expit(output[..., 0])
    expected = -(target[:, 0] * np.log(p) + (1 - target[:, 0]) * np.log(1 - p))
    np.testing.assert_allclose(of_second, expected)


@pytest.mark.parametrize("data", ["cancer", "iris"])
def test_a_linear_student_becomes_its_linear_teacher(data, request):
    X, y = (
        request.getfixturevalue("cancer")
        if data == "cancer"
        else load_iris(return_X_y=True)
    )
    X = scale(X)
    teacher = LogisticRegression(C=0.1).fit(X, y)
    model = SpectralClassifier.from_teacher(
        teacher,
        X,
        hidden_layer_sizes=(),
        n_members=1,
        solver="lbfgs",
        max_iter=2000,
        tol=1e-9,
    )
    expected = teacher.predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=2e-3)
    np.testing.assert_array_equal(model.classes_, teacher.classes_)
    assert model.temperature_ == 1.0


def test_few_numbers_learn_more_of_a_teacher_than_of_labels(digits):
    X, y = digits
    teacher = SpectralClassifier(random_state=0).fit(X[:1300], y[:1300])
    settings = {
        "hidden_layer_sizes": 49,
        "train_eigenvectors": "kronecker",
        "n_members": 1,
        "random_state": 0,
    }
    taught = SpectralClassifier.from_teacher(teacher, X[:1300], **settings)
    alone = SpectralClassifier(**settings).fit(X[:1300], y[:1300])
    assert taught.n_parameters_ == alone.n_parameters_ < teacher.n_parameters_ / 10
    assert taught.score(X[1300:], y[1300:]) > alone.score(X[1300:], y[1300:])
    loss, of_labels = (
        -m.predict_log_proba(X[1300:])[np.arange(len(y) - 1300), y[1300:]].mean()
        for m in (taught, alone)
    )
    assert loss < 0.6 * of_labels


def test_names_labels_files_and_going_on(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    y = np.array(["setosa", "versicolor", "virginica"])[y]
    teacher = RandomForestClassifier(20, random_state=0).fit(X, y)
    model = SpectralClassifier.from_teacher(teacher, X, random_state=0)
    assert set(model.predict(X)) == set(y)
    assert list(model.feature_names_in_) == list(X.columns)
    assert not hasattr(model, "oob_score_"), "that was of the regression"
    save(model, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    before = model.predict_proba(X)
    model.set_params(max_iter=1, learning_rate_init=1e-12, temperature=1.0).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-6)
    with pytest.raises(NotFittedError):
        clone(model).predict(X)


@pytest.mark.parametrize("n_members", [1, 4])
def test_two_classes_and_weights(cancer, n_members):
    X, y = cancer
    teacher = KNeighborsClassifier(5).fit(X, y)
    weight = (np.arange(len(y)) % 2).astype(float)
    settings = {**FEW, "n_members": n_members, "max_iter": 20}
    model = SpectralClassifier.from_teacher(teacher, X, sample_weight=weight, **settings)
    half = SpectralClassifier.from_teacher(teacher, X[1::2], **settings)
    np.testing.assert_allclose(model.predict_proba(X), half.predict_proba(X), atol=1e-8)
    assert model.score(X, teacher.predict(X)) > 0.9


def test_errors(digits):
    X, y = digits
    for teacher in (Ridge(), LinearSVC(), SpectralRegressor(), "teacher"):
        with pytest.raises(TypeError, match="takes a fitted classifier with predict_proba"):
            SpectralClassifier.from_teacher(teacher, X)
    with pytest.raises(NotFittedError):
        SpectralClassifier.from_teacher(LogisticRegression(), X)
    tree = DecisionTreeClassifier(max_depth=2)
    several = make_multilabel_classification(40, 5, random_state=0)
    with pytest.raises(ValueError, match="several labels per row"):
        SpectralClassifier.from_teacher(clone(tree).fit(*several), several[0])
    with pytest.raises(ValueError, match="two classes or more"):
        SpectralClassifier.from_teacher(clone(tree).fit(X, 0 * y), X)
    tree.fit(X, y)
    with pytest.raises(ValueError, match="'alpha' parameter"):
        SpectralClassifier.from_teacher(tree, X, alpha=-1)
    with pytest.raises(TypeError, match="hidden"):
        SpectralClassifier.from_teacher(tree, X, hidden=5)
