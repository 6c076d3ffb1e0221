"""Prediction from many threads at once, and that it leaves a model as it was."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.files.integrity import digest

N_THREADS, N_PREDICTIONS = 16, 400


@pytest.mark.parametrize(
    "model",
    [
        SpectralClassifier(
            20, linear_expansion=30, activation="tanh", max_iter=2, random_state=0
        ),
        SpectralRegressor(
            20, linear_expansion=30, activation="elu", max_iter=2, random_state=0
        ),
    ],
    ids=str,
)
def test_many_threads_predict_the_same(digits, model):
    X, y = digits
    model = copy.deepcopy(model).fit(X, y)
    # Another piece for each thread, so that a shared buffer would show.
    pieces = [X[n : n + 5 + n] for n in range(N_THREADS)]
    expected = [model.predict(piece) for piece in pieces]

    def predict(number):
        piece, right = pieces[number], expected[number]
        return sum(
            np.array_equal(model.predict(piece), right) for _ in range(N_PREDICTIONS)
        )

    with ThreadPoolExecutor(N_THREADS) as pool:
        assert list(pool.map(predict, range(N_THREADS))) == [N_PREDICTIONS] * N_THREADS


@pytest.mark.parametrize("activation", ["relu", "tanh", "elu", "identity"])
def test_predicting_changes_nothing(digits, activation):
    X, y = digits
    model = SpectralClassifier(
        20, linear_expansion=30, activation=activation, max_iter=2, random_state=0
    ).fit(X, y)

    def state():
        everything = {**vars(model), **model._fitted.to_state()}
        return {n: v for n, v in everything.items() if n not in ("_net", "_fitted")}

    before = digest(state())
    given = X.copy()
    for array in (*model.coefs_, *model.intercepts_, given):
        array.flags.writeable = False
    model.predict(given), model.predict_proba(given), model.predict_log_proba(given)
    model.decision_function(given), model.score(given, y)
    _ = model.eigenvalues_, model.eigenvectors_, model.feature_importances_
    assert digest(state()) == before
    np.testing.assert_array_equal(given, X)
