"""Training on all data at once, by the L-BFGS-B of scipy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from .batches import ArrayDataset, FullBatch
from .callbacks import StopTraining
from .net import TrainingNet

RELATIVE_LOSS_TOL = 64 * np.finfo(np.float64).eps
"""Training converged if the loss falls by less than this share of itself."""

EVALUATIONS_PER_EPOCH = 50
"""At most so many evaluations of the loss, on average, for one iteration."""


class FullBatchNet(TrainingNet):
    """A skorch net whose epochs are the iterations of L-BFGS.

    It ends when no entry of the gradient is larger than ``tol``.
    """

    def __init__(self, *args: Any, tol: float = 1e-4, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tol = tol

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> FullBatchNet:
        """Do nothing: scipy has its own state."""
        self.optimizer_ = self.average_ = None
        return self

    def fit_loop(self, X: ArrayDataset, *args: Any, **kwargs: Any) -> FullBatchNet:
        """Minimise the loss, an iteration an epoch; raise StopTraining if it converges."""
        self._set_training(True)
        self.make_passes()
        widest = self.module_.architecture.widest * self.module_.n_members
        batch = FullBatch(X, widest, self.processes.share)
        vector = self.flat.vector
        start = vector.detach().cpu().numpy().astype(np.float64)
        seen: dict[str, Any] = {}

        def evaluate(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            self.flat.restore(torch.from_numpy(values).to(vector))
            loss = self._loss_and_gradient(batch)
            if not math.isfinite(loss):
                self._end_epoch(seen.get("first", loss), loss)
            seen.setdefault("first", loss)
            seen["last"] = loss
            return loss, self.flat.gradient.cpu().numpy().astype(np.float64)

        def end_iteration(values: NDArray[np.float64]) -> None:
            self.flat.restore(torch.from_numpy(values).to(vector))
            # The line search ends with the evaluation that it accepts.
            self._end_epoch(seen["first"], seen["last"])

        result = minimize(
            evaluate,
            start,
            jac=True,
            method="L-BFGS-B",
            callback=end_iteration,
            options={
                "maxiter": self.max_epochs,
                "maxfun": EVALUATIONS_PER_EPOCH * self.max_epochs,
                "gtol": self.tol,
                "ftol": RELATIVE_LOSS_TOL,
            },
        )
        self.flat.restore(torch.from_numpy(result.x).to(vector))
        if not len(self.history):
            self._end_epoch(seen["first"], seen["last"])  # the start is a minimum
        if len(self.history) < self.max_epochs:
            raise StopTraining("converged")
        return self

    @torch.no_grad()
    def _loss_and_gradient(self, batch: FullBatch) -> float:
        """Return the mean loss of all rows; write its gradient over the vector's."""
        gradient = torch.zeros_like(self.flat.gradient)
        total = torch.zeros((), dtype=torch.float64)
        for rows, share in batch:
            total += share * float(self.compute_gradient(*rows))
            gradient.add_(self.flat.gradient, alpha=share)
        if gradient.is_cuda:
            total = total.to(gradient.device)  # where nccl adds up
        self.processes.add_up(gradient)
        self.processes.add_up(total)
        self.flat.gradient.copy_(gradient)
        return float(total)

    def _end_epoch(self, first: float, loss: float) -> None:
        self.notify("on_epoch_begin", dataset_train=None, dataset_valid=None)
        n_members = self.module_.n_members  # of which a loss is the sum
        self.history.record("train_first_loss", first / n_members)
        self.history.record("train_loss", loss / n_members)
        self.history.record("train_finite", bool(self.flat.vector.isfinite().all()))
        self.notify("on_epoch_end", dataset_train=None, dataset_valid=None)
