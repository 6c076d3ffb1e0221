"""The training loop: a skorch net over in-memory batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, LRScheduler
from torch import Tensor

from ._batches import ArrayDataset, BatchIterator, FullBatch
from ._callbacks import EarlyStopping, Guard, Plateau, Progress, StopTraining
from ._outcome import Outcome
from .nn.losses import LOSSES
from .nn.network import StackedNetwork

SOLVERS: dict[str, type[torch.optim.Optimizer]] = {
    "adamax": torch.optim.Adamax,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "lbfgs": torch.optim.LBFGS,
}
"""The optimizers by the names that estimators give them."""

WAITING_FROM = 0.5
"""Share of the one-cycle schedule before which early stopping does not wait: the rate is
high until then, and a validation score that rests may still rise."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; the fields are the parameters of the estimators.

    Parameters
    ----------
    loss, solver, learning_rate : str
        As in the estimators.
    learning_rate_init, momentum, l1_ratio, tol : float
        As in the estimators.
    penalties : mapping of str to float
        Strength of the penalty on each group of parameters that layers name.
    n_iter_no_change : float
        As in the estimators.
    batch_size, n_epochs, seed, first_epoch, verbose : int
        As in the estimators; ``first_epoch`` counts on from earlier training.
    shuffle : bool
        As in the estimators.
    """

    loss: str
    solver: str
    learning_rate: str
    learning_rate_init: float
    momentum: float
    penalties: Mapping[str, float]
    l1_ratio: float
    tol: float
    n_iter_no_change: float
    batch_size: int
    n_epochs: int
    shuffle: bool
    seed: int
    first_epoch: int
    verbose: int


class TrainingNet(NeuralNet):
    """A skorch net with weighted losses, penalties, and one device sync per epoch.

    Parameters
    ----------
    *args
        As for `skorch.NeuralNet`.
    penalties : mapping of str to float, optional
        Strength of the penalty on each group of parameters that layers name.
    l1_ratio : float, default=0.0
        Share of the L1 norm in the penalties.
    **kwargs
        As for `skorch.NeuralNet`.
    """

    def __init__(
        self,
        *args: Any,
        penalties: Mapping[str, float] | None = None,
        l1_ratio: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.penalties = penalties
        self.l1_ratio = l1_ratio

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        return []

    def get_all_learnable_params(self):
        """Yield names and parameters that train; frozen ones stay out of the solver."""
        for name, parameter in super().get_all_learnable_params():
            if parameter.requires_grad:
                yield name, parameter

    def on_batch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Do nothing: no history is kept per batch."""

    def get_loss(self, y_pred, y_true, X=None, training=False) -> Tensor:
        """Return the weighted loss, with the penalties while training."""
        target, weight = y_true
        loss = self.criterion_(y_pred, target, weight)
        if training and self.penalties and any(self.penalties.values()):
            return loss + self._penalty(self.penalties)
        return loss

    def _penalty(self, strengths: Mapping[str, float]) -> Tensor | float:
        penalty: Tensor | float = 0.0
        for layer in self.module_.layers():
            for group, values in layer.penalised():
                if strengths[group]:
                    l1, l2 = values.abs().sum(), values.square().sum() / 2
                    mixed = self.l1_ratio * l1 + (1 - self.l1_ratio) * l2
                    penalty = penalty + strengths[group] * mixed
        return penalty

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Take one gradient; a `FullBatch` adds up those of its pieces."""
        if not isinstance(batch, FullBatch):
            return super().train_step_single(batch, **fit_params)
        total: Tensor | float = 0.0
        for piece, share in batch.chunks():
            self._set_training(True)
            loss = share * self.get_loss(self.infer(piece[0]), piece[1], training=True)
            loss.backward()
            total = total + loss.detach()
        return {"loss": total, "y_pred": None}

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params) -> None:
        """Run over the batches, reading their losses once at the end."""
        if iterator is None:
            return
        losses, sizes = [], []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            losses.append(step["loss"].detach())
            sizes.append(1 if isinstance(batch, FullBatch) else len(batch[0]))
            self.notify("on_batch_end", batch=batch, training=training, **step)
        values = torch.stack(losses).tolist()
        mean = sum(v * n for v, n in zip(values, sizes, strict=True)) / sum(sizes)
        self.history.record(prefix + "_first_loss", values[0])
        self.history.record(prefix + "_loss", mean)
        self.history.record(prefix + "_batch_count", len(values))


def make_net(
    network: StackedNetwork,
    options: TrainingOptions,
    n_samples: int,
    device: torch.device,
    validation_score: Callable[[torch.nn.Module], float] | None = None,
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

    Returns
    -------
    TrainingNet
        Ready for `train`.
    """
    full_batch = options.solver == "lbfgs"
    callbacks: list[tuple[str, Callback]] = [("guard", Guard())]
    scheduled = options.learning_rate == "one_cycle"
    if scheduled:
        n_steps = options.n_epochs * -(-n_samples // options.batch_size)
        schedule = LRScheduler(
            policy=torch.optim.lr_scheduler.OneCycleLR,
            max_lr=options.learning_rate_init,
            total_steps=max(n_steps, 2),
            # For Adam and Adamax it is beta_1 that cycles; a user names the momentum.
            cycle_momentum=options.solver != "sgd",
            step_every="batch",
            event_name=None,
        )
        callbacks.append(("schedule", schedule))
    patience = (options.tol, options.n_iter_no_change)
    if validation_score is not None:
        first_wait = int(WAITING_FROM * options.n_epochs) if scheduled else 0
        stopping = EarlyStopping(validation_score, *patience, first_wait)
        callbacks.append(("early_stopping", stopping))
    if options.verbose:
        progress = Progress(options.n_epochs, lines=options.verbose > 1)
        callbacks.append(("progress", progress))
    if validation_score is None:
        callbacks.append(("plateau", Plateau(*patience, scheduled=scheduled)))

    settings: dict[str, Any] = {
        "iterator_train": FullBatch if full_batch else BatchIterator,
    }
    if full_batch:
        # One iteration per epoch, so that callbacks see each.
        settings |= {
            "optimizer__max_iter": 1,
            "optimizer__max_eval": 50,
            "optimizer__line_search_fn": "strong_wolfe",
            "optimizer__tolerance_change": 0.0,
            "optimizer__tolerance_grad": options.tol,
        }
    else:
        settings |= {
            "iterator_train__shuffle": options.shuffle,
            "iterator_train__seed": options.seed,
            "iterator_train__first_epoch": options.first_epoch,
        }
    if options.solver == "sgd":
        settings |= {
            "optimizer__momentum": options.momentum,
            "optimizer__nesterov": options.momentum > 0,
        }
    net = TrainingNet(
        network,
        LOSSES[options.loss],
        optimizer=SOLVERS[options.solver],
        lr=options.learning_rate_init,
        max_epochs=options.n_epochs,
        batch_size=options.batch_size,
        train_split=None,
        callbacks=callbacks,
        device=device,
        verbose=0,
        penalties=options.penalties,
        l1_ratio=options.l1_ratio,
        **settings,
    )
    return net.initialize()


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
    net.notify("on_train_begin", X=dataset)
    # skorch's own fit swallows KeyboardInterrupt; its loop does not.
    try:
        net.fit_loop(dataset)
        reason = "max_iter"
    except StopTraining as stop:
        reason = stop.reason
    except KeyboardInterrupt:
        if not _loss_curve(net):
            raise
        callbacks["guard"].interrupt(net)
        reason = "interrupted"
    finally:
        net.notify("on_train_end", X=dataset)
    stopping = callbacks.get("early_stopping")
    return Outcome(
        reason=reason,
        n_epochs=len(net.history),
        first_loss=net.history[0]["train_first_loss"],
        loss_curve=_loss_curve(net),
        validation_scores=None if stopping is None else stopping.scores_,
    )


def _loss_curve(net: TrainingNet) -> list[float]:
    """Return the training losses of the epochs that were run to their end."""
    return [row["train_loss"] for row in net.history if "train_loss" in row]
