"""The parts of benchmarks/league that decide which numbers are reported."""

import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def league():
    """Import the modules of the benchmark, which is run from the root."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent.parent))
        patch.setenv("OMP_NUM_THREADS", "1")  # it sets them, and this puts them back
        names = ("data", "fits", "methods", "report", "tried", "__main__")
        found = {n: importlib.import_module(f"benchmarks.league.{n}") for n in names}
        yield SimpleNamespace(**{n.strip("_"): module for n, module in found.items()})


def test_what_is_counted_is_what_trains(league):
    """On a stand-in of 64 features, of two and of ten classes."""
    rng = np.random.default_rng(0)
    X = rng.random((60, 64), np.float32)
    methods = league.methods
    for n_classes in (2, 10):
        y = np.arange(60) % n_classes
        for method in methods.METHODS:
            for settings in methods.settings(method, 600, 64, n_classes)[::5]:
                model = methods.make(settings, "table", 0).set_params(max_iter=1)
                counted = methods.n_numbers(settings, 64, n_classes)
                assert model.fit(X, y).n_parameters_ == counted
                assert 0.7 * 600 <= counted <= 600


def test_settings_fill_the_counts_of_images(league):
    methods, data = league.methods, league.data
    for count in data.COUNTS["image"]:
        for method in methods.METHODS:
            found = methods.settings(method, count, 784, 10)
            assert len(found) <= methods.N_SETTINGS
            for settings in found:
                bare = {k: v for k, v in settings.items() if k != "learning_rate_init"}
                counted = methods.n_numbers(bare, 784, 10)
                assert methods.LEAST_FILLED * count <= counted <= count
    whole = methods.with_all_rates({"rank": 2, "learning_rate_init": 9.0})
    assert [each["learning_rate_init"] for each in whole] == list(methods.RATES)


def made(method="hashed", data="mnist", seed=0, stage="test", settings="a", accuracy=0.9):
    """Return a line."""
    values = {"count": 500, "accuracy": accuracy, "log_loss": 1 - accuracy}
    numbers = {"train_accuracy": 1.0, "numbers": 499, "bytes": 5000, "seconds": 1.0}
    key = {"data": data, "method": method, "stage": stage, "seed": seed}
    return {**key, "settings": settings, **values, **numbers}


def test_the_best_is_chosen_among_the_settings_of_now(league, tmp_path):
    main = league.main
    store = main.Store(tmp_path / "fits.csv", main.COLUMNS, main.KEY)
    for settings, accuracy, loss in (
        ("stale", 0.99, 0.0),
        ("a", 0.8, 0.5),
        ("b", 0.9, 0.4),
        ("c", 0.9, 0.3),
    ):
        line = made(stage="choose", settings=settings, accuracy=accuracy)
        store.append({**line, "log_loss": loss})
    about = {"data": "mnist", "method": "hashed", "count": 500}
    assert main.best(store, [(about, ["a", "b", "c"])]) == ["c"]
    wanted = [{**about, "stage": "choose", "seed": 0, "settings": s} for s in "ad"]
    assert league.fits.missing(store, wanted) == wanted[1:]


def test_means_are_of_seeds_and_of_whole_groups_of_tables(league):
    lines = [made(seed=seed, settings="before", accuracy=0.1) for seed in range(2)]
    lines += [made(seed=seed, accuracy=0.9 + 0.01 * seed) for seed in range(3)]
    tables = league.data.TABLES
    lines += [made(data=name, accuracy=k / 10) for k, name in enumerate(tables)]
    lines += [made(data=name, seed=1) for name in tables[:3]]  # not all of them yet
    means = league.report.summary(pd.DataFrame(lines)).set_index("group")
    assert means.loc["mnist", "accuracy"] == pytest.approx(0.91)
    assert means.loc["mnist", "spread"] == pytest.approx(0.01)
    assert means.loc["tables", "accuracy"] == pytest.approx(0.35)
    assert (means.loc["mnist", "n_seeds"], means.loc["tables", "n_seeds"]) == (3, 1)


def test_the_frontier_is_bold(league, tmp_path):
    lines = [made(seed=s, accuracy=0.9 + 0.001 * s) for s in range(3)]
    lines += [made("Kronecker", seed=s, accuracy=0.8999 + 0.001 * s) for s in range(3)]
    lines += [made("biases", seed=s, accuracy=0.7 + 0.001 * s) for s in range(3)]
    league.report.render(pd.DataFrame(lines), tmp_path)
    text = (tmp_path / "tables.md").read_text()
    assert "| hashed | **90.10 ± 0.10** |" in text
    assert "| Kronecker | **90.09 ± 0.10** |" in text
    assert "| biases | 70.10 ± 0.10 |" in text
    assert (tmp_path / "league.png").stat().st_size > 10_000


def test_every_variant_that_was_tried_fills_its_count(league):
    tried, methods = league.tried, league.methods
    tried.register()
    try:
        for variant, template in tried.VARIANTS.items():
            params = methods.filled(template, tried.COUNT, 784, 10)
            counted = methods.n_numbers(params, 784, 10)
            assert 0.9 * tried.COUNT <= counted <= tried.COUNT, variant
            json.dumps(params)
    finally:
        for name in ("bases", "learned_covariance"):
            del tried.parametrizations.PARAMETRIZATIONS[name]


def test_a_sum_of_bases_is_what_it_says(league):
    form = league.tried.Bases(3, 5)
    rng = np.random.default_rng(0)
    arrays = form.draw(lambda b, shape: rng.uniform(-b, b, shape), 0.3, np.linalg)
    assert {n: v.shape for n, v in arrays.items()} == form.shapes()
    arrays["fed"] = rng.normal(size=(4, 3))
    expected = sum(
        (arrays["read"][k] - arrays["fed"][k][:, None]) * arrays["bases"][k]
        for k in range(4)
    )
    np.testing.assert_allclose(form.matrix(SimpleNamespace(**arrays)), expected)
