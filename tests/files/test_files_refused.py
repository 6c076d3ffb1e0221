"""Model files that are damaged, made wrongly, or made to do harm: all are refused."""

import json
import os
import re
import struct
import tracemalloc

import joblib
import numpy as np
import pytest

from sklearn_spectral import load, save
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.exceptions import ModelFileError, ModelVersionError
from sklearn_spectral.files.container import FORMAT_VERSION, MAX_HEADER, decode, encode

from ..plain import plain_classifier


def rewritten(fitted, path, change):
    """Change content and tensors of a file, and give it a right checksum again."""
    save(fitted, path)
    content, tensors = decode("model", path.read_bytes())
    tensors = {name: values.copy() for name, values in tensors.items()}
    change(content, tensors)
    path.write_bytes(encode("model", content, tensors))


def put(*where):
    """Return a change of the content: all but the last name a place."""

    def change(content, tensors):
        *names, last, value = where
        for name in names:
            content = content[name]
        content[last] = value

    return change


def tensor(name, value):
    return lambda content, tensors: tensors.update({name: value})


def drop(name):
    return lambda content, tensors: tensors.pop(name)


LAYER = "network.stacks.0.layers.0."
EXPANSION = {"tuple": [{"tuple": [10**9]}, {"tuple": []}]}
LARGE = [
    tensor(f"network.stacks.0.layers.{n}.eigenvalues_in", np.full(width, 3e38, np.float32))
    for n, width in enumerate((64, 20))
]


def checksum(content, tensors):
    content["state"]["_regrown"]["dict"][0][1] = 64 * "0"


def config(name, value):
    def change(content, tensors):
        entries = dict(content["state"]["_config"]["dict"])
        content["state"]["_config"]["dict"] = [
            [*entry] for entry in {**entries, name: value}.items()
        ]

    return change


def unknown_init(content, tensors):
    content["state"]["_config"]["dict"][-1] = ["init", "x"]


WRONG = {
    "unknown estimator": put("estimator", "Popen"),
    "parameter of a wrong type": put("params", "max_iter", "many"),
    "parameter out of range": put("params", "alpha", -1.0),
    "unhashable key": put("params", "class_weight", {"dict": [[[1], 2]]}),
    "unknown tag": put("params", "alpha", {"code": "1"}),
    "unknown attribute": put("state", "fit", 1),
    "state is no dict": put("state", []),
    "config is no dict": put("state", "_config", 1),
    "config of another network": put("state", "_config", {"dict": [["bias", True]]}),
    "unknown init": unknown_init,
    "seed is text": put("state", "_seed", "1"),
    "seed is negative": put("state", "_seed", -1),
    "another seed": put("state", "_seed", 12),
    "plans of another kind": put("state", "_plans", [{"dict": [["way", "x"]]}]),
    "no features": put("state", "n_features_in_", 0),
    "other number of features": put("state", "n_features_in_", 63),
    "iterations are no number": put("state", "n_iter_", 1.5),
    "no classes": drop("classes_"),
    "too few classes": tensor("classes_", np.arange(9)),
    "classes not in order": tensor("classes_", np.arange(10)[::-1].copy()),
    "classes are text as numbers": put("series", "classes_", "objects"),
    "series of another kind": put("series", "classes_", "functions"),
    "regrown array that is none": put("state", "_regrown", {"dict": [["network", "00"]]}),
    "regrown with another checksum": checksum,
    "missing eigenvalues": drop(LAYER + "eigenvalues_in"),
    "eigenvalues of a wrong shape": tensor(LAYER + "eigenvalues_in", np.zeros(3, "f4")),
    "eigenvalues in two dimensions": tensor(
        LAYER + "eigenvalues_in", np.zeros((64, 1), np.float32)
    ),
    "integers": tensor(LAYER + "eigenvalues_in", np.zeros(64, np.int64)),
    "half precision": tensor(LAYER + "eigenvalues_in", np.zeros(64, np.float16)),
    "double among single": tensor(LAYER + "eigenvalues_in", np.zeros(64)),
    "nan": tensor(LAYER + "eigenvalues_in", np.full(64, np.nan, np.float32)),
    "infinity": tensor(LAYER + "bias", np.full(20, -np.inf, np.float32)),
    "overflow": lambda c, t: [change(c, t) for change in LARGE],
    "slope of a wrong shape": tensor("network.activations.0.slope", np.ones(2, np.float32)),
    "compact without weights": put("compact", True),
    "no units": drop("network.input_shift"),
    "units that are no truth value": config("units", 1),
    "a scale of one feature": tensor("network.input_scale", np.ones(1, np.float32)),
    "a scale of nothing": tensor("network.input_scale", np.zeros(64, np.float32)),
    "a scale below nothing": tensor("network.output_scale", np.full(10, -1.0, np.float32)),
    "a shift that is not a number": tensor(
        "network.output_shift", np.full(10, np.nan, np.float32)
    ),
    "a temperature of nothing": put("state", "temperature_", 0.0),
    "a temperature without end": put("state", "temperature_", {"float": "inf"}),
    "a folder to write to": put("params", "checkpoint_dir", "/tmp/evil"),
    "no number of iterations": lambda content, tensors: content["state"].pop("n_iter_"),
    "no loss curve": lambda content, tensors: content["series"].pop("loss_curve_"),
    "no number of parameters": lambda c, tensors: c["state"].pop("n_parameters_"),
    "other number of parameters": put("state", "n_parameters_", 7),
    "plans that cannot be shown": lambda content, tensors: content["state"]["_plans"][0][
        "dict"
    ].__setitem__(3, ["multiplications", {"dict": [[None, 1]]}]),
    "labels that are lists": tensor(
        "classes_", np.frombuffer(json.dumps([[n] for n in range(10)]).encode(), np.uint8)
    ),
    "unknown solver": put("solver", {"dict": [["__class__", {"dict": []}]]}),
    "a long dict": put(
        "params", "class_weight", {"dict": [[n, 1.0] for n in range(10_001)]}
    ),
    "deep nesting": put("params", "class_weight", json.loads(200 * "[" + 200 * "]")),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_file_made_wrongly_is_refused(fitted, path, how):
    rewritten(fitted, path, WRONG[how])
    with pytest.raises(ModelFileError, match=f"^{re.escape(repr(str(path)))} cannot be"):
        load(path)


def test_huge_declared_sizes_are_refused_before_they_are_made(fitted, path):
    def change(content, tensors):
        config = dict(content["state"]["_config"]["dict"])
        config["linear_expansion"] = EXPANSION
        content["state"]["_config"]["dict"] = list(map(list, config.items()))
        content["params"]["linear_expansion"] = 10**9

    rewritten(fitted, path, change)
    tracemalloc.start()
    with pytest.raises(ModelFileError, match=r"bytes in memory, more than max_bytes"):
        load(path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_max_bytes_can_be_raised_and_lowered(fitted, path):
    save(fitted, path)
    with pytest.raises(ModelFileError, match=r"more than max_bytes=1000\. Raise max_bytes"):
        load(path, max_bytes=1000)
    with pytest.raises(ModelFileError, match=r"takes up to .* more than max_bytes=9500"):
        load(path, max_bytes=9500)
    assert load(path, max_bytes=200_000).n_iter_ == fitted.n_iter_


def test_a_later_version_is_refused_by_name(fitted, path):
    save(fitted, path)
    header = f'"format_version":"{FORMAT_VERSION}"'.encode()
    data = path.read_bytes()
    assert header in data
    path.write_bytes(data.replace(header, b'"format_version":"9"'))
    with pytest.raises(ModelVersionError, match=r"version 9; .* Install a newer one"):
        load(path)
    rewritten(fitted, path, put("params", "telepathy", True))
    with pytest.raises(ModelVersionError, match=r"\['telepathy'\], which this version"):
        load(path)


@pytest.mark.parametrize("version", ["0", "-1", "", "x", "1e9", "٣"])
def test_a_version_that_is_none_is_refused(fitted, path, version):
    save(fitted, path)
    data = path.read_bytes()
    n_header = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + n_header])
    header["__metadata__"]["format_version"] = version
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + n_header :])
    with pytest.raises(ModelFileError):
        load(path)


def safetensors_file(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


OTHER = {"__metadata__": {"format": "pt"}}
OURS = {"__metadata__": {"format": "sklearn_spectral.model", "format_version": "1"}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cut short"),
        (b"\x80\x04N.", "cut short"),
        (b"\x80\x04\x95" + bytes(100), "cut short|larger"),
        (struct.pack("<Q", 2**63) + bytes(100), "cut short"),
        (struct.pack("<Q", MAX_HEADER + 1) + bytes(MAX_HEADER + 1), "is larger than any"),
        (safetensors_file(b"[" * 10**5), "header cannot be read"),
        (safetensors_file(b"{" + b'"a":{' * 10**5), "header cannot be read"),
        (safetensors_file(b"\xff\xfe"), "header cannot be read"),
        (safetensors_file(b"9" * 10**5), "header cannot be read"),
        (safetensors_file({}), "header cannot be read"),
        (safetensors_file([]), "header cannot be read"),
        (safetensors_file({"__metadata__": 1}), "not a model"),
        (safetensors_file(OTHER), "not a model of sklearn_spectral"),
        (safetensors_file(OURS), "checksum"),
        (
            safetensors_file(
                {**OURS, "a": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 8]}},
                bytes(8),
            ),
            "tensors cannot be read",
        ),
        (
            safetensors_file(
                {**OURS, "a": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}},
                bytes(8),
            ),
            "tensors cannot be read",
        ),
    ],
    ids=range(16),
)
def test_what_is_no_model_file_is_refused(path, data, message):
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=message):
        load(path)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")
    with pytest.raises(ModelFileError, match="is not a file"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe")  # to open it would wait for ever
    with pytest.raises(ModelFileError, match="is not a file"):
        load(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="is not a file"):
        load("/dev/zero")


def test_arguments_of_other_types_are_refused(fitted, path):
    with pytest.raises(TypeError, match="compact must be True or False; got 'yes'"):
        save(fitted, path, compact="yes")
    with pytest.raises(TypeError, match="max_bytes must be a number of bytes; got '1 MB'"):
        load(path, max_bytes="1 MB")


def test_a_file_of_joblib_is_refused_with_advice(fitted, path):
    joblib.dump(fitted, path)
    with pytest.raises(ModelFileError, match=r"joblib\.load reads"):
        load(path)


def test_a_model_is_not_a_checkpoint(fitted, path):
    save(fitted, path)
    with pytest.raises(ModelFileError, match="not a checkpoint"):
        decode("checkpoint", path.read_bytes())


@pytest.mark.parametrize("solver", ["adamax", "adam", "sgd"])
@pytest.mark.parametrize(
    "wrong", ["scalar", "longer", "missing", "more", "type", "negative"]
)
def test_a_solver_is_not_given_what_it_would_read_past(digits, path, solver, wrong):
    """torch's fused steps do not look at the sizes of their state."""
    X, y = digits
    model = plain_classifier(9, solver=solver, max_iter=1, random_state=0)
    model.partial_fit(X, y, classes=range(10))

    def change(content, tensors):
        names = [name for name in tensors if name.startswith("solver.")]
        name = next(name for name in names if not name.endswith("step"))
        if wrong == "missing" and solver == "sgd":
            name = "network.stacks.0.layers.0.bias"
        if wrong == "missing":
            del tensors[name]
        elif wrong == "more":
            tensors[f"solver.{solver}.other"] = tensors[name]
        elif wrong == "negative":
            tensors[f"solver.{solver}.step"] = np.full((), -1.0, np.float32)
        else:
            tensors[name] = {
                "scalar": np.zeros((), tensors[name].dtype),
                "longer": np.zeros(len(tensors[name]) + 1, tensors[name].dtype),
                "type": tensors[name].astype(np.float32),
            }[wrong]

    rewritten(model, path, change)
    with pytest.raises(ModelFileError):
        load(path)


def test_contracting_counts_in_the_bound(path):
    """A narrow network of random features, whose stack is wide while it is contracted."""
    X, y = np.random.default_rng(0).normal(size=(9, 600)), np.arange(9)
    model = DirectClassifier(
        600,
        linear_expansion=((1, 300, 1), ()),
        parametrization="readout",
        max_iter=1,
        random_state=0,
    ).fit(X, y)
    save(model, path)
    layers = 2 * 600 + 2 * 300 + 600 * 9
    with pytest.raises(ModelFileError, match="more than max_bytes"):
        load(path, max_bytes=8 * (layers + 600 * 600))
    assert load(path).n_iter_ == 1
