"""The Open Inference Protocol v2: its requests and responses; the addresses stand in `routes`.

Clusters go in as two flat tensors, `points` and `offsets`; each column of the verdict table
comes out as a tensor of one value per cluster. Tensors stand in JSON, or as bytes after it.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from calcigram._version import __version__
from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES
from calcigram.columns import Columns
from calcigram.server.inputs import Points, check_lengths, decode
from calcigram.server.responses import Problem, datatype_of, encode, values_of
from calcigram.server.schemas import MAX_RANK, NUMPY_TYPES, V2_REQUEST
from calcigram.server.settings import Settings

NAME, VERSION = "calcigram", "1"

HEADER_LENGTH = "inference-header-content-length"

N_POSITIONS = 2

_EXPECTED = {
    "datatype": f"one of {', '.join(NUMPY_TYPES)}",
    "name": "a text",
    "id": "a text, or nothing",
    "data": "a list of values",
    "binary_data_size": "a whole number of bytes",
    "binary_data": "true or false",
    "binary_data_output": "true or false",
    "inputs": "a list of tensors",
    "outputs": "a list of tensors",
}


SERVER = {"name": NAME, "version": __version__, "extensions": ["binary_tensor_data"]}
"""The name of the server and what it can do beyond the protocol."""


def model_document(datatypes: Mapping[str, str]) -> dict[str, Any]:
    """Return the description of the tensors; `datatypes` are those of the verdict table's columns."""
    points = {"name": "points", "datatype": "FP32", "shape": [-1, -1]}
    return {
        "name": NAME,
        "versions": [VERSION],
        "platform": "calcigram",
        "inputs": [
            points | {"parameters": {"columns": ",".join(MARK_NAMES)}},
            {"name": "offsets", "datatype": "INT64", "shape": [-1]},
        ],
        "outputs": [
            {"name": name, "datatype": datatype, "shape": [-1]}
            for name, datatype in datatypes.items()
        ],
    }


# --- requests


def read(
    body: bytes, header_length: str | None, settings: Settings
) -> tuple[dict[str, Any], Points]:
    """Return a request and its clusters.

    Parameters
    ----------
    body : bytes
    header_length : str or None
        The header ``Inference-Header-Content-Length``: bytes of JSON, after which tensors follow.
    settings : Settings
        For the limits.

    Returns
    -------
    request : dict
        As `schemas.V2Request` has it.
    points : Points

    Raises
    ------
    Problem
        It cannot be read; the tensor is named.
    """
    n_json = len(body)
    if header_length is not None:
        n_json = int(header_length) if re.fullmatch("[0-9]{1,12}", header_length) else -1
        if not 0 <= n_json <= len(body):
            raise Problem.of_value(HEADER_LENGTH, "at most the length of the body", header_length)
    try:
        request = V2_REQUEST.validate_python(decode(body[:n_json]))
    except ValidationError as error:
        raise _problem_of(error, len(body)) from None
    tensors: dict[str, npt.NDArray[Any]] = {}
    start = n_json
    for k, tensor in enumerate(request["inputs"]):
        if tensor["name"] in tensors:
            raise Problem.of_value(f"inputs[{k}].name", "a text, each once", tensor["name"])
        tensors[tensor["name"]], start = _array(tensor, f"inputs[{k}]", body, start)
    if start != len(body):
        raise Problem.of_value("body", "as many bytes as the tensors have", f"{len(body)} bytes")
    return request, points_of(tensors, settings)


def _problem_of(error: ValidationError, n_bytes: int) -> Problem:
    first = error.errors(include_url=False)[0]
    path = list(first["loc"])
    if "shape" in path:
        path = path[: path.index("shape") + 1]
        return Problem.of_error_details(first, path, _expected_shape(n_bytes))
    if not path:
        return Problem.of_value("inputs", _EXPECTED["inputs"])
    is_item = isinstance(path[-1], int)
    return Problem.of_error_details(
        first, path, "an object" if is_item else _EXPECTED.get(str(path[-1]), "an object")
    )


def _expected_shape(n_bytes: int) -> str:
    return f"1 or {MAX_RANK} lengths of at most {n_bytes}, the bytes of the body"


def _array(
    tensor: dict[str, Any], where: str, body: bytes, start: int
) -> tuple[npt.NDArray[Any], int]:
    """Return the values of a tensor, and where the next one's bytes begin."""
    datatype, shape = tensor["datatype"], tensor["shape"]
    if max(shape) > len(body):  # before any arithmetic with them
        raise Problem.of_value(f"{where}.shape", _expected_shape(len(body)), shape)
    kind = np.dtype(NUMPY_TYPES[datatype]).newbyteorder("<")
    size = math.prod(shape)
    n_bytes = (tensor.get("parameters") or {}).get("binary_data_size")
    if n_bytes is not None:
        expected = size * kind.itemsize
        if n_bytes != expected or start + n_bytes > len(body):
            raise Problem.of_value(f"{where}.parameters.binary_data_size", f"{expected}", n_bytes)
        flat = np.frombuffer(body, kind, size, start)
        return flat.reshape(shape), start + n_bytes
    data = tensor.get("data")
    try:
        # null stands for a number that is not known: JSON has no NaN
        exact = np.array(data, np.float64 if kind.kind == "f" else None)
        with np.errstate(over="ignore"):
            flat = exact.ravel().astype(kind)
        whole = kind.kind == "f" or (flat == exact.ravel()).all()
    except (TypeError, ValueError, OverflowError):
        flat, whole = np.empty(0, kind), False
    if data is None or flat.size != size or not whole:
        raise Problem.of_value(f"{where}.data", f"{size} values of {datatype}", data)
    return flat.reshape(shape), start


def points_of(tensors: dict[str, npt.NDArray[Any]], settings: Settings) -> Points:
    """Return the clusters that two tensors hold.

    Parameters
    ----------
    tensors : dict of str to ndarray
        ``points``, shape (N, K) with the first K of the marks, 2 to 7, and ``offsets``, shape
        (C + 1,), from 0 to N.
    settings : Settings
        For the limits.

    Raises
    ------
    Problem
        A tensor is missing or has another shape.

    Examples
    --------
    >>> points_of({"points": np.zeros((3, 2)), "offsets": np.array([0, 1, 3])}, Settings()).lengths
    [1, 2]
    """
    for name in ("points", "offsets"):
        if name not in tensors:
            raise Problem.of_value(f"inputs.{name}", "a tensor of this name")
    unknown = [name for name in tensors if name not in ("points", "offsets")]
    if unknown:
        raise Problem.of_value("inputs", "points and offsets", unknown[0])
    points, offsets = tensors["points"], tensors["offsets"]
    if points.ndim != 2 or not N_POSITIONS <= points.shape[1] <= len(MARK_NAMES):
        expected = f"shape (N, 2 to {len(MARK_NAMES)})"
        raise Problem.of_value("inputs.points", expected, list(points.shape))
    lengths = np.diff(offsets.astype(np.int64)) if offsets.ndim == 1 and offsets.size else None
    if lengths is None or offsets[0] != 0 or offsets[-1] != len(points) or (lengths < 0).any():
        expected = f"that start at 0, never fall and end at {len(points)}"
        got = offsets[:9].tolist() if offsets.ndim else None
        raise Problem.of_value("inputs.offsets", expected, got)
    if len(lengths) > settings.max_clusters:
        raise Problem.too_many("inputs.offsets", f"{len(lengths)} clusters", settings.max_clusters)
    check_lengths(lengths.tolist(), settings)
    known = np.full((len(MARK_NAMES), len(points)), np.nan)
    known[: points.shape[1]] = points.T
    return Points(
        [str(i) for i in range(len(lengths))],
        lengths.tolist(),
        known,
        np.full((len(CLUSTER_NAMES), len(lengths)), np.nan),
    )


# --- responses


def written(request: Mapping[str, Any], verdicts: Columns) -> tuple[bytes, int | None]:
    """Return the response to a request, and how much of it is JSON where bytes of tensors follow.

    Parameters
    ----------
    request : mapping
        As `read` returns it.
    verdicts : mapping of str to Words or ndarray
        The columns of the verdict table.

    Raises
    ------
    Problem
        A tensor is asked for that there is not.
    """
    outputs = request.get("outputs")
    asked: list[dict[str, Any]] = (
        [{"name": name} for name in verdicts] if outputs is None else outputs
    )
    all_binary = (request.get("parameters") or {}).get("binary_data_output", False)
    is_binary: dict[str, bool] = {
        output["name"]: (output.get("parameters") or {}).get("binary_data", all_binary)
        for output in asked
    }
    unknown = [name for name in is_binary if name not in verdicts]
    if unknown:
        raise Problem.of_value("outputs", f"among {', '.join(verdicts)}", unknown[0])
    entries: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for name, values in values_of({name: verdicts[name] for name in is_binary}).items():
        datatype = datatype_of(verdicts[name])
        entry: dict[str, Any] = {"name": name, "datatype": datatype, "shape": [len(values)]}
        if is_binary[name]:
            content = _bytes_of(datatype, values)
            entry["parameters"] = {"binary_data_size": len(content)}
            tail.append(content)
        else:
            entry["data"] = values
        entries.append(entry)
    document = {"model_name": NAME, "model_version": VERSION, "outputs": entries}
    if request.get("id") is not None:
        document["id"] = request["id"]
    head = encode(document)
    return head + b"".join(tail), len(head) if tail else None


def _bytes_of(datatype: str, values: Sequence[Any]) -> bytes:
    if datatype != "BYTES":
        array = np.array([np.nan if v is None else v for v in values])
        return array.astype(np.dtype(NUMPY_TYPES[datatype]).newbyteorder("<")).tobytes()
    texts = [str(value or "").encode() for value in values]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
