"""One call of fit or partial_fit: from validated data to what the estimator keeps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial as partial_of
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data.bags import are_few
from ..data.training_data import TrainingData
from ..fitted.forward import forward
from ..fitted.layers import n_members_in
from ..fitted.network import FittedNetwork
from ..spec.solvers import SOLVERS
from ..training.device import own_modes
from ..training.outcome import Constant, Outcome
from .conformal import calibrate
from .fit_callbacks import FitTasks
from .fit_options import FitOptions
from .fit_units import FitUnits
from .left_out import LeftOut, left_out_by_both, why_seen
from .stopping import (
    StopsBy,
    loss_score,
    out_of_bag_loss_score,
    out_of_bag_scorer_score,
    rows_to_stop_by,
    scorer_score,
)

if TYPE_CHECKING:
    import torch

    from ..nn.network import StackedNetwork
    from ..training.net import TrainingNet
    from ..training.out_of_bag import OutOfBag
    from ..training.processes import Processes
    from .base import BaseNetwork


class FitRun:
    """One training of an estimator; `run` takes its steps in their order.

    ``resume``: training goes on from what is fitted; ``partial``: one epoch of
    ``partial_fit``. ``validation`` is what the user gives for early stopping.
    """

    config: dict[str, Any]
    seed: int
    first_epoch: int
    device: torch.device
    dtype: np.dtype
    network: StackedNetwork
    processes: Processes
    plans: list[dict[str, Any]]
    largest_product: int
    dataset: Any
    net: TrainingNet
    outcome: Outcome
    arrays: dict[str, Any] | None = None

    def __init__(
        self,
        estimator: BaseNetwork,
        data: TrainingData,
        validation: TrainingData | None,
        tasks: FitTasks | None,
        *,
        resume: bool,
        partial: bool,
    ) -> None:
        self.estimator, self.data, self.validation = estimator, data, validation
        self.given = data  # of which a part may be held out
        self.tasks, self.resume, self.partial = tasks, resume, partial
        self.solver = SOLVERS[estimator.solver]
        n_left_out = estimator._n_left_out
        self.is_left_whole = n_left_out > 0 and self._is_left_whole()
        self.n_left_out = 0 if self.is_left_whole else n_left_out
        how = {"has_validation": validation is not None, "partial": partial}
        self.stops_by: StopsBy = rows_to_stop_by(estimator, data, self.n_left_out, **how)
        self.checkpoint: Any = None
        self.begun = perf_counter()
        self.planned = ExitStack()  # how the network computes while it trains
        self.out_of_bag: OutOfBag | None = None

    @own_modes()
    def prepare(self) -> None:
        """Make the net that trains, and its data set; torch is imported here."""
        self._choose_network()
        self._compare_bags()
        self._join_processes()
        self._find_checkpoint()
        self.bags = self.estimator._bags(self.seed) if self.n_left_out else None
        self._split_validation()
        self._build_network()
        self._make_net()

    @own_modes()
    def train(self) -> None:
        """Train it by itself."""
        from ..training.run import train
        from ..training.threads import threads, threads_for

        by_size = self.device.type == "cpu" and self.solver.by_batches
        with threads(threads_for(self.largest_product) if by_size else None):
            self.outcome = train(self.net, self.dataset)

    @own_modes()
    def finish(self) -> None:
        """Have the estimator keep what was trained."""
        self.close()
        self._after_training()
        self._store(self.net, self.outcome)

    def close(self) -> None:
        """Have the network compute as it does when it does not train here."""
        self.planned.close()

    def _is_left_whole(self) -> bool:
        """Tell whether data have too few rows for bags that nobody asked for."""
        estimator, data = self.estimator, self.data
        if getattr(estimator, "bag_fraction", 1.0) != "auto" or data.groups is not None:
            return False
        if self.partial or estimator.early_stopping == "oob" or not data.X.has_row_numbers:
            return False
        return are_few(data.X, data.rows)

    def _choose_network(self) -> None:
        """Find out which network trains, from which seed and epoch."""
        estimator = self.estimator
        self.config = estimator._network_config(self.stops_by)
        if self.resume:
            self.config = estimator._same_network(self.config)
            self.seed, self.first_epoch = estimator._fitted.seed, len(estimator.loss_curve_)
        else:
            self.seed, self.first_epoch = estimator._draw_seed(), 0
        self.units = FitUnits(estimator, self.config)

    def _compare_bags(self) -> None:
        """Find out whether members saw, in earlier training, what they leave out now."""
        estimator, n_left_out = self.estimator, self.n_left_out
        now: LeftOut | None = None
        if n_left_out:
            now = ["rows" if self.data.groups is None else "groups", n_left_out]
        before = estimator._bagged if self.resume else now
        bagged = left_out_by_both(before, now)
        # At once: callbacks are given copies of the estimator while it trains.
        estimator.__dict__.pop("_bagged", None)
        if bagged is not None:
            estimator._bagged = bagged
        self.why_seen = None if now is None else why_seen(before, now)
        if self.stops_by != "oob" or self.why_seen is None:
            return
        if estimator.early_stopping == "auto":
            self.stops_by = None
        else:
            raise ValueError(
                f"early_stopping={estimator.early_stopping!r} stops by rows that members "
                f"never saw, but training would go on from weights that {self.why_seen}. "
                "Fit anew with warm_start=False, or set early_stopping=True or False."
            )

    @property
    def _has_checkpoints(self) -> bool:
        return self.estimator.checkpoint_dir is not None and not self.partial

    def _join_processes(self) -> None:
        """Join the other processes of ``data_parallel``."""
        estimator = self.estimator
        for is_used, feature in (
            (self.stops_by == "held_out", "early_stopping=True without X_val"),
            (self._has_checkpoints and self.solver.by_batches, "checkpoint_dir"),
            (estimator.data_parallel, "data_parallel=True"),
        ):
            if is_used:
                self.data.X.check_row_numbers(feature)
        from ..training.checkpoints import checksums
        from ..training.processes import Processes, ProcessGroup

        if not estimator.data_parallel:
            self.processes = Processes(estimator.device)
            return
        self.processes = group = ProcessGroup(estimator.device)
        group.check_same(checksums(estimator, self.data, self.validation))
        self.seed = group.broadcast(self.seed)

    def _find_checkpoint(self) -> None:
        """Find the checkpoint file, and the seed of a fit that was killed."""
        if not self._has_checkpoints:
            return
        from ..training.checkpoints import checkpoint_for

        self.checkpoint = checkpoint_for(
            self.estimator,
            self.data,
            self.validation,
            self.seed,
            resume=self.resume,
            processes=self.processes,
        )
        if self.checkpoint is not None:
            self.seed = self.checkpoint.seed

    def _split_validation(self) -> None:
        """Set validation rows aside, unless the user gave some."""
        if self.stops_by != "held_out":
            return
        estimator = self.estimator
        by_default = estimator.early_stopping == "auto"
        has_classes = not (estimator._y_is_numeric or estimator._has_many_labels)
        try:
            training, held_out = self.data.split(
                self._held_out_share(), self.seed, stratify=has_classes
            )
        except ValueError:
            if not by_default:
                raise
            held_out = None
        if held_out is None or (by_default and len(held_out.row_numbers) < 2):
            # So few rows are all needed to train.
            self.stops_by = "oob" if self.n_left_out and self.why_seen is None else None
        else:
            self.data, self.validation = training, held_out

    def _held_out_share(self) -> float:
        """Return the share of the rows that is held out."""
        share = self.estimator.validation_fraction
        if share != "auto":
            return share
        if n_members_in(self.config) == 1:
            return 0.1
        return min(0.1, max(0.05, 100 / len(self.data.row_numbers)))

    def _build_network(self) -> None:
        """Build the network where it trains, or take the fitted one there."""
        from ..training.convert import build_network, move
        from ..training.device import resolve_device, training_dtype

        estimator = self.estimator
        self.device = resolve_device(self.processes.device)
        if self.resume:
            self.dtype = training_dtype(estimator._fitted.dtype, self.device)
            network = estimator._network_to_resume(self.config)
            self.network = move(network, self.dtype, self.device)
            self.units.resume(self.network)
        else:
            self.dtype = training_dtype(self.data.X.dtype, self.device)
            self.network = build_network(
                estimator._space, self.config, self.dtype, self.device, self.seed
            )
            self.units.find(self.network, self.data, self.dtype)
            estimator._prepare_start(self.network, self.data, partial=self.partial)

    @own_modes()
    def best_constant(self) -> Constant:
        """Return the constant that the network has to beat, in units of its loss."""
        data = self.units.standardized(self.data)
        return self.estimator._best_constant(data, self.units.scale)

    def _make_net(self) -> None:
        """Plan how stacks are computed, and wrap the network in a net."""
        from ..training.run import make_net

        estimator, network, processes = self.estimator, self.network, self.processes
        dataset = self._dataset(self.data)
        options = FitOptions(self, len(dataset)).told()
        network.set_telescope(estimator.telescope)
        once = not self.partial and dataset.can_cache(estimator.n_features_in_)
        own_rows = -(-options.batch_size // processes.share.n_processes)  # of each batch
        plans = network.plan(own_rows, len(dataset) if once else None)
        self.plans = [plan.to_dict() for plan in plans]
        n_members = n_members_in(self.config)
        self.largest_product = max(plan.largest_product(n_members) for plan in plans)
        self.planned.enter_context(network.use_plans(plans))
        if network.computes_once(plans):
            dataset = dataset.mapped(partial_of(network.precompute, plans=plans))
        self.dataset = dataset
        self.net = net = make_net(
            network,
            options,
            len(dataset),
            self.device,
            processes,
            lambda module: self._fitted_now(module).is_finite(),
            self._score(dataset),
            self.checkpoint,
        )
        self._report_epochs(net)
        self._load_solver(net)
        # From here on the weights of an earlier net move; its arrays do not.
        estimator.__dict__.pop("_net", None)

    def _after_training(self) -> None:
        """Find out what rows that did not train tell of the network."""
        net = self.net
        if self.bags is not None and self.why_seen is None and not self.partial:
            from ..training.out_of_bag import OutOfBagRows, predict_out_of_bag

            rows = self.data.rows  # those that do not train are predicted too
            everything = self.data if rows is None else replace(self.given, rows=None)
            of_training = self._dataset(everything)
            found = predict_out_of_bag(net.module_, OutOfBagRows(of_training))
            parts = (found.output, found.target, found.weight)
            if self.validation is None:
                self.units.find_temperature(*parts, out_of_bag=True)
            self.out_of_bag = self.units.in_use(found)
        held_out = self.validation
        if held_out is not None and self.units.finds_temperature:
            output = self.output_of(net.module_, held_out)
            parts = (output, held_out.target(), held_out.weight())
            self.units.find_temperature(*parts, out_of_bag=False)
        self.network.set_units(**self.units.of_outputs())

    def _score(self, dataset: Any) -> Callable[[Any], float] | None:
        """Return what scores a network after each epoch."""
        estimator, validation = self.estimator, self.validation
        loss, now = self.units.loss(judges=True), self._fitted_now
        if self.stops_by == "oob":
            if estimator.scoring is None:
                return out_of_bag_loss_score(loss, dataset)
            return out_of_bag_scorer_score(estimator, now, dataset, self.units.in_use)
        if validation is None:
            return None
        if estimator.scoring is not None:
            return scorer_score(estimator, now, validation)

        def output_of(network: Any) -> NDArray[Any]:
            return self.units.encode_output(self.output_of(network, validation))

        target = self.units.encode(validation.target())
        return loss_score(loss, output_of, target, validation.weight())

    def _dataset(self, data: TrainingData) -> Any:
        """Return what batches are cut from."""
        data = self.units.standardized(data)
        if not data.X.has_row_numbers:
            from ..training.stream_dataset import StreamDataset

            def encode(y: Any) -> NDArray[Any]:
                return self.units.encode(self.estimator._encode_target(y, reset=False))

            weights = data.class_weight()
            settings = (encode, weights, self.dtype, self.device, self.bags)
            return StreamDataset(data.X, *settings, partial=self.partial)
        from ..training.batches import ArrayDataset

        arrays = (data.X, data.y, data.sample_weight, data.rows)
        in_bags = None if self.bags is None else data.in_bags(self.bags)
        if in_bags is not None and not self.partial:
            data.check_bags(in_bags)
        return ArrayDataset(*arrays, self.dtype, self.device, in_bags)

    def output_of(self, network: Any, data: TrainingData) -> NDArray[Any]:
        """Return what the network would predict if training ended here."""
        now = self._fitted_now(network)
        where = None if self.device.type == "cpu" else str(self.device)
        plain = (now.coefs, now.intercepts, now.activation)
        return forward(data.X, *plain, where, data.rows)

    def _report_epochs(self, net: TrainingNet) -> None:
        """Report each epoch to callbacks."""
        if self.tasks is None or not self.tasks.listens:
            return
        end = self.processes.any_rank(self._end_epoch)
        net.add_epoch_hooks(self.tasks.begin_epoch, end)

    def _end_epoch(self, network: Any) -> bool:
        """Offer callbacks the estimator as it would be if training ended here."""
        assert self.tasks is not None
        return self.tasks.end_epoch(lambda: {"_fitted": self._fitted_now(network)})

    def _fitted_now(self, network: Any) -> FittedNetwork:
        """Return the network that a fit would leave if training ended here."""
        from ..training.convert import network_arrays

        arrays = network_arrays(network, self.arrays)
        self.arrays = arrays  # of which what is frozen is not read again
        arrays = {**arrays, **self._output_units()}
        return FittedNetwork.from_arrays(
            self.estimator._space, self.config, self.seed, arrays
        )

    def _output_units(self) -> dict[str, NDArray[Any]]:
        units = self.units.of_outputs()
        return {name: values.astype(self.dtype) for name, values in units.items()}

    def _load_solver(self, net: TrainingNet) -> None:
        """Go on with the moments of the last portion, if the same numbers train."""
        from ..training.convert import load_solver

        estimator = self.estimator
        if self.resume and self.partial and self.config == estimator._fitted.config:
            state = estimator._fitted.solver_state.get(estimator.solver, {})
            load_solver(net.optimizer_, state)

    def _store(self, net: TrainingNet, outcome: Outcome) -> None:
        """Turn a trained net into fitted attributes."""
        from ..training.convert import solver_arrays

        estimator = self.estimator
        finished = outcome.reason != "interrupted"
        if self.checkpoint is not None and finished and estimator.random_state is None:
            self.checkpoint.file.remove()  # another fit is to be another draw
        # Moments of steps that were undone would spoil those to come.
        with_moments = self.partial and outcome.reason != "diverged"
        moments = solver_arrays(net.optimizer_) if with_moments else {}
        estimator._store(
            net.module_,
            self.config,
            self.seed,
            plans=self.plans,
            solver_state={estimator.solver: moments} if with_moments else {},
        )
        if not self.resume:
            estimator.loss_curve_ = []
        estimator._record(outcome, partial=self.partial)
        estimator._record_out_of_bag(self.out_of_bag, self.given)
        calibrate(self, net.module_)
        if hasattr(estimator, "temperature"):
            estimator.temperature_ = self.units.temperature
        estimator.device_ = str(self.device)
        net.seconds_ = perf_counter() - self.begun
        estimator._net = net
