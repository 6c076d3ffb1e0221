"""What all training of a population left out, which its members can predict honestly.

Of one seed the rows that a member leaves out with some number of members are among those
that it leaves out with a larger one.
"""

from __future__ import annotations

from typing import Any, TypeAlias

LeftOut: TypeAlias = list[Any]
"""What has the same bags, ``"rows"`` or ``"groups"``, and how many members leave it out.
None instead of it: members may have seen everything."""


def left_out_by_both(before: LeftOut | None, now: LeftOut | None) -> LeftOut | None:
    """Return what two trainings, one after the other, left out."""
    if before is None or now is None or before[0] != now[0]:
        return None
    return [now[0], min(before[1], now[1])]


def why_seen(before: LeftOut | None, now: LeftOut) -> str | None:
    """Say why members saw what they leave out now; None if they did not."""
    if before is None:
        return "were trained on all rows, or on rows that are not known"
    (kind, n_before), (kind_now, n_now) = before, now
    if kind != kind_now:
        return f"were trained with bags of {kind}, and now there are bags of {kind_now}"
    if n_before < n_now:
        return f"had each row left out by {n_before} member(s), and now it is by {n_now}"
    return None
