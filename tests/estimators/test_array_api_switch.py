"""scikit-learn's checks with SCIPY_ARRAY_API=1, which scipy reads at import.

Without it scikit-learn skips one check of each estimator. Those run here, and all others of
the two main estimators once more, as the switch sends arrays other ways.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn
from sklearn.utils.fixes import parse_version

TESTS = Path(__file__).with_name("test_estimator_checks.py")

ALL_CHECKS = """
import numpy as np
from sklearn import config_context
from sklearn.utils.estimator_checks import check_estimator
from sklearn_spectral import SpectralClassifier, SpectralRegressor

X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
for make in (SpectralClassifier, SpectralRegressor):
    for done in check_estimator(make(max_iter=20, random_state=0)):
        print(done["status"], done["check_name"])
    with config_context(array_api_dispatch=True):
        make(5, max_iter=2).fit(X, y, np.ones(40)).score(X, y, np.ones(40))
    print("passed", "weights where arrays are dispatched")
"""


def with_the_switch(*arguments):
    """Run Python with the switch set; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=TESTS.parents[2],
        env={**os.environ, "SCIPY_ARRAY_API": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return done.stdout.strip().splitlines()


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="scikit-learn 1.7 has no such check",
)
def test_the_checks_that_are_skipped_without_it_pass():
    options = ["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-k", "array_api"]
    printed = with_the_switch(*options, str(TESTS))
    passed = re.search(r"\b(\d+) passed", printed[-1])
    assert passed, printed
    assert int(passed[1]) >= 38
    assert "skipped" not in printed[-1], printed
    assert "xfailed" not in printed[-1]


def test_all_checks_of_the_main_estimators_pass():
    statuses = [line.split()[0] for line in with_the_switch("-c", ALL_CHECKS)]
    assert len(statuses) >= 100
    assert set(statuses) == {"passed"}
