"""The data sets of the comparison: shipped with scikit-learn, or made by it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn import datasets
from sklearn.preprocessing import MaxAbsScaler, StandardScaler


@dataclass(frozen=True)
class Task:
    """Data, and what is put before the networks and the linear models.

    Parameters
    ----------
    name, about : str
        What it is called and what is special about it.
    X, y : array of shape (n_samples, n_features) and (n_samples,) or (n_samples, n_outputs)
        The data.
    regression : bool
        Whether y are numbers.
    scaler : transformer or None
        What most users would put there; None for data that are scaled, or left badly so.
    """

    name: str
    about: str
    X: np.ndarray
    y: np.ndarray
    regression: bool = False
    scaler: object = None


def _shipped(name: str, about: str, load: Callable, regression: bool = False) -> Task:
    return Task(name, about, *load(return_X_y=True), regression, StandardScaler())


def _made(name: str, about: str, data: tuple, regression: bool = False) -> Task:
    return Task(name, about, *data, regression, StandardScaler())


def _topics(n_topics=8, n_words=1000, n_documents=2000, seed=0):
    """Counts of words, of which each topic prefers some, as logarithms in CSR."""
    rng = np.random.default_rng(seed)
    common = rng.dirichlet(np.full(n_words, 0.1))
    topics = 0.7 * common + 0.3 * rng.dirichlet(np.full(n_words, 0.02), n_topics)
    y = rng.integers(n_topics, size=n_documents)
    lengths = rng.poisson(40, n_documents) + 5
    counts = [
        rng.multinomial(n, topics[topic]) for n, topic in zip(lengths, y, strict=True)
    ]
    return sparse.csr_matrix(np.log1p(counts)), y


def _badly_scaled(seed=0):
    """A classification whose features span six orders of magnitude, left as they are."""
    X, y = datasets.make_classification(
        1500, 20, n_informative=10, n_classes=3, random_state=seed
    )
    return X * 10 ** np.random.default_rng(seed).uniform(-3, 3, X.shape[1]), y


def tasks() -> Iterator[Task]:
    """Yield all of them."""
    make = datasets.make_classification
    yield _shipped("iris", "small", datasets.load_iris)
    yield _shipped("wine", "small", datasets.load_wine)
    yield _shipped("breast cancer", "binary", datasets.load_breast_cancer)
    yield _shipped("digits", "images, ten classes", datasets.load_digits)
    yield _made(
        "wide",
        "more features than samples",
        make(200, 1000, n_informative=30, random_state=0),
    )
    yield _made(
        "imbalanced",
        "one in twenty",
        make(3000, 20, n_informative=8, weights=[0.95], flip_y=0.005, random_state=0),
    )
    yield _made(
        "many classes",
        "thirty classes",
        make(
            3000,
            30,
            n_informative=15,
            n_classes=30,
            n_clusters_per_class=1,
            class_sep=2,
            random_state=0,
        ),
    )
    yield _made(
        "two moons", "two features", datasets.make_moons(1000, noise=0.25, random_state=0)
    )
    yield _made(
        "quantiles",
        "shells, three classes",
        datasets.make_gaussian_quantiles(
            n_samples=2000, n_features=10, n_classes=3, random_state=0
        ),
    )
    yield Task("topics", "sparse, like texts", *_topics(), scaler=MaxAbsScaler())
    yield Task("badly scaled", "features of 0.001 to 1,000, no scaler", *_badly_scaled())
    yield _shipped("diabetes", "small, noisy", datasets.load_diabetes, True)
    yield _shipped("linnerud", "20 samples, three outputs", datasets.load_linnerud, True)
    yield _made(
        "friedman 1", "smooth", datasets.make_friedman1(2000, noise=1, random_state=0), True
    )
    yield _made(
        "friedman 2",
        "targets of 0 to 1,800",
        datasets.make_friedman2(2000, noise=50, random_state=0),
        True,
    )
    yield _made(
        "linear",
        "linear, 100 features",
        datasets.make_regression(1000, 100, n_informative=20, noise=20, random_state=0),
        True,
    )
