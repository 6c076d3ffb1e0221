"""SpectralClassifier: a spectral network behind scikit-learn's classifier API."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d, compute_class_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from ._base import BaseSpectral, can_train_by_batches
from ._inputs import TrainingData


class SpectralClassifier(ClassifierMixin, BaseSpectral):
    """Neural network classifier trained in the spectral domain.

    Each layer is the square adjacency matrix A = Phi Lambda Phi^-1 of its nodes [1]_.
    Training moves its eigenvalues, one per node, and if asked its eigenvectors, instead
    of one weight per link. Linear layers can be added while training; they are
    retracted afterwards, so that the network that predicts stays small.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Widths of the non-linear layers. ``()`` is a linear classifier.
    linear_expansion : int, array-like of int, sequence of sequences or None, default=None
        Widths of the linear layers that are there while training only. An int or a flat
        sequence stands before the first non-linear layer; a nested sequence has one
        entry per gap between non-linear layers, ``len(hidden_layer_sizes) + 1`` in all.
        More of them give the eigenvalues more to work with.
    activation : {"relu", "tanh", "elu", "identity"}, default="relu"
        The non-linearity. ``"tanh"`` is tanh(beta x) with beta trained, one per layer.
        With ``"identity"`` the network is linear and retracts to one matrix.
    train_eigenvalues : {"both", "out", "in", "paper"}, default="both"
        Which eigenvalues of each layer train: those of the nodes that it feeds
        (``"out"``), of those that it reads (``"in"``), or both. ``"paper"`` is both in
        the first layer and ``"out"`` afterwards.
    train_eigenvectors : bool, default=False
        Whether the eigenvectors train too. The network is then as accurate as one
        trained by its weights, and has more parameters than that: the eigenvalues.
    fit_intercept : bool, default=True
        Whether layers have biases.
    init : {"scaled", "paper", "wide"}, default="scaled"
        Where eigenvalues and eigenvectors start.
    loss : {"log_loss", "brier"}, default="log_loss"
        Cross-entropy, or the squared distance of the predicted probabilities from the
        one-hot label (equation 7 of [1]_).
    solver : {"adamax", "adam", "sgd", "lbfgs"}, default="adamax"
        The optimizer. ``"lbfgs"`` uses all data in each of its ``max_iter`` iterations.
    learning_rate : {"one_cycle", "constant"}, default="one_cycle"
        Whether the rate rises to ``learning_rate_init`` and falls to zero over all of
        ``max_iter`` epochs, or stays. The cycle moves beta_1 of Adam and Adamax too,
        against the rate. Not used by ``"lbfgs"``.
    learning_rate_init : float or "auto", default="auto"
        The highest rate. ``"auto"`` depends on the solver, the schedule and on whether
        eigenvectors train. Not used by ``"lbfgs"``.
    momentum : float, default=0.9
        Nesterov momentum of ``"sgd"``.
    batch_size : int or "auto", default="auto"
        Rows per step; ``"auto"`` is ``min(200, n_samples)``.
    max_iter : int, default=100
        Number of epochs, at most.
    shuffle : bool, default=True
        Whether to draw a new order of the rows each epoch.
    alpha : float, default=0.0
        Strength of the penalty on the trained eigenvalues. As in `MLPClassifier` it is
        divided by the number of samples (the sum of their weights) when it is added to
        the mean loss.
    alpha_eigenvectors : float, default=0.0
        Strength of the penalty on the trained eigenvectors.
    l1_ratio : float, default=0.0
        The penalties are ``l1_ratio * |v|_1 + (1 - l1_ratio) / 2 * |v|_2^2``.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes.
    early_stopping : bool, default=False
        Whether to stop when the accuracy on validation data no longer improves by
        ``tol`` for ``n_iter_no_change`` epochs, and to keep the best weights.
    validation_fraction : float, default=0.1
        Share of the data that early stopping holds out, unless ``X_val`` is given.
    n_iter_no_change : int or inf, default=10
        Epochs without improvement after which training stops: of the validation score
        with early stopping, else of the training loss. With the one-cycle schedule
        the loss must rest within ``tol`` to count as not improving.
    tol : float, default=1e-4
        What counts as an improvement.
    warm_start : bool, default=False
        Whether another call of fit goes on from the weights of the last, with the
        classes of the first.
    random_state : int, RandomState instance or None, default=None
        Decides the start, the order of the batches and the validation rows.
    device : str, default="auto"
        Where to train: ``"auto"`` is a CUDA device if there is one, else the CPU;
        otherwise the name of a torch device. Training on the CPU is in the float type
        of X, elsewhere in float32. Prediction is by numpy on the CPU unless a device
        other than the CPU is named here.
    verbose : int, default=0
        1 shows a progress bar, 2 prints a line per epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Weights of the retracted network, if it is linear.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Its biases; zeros without ``fit_intercept``.
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of the retracted network, layer by layer.
    intercepts_ : list of ndarray of shape (n_out,)
        Its biases.
    compact_adjacency_ : ndarray of shape (n_features + n_outputs,) * 2
        The paper's A_c, if the network is linear: ``coef_`` in the lower left, on the
        diagonal the eigenvalues of the input and of the output nodes.
    eigenvalues_ : list of ndarray of shape (n_in + n_out,)
        Eigenvalues of each layer of the extended network, the input nodes' first.
    eigenvectors_ : list of ndarray of shape (n_out, n_in)
        The block phi of each layer's eigenvectors.
    biases_ : list of ndarray of shape (n_out,)
        Biases of the extended network; empty without ``fit_intercept``.
    activation_slopes_ : list of ndarray of shape ()
        The trained beta of each tanh. It is part of ``coefs_`` already.
    feature_importances_ : ndarray of shape (n_features,)
        Norm of each feature's weights into the first retracted layer, summing to 1.
    n_parameters_ : int
        Number of trained parameters.
    n_iter_ : int
        Number of epochs trained.
    loss_, best_loss_ : float
        The last and the lowest of ``loss_curve_``.
    loss_curve_ : list of float
        Mean training loss of each epoch.
    validation_scores_ : list of float
        Accuracy on the validation data after each epoch, with early stopping.
    best_validation_score_ : float
        The highest of them, which belongs to the weights kept.
    stop_reason_ : str
        Why training ended: ``"max_iter"``, ``"converged"``, ``"early_stopping"``,
        ``"diverged"`` or ``"interrupted"``.
    device_ : str
        Where it was trained.
    net_ : SpectralNet
        The skorch net around the extended network. It stays in the process that
        trained it; ``to_network()`` builds the network anywhere.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had names that are all strings.

    See Also
    --------
    SpectralRegressor : The same network for numbers.
    sklearn_spectral.nn.SpectralNetwork : The network as a torch module.

    Notes
    -----
    Ctrl-C during fit reaches the caller as KeyboardInterrupt. If an epoch was done, the
    estimator then holds the weights of the last whole one (with early stopping, of the
    best one), with a ConvergenceWarning and ``stop_reason_`` set to ``"interrupted"``; if
    not, it is what it was before. Any other error leaves it as it was before.

    References
    ----------
    .. [1] L. Giambagli, L. Buffoni, T. Carletti, W. Nocentini, D. Fanelli, "Machine
       learning in spectral domain", Nature Communications 12, 1330 (2021).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_spectral import SpectralClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), SpectralClassifier(random_state=0))
    >>> model.fit(X, y).score(X, y) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseSpectral._parameter_constraints,
        "loss": [StrOptions({"log_loss", "brier"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        linear_expansion=None,
        activation="relu",
        *,
        train_eigenvalues="both",
        train_eigenvectors=False,
        fit_intercept=True,
        init="scaled",
        loss="log_loss",
        solver="adamax",
        learning_rate="one_cycle",
        learning_rate_init="auto",
        momentum=0.9,
        batch_size="auto",
        max_iter=100,
        shuffle=True,
        alpha=0.0,
        alpha_eigenvectors=0.0,
        l1_ratio=0.0,
        class_weight=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        random_state=None,
        device="auto",
        verbose=0,
    ):
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes,
            linear_expansion=linear_expansion,
            activation=activation,
            train_eigenvalues=train_eigenvalues,
            train_eigenvectors=train_eigenvectors,
            fit_intercept=fit_intercept,
            init=init,
            solver=solver,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            momentum=momentum,
            batch_size=batch_size,
            max_iter=max_iter,
            shuffle=shuffle,
            alpha=alpha,
            alpha_eigenvectors=alpha_eigenvectors,
            l1_ratio=l1_ratio,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            random_state=random_state,
            device=device,
            verbose=verbose,
        )
        self.loss = loss
        self.class_weight = class_weight

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
        """Train the network and retract it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The training data. A sparse or memory-mapped array is made dense one batch
            at a time.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples; those of weight zero are left out.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), optional
            Validation data for early stopping, instead of a part of X. In a Pipeline,
            ``transform_input=["X_val"]`` has them transformed as X is.
        y_val : array-like of shape (n_val,), optional
            Their labels.

        Returns
        -------
        SpectralClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid; the message says what was
            expected.
        KeyboardInterrupt
            On Ctrl-C; see the notes of the class.
        """
        self._train(X, y, sample_weight, X_val, y_val)
        return self

    @available_if(can_train_by_batches)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on the given data, at a constant rate.

        Parameters that need more than one epoch, such as ``early_stopping`` and
        ``learning_rate``, are not used.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A portion of the data.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), optional
            All classes there will be; needed at the first call.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples. Unlike ``fit``, which scales them to a mean of one,
            this takes them, and those of the classes, as they are: one call cannot know
            those of the others.

        Returns
        -------
        SpectralClassifier
            The estimator.

        Raises
        ------
        ValueError
            If classes are missing at the first call, differ later, or y has others.
        """
        self._train(X, y, sample_weight, partial=True, classes=classes)
        return self

    def predict(self, X):
        """Predict the class of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels.
        """
        winners = _winners(self._network_output(X))
        return self.classes_[winners]

    def decision_function(self, X):
        """Return the output of the last layer before the softmax.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            One number per sample for two classes, the logit of ``classes_[1]``. For a
            linear network it is ``X @ coef_.T + intercept_``.
        """
        output = self._network_output(X)
        return output[:, 0] if output.shape[1] == 1 else output

    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([expit(-scores), expit(scores)])
        return softmax(scores, axis=1)

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probabilities, in the order of ``classes_``; minus infinity where the
            probability is zero as a float.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _loss_name(self) -> str:
        return self.loss

    def _n_network_outputs(self) -> int:
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _encode_target(
        self,
        y: Any,
        *,
        reset: bool,
        partial: bool = False,
        classes: Any = None,
        name: str = "y",
    ) -> NDArray[Any]:
        """Return the index of each label."""
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        found, index = np.unique(y, return_inverse=True)
        if reset:
            self.classes_ = _first_classes(classes) if partial else _at_least_two(found)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={np.unique(classes).tolist()} differ from those of the earlier "
                f"fit, {self.classes_.tolist()}."
            )
        unknown = found[~np.isin(found, self.classes_)]
        if len(unknown):
            raise ValueError(
                f"{name} has labels that are not among the classes: {unknown.tolist()}; "
                f"the classes are {self.classes_.tolist()}."
            )
        return np.searchsorted(self.classes_, found)[index].astype(np.int64)

    def _reweight(self, data: TrainingData, *, partial: bool) -> NDArray[Any] | None:
        """Multiply the weights of the classes into those of the samples."""
        present = np.unique(data.target())
        if not partial:
            dropped = ", after samples of weight zero were dropped,"
            _at_least_two(
                self.classes_[present], "y" if data.rows is None else "y" + dropped
            )
        if self.class_weight is None:
            return data.sample_weight
        of_class = np.ones(len(self.classes_))
        if isinstance(self.class_weight, dict):
            unknown = sorted(set(self.class_weight) - set(self.classes_.tolist()), key=str)
            if unknown:
                raise ValueError(
                    f"class_weight names {unknown}, which are not among the classes "
                    f"{self.classes_.tolist()}."
                )
            of_class[:] = [self.class_weight.get(label, 1.0) for label in self.classes_]
        elif partial:
            raise ValueError(
                "class_weight='balanced' cannot be known from a part of the data. For "
                "partial_fit give a dict of weights, or sample_weight."
            )
        else:
            of_class[present] = compute_class_weight(
                "balanced",
                classes=self.classes_[present],
                y=self.classes_[data.target()],
                sample_weight=data.weight(),
            )
        if not (np.isfinite(of_class).all() and (of_class >= 0).all()):
            raise ValueError(
                f"class_weight={self.class_weight!r} has a weight that is negative or not "
                "finite."
            )
        if not (partial or of_class[present].any()):
            raise ValueError(
                f"class_weight={self.class_weight!r} leaves no weight to any class in y."
            )
        of_sample = of_class[data.y]
        return of_sample if data.sample_weight is None else of_sample * data.sample_weight

    def _score_output(self, output: NDArray[Any], data: TrainingData) -> float:
        """Return the accuracy."""
        return accuracy_score(data.target(), _winners(output), sample_weight=data.weight())


def _winners(output: NDArray[Any]) -> NDArray[np.intp]:
    """Return the index of the class that each row of the network's output favours."""
    if output.shape[1] == 1:
        return (output[:, 0] > 0).astype(np.intp)
    return output.argmax(axis=1)


def _at_least_two(classes: NDArray[Any], where: str = "y") -> NDArray[Any]:
    """Refuse a single class."""
    if len(classes) < 2:
        raise ValueError(
            f"{where} has one class only, {classes.tolist()}; a classifier needs two or "
            "more classes."
        )
    return classes


def _first_classes(classes: Any) -> NDArray[Any]:
    """Return the classes that the first call of partial_fit announces."""
    if classes is None:
        raise ValueError(
            "The first call of partial_fit needs classes: all labels that any later "
            "call may bring."
        )
    return _at_least_two(np.unique(column_or_1d(classes)), "classes")
