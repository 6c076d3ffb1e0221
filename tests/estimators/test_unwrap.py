"""The model in wrappers, and which of them predict what it predicts."""

import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.estimators.unwrap import delegate, innermost, nested
from sklearn_spectral.pruning import SpectralPruner

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_from_the_outside_to_the_network(cancer):
    pruner = SpectralPruner(SpectralClassifier(5, max_iter=1, random_state=0))
    search = GridSearchCV(make_pipeline(StandardScaler(), pruner), {}, cv=2).fit(*cancer)
    best = search.best_estimator_
    network = best[-1].estimator_
    assert [*nested(search)] == [search, best, best[-1], network]
    assert innermost(search) is innermost(network) is network
    assert delegate(search) is best
    assert delegate(best[-1]) is network
    assert delegate(best) is None
    assert delegate(network) is None


def test_wrappers_that_predict_something_else(cancer, diabetes):
    selector = RFE(SpectralClassifier(5, max_iter=1), step=0.9)
    scaled = TransformedTargetRegressor(SpectralRegressor(5, max_iter=1))
    wrapped = ((selector, cancer, "estimator_"), (scaled, diabetes, "regressor_"))
    for wrapper, data, name in wrapped:
        assert innermost(wrapper.fit(*data)) is getattr(wrapper, name)
        assert delegate(wrapper) is None
    bagging = BaggingClassifier(SpectralClassifier(5, max_iter=1), n_estimators=1)
    assert innermost(bagging.fit(*cancer)) is bagging
    with pytest.raises(NotFittedError):
        innermost(make_pipeline(SpectralClassifier()))
