"""ParametrizedMatrix: a matrix of which part trains, as a torch module."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..spec.parametrizations import Parametrization, parametrization_of
from ..spec.starts import Start, draw_eigenvectors


class ParametrizedMatrix(nn.Module):
    """A matrix as arrays of which some train: its entries, factors of it, gains.

    Parameters
    ----------
    start : Tensor of shape (n_out, n_in)
        The matrix before training.
    parametrization : bool or str, default="all"
        What of it trains:

        - ``"all"`` (or True) or ``"none"`` (or False) of the entries;
        - ``"svd"``: s of U diag(s) V^T, with ``"qr"`` R of Q R (of a wide matrix, of its
          transpose) [1]_;
        - ``"gains"``: one factor per row;
        - ``"low_rank"``: both factors of the nearest matrix of the option ``rank``;
        - ``"kronecker"``: the factors of the nearest sum of ``rank`` Kronecker products;
        - ``"subset"``: the entries of the flattened matrix at the option ``position``; with
          ``frozen_init="zero"`` the others are zero.
    copy : bool, default=True
        Whether to copy the start, or to take the tensor itself where that is possible.
    **options
        Of the parametrization.

    Attributes
    ----------
    parametrization : Parametrization
        The maths.
    block : Parameter of shape (n_out, n_in)
        The matrix itself, with ``"all"`` and ``"none"``. Others have other arrays:
        ``left``, ``right`` and ``singular_values`` with ``"svd"``, ``orthogonal`` and
        ``triangle`` with ``"qr"``, ``gains`` and ``frozen`` with ``"gains"``.

    References
    ----------
    .. [1] L. Chicchi, L. Giambagli, L. Buffoni, T. Carletti, M. Ciavarella, D. Fanelli,
       "Training of sparse and dense deep neural networks: Fewer parameters, same
       performance", Physical Review E 104, 054312 (2021).

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import ParametrizedMatrix
    >>> start = torch.rand(2, 3)
    >>> matrix = ParametrizedMatrix(start, "qr")
    >>> torch.allclose(matrix(), start, atol=1e-6), matrix.triangle.shape
    (True, torch.Size([3]))
    """

    parametrization: Parametrization
    block: nn.Parameter

    def __init__(
        self,
        start: Tensor,
        parametrization: bool | str = "all",
        *,
        copy: bool = True,
        **options: Any,
    ) -> None:
        super().__init__()
        chosen = parametrization_of(parametrization)(*start.shape, **options)
        self._register(chosen, chosen.split(start.detach(), torch.linalg), copy)

    @classmethod
    def of_arrays(
        cls, parametrization: Parametrization, arrays: Mapping[str, Any]
    ) -> ParametrizedMatrix:
        """Make one of the arrays themselves.

        Parameters
        ----------
        parametrization : Parametrization
            The maths.
        arrays : mapping of str to Tensor
            As its ``split`` and ``draw`` return them.

        Returns
        -------
        ParametrizedMatrix
            The matrix.
        """
        module = cls.__new__(cls)
        nn.Module.__init__(module)
        module._register(parametrization, arrays, copy=False)
        return module

    def _register(
        self, parametrization: Parametrization, arrays: Mapping[str, Any], copy: bool
    ) -> None:
        self.parametrization = parametrization
        for name, given in arrays.items():
            values = torch.as_tensor(given)
            if copy:
                values = values.clone(memory_format=torch.contiguous_format)
            values = values.contiguous()
            is_trained = name in parametrization.trained
            # Frozen arrays are buffers; but parameters where nothing trains.
            if is_trained or not parametrization.trained:
                self.register_parameter(name, nn.Parameter(values, is_trained))
            else:
                self.register_buffer(name, values)
        device = values.device
        for name, array in parametrization.constants().items():
            constant = torch.from_numpy(array).to(device)
            self.register_buffer(name, constant, persistent=False)

    def forward(self) -> Tensor:
        """Return the matrix."""
        return self.parametrization.matrix(self)

    def left_multiply(self, left: Tensor) -> Tensor:
        """Return ``left @ matrix``, cheaper than that where the parametrization allows."""
        return self.parametrization.left_multiply(left, self)

    def right_multiply(self, right: Tensor) -> Tensor:
        """Return ``matrix @ right``, cheaper than that where the parametrization allows."""
        return self.parametrization.right_multiply(right, self)

    @torch.no_grad()
    def load(self, matrix: Tensor) -> None:
        """Take another matrix; it is copied, or split again.

        Parameters
        ----------
        matrix : Tensor of shape (n_out, n_in)
            The matrix.

        Raises
        ------
        ValueError
            If the parametrization cannot be that matrix, as a sum of few Kronecker
            products cannot be any. Nothing is changed then.
        """
        arrays = self.parametrization.split(matrix, torch.linalg)
        if not self.parametrization.is_exact:
            tensors = {name: torch.as_tensor(values) for name, values in arrays.items()}
            found = self.parametrization.matrix(SimpleNamespace(**tensors))
            # Of the largest entry; what is decomposed is rounded.
            if (found - matrix).abs().max() > 1e-4 * matrix.abs().max():
                raise ValueError(
                    f"The given matrix of shape {tuple(matrix.shape)} is not of the form "
                    f"{type(self.parametrization).__name__} with as many numbers as train "
                    "here. Choose a form that can be any matrix, such as "
                    "train_eigenvectors=True or False."
                )
        self.load_arrays(arrays)

    @torch.no_grad()
    def load_arrays(self, arrays: Mapping[str, Any]) -> None:
        """Take other arrays; they are copied.

        Parameters
        ----------
        arrays : mapping of str to Tensor or ndarray
            As ``split`` and ``draw`` of the parametrization return them.
        """
        for name, values in arrays.items():
            # They may be on another device.
            getattr(self, name).copy_(torch.as_tensor(values))


def drawn_arrays(
    start: Start, form: Parametrization, seed: int | np.random.SeedSequence
) -> dict[str, Any]:
    """Return the arrays of the eigenvectors of a start; torch decomposes."""
    if form.draws_arrays:
        return draw_eigenvectors(start, form, seed)
    return form.split(torch.from_numpy(start.eigenvectors), torch.linalg)
