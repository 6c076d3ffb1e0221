"""What all speed benchmarks share: taking turns, medians, ratios, versions, a plot."""

import argparse
import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

PACKAGES = ("sklearn-spectral", "torch", "numpy", "scikit-learn", "scipy", "skorch")


def parser(description: str, mnist: bool = True) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks have."""
    result = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if mnist:
        result.add_argument("--mnist", type=Path, required=True, help="mnist.npz")
    result.add_argument(
        "--rounds", type=int, default=5, help="of which the median is taken"
    )
    result.add_argument("--threads", type=int, default=2)
    result.add_argument("--out", type=Path, default=Path("benchmarks/results/speed"))
    return result


def set_threads(n: int) -> None:
    """Have torch and the BLAS below numpy use so many threads."""
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(n)
    threadpool_limits(n)


def load_mnist(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the training and the test images in [0, 1] as float32, with their labels."""
    from sklearn_spectral.datasets import load_mnist as load

    images = load(path)
    return images.X_train, images.y_train, images.X_test, images.y_test


def take_turns(
    contestants: Mapping[str, Callable[[], float | None]], rounds: int, pause: float = 0.2
) -> dict[str, list[float]]:
    """Time contestants in turn, every other round in the opposite order.

    Each is called without arguments, once unheeded to warm up; what it returns is taken as
    its seconds, if it measures itself.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        order = list(contestants) if number % 2 else list(reversed(contestants))
        for name in order:
            gc.collect()
            time.sleep(pause)  # threads of the one before come to rest
            start = time.perf_counter()
            own = contestants[name]()
            elapsed = time.perf_counter() - start
            if number:
                seconds[name].append(elapsed if own is None else own)
    return seconds


def latencies(
    function: Callable[[], object], n_calls: int, warm_ups: int = 1
) -> list[float]:
    """Return the seconds of single calls."""
    found = []
    for number in range(warm_ups + n_calls):
        start = time.perf_counter()
        function()
        if number >= warm_ups:
            found.append(time.perf_counter() - start)
    return found


def row(
    question: str, ours: str, seconds: Mapping[str, Sequence[float]], **facts
) -> dict[str, object]:
    """Summarise one comparison: medians, and the ratio of ours to each rival.

    A ratio is the median of those within a round, so that a slow minute counts for both.
    """
    ratios = {}
    for name, values in seconds.items():
        if name != ours:
            pairs = zip(seconds[ours], values, strict=True)
            ratios[name] = statistics.median(a / b for a, b in pairs)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{question}")
    for name, median in medians.items():
        ratio = "" if name == ours else f"   ours / this: {ratios[name]:.2f}"
        print(f"  {name:<44} {1e3 * median:>10.2f} ms{ratio}", flush=True)
    return {
        "question": question,
        "ours": ours,
        "seconds": medians,
        "ratios": ratios,
        "all": {name: list(values) for name, values in seconds.items()},
        **facts,
    }


def environment(threads: int) -> dict[str, object]:
    """Return versions, the processor and the number of threads."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "versions": versions,
        "threads": threads,
        "cores": os.cpu_count(),
        "processor": _processor(),
    }


def _processor() -> str:
    """Return the name of the processor and its widest instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    name = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "")
    flags = next((x for x in lines if x.startswith("flags")), "")
    return name + (" (AVX-512)" if "avx512f" in flags else "")


def save(rows: Sequence[Mapping], options: argparse.Namespace, name: str) -> None:
    """Write the figures as JSON, and the ratios as a plot.

    Rows of questions that were not asked now stay, if they were measured with the same
    versions on the same processor.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{name}.json"
    now = {**environment(options.threads), "rounds": options.rounds}
    by_question = {}
    if path.exists():
        before = json.loads(path.read_text())
        if all(before.get(key) == value for key, value in now.items()):
            by_question = {row["question"]: row for row in before["rows"]}
    by_question |= {row["question"]: row for row in rows}
    content = {**now, "rows": list(by_question.values())}
    path.write_text(json.dumps(content, indent=1) + "\n")
    _plot(content["rows"], options.out / f"{name}.png")


def _plot(rows: Sequence[Mapping], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    bars = [
        (f"{row['question']}\nours / {rival}", ratio)
        for row in rows
        for rival, ratio in row["ratios"].items()
    ]
    if not bars:
        return
    labels, ratios = zip(*reversed(bars), strict=True)
    figure, ax = plt.subplots(figsize=(9, 1 + 0.5 * len(bars)), layout="constrained")
    colours = ["tab:green" if ratio <= 1 else "tab:red" for ratio in ratios]
    drawn = ax.barh(labels, ratios, color=colours, height=0.6)
    ax.bar_label(drawn, [f"{ratio:.2f}" for ratio in ratios], padding=3)
    ax.axvline(1, color="black", linewidth=0.8)
    ax.set_xlabel("time, as a ratio of ours to the rival's (less is faster)")
    ax.set_xlim(0, 1.15 * max(1, *ratios))
    ax.tick_params(axis="y", labelsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
