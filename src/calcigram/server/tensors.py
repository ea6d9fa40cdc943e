"""Tensors of the Open Inference Protocol v2, in JSON and in its binary extension.

What the tensors mean is `inference`'s business; here they are read and written.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from calcigram.server.problems import Problem

HEADER_LENGTH = "inference-header-content-length"

MAX_RANK = 2
"""Dimensions of a tensor: `points` has two, `offsets` one."""

DTYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
}
"""Data types that tensors come in; texts (BYTES) only go out."""


@dataclass(frozen=True)
class Inference:
    """A request: its tensors by name, and how the answer is wanted.

    Attributes
    ----------
    id : str or None
    tensors : dict of str to ndarray
    outputs : list of str or None
        Names of the tensors wanted; None for all.
    binary : dict of str to bool
        By output, whether it is wanted as bytes; under ``""`` for those not named.
    """

    id: str | None
    tensors: dict[str, npt.NDArray[Any]]
    outputs: list[str] | None
    binary: dict[str, bool]


def read_inference(body: bytes, header_length: str | None) -> Inference:
    """Read the body of a request.

    Parameters
    ----------
    body : bytes
    header_length : str or None
        The header ``Inference-Header-Content-Length``: bytes of JSON, after which tensors follow.

    Returns
    -------
    Inference

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
        document = msgspec.json.decode(body[:n_json])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem.no_json(error) from None
    inputs = _list_of(document, "inputs")
    tensors: dict[str, npt.NDArray[Any]] = {}
    start = n_json
    for k, entry in enumerate(inputs):
        where = f"inputs[{k}]"
        name = entry.get("name")
        if not isinstance(name, str) or name in tensors:
            raise Problem.of_value(f"{where}.name", "a text, each once", name)
        tensors[name], start = _tensor(entry, where, body, start)
    if start != len(body):
        raise Problem.of_value("body", "as many bytes as the tensors have", f"{len(body)} bytes")
    outputs = _list_of(document, "outputs") if document.get("outputs") is not None else None
    binary = {"": _flag(document, "binary_data_output")}
    for entry in outputs or ():
        binary[str(entry.get("name"))] = _flag(entry, "binary_data", binary[""])
    identity = document.get("id")
    if not isinstance(identity, str | None):
        raise Problem.of_value("id", "a text, or nothing", identity)
    return Inference(
        identity,
        tensors,
        None if outputs is None else [str(entry.get("name")) for entry in outputs],
        binary,
    )


def write_inference(
    columns: Mapping[str, tuple[str, Sequence[Any]]], inference: Inference, name: str, version: str
) -> tuple[bytes, int | None]:
    """Write an answer.

    Parameters
    ----------
    columns : mapping
        By name: data type and values, one per cluster.
    inference : Inference
        What was asked.
    name, version : str
        Of the model.

    Returns
    -------
    body : bytes
    n_json : int or None
        Bytes of JSON at its beginning, where bytes of tensors follow.
    """
    outputs, tail = [], []
    for label, (datatype, values) in columns.items():
        entry: dict[str, Any] = {"name": label, "datatype": datatype, "shape": [len(values)]}
        if inference.binary.get(label, inference.binary[""]):
            content = _bytes_of(datatype, values)
            entry["parameters"] = {"binary_data_size": len(content)}
            tail.append(content)
        else:
            entry["data"] = list(values)
        outputs.append(entry)
    document = {"model_name": name, "model_version": version, "outputs": outputs}
    if inference.id is not None:
        document["id"] = inference.id
    head = msgspec.json.encode(document)
    return head + b"".join(tail), len(head) if tail else None


def _tensor(
    entry: dict[str, Any], where: str, body: bytes, start: int
) -> tuple[npt.NDArray[Any], int]:
    """Return a tensor, and where the next one's bytes begin."""
    datatype, shape = entry.get("datatype"), entry.get("shape")
    if not isinstance(datatype, str) or datatype not in DTYPES:
        raise Problem.of_value(f"{where}.datatype", f"one of {', '.join(DTYPES)}", datatype)
    if (
        not isinstance(shape, list)
        or not 1 <= len(shape) <= MAX_RANK  # before any arithmetic with them
        or not all(type(n) is int and 0 <= n <= len(body) for n in shape)
    ):
        expected = f"1 or {MAX_RANK} lengths of at most {len(body)}, the bytes of the body"
        raise Problem.of_value(f"{where}.shape", expected, _told(shape))
    kind = np.dtype(DTYPES[datatype]).newbyteorder("<")
    size = math.prod(shape)
    n_bytes = _parameters(entry).get("binary_data_size")
    if n_bytes is not None:
        if (
            type(n_bytes) is not int
            or n_bytes != size * kind.itemsize
            or start + n_bytes > len(body)
        ):
            raise Problem.of_value(
                f"{where}.parameters.binary_data_size", f"{size * kind.itemsize}", n_bytes
            )
        flat = np.frombuffer(body, kind, size, start)
        return flat.reshape(shape), start + n_bytes
    data = entry.get("data")
    try:
        # null stands for a number that is not known: JSON has no NaN
        exact = np.array(data, np.float64 if kind.kind == "f" else None)
        with np.errstate(over="ignore"):
            flat = exact.ravel().astype(kind)
        whole = kind.kind == "f" or (flat == exact.ravel()).all()
    except (TypeError, ValueError, OverflowError):
        flat, whole = np.empty(0, kind), False
    if not isinstance(data, list) or flat.size != size or not whole:
        raise Problem.of_value(f"{where}.data", f"{size} values of {datatype}", _told(data))
    return flat.reshape(shape), start


def _told(value: Any) -> Any:
    """Return what an answer repeats of a list: not all of it, to be cut off only then."""
    return value[:9] if isinstance(value, list) else value


def _bytes_of(datatype: str, values: Sequence[Any]) -> bytes:
    if datatype != "BYTES":
        array = np.array([np.nan if v is None else v for v in values])
        return array.astype(np.dtype(DTYPES[datatype]).newbyteorder("<")).tobytes()
    texts = [str(value or "").encode() for value in values]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def _list_of(document: Any, name: str) -> list[dict[str, Any]]:
    entries = document.get(name) if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Problem.of_value(name, "a list of tensors", entries)
    return entries


def _parameters(entry: dict[str, Any]) -> dict[str, Any]:
    parameters = entry.get("parameters")
    return parameters if isinstance(parameters, dict) else {}


def _flag(entry: dict[str, Any], name: str, otherwise: bool = False) -> bool:
    return bool(_parameters(entry).get(name, otherwise))
