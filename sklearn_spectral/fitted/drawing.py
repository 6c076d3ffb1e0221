"""The network of a fitted estimator as a drawing, for its HTML representation."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .network import FittedNetwork

_HEIGHT, _GAP, _BAR = 84, 92, 18


def caption_of(network: FittedNetwork) -> str:
    """Name the widths of the extended network, and how many members have them."""
    if network.n_members == 1:
        return str(network.architecture)
    return f"{network.n_members} members of {network.architecture}"


def network_html(
    network: FittedNetwork, n_trained: int, facts: Mapping[str, str] | None = None
) -> str:
    """Draw the network, and tell of its fit, as HTML in parts that fold.

    Colours are those of the text around it, so that it is read on light and on dark."""
    title = escape(caption_of(network))
    parts = [
        f'<details open=""><summary>Network: {title}</summary>{_drawing(network, title)}'
        f'<div style="font-size:small">{escape(_sizes(network, n_trained))}</div></details>'
    ]
    if facts:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left;padding:2px 1em 2px 0">'
            f'{escape(name)}</th><td style="text-align:left">{escape(value)}</td></tr>'
            for name, value in facts.items()
        )
        parts.append(
            '<details open=""><summary>Fit</summary>'
            f'<table style="font-size:small;color:inherit">{rows}</table></details>'
        )
    return (
        '<div class="sklearn-spectral-network" style="max-width:100%;overflow-x:auto">'
        f"{''.join(parts)}</div>"
    )


def _sizes(network: FittedNetwork, n_trained: int) -> str:
    """Say how many numbers were trained, in what, and how many predict."""
    architecture = network.architecture
    bias = network.has_bias
    total = sum(coef.size for coef in network.coefs)
    total += bias * sum(intercept.size for intercept in network.intercepts)
    extended = sum(n_out * (n_in + bias) for n_out, n_in in architecture.layer_shapes)
    numbers = "weights and biases" if bias else "weights"
    where = "an extended network"
    if network.n_members > 1:
        extended *= network.n_members
        where = f"{caption_of(network)} on one set of eigenvectors, extended networks"
    return (
        f"{n_trained:,} parameters trained, in {where} of "
        f"{extended:,} {numbers}; {total:,} in the retracted network that predicts."
    )


def _drawing(network: FittedNetwork, title: str) -> str:
    """Draw the layers of nodes as SVG, the linear ones dashed."""
    architecture = network.architecture
    widths = architecture.widths
    roles = [
        "input",
        *(
            "linear" if linear else network.activation
            for linear in architecture.linear_nodes
        ),
        "output",
    ]
    width = _GAP * len(widths)
    tallest = max(widths)
    shapes = []
    for position, (n_nodes, role) in enumerate(zip(widths, roles, strict=True)):
        # The square root: a layer of ten nodes stays visible beside one of a thousand.
        height = max(6.0, _HEIGHT * (n_nodes / tallest) ** 0.5)
        x, y = _GAP * position + (_GAP - _BAR) / 2, (_HEIGHT - height) / 2 + 4
        is_linear = role == "linear"
        look = (
            'fill="none" stroke="currentColor" stroke-dasharray="3 2"'
            if is_linear
            else 'fill="currentColor" fill-opacity="0.35" stroke="currentColor"'
        )
        if position:
            middle = _HEIGHT / 2 + 4
            shapes.append(
                f'<line x1="{x - _GAP + _BAR + 4:.1f}" y1="{middle}" x2="{x - 4:.1f}" '
                f'y2="{middle}" stroke="currentColor" stroke-opacity="0.5"/>'
            )
        shapes.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{_BAR}" height="{height:.1f}" rx="3" '
            f"{look}/>"
        )
        centre = x + _BAR / 2
        for line, text in enumerate((f"{n_nodes:,}", role)):
            shapes.append(
                f'<text x="{centre:.1f}" y="{_HEIGHT + 20 + 14 * line}" font-size="12" '
                f'text-anchor="middle" fill="currentColor">{escape(text)}</text>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT + 42}" '
        f'viewBox="0 0 {width} {_HEIGHT + 42}" role="img" '
        'style="max-width:100%;height:auto" '
        f'aria-label="{title}"><title>{title}</title>{"".join(shapes)}</svg>'
    )
