"""What the benchmarks of this folder share: options, and figures saved as JSON."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "speed"))

from harness import environment, set_threads

__all__ = ["environment", "parser", "save", "set_threads", "spread"]


def parser(
    description: str, *, mnist: bool = False, seeds: int = 3
) -> argparse.ArgumentParser:
    """Return a parser with the options that all of them have."""
    result = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if mnist:
        for name in ("mnist", "fashion-mnist"):
            result.add_argument(
                f"--{name}", type=Path, help=f"{name}.npz".replace("-", "_")
            )
    result.add_argument("--seeds", type=int, default=seeds)
    result.add_argument("--jobs", type=int, default=2, help="processes of one thread each")
    result.add_argument("--out", type=Path, default=Path("benchmarks/results/beyond"))
    return result


def save(rows: Sequence[Mapping], options: argparse.Namespace, name: str) -> None:
    """Write the figures, with versions and the processor."""
    options.out.mkdir(parents=True, exist_ok=True)
    content = {**environment(1), "seeds": options.seeds, "rows": list(rows)}
    (options.out / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def spread(values: Sequence[float], digits: int = 4) -> str:
    """Return mean and standard deviation as text."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"
