"""SpectralPruner: training and pruning as one estimator."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import MetaEstimatorMixin, is_classifier
from sklearn.metrics import get_scorer_names
from sklearn.utils import _safe_indexing, column_or_1d, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples, check_is_fitted

from ..data.rows import is_sliced, row_numbers_error
from ..data.torch_data import is_torch_data, torch_validation_rows
from ..data.training_data import check_both_given, check_weights, hold_out
from ..estimators.calls import explained, fitting_another
from ..estimators.fit_callbacks import CallbackSupportMixin, FitTasks
from ..estimators.labels import are_indicators
from ..estimators.portable import PortableMixin
from ..estimators.stopping import weighted_scorer
from ..estimators.typing import Method, Seed, available_if
from ._functions import AMOUNT_CONSTRAINTS, RANKING_CONSTRAINTS, check_spectral
from ._strategies import STRATEGIES, PruningTask, check_feasible


def _delegated(name: str) -> Callable[[Method], Method]:
    """Offer a method where the pruned estimator, or that to be pruned, has it."""

    def check(pruner: SpectralPruner) -> bool:
        getattr(getattr(pruner, "estimator_", pruner.estimator), name)
        return True

    return available_if(check)


def _of_the_estimator(name: str) -> property:
    """Return a property of the fitted small estimator."""
    return property(lambda pruner: getattr(pruner.estimator_, name))


class SpectralPruner(CallbackSupportMixin, MetaEstimatorMixin, PortableMixin):
    """Train a spectral network and leave a smaller one.

    Hidden nodes are ranked and removed, never those of the output. What is left is a
    network of fewer nodes, with fewer weights to store and to multiply, not a mask.

    Parameters
    ----------
    estimator : SpectralClassifier or SpectralRegressor
        What to train; it is cloned.
    strategy : {"post", "pre", "gradual"}, default="post"
        When nodes are removed:

        - ``"post"``: after training, without any training afterwards;
        - ``"pre"``: after a first training by eigenvalues alone; then eigenvalues and
          eigenvectors of the small network train [1]_;
        - ``"gradual"``: in ``n_steps`` steps between parts of the training, the epochs
          being shared out evenly; fewer nodes are removed at each [2]_.

        A population is merged to one ordinary network before the first removal. The
        nodes of all members are then ranked together, and training goes on with the
        merged network.
    node_score : str, default="auto"
        How to score nodes; those with the lowest score are removed:

        - ``"eigenvalue"``: the distance of its eigenvalue from the number that the
          other set of the layer is fixed to, ``|lambda|`` where that is zero. For
          ``train_eigenvalues="out"`` or ``"in"`` only: if both sets train, a single
          eigenvalue has no meaning;
        - ``"eigenvalue_norm"``: the same times the norm of its eigenvector;
        - ``"weight"``: the norm of its incoming weights;
        - ``"weight_product"``: that times the norm of the outgoing weights;
        - ``"residual"``: the error of the next layer's input on the training data once
          the node, and all nodes with a lower score, are removed. Nodes are removed one
          at a time, always the one that the others can best replace. Its time grows
          with the cube of the width;
        - ``"variance"``: the standard deviation of its activation on the training data,
          times the norm of its outgoing weights;
        - ``"mean"``: its absolute mean activation, times that norm.

        ``"auto"`` is ``"residual"``.
    fraction : float, default=0.5
        Share of the nodes to remove, from 0 to below 1.
    n_nodes : int or None, default=None
        How many nodes to leave, instead of ``fraction``.
    max_score_loss : float or None, default=None
        The loss of score on validation data that you accept, instead of ``fraction``:
        as many nodes are removed as that allows, found by bisection. With ``"pre"`` and
        ``"gradual"`` every number of nodes that is tried is trained, and so is the
        whole network: ten fits for 500 nodes.
    compensation : {"linear", "mean"}, default="linear"
        What replaces the output of removed nodes: its prediction from the nodes that
        are kept, by least squares on the training data, or its mean. The weights and
        biases of the next layer are changed accordingly. A network without biases
        (``fit_intercept=False``) loses the means.
    scope : {"layer", "global"}, default="layer"
        Whether to remove the same share of each layer, or to compare nodes of all
        layers, by their score relative to the root mean square of their layer's scores.
    min_nodes : int, default=1
        How many nodes every layer keeps.
    linear_nodes : bool, default=False
        Whether nodes of linear expansions are removed too. They are not part of the
        retracted network; with ``"pre"``, fewer of them means less to train.
    n_steps : int, default=5
        Number of removals of ``"gradual"``.
    pretrain_iter : int or None, default=None
        Epochs of the first training of ``"pre"``; None is ``max_iter`` of the
        estimator. Its learning rate is always ``"auto"``; that of the estimator is used
        for the second.
    scoring : str, callable or None, default=None
        The score for ``max_score_loss``; None is the estimator's own ``score``. Sample
        weights of the rows held out are used, if it takes any.
    validation_fraction : float, default=0.1
        Share of the data that ``max_score_loss`` holds out, unless ``X_val`` is given.
    random_state : int, RandomState instance or None, default=None
        Decides which rows are held out. The estimator has a random state of its own.

    Attributes
    ----------
    estimator_ : SpectralClassifier or SpectralRegressor
        The fitted estimator of the small network.
    kept_nodes_ : list of ndarray of int
        Which nodes are left, for each layer between input and output of the extended
        network; of a population, of the network that its members merge to.
    n_nodes_ : tuple of int
        How many nodes are left in each layer between input and output. Linear layers,
        such as those of ``linear_expansion="auto"``, are among them.
    node_scores_ : list of ndarray of shape (n_nodes,)
        The score of each node at the first ranking; NaN in layers from which no nodes
        are removed.
    reference_score_, pruned_score_ : float
        The score on validation data of the whole network and of the small one, with
        ``max_score_loss``.
    classes_ : ndarray of shape (n_classes,)
        The class labels, of a classifier.
    coef_, intercept_ : ndarray
        Weights of a linear network; see the estimator.
    feature_importances_ : ndarray of shape (n_features,)
        Those of the small network.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had names that are all strings.

    See Also
    --------
    prune_nodes : The same for an estimator that is fitted already.

    References
    ----------
    .. [1] L. Buffoni, E. Civitelli, L. Giambagli, L. Chicchi, D. Fanelli, "Spectral
       pruning of fully connected layers", Scientific Reports 12, 11201 (2022).
    .. [2] M. Zhu, S. Gupta, "To prune, or not to prune: exploring the efficacy of pruning
       for model compression" (2017), equation 1.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.pruning import SpectralPruner
    >>> X, y = load_digits(return_X_y=True)
    >>> pruner = SpectralPruner(
    ...     SpectralClassifier(200, n_members=1, max_iter=20, random_state=0),
    ...     strategy="pre",
    ...     n_nodes=20,
    ... ).fit(X / 16, y)
    >>> pruner.estimator_.coefs_[0].shape, pruner.score(X / 16, y) > 0.95
    ((64, 20), True)
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [HasMethods(["fit", "predict"])],
        "strategy": [StrOptions(set(STRATEGIES))],
        **RANKING_CONSTRAINTS,
        **AMOUNT_CONSTRAINTS,
        "max_score_loss": [Interval(Real, 0, None, closed="left"), None],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "pretrain_iter": [Interval(Integral, 1, None, closed="left"), None],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    _delegate: ClassVar[str] = "estimator_"  # what predicts, for `unwrap.delegate`

    estimator_: Any
    kept_nodes_: list[NDArray[np.intp]]
    n_nodes_: tuple[int, ...]
    node_scores_: list[NDArray[Any]]
    reference_score_: float
    pruned_score_: float

    @explained
    def __init__(
        self,
        estimator: Any,
        *,
        strategy: str = "post",
        node_score: str = "auto",
        fraction: float = 0.5,
        n_nodes: int | None = None,
        max_score_loss: float | None = None,
        compensation: str = "linear",
        scope: str = "layer",
        min_nodes: int = 1,
        linear_nodes: bool = False,
        n_steps: int = 5,
        pretrain_iter: int | None = None,
        scoring: str | Callable[..., float] | None = None,
        validation_fraction: float = 0.1,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.strategy = strategy
        self.node_score = node_score
        self.fraction = fraction
        self.n_nodes = n_nodes
        self.max_score_loss = max_score_loss
        self.compensation = compensation
        self.scope = scope
        self.min_nodes = min_nodes
        self.linear_nodes = linear_nodes
        self.n_steps = n_steps
        self.pretrain_iter = pretrain_iter
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    @fitting_another
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """Train the network and prune it.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The training data, on which nodes are ranked too.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples.
        X_val : {array-like, sparse matrix, torch Dataset}, optional
            Validation data for ``max_score_loss`` instead of a part of X, and for early
            stopping if the estimator does that.
        y_val : array-like, optional
            Their labels or targets.

        Returns
        -------
        object
            The fitted pruner.

        Raises
        ------
        TypeError
            If the estimator is not spectral.
        ValueError
            If a parameter or the data are not valid, or nodes cannot be ranked or removed
            as asked; the message says what was expected.
        """
        given = X_val is not None or y_val is not None
        self._check_settings(given)
        if is_torch_data(X_val):
            X_val, y_val = torch_validation_rows(X_val, y_val)
        if given:
            check_both_given(X_val, y_val)
        weight_val = None
        if self.max_score_loss is not None and not given:
            X, X_val, y, y_val, sample_weight, weight_val = self._hold_out(
                X, y, sample_weight
            )
        fit_params = {} if sample_weight is None else {"sample_weight": sample_weight}
        if given and self.estimator._uses_validation_data:
            fit_params |= {"X_val": X_val, "y_val": y_val}
        tasks = FitTasks(self, X, y, sample_weight, max_subtasks=None)
        task = PruningTask(self, X, y, fit_params, tasks)
        if self.max_score_loss is None:
            learnt = task.remove()
        else:
            learnt = task.remove_while(self._scorer(X_val, y_val, weight_val))
        for name in ("reference_score_", "pruned_score_"):
            self.__dict__.pop(name, None)
        self.__dict__.update(learnt)
        tasks.end()
        return self

    def _check_settings(self, has_validation_data: bool) -> None:
        """Refuse parameters that contradict each other or the data."""
        check_spectral(self.estimator)
        if self.n_nodes is not None and self.max_score_loss is not None:
            raise ValueError(
                f"n_nodes={self.n_nodes} and max_score_loss={self.max_score_loss} both say "
                "how many nodes to remove; give one of them."
            )
        uses_it = self.estimator._uses_validation_data or self.max_score_loss is not None
        if has_validation_data and not uses_it:
            raise ValueError(
                "X_val and y_val are given, but neither max_score_loss of the pruner nor "
                "early_stopping of the estimator uses them. Set one, or leave them out."
            )
        check_feasible(self)

    def _scorer(self, X_val: Any, y_val: Any, weight: Any) -> Callable[[Any], float]:
        """Return a function that scores a fitted estimator on validation data."""
        scorer = weighted_scorer(self.estimator, self.scoring)
        return lambda fitted: scorer(fitted, X_val, y_val, weight)

    def _hold_out(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, ...]:
        """Split X, y and weights, each into a part to train on and one to validate on."""
        if is_torch_data(X) or is_sliced(X):
            advice = "give X_val and y_val, or use an array"
            raise row_numbers_error("X", X, "max_score_loss without X_val", advice)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        has_classes = is_classifier(self) and not are_indicators(y)
        if has_classes:
            check_classification_targets(column_or_1d(y))
        weight, rows = check_weights(sample_weight, X)
        rows = np.arange(_num_samples(X)) if rows is None else rows
        parts = hold_out(
            rows,
            self.validation_fraction,
            self.random_state,
            _safe_indexing(y, rows) if has_classes else None,
            because=f"max_score_loss={self.max_score_loss}",
            instead="prune by fraction or n_nodes",
        )
        return tuple(
            None if values is None else _safe_indexing(values, part)
            for values in (X, y, weight)
            for part in parts
        )

    @_delegated("predict")
    def predict(self, X: Any) -> NDArray[Any]:
        """Predict with the small network; see the estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Labels, or targets.
        """
        return self._fitted().predict(X)

    @_delegated("predict_proba")
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Predict probabilities with the small network; see the estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            As of the estimator.
        """
        return self._fitted().predict_proba(X)

    @_delegated("predict_log_proba")
    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Predict logarithms of probabilities with the small network; see the estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            As of the estimator.
        """
        return self._fitted().predict_log_proba(X)

    @_delegated("decision_function")
    def decision_function(self, X: Any) -> NDArray[Any]:
        """Return the output before the softmax with the small network; see the estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            As of the estimator.
        """
        return self._fitted().decision_function(X)

    @explained
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Score the small network; see the estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples.

        Returns
        -------
        float
            Accuracy, or R^2.
        """
        return self._fitted().score(X, y, sample_weight=sample_weight)

    def _fitted(self) -> Any:
        check_is_fitted(self)
        return self.estimator_

    # Not there, as hasattr asks it, where the small network does not have them.
    classes_ = _of_the_estimator("classes_")
    coef_ = _of_the_estimator("coef_")
    intercept_ = _of_the_estimator("intercept_")
    feature_importances_ = _of_the_estimator("feature_importances_")
    n_features_in_ = _of_the_estimator("n_features_in_")
    feature_names_in_ = _of_the_estimator("feature_names_in_")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if not hasattr(self.estimator, "__sklearn_tags__"):
            return tags  # fit refuses it
        inner = deepcopy(get_tags(self.estimator))
        for name in ("estimator_type", "classifier_tags", "regressor_tags"):
            setattr(tags, name, getattr(inner, name))
        tags.target_tags, tags.input_tags = inner.target_tags, inner.input_tags
        return tags
