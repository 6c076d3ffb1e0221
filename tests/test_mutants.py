"""The benchmark that makes wrong changes to the maths makes them to code that stands."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_each_mutant_replaces_what_stands_once():
    tree = ast.parse((ROOT / "benchmarks/trust/mutation.py").read_text(encoding="utf-8"))
    (mutants,) = (
        ast.literal_eval(each.value)
        for each in tree.body
        if isinstance(each, ast.Assign) and each.targets[0].id == "MUTANTS"
    )
    folder = ROOT / "sklearn_spectral/nn"
    texts = {file: (folder / file).read_text(encoding="utf-8") for file, _, _ in mutants}
    assert [m for m in mutants if texts[m[0]].count(m[1]) != 1] == []
    assert [m for m in mutants if m[1] == m[2]] == []
