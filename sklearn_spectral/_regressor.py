"""SpectralRegressor: a spectral network behind scikit-learn's regressor API."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from ._base import BaseSpectral, can_train_by_batches
from ._inputs import TrainingData


class SpectralRegressor(RegressorMixin, BaseSpectral):
    """Neural network regressor trained in the spectral domain.

    The network is that of `SpectralClassifier`, with linear outputs and half the
    squared error, averaged over the outputs, as its loss.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Widths of the non-linear layers. ``()`` is a linear model.
    linear_expansion : int, array-like of int, sequence of sequences or None, default=None
        Widths of the linear layers that are there while training only; see
        `SpectralClassifier`.
    activation : {"relu", "tanh", "elu", "identity"}, default="relu"
        The non-linearity. ``"tanh"`` is tanh(beta x) with beta trained, one per layer.
        With ``"identity"`` the network is linear and retracts to one matrix.
    train_eigenvalues : {"both", "out", "in", "paper"}, default="both"
        Which eigenvalues of each layer train; see `SpectralClassifier`.
    train_eigenvectors : bool, default=False
        Whether the eigenvectors train too.
    fit_intercept : bool, default=True
        Whether layers have biases.
    init : {"scaled", "paper", "wide"}, default="scaled"
        Where eigenvalues and eigenvectors start.
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
        Strength of the penalty on the trained eigenvalues. As in `MLPRegressor` it is
        divided by the number of samples (the sum of their weights) when it is added to
        the mean loss.
    alpha_eigenvectors : float, default=0.0
        Strength of the penalty on the trained eigenvectors.
    l1_ratio : float, default=0.0
        The penalties are ``l1_ratio * |v|_1 + (1 - l1_ratio) / 2 * |v|_2^2``.
    early_stopping : bool, default=False
        Whether to stop when R^2 on validation data no longer improves by ``tol`` for
        ``n_iter_no_change`` epochs, and to keep the best weights.
    validation_fraction : float, default=0.1
        Share of the data that early stopping holds out, unless ``X_val`` is given.
    n_iter_no_change : int or inf, default=10
        Epochs without improvement after which training stops: of the validation score
        with early stopping, else of the training loss. With the one-cycle schedule
        the loss must rest within ``tol`` to count as not improving.
    tol : float, default=1e-4
        What counts as an improvement.
    warm_start : bool, default=False
        Whether another call of fit goes on from the weights of the last.
    random_state : int, RandomState instance or None, default=None
        Decides the start, the order of the batches and the validation rows.
    device : str, default="auto"
        Where to train; see `SpectralClassifier`.
    verbose : int, default=0
        1 shows a progress bar, 2 prints a line per epoch.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Weights of the retracted network, if it is linear.
    intercept_ : float or ndarray of shape (n_outputs,)
        Its biases; zeros without ``fit_intercept``.
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of the retracted network, layer by layer.
    intercepts_ : list of ndarray of shape (n_out,)
        Its biases.
    compact_adjacency_ : ndarray of shape (n_features + n_outputs,) * 2
        The paper's A_c, if the network is linear.
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
    n_outputs_ : int
        Number of targets.
    n_parameters_ : int
        Number of trained parameters.
    n_iter_ : int
        Number of epochs trained.
    loss_, best_loss_ : float
        The last and the lowest of ``loss_curve_``.
    loss_curve_ : list of float
        Mean training loss of each epoch.
    validation_scores_ : list of float
        R^2 on the validation data after each epoch, with early stopping.
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
    SpectralClassifier : The same network for classes.
    sklearn.compose.TransformedTargetRegressor : Scales the target, which helps here as
        with any neural network.

    Notes
    -----
    Ctrl-C is treated as by `SpectralClassifier`.

    References
    ----------
    .. [1] L. Giambagli, L. Buffoni, T. Carletti, W. Nocentini, D. Fanelli, "Machine
       learning in spectral domain", Nature Communications 12, 1330 (2021).

    Examples
    --------
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_spectral import SpectralRegressor
    >>> X, y = load_diabetes(return_X_y=True, scaled=True)
    >>> model = TransformedTargetRegressor(
    ...     SpectralRegressor((), linear_expansion=50, random_state=0),
    ...     transformer=StandardScaler(),
    ... )
    >>> model.fit(X, y).score(X, y) > 0.4
    True
    """

    _y_is_numeric = True

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
        """Train the network and retract it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The training data. A sparse or memory-mapped array is made dense one batch
            at a time.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples; those of weight zero are left out.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), optional
            Validation data for early stopping, instead of a part of X.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), optional
            Their targets.

        Returns
        -------
        SpectralRegressor
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
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on the given data, at a constant rate.

        Parameters that need more than one epoch, such as ``early_stopping`` and
        ``learning_rate``, are not used.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A portion of the data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples. Unlike ``fit``, which scales them to a mean of one,
            this takes them as they are: one call cannot know those of the others.

        Returns
        -------
        SpectralRegressor
            The estimator.
        """
        self._train(X, y, sample_weight, partial=True)
        return self

    def predict(self, X):
        """Predict the targets of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions; one-dimensional if the targets of fit were.
        """
        output = self._network_output(X)
        return output[:, 0] if self._y_ndim == 1 else output

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def _loss_name(self) -> str:
        return "squared_error"

    def _n_network_outputs(self) -> int:
        return self.n_outputs_

    def _encode_target(
        self,
        y: Any,
        *,
        reset: bool,
        partial: bool = False,
        classes: Any = None,
        name: str = "y",
    ) -> NDArray[Any]:
        """Return the targets as floats in two dimensions."""
        values = np.asarray(y, dtype=np.float64)
        n_outputs = 1 if values.ndim == 1 else values.shape[1]
        if reset:
            self._y_ndim, self.n_outputs_ = values.ndim, n_outputs
        elif n_outputs != self.n_outputs_:
            raise ValueError(
                f"{name} has {n_outputs} target(s), but {self.n_outputs_} were fitted."
            )
        return values.reshape(-1, n_outputs)

    def _shape_coef(self, weight: NDArray[Any]) -> NDArray[Any]:
        return weight[0] if self._y_ndim == 1 else weight

    def _shape_intercept(self, bias: NDArray[Any]) -> Any:
        return float(bias[0]) if self._y_ndim == 1 else bias

    def _score_output(self, output: NDArray[Any], data: TrainingData) -> float:
        """Return the coefficient of determination."""
        return r2_score(data.target(), output, sample_weight=data.weight())
