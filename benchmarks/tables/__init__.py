"""The defaults on real tables, beside those of other packages; see `__main__`.

One thread, decided here: before numpy, torch or LightGBM are imported.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
