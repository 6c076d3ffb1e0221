"""Damage saved models at random, and see that nothing wrong is ever loaded in silence.

    python benchmarks/trust/corruption.py [--corruptions 500] [--seed 0]

For each format, copies of a file have bits flipped, are cut short, or have two pieces of
them swapped. A copy may be refused, or load as exactly the model that was saved; anything
else is a silent change. Model files and checkpoints are read in this process and have to
raise `ModelFileError`. Pickles, joblib and skops files are read by code that is not ours,
which raises what it likes; each batch of them is read in a process of its own.
"""

import collections
import io
import multiprocessing
import pickle
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import joblib
import numpy as np
import skops.io
from plain import PLAIN
from results import parser, save
from sklearn.datasets import load_digits

from sklearn_spectral import SpectralClassifier, load
from sklearn_spectral import save as save_model
from sklearn_spectral.exceptions import ModelFileError
from sklearn_spectral.files.container import decode
from sklearn_spectral.files.integrity import digest

TRUSTED = ["sklearn_spectral.SpectralClassifier"]


def corrupt(data, rng):
    """Return a damaged copy of bytes, and how it was damaged."""
    how = ("flips", "cut", "swap")[rng.integers(3)]
    result = bytearray(data)
    if how == "flips":
        for position in rng.integers(len(data), size=rng.integers(1, 5)):
            result[position] ^= 1 << rng.integers(8)
    elif how == "cut":
        del result[rng.integers(len(data)) :]
    else:
        size = rng.integers(1, 65)
        one, other = sorted(rng.integers(0, len(data) - size, size=2))
        first, second = data[one : one + size], data[other : other + size]
        result[one : one + size], result[other : other + size] = second, first
        del result[len(data) :]
    return bytes(result), how


def state_of(model):
    """Return a digest of all that makes up a fitted estimator."""
    network = model._fitted
    arrays = None if network.arrays is None else network.complete()
    fitted = {
        name: value
        for name, value in sorted({**vars(model), **network.to_state()}.items())
        if name not in ("_arrays", "_fitted", "_regrown", "_net")
    }
    return digest(arrays, fitted)


def load_model_file(data):
    """Load a model file from bytes."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return state_of(load(file.name))


def load_checkpoint(data):
    """Read a checkpoint; its tensors come in any order."""
    content, tensors = decode("checkpoint", data)
    return digest(content, dict(sorted(tensors.items())))


LOADERS = {
    "model file": load_model_file,
    "model file, compact": load_model_file,
    "checkpoint": load_checkpoint,
    "pickle": lambda data: state_of(pickle.loads(data)),
    "joblib": lambda data: state_of(joblib.load(io.BytesIO(data))),
    "skops": lambda data: state_of(skops.io.loads(data, trusted=TRUSTED)),
}
OURS = ("model file", "model file, compact", "checkpoint")


def originals():
    """Return the bytes of a small model in each format."""
    X, y = load_digits(return_X_y=True)
    X, y = (X / 16).astype(np.float32), np.array([f"digit {label}" for label in y])
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        model = SpectralClassifier(
            12,
            linear_expansion=20,
            activation="tanh",
            random_state=0,
            checkpoint_dir=folder,
            **{**PLAIN, "max_iter": 3},
        ).fit(X, y)
        model.set_params(checkpoint_dir=None)  # whose name is another each time
        (checkpoint,) = Path(folder).glob("*.safetensors")
        files["checkpoint"] = checkpoint.read_bytes()
        for name, compact in (("model file", False), ("model file, compact", True)):
            save_model(model, path, compact=compact)
            files[name] = path.read_bytes()
    files["pickle"] = pickle.dumps(model)
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    files["joblib"] = buffer.getvalue()
    files["skops"] = skops.io.dumps(model)
    return {name: files[name] for name in LOADERS}


def judge(name, data, expected):
    """Say what comes of reading some bytes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = LOADERS[name](data)
    except ModelFileError:
        return "ModelFileError"
    except Exception as error:
        return f"other error ({type(error).__name__})"
    return "loaded, the same" if found == expected else "SILENT CHANGE"


def judge_in_child(name, copies, expected):
    """Judge copies in a process of its own; count those that it died of."""
    results = []
    while len(results) < len(copies):
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)

        rest = copies[len(results) :]
        child = context.Process(target=_work, args=(name, rest, expected, sender))
        child.start()
        sender.close()
        while True:
            try:
                if not receiver.poll(60):
                    child.kill()
                    results.append("HANG")
                    break
                results.append(receiver.recv())
            except EOFError:
                break
        child.join()
        if child.exitcode != 0 and results[-1:] != ["HANG"]:
            results.append("CRASH")
    return results


def _work(name, copies, expected, sender):
    sys.stdout = sys.stderr = io.StringIO()
    for copy in copies:
        sender.send(judge(name, copy, expected))


def main():
    """Damage each format and print what came of it."""
    arguments = parser(__doc__)
    arguments.add_argument("--corruptions", type=int, default=500)
    options = arguments.parse_args()
    figures, bad = {}, 0
    for name, data in originals().items():
        rng = np.random.default_rng(options.seed)
        expected = LOADERS[name](data)
        damaged = [corrupt(data, rng) for _ in range(options.corruptions)]
        copies = [copy for copy, _ in damaged]
        start = time.perf_counter()
        if name in OURS:
            results = [judge(name, copy, expected) for copy in copies]
        else:
            results = judge_in_child(name, copies, expected)
        slow = (time.perf_counter() - start) / len(copies)
        counts = collections.Counter(results)
        figures[name] = {
            "bytes": len(data),
            "results": dict(counts.most_common()),
            "kinds": dict(collections.Counter(how for _, how in damaged)),
            "unchanged copies": sum(copy == data for copy in copies),
            "seconds each": slow,
        }
        wrong = {"SILENT CHANGE", "CRASH", "HANG"}
        if name in OURS:
            wrong |= {result for result in counts if result.startswith("other")}
        bad += sum(counts[result] for result in wrong)
        print(f"{name} ({len(data)} bytes): {dict(counts.most_common())}", flush=True)
    figures = {"corruptions": options.corruptions, "formats": figures}
    save(figures, options.out, "corruption")
    assert not bad, f"{bad} of them are wrong"


if __name__ == "__main__":
    main()
