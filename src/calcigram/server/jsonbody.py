"""Clusters written as JSON: a list of points, or one array a mark. Ranges are those of `clusters`.

The decoder and the schema in the description of the interface are both made from
`clusters.MARKS` and `clusters.CLUSTER_COLUMNS`, so that they cannot differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from calcigram.clusters import CLUSTER_COLUMNS, CLUSTER_NAMES, MARK_NAMES, MARKS, Column
from calcigram.longtable.columns import SHORT_NAMES
from calcigram.server.points import Points
from calcigram.server.problems import Problem
from calcigram.server.settings import Settings

MAX_ID_LENGTH = 200

_NAMED = re.compile(r"(missing required|unknown) field `(.*?)`")
_COLUMNS = {column.name: column for column in (*MARKS, *CLUSTER_COLUMNS)}
_LARGEST = 3e38  # float32 ends a little above
_SMALLEST = 1e-30  # what is above 0, with room below for float32


def limits_of(column: Column) -> dict[str, float]:
    """Return the range of a column as the bounds of JSON Schema, closed where float32 rounds."""
    bounds: dict[str, float] = {}
    low, high = max(column.low, -_LARGEST), min(column.high, _LARGEST)
    if column.low_open and low == 0:
        bounds["minimum"] = _SMALLEST
    else:
        bounds["minimum"] = low
    bounds["exclusiveMaximum" if column.high_open else "maximum"] = high
    return bounds


def _number(column: Column) -> Any:
    bounds = limits_of(column)
    high: dict[str, Any] = {
        {"maximum": "le", "exclusiveMaximum": "lt"}[name]: value
        for name, value in bounds.items()
        if name != "minimum"
    }
    return Annotated[float, msgspec.Meta(ge=bounds["minimum"], **high)]


def _array(column: Column) -> Any:
    number = _number(column)
    return list[number if column.required else number | None] | None  # type: ignore[misc]


_Number = {name: _number(column) for name, column in _COLUMNS.items()}

UNKNOWN = float("nan")
"""A mark that was not sent: NaN, since numpy turns it into an array much sooner than None."""

_Point = msgspec.defstruct(
    "Point",
    [
        (column.name, _Number[column.name])
        if column.required
        else (column.name, _Number[column.name] | None, UNKNOWN)
        for column in MARKS
    ],
    forbid_unknown_fields=True,
    gc=False,
)

_CLUSTER_FIELDS: list[Any] = [
    ("cluster_id", Annotated[str, msgspec.Meta(max_length=MAX_ID_LENGTH)] | None, None),
    ("points", list[_Point] | None, None),  # type: ignore[valid-type]
    *((column.name, _Number[column.name] | None, None) for column in CLUSTER_COLUMNS),
    *((column.name, _array(column), None) for column in MARKS),
]
_Cluster = msgspec.defstruct("Cluster", _CLUSTER_FIELDS, forbid_unknown_fields=True)
_Body = msgspec.defstruct(
    "Body",
    [("clusters", list[_Cluster] | None, None), *_CLUSTER_FIELDS],  # type: ignore[valid-type]
    forbid_unknown_fields=True,
)
_DECODER = msgspec.json.Decoder(_Body)
_KNOWN = ("clusters", "points", "cluster_id", *MARK_NAMES, *CLUSTER_NAMES)


def read_json(body: bytes, settings: Settings, columns: Mapping[str, str] | None = None) -> Points:
    """Read the body of a request: ``{"clusters": [...]}``, or a single cluster.

    Parameters
    ----------
    body : bytes
    settings : Settings
        For the limits.
    columns : mapping of str to str, optional
        Our names of fields and the body's, where they differ; the body may hold it, too, as its
        field ``columns``.

    Returns
    -------
    Points

    Raises
    ------
    Problem
        It is no JSON, a field is unknown or missing, or a value is out of range; the field and
        the value are named.

    Examples
    --------
    >>> read_json(b'{"x_mm": [0, 1], "y_mm": [2, 3]}', Settings()).marks[:2]
    array([[0., 1.],
           [2., 3.]])
    """
    try:
        if columns or b'"columns"' in body:
            decoded = msgspec.convert(_renamed(msgspec.json.decode(body), columns), _Body)
        else:
            decoded = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise _problem_of(body, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem.no_json(error) from None
    clusters, prefix = _clusters_of(decoded)
    if len(clusters) > settings.max_clusters:
        raise Problem.too_many("clusters", f"{len(clusters)} clusters", settings.max_clusters)
    lengths = [_length(cluster, prefix.format(i)) for i, cluster in enumerate(clusters)]
    check_lengths(lengths, settings)
    ids = [c.cluster_id if c.cluster_id is not None else str(i) for i, c in enumerate(clusters)]
    return Points(ids, lengths, _marks(clusters, lengths), _context(clusters))


def _renamed(document: Any, columns: Mapping[str, str] | None) -> Any:
    """Return a body with our names for its fields, as `columns` or its own field of this name says."""
    if not isinstance(document, dict):
        return document
    given = document.pop("columns", None) if columns is None else columns
    if given is None:
        return document
    if not isinstance(given, dict) or not all(isinstance(theirs, str) for theirs in given.values()):
        raise Problem.of_value("columns", "an object of our names and yours: {'x_mm': 'x'}", given)
    full = {SHORT_NAMES.get(ours, ours): theirs for ours, theirs in given.items()}
    for ours in full:
        if ours not in _KNOWN:
            raise Problem.of_value(f"columns.{ours}", f"one of {', '.join(_KNOWN)}", full[ours])
    names = {theirs: ours for ours, theirs in full.items()}
    if not len(names) == len(full) == len(given):
        raise Problem.of_value("columns", "names that each stand for one field", dict(given))

    def rename(cluster: Any) -> Any:
        if not isinstance(cluster, dict):
            return cluster
        renamed = {names.get(key, key): value for key, value in cluster.items()}
        if len(renamed) < len(cluster):
            raise Problem.of_value("columns", "names that each stand for one field", dict(given))
        for inner in ("points", "clusters"):
            if isinstance(renamed.get(inner), list):
                renamed[inner] = [rename(one) for one in renamed[inner]]
        return renamed

    return rename(document)


def check_lengths(lengths: Any, settings: Settings) -> None:
    """Refuse more calcifications than a cluster or a request may have, or more pairs of them.

    Parameters
    ----------
    lengths : sequence of int
        Calcifications of each cluster.
    settings : Settings
    """
    longest, total = max(lengths, default=0), sum(lengths)
    if longest > settings.max_points:
        field = f"cluster no. {list(lengths).index(longest) + 1}"
        raise Problem.too_many(
            field, f"A cluster has {longest} calcifications", settings.max_points
        )
    if total > settings.max_total_points:
        got = f"{total} calcifications in all"
        raise Problem.too_many("clusters", got, settings.max_total_points)
    pairs = sum(n * n for n in lengths)  # what the time to read a cluster grows with
    if pairs > settings.max_pairs:
        got = f"{pairs} pairs of calcifications (the squared number of each cluster, in all)"
        raise Problem.too_many("clusters", got, settings.max_pairs)


def _clusters_of(decoded: Any) -> tuple[list[Any], str]:
    """Return the clusters of a body, and how a field of one of them is called."""
    if decoded.clusters is None:
        return [decoded], ""
    for name, *_ in _CLUSTER_FIELDS:
        if getattr(decoded, name) is not None:
            raise Problem.of_value(name, "nothing beside `clusters`", getattr(decoded, name))
    return decoded.clusters, "clusters[{}]."


def _length(cluster: Any, prefix: str) -> int:
    """Return the number of calcifications, having checked that one of the two forms is used."""
    if cluster.points is not None:
        for name in MARK_NAMES:
            if getattr(cluster, name) is not None:
                raise Problem.of_value(prefix + name, "nothing beside `points`", "an array")
        return len(cluster.points)
    if cluster.x_mm is None:
        raise Problem.of_value(f"{prefix}points", "a list of points, or the arrays x_mm and y_mm")
    n_expected = len(cluster.x_mm)
    for name in MARK_NAMES:
        values = getattr(cluster, name)
        if values is None:
            if name == "y_mm":
                raise Problem.of_value(prefix + name, "an array beside x_mm")
        elif len(values) != n_expected:
            raise Problem.of_value(
                prefix + name, f"{n_expected} values, as in x_mm", f"{len(values)} values"
            )
    return n_expected


def _marks(clusters: list[Any], lengths: list[int]) -> npt.NDArray[np.float64]:
    columns: list[list[float | None]] = [[] for _ in MARK_NAMES]
    for cluster, n in zip(clusters, lengths, strict=True):
        given: Iterable[Any]
        if cluster.points is None:
            given = (getattr(cluster, name) or [UNKNOWN] * n for name in MARK_NAMES)
        else:
            given = zip(*map(msgspec.structs.astuple, cluster.points), strict=True)
        for column, values in zip(columns, given, strict=n > 0):
            column += values
    return np.array(columns, np.float64)


def _context(clusters: list[Any]) -> npt.NDArray[np.float64]:
    given = [[getattr(cluster, name) for cluster in clusters] for name in CLUSTER_NAMES]
    return np.array(given, np.float64)


def _problem_of(body: bytes, message: str) -> Problem:
    """Return the problem of a decoding error, with the value looked up in the body."""
    _, sign, path = message.rpartition(" - at `")
    field = path.removesuffix("`").removeprefix("$").removeprefix(".") if sign else ""
    named = _NAMED.search(message)
    if named:
        field = f"{field}.{named[2]}".lstrip(".")
    value = _value_at(body, field)
    unknown = named is not None and named[1] == "unknown"
    expected = _no_such_field(named[2]) if named and unknown else _expected_at(field)
    if isinstance(value, dict | list):
        value = "an object" if isinstance(value, dict) else "a list"
    return Problem.of_value(field or "body", expected, value)


def _no_such_field(name: str) -> str:
    """Return what is expected in place of an unknown field: the one that was meant, if it is plain."""
    lower = name[:MAX_ID_LENGTH].lower()
    near = [SHORT_NAMES[lower]] if lower in SHORT_NAMES else get_close_matches(lower, _KNOWN, 1)
    return f"no field of this name; did you mean {near[0]!r}?" if near else "no field of this name"


def _value_at(body: bytes, field: str) -> Any:
    try:
        value = json.loads(body)  # takes numbers that are too large, unlike msgspec
        for step in re.findall(r"[^.\[\]]+", field):
            value = value[int(step)] if step.isdigit() and isinstance(value, list) else value[step]
    except (KeyError, IndexError, TypeError, ValueError, RecursionError):
        return None
    return value


def _expected_at(field: str) -> str:
    """Return what should stand at a place of the body."""
    name = field.rpartition(".")[2]
    known, is_item = name.partition("[")[0], name.endswith("]")
    if known == "cluster_id":
        return f"a text of at most {MAX_ID_LENGTH} characters"
    column = _COLUMNS.get(known)
    if column is None:
        return "a list" if known in ("points", "clusters") and not is_item else "an object"
    in_array = known in MARK_NAMES and ".points[" not in f".{field}"
    if in_array and not is_item:
        return "an array of numbers"
    return column.expected
