#!/usr/bin/env bash
# All that is worth doing on a GPU, in at most six minutes, with what prepare.sh has carried:
# the tests marked gpu, the speed table, and models to be checked on another machine.
#     OUT=folder bash benchmarks/gpu/run.sh
#     REHEARSE=1 OUT=folder bash benchmarks/gpu/run.sh   without a GPU: CUDA is faked
# It writes to $OUT: log.txt, environment.json, tests.xml, gpu.json and the models. Nothing
# ends it early: what fails is in the log, and the exit status is the number of failed steps.
set -uo pipefail

cd "$(dirname "$0")/../.."
out=${OUT:?a folder for the results}
mkdir -p "$out"
out=$(realpath "$out")
carried=$PWD/benchmarks/gpu/carried
python=${PYTHON:-python3}
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
failed=0

if [ -n "${REHEARSE:-}" ]; then
    device=cpu
    tests=(-p benchmarks.gpu.faked_cuda)
    speed=(--device cpu --epochs 1 --rounds 1 --rows 2000 --threads 1)
    models=(--device cpu --rows 2000)
else
    device=cuda
    tests=()
    speed=(--epochs 20 --rounds 3 --threads "$(nproc)")
    models=(--device cuda)
fi

step() {  # seconds, name, command
    local seconds=$1 name=$2 start=$SECONDS
    shift 2
    echo "== $name"
    timeout "$seconds" "$@"
    local status=$?
    [ "$status" -eq 0 ] || failed=$((failed + 1))
    echo "== $name: status $status after $((SECONDS - start)) of $seconds s"
}

run() {
    export PYTHONPATH="$site:$PWD" PYTHONUNBUFFERED=1
    export SKLEARN_SPECTRAL_MNIST="$carried/mnist.npz"
    if ! "$python" -c "import skorch" 2> /dev/null; then
        step 40 "install what is carried" "$python" -m pip install -q --no-index --no-deps \
            --no-compile --target "$site" "$carried"/*.whl
    fi
    step 20 environment "$python" benchmarks/gpu/environment.py "$out"
    # Other files of tests import packages that need not be there.
    step 110 "tests on $device" "$python" -m pytest -q -m gpu -p no:cacheprovider \
        --junitxml="$out/tests.xml" "${tests[@]}" $(grep -rl "mark\.gpu" tests --include=*.py)
    step 30 "models for another machine" "$python" benchmarks/gpu/models.py write \
        "${models[@]}" --mnist "$carried/mnist.npz" --folder "$out"
    step 200 "speed" "$python" benchmarks/speed/gpu.py "${speed[@]}" \
        --mnist "$carried/mnist.npz" --out "$out"
    rm -f "$out"/gpu.png
    echo "== $failed of the steps failed, $SECONDS s"
}

run > >(tee "$out/log.txt") 2>&1
exit "$failed"
