"""How many cases are generated: few, always the same ones, or many with

HYPOTHESIS_PROFILE=long python -m pytest tests/hostile -n 2 --hypothesis-show-statistics
"""

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))  # for the strategies beside this file

MANY = int(os.environ.get("HYPOTHESIS_EXAMPLES", "1000"))
SHARED = {
    "deadline": None,
    "suppress_health_check": [
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
}
settings.register_profile("ci", max_examples=60, derandomize=True, database=None, **SHARED)
settings.register_profile("long", max_examples=MANY, database=None, **SHARED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
