"""Clusters of a request: from JSON, or from a file of any kind that `formats` reads.

JSON is checked by the types of `schemas`. Files are read in a child process (`children`), which has
limits of memory and time; how many rows one has is checked before they are read. No message names
the file that a body is written to.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES, ClusterSet
from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.temporary import temporary_folder
from calcigram.limits import MAX_COLUMNS, unpacked_limit
from calcigram.longtable.columns import NUMERIC_COLUMNS, SHORT_NAMES
from calcigram.options import ReadOptions
from calcigram.server.responses import ARROW, CSV, JSON, PARQUET, Problem
from calcigram.server.schemas import CLUSTER_FIELDS, CLUSTERS, MAX_ID_LENGTH
from calcigram.server.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from calcigram.longtable import Intake

SOURCE = "body"
DICOM = "application/dicom"
ANY = "application/octet-stream"

DEFAULT_RESPONSE = {JSON: JSON, ARROW: ARROW, PARQUET: PARQUET, CSV: CSV, DICOM: JSON, ANY: JSON}
"""Media type of a request's body -> that of the response where nothing else is asked for."""

FULL_TURN_DEG = 180.0

UNKNOWN = float("nan")

_ORIENTATION = MARK_NAMES.index("orientation_deg")
_PART_CLUSTERS = 5_000


@dataclass(frozen=True, eq=False)
class Points:
    """The clusters of one small request as arrays, NaN where unknown.

    Small requests are made one `ClusterSet` together: a table of meta for each of a thousand
    requests a second would cost more than to read the clusters.

    Attributes
    ----------
    cluster_id : list of str, length C
    lengths : list of int, length C
        Calcifications of each.
    marks : ndarray of float64, shape (7, N)
        Rows in the order of `clusters.MARKS`, as they were sent.
    context : ndarray of float64, shape (3, C)
        Rows in the order of `clusters.CLUSTER_COLUMNS`.
    """

    cluster_id: list[str]
    lengths: list[int]
    marks: npt.NDArray[np.float64]
    context: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def n_points(self) -> int:
        """Calcifications of all clusters."""
        result: int = self.marks.shape[1]
        return result


def gather(requests: Sequence[Points]) -> ClusterSet:
    """Make one set of the clusters of several requests, in order, checking every value.

    Angles that float32 rounds up to 180 become 0, the same axis.

    Parameters
    ----------
    requests : sequence of Points

    Returns
    -------
    ClusterSet

    Raises
    ------
    BadInputError
        A value is out of range.

    Examples
    --------
    >>> one = Points(["a"], [2], np.full((7, 2), 1.0), np.full((3, 1), np.nan))
    >>> gather([one, one]).offsets
    array([0, 2, 4])
    """
    lengths = [n for request in requests for n in request.lengths]
    marks = np.concatenate([request.marks for request in requests], axis=1)
    context = np.concatenate([request.context for request in requests], axis=1)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        rounded, context = marks.astype(np.float32), context.astype(np.float32)
    angles = rounded[_ORIENTATION]
    angles[(angles == FULL_TURN_DEG) & (marks[_ORIENTATION] < FULL_TURN_DEG)] = 0.0
    columns: dict[str, Any] = dict(
        zip((*MARK_NAMES, *CLUSTER_NAMES), (*rounded, *context), strict=True)
    )
    return ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        cluster_id=np.array([i for request in requests for i in request.cluster_id], object),
        **columns,
    )


# --- JSON


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
    document = decode(body)
    if isinstance(document, dict) and (columns or "columns" in document):
        document = _renamed(document, columns)
    try:
        document = CLUSTERS.validate_python(document)
    except ValidationError as error:
        raise _problem_of(error.errors(include_url=False)) from None
    is_list = "clusters" in document
    clusters = document["clusters"] if is_list else [document]
    if len(clusters) > settings.max_clusters:
        raise Problem.too_many("clusters", f"{len(clusters)} clusters", settings.max_clusters)
    lengths = [
        _length(cluster, f"clusters[{i}]." if is_list else "") for i, cluster in enumerate(clusters)
    ]
    check_lengths(lengths, settings)
    ids = [cluster.get("cluster_id", str(i)) for i, cluster in enumerate(clusters)]
    context = [[cluster.get(name) for cluster in clusters] for name in CLUSTER_NAMES]
    return Points(ids, lengths, _marks(clusters, lengths), np.array(context, np.float64))


def decode(body: bytes) -> Any:
    """Return the values that JSON holds.

    Raises
    ------
    Problem
        It is no JSON.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Problem.no_json(error) from None


def _renamed(document: dict[str, Any], columns: Mapping[str, str] | None) -> Any:
    """Return a body with calcigram's names for its fields, as `columns` or its own field of this name says."""
    given = document.pop("columns", None) if columns is None else columns
    if given is None:
        return document
    if not isinstance(given, dict) or not all(isinstance(theirs, str) for theirs in given.values()):
        raise Problem.of_value(
            "columns", "an object of calcigram's names and yours: {'x_mm': 'x'}", given
        )
    full = {SHORT_NAMES.get(ours, ours): theirs for ours, theirs in given.items()}
    for ours in full:
        if ours not in CLUSTER_FIELDS:
            known = ", ".join(CLUSTER_FIELDS)
            raise Problem.of_value(f"columns.{ours}", f"one of {known}", full[ours])
    names = {theirs: ours for ours, theirs in full.items()}
    ambiguous = Problem.of_value("columns", "names that each stand for one field", dict(given))
    if not len(names) == len(full) == len(given):
        raise ambiguous

    def rename(cluster: Any) -> Any:
        if not isinstance(cluster, dict):
            return cluster
        renamed = {names.get(key, key): value for key, value in cluster.items()}
        if len(renamed) < len(cluster):
            raise ambiguous
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
    pairs = sum(n * n for n in lengths)  # the time to read a cluster grows with it
    if pairs > settings.max_pairs:
        got = f"{pairs} pairs of calcifications (the squared number of each cluster, in all)"
        raise Problem.too_many("clusters", got, settings.max_pairs)


def _length(cluster: dict[str, Any], prefix: str) -> int:
    """Return the number of calcifications; all arrays of a cluster must have it."""
    if "points" in cluster:
        return len(cluster["points"])
    n_expected = len(cluster["x_mm"])
    for name in MARK_NAMES:
        n = len(cluster.get(name, cluster["x_mm"]))
        if n != n_expected:
            expected = f"{n_expected} values, as in x_mm"
            raise Problem.of_value(prefix + name, expected, f"{n} values")
    return n_expected


def _marks(clusters: list[dict[str, Any]], lengths: list[int]) -> npt.NDArray[np.float64]:
    columns: list[list[float | None]] = [[] for _ in MARK_NAMES]
    for cluster, n in zip(clusters, lengths, strict=True):
        points = cluster.get("points")
        given = cluster if points is None else set().union(*points)
        for name, column in zip(MARK_NAMES, columns, strict=True):
            if name not in given:
                column += [UNKNOWN] * n
            elif points is None:
                column += cluster[name]
            else:
                column += [point.get(name) for point in points]
    return np.array(columns, np.float64)


def _problem_of(errors: list[ErrorDetails]) -> Problem:
    """Return the problem of a body of clusters: an unknown field before all else, then the first value."""
    error = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    # The first step is the form of the body, the fourth that of one of its clusters: see `schemas`.
    form, *path = error["loc"]
    if form == "clusters" and len(path) > 2:
        form = path.pop(2)
    is_field_of_cluster = len(path) == 1 or (len(path) == 3 and path[0] == "clusters")
    return Problem.of_error_details(error, path, _expected(error, path, form, is_field_of_cluster))


def _expected(
    error: ErrorDetails, path: list[int | str], form: int | str, is_field_of_cluster: bool
) -> str:
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    if error["type"] == "extra_forbidden":
        if is_field_of_cluster and name in CLUSTER_FIELDS:
            return f"nothing beside `{form}`"
        lower = name[:MAX_ID_LENGTH].lower()
        near = (
            [SHORT_NAMES[lower]]
            if lower in SHORT_NAMES
            else get_close_matches(lower, CLUSTER_FIELDS, 1)
        )
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"no field of this name{hint}"
    if error["type"] == "missing" and is_field_of_cluster:
        return {
            "points": "a list of points, or the arrays x_mm and y_mm",
            "x_mm": "an array beside y_mm",
            "y_mm": "an array beside x_mm",
        }[name]
    if name == "cluster_id":
        return f"a text of at most {MAX_ID_LENGTH} characters"
    if name in NUMERIC_COLUMNS:
        is_array = is_field_of_cluster and name in MARK_NAMES
        return "an array of numbers" if is_array else NUMERIC_COLUMNS[name].expected
    return "a list" if path and isinstance(path[-1], str) else "an object"


# --- files


def read_upload(
    body: bytes, media_type: str, settings: Settings, options: ReadOptions
) -> tuple[ClusterSet, tuple[str, ...]]:
    """Read the clusters of a file, and notes on it.

    Parameters
    ----------
    body : bytes
    media_type : str
        A key of `DEFAULT_RESPONSE` that is not JSON.
    settings : Settings
        For the limits.
    options : ReadOptions

    Returns
    -------
    ClusterSet
    notes : tuple of str

    Raises
    ------
    Problem
        It cannot be read, holds a bad value or more than a request may hold.
    """
    if not body:
        raise Problem.of_value(SOURCE, "a file that is not empty")
    if media_type == ARROW:
        return _gathered(_arrow_parts(body, settings, options), settings)
    if body[:4] == b"PAR1":
        return _gathered(_parquet_parts(io.BytesIO(body), settings, options), settings)
    with temporary_folder() as folder:
        path = folder / SOURCE
        path.write_bytes(body)
        from calcigram.formats import iter_intakes

        try:
            return _gathered(iter_intakes(path, _PART_CLUSTERS, options), settings)
        except CalcigramError as error:
            raise Problem.of_error(error, hidden=str(path)) from None


def _gathered(parts: Iterable[Intake], settings: Settings) -> tuple[ClusterSet, tuple[str, ...]]:
    """Bring the parts of a file together; stop where there is more than a request may hold."""
    sets: list[ClusterSet] = []
    n_clusters = n_repeated = 0
    notes: dict[str, None] = {}
    try:
        for part in parts:
            n_clusters += len(part.clusters)
            if n_clusters > settings.max_clusters:
                got = f"{n_clusters} clusters or more"
                raise Problem.too_many(SOURCE, got, settings.max_clusters)
            sets.append(part.clusters)
            n_repeated += part.n_duplicates
            notes |= dict.fromkeys(getattr(part, "notes", ()))
            notes |= dict.fromkeys(f"column {name!r} was ignored" for name in part.ignored)
    except CalcigramError as error:
        raise Problem.of_error(error) from None
    if n_repeated:
        notes[f"{n_repeated} exactly repeated rows were dropped"] = None
    clusters = ClusterSet.concat(sets)
    check_lengths(clusters.n_calcifications.tolist(), settings)
    return clusters, tuple(notes)


def _parquet_parts(file: io.BytesIO, settings: Settings, options: ReadOptions) -> Iterator[Intake]:
    from calcigram.formats.parquet import iter_parquet_clusters, opened_parquet

    with opened_parquet(file, SOURCE) as opened:
        # Row counts alone: to look at a damaged description of a column may abort the process.
        _check_rows(opened.metadata.num_rows, settings)
    file.seek(0)
    yield from iter_parquet_clusters(file, _PART_CLUSTERS, options, source=SOURCE)


def _check_rows(n_rows: int, settings: Settings) -> None:
    """Refuse more rows than a request may hold, before they are unpacked."""
    most = max(settings.max_total_points, settings.max_clusters)
    if n_rows > most:
        raise Problem.too_many(SOURCE, f"{n_rows} rows", most)


def _n_bytes(array: pa.Array) -> int:
    """Return how many bytes an array of Arrow takes in Parquet, which may be more than it takes here.

    Raises
    ------
    BadInputError
        It is of a type whose parts may overlap within another.
    """
    import pyarrow as pa

    if not pa.types.is_nested(array.type):
        if not str(array.type).endswith("_view"):
            return int(array.nbytes)
        views = array.buffers()[1]  # of 16 bytes, the length first (Arrow Columnar Format 1.4)
        lengths = np.frombuffer(views, "<i4")[4 * array.offset :][: 4 * len(array) : 4]
        return int(lengths.astype(np.int64).clip(0).sum())
    if re.search("(string|binary|list)_view|run_end_encoded", str(array.type)):
        raise BadInputError(
            "columns of numbers, texts or lists of them", column=SOURCE, value=str(array.type)[:100]
        )
    return int(array.nbytes)


def _arrow_parts(body: bytes, settings: Settings, options: ReadOptions) -> Iterator[Intake]:
    """Read an Arrow stream as the Parquet file that it would make."""
    import pyarrow as pa
    from pyarrow import parquet

    file, most, n_bytes = io.BytesIO(), unpacked_limit(len(body)), 0
    expected = "a sound Arrow stream"
    try:
        with pa.ipc.open_stream(body) as stream:
            if len(stream.schema) > MAX_COLUMNS:
                raise BadInputError(
                    f"at most {MAX_COLUMNS} columns", column=SOURCE, value=len(stream.schema)
                )
            batches = []
            for batch in stream:
                batches.append(batch)
                _check_rows(sum(part.num_rows for part in batches), settings)
                # to look at the bytes of damaged offsets ends the process
                batch.validate(full=True)
                n_bytes += sum(map(_n_bytes, batch.columns))
                if n_bytes > most:
                    raise BadInputError(
                        f"an Arrow stream that unpacks to at most {most} bytes",
                        column=SOURCE,
                        value=f"{n_bytes} bytes",
                    )
            table = pa.Table.from_batches(batches, stream.schema)
        expected = "columns of a table"
        # A dictionary stays one: written out, its texts may take any amount of memory.
        kept = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
        parquet.write_table(table, file, compression="none", use_dictionary=kept)
    except (BadInputError, MemoryError):  # Arrow's own is an ArrowException as well
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        problem = str(error).splitlines()[0]
        raise BadInputError(expected, column=SOURCE, value=problem) from None
    file.seek(0)
    return _parquet_parts(file, settings, options)
