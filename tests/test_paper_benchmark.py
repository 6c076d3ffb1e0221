"""The parts of benchmarks/paper that decide which numbers are reported."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks" / "paper"


@pytest.fixture(scope="module")
def paper():
    """Import the modules of the benchmark, which is a folder that is run."""
    sys.path.insert(0, str(FOLDER))
    try:
        names = ("cells", "methods", "report", "settings", "store", "fits", "claims")
        yield {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(str(FOLDER))


def all_cells(paper):
    cells = paper["cells"]
    return cells.grid(tuple(cells.GRIDS), n_seeds=2, n_curve_seeds=1)


def test_no_cell_is_run_twice_and_each_has_settings(paper):
    cells = all_cells(paper)
    assert len({cell.key for cell in cells}) == len(cells)
    for cell in cells:
        model = paper["methods"].make(cell)
        assert model.random_state == cell.seed
        longer = (cell.network, cell.method) == ("784-1000(linear)-10", "ours, both sets")
        assert model.max_iter == (60 if longer else 20)
    digests = {paper["methods"].digest(cell) for cell in cells}
    networks = {(c.network, c.method, c.seed) for c in cells}
    assert len(digests) <= len(networks)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_rivals_train_as_many_weights_as_eigenvalues(paper):
    """On a stand-in of ten classes and 784 features."""
    rng = np.random.default_rng(0)
    X, y = rng.random((40, 784), np.float32), np.arange(40) % 10
    counts = {}
    for cell in all_cells(paper):
        if cell.seed or cell.widths not in ((), (20,), (800, 100)):
            continue
        model = paper["methods"].make(cell).set_params(max_iter=1, device="cpu")
        counts[cell.data, cell.network, cell.method] = model.fit(X, y).n_parameters_
    for (data, network, method), count in counts.items():
        if method.startswith("constrained"):
            assert count == counts[data, network, "eigenvalues"]
    assert counts["mnist", "784-10", "eigenvalues"] == 794
    assert counts["mnist", "784-10", "both"] == 8634
    assert counts["mnist", "784-20(linear)-10", "eigenvalues"] == 30
    assert counts["mnist", "784-800(linear)-100(linear)-10", "constrained"] == 910
    assert counts["mnist", "784-20(linear)-120-10", "eigenvalues"] == 150


def test_our_candidates_are_what_they_say(paper):
    settings, methods = paper["settings"], paper["methods"]
    for cell in paper["cells"].ours(0):
        key = methods.key_of(cell)
        plain = methods.ours(cell, {}).get_params()
        for candidate in (methods.CHOSEN[key], *settings.OTHERS[key]):
            assert methods.ours(cell, candidate).get_params() == {**plain, **candidate}


def test_a_store_loses_nothing_but_a_torn_row(paper, tmp_path):
    path = tmp_path / "rows.csv"
    store = paper["store"].Store(path, ["key", "value"], ["key"])
    assert store.keys() == set()
    for key in ("a, with comma", "b", "c"):
        store.append({"key": key, "value": 1})
    content = path.read_bytes()
    path.write_bytes(content[:-2])  # killed while writing
    again = paper["store"].Store(path, ["key", "value"], ["key"])
    assert again.keys() == {("a, with comma",), ("b",)}
    again.append({"key": "c", "value": 2})
    again.append({"key": "b", "value": 3})
    table = again.read().set_index("key").value
    assert table.to_dict() == {"a, with comma": 1, "c": 2, "b": 3}
    with pytest.raises(SystemExit, match="written by another version"):
        paper["store"].Store(path, ["key", "other"], ["key"])


def test_the_best_of_table_1_is_among_those_with_most_seeds(paper):
    rows = [
        {"family": "linear", "widths": widths, "network": f"784-{widths}(linear)-10"}
        | {"method": "full", "seed": seed, "accuracy": accuracy}
        for widths, accuracy, n_seeds in (("20", 0.99, 1), ("80", 0.91, 3), ("100", 0.9, 3))
        for seed in range(n_seeds)
    ]
    table = paper["report"].table_1(pd.DataFrame(rows))
    cell = table.loc["Unconstrained NN", "linear wide"]
    assert cell.startswith("91.00")
    assert "784-80(linear)-10, 3 seeds" in cell
    assert table.loc["Train Λ", "linear wide"] == "not run"


def test_distances_of_shapes_do_not_depend_on_the_scale(paper):
    shares = np.linspace(0, 1, paper["fits"].N_QUANTILES)
    rng = np.random.default_rng(0)
    samples = {
        "full": rng.normal(size=7840),
        "eigenvalues": 30 * rng.normal(size=7840),
        "constrained": rng.normal(size=7840) ** 3,
    }
    rows = [
        {"network": "784-10", "method": method, "seed": 0}
        | {f"q{k}": q for k, q in enumerate(np.quantile(values, shares))}
        for method, values in samples.items()
    ]
    table = paper["report"].weight_distances(pd.DataFrame(rows)).astype(float)
    assert table.loc["784-10", "eigenvalues"] < 0.05
    assert table.loc["784-10", "constrained"] > 0.3
