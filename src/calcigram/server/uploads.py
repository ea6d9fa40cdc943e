"""Clusters that come as a file: CSV, Parquet, an Arrow stream, or whatever `formats` reads.

What is uploaded is written to a folder of its own that is gone with the answer, and no message
names it. How much may come out of a file is checked before it is read, and while it is.
"""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError, CalcigramError
from calcigram.limits import check_pixel_spacing
from calcigram.longtable.headings import UNITS, column_map
from calcigram.server.answers import ARROW, CSV, JSON, PARQUET
from calcigram.server.jsonbody import check_lengths
from calcigram.server.problems import Fault, Problem
from calcigram.server.settings import Settings
from calcigram.server.unpacked import unpacked_bytes

if TYPE_CHECKING:
    from calcigram.longtable import Intake

SOURCE = "body"
DICOM = "application/dicom"
ANY = "application/octet-stream"

FILE_TYPES = (CSV, PARQUET, DICOM, ANY)
"""Media types that are read as files, told apart by their content."""

ANSWER_OF = {JSON: JSON, ARROW: ARROW, PARQUET: PARQUET, CSV: CSV, DICOM: JSON, ANY: JSON}
"""Media type of a body -> that of the answer where nothing else is asked for."""

READING_OPTIONS = {
    "columns": "our names of a table's columns and its own, where they differ: x=posX,y=posY",
    "units": f"unit of a table's lengths: {', '.join(UNITS)} (mm)",
    "pixel_spacing": "mm a pixel: of a table in px, of a mask, or of a report that has none",
    "single_cluster": "the table is one cluster and has no column of ids: give it this id",
}
"""Parameters of the address that say how a file is to be read."""

MAX_UNPACKED = 10
"""Times the largest body that a compressed Arrow stream may become."""

_PART_CLUSTERS = 5_000


def reading_options(query: Mapping[str, str], media_type: str) -> dict[str, Any]:
    """Return what the address says of how a file is to be read, as `read_clusters` takes it.

    Parameters
    ----------
    query : mapping of str to str
        Of the address.
    media_type : str
        Of the body; JSON is in mm and takes none of these.

    Raises
    ------
    Problem
        A value is not what was expected.

    Examples
    --------
    >>> reading_options({"units": "px", "pixel_spacing": "0.07"}, CSV)
    {'units': 'px', 'pixel_spacing': 0.07}
    """
    for name in query:
        if name not in READING_OPTIONS:
            raise Problem.of_value(name, f"one of {', '.join(READING_OPTIONS)}", query[name])
    given: dict[str, Any] = dict(query)
    if given and media_type == JSON:
        name = next(iter(given))
        raise Problem.of_value(name, "nothing beside JSON, which is in mm", given[name])
    if "columns" in given:
        try:
            given["columns"] = column_map(given["columns"])
        except BadInputError as error:
            raise Problem.of_error(error) from None
    if given.get("units", "mm") not in UNITS:
        raise Problem.of_value("units", f"one of {', '.join(UNITS)}", given["units"])
    if "pixel_spacing" in given:
        try:
            given["pixel_spacing"] = check_pixel_spacing(given["pixel_spacing"])
        except BadInputError as error:
            raise Problem.of_error(error) from None
    return given


def read_upload(
    body: bytes, media_type: str, settings: Settings, **options: Any
) -> tuple[ClusterSet, tuple[str, ...]]:
    """Read the clusters of a body, and what is to be said of it.

    Parameters
    ----------
    body : bytes
    media_type : str
        `ARROW`, or one of `FILE_TYPES`.
    settings : Settings
        For the limits.
    **options
        As `reading_options` returns them.

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
    with tempfile.TemporaryDirectory(prefix="calcigram-") as folder:
        path = Path(folder) / SOURCE
        path.write_bytes(body)
        from calcigram.formats import iter_intakes

        try:
            return _gathered(iter_intakes(path, _PART_CLUSTERS, **options), settings)
        except CalcigramError as error:
            raise Problem.of_error(error, hidden=str(path)) from None


def _gathered(parts: Iterable[Intake], settings: Settings) -> tuple[ClusterSet, tuple[str, ...]]:
    """Bring the parts of a file together; stop where there is more than a request may hold."""
    sets: list[ClusterSet] = []
    n_clusters = 0
    notes: list[str] = []
    n_repeated = 0
    try:
        for part in parts:
            n_clusters += len(part.clusters)
            if n_clusters > settings.max_clusters:
                got = f"{n_clusters} clusters or more"
                raise Problem.too_many(SOURCE, got, settings.max_clusters)
            sets.append(part.clusters)
            n_repeated += part.n_duplicates
            notes += [note for note in getattr(part, "notes", ()) if note not in notes]
            notes += [
                note
                for note in (f"column {name!r} was ignored" for name in part.ignored)
                if note not in notes
            ]
    except CalcigramError as error:
        raise Problem.of_error(error) from None
    if n_repeated:
        notes.append(f"{n_repeated} exactly repeated rows were dropped")
    clusters = ClusterSet.concat(sets)
    check_lengths(clusters.n_calcifications.tolist(), settings)
    return clusters, tuple(notes)


def _parquet_parts(
    file: io.BytesIO, settings: Settings, options: dict[str, Any]
) -> Iterator[Intake]:
    from calcigram.formats.parquet import iter_parquet_clusters, opened_parquet

    with opened_parquet(file, SOURCE) as opened:
        _check_footer(opened.metadata, settings)
    file.seek(0)
    yield from iter_parquet_clusters(file, _PART_CLUSTERS, source=SOURCE, **options)


def _check_footer(metadata: Any, settings: Settings) -> None:
    """Refuse a file whose footer promises more than a request may hold, before it is unpacked."""
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for column in range(row_group.num_columns):
            n_values = row_group.column(column).num_values
            if n_values > settings.max_total_points:
                got = f"A column of {n_values} values"
                raise Problem.too_many(SOURCE, got, settings.max_total_points)


def _arrow_parts(body: bytes, settings: Settings, options: dict[str, Any]) -> Iterator[Intake]:
    """Read an Arrow stream as the Parquet file that it would make."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        n_bytes, most = unpacked_bytes(body), MAX_UNPACKED * settings.max_body_bytes
        if n_bytes > most:
            fault = Fault(SOURCE, f"at most {most} bytes unpacked", f"{n_bytes} bytes unpacked")
            raise Problem("too-large", f"Unpacked, the body may have {most} bytes.", [fault])
        with pa.ipc.open_stream(body) as stream:
            table = stream.read_all()
            table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        problem = str(error).splitlines()[0]
        raise BadInputError("a sound Arrow stream", column=SOURCE, value=problem) from None
    file = io.BytesIO()
    try:
        parquet.write_table(table, file, compression="none", use_dictionary=False)
    except (pa.ArrowException, ValueError) as error:
        problem = str(error).splitlines()[0]
        raise BadInputError("columns of a table", column=SOURCE, value=problem) from None
    file.seek(0)
    return _parquet_parts(file, settings, options)
