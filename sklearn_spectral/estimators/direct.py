"""What the estimators in direct space add: which part of the weights trains."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..files.container import Path_
from ..spec.architecture import HiddenLayerSizes, LinearExpansion
from ..spec.parametrizations import options_in, parametrization_of, weight_choices
from ..spec.solvers import SOLVERS
from ..spec.starts import WEIGHT_SCHEMES
from ..training.device import own_modes
from .base import BaseNetwork
from .calls import explained, fitting
from .constraints import RegisteredNames
from .typing import Scoring, Seed

# What populations have of their own accord, and networks in direct space do not.
AUTOMATIC = ("early_stopping", "validation_fraction", "learning_rate", "n_iter_no_change")


class BaseDirect(BaseNetwork):
    """Base of the estimators in direct space; not to be used directly."""

    _space = "direct"

    _parameter_constraints: ClassVar[dict] = {
        **BaseNetwork._parameter_constraints,
        "parametrization": [RegisteredNames(weight_choices)],
        "n_weights": [Interval(Integral, 1, None, closed="left"), "array-like", None],
        "frozen_init": [StrOptions({"start", "zero"})],
        "rank": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "init": [RegisteredNames(WEIGHT_SCHEMES.keys)],
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
        solver: str = "adamax",
        learning_rate: str = "one_cycle",
        learning_rate_init: float | Literal["auto"] = "auto",
        momentum: float = 0.9,
        batch_size: int | Literal["auto"] = "auto",
        max_iter: int = 100,
        shuffle: bool | Literal["blocks"] = True,
        alpha: float = 0.0,
        l1_ratio: float = 0.0,
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.linear_expansion = linear_expansion
        self.parametrization = parametrization
        self.n_weights = n_weights
        self.frozen_init = frozen_init
        self.rank = rank
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
        self.l1_ratio = l1_ratio
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.telescope = telescope
        self.checkpoint_dir = checkpoint_dir
        self.data_parallel = data_parallel
        self.verbose = verbose

    @fitting
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """Train the network and retract it.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The training data. A sparse or memory-mapped array is made dense one batch
            at a time. What is read by slices of rows, as HDF5, Zarr and Dask arrays, is
            read block by block, and so are a Dataset, an IterableDataset and a DataLoader
            of torch, whose samples are pairs (x, y).
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels of a classifier, one each; targets of a regressor. None if X brings
            them, as torch data do.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples; those of weight zero are left out.
        X_val : {array-like, sparse matrix, torch Dataset}, optional
            Validation data for early stopping, instead of a part of X. In a Pipeline,
            ``transform_input=["X_val"]`` has them transformed as X is.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), optional
            Their labels or targets; None if X_val brings them.

        Returns
        -------
        object
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

    @classmethod
    @explained
    def from_spectral(
        cls, estimator: BaseNetwork, *, extended: bool = False, **params: Any
    ) -> Self:
        """Take over a fitted spectral estimator, to go on with all of its weights.

        The paper's pre-training: the eigenvalues first, then the weights of the network
        that they gave. The result is fitted and predicts what the estimator does; its
        ``fit`` goes on from there, since ``warm_start`` is True. A clone of it does not:
        like any clone it is unfitted, so that a search over it starts anew.

        Parameters
        ----------
        estimator : SpectralClassifier or SpectralRegressor
            A fitted estimator of the same kind. It is not changed. Of a population the
            network that its ``merge_members`` gives is taken.
        extended : bool, default=False
            Whether the linear layers stay, or are retracted first, as those of a
            population always are.
        **params
            Parameters of the result other than those of its architecture. What is not
            given is taken from the estimator where it has it, except
            ``learning_rate_init`` and ``alpha``, which suit eigenvalues there,
            ``init``, which is not used, and what stops training or follows from it
            where that is ``"auto"`` or ``"oob"``.

        Returns
        -------
        object
            A fitted estimator in direct space with ``parametrization="weights"``.

        Raises
        ------
        TypeError
            If the estimator is not spectral, or a regressor is wanted from a classifier
            or the reverse.
        NotFittedError
            If it is not fitted.
        ValueError
            If a parameter given follows from the estimator: one of the architecture,
            ``parametrization`` and what belongs to it, ``init`` or ``warm_start``; or
            ``extended=True`` is asked of a population.

        References
        ----------
        Giambagli et al., Nature Communications 12, 1330 (2021), "Testing the performance
        of the method": "a rather effective pre-training strategy".
        """
        from .conversion import check_conversion

        if not (isinstance(estimator, BaseNetwork) and estimator._space == "spectral"):
            raise TypeError(
                f"{cls.__name__}.from_spectral takes a fitted spectral estimator; got "
                f"{type(estimator).__name__}."
            )
        check_is_fitted(estimator)
        check_conversion(cls, estimator, params, "from_spectral")
        if not isinstance(extended, bool | np.bool_):
            raise TypeError(f"extended must be True or False; got {extended!r}.")
        if (n_members := estimator._fitted.n_members) > 1:
            if extended:
                raise ValueError(
                    f"extended=True is not possible for a population: its {n_members} "
                    "members become one network only without their linear layers. Use "
                    "extended=False."
                )
            estimator = estimator.merge_members()
        config = estimator._fitted.config
        own = cls().get_params()
        names = estimator.get_params(deep=False).keys() & own.keys()
        names -= {"learning_rate_init", "init", "warm_start", "alpha", "rank"}
        inherited = {name: getattr(estimator, name) for name in names}
        for name in AUTOMATIC:
            if inherited[name] in ("auto", "oob"):
                inherited[name] = own[name]
        result = cls(
            **{
                **inherited,
                "hidden_layer_sizes": config["hidden_layer_sizes"],
                "linear_expansion": config["linear_expansion"] if extended else None,
                "activation": config["activation"],
                "fit_intercept": config["bias"],
                "warm_start": True,
                **params,
            }
        )
        result._validate_params()
        result._take_over(estimator, extended=extended)
        return result

    @own_modes()
    def _take_over(self, estimator: BaseNetwork, *, extended: bool) -> None:
        """Take the weights of a fitted estimator, and what it learnt of the input."""
        from torch import nn

        from ..nn.direct_network import DirectNetwork

        learnt = ("n_features_in_", "feature_names_in_", "device_")
        for name in (*learnt, *self._target_attributes):
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))
        self._check_loss()
        source = estimator.to_network()
        plain = source.to_linear(False) if extended else source.retract(False)
        layers = [module for module in plain if isinstance(module, nn.Linear)]
        network = DirectNetwork.from_layers(
            self._architecture(), self.activation, layers, source.units()
        )
        config = {**self._network_config(), "units": bool(source.units())}
        self._store(network, config, estimator._fitted.seed)
        self._reset_history()
        if estimator._calibration is not None:  # it predicts the same
            self._calibration = estimator._calibration

    def _network_settings(self) -> dict[str, Any]:
        # Only what is used, so that nothing else keeps training from going on.
        return {
            "parametrization": self.parametrization,
            "init": self.init,
            **options_in(self.parametrization, self),
        }

    def _penalties(self) -> dict[str, tuple[float, float]]:
        return {"weights": (self.alpha, self.l1_ratio)}

    def _auto_learning_rate(self) -> float:
        row = SOLVERS[self.solver]
        return row.far_rate if self._moves_far() else row.rate

    def _moves_far(self) -> bool:
        return parametrization_of(self.parametrization).moves_far
