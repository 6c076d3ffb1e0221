"""A run of training: a network put into a net, and trained until it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from skorch.callbacks import Callback

from ..data.blocks import ALONE
from ..nn.losses import LOSSES
from ..nn.network import StackedNetwork
from .batches import ArrayDataset, BatchIterator
from .callbacks import EarlyStopping, Guard, Plateau, Progress, StopTraining
from .flat import FlatParameters
from .full_batch import FullBatchNet
from .net import FUSED, SOLVERS, WAITING_FROM, TrainingNet, TrainingOptions
from .outcome import Outcome
from .processes import Processes


def make_net(
    network: StackedNetwork,
    options: TrainingOptions,
    n_samples: int,
    device: torch.device,
    validation_score: Callable[[torch.nn.Module], float] | None = None,
    keeper: Callback | None = None,
    processes: Processes | None = None,
) -> TrainingNet:
    """Put a network into an initialized skorch net.

    Parameters
    ----------
    network : StackedNetwork
        Trained in place.
    options : TrainingOptions
        How to train.
    n_samples : int
        Number of rows per epoch, for the schedule.
    device : torch.device
        Where to train.
    validation_score : callable, optional
        Score of the module on validation data; it turns early stopping on.
    keeper : Callback, optional
        What writes checkpoints, to be the last of the callbacks.
    processes : Processes, optional
        Those that train this network together.

    Returns
    -------
    TrainingNet
        Ready for `train`.
    """
    scheduled = options.learning_rate == "one_cycle"
    callbacks: list[tuple[str, Callback]] = [("guard", Guard())]
    patience = (options.tol, options.n_iter_no_change)
    if validation_score is not None:
        first_wait = int(WAITING_FROM * options.n_epochs) if scheduled else 0
        if processes is not None:
            validation_score = processes.told_by_first(validation_score)
        stopping = EarlyStopping(validation_score, *patience, first_wait)
        callbacks.append(("early_stopping", stopping))
    if options.verbose and (processes is None or processes.is_first):
        progress = Progress(options.n_epochs, lines=options.verbose > 1)
        callbacks.append(("progress", progress))
    if validation_score is None:
        callbacks.append(("plateau", Plateau(*patience, scheduled=scheduled)))
    if keeper is not None:
        callbacks.append(("keeper", keeper))

    settings: dict[str, Any] = {
        "criterion": LOSSES[options.loss],
        "flat": FlatParameters(network),
        "max_epochs": options.n_epochs,
        "train_split": None,
        "callbacks": callbacks,
        "device": device,
        "verbose": 0,
        "penalties": options.penalties,
        "processes": processes,
    }
    if options.solver == "lbfgs":
        return FullBatchNet(network, tol=options.tol, **settings).initialize()
    if scheduled:
        n_steps = options.n_epochs * -(-n_samples // options.batch_size)
        settings["one_cycle"] = {
            "max_lr": options.learning_rate_init,
            "total_steps": max(n_steps, 2),
            # For Adam and Adamax it is beta_1 that cycles; a user names the momentum.
            "cycle_momentum": options.solver != "sgd",
        }
    if options.solver == "sgd":
        settings |= {
            "max_norm": options.max_norm,
            "optimizer__momentum": options.momentum,
            "optimizer__nesterov": options.momentum > 0,
        }
    if options.solver in FUSED and device.type in ("cpu", "cuda"):
        settings["optimizer__fused"] = True
    return TrainingNet(
        network,
        optimizer=SOLVERS[options.solver],
        lr=options.learning_rate_init,
        batch_size=options.batch_size,
        iterator_train=BatchIterator,
        iterator_train__shuffle=options.shuffle,
        iterator_train__seed=options.seed,
        iterator_train__first_epoch=options.first_epoch,
        iterator_train__share=ALONE if processes is None else processes.share,
        **settings,
    ).initialize()


def train(net: TrainingNet, dataset: ArrayDataset) -> Outcome:
    """Train a net until it is done, stopped or interrupted.

    Parameters
    ----------
    net : TrainingNet
        From `make_net`; its module holds the weights to use when this returns.
    dataset : ArrayDataset
        The data.

    Returns
    -------
    Outcome
        How it went. An interrupt after the first whole epoch is reported here, with the
        weights of the last whole epoch; what to tell the user is the caller's choice.

    Raises
    ------
    KeyboardInterrupt
        If the interrupt came before any epoch was done.
    """
    callbacks = dict(net.callbacks_)
    net.stop_reason_ = "error"
    net.notify("on_train_begin", X=dataset)
    # skorch's own fit swallows KeyboardInterrupt; its loop does not.
    try:
        # Fewer than all, if a checkpoint was taken up.
        net.fit_loop(dataset, epochs=net.max_epochs - len(net.history))
        net.stop_reason_ = "max_iter"
    except StopTraining as stop:
        net.stop_reason_ = stop.reason
    except KeyboardInterrupt:
        if not _loss_curve(net):
            raise
        callbacks["guard"].interrupt(net)
        net.stop_reason_ = "interrupted"
    finally:
        net.notify("on_train_end", X=dataset)
        net.release()
    stopping = callbacks.get("early_stopping")
    return Outcome(
        reason=net.stop_reason_,
        n_epochs=len(net.history),
        first_loss=net.history[0]["train_first_loss"],
        loss_curve=_loss_curve(net),
        penalty=net.penalty(),
        validation_scores=None if stopping is None else stopping.scores_,
    )


def _loss_curve(net: TrainingNet) -> list[float]:
    """Return the training losses of the epochs that were run to their end."""
    return [row["train_loss"] for row in net.history if "train_loss" in row]
