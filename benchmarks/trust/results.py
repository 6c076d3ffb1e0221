"""What the benchmarks of this folder share: options, and figures saved as JSON."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "speed"))

from harness import environment, set_threads

__all__ = ["parser", "save", "set_threads"]


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all of them have."""
    result = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--seed", type=int, default=0)
    result.add_argument("--out", type=Path, default=Path("benchmarks/results/trust"))
    return result


def save(figures: Mapping, out: Path, name: str) -> None:
    """Write the figures, with versions and the processor."""
    out.mkdir(parents=True, exist_ok=True)
    content = {**environment(1), **figures}
    (out / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
