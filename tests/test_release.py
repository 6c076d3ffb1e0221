"""What a release says of itself in several files is the same in all."""

import re
import tomllib
from pathlib import Path

import pytest

import sklearn_spectral

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project():
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["project"]


@pytest.fixture(scope="module")
def recipe():
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((ROOT / ".ci/conda/recipe.yaml").read_text(encoding="utf-8"))


def test_conda_asks_for_the_same_packages(project, recipe):
    python, *found = recipe["requirements"]["run"]
    wanted = [re.sub(r"(>=)", r" \1", r) for r in project["dependencies"]]
    assert sorted(found) == sorted(r.replace("torch ", "pytorch ", 1) for r in wanted)
    assert python.replace("${{ python_min }}", recipe["context"]["python_min"]) == (
        f"python {project['requires-python']}"
    )


def test_version_and_date_are_the_same(recipe):
    version = sklearn_spectral.__version__
    assert recipe["context"]["version"] == version.partition(".dev")[0]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    dates = dict(re.findall(r"^## \[(.+)\] - (.+)$", changes, re.MULTILINE))
    yaml = pytest.importorskip("yaml")
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert dates[cited["version"]] == str(cited["date-released"])
    # Between releases the version is one of development, and changes are unreleased.
    if ".dev" in version:
        assert "## [Unreleased]" in changes
    else:
        assert cited["version"] == version
