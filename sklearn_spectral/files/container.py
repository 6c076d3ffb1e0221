"""Files of this package: safetensors with a versioned header and a checksum of it all.

A file says what it is, in which version of the format, and which libraries wrote it; its
content is JSON beside tensors. Nothing in it is ever run.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import platform
import stat
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from numpy.typing import NDArray

from .._version import __version__
from ..exceptions import ModelFileError, ModelVersionError
from .integrity import digest

FORMAT_VERSION = 1
"""The version that is written; this and all earlier ones are read."""

MAX_HEADER = 2**20
"""A header of more bytes is refused: labels, names and numbers are tensors."""

MAX_BYTES = 2**31
"""What a file may take in memory by default, as it is and regrown."""

Path_ = str | os.PathLike[str]


def encode(file_type: str, content: Mapping[str, Any], tensors: Mapping[str, Any]) -> bytes:
    """Return the bytes of a file: JSON content and tensors, the same for the same.
    A ValueError if the header would be too large to be read again.
    """
    from safetensors.numpy import save

    arrays = {name: _little_endian(np.asarray(values)) for name, values in tensors.items()}
    metadata = {
        "format": f"sklearn_spectral.{file_type}",
        "format_version": str(FORMAT_VERSION),
        "versions": json.dumps(library_versions()),
        "content": json.dumps(content, allow_nan=False),
    }
    metadata["sha256"] = _checksum(metadata, arrays)
    data = save(arrays, metadata)
    n_header = int.from_bytes(data[:8], "little")
    if n_header > MAX_HEADER:
        raise ValueError(
            f"The parameters and sizes of this estimator take {n_header} bytes as text; a "
            f"file may have {MAX_HEADER}. Shorten class_weight, or use joblib.dump."
        )
    return data


def decode(file_type: str, data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Check the bytes of a file, from anybody; return its JSON and its tensors, read-only.
    What is no undamaged file of this type and format is a ModelFileError.
    """
    import safetensors.numpy

    metadata = _metadata(file_type, data)
    try:
        tensors = safetensors.numpy.load(data)
    except Exception as error:  # of safetensors, or of what it cannot express
        raise _damaged(f"its tensors cannot be read ({error})") from error
    if metadata.get("sha256") != _checksum(metadata, tensors):
        raise _damaged("its checksum is not that of its content")
    try:
        content = json.loads(metadata["content"])
    except (KeyError, ValueError, RecursionError) as error:
        raise _damaged(f"its content is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise _damaged("its content is no JSON object")
    for values in tensors.values():
        values.flags.writeable = False
    return content, tensors


def library_versions() -> dict[str, str]:
    """Return the versions of what a model was made with."""
    return {
        "sklearn_spectral": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }


def read(path: Path_, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a whole file; a ModelFileError if it is not regular, or too large."""
    path = os.fsdecode(path)  # refuses numbers, which would be open files
    info = os.stat(path)
    if not stat.S_ISREG(info.st_mode):  # a pipe or a device may have no end
        raise ModelFileError(f"{path!r} is not a file.")
    if info.st_size > max_bytes:
        raise ModelFileError(
            f"{path!r} has {info.st_size} bytes, more than "
            f"max_bytes={max_bytes}. Raise max_bytes if you trust it."
        )
    with open(path, "rb") as file:
        return file.read(info.st_size)


def write_atomically(path: Path_, data: bytes) -> None:
    """Put a file in its place when it is whole: a reader sees the old one or the new."""
    if not os.fspath(path):
        raise ValueError("The name of the file is empty.")
    # Where a link leads to; and never in place of a device.
    target = Path(os.path.realpath(os.fsdecode(path)))
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "not a file that can be replaced", str(target))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(target.parent))
    partial = target.with_name(f"{_partial_of(os.getpid())}{uuid.uuid4().hex[:12]}")
    try:
        with open(partial, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def remove_partials(folder: Path) -> None:
    """Remove what processes of this machine that are gone left half-written in a folder."""
    if os.name != "posix":  # elsewhere one cannot ask whether a process is there
        return
    for path in folder.glob(f"{_partial_of('*')}*"):
        try:
            os.kill(int(path.name.split("-")[-2]), 0)
        except ProcessLookupError:
            with contextlib.suppress(OSError):
                path.unlink()
        except (OSError, ValueError):
            continue


def _partial_of(pid: Any) -> str:
    """Return how the name of a half-written file begins."""
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
    return f".sklearn_spectral-partial-{host}-{pid}-"


def _metadata(file_type: str, data: bytes) -> dict[str, str]:
    """Read and check the header, before the tensors are looked at."""
    n_header = int.from_bytes(data[:8], "little")
    if len(data) < 8 or n_header > len(data) - 8:
        raise _damaged(
            "it is cut short, or no safetensors file at all (joblib.load reads those of "
            "joblib.dump)"
        )
    if n_header > MAX_HEADER:
        raise _damaged(f"its header of {n_header} bytes is larger than any that is written")
    try:
        metadata = json.loads(data[8 : 8 + n_header])["__metadata__"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged("its header cannot be read") from error
    texts = isinstance(metadata, dict) and all(
        isinstance(value, str) for value in metadata.values()
    )
    if not texts or metadata.get("format") != f"sklearn_spectral.{file_type}":
        raise ModelFileError(
            f"The file is not a {file_type} of sklearn_spectral; its header does not say "
            "so."
        )
    version = metadata.get("format_version", "")
    if not (version.isascii() and version.isdecimal() and len(version) < 10):
        raise _damaged(f"its format version is {version[:20]!r}")
    if not 1 <= int(version) <= FORMAT_VERSION:
        raise ModelVersionError(
            f"The file has format version {version}; this version of sklearn_spectral, "
            f"{__version__}, reads versions 1 to {FORMAT_VERSION}. Install a newer one. "
            f"The file was written by {metadata.get('versions', 'unknown versions')[:500]}."
        )
    return metadata


def _checksum(metadata: Mapping[str, str], tensors: Mapping[str, NDArray[Any]]) -> str:
    """Return the digest of all of a file, but the digest itself."""
    header = {name: metadata[name] for name in sorted(metadata) if name != "sha256"}
    return digest(header, {name: tensors[name] for name in sorted(tensors)})


def _little_endian(values: NDArray[Any]) -> NDArray[Any]:
    return np.require(values, values.dtype.newbyteorder("<"), requirements="C")


def _damaged(reason: str) -> ModelFileError:
    return ModelFileError(f"The file is damaged or invalid: {reason}.")
