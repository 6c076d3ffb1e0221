"""scikit-learn's checks once more with SCIPY_ARRAY_API=1, which scipy reads at import."""

import os
import re
import subprocess
import sys
from pathlib import Path


def test_all_checks_pass_and_none_is_skipped():
    tests = Path(__file__).with_name("test_estimator_checks.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(tests)],
        cwd=tests.parents[1],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    summary = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 0, done.stdout[-5000:]
    passed = re.search(r"\b(\d+) passed", summary)
    assert passed, summary
    assert int(passed[1]) >= 2000
    assert "skipped" not in summary, done.stdout[-5000:]
    assert "xfailed" not in summary
