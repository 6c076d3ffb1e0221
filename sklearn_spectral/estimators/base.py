"""What all estimators share: training parameters and fit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from numbers import Integral, Real
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import get_scorer_names
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
)
from sklearn.utils.validation import check_is_fitted

from ..data.bags import Bags, count_left_out
from ..data.training_data import TrainingData
from ..fitted.network import FittedNetwork
from ..spec.activations import ACTIVATIONS
from ..spec.architecture import Architecture, LinearExpansion
from ..spec.plan import STRATEGY_CHOICES
from ..spec.solvers import SOLVERS
from ..training.device import own_modes
from ..training.outcome import Constant, Outcome
from .calls import advice_on_values
from .constraints import RegisteredNames
from .fit_callbacks import CallbackSupportMixin
from .fitting import FittingMixin
from .left_out import LeftOut
from .stopping import StopsBy
from .validation import ValidationMixin

if TYPE_CHECKING:
    from ..nn.losses import WeightedLoss
    from ..nn.network import StackedNetwork
    from ..training.net import TrainingNet
    from ..training.out_of_bag import OutOfBag

# The share of the rows that each member of a population sees by default.
BAG_FRACTION = 0.875

# The longest steps of SGD at its automatic rates for a loss whose gradient grows with the
# target, such as the squared error: for parameters that act like single weights, and for
# those that move far. For other losses a gradient of norm one is the longest.
LONGEST_STEPS = (0.03, 0.07)


def can_train_by_batches(estimator: Any) -> bool:
    """Tell whether ``partial_fit`` exists; raise what hasattr wants if not."""
    chosen = SOLVERS.get(estimator.solver)
    if chosen is not None and not chosen.by_batches:
        *others, last = (repr(name) for name, row in SOLVERS.items() if row.by_batches)
        raise AttributeError(
            "partial_fit needs a solver that takes steps on batches, which "
            f"{estimator.solver!r} does not. Use solver={', '.join(others)} or {last}."
        )
    return True


class BaseNetwork(FittingMixin, CallbackSupportMixin, ValidationMixin, ABC):
    """Base of the estimators; not to be used directly.

    A fit wraps a skorch net over a `StackedNetwork`. What it leaves is numpy: the
    retracted network that predicts, and the extended one from which training goes on.
    """

    _net: TrainingNet

    _parameter_constraints: ClassVar[dict] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "linear_expansion": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "activation": [RegisteredNames(ACTIVATIONS.keys)],
        "fit_intercept": ["boolean"],
        "standardize": ["boolean"],
        "solver": [RegisteredNames(SOLVERS.keys)],
        "learning_rate": [StrOptions({"one_cycle", "constant"})],
        "learning_rate_init": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean", StrOptions({"blocks"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "early_stopping": ["boolean"],
        "scoring": [StrOptions({*get_scorer_names()}), callable, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "device": [str],
        "telescope": [StrOptions({*STRATEGY_CHOICES})],
        "checkpoint_dir": [str, PathLike, None],
        "data_parallel": ["boolean"],
        "verbose": ["verbose"],
    }

    # What of a network's configuration may change while its training goes on.
    _may_change: ClassVar[frozenset[str]] = frozenset({"init", "units"})

    def _validate_params(self) -> None:
        """Check the parameters; say what is meant by a value of another package."""
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            text = str(error)
            advice = advice_on_values(self.get_params(deep=False), text)
            raise InvalidParameterError(text + advice) from None

    # ---- what the kinds of network do differently ----

    @abstractmethod
    def _network_settings(self) -> dict[str, Any]:
        """Return what the network takes beside its architecture and biases."""

    @abstractmethod
    def _penalties(self) -> dict[str, tuple[float, float]]:
        """Return the strength and the share of L1 of the penalty on each group."""

    @abstractmethod
    def _auto_learning_rate(self) -> float:
        """Return the highest rate of the one-cycle schedule for the solver."""

    @abstractmethod
    def _moves_far(self) -> bool:
        """Tell whether what trains are few numbers, each of which scales many weights."""

    def _auto_max_norm(self) -> float:
        """Return to what norm SGD at its automatic rate cuts longer gradients."""
        if not self._is_steep():
            return 1.0
        return LONGEST_STEPS[self._moves_far()] / self._auto_learning_rate()

    def _prepare_start(
        self, network: StackedNetwork, data: TrainingData, *, partial: bool
    ) -> None:
        """Change a network at its start, where that depends on the data."""
        return

    # ---- what a classifier and a regressor do differently ----

    # What a fit learns of the target, beside the network.
    _target_attributes: ClassVar[tuple[str, ...]] = ()

    loss: str | Callable[..., Any]

    @property
    def _has_many_labels(self) -> bool:
        """Whether several labels of a row may be right."""
        return False

    @abstractmethod
    def _make_loss(self, *, judges: bool = False, scale: Any = 1.0) -> WeightedLoss:
        """Return the loss as a torch module: that of training, or what judges it; outputs
        that are logarithms are multiplied by ``scale`` before."""

    def _check_loss(self) -> None:
        """Refuse a loss that the output of a network, which is taken over, is not for."""
        return

    def _is_steep(self) -> bool:
        """Tell whether gradients of the loss grow with the target without a bound."""
        return False

    @abstractmethod
    def _best_constant(self, data: TrainingData, scale: Any = 1.0) -> Constant:
        """Return the constant that a network has to beat."""

    @abstractmethod
    def _n_network_outputs(self) -> int:
        """Return the width of the last layer."""

    @abstractmethod
    def _decode_target(self, target: NDArray[Any]) -> NDArray[Any]:
        """Return targets of the loss as the user gives them."""

    @abstractmethod
    def _score_output(self, output: NDArray[Any], data: TrainingData) -> float:
        """Score an output of the network against encoded targets."""

    # What all training so far left out; there is nothing that it did not see by default.
    _bagged: LeftOut | None = None

    @abstractmethod
    def _calibrate(self, found: OutOfBag | None, bags: tuple[Any, int, int] | None) -> None:
        """Take what was predicted of rows that did not train."""

    # What the attribute is called that has predictions out of bag.
    _out_of_bag_name: ClassVar[str]

    @abstractmethod
    def _predictions(self, output: NDArray[Any]) -> NDArray[Any]:
        """Return what that attribute has, for an output of the network."""

    def _draw_seed(self) -> int:
        """Draw the seed that all randomness of a network follows from."""
        random_state = check_random_state(self.random_state)
        return int(random_state.randint(np.iinfo(np.int32).max))

    @property
    def _n_left_out(self) -> int:
        """How many members leave a row out; none where there are no bags."""
        fraction, n_members = getattr(self, "bag_fraction", 1.0), self._n_networks
        if fraction == "auto":
            fraction = BAG_FRACTION if n_members > 1 else 1.0
        return 0 if fraction == 1 else count_left_out(fraction, n_members)

    @property
    def _n_networks(self) -> int:
        """How many members ``n_members`` stands for."""
        return 1

    @property
    def _uses_validation_data(self) -> bool:
        """Whether ``early_stopping`` has a use for data to stop by."""
        return bool(self.early_stopping) and self.early_stopping != "oob"

    @property
    def _is_wide(self) -> bool:
        """Whether the input is too wide for a population by default."""
        return False

    def _bags(self, seed: int) -> Bags | None:
        """Return which members leave which rows out."""
        n_left_out = self._n_left_out
        return Bags(self._n_networks, n_left_out, seed) if n_left_out else None

    def _check_bags(self, X_val: Any, groups: Any, *, partial: bool) -> None:
        """Refuse what only bags can be asked for, where there are none."""
        no_bags = not self._n_left_out
        advice = f"Set bag_fraction={BAG_FRACTION}, say, and n_members=8"
        if groups is not None and no_bags:
            raise ValueError(
                "groups says which rows share bags, but with bag_fraction=1.0 there are "
                f"none. {advice}, or leave groups out."
            )
        if self.early_stopping != "oob" or partial:
            return
        if no_bags:
            raise ValueError(
                f"early_stopping={self.early_stopping!r} stops by rows that some members "
                f"leave out, but with bag_fraction=1.0 none are. {advice}, or "
                "early_stopping=True, which holds rows out."
            )
        if X_val is not None:
            raise ValueError(
                f"X_val and y_val are given, but early_stopping={self.early_stopping!r} "
                "stops by the rows of X. Set early_stopping=True to use them, or leave "
                "them out."
            )

    def _architecture(self) -> Architecture:
        """Lay out the network that the parameters describe."""
        return Architecture.build(
            self.n_features_in_,
            self._n_network_outputs(),
            self.hidden_layer_sizes,
            self._linear_expansion(),
            self.activation,
        )

    def _linear_expansion(self) -> LinearExpansion:
        """Return the widths of the linear layers, as ``Architecture.build`` takes them."""
        return self.linear_expansion

    def _network_config(self, stops_by: StopsBy = None) -> dict[str, Any]:
        """Return the keyword arguments of the network that the parameters describe."""
        architecture = self._architecture()
        return {
            "in_features": self.n_features_in_,
            "out_features": self._n_network_outputs(),
            # As tuples: what a user passes may change later, or be written otherwise.
            "hidden_layer_sizes": architecture.hidden_layer_sizes,
            "linear_expansion": architecture.linear_expansion,
            "activation": self.activation,
            "bias": self.fit_intercept,
            "units": self._has_units(stops_by),
            **self._network_settings(),
        }

    def _has_units(self, stops_by: StopsBy) -> bool:
        """Tell whether the network that trains has other units than the user."""
        return bool(self.standardize)

    def _same_network(self, config: dict[str, Any]) -> dict[str, Any]:
        """Refuse to go on with another network than the fitted one; keep its start."""
        before = self._fitted.config
        if isinstance(self.linear_expansion, str):  # what it stood for then
            config = {**config, "linear_expansion": before["linear_expansion"]}
        changed = [
            f"{'fit_intercept' if name == 'bias' else name}={value!r} "
            f"(was {before.get(name, 'not used')!r})"
            for name, value in config.items()
            if name not in self._may_change
            and (name not in before or value != before[name])
        ]
        if changed:
            raise ValueError(
                f"Training cannot go on with another network: {'; '.join(changed)}. Set "
                "the parameters back, or fit anew with warm_start=False."
            )
        return {**config, "init": before["init"], "units": before["units"]}

    def _network_to_resume(self, config: dict[str, Any]) -> StackedNetwork:
        """Return the fitted network as a torch module, to train it further."""
        if config == self._fitted.config and hasattr(self, "net_"):
            return self.net_.module_
        return self.to_network()

    def _schedule(self, partial: bool, stops_by: StopsBy = None) -> str:
        """Return the schedule that the rate follows in fact."""
        # One needs to know its end, which one call of partial_fit does not.
        by_batches = SOLVERS[self.solver].by_batches
        if partial or not by_batches:
            return "constant"
        if self.learning_rate == "auto":
            return "constant" if stops_by else "one_cycle"
        return self.learning_rate

    def _record(self, outcome: Outcome, *, partial: bool) -> None:
        """Take how a training went."""
        self.loss_curve_ = [*self.loss_curve_, *outcome.loss_curve]
        self.n_iter_ = len(outcome.loss_curve)
        self.loss_, self.best_loss_ = self.loss_curve_[-1], min(self.loss_curve_)
        self.stop_reason_ = outcome.reason
        if outcome.validation_scores is not None:
            self.validation_scores_ = outcome.validation_scores
            # Training that ends so ends before the score of its last epoch.
            unscored = outcome.reason in ("diverged", "callback")
            self._scored_until = len(self.loss_curve_) - unscored
            self.best_validation_score_ = max(outcome.validation_scores, default=np.nan)
        elif not partial:  # those of an earlier fit are not about this one
            for name in ("validation_scores_", "best_validation_score_", "_scored_until"):
                self.__dict__.pop(name, None)

    def _record_out_of_bag(self, found: OutOfBag | None, data: TrainingData) -> None:
        """Take what members predict out of bag; drop that of an earlier fit."""
        for name in ("oob_score_", self._out_of_bag_name):
            self.__dict__.pop(name, None)
        if found is None:
            return
        if not data.X.has_row_numbers:  # each reading may have another order
            data = replace(data, y=found.target, sample_weight=found.weight)
        rows = data.row_numbers
        if data.sample_weight is not None:  # the score counts those that have some alike
            rows = rows[data.sample_weight[rows] > 0]
            data = replace(data, sample_weight=None, rows=rows)
        output = found.output[rows]
        is_finite = np.isfinite(output).all()
        self.oob_score_ = float(self._score_output(output, data)) if is_finite else np.nan
        setattr(self, self._out_of_bag_name, self._predictions(found.output))

    def _store(
        self, network: StackedNetwork, config: dict[str, Any], seed: int, **more: Any
    ) -> None:
        """Become fitted with a network, extended and retracted."""
        from ..training.convert import network_arrays

        arrays = network_arrays(network)
        self._fitted = FittedNetwork.from_arrays(self._space, config, seed, arrays, **more)
        self.n_parameters_ = network.n_trained

    def _reset_history(self) -> None:
        """Count from zero: the network was taken over, not trained here."""
        self.n_iter_, self.loss_curve_ = 0, []
        self.loss_ = self.best_loss_ = np.nan
        self.stop_reason_ = "not_trained"

    @property
    def net_(self) -> TrainingNet:
        """The skorch net that was trained; a file does not hold it."""
        check_is_fitted(self)
        if "_net" not in vars(self):
            raise AttributeError(
                "The skorch net is gone: the model was loaded or copied, or training "
                "that went on from it failed. Use to_network() for the network as a torch "
                "module."
            )
        return self._net

    @own_modes()
    def to_network(self) -> StackedNetwork:
        """Build the extended network as a torch module, from the fitted arrays.

        Returns
        -------
        SpectralNetwork or DirectNetwork
            A new network on the CPU, with all that was fitted. Its ``retract()`` gives
            ordinary layers.

        Raises
        ------
        NotFittedError
            If there is nothing fitted.
        """
        check_is_fitted(self)
        self._fitted.complete()  # before torch, which takes its time
        from ..training.convert import to_torch

        return to_torch(self._fitted)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
