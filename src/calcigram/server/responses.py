"""Verdict tables as bodies of responses: JSON, an Arrow stream, Parquet or CSV."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from pydantic_core import to_json

from calcigram.columns import Column, Columns, Words, frame_of
from calcigram.server.problems import Fault, Problem

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
CSV = "text/csv"

MEDIA_TYPES = (JSON, ARROW, PARQUET, CSV)

NOTICE = "Research software, not a medical device: it describes patterns and states no diagnosis."


def values_of(columns: Columns) -> dict[str, list[Any]]:
    """Return columns as lists of plain values, what is unknown as None or NaN.

    Numbers are the shortest that read back to the same float32, as in files.

    Parameters
    ----------
    columns : mapping of str to Words or ndarray
        Of the verdict table.

    Examples
    --------
    >>> from calcigram.columns import Words
    >>> values_of({"p": np.array([0.9], np.float32), "word": Words.of([0], ["linear"])})
    {'p': [0.9], 'word': ['linear']}
    """
    import pyarrow as pa

    floats = [name for name, column in columns.items() if _is_float32(column)]
    values = {name: [] if name in floats else column.tolist() for name, column in columns.items()}
    if floats:
        # All at once: to call Arrow costs more than what it does to a few numbers.
        exact = pa.array(np.concatenate([columns[name] for name in floats]))
        short = exact.cast(pa.string()).cast(pa.float64()).to_numpy(zero_copy_only=False)
        values |= zip(floats, short.reshape(len(floats), -1).tolist(), strict=True)
    return values


def records_of(columns: Columns) -> list[dict[str, Any]]:
    """Return the rows of a table as plain values, see `values_of`.

    Examples
    --------
    >>> from calcigram.columns import Words
    >>> records_of({"p": np.array([0.9], np.float32), "word": Words.of([0], ["linear"])})
    [{'p': 0.9, 'word': 'linear'}]
    """
    values = values_of(columns)
    names = list(values)
    return [dict(zip(names, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _is_float32(column: Column) -> bool:
    return isinstance(column, np.ndarray) and column.dtype == np.float32


def datatype_of(column: Column) -> str:
    """Return the name that the Open Inference Protocol has for the type of a column."""
    kind = "O" if isinstance(column, Words) else column.dtype.kind
    return {"f": "FP32", "i": "INT64", "b": "BOOL"}.get(kind, "BYTES")


def encode(document: Any) -> bytes:
    """Return a document as JSON; NaN becomes null, scalars of NumPy become plain ones.

    Examples
    --------
    >>> encode({"a": np.float32(0.5), "b": float("nan")})
    b'{"a":0.5,"b":null}'
    """
    return to_json(document, inf_nan_mode="null", fallback=lambda scalar: scalar.item())


def json_body(records: list[dict[str, Any]], notes: tuple[str, ...] = ()) -> bytes:
    """Return the JSON body of some verdicts."""
    document: dict[str, Any] = {"notice": NOTICE, "verdicts": records}
    if notes:
        document["notes"] = notes
    return encode(document)


def table_body(verdicts: Columns, media_type: str, notes: tuple[str, ...] = ()) -> bytes:
    """Return a table as a body of the media type.

    Parameters
    ----------
    verdicts : mapping of str to Words or ndarray
        The columns of the table.
    media_type : str
        One of `MEDIA_TYPES`.
    notes : tuple of str
        Notes on the table; only JSON has a place for them.
    """
    from calcigram.formats.output import arrow_table, parquet_writer, write_csv

    if media_type == JSON:
        return json_body(records_of(verdicts), notes)
    table = arrow_table(frame_of(verdicts))
    body = io.BytesIO()
    if media_type == CSV:
        write_csv(table, body, header=True)
    elif media_type == PARQUET:
        with parquet_writer(body, table.schema) as writer:
            writer.write_table(table)
    else:
        import pyarrow as pa

        with pa.ipc.new_stream(body, table.schema) as stream:
            stream.write_table(table)
    return body.getvalue()


def choose_media_type(accept: str, preferred: str) -> str:
    """Return the media type of the response: the preferred one, if it is accepted.

    Raises
    ------
    Problem
        None of `MEDIA_TYPES` is accepted.

    Examples
    --------
    >>> choose_media_type("*/*", PARQUET) == PARQUET, choose_media_type("text/csv;q=0.5, image/png", JSON)
    (True, 'text/csv')
    """
    wanted: list[tuple[float, str]] = []
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        if name and weight > 0:
            wanted.append((weight, name))
    if not accept.strip():
        return preferred
    for _, name in sorted(wanted, key=lambda pair: -pair[0]):
        for ours in (preferred, *MEDIA_TYPES):
            if name in (ours, "*/*", ours.partition("/")[0] + "/*"):
                return ours
    readable = ", ".join(MEDIA_TYPES)
    raise Problem(
        "not-acceptable",
        f"The answer can be one of {readable}.",
        [Fault("Accept", f"one of {readable}", accept)],
    )
