"""Inputs that users and their tools make: any shape, type, layout, container and size."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from hypothesis import strategies as st
from scipy import sparse

from sklearn_spectral import SpectralClassifier, SpectralRegressor
from sklearn_spectral.baselines import DirectClassifier, DirectRegressor
from sklearn_spectral.spec.losses import LOSSES

BATCH = 5  # rows; so that 4, 5, 6, 9, 10, 11 lie at the edges of batches

# What may be raised, beside warnings: standard types, of a user's own doing.
DOCUMENTED = (ValueError, TypeError)


@dataclass
class Given:
    """Some input as a user gives it, and what it means as an array of floats.

    Parameters
    ----------
    value : object
        What is given.
    dense : ndarray or None
        The numbers that it stands for; None if it should be refused.
    """

    value: Any
    dense: Any


def fingerprint(value: Any) -> Any:
    """Return what has to be the same before and after a call."""
    if isinstance(value, np.ndarray):
        held = repr(value.tolist()) if value.dtype.hasobject else value.tobytes()
        mask = np.ma.getmaskarray(value).tobytes() if np.ma.isMaskedArray(value) else None
        return value.dtype, value.shape, value.strides, value.flags.writeable, held, mask
    if sparse.issparse(value):
        return type(value), value.shape, value.dtype, fingerprint(value.toarray())
    if isinstance(value, pd.DataFrame | pd.Series | pl.DataFrame | pl.Series):
        names = list(getattr(value, "columns", ()))
        index = list(getattr(value, "index", ()))
        return names, index, fingerprint(np.asarray(value, dtype=object))
    return repr(value)


FLOATS = st.floats(-3, 3, width=16)
EXTREME = st.sampled_from(
    [0.0, -0.0, 1e-300, 1e30, -1e30, 1e38, 3.4e38, 1e300, -1e300, 1.7e308, 5e-324, 1e-45]
)
NOT_FINITE = st.sampled_from([np.nan, np.inf, -np.inf])

DTYPES = (
    "float64",
    "float32",
    "float16",
    "longdouble",
    "int8",
    "uint8",
    "int16",
    "int64",
    "uint64",
    "bool",
    "object",
    ">f8",
    ">f4",
    ">i4",
    "complex64",
    "complex128",
    "U8",
    "S8",
    "datetime64[s]",
    "timedelta64[s]",
)
REFUSED_DTYPES = ("complex64", "complex128", "datetime64[s]", "timedelta64[s]")

N_ROWS = st.sampled_from(
    [1, 2, 3, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH, 2 * BATCH + 1, 23]
)
N_COLUMNS = st.integers(1, 5)


@st.composite
def numbers(draw, shape):
    """Draw an array of floats: ordinary, extreme, constant, or with some not finite."""
    kind = draw(st.sampled_from(["ordinary"] * 4 + ["extreme", "constant", "not finite"]))
    size = int(np.prod(shape))
    seed = draw(st.integers(0, 2**16))
    values = np.random.default_rng(seed).normal(size=size).round(3)
    if kind == "constant":
        values[:] = draw(FLOATS)
    elif kind != "ordinary" and size:
        entries = EXTREME if kind == "extreme" else NOT_FINITE
        for _ in range(draw(st.integers(1, 4))):
            values[draw(st.integers(0, size - 1))] = draw(entries)
    return values.reshape(shape)


LAYOUTS = ("C", "F", "strided", "reversed", "read-only", "offset")


def laid_out(values, layout):
    """Return the same numbers, otherwise in memory."""
    if layout == "F":
        return np.asfortranarray(values)
    if layout == "strided":
        wide = np.zeros((*values.shape[:-1], 2 * values.shape[-1]), values.dtype)
        wide[..., ::2] = values
        return wide[..., ::2]
    if layout == "reversed":
        return values[::-1].copy()[::-1]
    if layout == "offset":  # not where the processor likes it
        buffer = np.zeros(values.nbytes + 1, np.uint8)
        if values.dtype.hasobject:
            return values
        moved = buffer[1:].view(values.dtype).reshape(values.shape)
        moved[...] = values
        return moved
    values = values.copy()
    values.flags.writeable = layout != "read-only"
    return values


SPARSE = [
    getattr(sparse, f"{name}_{kind}")
    for name in ("csr", "csc", "coo", "bsr", "lil", "dok", "dia")
    for kind in ("matrix", "array")
]


@st.composite
def as_array(draw, values):
    """Draw a type and a layout."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            if dtype.kind in "mM":
                cast = np.nan_to_num(values, posinf=0, neginf=0).clip(-9, 9).astype(int)
                cast = cast.astype(dtype)
            elif dtype.kind in "iu":
                info = np.iinfo(dtype)
                low, high = max(info.min, -(2**53)), min(info.max, 2**53)
                cast = np.nan_to_num(values).clip(low, high).astype(dtype)
            else:
                cast = values.astype(dtype)
        except (ValueError, TypeError, OverflowError):
            cast = values
    cast = laid_out(cast, draw(st.sampled_from(LAYOUTS)))
    if dtype.name in REFUSED_DTYPES:
        return Given(cast, None)
    with np.errstate(all="ignore"):
        dense = cast.astype(np.float64)
    return Given(cast, dense if np.isfinite(dense).all() else None)


@st.composite
def as_masked(draw, values):
    """Draw a masked array; scikit-learn reads what is below the mask."""
    mask = draw(st.booleans())
    return Given(np.ma.array(values, mask=mask), None if not_finite(values) else values)


@st.composite
def as_sparse(draw, values):
    """Draw a sparse format."""
    kind = draw(st.sampled_from(SPARSE))
    dtype = draw(st.sampled_from([np.float64, np.float32, np.int64, bool]))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cast = values.astype(dtype)
    dense = cast.astype(np.float64)
    return Given(kind(cast), None if not_finite(dense) else dense)


NAMES = st.sampled_from(["plain", "duplicate", "numbers", "mixed", "empty", "unicode"])


def column_names(kind, n):
    """Return names of columns."""
    return {
        "plain": [f"c{i}" for i in range(n)],
        "duplicate": ["same"] * n,
        "numbers": list(range(n)),
        "mixed": [i if i % 2 else f"c{i}" for i in range(n)],
        "empty": [""] + [f"c{i}" for i in range(1, n)],
        "unicode": [f"\u00e9\U0001f600{i}" for i in range(n)],
    }[kind]


@st.composite
def as_frame(draw, values):
    """Draw a frame of pandas or polars."""
    names = draw(NAMES)
    columns = column_names(names, values.shape[1])
    dense = None if not_finite(values) else values
    if names == "mixed" and values.shape[1] > 1:
        dense = None  # scikit-learn refuses names of different types
    library = draw(st.sampled_from(["pandas", "polars"]))
    if library == "polars":
        columns = [f"c{i}" for i in range(values.shape[1])]
        frame = pl.DataFrame(values, schema=columns, orient="row")
        if draw(st.booleans()):
            frame = frame.with_columns(pl.col("c0").cast(pl.Float32))
        return Given(frame, None if not_finite(values) else frame.to_numpy())
    frame = pd.DataFrame(values, columns=columns)
    kind = draw(st.sampled_from(["float", "nullable", "object", "category", "sparse"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "nullable":
            frame = frame.astype("Float64")
        elif kind == "object":
            frame = frame.astype(object)
        elif kind == "category":
            frame = frame.astype("category")
        elif kind == "sparse":
            frame = frame.astype(pd.SparseDtype(float, 0.0))
    if draw(st.booleans()):
        frame.index = draw(st.permutations(range(len(frame))))
    return Given(frame, dense)


def as_lists(values):
    """Return nested lists."""
    return st.just(Given(values.tolist(), None if not_finite(values) else values))


def not_finite(values):
    """Tell whether any number is not finite."""
    return not np.isfinite(values).all()


@st.composite
def matrices(draw, n_rows, n_columns):
    """Draw an input of the given shape in some container."""
    values = draw(numbers((n_rows, n_columns)))
    maker = draw(
        st.sampled_from([as_array, as_array, as_masked, as_sparse, as_frame, as_lists])
    )
    return draw(maker(values))


ODD_X = st.sampled_from(
    [
        np.float64(3.0),
        np.array(3.0),
        np.arange(6.0),
        np.zeros((2, 3, 4)),
        np.zeros((0, 3)),
        np.zeros((3, 0)),
        np.zeros((0, 0)),
        [[1.0, 2.0], [3.0]],
        [["a", "b"], ["c", "d"]],
        [[1.0, None], [2.0, 3.0]],
        [[{}, []]],
        [],
        [[]],
        None,
        "text",
        b"bytes",
        object(),
        {"a": [1, 2]},
        {1.0, 2.0},
        iter([[1.0]]),
        (row for row in [[1.0, 2.0]]),
        pd.Series([1.0, 2.0]),
        pd.DataFrame(),
        pd.DataFrame({"a": ["x", "y"]}),
        pd.DataFrame({"a": pd.to_datetime(["2020-01-01", "2020-01-02"])}),
        pl.DataFrame({"a": ["x", "y"]}),
        pl.Series([1.0, 2.0]),
        sparse.csr_array((0, 3)),
        sparse.csr_array(np.ones((2, 2)) * 1j),
        np.array([(1.0, 2)], dtype=[("a", "f8"), ("b", "i4")]),
        np.matrix([[1.0, 2.0], [3.0, 4.0]]),
        np.ma.array(1.0, mask=True),
        np.array([[1.0, 2.0]], dtype=object).astype("O"),
        np.array([["nan", "inf"]]),
    ]
)


LABELS = {
    "integers": lambda codes: codes.astype(int),
    "negative": lambda codes: -codes.astype(int),
    "strings": lambda codes: np.array([f"label {c}" for c in codes]),
    "objects": lambda codes: np.array([f"label {c}" for c in codes], object),
    "booleans": lambda codes: codes > 0,
    "floats": lambda codes: codes.astype(float),
    "large": lambda codes: codes.astype(np.int64) * 2**61,
    "unsigned": lambda codes: codes.astype(np.uint8),
    "big-endian": lambda codes: codes.astype(">i2"),
    "list": lambda codes: codes.tolist(),
    "list of strings": lambda codes: [f"{c}" for c in codes],
    "column": lambda codes: codes.reshape(-1, 1),
    "series": lambda codes: pd.Series(codes),
    "string series": lambda codes: pd.Series([f"{c}" for c in codes], dtype="string"),
    "categories": lambda codes: pd.Series([f"{c}" for c in codes], dtype="category"),
    "nullable": lambda codes: pd.Series(codes, dtype="Int64"),
    "polars": lambda codes: pl.Series([f"{c}" for c in codes]),
    "unicode": lambda codes: np.array([f"\u00e9\u4e2d{c}" for c in codes]),
    "empty string": lambda codes: np.array(["" if c == 0 else f"{c}" for c in codes]),
    "dates": lambda codes: codes.astype("datetime64[D]"),
    # Those below are to be refused.
    "mixed": lambda codes: np.array([1, *map(str, codes[1:])], object),
    "continuous": lambda codes: codes + 0.5,
    "not a number": lambda codes: np.where(codes == codes[0], np.nan, codes),
    "none": lambda codes: np.array(
        [None if c == codes[0] else f"{c}" for c in codes], object
    ),
    "one-hot": lambda codes: np.eye(codes.max() + 2)[codes],
    "missing": lambda codes: pd.Series([None, *codes[1:]], dtype="Int64"),
    "complex": lambda codes: codes * 1j,
    "too few": lambda codes: codes[:-1],
    "too many": lambda codes: np.append(codes, 0),
    "scalar": lambda codes: 3,
    "nothing": lambda codes: None,
    "nested": lambda codes: [[c, [c]] for c in codes],
    "sparse": lambda codes: sparse.csr_array(codes.reshape(-1, 1)),
}
REFUSED_LABELS = tuple(LABELS)[list(LABELS).index("mixed") :]


@st.composite
def labels(draw, n_rows):
    """Draw labels, and their codes if they are to be taken."""
    n_classes = draw(st.sampled_from([1, 2, 2, 3, n_rows, n_rows + 3]))
    codes = np.array(
        draw(st.lists(st.integers(0, n_classes - 1), min_size=n_rows, max_size=n_rows))
    )
    name = draw(st.sampled_from(list(LABELS)))
    return Given(LABELS[name](codes), None if name in REFUSED_LABELS else codes)


TARGETS = {
    "vector": lambda y: y[:, 0],
    "column": lambda y: y[:, :1],
    "several": lambda y: y,
    "list": lambda y: y[:, 0].tolist(),
    "object": lambda y: y[:, 0].astype(object),
    "float32": lambda y: y[:, 0].astype(np.float32),
    "big-endian": lambda y: y[:, 0].astype(">f8"),
    "series": lambda y: pd.Series(y[:, 0]),
    "frame": lambda y: pd.DataFrame(y, columns=[f"{i}" for i in range(y.shape[1])]),
    "polars": lambda y: pl.Series(y[:, 0]),
    "read-only": lambda y: laid_out(y[:, 0], "read-only"),
    "booleans": lambda y: y[:, 0] > 0,
    "strings": lambda y: np.full(len(y), "a"),
    "complex": lambda y: y[:, 0] * 1j,
    "too few": lambda y: y[1:, 0],
    "cube": lambda y: y[:, :, None],
    "nothing": lambda y: None,
    "scalar": lambda y: 1.0,
}


@st.composite
def weights(draw, n_rows):
    """Draw sample weights, most often none."""
    return draw(
        st.sampled_from(
            [
                *[None] * 6,
                np.ones(n_rows),
                np.arange(n_rows),
                np.zeros(n_rows),
                -np.ones(n_rows),
                np.full(n_rows, np.nan),
                np.full(n_rows, 1e300),
                np.full(n_rows, 1e-300),
                np.full(n_rows, 1.7e308),
                np.ones(n_rows + 1),
                np.ones((n_rows, 1)),
                [1] * n_rows,
                pd.Series(np.ones(n_rows)),
                "ones",
                2.0,
            ]
        )
    )


POPULATIONS = [
    {"n_members": 1},
    {"n_members": 1},
    {"early_stopping": "auto", "learning_rate": "auto"},
    {"n_members": 3},
    {"n_members": 4, "bag_fraction": 0.5, "averaging": 0.9},
    {"n_members": 3, "bag_fraction": 0.7, "early_stopping": "oob"},
]


@st.composite
def estimators(draw, kinds=("classifier", "regressor")):
    """Draw an estimator that trains for a moment."""
    kind = draw(st.sampled_from(kinds))
    spectral = draw(st.booleans())
    params = {
        "hidden_layer_sizes": draw(st.sampled_from([(), 3, (4, 2)])),
        "activation": draw(st.sampled_from(["relu", "tanh", "elu", "identity"])),
        "solver": draw(st.sampled_from(["adamax", "adamax", "adam", "sgd", "lbfgs"])),
        "learning_rate": draw(st.sampled_from(["one_cycle", "constant"])),
        "batch_size": BATCH,
        "max_iter": draw(st.integers(1, 3)),
        "early_stopping": draw(st.sampled_from([False, False, True])),
        "fit_intercept": draw(st.booleans()),
        "standardize": draw(st.booleans()),
        "alpha": draw(st.sampled_from([0.0, 1.0])),
        "random_state": 0,
    }
    n_gaps = len(np.atleast_1d(params["hidden_layer_sizes"])) + 1
    if draw(st.booleans()):
        params["linear_expansion"] = ((3,),) * n_gaps
    if spectral:
        params["train_eigenvalues"] = draw(st.sampled_from(["both", "out", "in", "paper"]))
        params["train_eigenvectors"] = draw(
            st.sampled_from([False, False, True, "svd", "qr", "kronecker"])
        )
        params["init"] = draw(st.sampled_from(["scaled", "paper", "wide", "covariance"]))
        params |= draw(st.sampled_from(POPULATIONS))
    else:
        params["parametrization"] = draw(
            st.sampled_from(["weights", "gains", "readout", "low_rank", "singular_values"])
        )
    if kind == "classifier":
        params["loss"] = draw(st.sampled_from(["log_loss", "brier"]))
        params["class_weight"] = draw(st.sampled_from([None, None, "balanced"]))
        params["label_smoothing"] = draw(st.sampled_from([0.0, 0.0, 0.1]))
        if spectral:
            params["temperature"] = draw(st.sampled_from(["auto", "auto", 2.0]))
        return (SpectralClassifier if spectral else DirectClassifier)(**params)
    params["loss"] = draw(st.sampled_from(["squared_error"] * 3 + [*LOSSES]))
    params["quantile"] = draw(st.sampled_from([0.5, 0.9, (0.1, 0.5, 0.9)]))
    return (SpectralRegressor if spectral else DirectRegressor)(**params)
