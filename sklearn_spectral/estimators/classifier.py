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

    Each layer is the square adjacency matrix A = Phi Lambda Phi^-1 of its nodes [1]_.
    Training moves its eigenvalues, one per node, and if asked its eigenvectors, instead
    of one weight per link. Linear layers can be added while training; they are
    retracted afterwards, so that the network that predicts stays small.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Widths of the non-linear layers. ``()`` is a linear classifier.
    activation : {"relu", "tanh", "logistic", "elu", "identity"}, default="relu"
        The non-linearity. ``"tanh"`` is tanh(beta x) with beta trained, one per layer.
        With ``"identity"`` the network is linear and retracts to one matrix.
    linear_expansion : "auto", int, array-like of int, sequence of sequences or None
        Widths of the linear layers that are there while training only; by default
        ``"auto"``. An int or a flat sequence stands before the first non-linear layer; a
        nested sequence has one entry per gap between non-linear layers,
        ``len(hidden_layer_sizes) + 1`` in all. More of them give the eigenvalues more to
        work with. ``"auto"`` puts two layers into each gap, of 200 nodes or, where both of
        its ends are wider, of as many as the narrower one, or fewer, so that the gap's
        eigenvalues and the biases of its linear nodes are at most half as many as its
        weights; none where that leaves no room, as before a single output, where
        eigenvectors train too, and with ``activation="identity"``. Other values replace
        these layers in all gaps.
    train_eigenvalues : {"both", "out", "in", "paper"}, default="both"
        Which eigenvalues of each layer train: those of the nodes that it feeds
        (``"out"``), of those that it reads (``"in"``), or both. ``"paper"`` is both in
        the first layer and ``"out"`` afterwards.
    train_eigenvectors : bool or str, default=True
        Whether the eigenvectors train too. With True the network is as accurate as one
        trained by its weights, and has more parameters than that: the eigenvalues. With
        False files are small, and what members predict out of bag is quite honest: with
        True the eigenvectors that they share have seen all rows.
        ``"svd"`` trains only the singular values of their block phi, ``"qr"`` only its
        triangular factor [2]_, ``"gains"`` only one factor per row of it. ``"readout"``
        trains those of the last layer alone. With ``"kronecker"`` phi is a sum of ``rank``
        Kronecker products [4]_ whose factors train: the nodes of a layer are a grid, whose
        rows and columns mix. That takes very few numbers, and serves square images whose
        pixels come row by row, one number each. The grid is as square as can be; 32 nodes
        or fewer are a column.
    rank : int or array-like of int, default=4
        How many Kronecker products with ``train_eigenvectors="kronecker"``: one number
        for all layers, or one for each, linear ones included.
    n_members : int or "auto", default="auto"
        How many networks train at once on the same eigenvectors: a population, whose
        members differ in eigenvalues and biases. Its output is the mean of theirs, and it
        retracts to one ordinary network of ``n_members`` times as many hidden nodes.
        ``"auto"`` is 8, and 1 where there are more than 1,000 features.
    bag_fraction : float or "auto", default="auto"
        Share of the rows that each member is trained on, for ``n_members`` of two or more.
        Every row is left out by equally many members, below 1.0 by
        ``max(1, round((1 - bag_fraction) * n_members))``, so that the share is in fact one
        minus this number over ``n_members``. Its content (or its group) decides which they
        are. So equal rows have equal bags, and the members that left a row out predict it:
        see ``oob_score_``. ``"auto"`` is 0.875 with two members or more, else 1.
    fit_intercept : bool, default=True
        Whether layers have biases.
    standardize : bool, default=True
        Whether training sees each feature with mean zero and standard deviation one, over
        the rows that train and by their weights. Both fold into the first layer of the
        retracted network, so that what is fitted is in the units of X. Sparse features
        are not centred, and without ``fit_intercept`` none are. A first ``partial_fit``
        decides for all later ones, as does a fit for those that go on from it.
    init : str, default="scaled"
        Where eigenvalues and eigenvectors start: ``"scaled"`` keeps signals at their
        size; ``"paper"`` is the start of [1]_, ``"wide"`` that of its authors' code.
        ``"covariance"`` and ``"sqrt_covariance"`` are the paper's with the eigenvectors
        of the first layer drawn along the directions in which the training data vary:
        with the covariance of the data, or with its square root. They serve images and
        other correlated features best, up to 5,000 of them. ``partial_fit`` has to know
        that covariance from its first portion, which needs more rows than features.
    loss : {"log_loss", "brier"} or callable, default="log_loss"
        Cross-entropy, or the squared distance of the predicted probabilities from the
        one-hot label (equation 7 of [1]_). A callable takes torch tensors: the outputs of
        the network before the softmax, (n_samples, n_classes) or of two classes
        (n_samples, 1), and the indices of the labels, (n_samples,). It returns the loss of
        each sample. A file does not hold it.
    label_smoothing : float, default=0.0
        Share of each label that is spread evenly over all classes while training; what
        stops training and finds the temperature knows no smoothing. Not used by a callable.
    solver : {"adamax", "adam", "sgd", "lbfgs"}, default="adamax"
        The optimizer. ``"lbfgs"`` uses all data in each of its ``max_iter`` iterations.
    learning_rate : {"auto", "one_cycle", "constant"}, default="auto"
        Whether the rate rises to ``learning_rate_init`` and falls to zero over all of
        ``max_iter`` epochs, or stays. The cycle moves beta_1 of Adam and Adamax too,
        against the rate. ``"auto"`` has it stay with early stopping, which does not wait
        for the end of a cycle. Not used by ``"lbfgs"``.
    learning_rate_init : float or "auto", default="auto"
        The highest rate. ``"auto"`` depends on the solver, the schedule, ``init`` and on
        whether eigenvectors train. With it ``"sgd"`` cuts gradients that are too long.
        Not used by ``"lbfgs"``.
    momentum : float, default=0.9
        Nesterov momentum of ``"sgd"``.
    batch_size : int or "auto", default="auto"
        Rows per step; ``"auto"`` is ``min(200, n_samples)``, and for several members a
        twentieth of the rows between 64 and that.
    max_iter : int, default=200
        Number of epochs, at most.
    shuffle : bool or "blocks", default=True
        Whether to draw a new order of the rows each epoch. ``"blocks"`` draws one that a
        large memory-mapped file is read in quickly: whole blocks of rows in a new order,
        some of them shuffled together. Arrays that are read by slices, as those of HDF5
        and Zarr, are always shuffled so.
    alpha : float, default=0.0
        Strength of the penalty on the trained eigenvalues. As in `MLPClassifier` it is
        divided by the number of samples (the sum of their weights) when it is added to
        the mean loss. Where one set of eigenvalues alone trains, it acts on their
        distance from the number that the other set is, at which the weights vanish.
    alpha_eigenvectors : float, default=0.0
        Strength of the penalty on the trained eigenvectors. With that on the eigenvalues
        it makes whole nodes vanish [3]_.
    l1_ratio : float, default=0.0
        The penalties are ``l1_ratio * |v|_1 + (1 - l1_ratio) / 2 * |v|_2^2``.
    l1_ratio_eigenvectors : float or None, default=None
        The same for the eigenvectors alone; None is ``l1_ratio``.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; those that a dict does not name have 1. It may name classes
        that are not in y, as some folds lack one, where it names all that are.
    temperature : float or "auto", default="auto"
        What the logits are divided by after training, which moves probabilities and no
        label; it folds into the last layer. ``"auto"`` is the number at which the loss of
        the rows that early stopping held out is least, or that of predictions out of bag,
        and 1 where there are neither: see ``temperature_``. Of few rows held out it stays
        nearer to 1. Out of bag it is 1 or higher where eigenvectors train, which then know
        of what members left out.
    early_stopping : bool or "auto" or "oob", default="auto"
        Whether to stop when the score of rows that do not train no longer improves by
        ``tol`` for ``n_iter_no_change`` epochs, and to use the best weights. True takes
        ``X_val``, or holds rows out. ``"oob"`` holds none out: rows are predicted by the
        members that were not trained on them. It needs ``n_members`` of two or more,
        ``bag_fraction`` below 1. ``"auto"`` is True with ``X_val``. Without, it holds rows
        out where ``n_members="auto"`` is 1, and where eigenvectors train and rows times
        outputs are 5,000 or more (1,000 where several labels of a row may be right): so
        many go into eigenvectors, which members share, and out of bag is no judge then.
        Else it is ``"oob"`` where there are bags, and False where not.
    scoring : str, callable or None, default=None
        What early stopping goes by: the name of a scorer of scikit-learn, or a callable
        ``scorer(estimator, X, y)`` that returns a number, higher for better. None is the
        loss, with a minus. Out of bag, a callable gets None as X, for which the estimator
        predicts all rows of y, each by the members that left it out.
    validation_fraction : float or "auto", default="auto"
        Share of the data that early stopping holds out, unless ``X_val`` is given.
        ``"auto"`` is a tenth; of populations a twentieth, but 100 rows at least where
        these are no more than a tenth.
    n_iter_no_change : int, inf or "auto", default="auto"
        Epochs without improvement after which training stops: of the validation score
        with early stopping, else of the training loss. With the one-cycle schedule
        the loss must rest within ``tol`` to count as not improving. ``"auto"`` is 5 where
        a running average is scored out of bag, which moves smoothly, or that of one
        network of wide input, and else 10.
    tol : float, default=1e-4
        What counts as an improvement.
    averaging : float or "auto", default="auto"
        Decay of the running average of the weights over the steps, which is what is scored
        and used instead of the last weights; 0 is none. ``"auto"`` is 0.98 with early
        stopping and else 0. Not used by ``"lbfgs"`` and ``partial_fit``.
    warm_start : bool, default=False
        Whether another call of fit goes on from the weights of the last, with the
        classes of the first. Other eigenvalues and eigenvectors may train than before.
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
        A folder in which ``fit`` keeps each epoch, so that one that was killed goes on from
        its last when it is called again with the same data and parameters. It is made,
        and those above it, if it is not there. ``solver="lbfgs"`` does not use it, and
        warns. See the user guide.
    data_parallel : bool, default=False
        Whether ``fit`` and ``partial_fit`` train one network together with the other
        processes of the default group of ``torch.distributed``, which all call them with
        the same data and parameters. Each takes its part of every batch, and only the
        gradient of what trains travels. ``batch_size`` is that of all together.
    verbose : int, default=0
        1 shows a progress bar, 2 prints a line per epoch. Both end with the reason, if
        training stops early.

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
        population they are block-diagonal, and kept as blocks.
    intercepts_ : list of ndarray of shape (n_out,)
        Its biases.
    compact_adjacency_ : ndarray of shape (n_features + n_outputs,) * 2
        The paper's A_c, if the network is linear: ``coef_`` in the lower left, on the
        diagonal the eigenvalues of the input and of the output nodes, of a population the
        means of those of its members.
    eigenvalues_in_, eigenvalues_out_ : list of ndarray of shape (n_in,) and (n_out,)
        Eigenvalues of the nodes that each layer of the extended network reads and feeds.
        Of a population these, ``eigenvalues_``, ``biases_`` and ``activation_slopes_``
        have one axis more, in front: the members.
    eigenvalues_ : list of ndarray of shape (n_in + n_out,)
        Both, one after the other: the diagonal of Lambda of each layer.
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
        The score of the rows that training stops by after each epoch, by ``scoring``:
        minus their loss by default. Only with early stopping.
    best_validation_score_ : float
        The highest of them, which belongs to the weights kept.
    oob_score_ : float
        Accuracy out of bag, with ``bag_fraction`` below 1: each row is predicted by the
        mean of the members that were not trained on it. All rows of positive weight count
        alike. Gone after ``partial_fit``, and not there (with a warning) where a fit went
        on from weights that saw what is left out.
    oob_decision_function_ : ndarray of shape (n_samples, n_classes)
        The probabilities that they predict. A file does not hold it.
    temperature_ : float
        What the logits were divided by.
    stop_reason_ : str
        Why training ended: ``"max_iter"``, ``"converged"``, ``"early_stopping"``,
        ``"callback"``, ``"diverged"``, ``"interrupted"`` or, of what ``from_direct``
        returns, ``"not_trained"``.
    device_ : str
        Where it was trained.
    net_ : skorch.NeuralNet
        The skorch net around the extended network. It stays in the process that
        trained it; ``to_network()`` builds the network anywhere.
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
