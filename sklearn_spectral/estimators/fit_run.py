"""One call of fit or partial_fit: from validated data to what the estimator keeps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial as partial_of
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.torch_data import Stream
from ..data.training_data import TrainingData
from ..fitted.forward import forward
from ..fitted.layers import architecture_of
from ..training.device import own_modes
from ..training.fit_key import checksums, keeper_for
from ..training.outcome import Outcome
from .fit_callbacks import FitTasks

if TYPE_CHECKING:
    import torch

    from ..nn.network import StackedNetwork
    from ..training.net import TrainingNet, TrainingOptions
    from ..training.processes import Processes
    from .base import BaseNetwork

# A constant rate has no warm-up to survive and no decay to settle in.
CONSTANT_SHARE = 0.1


class FitRun:
    """One training of an estimator; `run` takes its steps in their order.

    Parameters
    ----------
    estimator : BaseNetwork
        Whose parameters it follows, and which keeps what comes out of it.
    data : TrainingData
        Validated.
    validation : TrainingData or None
        What the user gives for early stopping.
    tasks : FitTasks or None
        Whom to tell of epochs.
    proceed : bool
        Whether training goes on from what is fitted.
    partial : bool
        Whether this is one epoch of ``partial_fit``.
    """

    config: dict[str, Any]
    seed: int
    first_epoch: int
    device: torch.device
    dtype: np.dtype
    network: StackedNetwork

    def __init__(
        self,
        estimator: BaseNetwork,
        data: TrainingData,
        validation: TrainingData | None,
        tasks: FitTasks | None,
        *,
        proceed: bool,
        partial: bool,
    ) -> None:
        self.estimator, self.data, self.validation = estimator, data, validation
        self.tasks, self.proceed, self.partial = tasks, proceed, partial
        self.splits = estimator.early_stopping and validation is None and not partial
        self.processes: Processes | None = None
        self.keeper: Any = None

    @own_modes()
    def run(self) -> Outcome:
        """Train, and have the estimator keep the result; torch is imported here."""
        self._settle_the_network()
        self._join_processes()
        self._take_up_a_checkpoint()
        self._hold_rows_out()
        self._make_the_network()
        net, outcome = self._train()
        self._keep(net, outcome)
        return outcome

    def _settle_the_network(self) -> None:
        """Say which network trains, from which seed and epoch."""
        estimator = self.estimator
        self.config = estimator._network_config()
        if self.proceed:
            self.config = estimator._same_network(self.config)
            self.seed, self.first_epoch = estimator._seed, len(estimator.loss_curve_)
        else:
            self.seed, self.first_epoch = estimator._draw_seed(), 0

    @property
    def _has_checkpoints(self) -> bool:
        return self.estimator.checkpoint_dir is not None and not self.partial

    def _join_processes(self) -> None:
        """Find those that train together, if there are to be several."""
        estimator = self.estimator
        needs_row_numbers = self.splits or self._has_checkpoints or estimator.data_parallel
        if isinstance(self.data.X, Stream) and needs_row_numbers:
            self.data.X[:0]  # says what it does not offer
        if not estimator.data_parallel:
            return
        from ..training.processes import Processes

        self.processes = Processes(estimator.device)
        self.processes.check_same(checksums(estimator, self.data, self.validation))
        self.seed = self.processes.from_first(self.seed)

    def _take_up_a_checkpoint(self) -> None:
        """Find the file in which epochs are kept, and the seed of a fit that was killed."""
        if not self._has_checkpoints:
            return
        self.keeper = keeper_for(
            self.estimator,
            self.data,
            self.validation,
            self.seed,
            proceed=self.proceed,
            processes=self.processes,
        )
        self.seed = self.keeper.seed

    def _hold_rows_out(self) -> None:
        """Set validation rows aside, unless the user gave some."""
        estimator = self.estimator
        is_numeric = estimator._y_is_numeric
        if self.splits:
            self.data, self.validation = self.data.split(
                estimator.validation_fraction, self.seed, stratify=not is_numeric
            )
        held_out = self.validation
        if held_out is not None and is_numeric and len(held_out.target()) < 2:
            raise ValueError(
                "R^2 needs at least two samples of validation data; got one. Give more in "
                "X_val and y_val, raise validation_fraction, or set early_stopping=False."
            )

    def _make_the_network(self) -> None:
        """Build the network where it trains, or take the fitted one there."""
        from ..training.convert import build_network, set_dtype
        from ..training.device import resolve_device, training_dtype

        estimator, processes = self.estimator, self.processes
        self.device = resolve_device(
            estimator.device if processes is None else processes.device
        )
        if self.proceed:
            self.dtype = training_dtype(estimator.coefs_[0].dtype, self.device)
            network = estimator._network_to_go_on(self.config)
            self.network = set_dtype(network, self.dtype)
        else:
            self.dtype = training_dtype(self.data.X.dtype, self.device)
            self.network = build_network(
                estimator._network_type(), self.config, self.dtype, self.device, self.seed
            )
            estimator._prepare_start(self.network, self.data, partial=self.partial)

    def _train(self) -> tuple[TrainingNet, Outcome]:
        """Plan the stacks, put the network into a net and train it."""
        from ..training.device import matmul_precision
        from ..training.run import make_net, train

        estimator, network, processes = self.estimator, self.network, self.processes
        dataset = self._dataset()
        options = self._options(len(dataset))
        score = None if self.validation is None else self._validation_score()
        network.set_telescope(estimator.telescope)
        once = not self.partial and dataset.may_be_held(estimator.n_features_in_)
        own_rows = options.batch_size  # of each batch
        if processes is not None:
            own_rows = -(-own_rows // processes.share.n_processes)
        plans = network.plan(own_rows, len(dataset) if once else None)
        estimator._plans = [plan.to_dict() for plan in plans]
        with network.use_plans(plans), matmul_precision(estimator.matmul_precision):
            if network.computes_once(plans):
                dataset = dataset.mapped(partial_of(network.precompute, plans=plans))
            net = make_net(
                network, options, len(dataset), self.device, score, self.keeper, processes
            )
            self._listen(net)
            self._load_solver(net)
            # From here on the weights of an earlier net move; its arrays do not.
            estimator.__dict__.pop("_net", None)
            return net, train(net, dataset)

    def _dataset(self) -> Any:
        """Return what batches are cut from."""
        data = self.data
        if isinstance(data.X, Stream):
            from ..training.stream_dataset import StreamDataset

            encode = partial_of(self.estimator._encode_target, reset=False)
            weights = data.class_weight()
            return StreamDataset(data.X, encode, weights, self.dtype, self.device)
        from ..training.batches import ArrayDataset

        arrays = (data.X, data.y, data.sample_weight, data.rows)
        return ArrayDataset(*arrays, self.dtype, self.device)

    def _options(self, n_samples: int) -> TrainingOptions:
        """Return how to train, every "auto" replaced by what it stands for."""
        from ..training.net import TrainingOptions

        estimator = self.estimator
        unit = max(self.data.total_weight(), 1.0)
        rate, max_norm = self._rate()
        shuffle = estimator.shuffle
        return TrainingOptions(
            loss=estimator._loss_name(),
            solver=estimator.solver,
            learning_rate=estimator._schedule(self.partial),
            learning_rate_init=float(rate),
            momentum=estimator.momentum,
            penalties={
                group: (strength * l1_ratio / unit, strength * (1 - l1_ratio) / unit)
                for group, (strength, l1_ratio) in estimator._penalties().items()
            },
            tol=estimator.tol,
            n_iter_no_change=estimator.n_iter_no_change,
            max_norm=max_norm,
            batch_size=int(self._batch_size(n_samples)),
            n_epochs=1 if self.partial else int(estimator.max_iter),
            shuffle=shuffle if isinstance(shuffle, str) else bool(shuffle),
            seed=self.seed,
            first_epoch=self.first_epoch,
            verbose=int(estimator.verbose),
        )

    def _rate(self) -> tuple[float, float]:
        """Return the highest rate, and the norm to which longer gradients are cut."""
        estimator = self.estimator
        if estimator.solver == "lbfgs":
            return 1.0, np.inf  # where its line search starts
        if estimator.learning_rate_init != "auto":
            return estimator.learning_rate_init, np.inf
        is_sgd = estimator.solver == "sgd"
        max_norm = estimator._auto_max_norm() if is_sgd else np.inf
        is_constant = estimator._schedule(self.partial) == "constant"
        share = CONSTANT_SHARE if is_constant else 1.0
        return estimator._auto_learning_rate() * share, max_norm

    def _batch_size(self, n_samples: int) -> int:
        """Return how many rows go into a batch."""
        if self.estimator.solver == "lbfgs":
            from ..training.batches import rows_of_full_batch

            return rows_of_full_batch(n_samples, architecture_of(self.config).widest)
        size = self.estimator.batch_size
        return min(200, n_samples) if size == "auto" else size

    def _validation_score(self) -> Any:
        """Return a function that scores a network on the validation data."""
        from ..training.convert import retracted_arrays

        estimator, validation = self.estimator, self.validation
        assert validation is not None
        where = None if self.device.type == "cpu" else str(self.device)

        def score(network: Any) -> float:
            plain = retracted_arrays(network)
            X, rows = validation.X, validation.rows
            output = forward(X, *plain, estimator.activation, where, rows)
            if not np.isfinite(output).all():
                return -np.inf
            return estimator._score_output(output, validation)

        return score

    def _listen(self, net: TrainingNet) -> None:
        """Have callbacks told of each epoch."""
        if self.tasks is None or not self.tasks.listens:
            return
        end: Callable[[Any], bool] = self._end_epoch
        if self.processes is not None:
            end = self.processes.said_by_any(end)
        net.tell_epochs(self.tasks.begin_epoch, end)

    def _end_epoch(self, network: Any) -> bool:
        """Tell callbacks what the estimator would be if training ended here."""
        from ..training.convert import retracted_arrays

        def attributes() -> dict[str, Any]:
            coefs, intercepts = retracted_arrays(network)
            return {"coefs_": coefs, "intercepts_": intercepts, "_config": self.config}

        assert self.tasks is not None
        return self.tasks.end_epoch(attributes)

    def _load_solver(self, net: TrainingNet) -> None:
        """Go on with the moments of the last portion, if the same numbers train."""
        from ..training.convert import load_solver

        estimator = self.estimator
        if self.proceed and self.partial and self.config == estimator._config:
            load_solver(net.optimizer_, estimator._solver_state.get(estimator.solver, {}))

    def _keep(self, net: TrainingNet, outcome: Outcome) -> None:
        """Turn a trained net into fitted attributes."""
        from ..training.convert import solver_arrays

        estimator = self.estimator
        finished = outcome.reason != "interrupted"
        if self.keeper is not None and finished and estimator.random_state is None:
            self.keeper.file.remove()  # another fit is to be another draw
        estimator._config = self.config
        if not self.proceed:
            estimator._seed = self.seed
            estimator.loss_curve_ = []
        estimator._hold(net.module_)
        estimator._record(outcome, partial=self.partial)
        estimator.device_ = str(self.device)
        # Moments of steps that were undone would spoil those to come.
        keep = self.partial and outcome.reason != "diverged"
        moments = {estimator.solver: solver_arrays(net.optimizer_)} if keep else {}
        estimator._solver_state = moments
        estimator._net = net
