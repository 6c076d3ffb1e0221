"""SpectralRegressor: a spectral network behind scikit-learn's regressor API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from ..files.container import Path_
from ..spec.architecture import HiddenLayerSizes, LinearExpansion
from ..spec.parametrizations import RANK
from .calls import explained
from .direct_regressor import DirectRegressor
from .grouped import GroupedFitMixin
from .members import RegressorMembersMixin
from .regression import NetworkRegressorMixin
from .spectral import BaseSpectral
from .typing import Scoring, Seed


class SpectralRegressor(
    GroupedFitMixin, NetworkRegressorMixin, RegressorMembersMixin, BaseSpectral
):
    """Neural network regressor trained in the spectral domain.

    The network is that of `SpectralClassifier`, with linear outputs and by default half the
    squared error, averaged over the outputs, as its loss.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Widths of the non-linear layers. ``()`` is a linear model.
    activation : {"relu", "tanh", "logistic", "elu", "identity"}, default="relu"
        The non-linearity. ``"tanh"`` is tanh(beta x) with beta trained, one per layer.
        With ``"identity"`` the network is linear and retracts to one matrix.
    linear_expansion : "auto", int, array-like of int, sequence of sequences or None
        Widths of the linear layers that are there while training only, by default
        ``"auto"``; see `SpectralClassifier`.
    train_eigenvalues : {"both", "out", "in", "paper"}, default="both"
        Which eigenvalues of each layer train; see `SpectralClassifier`.
    train_eigenvectors : bool or str, default=True
        Whether the eigenvectors train too. With True all weights are free, and eigenvalues
        train beside them.
        ``"svd"`` trains only the singular values of their block phi, ``"qr"`` only its
        triangular factor [2]_, ``"gains"`` only one factor per row of it. ``"readout"``
        trains those of the last layer alone. With ``"kronecker"`` phi is a sum of ``rank``
        Kronecker products [4]_ whose factors train: the nodes of a layer are a grid, whose
        rows and columns mix. That takes very few parameters, and suits square images whose
        pixels come row by row, one number each. The grid is as square as possible; 32
        nodes or fewer are a column.
    rank : int or array-like of int, default=4
        How many Kronecker products with ``train_eigenvectors="kronecker"``: one number
        for all layers, or one for each, linear ones included.
    n_members : int or "auto", default="auto"
        How many networks train at once on the same eigenvectors; see `SpectralClassifier`.
    bag_fraction : float or "auto", default="auto"
        Share of the rows that each member is trained on; see `SpectralClassifier`.
    fit_intercept : bool, default=True
        Whether layers have biases.
    standardize : bool, default=True
        Whether training sees each feature, and each target, with mean zero and standard
        deviation one, over the rows that train and by their weights. Both fold into the
        first and the last layer of the retracted network, so that what is fitted is in the
        units of X and y; the loss is in those of standardised targets. With the losses
        ``"absolute_error"``, ``"huber"`` and ``"quantile"`` it is the median and the median
        absolute deviation of targets; with ``"poisson"`` and ``"gamma"`` targets are
        divided by their mean.
        Sparse features are not centred, and without ``fit_intercept`` none are. A first
        ``partial_fit`` decides for all later ones, as does a fit for those that go on from
        it.
    init : str, default="scaled"
        Where eigenvalues and eigenvectors start: ``"scaled"`` keeps signals at their
        size; ``"paper"`` is the start of [1]_, ``"wide"`` that of its authors' code.
        ``"covariance"`` and ``"sqrt_covariance"`` are the paper's with the eigenvectors
        of the first layer drawn along the directions in which the training data vary:
        with the covariance of the data, or with its square root. They suit images and
        other correlated features, up to 5,000 of them. ``partial_fit`` takes the
        covariance from its first portion, which must have more rows than features.
    loss : str or callable, default="squared_error"
        What training makes small, on the mean over samples and outputs:

        - ``"squared_error"``: half the square of the error; predicts means;
        - ``"absolute_error"``: its size; predicts medians;
        - ``"huber"``: half the square up to ``huber_delta``, from there on linear: between
          both, for targets of which some are far off;
        - ``"quantile"``: the pinball loss of ``quantile``;
        - ``"poisson"``: half the deviance of counts, which may be zero; what is predicted
          is the exponential of the network's output;
        - ``"gamma"``: half the deviance of a gamma distribution, for targets above zero
          whose spread is proportional to their mean; predictions as with ``"poisson"``.

        A callable takes torch tensors, outputs of the network and targets, both
        (n_samples, n_outputs), and returns the loss of each sample. Targets are not
        standardised for it. A file does not hold it.
    quantile : float or array-like of float, default=0.5
        The quantile that ``loss="quantile"`` predicts, above 0 and below 1, or several in
        increasing order: one network predicts all of them, and in order.
    huber_delta : float, default=1.35
        The error from which on ``loss="huber"`` is linear, in units of how far targets
        spread (1.48 times their median absolute deviation from the median); of y itself
        without ``standardize``.
    solver : {"adamax", "adam", "sgd", "lbfgs"}, default="adamax"
        The optimizer. ``"lbfgs"`` uses all data in each of its ``max_iter`` iterations.
    learning_rate : {"auto", "one_cycle", "constant"}, default="auto"
        Whether the rate rises to ``learning_rate_init`` and falls to zero over
        ``max_iter`` epochs, or is constant. The cycle also moves beta_1 of Adam and Adamax,
        in the opposite direction. ``"auto"`` is ``"constant"`` with early stopping, which
        does not wait for the end of a cycle, else ``"one_cycle"``. Not used by ``"lbfgs"``.
    learning_rate_init : float or "auto", default="auto"
        The highest rate. ``"auto"`` depends on the solver, the schedule, ``init`` and on
        whether eigenvectors train; it also makes ``"sgd"`` clip long gradients. Not used by
        ``"lbfgs"``.
    momentum : float, default=0.9
        Nesterov momentum of ``"sgd"``.
    batch_size : int or "auto", default="auto"
        Rows per step. ``"auto"`` is ``min(200, n_samples)``; for several members it is a
        twentieth of the rows, but at least 64 and at most that.
    max_iter : int, default=200
        Number of epochs, at most.
    shuffle : bool or "blocks", default=True
        Whether to draw a new order of the rows each epoch. ``"blocks"`` draws an order in
        which a large memory-mapped file is read quickly: whole blocks of rows in a new
        order, with the rows of some blocks shuffled together. Arrays that are read by
        slices, as those of HDF5 and Zarr, are always shuffled in this way.
    alpha : float, default=0.0
        Strength of the penalty on the trained eigenvalues. As in `MLPRegressor` it is
        divided by the number of samples (the sum of their weights) when it is added to
        the mean loss. If only one set of eigenvalues trains, it acts on their distance
        from the number that the other set has, at which the weights vanish.
    alpha_eigenvectors : float, default=0.0
        Strength of the penalty on the trained eigenvectors. Together with ``alpha`` it
        makes whole nodes vanish [3]_.
    l1_ratio : float, default=0.0
        The penalties are ``l1_ratio * |v|_1 + (1 - l1_ratio) / 2 * |v|_2^2``.
    l1_ratio_eigenvectors : float or None, default=None
        The same for the eigenvectors alone; None is ``l1_ratio``.
    early_stopping : bool or "auto" or "oob", default="auto"
        Whether to stop when the score of rows that do not train has not improved by
        ``tol`` for ``n_iter_no_change`` epochs, and to use the best weights. True uses
        ``X_val``, or holds rows out. ``"oob"`` holds none out: rows are predicted by the
        members that were not trained on them. It needs two members or more and
        ``bag_fraction`` below 1. ``"auto"`` is True with ``X_val``. Without, it holds rows
        out in two cases: with more than 1,000 features and ``n_members="auto"``; and if
        eigenvectors of a population are trained on 5,000 rows times outputs or more, since
        eigenvectors, which members share, then know too much of the rows left out (not
        with ``groups`` or streams). Else it is ``"oob"`` if there are bags, and False if
        not.
    scoring : str, callable or None, default=None
        The score of early stopping: the name of a scorer of scikit-learn, or a callable
        ``scorer(estimator, X, y)`` that returns a number, higher for better. None is minus
        the loss. Out of bag, a callable gets None as X; the estimator then predicts all
        rows of y, each by the members that left it out.
    validation_fraction : float or "auto", default="auto"
        Share of the data that early stopping holds out, unless ``X_val`` is given.
        ``"auto"`` is a tenth. For populations it is a twentieth, raised to 100 rows where
        100 are at most a tenth.
    n_iter_no_change : int, inf or "auto", default="auto"
        Epochs without improvement after which training stops: of the validation score
        with early stopping, else of the training loss. With the one-cycle schedule
        the loss must stay within ``tol`` to count as not improving. ``"auto"`` is 5 with
        averaged weights that are scored out of bag, or that are those of the single network
        for more than 1,000 features; else it is 10.
    tol : float, default=1e-4
        What counts as an improvement.
    averaging : float or "auto", default="auto"
        Decay of the running average of the weights over the steps, which is scored and
        used instead of the last weights; 0 uses the last ones. ``"auto"`` is 0.98 with
        early stopping and else 0. Not used by ``"lbfgs"`` and ``partial_fit``.
    warm_start : bool, default=False
        Whether the next call of fit goes on from the weights of the last. Other eigenvalues
        and eigenvectors may train than before.
    random_state : int, RandomState instance or None, default=None
        Decides the start, the order of the batches and the validation rows.
    device : str, default="auto"
        Where to train; see `SpectralClassifier`.
    telescope : str
        How linear stacks are computed; see `SpectralClassifier`.
    checkpoint_dir : str, path-like or None, default=None
        A folder to which ``fit`` writes each epoch. A fit that was killed goes on from its
        last epoch when it is called again with the same data and parameters. Missing
        folders are made. ``solver="lbfgs"`` does not use it, and warns. See the user guide.
    data_parallel : bool, default=False
        Whether ``fit`` and ``partial_fit`` train one network together with the other
        processes of the default group of ``torch.distributed``, which all call them with
        the same data and parameters. Each takes its part of every batch, and only the
        gradient of what trains is sent. ``batch_size`` is that of all together.
    verbose : int, default=0
        1 shows a progress bar, 2 prints a line per epoch. Both say why, if training stops
        early.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Weights of the retracted network, if it is linear.
    intercept_ : float or ndarray of shape (n_outputs,)
        Its biases; zeros without ``fit_intercept``.
    coefs_ : list of ndarray or bsr_array of shape (n_in, n_out)
        Weights of the retracted network, layer by layer. Between the hidden layers of a
        population they are block-diagonal, and stored as blocks.
    intercepts_ : list of ndarray of shape (n_out,)
        Its biases.
    compact_adjacency_ : ndarray of shape (n_features + n_outputs,) * 2
        The paper's A_c, if the network is linear; see `SpectralClassifier`.
    eigenvalues_in_, eigenvalues_out_ : list of ndarray of shape (n_in,) and (n_out,)
        Eigenvalues of the nodes that each layer of the extended network reads and feeds.
        In a population these, ``eigenvalues_``, ``biases_`` and ``activation_slopes_``
        have one more axis in front: the members.
    eigenvalues_ : list of ndarray of shape (n_in + n_out,)
        Both of them, one after the other: the diagonal of Lambda of each layer.
    eigenvectors_ : list of ndarray of shape (n_out, n_in)
        The block phi of each layer's eigenvectors.
    biases_ : list of ndarray of shape (n_out,)
        Biases of the extended network; empty without ``fit_intercept``.
    activation_slopes_ : list of ndarray of shape ()
        The trained beta of each tanh, which ``coefs_`` include already.
    feature_importances_ : ndarray of shape (n_features,)
        Norm of each feature's weights into the first retracted layer, summing to 1.
    n_outputs_ : int
        Number of targets.
    n_parameters_ : int
        Number of trained parameters.
    architecture_ : Architecture
        The widths of the extended network; print it to read them.
    telescope_plan_ : list of StackPlan
        How each stack of linear layers was computed while training, and what the other
        strategies would have cost; print one to read it.
    n_iter_ : int
        Number of epochs of the last call of ``fit`` or ``partial_fit``. ``loss_curve_`` has
        those of earlier calls too, where training went on.
    loss_, best_loss_ : float
        The last and the lowest of ``loss_curve_``.
    loss_curve_ : list of float
        Mean training loss of each epoch.
    validation_scores_ : list of float
        The score after each epoch, by ``scoring``, of the rows that early stopping uses:
        minus their loss by default. Only with early stopping.
    best_validation_score_ : float
        The highest of them: that of the weights that are used.
    oob_score_ : float
        R^2 out of bag, with ``bag_fraction`` below 1: each row is predicted by the mean of
        the members that were not trained on it. All rows of positive weight count alike.
        It does not exist after ``partial_fit``, nor (with a warning) if a fit went on from
        weights that saw the rows left out.
    oob_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        What these members predict. It is not written to files.
    stop_reason_ : str
        Why training ended: ``"max_iter"``, ``"converged"``, ``"early_stopping"``,
        ``"callback"``, ``"diverged"``, ``"interrupted"`` or, after ``from_direct``,
        ``"not_trained"``.
    device_ : str
        Where it was trained.
    net_ : skorch.NeuralNet
        The skorch net with the extended network. It exists in the process that trained it
        only; ``to_network()`` builds the network anywhere.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had names that are all strings.

    See Also
    --------
    SpectralClassifier : The same network for classes.
    sklearn.compose.TransformedTargetRegressor : Takes logarithms of the target, or what
        else it needs beside the standardising that is done here.

    Notes
    -----
    Ctrl-C is treated as by `SpectralClassifier`.

    References
    ----------
    .. [1] L. Giambagli, L. Buffoni, T. Carletti, W. Nocentini, D. Fanelli, "Machine
       learning in spectral domain", Nature Communications 12, 1330 (2021).
    .. [2] L. Chicchi, L. Giambagli, L. Buffoni, T. Carletti, M. Ciavarella, D. Fanelli,
       "Training of sparse and dense deep neural networks: Fewer parameters, same
       performance", Physical Review E 104, 054312 (2021).
    .. [3] L. Giambagli, L. Buffoni, L. Chicchi, D. Fanelli, "How a student becomes a
       teacher: learning and forgetting through spectral methods", NeurIPS (2023).
    .. [4] C. F. Van Loan, N. Pitsianis, "Approximation with Kronecker products", in
       Linear Algebra for Large Scale and Real-Time Applications (1993), pages 293-314.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_spectral import SpectralRegressor
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> SpectralRegressor(random_state=0).fit(X, y).score(X, y) > 0.4
    True
    """

    _direct_type = DirectRegressor

    _parameter_constraints: ClassVar[dict] = {
        **BaseSpectral._parameter_constraints,
        **NetworkRegressorMixin._parameter_constraints,
    }

    @explained
    def __init__(
        self,
        hidden_layer_sizes: HiddenLayerSizes = (100,),
        activation: str = "relu",
        *,
        linear_expansion: LinearExpansion | Literal["auto"] = "auto",
        train_eigenvalues: str = "both",
        train_eigenvectors: bool | str = True,
        rank: int | Sequence[int] = RANK,
        n_members: int | Literal["auto"] = "auto",
        bag_fraction: float | Literal["auto"] = "auto",
        fit_intercept: bool = True,
        standardize: bool = True,
        init: str = "scaled",
        loss: str | Callable[..., Any] = "squared_error",
        quantile: Any = 0.5,
        huber_delta: float = 1.35,
        solver: str = "adamax",
        learning_rate: str = "auto",
        learning_rate_init: float | Literal["auto"] = "auto",
        momentum: float = 0.9,
        batch_size: int | Literal["auto"] = "auto",
        max_iter: int = 200,
        shuffle: bool | Literal["blocks"] = True,
        alpha: float = 0.0,
        alpha_eigenvectors: float = 0.0,
        l1_ratio: float = 0.0,
        l1_ratio_eigenvectors: float | None = None,
        early_stopping: bool | Literal["auto", "oob"] = "auto",
        scoring: Scoring = None,
        validation_fraction: float | Literal["auto"] = "auto",
        n_iter_no_change: float | Literal["auto"] = "auto",
        tol: float = 1e-4,
        averaging: float | Literal["auto"] = "auto",
        warm_start: bool = False,
        random_state: Seed = None,
        device: str = "auto",
        telescope: str = "auto",
        checkpoint_dir: Path_ | None = None,
        data_parallel: bool = False,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            linear_expansion=linear_expansion,
            train_eigenvalues=train_eigenvalues,
            train_eigenvectors=train_eigenvectors,
            rank=rank,
            n_members=n_members,
            bag_fraction=bag_fraction,
            fit_intercept=fit_intercept,
            standardize=standardize,
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
            l1_ratio_eigenvectors=l1_ratio_eigenvectors,
            early_stopping=early_stopping,
            scoring=scoring,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            averaging=averaging,
            warm_start=warm_start,
            random_state=random_state,
            device=device,
            telescope=telescope,
            checkpoint_dir=checkpoint_dir,
            data_parallel=data_parallel,
            verbose=verbose,
        )
        self.loss = loss
        self.quantile = quantile
        self.huber_delta = huber_delta
