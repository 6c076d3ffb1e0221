"""DirectClassifier: a network in direct space behind scikit-learn's classifier API.

It shares the training code of the spectral estimator, so that a comparison differs in what
trains and in nothing else.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from ..files.container import Path_
from ..spec.architecture import HiddenLayerSizes, LinearExpansion
from .calls import explained
from .classification import NetworkClassifierMixin
from .direct import BaseDirect
from .typing import Scoring, Seed


class DirectClassifier(NetworkClassifierMixin, BaseDirect):
    """Neural network classifier trained in direct space, whole or constrained.

    The rival of `SpectralClassifier`: the same network, batches, solvers and schedules,
    but weights are trained instead of eigenvalues [1]_.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Widths of the non-linear layers. ``()`` is a linear model.
    activation : {"relu", "tanh", "logistic", "elu", "identity"}, default="relu"
        The non-linearity; a tanh has no trained slope.
    linear_expansion : int, array-like of int, sequence of sequences or None, default=None
        Widths of linear layers, as in `SpectralClassifier`; retracted after training.
    parametrization : str, default="weights"
        What trains beside the biases:

        - ``"weights"``: all weights, as in any neural network;
        - ``"subset"``: ``n_weights`` of them, drawn at random over all layers, as in the
          constrained network of [1]_;
        - ``"gains"``: one factor per node that a layer feeds;
        - ``"readout"``: the weights and biases of the last layer only, the rest being
          random features;
        - ``"low_rank"``: the factors of W = U V of rank ``rank``;
        - ``"singular_values"``: s of W = U diag(s) V^T, the singular vectors being those
          of the start (reference 22 of [1]_);
        - ``"qr"``: R of W = Q R, or of W^T = Q R where that is the narrower one;
        - ``"biases"``: no weight [2]_;
        - ``"half"``: one factor per node that a layer feeds, and all weights of the last
          layer [3]_;
        - ``"hashed"``: ``n_weights`` numbers, of which each weight is one or its negative,
          at random [4]_;
        - ``"random_subspace"``: ``n_weights`` numbers, of which four are added to each
          weight of the start, at random and with random signs [5]_;
        - ``"lora"``: U, V and b of W = b W_0 + U V of rank ``rank``, W_0 being the start
          [6]_;
        - ``"covariance"``: V of W = U V of rank ``rank``, by which the rows of W are random
          and their covariance V^T V is learned, and all weights of the last layer [7]_;
        - ``"kronecker"``: the factors of a sum of ``rank`` Kronecker products [8]_; see
          `SpectralClassifier`.
    n_weights : int, array-like of int or None, default=None
        How many weights train with ``parametrization="subset"``, or numbers with
        ``"hashed"`` and ``"random_subspace"``, which need it. For the last two also one
        number for each layer, linear ones included; one for all is divided by their sizes.
    frozen_init : {"start", "zero"}, default="start"
        What the other weights are for ever with ``parametrization="subset"``.
    rank : int or array-like of int, default=10
        The rank for ``"low_rank"``, ``"lora"`` and ``"covariance"``, or the number of
        products for ``"kronecker"``: for all layers or one for each. A narrower layer takes
        its own width, and then has more numbers in its factors than in its weight.
    fit_intercept : bool, default=True
        Whether layers have biases.
    standardize : bool, default=True
        Whether to scale each feature to mean zero and standard deviation one for training,
        over the rows that train and with their weights. Scaling is folded into the first
        layer of the retracted network, so that the fitted network is in the units of X.
        Sparse features are not centred, and none are without ``fit_intercept``. A first
        ``partial_fit`` decides for all later ones, and a fit for those that go on from it.
    init : {"glorot", "scaled"}, default="glorot"
        Uniform starting weights of variance 2 / (n_in + n_out), or of variance 1 / n_in:
        the latter are those of `SpectralClassifier` with the same ``random_state``.
    loss : {"log_loss", "brier"} or callable, default="log_loss"
        As in `SpectralClassifier`.
    label_smoothing : float, default=0.0
        As in `SpectralClassifier`.
    solver : {"adamax", "adam", "sgd", "lbfgs"}, default="adamax"
        The optimizer.
    learning_rate : {"one_cycle", "constant"}, default="one_cycle"
        As in `SpectralClassifier`.
    learning_rate_init : float or "auto", default="auto"
        The highest rate. ``"auto"`` depends on the solver, the schedule and on what trains;
        with it ``"sgd"`` cuts gradients that are too long.
    momentum : float, default=0.9
        Nesterov momentum of ``"sgd"``.
    batch_size : int or "auto", default="auto"
        Rows per step; ``"auto"`` is ``min(200, n_samples)``.
    max_iter : int, default=100
        Number of epochs, at most.
    shuffle : bool or "blocks", default=True
        Whether to draw a new order of the rows each epoch. ``"blocks"`` draws an order in
        which a large memory-mapped file is read quickly: whole blocks of rows in a new
        order, with the rows of some blocks shuffled together. Arrays that are read by
        slices, as those of HDF5 and Zarr, are always shuffled in this way.
    alpha : float, default=0.0
        Strength of the penalty on what trains, divided by the number of samples; biases
        are not penalised.
    l1_ratio : float, default=0.0
        The penalty is ``l1_ratio * |v|_1 + (1 - l1_ratio) / 2 * |v|_2^2``.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; classes that a dict does not name have weight 1. A dict that
        names all classes of y may name others too, since some folds may lack a class.
    early_stopping : bool, default=False
        Whether to stop when the score of validation data no longer improves.
    scoring : str, callable or None, default=None
        What early stopping goes by: the name of a scorer of scikit-learn, or a callable
        ``scorer(estimator, X, y)`` that returns a number, higher for better. None is the
        loss, with a minus.
    validation_fraction : float, default=0.1
        Share of the data that early stopping holds out, unless ``X_val`` is given.
    n_iter_no_change : int or inf, default=10
        Epochs without improvement after which training stops.
    tol : float, default=1e-4
        What counts as an improvement.
    warm_start : bool, default=False
        Whether another call of fit goes on from the weights of the last.
    random_state : int, RandomState instance or None, default=None
        Decides the start, the subset, the order of the batches and the validation rows.
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
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    coef_, intercept_, coefs_, intercepts_ : ndarray or list of ndarray
        Weights and biases of the retracted network; see `SpectralClassifier`.
    feature_importances_ : ndarray of shape (n_features,)
        Norm of each feature's weights into the first retracted layer, summing to 1.
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
    validation_scores_, best_validation_score_ : list of float, float
        Score on the validation data after each epoch and the highest, with early
        stopping.
    stop_reason_ : str
        Why training ended: ``"max_iter"``, ``"converged"``, ``"early_stopping"``,
        ``"callback"``, ``"diverged"``, ``"interrupted"`` or, of what ``from_spectral``
        returns, ``"not_trained"``.
    device_ : str
        Where it was trained.
    net_ : skorch.NeuralNet
        The skorch net, in the process that trained it.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had names that are all strings.

    See Also
    --------
    sklearn_spectral.SpectralClassifier : The network trained in the spectral domain.
    sklearn_spectral.nn.DirectNetwork : The network as a torch module.

    Notes
    -----
    Ctrl-C during fit is treated as by the spectral estimators.

    References
    ----------
    .. [1] L. Giambagli, L. Buffoni, T. Carletti, W. Nocentini, D. Fanelli, "Machine
       learning in spectral domain", Nature Communications 12, 1330 (2021).
    .. [2] E. Williams et al., "Expressivity of neural networks with random weights and
       learned biases" (2024), arXiv 2407.00957.
    .. [3] E. Alpaydin, "Half-layered neural networks" (2025), arXiv 2506.04352.
    .. [4] W. Chen, J. T. Wilson, S. Tyree, K. Q. Weinberger, Y. Chen, "Compressing neural
       networks with the hashing trick", ICML (2015), arXiv 1504.04788.
    .. [5] C. Li, H. Farkhoor, R. Liu, J. Yosinski, "Measuring the intrinsic dimension of
       objective landscapes", ICLR (2018), arXiv 1804.08838. Their subspace is one of all
       layers together.
    .. [6] H. Hazan, Y. Zhang, B. Hartl, M. Levin, "A little rank goes a long way: random
       scaffolds with LoRA adapters are all you need" (2026), arXiv 2604.08749.
    .. [7] E. Alpaydin, "HalfNet: randomized neural networks with learned subspace geometry"
       (2026), arXiv 2606.04583.
    .. [8] S. Zhou, J.-N. Wu, Y. Wu, X. Zhou, "Exploiting local structures with the
       Kronecker layer in convolutional networks" (2015), arXiv 1512.09194. They are tensor
       trains of two factors: A. Novikov et al., NIPS (2015), arXiv 1509.06569.

    Examples
    --------
    As many trained weights as a spectral perceptron has eigenvalues, 64 + 10:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn_spectral.baselines import DirectClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = DirectClassifier(
    ...     (), parametrization="subset", n_weights=74, random_state=0
    ... )
    >>> model.fit(X / 16, y).n_parameters_  # and 10 biases
    84
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseDirect._parameter_constraints,
        **NetworkClassifierMixin._parameter_constraints,
    }

    @explained
    def __init__(
        self,
        hidden_layer_sizes: HiddenLayerSizes = (100,),
        activation: str = "relu",
        *,
        linear_expansion: LinearExpansion = None,
        parametrization: str = "weights",
        n_weights: int | Sequence[int] | None = None,
        frozen_init: str = "start",
        rank: int | Sequence[int] = 10,
        fit_intercept: bool = True,
        standardize: bool = True,
        init: str = "glorot",
        loss: str | Callable[..., Any] = "log_loss",
        label_smoothing: float = 0.0,
        solver: str = "adamax",
        learning_rate: str = "one_cycle",
        learning_rate_init: float | Literal["auto"] = "auto",
        momentum: float = 0.9,
        batch_size: int | Literal["auto"] = "auto",
        max_iter: int = 100,
        shuffle: bool | Literal["blocks"] = True,
        alpha: float = 0.0,
        l1_ratio: float = 0.0,
        class_weight: dict[Any, float] | Literal["balanced"] | None = None,
        early_stopping: bool = False,
        scoring: Scoring = None,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        tol: float = 1e-4,
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
            parametrization=parametrization,
            n_weights=n_weights,
            frozen_init=frozen_init,
            rank=rank,
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
            l1_ratio=l1_ratio,
            early_stopping=early_stopping,
            scoring=scoring,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            random_state=random_state,
            device=device,
            telescope=telescope,
            checkpoint_dir=checkpoint_dir,
            data_parallel=data_parallel,
            verbose=verbose,
        )
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
