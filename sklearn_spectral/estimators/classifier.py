"""SpectralClassifier: a spectral network behind scikit-learn's classifier API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar, Literal

from sklearn.utils._param_validation import Interval, StrOptions

from ..files.container import Path_
from ..spec.architecture import HiddenLayerSizes, LinearExpansion
from ..spec.parametrizations import RANK
from .calls import explained
from .classification import NetworkClassifierMixin
from .direct_classifier import DirectClassifier
from .distillation import DistillationMixin
from .grouped import GroupedFitMixin
from .members import ClassifierMembersMixin
from .spectral import BaseSpectral
from .stopping import StopsBy
from .typing import Scoring, Seed


class SpectralClassifier(
    GroupedFitMixin,
    NetworkClassifierMixin,
    ClassifierMembersMixin,
    DistillationMixin,
    BaseSpectral,
):
    """Neural network classifier trained in the spectral domain.

    By default eight networks train together on the same eigenvectors. Their mean is then
    retracted, that is, multiplied out to the weights of one ordinary network, which
    predicts. Each layer is the square adjacency matrix A = Phi Lambda Phi^-1 of its nodes
    [1]_: training moves its eigenvalues, one per node, and its eigenvectors, or eigenvalues
    alone.

    Parameters are in groups: the network (``hidden_layer_sizes`` to ``init``), training
    (``loss`` to ``class_weight``), the output (``temperature``), stopping
    (``early_stopping`` to ``warm_start``), and the machine (from ``random_state`` on).

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Widths of the non-linear layers. ``()`` is a linear classifier.
    activation : {"relu", "tanh", "logistic", "elu", "identity"}, default="relu"
        The non-linearity. ``"tanh"`` is tanh(beta x) with beta trained, one per layer.
        With ``"identity"`` the network is linear and retracts to one matrix.
    linear_expansion : "auto", int, array-like of int, sequence of sequences or None
        Widths of linear layers that exist only while training; by default ``"auto"``. An
        int or a flat sequence is placed before the first non-linear layer; a nested
        sequence has one entry for each gap between non-linear layers,
        ``len(hidden_layer_sizes) + 1`` in all. With more of them more eigenvalues train.
        ``"auto"`` puts two layers into each gap if eigenvalues train alone. They have 200
        nodes, or as many as the narrower end if both ends are wider, or fewer, so that
        the gap's eigenvalues and the biases of its linear nodes are at most half as many
        as its weights. There are none if that leaves no room, as before a single output,
        if eigenvectors train too, and with ``activation="identity"``. Other values replace
        these layers in all gaps.
    train_eigenvalues : {"both", "out", "in", "paper"}, default="both"
        Which eigenvalues of each layer train: those of the nodes that it feeds
        (``"out"``), of those that it reads (``"in"``), or both. ``"paper"`` is both in
        the first layer and ``"out"`` afterwards.
    train_eigenvectors : bool or str, default=True
        Whether the eigenvectors train too. With True all weights are free, and eigenvalues
        train beside them. With False files are small, and out-of-bag predictions are
        honest; with True the eigenvectors, which members share, have seen all rows.
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
        How many networks train at once on the same eigenvectors: a population, whose
        members differ in eigenvalues and biases. Its output is the mean of the members',
        and it retracts to one ordinary network of ``n_members`` times as many hidden nodes.
        ``"auto"`` is 8, or 1 with more than 1,000 features.
    bag_fraction : float or "auto", default="auto"
        Share of the rows that each member is trained on, if there are two members or more.
        Below 1.0 every row is left out by
        ``max(1, round((1 - bag_fraction) * n_members))`` members, so the share is rounded.
        The content of a row (or its group) decides which members leave it out, so equal
        rows are in the same bags. The members that left a row out predict it: see
        ``oob_score_``. ``"auto"`` is 0.875 with two members or more, and 32 different rows
        or more, else 1.
    fit_intercept : bool, default=True
        Whether layers have biases.
    standardize : bool, default=True
        Whether to scale each feature to mean zero and standard deviation one for training,
        over the rows that train and with their weights. Scaling is folded into the first
        layer of the retracted network, so that the fitted network is in the units of X.
        Sparse features are not centred, and none are without ``fit_intercept``. A first
        ``partial_fit`` decides for all later ones, and a fit for those that go on from it.
    init : str, default="scaled"
        Where eigenvalues and eigenvectors start: ``"scaled"`` keeps signals at their
        size; ``"paper"`` is the start of [1]_, ``"wide"`` that of its authors' code.
        ``"covariance"`` and ``"sqrt_covariance"`` are the paper's with the eigenvectors
        of the first layer drawn along the directions in which the training data vary:
        with the covariance of the data, or with its square root. They suit images and
        other correlated features, up to 5,000 of them. ``partial_fit`` takes the
        covariance from its first portion, which must have more rows than features.
    loss : {"log_loss", "brier"} or callable, default="log_loss"
        Cross-entropy, or the squared distance of the predicted probabilities from the
        one-hot label (equation 7 of [1]_). A callable takes torch tensors: the outputs of
        the network before the softmax, (n_samples, n_classes) or of two classes
        (n_samples, 1), and the indices of the labels, (n_samples,). It returns the loss of
        each sample. It is not written to files.
    label_smoothing : float, default=0.0
        Share of each label that is spread evenly over all classes while training. Early
        stopping and the temperature use the labels as they are. Not used by a callable.
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
        Strength of the penalty on the trained eigenvalues. As in `MLPClassifier` it is
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
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; classes that a dict does not name have weight 1. A dict that
        names all classes of y may name others too, since some folds may lack a class.
    temperature : float or "auto", default="auto"
        The number that logits are divided by after training. That changes probabilities
        and no label, and is folded into the last layer. ``"auto"`` is the number with the
        least loss on the rows that early stopping held out, or on predictions out of bag,
        and 1 if there are neither: see ``temperature_``. With few rows held out it stays
        nearer to 1. Out of bag it is at least 1 if eigenvectors train, since these have
        seen the rows that members left out.
    early_stopping : bool or "auto" or "oob", default="auto"
        Whether to stop when the score of rows that do not train has not improved by
        ``tol`` for ``n_iter_no_change`` epochs, and to use the best weights. True uses
        ``X_val``, or holds rows out. ``"oob"`` holds none out: rows are predicted by the
        members that were not trained on them. It needs two members or more and
        ``bag_fraction`` below 1. ``"auto"`` is True with ``X_val``. Without, it holds rows
        out in two cases: with more than 1,000 features and ``n_members="auto"``; and if
        eigenvectors of a population are trained on 5,000 rows times outputs or more
        (1,000 if a row may have several labels), since eigenvectors, which members share,
        then know too much of the rows left out (not with ``groups`` or streams). Else it
        is ``"oob"`` if there are bags, and False if not.
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
        Whether the next call of fit goes on from the weights of the last, with the classes
        of the first. Other eigenvalues and eigenvectors may train than before.
    random_state : int, RandomState instance or None, default=None
        Decides the start, the order of the batches and the validation rows.
    device : str, default="auto"
        Where to train: ``"auto"`` is a CUDA device if there is one, else the CPU;
        otherwise the name of a torch device. Training on the CPU is in the float type
        of X, elsewhere in float32. Prediction is by numpy on the CPU unless a device
        other than the CPU is named here.
    telescope : {"auto", "layers", "contract", "closed_form", "project"}, default="auto"
        How linear stacks are computed while training: layer by layer, by the retracted
        matrix (its gradient by autograd or in closed form), or from data that passed the
        frozen eigenvectors of the first layer once (where only ``"out"`` trains).
        ``"auto"`` counts the multiplications of each; see ``telescope_plan_``. The result
        is the same up to rounding.
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
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Weights of the retracted network, if it is linear.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Its biases; zeros without ``fit_intercept``.
    coefs_ : list of ndarray or bsr_array of shape (n_in, n_out)
        Weights of the retracted network, layer by layer. Between the hidden layers of a
        population they are block-diagonal, and stored as blocks.
    intercepts_ : list of ndarray of shape (n_out,)
        Its biases.
    compact_adjacency_ : ndarray of shape (n_features + n_outputs,) * 2
        The paper's A_c, if the network is linear: ``coef_`` in the lower left, and on the
        diagonal the eigenvalues of the input and output nodes, averaged over the members.
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
    n_parameters_ : int
        Number of trained parameters.
    architecture_ : Architecture
        The widths of the extended network.
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
        Accuracy out of bag, with ``bag_fraction`` below 1: each row is predicted by the
        mean of the members that were not trained on it. All rows of positive weight count
        alike. It does not exist after ``partial_fit``, nor (with a warning) if a fit went
        on from weights that saw the rows left out.
    oob_decision_function_ : ndarray of shape (n_samples, n_classes)
        The probabilities that these members predict. It is not written to files.
    temperature_ : float
        The number that logits were divided by.
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
    .. [2] L. Chicchi, L. Giambagli, L. Buffoni, T. Carletti, M. Ciavarella, D. Fanelli,
       "Training of sparse and dense deep neural networks: Fewer parameters, same
       performance", Physical Review E 104, 054312 (2021).
    .. [3] L. Giambagli, L. Buffoni, L. Chicchi, D. Fanelli, "How a student becomes a
       teacher: learning and forgetting through spectral methods", NeurIPS (2023).
    .. [4] C. F. Van Loan, N. Pitsianis, "Approximation with Kronecker products", in
       Linear Algebra for Large Scale and Real-Time Applications (1993), pages 293-314.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_spectral import SpectralClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> SpectralClassifier(random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    _direct_type = DirectClassifier

    _parameter_constraints: ClassVar[dict] = {
        **BaseSpectral._parameter_constraints,
        **NetworkClassifierMixin._parameter_constraints,
        "temperature": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
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
        loss: str | Callable[..., Any] = "log_loss",
        label_smoothing: float = 0.0,
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
        class_weight: dict[Any, float] | Literal["balanced"] | None = None,
        temperature: float | Literal["auto"] = "auto",
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
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.temperature = temperature

    def _has_units(self, stops_by: StopsBy) -> bool:
        may_find = self.temperature == "auto" and (
            self._n_left_out > 0 or stops_by is not None
        )
        fixed = self.temperature not in ("auto", 1.0)
        return super()._has_units(stops_by) or may_find or fixed
