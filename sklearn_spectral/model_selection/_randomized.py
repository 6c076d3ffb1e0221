"""A randomized search whose fits train together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV

from ..files.container import Path_
from ._search import TogetherMixin


class SpectralRandomizedSearchCV(TogetherMixin, RandomizedSearchCV):
    """A randomized search whose fits train together: a drop-in for ``RandomizedSearchCV``.

    It is `SpectralSearchCV` with candidates that are drawn at random.

    Parameters
    ----------
    estimator : estimator
        An estimator of this package, or a Pipeline that ends in one.
    param_distributions : dict or list of dict
        As for ``RandomizedSearchCV``: lists or distributions by the names of parameters.
    n_iter : int, default=10
        How many candidates to draw.
    scoring : str, callable, list, tuple or dict, default=None
        As for `sklearn.model_selection.GridSearchCV`, and so are ``refit``, ``cv``,
        ``pre_dispatch``, ``error_score`` and ``return_train_score``.
    n_jobs : int, default=None
        How many workers there are. Each gets a share of the fits and trains it in runs
        of its own. By default there is one process, which uses torch's threads and
        waits for no workers to start.
    refit : bool, str or callable, default=True
        Whether to fit the best candidate on all data, and by which metric to find it.
    cv : int, splitter or iterable, default=None
        The splits.
    verbose : int, default=0
        Above 0 there is one bar over all epochs of all fits, with the time that is left;
        with several workers joblib's messages.
    pre_dispatch : int or str, default="2*n_jobs"
        How many shares to send to workers ahead.
    random_state : int, RandomState instance or None, default=None
        What candidates are drawn from.
    error_score : "raise" or float, optional
        The score of a fit that fails; NaN by default.
    return_train_score : bool, default=False
        Whether training rows are scored too.
    successive_halving : bool, default=False
        Whether to drop candidates that are behind. At each step those that are left are
        compared by their mean score so far, and the best of every ``factor`` of them go
        on. Candidates that reach the end have the same scores as without halving.
    resource : {"splits", "epochs"}, default="splits"
        What candidates are given more of at each step: splits, each trained to the end,
        or epochs, on all splits. With epochs, candidates that learn slowly are dropped
        early and those that will overfit are kept; it runs in this process, with all
        fits in memory at once.
    factor : float, default=3
        At each step one in ``factor`` candidates goes on.
    min_epochs : int or "auto", default="auto"
        With ``resource="epochs"``, the number of epochs before candidates are first
        compared; ``factor`` times as many before the next time, and so on. ``"auto"``
        is a 25th of ``max_iter`` with early stopping, an eighth without.
    checkpoint_dir : str or path, optional
        A folder that keeps the scores of each fit that is done. A search that is run
        again with the same estimator, data, splits and scoring reads them from there.
        Fits that were not finished start anew; with halving nothing is kept.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        The keys of ``GridSearchCV``; with halving also ``iter``, the step that a
        candidate reached, and ``n_resources``, the number of splits or epochs that its
        scores are of. Candidates that got further then rank first, and scores on splits
        that a candidate did not reach are NaN. The time of a fit is its share of the
        time of its run.
    best_estimator_ : estimator
        The best candidate, fitted on all data by itself.
    best_score_ : float
        Its mean score.
    best_params_ : dict
        Its parameters.
    best_index_ : int
        Its place in ``cv_results_``.
    scorer_ : callable or dict
        The scorer, or a dict of scorers.
    n_splits_ : int
        The number of splits.
    refit_time_ : float
        Seconds that fitting the best candidate took.
    multimetric_ : bool
        Whether several metrics were asked for.

    Raises
    ------
    ValueError
        If a parameter is not valid, or all fits failed.
    OSError
        If ``checkpoint_dir`` cannot be written to.

    Warns
    -----
    UserWarning
        If some fits had to be trained one by one: it says how many, and why.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.model_selection import SpectralRandomizedSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SpectralClassifier(10, n_members=1, max_iter=20, random_state=0)
    >>> rates = {"learning_rate_init": loguniform(0.001, 0.1)}
    >>> search = SpectralRandomizedSearchCV(model, rates, n_iter=4, cv=3, random_state=0)
    >>> len(search.fit(X, y).cv_results_["params"])
    4
    """

    _parameter_constraints: ClassVar[dict] = {
        **RandomizedSearchCV._parameter_constraints,
        **TogetherMixin._parameter_constraints,
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        successive_halving: bool = False,
        resource: str = "splits",
        factor: float = 3,
        min_epochs: int | Literal["auto"] = "auto",
        checkpoint_dir: Path_ | None = None,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.successive_halving = successive_halving
        self.resource = resource
        self.factor = factor
        self.min_epochs = min_epochs
        self.checkpoint_dir = checkpoint_dir

    def _candidates(self) -> list[Mapping[str, Any]]:
        distributions, seed = self.param_distributions, self.random_state
        return [*ParameterSampler(distributions, self.n_iter, random_state=seed)]
