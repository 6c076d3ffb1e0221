"""The names of what stands around a network that reads standardised numbers.

It reads ``(x - input_shift) / input_scale``, and what it gives is multiplied by
``output_scale`` before ``output_shift`` is added.
"""

from __future__ import annotations

UNITS = ("input_shift", "input_scale", "output_shift", "output_scale")
"""They are frozen arrays of the network, one number for each of its inputs or outputs."""
