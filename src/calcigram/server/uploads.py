"""Clusters that come as a file: CSV, Parquet, an Arrow stream, or whatever `formats` reads.

Read in a child process (`jobs`), which has its limit of memory and of time. How many rows a file has
is checked before they are read. No message names the file that the body is written to.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError, CalcigramError
from calcigram.options import OPTIONS, ReadOptions
from calcigram.server.answers import ARROW, CSV, JSON, PARQUET
from calcigram.server.jsonbody import check_lengths
from calcigram.server.problems import Problem
from calcigram.server.settings import Settings

if TYPE_CHECKING:
    from calcigram.longtable import Intake

SOURCE = "body"
DICOM = "application/dicom"
ANY = "application/octet-stream"

FILE_TYPES = (CSV, PARQUET, DICOM, ANY)
"""Media types that are read as files, told apart by their content."""

ANSWER_OF = {JSON: JSON, ARROW: ARROW, PARQUET: PARQUET, CSV: CSV, DICOM: JSON, ANY: JSON}
"""Media type of a body -> that of the answer where nothing else is asked for."""

READING_OPTIONS = {name: about["meaning"] for name, about in OPTIONS.items() if about["over_http"]}
"""Parameters of the address that say how a file is to be read."""

_PART_CLUSTERS = 5_000


def reading_options(query: Mapping[str, str], media_type: str) -> ReadOptions:
    """Return what the address says of how a file is to be read.

    Parameters
    ----------
    query : mapping of str to str
        Of the address.
    media_type : str
        Of the body; JSON is in mm and takes `columns` alone.

    Raises
    ------
    Problem
        A value is not what was expected.

    Examples
    --------
    >>> reading_options({"units": "px", "pixel_spacing": "0.07"}, CSV).pixel_spacing
    0.07
    """
    for name in query:
        if name not in READING_OPTIONS:
            raise Problem.of_value(name, f"one of {', '.join(READING_OPTIONS)}", query[name])
    if media_type == JSON:
        for name in query.keys() - {"columns"}:
            raise Problem.of_value(name, "nothing beside JSON, which is in mm", query[name])
    try:
        return ReadOptions(**query)  # type: ignore[arg-type]
    except BadInputError as error:
        raise Problem.of_error(error) from None


def read_upload(
    body: bytes, media_type: str, settings: Settings, options: ReadOptions
) -> tuple[ClusterSet, tuple[str, ...]]:
    """Read the clusters of a body, and what is to be said of it.

    Parameters
    ----------
    body : bytes
    media_type : str
        `ARROW`, or one of `FILE_TYPES`.
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
    with tempfile.TemporaryDirectory(prefix="calcigram-") as folder:
        path = Path(folder) / SOURCE
        path.write_bytes(body)
        from calcigram.formats import iter_intakes

        try:
            return _gathered(iter_intakes(path, _PART_CLUSTERS, options), settings)
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


def _arrow_parts(body: bytes, settings: Settings, options: ReadOptions) -> Iterator[Intake]:
    """Read an Arrow stream as the Parquet file that it would make."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with pa.ipc.open_stream(body) as stream:
            batches = []
            for batch in stream:
                batches.append(batch)
                _check_rows(sum(part.num_rows for part in batches), settings)
            table = pa.Table.from_batches(batches, stream.schema)
            table.validate(full=True)
    except MemoryError:  # Arrow's own is an ArrowException as well
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        problem = str(error).splitlines()[0]
        raise BadInputError("a sound Arrow stream", column=SOURCE, value=problem) from None
    file = io.BytesIO()
    try:
        parquet.write_table(table, file, compression="none", use_dictionary=False)
    except MemoryError:
        raise
    except (pa.ArrowException, ValueError) as error:
        problem = str(error).splitlines()[0]
        raise BadInputError("columns of a table", column=SOURCE, value=problem) from None
    file.seek(0)
    return _parquet_parts(file, settings, options)
