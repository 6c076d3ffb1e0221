"""What a fitted estimator offers: its network as arrays, importances, a drawing."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..fitted.drawing import caption_of, network_html
from ..fitted.members import as_matrix
from ..fitted.network import FittedNetwork
from ..spec.architecture import Architecture
from ..spec.parametrizations import RANK
from ..spec.plan import StackPlan
from .facts import facts_of
from .portable import PortableMixin

_LARGE_ADJACENCY = 2000  # nodes; 32 MB in float64


ADDED_PARAMETERS: dict[str, Any] = {
    "n_members": 1,
    "bag_fraction": 1.0,
    "averaging": "auto",
    "standardize": False,
    "temperature": 1.0,
    "scoring": None,
    "loss": "squared_error",  # of regressors
    "quantile": 0.5,
    "huber_delta": 1.35,
    "label_smoothing": 0.0,
    "rank": RANK,  # of spectral ones
}
"""What pickles of older versions do not have, as it was then."""


class FittedAttributesMixin(PortableMixin):
    """Views of the fitted network; none of them needs torch."""

    _fitted: FittedNetwork

    # Whether eigenvalues train or weights.
    _space: ClassVar[str]

    n_features_in_: int
    n_iter_: int
    n_parameters_: int
    loss_curve_: list[float]
    device: str

    def _fitted_network(self, name: str) -> FittedNetwork:
        """Return the network; what hasattr wants if there is none."""
        if "_fitted" not in vars(self):
            raise AttributeError(
                f"This {type(self).__name__} is not fitted yet, so that it has no {name}."
            )
        return self._fitted

    @property
    def coefs_(self) -> list[Any]:
        """Weights of the retracted network, layer by layer."""
        return [*map(as_matrix, self._fitted_network("coefs_").coefs)]

    @property
    def intercepts_(self) -> list[NDArray[Any]]:
        """Biases of the retracted network, layer by layer."""
        return self._fitted_network("intercepts_").intercepts

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

        The weights are those of features divided by what ``standardize`` divides by, so
        that their units do not count. The norm does not change when a number is added to
        all eigenvalues of a layer, as a ranking by eigenvalues would.
        """
        check_is_fitted(self)
        norms = np.linalg.norm(self.coefs_[0], axis=1)
        if self._fitted.input_scale is not None:
            norms = norms * self._fitted.input_scale
        total = norms.sum()
        return norms / total if total > 0 else norms

    @property
    def architecture_(self) -> Architecture:
        """The widths of the extended network; print it to read them."""
        check_is_fitted(self)
        return self._fitted.architecture

    @property
    def telescope_plan_(self) -> list[StackPlan]:
        """How each stack of linear layers was computed while training."""
        check_is_fitted(self)
        return [StackPlan(**plan) for plan in self._fitted.plans]

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

    def __sklearn_is_fitted__(self) -> bool:
        return "_fitted" in vars(self)

    @classmethod
    def _completed(cls, known: Mapping[str, Any]) -> dict[str, Any]:
        """Add the parameters that older states and files lack, as it was then."""
        added = dict(ADDED_PARAMETERS)
        if known.get("early_stopping") is True:  # which went by what `score` returns
            added["scoring"] = "r2" if issubclass(cls, RegressorMixin) else "accuracy"
        names = cls._get_param_names()
        return {**{n: value for n, value in added.items() if n in names}, **known}

    def _to_state(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """Write the network as builtin types and arrays, without what its seed regrows."""
        state = {n: v for n, v in attributes.items() if n not in ("_fitted", "_net")}
        return {**state, **self._fitted.trimmed().to_state()}

    def _from_state(self, state: dict[str, Any]) -> dict[str, Any]:
        """Make the network of its entries, if there is one."""
        state = self._completed(state)
        if "coefs_" in state:
            state["_fitted"] = FittedNetwork.from_state(self._space, state)
        return state

    def _html_repr(self) -> str:
        """Show the network and its fit below what scikit-learn shows of an estimator."""
        html = super()._html_repr()
        if not self.__sklearn_is_fitted__():
            return html
        drawing = network_html(self._fitted, self.n_parameters_, facts_of(self))
        end = html.rfind("</body>")
        return html + drawing if end < 0 else html[:end] + drawing + html[end:]

    def _sk_visual_block_(self) -> Any:
        """Name the widths of a fitted network where it is part of a pipeline."""
        name = type(self).__name__
        fitted = self.__sklearn_is_fitted__()
        return SimpleNamespace(
            kind="single",
            estimators=self,
            names=name,
            name_details=str(self),
            name_caption=caption_of(self._fitted) if fitted else None,
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
