"""What happens between epochs: guarding, stopping, showing progress."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor
from tqdm.auto import tqdm


class StopTraining(Exception):
    """Raised to end training after an epoch; ``reason`` is a value of ``stop_reason_``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Guard(Callback):
    """Remember weights that are known to be good, and stop where the loss is not finite.

    Those at the start of an epoch are, once its first batch has given a finite loss.
    ``is_finite(module)`` tells whether the retracted network is.
    """

    def __init__(self, is_finite: Callable[[torch.nn.Module], bool]) -> None:
        self.is_finite: Callable[[torch.nn.Module], bool] | None = is_finite

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.good_: Tensor | None = None
        self.latest_: Tensor | None = net.flat.copy()

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Check the epoch's losses and the weights that it left."""
        row = net.history[-1]
        if math.isfinite(row["train_first_loss"]) or self.good_ is None:
            self.good_ = self.latest_
        self.latest_ = net.flat.copy()
        if not (math.isfinite(row["train_loss"]) and row["train_finite"]):
            net.flat.restore(self.good_)
            raise StopTraining("diverged")

    def resumable(self) -> dict[str, Any]:
        """Return what the next epoch follows from."""
        return {"good": self.good_}

    def resume(self, state: dict[str, Any], net: NeuralNet) -> None:
        """Continue from what `resumable` gave; the latest weights are the net's."""
        self.good_, self.latest_ = state["good"], net.flat.copy()

    def interrupt(self, net: NeuralNet) -> None:
        """Restore the weights of the last whole epoch."""
        net.flat.restore(self.latest_)

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Drop the copies; after the last step the contraction may overflow."""
        assert self.is_finite is not None
        if not self.is_finite(net.module_):
            if self.good_ is not None:
                net.flat.restore(self.good_)
            if net.stop_reason_ != "interrupted":
                net.stop_reason_ = "diverged"
        self.good_ = self.latest_ = self.is_finite = None


class EpochHooks(Callback):
    """Call ``begin()`` before each epoch and ``end(module)``, which may stop, after it."""

    def __init__(
        self, begin: Callable[[], None], end: Callable[[torch.nn.Module], bool]
    ) -> None:
        self.begin = begin
        self.end: Callable[[torch.nn.Module], bool] | None = end

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.begin()

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        assert self.end is not None
        if self.end(net.module_):
            raise StopTraining("callback")

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        # They may reference the data.
        self.begin, self.end = lambda: None, None


class Plateau(Callback):
    """Stop when the training loss did not fall by ``tol`` for ``patience`` epochs.

    Where a rate is ``scheduled`` it is noisy at its height: a rise by ``tol`` counts too.
    """

    def __init__(self, tol: float, patience: float, scheduled: bool = False) -> None:
        self.tol = tol
        self.patience = patience
        self.scheduled = scheduled

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.reference_ = math.inf
        self.waited_ = 0

    def resumable(self) -> dict[str, Any]:
        """Return what the next epoch follows from."""
        return {"reference": self.reference_, "waited": self.waited_}

    def resume(self, state: dict[str, Any], net: NeuralNet) -> None:
        """Continue from what `resumable` gave."""
        self.reference_, self.waited_ = state["reference"], state["waited"]

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Count the epochs without improvement, as scikit-learn's perceptrons do."""
        change = self.reference_ - net.history[-1, "train_loss"]
        if change > self.tol or (self.scheduled and change < -self.tol):
            self.reference_ = net.history[-1, "train_loss"]
            self.waited_ = 0
        else:
            self.waited_ += 1
        if self.waited_ >= self.patience:
            raise StopTraining("converged")


class EarlyStopping(Callback):
    """Score each epoch, stop if the score does not rise, restore the best.

    The first ``first_wait`` epochs do not count: the score may rise when the rate falls.
    """

    def __init__(
        self,
        score: Callable[[torch.nn.Module], float],
        tol: float,
        patience: float,
        first_wait: int = 0,
    ) -> None:
        self.score: Callable[[torch.nn.Module], float] | None = score
        self.tol = tol
        self.patience = patience
        self.first_wait = first_wait

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.scores_: list[float] = []
        self.best_score_ = -math.inf
        self.best_: Tensor | None = None
        self.waited_ = 0

    def resumable(self) -> dict[str, Any]:
        """Return what the next epoch follows from."""
        return {
            "scores": self.scores_,
            "best_score": self.best_score_,
            "best": self.best_,
            "waited": self.waited_,
        }

    def resume(self, state: dict[str, Any], net: NeuralNet) -> None:
        """Continue from what `resumable` gave."""
        self.scores_, self.best_score_ = state["scores"], state["best_score"]
        self.best_, self.waited_ = state["best"], state["waited"]

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        assert self.score is not None
        score = float(self.score(net.module_))
        net.history.record("valid_score", score)
        self.scores_.append(score)
        waits = score < self.best_score_ + self.tol
        counts = len(net.history) > self.first_wait
        self.waited_ = self.waited_ + 1 if waits and counts else 0
        if score >= self.best_score_:  # of equals, the one trained longer
            self.best_score_ = score
            self.best_ = net.flat.copy()
        if self.waited_ >= self.patience:
            raise StopTraining("early_stopping")

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Restore the best weights; drop them and the validation data."""
        if self.best_ is not None:
            net.flat.restore(self.best_)
        self.best_ = self.score = None


class Progress(Callback):
    """Show up to ``n_epochs`` epochs in a bar, or in a line each."""

    def __init__(self, n_epochs: int, lines: bool = False) -> None:
        self.n_epochs = n_epochs
        self.lines = lines

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.bar_ = None if self.lines else tqdm(total=self.n_epochs, unit="epoch")

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        row = net.history[-1]
        shown = {"loss": f"{row['train_loss']:.4f}"}
        if "valid_score" in row:
            shown["valid_score"] = f"{row['valid_score']:.4f}"
        if self.bar_ is None:
            values = ", ".join(f"{name} = {value}" for name, value in shown.items())
            print(f"Epoch {len(net.history)}/{self.n_epochs}, {values}")
        else:
            self.bar_.set_postfix(shown, refresh=False)
            self.bar_.update(len(net.history) - self.bar_.n)  # more than one, if resumed

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Show why it ends where that is before the last epoch."""
        early = net.stop_reason_ != "max_iter"
        if self.bar_ is not None:
            if early:
                shown = self.bar_.postfix  # the last loss, and score
                reason = f"stopped: {net.stop_reason_}"
                self.bar_.set_postfix_str(f"{shown}, {reason}" if shown else reason)
            self.bar_.close()
        elif early:
            n_done = len(net.history)
            print(f"Stopped after epoch {n_done}/{self.n_epochs}: {net.stop_reason_}")
