"""What all estimators share: training parameters and fit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial as partial_of
from numbers import Integral, Real
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
)
from sklearn.utils.validation import check_is_fitted

from ..data.torch_data import Stream
from ..data.training_data import TrainingData
from ..fitted.forward import forward
from ..fitted.layers import architecture_of, slope_names
from ..fitted.retraction import retract
from ..spec.activations import ACTIVATIONS
from ..spec.architecture import Architecture, LinearExpansion
from ..spec.plan import TELESCOPES
from ..training.device import own_modes
from ..training.fit_key import checksums, keeper_for
from ..training.outcome import Constant, Outcome, report
from .calls import advice_on_values
from .fit_callbacks import CallbackSupportMixin, FitTasks
from .validation import ValidationMixin

if TYPE_CHECKING:
    import torch

    from ..nn.network import StackedNetwork
    from ..training.net import TrainingNet, TrainingOptions
    from ..training.processes import Processes

# A constant rate has no warm-up to survive and no decay to settle in.
CONSTANT_SHARE = 0.1


def can_train_by_batches(estimator: Any) -> bool:
    """Tell whether ``partial_fit`` exists; raise what hasattr wants if not."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit needs a solver that takes steps on batches, which 'lbfgs' does "
            "not. Use solver='adamax', 'adam' or 'sgd'."
        )
    return True


class BaseNetwork(CallbackSupportMixin, ValidationMixin, ABC):
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
        "activation": [StrOptions({*ACTIVATIONS})],
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"adamax", "adam", "sgd", "lbfgs"})],
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
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "device": [str],
        "telescope": [StrOptions(set(TELESCOPES))],
        "matmul_precision": [StrOptions({"highest", "high"})],
        "checkpoint_dir": [str, PathLike, None],
        "data_parallel": ["boolean"],
        "verbose": ["verbose"],
    }

    # What of a network's configuration may change while its training goes on.
    _may_change: ClassVar[frozenset[str]] = frozenset({"init"})

    def _validate_params(self) -> None:
        """Check the parameters; say what is meant by a value of another package."""
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            told = str(error)
            advice = advice_on_values(self.get_params(deep=False), told)
            raise InvalidParameterError(told + advice) from None

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
    def _auto_max_norm(self) -> float:
        """Return to what norm SGD at its automatic rate cuts longer gradients."""

    def _prepare_start(
        self, network: StackedNetwork, data: TrainingData, *, partial: bool
    ) -> None:
        """Change a network at its start, where that depends on the data."""
        return

    # ---- what a classifier and a regressor do differently ----

    # What a fit learns of the target, beside the network.
    _target_attributes: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def _loss_name(self) -> str:
        """Return the loss, a key of ``nn.losses.LOSSES``."""

    @abstractmethod
    def _best_constant(self, data: TrainingData) -> Constant:
        """Return the constant that a network has to beat."""

    @abstractmethod
    def _n_network_outputs(self) -> int:
        """Return the width of the last layer."""

    @abstractmethod
    def _score_output(self, output: NDArray[Any], data: TrainingData) -> float:
        """Score an output of the network against encoded targets."""

    # ---- fit ----

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        *,
        partial: bool = False,
        classes: Any = None,
    ) -> None:
        """Train from the start or go on, then store the outcome and report on it."""
        tasks = None
        if not partial:
            tasks = FitTasks(self, X, y, sample_weight, max_subtasks=self.max_iter)
        with self._unchanged_on_failure():
            proceed = self.__sklearn_is_fitted__() and (partial or self.warm_start)
            if proceed and self._arrays is None:
                raise ValueError(
                    f"This {type(self).__name__} was saved with compact=True, so that it "
                    "cannot be trained further. Load a file saved with compact=False, or "
                    "fit anew with warm_start=False."
                )
            data = self._training_data(
                X, y, sample_weight, reset=not proceed, partial=partial, classes=classes
            )
            validation = self._validation_data(X_val, y_val)
            outcome = self._train_and_store(
                data, validation, tasks, proceed=proceed, partial=partial
            )
        if tasks is not None:
            tasks.end()
        scheduled = self._schedule(partial) == "one_cycle"
        report(
            outcome,
            constant=None if partial else self._best_constant(data),
            all_epochs_expected=scheduled or self.early_stopping,
            from_start=not proceed,
        )

    @contextmanager
    def _unchanged_on_failure(self) -> Iterator[None]:
        """Bring all attributes back if the body raises: nothing is half-written."""
        before = vars(self).copy()
        try:
            yield
        except BaseException:
            if "_net" not in vars(self):
                before.pop("_net", None)
            self.__dict__ = before
            raise

    @own_modes()
    def _train_and_store(
        self,
        data: TrainingData,
        validation: TrainingData | None,
        tasks: FitTasks | None,
        *,
        proceed: bool,
        partial: bool,
    ) -> Outcome:
        """Run the training on validated data; torch is imported here."""
        config = self._network_config()
        if proceed:
            config = self._same_network(config)
            seed, first_epoch = self._seed, len(self.loss_curve_)
        else:
            seed, first_epoch = self._draw_seed(), 0
        splits = self.early_stopping and validation is None and not partial
        keeps = self.checkpoint_dir is not None and not partial
        if isinstance(data.X, Stream) and (splits or keeps or self.data_parallel):
            data.X[:0]  # says what it does not offer
        processes = self._processes(data, validation)
        if processes is not None:
            seed = processes.from_first(seed)
        keeper = None
        if keeps:
            keeper = keeper_for(
                self, data, validation, seed, proceed=proceed, processes=processes
            )
            seed = keeper.seed
        if splits:
            data, validation = data.split(
                self.validation_fraction, seed, stratify=not self._y_is_numeric
            )
        if validation is not None and self._y_is_numeric and len(validation.target()) < 2:
            raise ValueError(
                "R^2 needs at least two samples of validation data; got one. Give more in "
                "X_val and y_val, raise validation_fraction, or set early_stopping=False."
            )

        from ..training.convert import build_network, load_solver, set_dtype
        from ..training.device import matmul_precision, resolve_device, training_dtype
        from ..training.run import make_net, train

        device = resolve_device(self.device if processes is None else processes.device)
        if proceed:
            network = self._network_to_go_on(config)
            dtype = training_dtype(self.coefs_[0].dtype, device)
            network = set_dtype(network, dtype)
        else:
            dtype = training_dtype(data.X.dtype, device)
            network = build_network(self._network_type(), config, dtype, device, seed)
            self._prepare_start(network, data, partial=partial)
        dataset = self._dataset(data, dtype, device)
        options = self._training_options(
            config, len(dataset), data.total_weight(), seed, first_epoch, partial=partial
        )
        score = None if validation is None else self._validation_score(validation, device)
        network.set_telescope(self.telescope)
        once = not partial and dataset.may_be_held(self.n_features_in_)
        own_rows = options.batch_size  # of each batch
        if processes is not None:
            own_rows = -(-own_rows // processes.share.n_processes)
        plans = network.plan(own_rows, len(dataset) if once else None)
        with network.planned(plans), matmul_precision(self.matmul_precision):
            if network.computes_once(plans):
                dataset = dataset.mapped(partial_of(network.precompute, plans=plans))
            net = make_net(network, options, len(dataset), device, score, keeper, processes)
            if tasks is not None and tasks.listens:
                end: Callable[[Any], bool] = partial_of(self._end_epoch, tasks, config)
                if processes is not None:
                    end = processes.said_by_any(end)
                net.tell_epochs(tasks.begin_epoch, end)
            if proceed and partial and config == self._config:
                load_solver(net.optimizer_, self._solver_state.get(self.solver, {}))
            # From here on the weights of an earlier net move; its arrays do not.
            self.__dict__.pop("_net", None)
            outcome = train(net, dataset)
        finished = outcome.reason != "interrupted"
        if keeper is not None and finished and self.random_state is None:
            keeper.file.remove()  # another fit is to be another draw
        self._plans = [plan.to_dict() for plan in plans]

        self._config = config
        if not proceed:
            self._seed = seed
            self.loss_curve_ = []
        self._store(net, outcome, device, partial=partial)
        return outcome

    def _dataset(self, data: TrainingData, dtype: Any, device: torch.device) -> Any:
        """Return what batches are cut from."""
        if isinstance(data.X, Stream):
            from ..training.stream_dataset import StreamDataset

            encode = partial_of(self._encode_target, reset=False)
            return StreamDataset(data.X, encode, data.class_weight(), dtype, device)
        from ..training.batches import ArrayDataset

        arrays = (data.X, data.y, data.sample_weight, data.rows)
        return ArrayDataset(*arrays, dtype, device)

    def _processes(
        self, data: TrainingData, validation: TrainingData | None
    ) -> Processes | None:
        """Return the processes that train together, if there are to be several."""
        if not self.data_parallel:
            return None
        from ..training.processes import Processes

        processes = Processes(self.device)
        processes.check_same(checksums(self, data, validation))
        return processes

    def _draw_seed(self) -> int:
        """Draw the seed that all randomness of a network follows from."""
        random_state = check_random_state(self.random_state)
        return int(random_state.randint(np.iinfo(np.int32).max))

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

    def _network_config(self) -> dict[str, Any]:
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
            **self._network_settings(),
        }

    def _same_network(self, config: dict[str, Any]) -> dict[str, Any]:
        """Refuse to go on with another network than the fitted one; keep its start."""
        if isinstance(self.linear_expansion, str):  # what it stood for then
            config = {**config, "linear_expansion": self._config["linear_expansion"]}
        changed = [
            f"{'fit_intercept' if name == 'bias' else name}={value!r} "
            f"(was {self._config.get(name, 'not used')!r})"
            for name, value in config.items()
            if name not in self._may_change
            and (name not in self._config or value != self._config[name])
        ]
        if changed:
            raise ValueError(
                f"Training cannot go on with another network: {'; '.join(changed)}. Set "
                "the parameters back, or fit anew with warm_start=False."
            )
        return {**config, "init": self._config["init"]}

    def _network_to_go_on(self, config: dict[str, Any]) -> StackedNetwork:
        """Return the fitted network as a torch module, to train it further."""
        if config == self._config and hasattr(self, "net_"):
            return self.net_.module_
        return self.to_network()

    def _schedule(self, partial: bool) -> str:
        """Return the schedule that the rate follows in fact."""
        # One needs to know its end, which one call of partial_fit does not.
        return "constant" if partial or self.solver == "lbfgs" else self.learning_rate

    def _training_options(
        self,
        config: dict[str, Any],
        n_samples: int,
        total_weight: float,
        seed: int,
        first_epoch: int,
        *,
        partial: bool,
    ) -> TrainingOptions:
        from ..training.net import TrainingOptions

        schedule = self._schedule(partial)
        rate, max_norm = self.learning_rate_init, np.inf
        if self.solver == "lbfgs":
            rate = 1.0  # where its line search starts
        elif rate == "auto":
            rate = self._auto_learning_rate()
            if self.solver == "sgd":
                max_norm = self._auto_max_norm()
            rate *= CONSTANT_SHARE if schedule == "constant" else 1.0
        if self.solver == "lbfgs":
            from ..training.batches import rows_of_full_batch

            size = rows_of_full_batch(n_samples, architecture_of(config).widest)
        else:
            size = min(200, n_samples) if self.batch_size == "auto" else self.batch_size
        unit = max(total_weight, 1.0)
        return TrainingOptions(
            loss=self._loss_name(),
            solver=self.solver,
            learning_rate=schedule,
            learning_rate_init=float(rate),
            momentum=self.momentum,
            penalties={
                group: (strength * l1_ratio / unit, strength * (1 - l1_ratio) / unit)
                for group, (strength, l1_ratio) in self._penalties().items()
            },
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            max_norm=max_norm,
            batch_size=int(size),
            n_epochs=1 if partial else int(self.max_iter),
            shuffle=self.shuffle if isinstance(self.shuffle, str) else bool(self.shuffle),
            seed=seed,
            first_epoch=first_epoch,
            verbose=int(self.verbose),
        )

    def _validation_score(self, validation: TrainingData, device: torch.device) -> Any:
        """Return a function that scores a network on the validation data."""
        from ..training.convert import retracted_arrays

        where = None if device.type == "cpu" else str(device)

        def score(network: Any) -> float:
            coefs, intercepts = retracted_arrays(network)
            output = forward(
                validation.X, coefs, intercepts, self.activation, where, validation.rows
            )
            if not np.isfinite(output).all():
                return -np.inf
            return self._score_output(output, validation)

        return score

    def _store(
        self, net: TrainingNet, outcome: Outcome, device: torch.device, *, partial: bool
    ) -> None:
        """Turn a trained net into fitted attributes."""
        from ..training.convert import solver_arrays

        self._hold(net.module_)
        self.loss_curve_ = [*self.loss_curve_, *outcome.loss_curve]
        self.n_iter_ = len(outcome.loss_curve)
        self.loss_, self.best_loss_ = self.loss_curve_[-1], min(self.loss_curve_)
        self.stop_reason_ = outcome.reason
        self.device_ = str(device)
        if outcome.validation_scores is None:
            # Those of an earlier fit are not about this one; a portion more is no fit.
            for name in () if partial else ("validation_scores_", "best_validation_score_"):
                self.__dict__.pop(name, None)
        else:
            self.validation_scores_ = outcome.validation_scores
            self.best_validation_score_ = max(outcome.validation_scores, default=np.nan)
        # Moments of steps that were undone would spoil those to come.
        keep = partial and outcome.reason != "diverged"
        self._solver_state = {self.solver: solver_arrays(net.optimizer_)} if keep else {}
        self._net = net

    def _end_epoch(self, tasks: FitTasks, config: dict[str, Any], network: Any) -> bool:
        """Tell callbacks what the estimator would be if training ended here."""
        from ..training.convert import retracted_arrays

        def attributes() -> dict[str, Any]:
            coefs, intercepts = retracted_arrays(network)
            return {"coefs_": coefs, "intercepts_": intercepts, "_config": config}

        return tasks.end_epoch(attributes)

    def _hold(self, network: StackedNetwork) -> None:
        """Take the arrays of a network, extended and retracted."""
        from ..training.convert import network_arrays

        self._arrays, self._regrown = network_arrays(network), {}
        slopes = slope_names(self._space, self._config)
        self.coefs_, self.intercepts_ = retract(self._stacks(), slopes, self._arrays)
        self.n_parameters_ = network.n_trained

    def _begin_anew(self) -> None:
        """Count from zero: the network was taken over, not trained here."""
        self.n_iter_, self.loss_curve_ = 0, []
        self.loss_ = self.best_loss_ = np.nan
        self.stop_reason_ = "not trained"
        self._plans, self._solver_state = [], {}

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
        arrays = self._extended()
        from ..training.convert import build_network, load_arrays

        network = build_network(
            self._network_type(), self._config, self.coefs_[0].dtype, "cpu", self._seed
        )
        load_arrays(network, arrays)
        return network

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
