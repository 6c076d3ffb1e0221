"""Short texts as TF-IDF: more features than most networks here see, nearly all zero."""

import sys
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sklearn_spectral import SpectralClassifier

from .plain import PLAIN

FOLDER = Path(__file__).parent.parent / "benchmarks" / "defaults"


@pytest.fixture(scope="module")
def texts():
    """The made texts of the benchmark, split into training and test rows."""
    sys.path.insert(0, str(FOLDER))
    try:
        from texts import tfidf_texts
    finally:
        sys.path.remove(str(FOLDER))
    X, y = tfidf_texts()
    assert X.shape == (1500, 1802)
    assert 6 < X.nnz / len(y) < 11
    return train_test_split(X, y, random_state=0, stratify=y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_eigenvectors_read_texts_as_well_as_a_perceptron(texts):
    X, X_test, y, y_test = texts
    whole = {**PLAIN, "train_eigenvectors": True}
    model = SpectralClassifier(random_state=0, **whole).fit(X, y)
    rival = MLPClassifier(random_state=0, max_iter=50).fit(X, y)
    linear = LogisticRegression().fit(X, y)
    score = model.score(X_test, y_test)
    assert score > rival.score(X_test, y_test) - 0.03
    assert score > linear.score(X_test, y_test) - 0.03
    assert score > 0.8
    # The default holds a tenth of the rows out.
    by_default = SpectralClassifier(random_state=0).fit(X, y)
    assert by_default.score(X_test, y_test) > linear.score(X_test, y_test) - 0.03
