"""Spectral layers in any torch module, and ordinary ones again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.utils import parametrize

from .layer import LinearLayer
from .linear import SpectralLinear, TrainEigenvalues, TrainEigenvectors
from .network import StackedNetwork
from .telescope import LinearStack

LayerChoice = str | Sequence[str] | Callable[[str, nn.Module], bool] | None


def spectralize(
    module: nn.Module,
    layers: LayerChoice = None,
    *,
    train_eigenvalues: TrainEigenvalues = "both",
    train_eigenvectors: TrainEigenvectors = False,
    freeze_others: bool = False,
) -> nn.Module:
    """Return a copy of a module with spectral layers in place of ordinary ones.

    Each `torch.nn.Linear` that is chosen becomes a `SpectralLinear` with exactly its
    weights. By default its eigenvectors, which are those weights, are frozen from then on,
    and its eigenvalues train: a fine-tuning by one number per node and side.

    Parameters
    ----------
    module : torch.nn.Module
        Any module; it is not changed. An `nn.Linear` alone becomes a `SpectralLinear`.
    layers : str, sequence of str or callable, optional
        Which layers: their names in ``module.named_modules()``, with ``*`` and ``?`` for
        what may differ, or a function of name and layer. All by default.
    train_eigenvalues : {"both", "out", "in"}, default="both"
        Which eigenvalues of the new layers train.
    train_eigenvectors : {False, True, "svd", "qr", "gains"}, default=False
        What of their eigenvectors trains. ``"svd"`` and ``"qr"`` round the weights.
    freeze_others : bool, default=False
        Whether everything outside the new layers stays as it is from then on.

    Returns
    -------
    torch.nn.Module
        The copy, on the same devices and of the same types.

    Raises
    ------
    TypeError
        If ``module`` is no module, or ``layers`` neither names nor a function.
    ValueError
        If no layer is chosen; or one that is chosen shares its weight or bias with another
        module, has hooks or parametrizations, or has not been given its size yet.

    See Also
    --------
    to_linear : The conversion back.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import spectralize
    >>> module = torch.nn.Sequential(
    ...     torch.nn.Linear(784, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10)
    ... )
    >>> spectral = spectralize(module, layers="0", freeze_others=True)
    >>> spectral[0]
    SpectralLinear(784 -> 100, train_eigenvalues='both', train_eigenvectors=False,
    bias=True, trained 984 of 79384)
    >>> x = torch.rand(5, 784)
    >>> torch.allclose(spectral(x), module(x), atol=1e-6)
    True
    """
    _check_module(module)
    is_chosen = _chooser(layers)
    chosen = [name for name, layer in _linears(module) if is_chosen(name, layer)]
    if not chosen:
        available = [name or "the module itself" for name, _ in _linears(module)]
        raise ValueError(
            f"layers={layers!r} chooses no torch.nn.Linear of the module; it has "
            f"{available if available else 'none'}."
        )
    result = deepcopy(module)
    found = dict(_linears(result))
    for name in chosen:
        _check_convertible(name, found[name], result)

    def convert(linear: nn.Linear) -> SpectralLinear:
        layer = SpectralLinear.from_linear(
            linear,
            train_eigenvalues=train_eigenvalues,
            train_eigenvectors=train_eigenvectors,
        )
        if layer.bias is not None:
            layer.bias.requires_grad_(linear.bias.requires_grad)
        return layer.train(linear.training)

    new = {id(found[name]): convert(found[name]) for name in chosen}
    if freeze_others:
        result.requires_grad_(False)
    return _replaced(result, new)


def to_linear(module: nn.Module) -> nn.Module:
    """Return a copy of a module with ordinary layers in place of all linear ones of ours.

    Parameters
    ----------
    module : torch.nn.Module
        Any module; it is not changed.

    Returns
    -------
    torch.nn.Module
        The copy; each `SpectralLinear`, or other `LinearLayer`, is a `torch.nn.Linear` with
        its weight and bias, all of which train. A `LinearStack` is a sequence of them, a
        `SpectralNetwork` one with activations between. Hooks on what is replaced are lost.

    Raises
    ------
    TypeError
        If it is no module.

    See Also
    --------
    spectralize : The conversion from ordinary layers.

    Examples
    --------
    >>> import torch
    >>> from sklearn_spectral.nn import spectralize, to_linear
    >>> module = torch.nn.Linear(3, 2)
    >>> same = to_linear(spectralize(module))
    >>> same, bool((same.weight == module.weight).all())
    (Linear(in_features=3, out_features=2, bias=True), True)
    """
    _check_module(module)
    result = deepcopy(module)
    new: dict[int, nn.Module] = {}
    for part in result.modules():
        if isinstance(part, (StackedNetwork, LinearStack, LinearLayer)):
            new[id(part)] = part.to_linear().train(part.training)
    return _replaced(result, new)


def _check_module(module: object) -> None:
    if not isinstance(module, nn.Module):
        raise TypeError(f"A torch.nn.Module is needed; got {type(module).__name__}.")


def _linears(module: nn.Module) -> Iterable[tuple[str, nn.Linear]]:
    """Yield all ordinary linear layers, whatever they are called, once each."""
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear) and type(layer).forward is nn.Linear.forward:
            yield name, layer


def _chooser(layers: LayerChoice) -> Callable[[str, nn.Module], bool]:
    """Return a function of name and layer that tells which are chosen."""
    if layers is None:
        return lambda name, layer: True
    if callable(layers):
        return layers
    patterns = [layers] if isinstance(layers, str) else layers
    if not (isinstance(patterns, Sequence) and all(isinstance(p, str) for p in patterns)):
        raise TypeError(
            f"layers must be a name, a sequence of names or a function; got {layers!r}."
        )
    return lambda name, layer: any(fnmatchcase(name, pattern) for pattern in patterns)


def _check_convertible(name: str, linear: nn.Linear, module: nn.Module) -> None:
    """Refuse a layer that is more than its weight and bias."""
    where = f"The layer {name!r}" if name else "The layer"
    if isinstance(linear.weight, nn.UninitializedParameter):
        raise ValueError(f"{where} has no size yet; pass a batch through the module first.")
    if parametrize.is_parametrized(linear):
        raise ValueError(
            f"{where} has parametrizations, which a spectral layer cannot keep; remove "
            "them (torch.nn.utils.parametrize.remove_parametrizations) or leave it out of "
            "layers."
        )
    hooks = ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks")
    if any(getattr(linear, f"_{name}", None) for name in hooks):
        raise ValueError(
            f"{where} has hooks, which would be lost; remove them or leave it out of "
            "layers."
        )
    names = {id(p): key for key, p in linear._parameters.items() if p is not None}
    for other_name, other in module.named_modules():
        for parameter in () if other is linear else other._parameters.values():
            if id(parameter) in names:
                raise ValueError(
                    f"{where} shares its {names[id(parameter)]} with {other_name!r}, and "
                    "would no longer do so; leave it out of layers."
                )


def _replaced(module: nn.Module, new: Mapping[int, nn.Module]) -> nn.Module:
    """Put new modules where those of the given ids are, in place."""
    if id(module) in new:
        return new[id(module)]
    for parent in list(module.modules()):
        for name, child in list(parent._modules.items()):
            if id(child) in new:
                setattr(parent, name, new[id(child)])
    return module
