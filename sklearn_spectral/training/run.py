"""A run of training: a network put into a net, and trained until it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from skorch.callbacks import Callback

from ..nn.network import StackedNetwork
from ..spec.solvers import SOLVERS
from .batches import ArrayDataset, BatchIterator
from .callbacks import EarlyStopping, Guard, Plateau, Progress, StopTraining
from .flat import FlatParameters
from .full_batch import FullBatchNet
from .net import WAITING_FROM, TrainingNet, TrainingOptions
from .outcome import Outcome
from .processes import Processes


def make_net(
    network: StackedNetwork,
    options: TrainingOptions,
    n_samples: int,
    device: torch.device,
    processes: Processes,
    is_finite: Callable[[torch.nn.Module], bool],
    validation_score: Callable[[torch.nn.Module], float] | None = None,
    checkpoint: Callback | None = None,
) -> TrainingNet:
    """Put a network, which is trained in place, into an initialized skorch net.

    ``n_samples`` per epoch set the length of the schedule; ``is_finite`` tells whether the
    network can be retracted; ``validation_score`` turns early stopping on.
    """
    scheduled = options.learning_rate == "one_cycle"
    callbacks: list[tuple[str, Callback]] = [("guard", Guard(is_finite))]
    patience = (options.tol, options.n_iter_no_change)
    if validation_score is not None:
        first_wait = int(WAITING_FROM * options.n_epochs) if scheduled else 0
        score = processes.on_rank_zero(validation_score)
        stopping = EarlyStopping(score, *patience, first_wait)
        callbacks.append(("early_stopping", stopping))
    if options.verbose and processes.is_rank_zero:
        progress = Progress(options.n_epochs, lines=options.verbose > 1)
        callbacks.append(("progress", progress))
    if validation_score is None:
        callbacks.append(("plateau", Plateau(*patience, scheduled=scheduled)))
    if checkpoint is not None:  # which has to be the last
        callbacks.append(("checkpoint", checkpoint))

    settings: dict[str, Any] = {
        "criterion": options.loss,
        "flat": FlatParameters(network),
        "solver": options.solver,
        "max_epochs": options.n_epochs,
        "train_split": None,
        "callbacks": callbacks,
        "device": device,
        "verbose": 0,
        "penalties": options.penalties,
        "processes": processes,
    }
    solver = SOLVERS[options.solver]
    if not solver.by_batches:
        if options.member_rates is not None:
            raise ValueError(f"solver={options.solver!r} has no rate; got member_rates.")
        return FullBatchNet(network, tol=options.tol, **settings).initialize()
    if scheduled:
        n_steps = options.n_epochs * -(-n_samples // options.batch_size)
        settings["one_cycle"] = {
            "max_lr": options.learning_rate_init,
            "total_steps": max(n_steps, 2),
            "cycle_momentum": solver.cycles_beta,
        }
    if solver.takes_momentum:
        settings["optimizer__momentum"] = options.momentum
        settings["optimizer__nesterov"] = options.momentum > 0
    if solver.is_fused and device.type in ("cpu", "cuda"):
        settings["optimizer__fused"] = True
    return TrainingNet(
        network,
        optimizer=getattr(torch.optim, solver.optimizer),
        max_norm=options.max_norm,
        averaging=options.averaging,
        member_rates=options.member_rates,
        lr=options.learning_rate_init,
        batch_size=options.batch_size,
        iterator_train=BatchIterator,
        iterator_train__shuffle=options.shuffle,
        iterator_train__seed=options.seed,
        iterator_train__first_epoch=options.first_epoch,
        iterator_train__share=processes.share,
        **settings,
    ).initialize()


def train(net: TrainingNet, dataset: ArrayDataset) -> Outcome:
    """Train a net until it is done, stopped or interrupted, and leave the weights to use.

    An interrupt after the first whole epoch is in the outcome; one before is raised.
    """
    begin(net, dataset)
    # skorch's own fit swallows KeyboardInterrupt; its loop does not.
    try:
        # Fewer than all, if it resumed from a checkpoint.
        net.fit_loop(dataset, epochs=net.max_epochs - len(net.history))
        net.use_average()
        net.stop_reason_ = "max_iter"
    except StopTraining as stop:
        net.stop_reason_ = stop.reason
    except KeyboardInterrupt:
        if not _loss_curve(net):
            raise
        dict(net.callbacks_)["guard"].interrupt(net)
        net.stop_reason_ = "interrupted"
    finally:
        end(net, dataset)
    return outcome_of(net)


def begin(net: TrainingNet, dataset: Any) -> None:
    """Get a net ready for its first epoch."""
    net.stop_reason_ = "error"
    net.notify("on_train_begin", X=dataset)


def end(net: TrainingNet, dataset: Any) -> None:
    """Have a net leave the weights to use, however its training ended."""
    net.notify("on_train_end", X=dataset)
    net.release()


def outcome_of(net: TrainingNet) -> Outcome:
    """Return how a training went that has ended."""
    stopping = dict(net.callbacks_).get("early_stopping")
    return Outcome(
        reason=net.stop_reason_,
        n_epochs=len(net.history),
        first_loss=net.history[0]["train_first_loss"],
        loss_curve=_loss_curve(net),
        penalty=net.penalty(),
        validation_scores=None if stopping is None else stopping.scores_,
    )


def _loss_curve(net: TrainingNet) -> list[float]:
    """Return the training losses of the whole epochs."""
    return [row["train_loss"] for row in net.history if "train_loss" in row]
