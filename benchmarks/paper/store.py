"""Results that survive being killed: one row per finished cell, in a tidy CSV."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd


class Store:
    """A CSV that grows by whole rows.

    A row is written in one go and synced; what a kill leaves of the last one is cut off
    when the file is opened again.

    Parameters
    ----------
    path : Path
        The file; it is made with the first row.
    columns : sequence of str
        Its columns.
    key : sequence of str
        Those of them that tell one row from another.
    """

    def __init__(self, path: Path, columns: list[str], key: list[str]) -> None:
        self.path = path
        self.columns = columns
        self.key = key
        if path.exists():
            self._mend()

    def _mend(self) -> None:
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            self.path.write_bytes(whole)
        if whole:
            found = whole.split(b"\n", 1)[0].decode().split(",")
            if found != self.columns:
                raise SystemExit(
                    f"{self.path} has the columns {found}, not {self.columns}: it was "
                    "written by another version. Move it away, or name another folder."
                )

    def read(self) -> pd.DataFrame:
        """Return all rows; the later of two with the same key."""
        if not self.path.exists() or not self.path.stat().st_size:
            return pd.DataFrame(columns=self.columns)
        table = pd.read_csv(self.path, dtype={"widths": str}, keep_default_na=False)
        return table.drop_duplicates(self.key, keep="last").reset_index(drop=True)

    def keys(self) -> set[tuple[object, ...]]:
        """Return the keys of all rows."""
        return set(self.read()[self.key].itertuples(index=False, name=None))

    def append(self, row: Mapping[str, object]) -> None:
        """Add a row."""
        text = pd.DataFrame([row], columns=self.columns).to_csv(index=False)
        header, _, line = text.partition("\n")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(f"{header}\n{line}" if file.tell() == 0 else line)
            file.flush()
            os.fsync(file.fileno())
