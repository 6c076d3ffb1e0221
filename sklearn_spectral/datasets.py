"""MNIST and Fashion-MNIST, from files that the user has or from OpenML.

Whatever the source, the arrays are compared with the original ones by their SHA-256.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import fetch_openml
from sklearn.utils import Bunch

__all__ = ["load_fashion_mnist", "load_mnist"]

_SHAPES = {
    "x_train": (60_000, 784),
    "y_train": (60_000,),
    "x_test": (10_000, 784),
    "y_test": (10_000,),
}
# The names under which the four original files have always been given out.
_IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error)


@dataclass(frozen=True)
class _DataSet:
    name: str
    variable: str
    openml_name: str
    npz_name: str
    target_names: tuple[str, ...]
    sha256: dict[str, str]
    folders: tuple[str, ...] = ()


_MNIST = _DataSet(
    name="MNIST",
    variable="SKLEARN_SPECTRAL_MNIST",
    openml_name="mnist_784",
    npz_name="mnist.npz",
    target_names=tuple("0123456789"),
    sha256={
        "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    },
)

_FASHION_MNIST = _DataSet(
    name="Fashion-MNIST",
    variable="SKLEARN_SPECTRAL_FASHION_MNIST",
    openml_name="Fashion-MNIST",
    npz_name="fashion_mnist.npz",
    target_names=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    sha256={
        "x_train": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        "y_train": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        "x_test": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        "y_test": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    },
    # Debian's package dataset-fashion-mnist.
    folders=("/usr/share/datasets/fashion-mnist",),
)


def load_mnist(path=None, *, scale=True, data_home=None):
    """Load the handwritten digits of MNIST, 60,000 to train on and 10,000 to test.

    Parameters
    ----------
    path : str or path-like, optional
        Where the data are: a file ``.npz`` with arrays ``x_train``, ``y_train``,
        ``x_test`` and ``y_test``, or a folder with that file (``mnist.npz``) or with the
        four original files, compressed or not. By default it is what the environment
        variable ``SKLEARN_SPECTRAL_MNIST`` names, and if there is none, the data set
        ``mnist_784`` of OpenML, downloaded once and cached.
    scale : bool, default=True
        Whether to return the pixels as float32 in [0, 1], instead of uint8 in [0, 255].
    data_home : str or path-like, optional
        Folder of the cache; see `sklearn.datasets.fetch_openml`.

    Returns
    -------
    Bunch
        With the attributes

        X_train, X_test : ndarray of shape (60000, 784) and (10000, 784)
            One image per row, from the top left to the bottom right.
        y_train, y_test : ndarray of int64 of shape (60000,) and (10000,)
            Their classes, 0 to 9.
        target_names : list of str
            What the classes are called.
        source : str
            Where the data came from.

    Raises
    ------
    FileNotFoundError
        If the path does not exist, or its folder lacks a file.
    ValueError
        If a file is truncated, damaged, or holds anything but the original data.
    OSError
        If the data cannot be downloaded.

    Examples
    --------
    >>> from sklearn_spectral.datasets import load_mnist
    >>> mnist = load_mnist("mnist.npz")  # doctest: +SKIP
    >>> mnist.X_train.shape, mnist.y_train[:3]  # doctest: +SKIP
    ((60000, 784), array([5, 0, 4]))
    """
    return _load(_MNIST, path, scale, data_home)


def load_fashion_mnist(path=None, *, scale=True, data_home=None):
    """Load the articles of clothing of Fashion-MNIST, of the shape of MNIST.

    Parameters
    ----------
    path : str or path-like, optional
        As in `load_mnist`; the file in a folder is ``fashion_mnist.npz``. By default it
        is what the environment variable ``SKLEARN_SPECTRAL_FASHION_MNIST`` names, then
        the folder of Debian's package ``dataset-fashion-mnist``, then the data set
        ``Fashion-MNIST`` of OpenML, downloaded once and cached.
    scale : bool, default=True
        Whether to return the pixels as float32 in [0, 1], instead of uint8 in [0, 255].
    data_home : str or path-like, optional
        Folder of the cache; see `sklearn.datasets.fetch_openml`.

    Returns
    -------
    Bunch
        As from `load_mnist`.

    Raises
    ------
    FileNotFoundError
        If the path does not exist, or its folder lacks a file.
    ValueError
        If a file is truncated, damaged, or holds anything but the original data.
    OSError
        If the data cannot be downloaded.

    Examples
    --------
    >>> from sklearn_spectral.datasets import load_fashion_mnist
    >>> fashion = load_fashion_mnist("fashion_mnist.npz")  # doctest: +SKIP
    >>> fashion.target_names[9]  # doctest: +SKIP
    'Ankle boot'
    """
    return _load(_FASHION_MNIST, path, scale, data_home)


def _load(data_set: _DataSet, path: Any, scale: bool, data_home: Any) -> Bunch:
    """Find the data, check them, and give them their shapes and types."""
    if path is None:
        installed = (each for each in data_set.folders if Path(each).is_dir())
        path = os.environ.get(data_set.variable) or next(installed, None)
    if path is None:
        arrays, source = _from_openml(data_set, data_home), f"OpenML {data_set.openml_name}"
    else:
        arrays, source = _from_path(data_set, Path(path).expanduser()), str(path)
    checked: dict[str, Any] = {
        part: _checked(data_set, arrays[part], part, source) for part in _SHAPES
    }
    if scale:
        for part in ("x_train", "x_test"):
            checked[part] = checked[part].astype(np.float32) / np.float32(255)
    return Bunch(
        X_train=checked["x_train"],
        y_train=checked["y_train"].astype(np.int64),
        X_test=checked["x_test"],
        y_test=checked["y_test"].astype(np.int64),
        target_names=list(data_set.target_names),
        source=source,
    )


def _from_path(data_set: _DataSet, path: Path) -> dict[str, NDArray[Any]]:
    """Read a file .npz, or a folder with it or with the original files."""
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file or folder {str(path)!r} to load {data_set.name} from. Name "
            f"one by path or by the environment variable {data_set.variable}, or unset "
            "both to download the data."
        )
    if path.is_dir() and not (path / data_set.npz_name).exists():
        return {
            part: _read(_read_idx, _find_idx(path, data_set, name))
            for part, name in _IDX_NAMES.items()
        }
    return _read(_read_npz, path / data_set.npz_name if path.is_dir() else path)


def _find_idx(folder: Path, data_set: _DataSet, name: str) -> Path:
    """Return one of the original files, compressed or not."""
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.exists():
            return candidate
    raise FileNotFoundError(
        f"The folder {str(folder)!r} holds neither {data_set.npz_name!r} nor {name!r} "
        f"(compressed as {name + '.gz'!r} or not), so {data_set.name} cannot be loaded "
        "from it."
    )


def _read(read: Callable[[Path], Any], path: Path) -> Any:
    """Read a file; say that it is damaged if that is what fails."""
    try:
        return read(path)
    except PermissionError:
        raise
    except _DAMAGE as error:
        raise ValueError(
            f"{str(path)!r} is truncated, damaged or of another kind "
            f"({type(error).__name__}: {error}). Download it again."
        ) from error


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    if not zipfile.is_zipfile(path):  # of anything else numpy says how to unpickle it
        raise ValueError("no archive of arrays")
    with np.load(path) as arrays:
        if missing := _SHAPES.keys() - set(arrays.files):
            raise ValueError(f"no arrays {sorted(missing)}; found {sorted(arrays.files)}")
        parts = {part: arrays[part] for part in _SHAPES}
    # Keras gives its images as 28 by 28.
    return {
        part: values.reshape(-1, 28 * 28) if values.shape[1:] == (28, 28) else values
        for part, values in parts.items()
    }


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Read the original format: magic number, dimensions, then bytes."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    zero, type_code, n_dimensions = struct.unpack_from(">HBB", content)
    if (zero, type_code) != (0, 8) or n_dimensions not in (1, 3):
        raise ValueError("no IDX file of unsigned bytes")
    shape = struct.unpack_from(f">{n_dimensions}I", content, 4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * n_dimensions)
    if values.size != np.prod(shape, dtype=np.int64):
        raise ValueError(f"{values.size} bytes where the header says {shape}")
    return values.reshape(shape[0], -1) if n_dimensions == 3 else values


def _from_openml(data_set: _DataSet, data_home: Any) -> dict[str, NDArray[Any]]:
    """Download, or take from the cache; the first 60,000 rows are the training set."""
    try:
        bunch = fetch_openml(
            data_set.openml_name,
            version=1,
            as_frame=False,
            parser="liac-arff",
            data_home=data_home,
        )
    except OSError as error:
        raise OSError(
            f"{data_set.name} could not be downloaded from OpenML ({error}). Name a file "
            f"or folder by path or by the environment variable {data_set.variable}."
        ) from error
    (x_train, x_test), (y_train, y_test) = (
        np.split(np.asarray(values).astype(np.uint8), [_SHAPES["y_train"][0]])
        for values in (bunch.data, bunch.target)
    )
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _checked(
    data_set: _DataSet, values: NDArray[Any], part: str, source: str
) -> NDArray[Any]:
    """Compare shape and checksum with those of the original data."""
    if values.shape != _SHAPES[part] or values.dtype.kind not in "iu":
        raise ValueError(
            f"{part} of {source!r} has shape {values.shape} and type {values.dtype}; "
            f"in {data_set.name} it has shape {_SHAPES[part]} and integers."
        )
    values = np.ascontiguousarray(values, np.uint8)
    if hashlib.sha256(values.data).hexdigest() != data_set.sha256[part]:
        raise ValueError(
            f"{part} of {source!r} is not the original {data_set.name}: its SHA-256 "
            "differs. It is damaged, or another data set. Download it again."
        )
    return values


def __dir__() -> list[str]:
    return sorted(__all__)
