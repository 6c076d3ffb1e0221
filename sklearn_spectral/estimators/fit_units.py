"""The units of one fit: what its network reads and gives, beside what the user does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data.training_data import TrainingData
from ..fitted.units import has_units
from ..spec.losses import Loss, quantile_of

if TYPE_CHECKING:
    from ..nn.losses import WeightedLoss
    from ..nn.network import StackedNetwork
    from ..training.out_of_bag import OutOfBag
    from .base import BaseNetwork

# Of the logarithm of the temperature, where rows are held out: ten may be all there are.
SPREAD = 0.3

# How many median absolute deviations of a normal distribution its standard deviation is.
OF_NORMAL = 1.4826


class FitUnits:
    """Standardises inputs and targets of a fit, and finds the temperature of its logits.

    Where the network that trains has no units, by ``config``, nothing is changed.
    """

    def __init__(self, estimator: BaseNetwork, config: dict[str, Any]) -> None:
        self.estimator, self.n_outputs = estimator, config["out_features"]
        self.has_units = has_units(config)
        self.of_targets: tuple[NDArray[Any], NDArray[Any]] | None = None
        self.row: Loss | None = getattr(estimator, "_row", None)
        self.is_log = self.row is not None and self.row.link == "log"
        # Of outputs that are logarithms; others have the scale of their targets.
        self.scale = np.ones(self.n_outputs)
        self.shares_trained = bool(config.get("train_eigenvectors", False))
        chosen = getattr(estimator, "temperature", 1.0)
        self.finds_temperature = self.has_units and isinstance(chosen, str)
        self.temperature = 1.0 if isinstance(chosen, str) else float(chosen)

    def find(self, network: StackedNetwork, data: TrainingData, dtype: Any) -> None:
        """Have a network read the data standardised, and learn standardised targets."""
        if not self.estimator.standardize:
            return
        # Without biases there is nothing that a shift could fold into.
        how = {"centred": self.estimator.fit_intercept, "dtype": dtype}
        shift, scale = data.spread(**how)
        network.set_units(
            input_shift=np.zeros_like(scale) if shift is None else shift, input_scale=scale
        )
        if self.row is not None:
            shift, scale = self._units_of_targets(self.row, data, how)
            self.of_targets = np.zeros_like(scale) if shift is None else shift, scale

    def _units_of_targets(self, row: Loss, data: TrainingData, how: dict[str, Any]) -> Any:
        """Return where targets lie and how far they spread, as their loss wants it."""
        if self.is_log:  # whose output is shifted by the logarithm of a scale
            weight, y = data.own_weight(), data.target()
            mean = np.average(y, axis=0, weights=weight)
            mean = np.where((mean > 0) & how["centred"], mean, 1.0)
            # Logarithms spread as targets do that are divided by their mean, if these
            # spread little; those that are all alike have the scale 1, as elsewhere.
            _, spread = data.spread_of_targets(centred=True, dtype=how["dtype"])
            self.scale = np.minimum(spread / mean, 1.0)
            return None, mean
        shift, scale = data.spread_of_targets(**how)
        if not row.is_robust:
            return shift, scale
        y, weight = data.target(), data.own_weight()
        shares = np.ones(len(y)) if weight is None else weight
        if shift is not None:
            shift = quantile_of(y, shares, 0.5)
        deviations = np.abs(y if shift is None else y - shift)
        robust = OF_NORMAL * quantile_of(deviations, shares, 0.5)
        # It is zero where half of them are alike, and far from the other after overflows.
        return shift, np.where((robust > 0) & (robust < scale), robust, scale)

    def resume(self, network: StackedNetwork) -> None:
        """Go on with the units of the first fit; outputs have none while training."""
        if not self.has_units:
            return
        if self.row is not None:
            arrays = self.estimator._fitted.complete()
            shift, scale = (arrays[f"output_{n}"].astype(float) for n in ("shift", "scale"))
            if self.is_log:
                self.scale = scale
                shift, scale = np.zeros_like(shift), np.exp(shift)
            n_levels = self.n_outputs // self.estimator.n_outputs_
            self.of_targets = shift[::n_levels], scale[::n_levels]
        none = np.zeros(self.n_outputs)
        network.set_units(output_shift=none, output_scale=none + 1)

    def of_outputs(self) -> dict[str, NDArray[np.float64]]:
        """Return what stands behind the network when it is used."""
        if not self.has_units:
            return {}
        none = np.zeros(self.n_outputs)
        shift, scale = none, none + 1
        if self.of_targets is not None:
            # Of several quantiles each has that of its target.
            each = len(none) // len(self.of_targets[0])
            shift, scale = (np.repeat(values, each) for values in self.of_targets)
            if self.is_log:
                shift, scale = np.log(scale), self.scale
        return {"output_shift": shift, "output_scale": scale / self.temperature}

    def loss(self, *, judges: bool = False) -> WeightedLoss:
        """Return the loss in units of the network: that of training, or what judges it."""
        return self.estimator._make_loss(judges=judges, scale=self.scale)

    def standardized(self, data: TrainingData) -> TrainingData:
        """Return data with targets as the network learns them."""
        return data if self.of_targets is None else replace(data, y=self.encode(data.y))

    def encode(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return targets as the network learns them."""
        if self.of_targets is None:
            return y
        shift, scale = self.of_targets
        return (y - shift) / scale

    def encode_output(self, output: NDArray[Any]) -> NDArray[Any]:
        """Return what the network gives while training, for outputs in use."""
        if self.of_targets is None:
            return output
        shift, scale = self.of_outputs().values()
        return (output - shift) / scale

    def find_temperature(
        self,
        output: NDArray[Any],
        target: NDArray[Any],
        weight: NDArray[Any] | None,
        *,
        out_of_bag: bool,
    ) -> None:
        """Have logits divided by what their loss prefers on rows that did not train them:
        those out of bag, or those held out."""
        if not (self.finds_temperature and np.isfinite(output).all()):
            return
        import torch

        from ..training.temperature import best_temperature

        self.temperature = best_temperature(
            torch.from_numpy(output),
            torch.from_numpy(target),
            None if weight is None else torch.from_numpy(weight),
            self.loss(judges=True),
            # Eigenvectors that train know of what members left out: that they would have
            # it surer than they are is no reason to believe it.
            1.0 if out_of_bag and self.shares_trained else 0.1,
            None if out_of_bag else SPREAD,
        )

    def in_use(self, found: OutOfBag) -> OutOfBag:
        """Return what was predicted out of bag in the user's units."""
        if not self.has_units:
            return found
        shift, scale = self.of_outputs().values()
        dtype, target = found.output.dtype, found.target
        if self.of_targets is not None:
            target = target * self.of_targets[1] + self.of_targets[0]
        output = (found.output * scale + shift).astype(dtype)
        return replace(found, output=output, target=target)
