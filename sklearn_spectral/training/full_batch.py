"""Training on all data at once, by the L-BFGS-B of scipy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..data.blocks import ALONE
from .batches import ArrayDataset, FullBatch
from .callbacks import StopTraining
from .net import TrainingNet

REST = 64 * np.finfo(np.float64).eps
"""A loss that falls by less than this share of itself has come to rest."""

EVALUATIONS_PER_EPOCH = 50
"""At most so many evaluations of the loss, on average, for one iteration."""


class FullBatchNet(TrainingNet):
    """A skorch net whose epochs are the iterations of L-BFGS.

    Parameters
    ----------
    *args
        As for `TrainingNet`.
    tol : float, default=1e-4
        Training ends when no entry of the gradient is larger.
    **kwargs
        As for `TrainingNet`.
    """

    def __init__(self, *args: Any, tol: float = 1e-4, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tol = tol
        # Losses and gradients by which an earlier fit of the same kind got so far, and
        # those of this one that are not written yet; see `EvaluationKeeper`.
        self.known_evaluations: list[tuple[float, NDArray[Any]]] = []
        self.new_evaluations: list[tuple[float, NDArray[Any]]] | None = None

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> FullBatchNet:
        """Do nothing: scipy has its own state."""
        self.optimizer_ = None
        return self

    def fit_loop(self, X: ArrayDataset, *args: Any, **kwargs: Any) -> FullBatchNet:
        """Minimise the loss; every iteration is reported as an epoch.

        Parameters
        ----------
        X : ArrayDataset
            The data.
        *args, **kwargs
            Not used.

        Returns
        -------
        FullBatchNet
            The net.

        Raises
        ------
        StopTraining
            If a callback wants to, or it converges.
        """
        self._set_training(True)
        share = ALONE if self.processes is None else self.processes.share
        batch = FullBatch(X, self.module_.architecture.widest, share)
        vector = self.flat.vector
        start = vector.detach().cpu().numpy().astype(np.float64)
        seen: dict[str, Any] = {}

        def evaluate(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            self.flat.restore(torch.from_numpy(values).to(vector))
            loss, gradient = self._evaluation(batch)
            if not math.isfinite(loss):
                self._epoch_ends(seen.get("first", loss), loss)
            seen.setdefault("first", loss)
            seen["last"] = loss
            return loss, gradient.astype(np.float64)

        def iteration_ends(values: NDArray[np.float64]) -> None:
            self.flat.restore(torch.from_numpy(values).to(vector))
            # The line search ends with the evaluation that it accepts.
            self._epoch_ends(seen["first"], seen["last"])

        result = minimize(
            evaluate,
            start,
            jac=True,
            method="L-BFGS-B",
            callback=iteration_ends,
            options={
                "maxiter": self.max_epochs,
                "maxfun": EVALUATIONS_PER_EPOCH * self.max_epochs,
                "gtol": self.tol,
                "ftol": REST,
            },
        )
        self.flat.restore(torch.from_numpy(result.x).to(vector))
        if not len(self.history):
            self._epoch_ends(seen["first"], seen["last"])  # the start is a minimum
        if len(self.history) < self.max_epochs:
            raise StopTraining("converged")
        return self

    def _evaluation(self, batch: FullBatch) -> tuple[float, NDArray[Any]]:
        """Return loss and gradient, from a checkpoint as long as that has them."""
        if self.known_evaluations:
            return self.known_evaluations.pop(0)
        loss = self._loss_and_gradient(batch)
        gradient = self.flat.gradient.cpu().numpy().copy()
        if self.new_evaluations is not None:
            self.new_evaluations.append((loss, gradient))
        return loss, gradient

    @torch.no_grad()
    def _loss_and_gradient(self, batch: FullBatch) -> float:
        """Return the mean loss of all rows; its gradient is where that of the vector is."""
        gradient = torch.zeros_like(self.flat.gradient)
        total = torch.zeros((), dtype=torch.float64)
        for piece, share in batch:
            total += share * float(self.compute_gradient(*piece))
            gradient.add_(self.flat.gradient, alpha=share)
        if self.processes is not None:
            self.processes.add_up(gradient)
            total = total.to(gradient.device)
            self.processes.add_up(total)
        self.flat.gradient.copy_(gradient)
        return float(total)

    def _epoch_ends(self, first: float, loss: float) -> None:
        self.notify("on_epoch_begin", dataset_train=None, dataset_valid=None)
        self.history.record("train_first_loss", first)
        self.history.record("train_loss", loss)
        self.history.record("train_finite", bool(self.flat.vector.isfinite().all()))
        self.notify("on_epoch_end", dataset_train=None, dataset_valid=None)
