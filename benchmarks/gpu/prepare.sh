#!/usr/bin/env bash
# Put what a machine with a GPU and without a network needs into benchmarks/gpu/carried.
#     bash benchmarks/gpu/prepare.sh path/to/mnist.npz
# It has to have Python 3.12, torch, scikit-learn, numpy, scipy, pandas, matplotlib, joblib,
# safetensors, tqdm and pytest; what is carried is skorch, as a wheel, and the data.
set -euo pipefail

mnist=$(realpath "${1:?the path of mnist.npz}")
cd "$(dirname "$0")/../.."
carried=benchmarks/gpu/carried
mkdir -p "$carried"
rm -f "$carried"/*.whl
skorch=$(grep '^skorch==' constraints.txt)
python=python3
test -x .venv/bin/python && python=.venv/bin/python
"$python" -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 \
    --implementation py --abi none --platform any -d "$carried" "$skorch" tabulate
cp "$mnist" "$carried/mnist.npz"
chmod u+w "$carried/mnist.npz"
ls -l "$carried"
