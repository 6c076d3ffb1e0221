"""Short texts that are made: few words each, of many, as titles and messages have them.

    python benchmarks/defaults/texts.py

prints how the default does on them, beside eigenvectors, a linear model and an MLP.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from plain import PLAIN
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sklearn_spectral import SpectralClassifier


def short_texts(n_texts: int = 1500, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Make texts of about ten words in five classes, each with four topics of its own.

    Half of the words of a text are of its topic (100 words), the others of all 2,000, of
    which some are common and most are rare.

    Parameters
    ----------
    n_texts : int, default=1500
        How many.
    seed : int, default=0
        Decides all of them.

    Returns
    -------
    texts : list of str
        Words with spaces between.
    y : ndarray of shape (n_texts,)
        Classes, 0 to 4.
    """
    n_words, n_classes, n_topics, topic_words, length, share = 2000, 5, 4, 100, 10, 0.5
    rng = np.random.default_rng(seed)
    words = np.array([f"w{number:04d}" for number in range(n_words)])
    common = 1 / np.arange(1, n_words + 1) ** 0.9
    common /= common.sum()
    topics = [
        rng.choice(n_words, topic_words, replace=False) for _ in range(n_classes * n_topics)
    ]
    y = rng.integers(n_classes, size=n_texts)
    texts = []
    for label in y:
        topic = topics[label * n_topics + rng.integers(n_topics)]
        size = 3 + rng.poisson(length - 3)
        of_topic = rng.random(size) < share
        chosen = np.where(
            of_topic, rng.choice(topic, size), rng.choice(n_words, size, p=common)
        )
        texts.append(" ".join(words[chosen]))
    return texts, y


def tfidf_texts(n_texts: int = 1500, seed: int = 0) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return the same as TF-IDF, with a column for each word that occurs."""
    texts, y = short_texts(n_texts, seed)
    return TfidfVectorizer().fit_transform(texts), y


def main():
    """Print the scores of the defaults, with eigenvectors, and of two rivals."""
    X, y = tfidf_texts()
    X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
    models = {
        "default": SpectralClassifier(random_state=0, **PLAIN),
        "eigenvectors": SpectralClassifier(
            random_state=0, **{**PLAIN, "train_eigenvectors": True}
        ),
        "LogisticRegression": LogisticRegression(),
        "MLPClassifier": MLPClassifier(random_state=0),
    }
    for name, model in models.items():
        print(f"{name:<20}{model.fit(X, y).score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main()
