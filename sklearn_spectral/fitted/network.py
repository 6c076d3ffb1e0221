"""What a fitted estimator offers: its retracted network as arrays, its importances."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import chain
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ..exceptions import ModelFileError
from ..files.integrity import digest
from ..spec.architecture import Architecture
from ..spec.plan import StackPlan
from .drawing import with_network
from .layers import LayerArrays, architecture_of, layers_of, regrown
from .portable import PortableMixin

_LARGE_ADJACENCY = 2000  # nodes; 32 MB in float64


class FittedNetworkMixin(PortableMixin):
    """Views of the fitted arrays; none of them needs torch."""

    coefs_: list[NDArray[Any]]
    intercepts_: list[NDArray[Any]]
    n_features_in_: int
    n_iter_: int
    loss_curve_: list[float]
    device: str
    _config: dict[str, Any]
    _seed: int
    _arrays: dict[str, NDArray[Any]] | None
    _regrown: dict[str, str]
    _solver_state: dict[str, Any]
    _plans: list[dict[str, Any]]

    # Whether eigenvalues train or weights.
    _space: ClassVar[str]

    @property
    def coef_(self) -> NDArray[Any]:
        """Weights of the retracted linear network, in scikit-learn's shape."""
        return self._shape_coef(self._linear_weight("coef_"))

    @property
    def intercept_(self) -> NDArray[Any]:
        """Bias of the retracted linear network, in scikit-learn's shape."""
        self._linear_weight("intercept_")
        return self._shape_intercept(self.intercepts_[0])

    @property
    def feature_importances_(self) -> NDArray[Any]:
        """Norm of each feature's weights into the first retracted layer, summing to 1.

        The norm does not change when a number is added to all eigenvalues of a layer,
        as a ranking by eigenvalues would.
        """
        check_is_fitted(self)
        norms = np.linalg.norm(self.coefs_[0], axis=1)
        total = norms.sum()
        return norms / total if total > 0 else norms

    @abstractmethod
    def _network_type(self) -> type[Any]:
        """Return the class of the network; torch is imported here."""

    @property
    def architecture_(self) -> Architecture:
        """The widths of the extended network; print it to read them."""
        check_is_fitted(self)
        return architecture_of(self._config)

    @property
    def telescope_plan_(self) -> list[StackPlan]:
        """How each stack of linear layers was computed while training."""
        check_is_fitted(self)
        return [StackPlan(**plan) for plan in self._plans]

    def _linear_weight(self, name: str) -> NDArray[Any]:
        """Return W_c of shape (n_outputs, n_features), or say why there is none."""
        check_is_fitted(self)
        if len(self.coefs_) > 1:
            raise AttributeError(
                f"{name} exists for linear networks only (hidden_layer_sizes=() or "
                "activation='identity'); this one has "
                f"{len(self.coefs_) - 1} non-linear layer(s). See coefs_ and intercepts_."
            )
        return self.coefs_[0].T

    def _shape_coef(self, weight: NDArray[Any]) -> NDArray[Any]:
        """Give W_c the shape that scikit-learn's linear models have."""
        return weight

    def _shape_intercept(self, bias: NDArray[Any]) -> NDArray[Any]:
        """Likewise for the bias."""
        return bias

    # ---- the extended network as arrays, of which a file has those that trained ----

    def _stacks(self) -> list[list[LayerArrays]]:
        """Say what the arrays of each layer are."""
        return layers_of(self._space, self._config, self._seed)

    def _layers(self) -> list[LayerArrays]:
        """Return them in the order that the signal passes them."""
        return [*chain.from_iterable(self._stacks())]

    def _extended(self) -> dict[str, NDArray[Any]]:
        """Return all arrays of the extended network; regrow those that a file left out."""
        check_is_fitted(self)
        if self._arrays is None:
            raise AttributeError(
                f"This {type(self).__name__} was saved with compact=True: it holds the "
                "retracted network only, coefs_ and intercepts_. Load a file saved with "
                "compact=False for what belongs to the extended one."
            )
        if self._regrown:
            dtype = self.coefs_[0].dtype
            self._arrays = with_regrown(self._arrays, self._layers(), self._regrown, dtype)
            self._regrown = {}
        return self._arrays

    def _portable(self, state: dict[str, Any]) -> dict[str, Any]:
        """Leave out the torch objects, and the arrays that the seed regrows."""
        state = {name: value for name, value in state.items() if name != "_net"}
        arrays = state.get("_arrays")
        if arrays is None or self._regrown:
            return state
        kept, left_out = dict(arrays), {}
        for name, values in regrown(self._layers(), None, self.coefs_[0].dtype):
            if _same_bits(values, kept[name]):
                left_out[name] = digest(kept.pop(name))
        return {**state, "_arrays": kept, "_regrown": left_out}

    def _html_repr(self) -> str:
        """Show the network below what scikit-learn shows of an estimator."""
        return with_network(super()._html_repr(), self)

    def _sk_visual_block_(self) -> Any:
        """Name the widths of a fitted network where it is part of a pipeline."""
        name = type(self).__name__
        fitted = self.__sklearn_is_fitted__()
        return SimpleNamespace(
            kind="single",
            estimators=self,
            names=name,
            name_details=str(self),
            name_caption=str(self.architecture_) if fitted else None,
            doc_link_label=None,
            dash_wrapped=True,
        )

    def __dir__(self) -> list[str]:
        """Name the attributes that are there, but not a large square matrix.

        It can be asked for; but scikit-learn tries every attribute to tell which are
        there, and a notebook reads all of those to show an estimator.
        """
        square = "compact_adjacency_"
        names = {n for n in object.__dir__(self) if n != square and hasattr(self, n)}
        if hasattr(type(self), square) and hasattr(self, "coef_"):
            n_nodes = sum(self.coefs_[0].shape)
            names |= {square} if n_nodes <= _LARGE_ADJACENCY else set()
        return sorted(names)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coefs_")


def _same_bits(one: NDArray[Any], other: NDArray[Any]) -> bool:
    # A zero of the other sign is equal, but would be another checksum.
    bits, other_bits = (np.ascontiguousarray(v).view(np.uint8) for v in (one, other))
    return one.dtype == other.dtype and np.array_equal(bits, other_bits)


def with_regrown(
    arrays: Mapping[str, NDArray[Any]],
    layers: Sequence[LayerArrays],
    digests: Mapping[str, str],
    dtype: Any,
) -> dict[str, NDArray[Any]]:
    """Add the arrays of a network that a file left out, verified.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Those that it held.
    layers : sequence of LayerArrays
        The layers of the network.
    digests : mapping of str to str
        The checksums of the others, by name.
    dtype : numpy dtype
        Of the network.

    Returns
    -------
    dict of str to ndarray
        All of them; those that were regrown are read-only.

    Raises
    ------
    ModelFileError
        If one comes out otherwise than it was, or no seed regrows it.
    """
    complete = dict(arrays)
    for name, values in regrown(layers, digests, dtype):
        if digest(values) != digests[name]:
            raise ModelFileError(
                f"The array {name} that the seed of this model regrows differs from the "
                "one that it was trained with: its checksum is another. The file is "
                "damaged, or this version or platform draws other numbers; please report "
                "the latter."
            )
        values.flags.writeable = False
        complete[name] = values
    if missing := digests.keys() - complete.keys():
        raise ModelFileError(f"The file is damaged: no seed regrows {sorted(missing)}.")
    return complete
