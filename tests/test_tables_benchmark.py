"""The parts of benchmarks/tables that decide what is told: sets, measures, lines, ranks."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

NAMES = ("figure", "measures", "methods", "report", "runs", "sets", "sizes", "summary")


@pytest.fixture(scope="module")
def tables():
    """Import the modules of the benchmark, which is run from the root."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent.parent))
        patch.setenv("OMP_NUM_THREADS", "1")  # it sets them, and this puts them back
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        patch.setenv("MKL_NUM_THREADS", "1")
        modules = {
            name: importlib.import_module(f"benchmarks.tables.{name}") for name in NAMES
        }
        yield SimpleNamespace(**modules)


def made_rows(tables, method, share):
    """Lines of a method whose measures are a share of a number of each set."""
    rows = []
    for number, (name, kind) in enumerate(tables.sets.KINDS.items()):
        loss = share * (1 + number / 100)
        for of in (5, 3):
            for fold in range(of):
                about = {
                    "set": name,
                    "kind": kind,
                    "half": tables.sets.HALVES[name],
                    "method": method,
                    "version": "1",
                    "of": of,
                    "fold": fold,
                    "n_train": 100,
                    "n_features": 2,
                    "error": "",
                }
                found = dict.fromkeys(tables.runs.COSTS + tables.runs.SIZES, loss)
                if kind == "regression":
                    found |= {"r2": 1 - loss, "rmse": loss}
                else:
                    found |= {"accuracy": 1 - loss, "log_loss": loss}
                    found |= {"brier": loss, "ece": loss}
                rows.append({**about, **found})
    return pd.DataFrame(rows, columns=tables.runs.COLUMNS)


@pytest.fixture
def folder(tables, tmp_path):
    for method, share in (("spectral", 0.3), ("mlp", 0.4), ("linear", 0.2), ("hgb", 0.6)):
        rows = made_rows(tables, method, share)
        if method == "hgb":
            rows = rows[(rows.set != "wine") | (rows.of != 5)]
        rows.to_csv(tmp_path / f"{method}.csv", index=False)
    return tmp_path


def test_every_other_set_is_not_looked_at(tables):
    halves, kinds = tables.sets.HALVES, tables.sets.KINDS
    assert [halves[name] for name in ("australian", "banana", "bands")] == [
        "chosen on",
        "not looked at",
        "chosen on",
    ]
    for kind, n_sets in (("classification", 43), ("regression", 25), ("wide", 4)):
        names = [name for name in kinds if kinds[name] == kind]
        assert len(names) == n_sets
        assert names == sorted(names)
        chosen = sum(halves[name] == "chosen on" for name in names)
        assert chosen == (n_sets + 1) // 2


def test_made_sets_are_the_same_each_time_and_as_wide_as_they_say(tables):
    wide = tables.sets.wide
    for name in wide.NAMES:
        X, y = wide.read(name)
        again = wide.read(name)
        difference = X - again[0]
        assert abs(difference).sum() == 0
        assert np.array_equal(y, again[1])
        assert sparse.issparse(X) == (name != "wide_dense")
        assert X.shape[1] > (100 if name == "wide_dense" else 1500)
        assert np.bincount(y).min() >= 50


def test_words_and_numbers_are_told_apart(tables):
    tidy = tables.sets.classifications.tidy
    numbers = tidy(pd.Series([" 1", "2.5 ", "?", "<null>"]))
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers, [1, 2.5, np.nan, np.nan])
    words = tidy(pd.Series([" a", "a ", "?", "1"]))
    assert words[0] == words[1] == "a"
    assert words.isna().tolist() == [False, False, True, False]


def test_folds_are_prepared_by_their_training_rows(tables, monkeypatch):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"number": rng.normal(5, 3, 60), "word": list("ab") * 30})
    X.loc[0, "number"] = np.nan
    X.loc[1, "word"] = "seen once"
    y = np.arange(60) % 2
    monkeypatch.setattr(tables.sets, "read", lambda name: (X, y))
    found = list(tables.sets.folds("wine", 5))
    for fold in found:
        numbers, words = fold.X_train[:, 0], fold.X_train[:, 1:]
        assert abs(numbers.mean()) < 1e-12
        assert abs(numbers.std() - 1) < 1e-12
        assert np.all(words.sum(axis=1) == 1)
        assert np.isfinite(fold.X_test).all()
        assert fold.X_train.dtype == np.float64
    assert sorted(fold.X_train.shape[1] for fold in found) == [3, 4, 4, 4, 4]


def test_measures_of_predictions_that_can_be_checked_by_hand(tables):
    y = np.array([0, 1, 1, 0])
    sure = tables.measures.complete(np.array([[1.0, 0]] * 4), np.array([0, 1]), 2)
    found = tables.measures.of_classes(y, sure)
    assert found["accuracy"] == 0.5
    assert found["log_loss"] == pytest.approx(-np.log(1e-15) / 2)
    assert found["brier"] == pytest.approx(1.0)
    assert found["ece"] == pytest.approx(0.5)
    honest = tables.measures.of_classes(y, np.full((4, 2), 0.5))
    assert honest["ece"] == 0
    assert honest["log_loss"] == pytest.approx(np.log(2))
    unseen = tables.measures.complete(np.array([[0.25, 0.75]]), np.array([0, 2]), 3)
    np.testing.assert_allclose(unseen, [[0.25, 1e-15, 0.75]])
    numbers = tables.measures.of_numbers(np.array([0.0, 2]), np.array([1.0, 1]), 2.0)
    assert numbers == {"r2": 0.0, "rmse": 0.5}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_trained_numbers_are_counted(tables):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), np.arange(60) % 2
    counts = {}
    for name in ("spectral", "mlp", "linear", "forest", "hgb"):
        model = tables.methods.METHODS[name].make(False, 0)
        short = {"spectral": "max_iter", "mlp": "max_iter", "forest": "n_estimators"}
        if name in short:
            model.set_params(**{short[name]: 2})
        model.fit(X, y)
        counts[name] = tables.sizes.n_numbers(model)
        if name == "forest":
            trees = [each.tree_ for each in model.estimators_]
        bytes_of = tables.sizes.n_bytes(model)
        assert (bytes_of["bytes"] == bytes_of["pickle_bytes"]) == (name != "spectral")
        if name == "spectral":
            assert counts[name] == model.n_parameters_
    assert counts["linear"] == 4
    assert counts["mlp"] == 3 * 100 + 100 + 100 + 1
    # Binary trees have one leaf more than splits, here with two values each.
    splits = sum((tree.node_count - 1) // 2 for tree in trees)
    assert counts["forest"] == 2 * splits + 2 * (splits + len(trees))
    assert counts["hgb"] > 100


def test_what_is_there_is_not_fitted_again_and_failures_are_told(tables, tmp_path, capsys):
    made = []

    def make(regression, seed):
        made.append((regression, seed))
        if regression and len(made) > 2 and seed == 1:
            raise ValueError("not this one")
        return tables.methods.METHODS["linear"].make(regression, seed)

    method = tables.methods.Method("one", "scikit-learn", make)
    asked = ["diabetes", "wide_dense"]
    tables.runs.run("one", method, asked, tmp_path, (3,))
    rows = tables.runs.Rows(tmp_path / "one.csv").read()
    assert len(rows) == 2 * 3
    failed = rows[rows.error.notna()]
    assert set(failed.error) == {"ValueError: not this one"}
    assert list(failed["set"]) == ["diabetes"]
    assert "failed: ValueError" in capsys.readouterr().out
    before = len(made)
    tables.runs.run("one", method, asked, tmp_path, (3,))
    assert len(made) == before
    path = tmp_path / "one.csv"
    path.write_bytes(path.read_bytes()[:-5])  # killed while writing
    tables.runs.run("one", method, asked, tmp_path, (3,))
    assert len(tables.runs.Rows(path).read()) == 2 * 3


def test_slow_methods_have_small_sets_alone(tables, monkeypatch):
    monkeypatch.setattr(tables.sets, "is_small", lambda name: name != "letter")
    methods = tables.methods.METHODS
    names = ["letter", "wine", "diabetes"]
    wanted = tables.runs.wanted
    assert list(wanted(methods["tabm"], names, (5, 3))) == [("wine", 3), ("diabetes", 3)]
    assert list(wanted(methods["tabm_log_loss"], names, (5, 3))) == [("wine", 3)]
    assert ("letter", 5) in list(wanted(methods["mlp"], names, (5, 3)))
    assert ("letter", 3) not in list(wanted(methods["mlp"], names, (5, 3)))


def test_the_summary_tells_what_the_lines_say(tables, folder):
    rows = tables.summary.load(folder)
    chosen = tables.summary.scope(rows, "classification", "not looked at", 5)
    assert chosen.left_out == {"hgb": 20}
    assert chosen.n_sets == 21
    table = tables.summary.of_classes(chosen, "spectral")
    assert table["rank log loss"].to_dict() == {"linear": 1, "spectral": 2, "mlp": 3}
    assert table["log loss / MLP"]["spectral"] == pytest.approx(0.75)
    assert table["worst"]["spectral"] == pytest.approx(1.5)
    assert table["P rank log loss"].drop("spectral").to_dict() == {"linear": 0, "mlp": 1}
    costs = tables.summary.costs(chosen, "spectral")
    assert costs["fit / MLP"]["spectral"] == pytest.approx(0.75)
    assert costs["ours / its fit"]["linear"] == pytest.approx(1.5)
    common = tables.summary.scope(rows, "classification", "not looked at", 5, common=True)
    assert common.n_sets == 20
    assert common.methods == ["spectral", "mlp", "linear", "hgb"]


def test_a_failed_fit_is_last_and_named(tables, folder):
    rows = tables.summary.load(folder)
    failed = (rows.method == "linear") & (rows["set"] == "iris") & (rows.fold == 0)
    rows.loc[failed, tables.runs.MEASURES] = np.nan
    rows.loc[failed, "error"] = "ValueError: it did"
    chosen = tables.summary.scope(rows, "classification", "not looked at", 5)
    assert chosen.ranks("log_loss").loc["iris", "linear"] == 3
    assert chosen.failed == {"linear": ["iris"]}
    assert any("failed on iris" in line for line in tables.report.notes(chosen))


def test_the_bootstrap_is_undecided_where_nothing_differs(tables):
    same = pd.DataFrame({"ours": [1.0, 2, 3], "rival": [1.0, 2, 3]})
    assert tables.summary.probabilities(same, "ours")["rival"] == 0.5
    # Of two sets, one better and one worse by as much: both orders are as probable.
    even = pd.DataFrame({"ours": [1.0, 2], "rival": [2.0, 1]})
    assert tables.summary.probabilities(even, "ours")["rival"] == pytest.approx(
        0.5, abs=0.02
    )


def test_bars_join_what_is_not_told_apart(tables):
    rng = np.random.default_rng(0)
    values = pd.DataFrame({"a": rng.normal(size=40)})
    values["b"] = values.a + 0.01 * rng.normal(size=40)
    values["c"] = values.a + 1 + 0.1 * rng.normal(size=40)
    apart = tables.figure.told_apart(values)
    assert not apart.loc["a", "b"]
    assert apart.loc["a", "c"]
    assert apart.loc["b", "c"]
    ranks = pd.Series({"a": 1.4, "b": 1.6, "c": 3.0})
    assert tables.figure.groups(ranks, apart) == [(1.4, 1.6)]


def test_the_report_is_written_with_its_figure(tables, folder, capsys):
    pytest.importorskip("matplotlib")
    tables.report.write(folder, halves=["chosen on"])
    printed = capsys.readouterr().out
    assert printed.strip() == (folder / "report.md").read_text().strip()
    assert "chosen on: 22 sets" in printed
    assert "not looked at" not in printed
    assert "| **Spectral** | 2.00 |" in printed
    assert "australian" in (folder / "each.md").read_text()
    assert "banana" not in (folder / "each.md").read_text()
    assert (folder / "ranks_chosen_on.png").stat().st_size > 10_000
    assert not (folder / "ranks_not_looked_at.png").exists()
