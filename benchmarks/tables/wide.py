"""Four made sets with more features than most tables: two of texts, a dense, a sparse one.

Sparse ones are CSR and taken as they are: TF-IDF, logarithms of counts, zeros and ones.
"""

from collections.abc import Callable

import numpy as np
from scipy import sparse
from sklearn.datasets import make_classification

from benchmarks.defaults.texts import tfidf_texts


def text_counts(seed: int = 0) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Logarithms of counts of 1,800 words, 40 in a text; each of 8 topics prefers some."""
    n_words, n_topics, n_texts = 1800, 8, 1500
    rng = np.random.default_rng(seed)
    common = rng.dirichlet(np.full(n_words, 0.1))
    topics = 0.8 * common + 0.2 * rng.dirichlet(np.full(n_words, 0.02), n_topics)
    y = rng.integers(n_topics, size=n_texts)
    lengths = rng.poisson(35, n_texts) + 5
    counts = [
        rng.multinomial(n, topics[topic]) for n, topic in zip(lengths, y, strict=True)
    ]
    return sparse.csr_matrix(np.log1p(counts)), y


def text_topics(seed: int = 0) -> tuple[sparse.csr_matrix, np.ndarray]:
    """TF-IDF of texts of ten words in five classes, each with four topics of its own."""
    return tfidf_texts(1500, seed)


def wide_dense(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """120 features of 200 rows, a fifth of them of use, and one label in twenty wrong."""
    return make_classification(
        200, 120, n_informative=25, n_redundant=5, flip_y=0.1, random_state=seed
    )


def wide_sparse(seed: int = 0) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Which 30 of 3,000 things each of 1,000 rows has; 300 of them speak for a class.

    Classes are drawn from the probabilities that a softmax of three scores gives.
    """
    n_rows, n_things, each, n_classes = 1000, 3000, 30, 3
    rng = np.random.default_rng(seed)
    common = 1 / np.arange(1, n_things + 1) ** 0.7
    common = rng.permutation(common / common.sum())
    X = np.zeros((n_rows, n_things))
    for row in X:
        row[rng.choice(n_things, each, replace=False, p=common)] = 1
    weights = np.zeros((n_things, n_classes))
    speaking = rng.choice(n_things, 300, replace=False, p=common)
    weights[speaking] = rng.normal(scale=1.5, size=(300, n_classes))
    scores = X @ weights
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = scores / scores.sum(axis=1, keepdims=True)
    y = (rng.random((n_rows, 1)) > shares.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return sparse.csr_matrix(X), y


SETS: dict[str, Callable] = {
    made.__name__: made for made in (text_counts, text_topics, wide_dense, wide_sparse)
}
NAMES = tuple(sorted(SETS))


def read(name: str) -> tuple[np.ndarray | sparse.csr_matrix, np.ndarray]:
    """Make a set."""
    return SETS[name]()
