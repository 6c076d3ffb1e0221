"""What the spectral estimators add: parameters of the layers, eigenvalues, eigenvectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..data.training_data import TrainingData
from ..files.container import Path_
from ..fitted.members import as_matrix
from ..spec.architecture import HiddenLayerSizes, LinearExpansion, auto_expansion
from ..spec.parametrizations import (
    RANK,
    checked_choice,
    eigenvector_choices,
    for_any_matrix,
    options_in,
    parametrization_of,
)
from ..spec.solvers import SOLVERS
from ..spec.starts import SCHEMES
from ..training.device import own_modes
from .base import BaseNetwork
from .calls import explained
from .constraints import RegisteredNames
from .covariance_start import COVARIANCE_POWERS, shape_first_layer
from .direct import BaseDirect
from .typing import Scoring, Seed

if TYPE_CHECKING:
    from ..nn.network import StackedNetwork
    from .conversion import PlainNetwork

# All starts but "scaled" have larger eigenvectors, with which the same step of an
# eigenvalue moves the weights further (benchmarks/README.md, "Starts").
LARGE_START_SHARE = 1 / 3

# How many members a population has by default, and the number of features above which it
# is one network: members that weigh each feature at random then learn too little.
N_MEMBERS, WIDE = 8, 1000


class BaseSpectral(BaseNetwork):
    """Base of the spectral estimators; not to be used directly."""

    _space = "spectral"

    # What `to_direct` makes of it.
    _direct_type: ClassVar[type[BaseDirect]]

    _parameter_constraints: ClassVar[dict] = {
        **BaseNetwork._parameter_constraints,
        "linear_expansion": [
            StrOptions({"auto"}),
            *BaseNetwork._parameter_constraints["linear_expansion"],
        ],
        "train_eigenvalues": [StrOptions({"both", "out", "in", "paper"})],
        "train_eigenvectors": ["boolean", RegisteredNames(eigenvector_choices)],
        "rank": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "n_members": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "n_iter_no_change": [
            StrOptions({"auto"}),
            *BaseNetwork._parameter_constraints["n_iter_no_change"],
        ],
        "bag_fraction": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="right")],
        "early_stopping": ["boolean", StrOptions({"auto", "oob"})],
        "validation_fraction": [
            StrOptions({"auto"}),
            *BaseNetwork._parameter_constraints["validation_fraction"],
        ],
        "learning_rate": [StrOptions({"auto", "one_cycle", "constant"})],
        "averaging": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "init": [RegisteredNames(lambda: [*SCHEMES, *COVARIANCE_POWERS])],
        "alpha_eigenvectors": [Interval(Real, 0, None, closed="left")],
        "l1_ratio_eigenvectors": [Interval(Real, 0, 1, closed="both"), None],
    }

    _may_change = BaseNetwork._may_change | {
        "train_eigenvalues",
        "train_eigenvectors",
        "rank",
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.linear_expansion = linear_expansion
        self.train_eigenvalues = train_eigenvalues
        self.train_eigenvectors = train_eigenvectors
        self.rank = rank
        self.n_members = n_members
        self.bag_fraction = bag_fraction
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.init = init
        self.solver = solver
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.alpha = alpha
        self.alpha_eigenvectors = alpha_eigenvectors
        self.l1_ratio = l1_ratio
        self.l1_ratio_eigenvectors = l1_ratio_eigenvectors
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.averaging = averaging
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.telescope = telescope
        self.checkpoint_dir = checkpoint_dir
        self.data_parallel = data_parallel
        self.verbose = verbose

    @classmethod
    @explained
    def from_direct(cls, estimator: Any, **params: Any) -> Self:
        """Take over a fitted network in direct space, its weights kept exactly.

        The eigenvalues are 1 where a layer reads and 0 where it feeds, and the weights are
        the eigenvectors. The result is fitted and predicts what the estimator does; its
        ``fit`` goes on from there, since ``warm_start`` is True. By default it moves the
        eigenvalues alone: a fine-tuning by one or two numbers per node.

        Parameters
        ----------
        estimator : DirectClassifier, DirectRegressor, MLPClassifier or MLPRegressor
            A fitted estimator of the same kind. It is not changed.
        **params
            Parameters of the result other than those of its architecture; ``n_members``
            is 1 and ``train_eigenvectors`` False if not given, the loss that of the
            estimator. With more members all are
            the estimator, and only their bags (``bag_fraction``) tell them apart while
            they train.

        Returns
        -------
        object
            A fitted spectral estimator.

        Raises
        ------
        TypeError
            If the estimator is none of those, or a regressor is wanted from a classifier or
            the reverse.
        NotFittedError
            If it is not fitted.
        ValueError
            If a parameter given follows from the estimator: one of the architecture,
            ``init`` or ``warm_start``; or a spectral network cannot do what it does.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.neural_network import MLPClassifier
        >>> from sklearn_spectral import SpectralClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> mlp = MLPClassifier(20, max_iter=1000, random_state=0).fit(X, y)
        >>> model = SpectralClassifier.from_direct(mlp)
        >>> bool((model.predict(X) == mlp.predict(X)).all())
        True
        >>> model.n_parameters_, sum(coef.size for coef in mlp.coefs_)
        (70, 140)
        """
        from .conversion import check_conversion, plain_network

        plain = plain_network(estimator)
        check_conversion(cls, estimator, params, "from_direct")
        params = {"n_members": 1, "train_eigenvectors": False, **plain.loss, **params}
        result = cls(
            hidden_layer_sizes=plain.hidden_layer_sizes,
            linear_expansion=plain.linear_expansion,
            activation=plain.activation,
            fit_intercept=plain.intercepts is not None,
            warm_start=True,
            **params,
        )
        result._validate_params()
        result._take_weights(plain)
        return result

    @explained
    def to_direct(self, *, extended: bool = False, **params: Any) -> Any:
        """Go on in direct space, with all weights of the network trained.

        The paper's pre-training: the eigenvalues first, then the weights that they gave.

        Parameters
        ----------
        extended : bool, default=False
            Whether the linear layers stay, or are retracted first, as those of a
            population always are.
        **params
            Parameters of the result; see
            `sklearn_spectral.baselines.DirectClassifier.from_spectral`.

        Returns
        -------
        DirectClassifier or DirectRegressor
            Fitted, predicting what this estimator does; its ``fit`` goes on from there.

        Raises
        ------
        NotFittedError
            If there is nothing fitted.
        ValueError
            If a parameter given follows from the network, or ``extended=True`` is asked of
            a population.
        """
        return self._direct_type.from_spectral(self, extended=extended, **params)

    @explained
    def merge_members(self) -> Self:
        """Return the retracted network as an ordinary spectral estimator of one member.

        A population, whose output is the mean of its members', becomes one network with
        the hidden nodes of all of them and without linear layers. The eigenvalues are 1
        where a layer reads and 0 where it feeds, and the weights are the eigenvectors, so
        that it predicts what the population does. Its ``fit`` goes on from there, since
        ``warm_start`` is True; pruning begins with it. The weights between hidden layers
        are made whole, zeros between members included: with two or more of these, that
        takes ``n_members`` squared times the memory of one member's. A model that was saved
        with ``compact=True`` has this network, too.

        Returns
        -------
        object
            A fitted estimator with ``n_members=1``. This one is not changed.

        Raises
        ------
        NotFittedError
            If there is nothing fitted.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn_spectral import SpectralClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = SpectralClassifier(20, n_members=4, max_iter=5, random_state=0)
        >>> one = model.fit(X, y).merge_members()
        >>> one.hidden_layer_sizes, one.n_members
        ((80,), 1)
        """
        check_is_fitted(self)
        fitted = self._fitted
        plain = fitted.coefs, fitted.intercepts
        units = fitted.units()  # which stay around the network, for a fit that goes on
        if units:
            plain = fitted.without_units()
        coefs = [coef if coef.ndim == 2 else as_matrix(coef).toarray() for coef in plain[0]]
        widths = tuple(coef.shape[1] for coef in coefs[:-1])
        result = self._with_another_network(
            hidden_layer_sizes=widths,
            linear_expansion=None,
            n_members=1,
            train_eigenvectors=for_any_matrix(self.train_eigenvectors),
            bag_fraction=1.0,
            early_stopping=self.early_stopping != "oob" and self.early_stopping,
        )
        config = {
            **fitted.config,
            "hidden_layer_sizes": widths,
            "linear_expansion": ((),) * len(coefs),
            "n_members": 1,
            "train_eigenvectors": for_any_matrix(fitted.config["train_eigenvectors"]),
            "units": bool(units),
        }
        intercepts = plain[1] if fitted.has_bias else None
        result._store_weights(config, fitted.seed, coefs, intercepts, units)
        if self._calibration is not None:  # it predicts the same
            result._calibration = self._calibration
        return result

    @property
    def _not_of_another(self) -> set[str]:
        """What another estimator that is given the same network must find by itself."""
        return {"_net", "_bagged", "_calibration", "oob_score_", self._out_of_bag_name}

    def _with_another_network(self, **params: Any) -> Self:
        """Return a copy that knows of the data what this one does, to be given a network;
        its ``fit`` goes on from that. What was found out of bag is not of that network."""
        result = clone(self)
        own = result.get_params(deep=False).keys()
        learnt = vars(self).keys() - own - self._not_of_another
        vars(result).update({name: getattr(self, name) for name in learnt})
        return result.set_params(**params, warm_start=True)

    def _take_weights(self, plain: PlainNetwork) -> None:
        """Become fitted with given weights."""
        for name, value in plain.learnt.items():
            setattr(self, name, value)
        self._check_loss()
        seed, config = self._draw_seed(), self._network_config()
        config["units"] = bool(plain.units)
        self._store_weights(config, seed, plain.coefs, plain.intercepts, plain.units)
        self._reset_history()

    @own_modes()
    def _store_weights(
        self,
        config: dict[str, Any],
        seed: int,
        coefs: Sequence[NDArray[Any]],
        intercepts: Sequence[NDArray[Any]] | None,
        units: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Store a network with given weights of all layers as its eigenvectors."""
        import torch

        from ..training.convert import build_network

        network = build_network(self._space, config, coefs[0].dtype, "cpu", seed)
        biases: list[Any] = [*(intercepts or (None,) * len(coefs))]
        for layer, coef, bias in zip(network.layers(), coefs, biases, strict=True):
            weight = torch.from_numpy(np.array(coef.T))
            layer.load_weight(weight, None if bias is None else torch.tensor(bias))  # type: ignore[operator]
        network.set_units(**(units or {}))
        self._store(network, config, seed)

    @property
    def _n_networks(self) -> int:
        if self.n_members != "auto":
            return int(self.n_members)
        return 1 if self._is_wide else N_MEMBERS

    @property
    def _is_wide(self) -> bool:
        return self.n_members == "auto" and getattr(self, "n_features_in_", 0) > WIDE

    def _network_settings(self) -> dict[str, Any]:
        form = checked_choice(self.train_eigenvectors)
        return {
            "train_eigenvalues": self.train_eigenvalues,
            "train_eigenvectors": form,
            # The start that it shapes: to_network() has no data to shape it by.
            "init": "paper" if self.init in COVARIANCE_POWERS else self.init,
            "n_members": self._n_networks,
            # Only what is used, so that nothing else keeps training from going on.
            **options_in(form, self),
        }

    def _prepare_start(
        self, network: StackedNetwork, data: TrainingData, *, partial: bool
    ) -> None:
        if self.init in COVARIANCE_POWERS:
            shape_first_layer(network, data, self.init, partial=partial)

    def _network_to_resume(self, config: dict[str, Any]) -> StackedNetwork:
        """Return the fitted network, of which something else may train from here on."""
        network = super()._network_to_resume(config)
        fitted = self._fitted
        if config == fitted.config:
            return network
        from ..training.convert import build_network

        changed: Any = build_network(fitted.space, config, fitted.dtype, "cpu", fitted.seed)
        everything = [slice(None)] * (1 + sum(1 for _ in changed.layers()))
        changed.load_nodes(network, everything)
        return changed

    def _penalties(self) -> dict[str, tuple[float, float]]:
        share = self.l1_ratio_eigenvectors
        return {
            "eigenvalues": (self.alpha, self.l1_ratio),
            "eigenvectors": (
                self.alpha_eigenvectors,
                self.l1_ratio if share is None else share,
            ),
        }

    def _linear_expansion(self) -> LinearExpansion:
        if not isinstance(self.linear_expansion, str):
            return self.linear_expansion
        if self.train_eigenvectors or self.activation == "identity":
            return None
        return auto_expansion(
            self.n_features_in_, self._n_network_outputs(), self.hidden_layer_sizes
        )

    def _auto_learning_rate(self) -> float:
        row = SOLVERS[self.solver]
        if not self._moves_far():
            return row.rate
        rate = row.far_rate
        if self.loss == "brier" and row.far_rate_brier is not None:
            rate = row.far_rate_brier
        return rate * (1.0 if self.init == "scaled" else LARGE_START_SHARE)

    def _moves_far(self) -> bool:
        return parametrization_of(self.train_eigenvectors).moves_far

    # ---- the extended network, from the arrays that a fit leaves ----

    @property
    def eigenvalues_in_(self) -> list[NDArray[Any]]:
        """Eigenvalues of the nodes that each layer reads."""
        return [layer["eigenvalues_in"] for layer in self._layer_arrays()]

    @property
    def eigenvalues_out_(self) -> list[NDArray[Any]]:
        """Eigenvalues of the nodes that each layer feeds."""
        return [layer["eigenvalues_out"] for layer in self._layer_arrays()]

    @property
    def eigenvalues_(self) -> list[NDArray[Any]]:
        """The eigenvalues of each layer, those of the nodes that it reads first."""
        pairs = zip(self.eigenvalues_in_, self.eigenvalues_out_, strict=True)
        return [np.concatenate(pair, axis=-1) for pair in pairs]

    @property
    def eigenvectors_(self) -> list[NDArray[Any]]:
        """The block phi of each layer's eigenvectors."""
        check_is_fitted(self)
        arrays = self._fitted.complete()
        layers = self._fitted.layers()
        return [layer.eigenvectors(layer.pick(arrays)) for layer in layers]  # type: ignore[attr-defined]

    @property
    def biases_(self) -> list[NDArray[Any]]:
        """Biases of the extended network."""
        return [layer["bias"] for layer in self._layer_arrays() if "bias" in layer]

    @property
    def activation_slopes_(self) -> list[NDArray[Any]]:
        """The trained beta of each tanh."""
        check_is_fitted(self)
        arrays = self._fitted.complete()
        return [arrays[name] for name in self._fitted.slope_names()]

    @property
    def compact_adjacency_(self) -> NDArray[Any]:
        """The square matrix A_c of the retracted linear network (figure 2b).
        The eigenvalues of a population are means over its members."""
        weight = self._linear_weight("compact_adjacency_")
        n_inputs = weight.shape[1]
        ends = (self.eigenvalues_in_[0], self.eigenvalues_out_[-1])
        diagonal = [v if v.ndim == 1 else v.mean(axis=0) for v in ends]
        matrix = np.diag(np.concatenate(diagonal))
        matrix[n_inputs:, :n_inputs] = weight
        return matrix

    def _layer_arrays(self) -> list[dict[str, NDArray[Any]]]:
        check_is_fitted(self)
        return self._fitted.layer_arrays()
