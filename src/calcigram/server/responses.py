"""What the server answers: verdict tables as JSON, an Arrow stream, Parquet or CSV; errors as problem details.

Problem details (RFC 9457) name the field and the value. They hold nothing of the inside of the server: no path, no stack.
"""

from __future__ import annotations

import errno
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import numpy as np
from pydantic_core import ErrorDetails, to_json
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from calcigram.columns import Column, Columns, Words, frame_of
from calcigram.errors import BadInputError, CalcigramError, TemporaryFilesError
from calcigram.wording import without_options

PROBLEM_TYPE = "application/problem+json"

SPACING = "the query parameter pixel_spacing"
"""What there is here in place of an option of the command line."""

MAX_SHOWN = 200
"""Characters of a bad value that an answer repeats."""

KINDS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be read"),
    "token-missing": (401, "A token is needed"),
    "foreign-origin": (403, "Requests from pages of another origin are refused"),
    "not-found": (404, "There is nothing at this address"),
    "method": (405, "This address does not take this method"),
    "too-slow": (408, "The request came too slowly"),
    "not-acceptable": (406, "None of the accepted media types is available"),
    "too-large": (413, "The body is too large"),
    "media-type": (415, "A body of this media type cannot be read"),
    "wrong-host": (421, "This server does not answer to the host name"),
    "unreadable": (422, "Reading the body failed"),
    "bad-value": (422, "A value is not what was expected"),
    "too-many": (422, "The request holds too much"),
    "busy": (429, "Too many requests at once"),
    "internal": (500, "The server failed"),
    "too-long": (503, "The request took too long"),
    "no-disk": (503, "The server has no space for temporary files"),
    "stopping": (503, "The server is not ready"),
}
"""Kind of problem -> status and title; the kind ends the address of its type."""


@dataclass(frozen=True)
class Fault:
    """One bad value: where it stands, what it is, what was expected."""

    field: str
    expected: str
    value: Any = None


class Problem(Exception):  # noqa: N818 - the standard's own word
    """What becomes an answer that is no success.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    detail : str
    faults : sequence of Fault
    retry_after : int, optional
        Seconds after which it makes sense to ask again.

    Examples
    --------
    >>> Problem("busy", "128 requests are waiting.").status
    429
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        faults: Sequence[Fault] = (),
        *,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status, self.title = KINDS[kind]
        self.detail = detail
        self.faults = tuple(faults)
        self.retry_after = retry_after

    @classmethod
    def of_value(cls, field: str, expected: str, value: Any = None) -> Problem:
        """Return the problem of one bad value."""
        field = shown(field)
        detail = f"{field}: got {shown(value)}, expected {expected}."
        return cls("bad-value", detail, [Fault(field, expected, value)])

    @classmethod
    def of_error_details(
        cls, error: ErrorDetails, path: Sequence[int | str], expected: str
    ) -> Problem:
        """Return the problem of what pydantic found, at a place in a body or an address.

        Examples
        --------
        >>> error = {"type": "missing", "input": {}}
        >>> Problem.of_error_details(error, ["points", 1, "y_mm"], "a number").detail
        'points[1].y_mm: got nothing, expected a number.'
        """
        cause = error.get("ctx", {}).get("error")
        if isinstance(cause, BadInputError):  # of `schemas` or `settings`
            return cls.of_error(cause)
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        field = "".join(steps).lstrip(".") or "body"
        value = None if error["type"] == "missing" else error["input"]
        if isinstance(value, dict | list):
            value = "an object" if isinstance(value, dict) else "a list"
        return cls.of_value(field, expected, value)

    @classmethod
    def no_json(cls, error: Exception) -> Problem:
        """Return the problem of a body that cannot be decoded."""
        return cls(
            "bad-request", f"The body is not JSON: {error}.", [Fault("body", "JSON", str(error))]
        )

    @classmethod
    def unreadable(cls, detail: str) -> Problem:
        """Return the problem of a file that a parser fails on."""
        return cls("unreadable", detail, [Fault("body", "a file that can be read")])

    @classmethod
    def too_long(cls, timeout_s: float) -> Problem:
        """Return the problem of a request that takes longer than it may."""
        return cls("too-long", f"No answer within {timeout_s:g} s.", retry_after=1)

    @classmethod
    def too_many(cls, field: str, got: str, most: int) -> Problem:
        """Return the problem of more than a request may hold, such as ``"7 clusters"``.

        Examples
        --------
        >>> Problem.too_many("clusters", "7 clusters", 3).detail
        '7 clusters; at most 3.'
        """
        return cls("too-many", f"{got}; at most {most}.", [Fault(field, f"at most {most}", got)])

    @classmethod
    def of_error(cls, error: CalcigramError, hidden: str = "") -> Problem:
        """Return the problem of a refusal; `hidden`, a path, is called "the body"."""
        if isinstance(error, TemporaryFilesError):
            if error.errno == errno.EFBIG:  # the limit of a process, not the disk
                return cls("too-large", "It needs larger temporary files than are allowed.")
            return cls("no-disk", "The server cannot write temporary files.", retry_after=10)
        if not isinstance(error, BadInputError):
            return cls("bad-value", _for_clients(str(error), hidden) + ".")
        where = [] if error.cluster_id is None else [f"cluster {error.cluster_id!r}"]
        where += [] if error.row is None else [f"row {error.row}"]
        where += [] if error.column is None else [_for_clients(str(error.column), "")]
        field = ", ".join(where) or "body"
        return cls.of_value(
            field, _for_clients(error.expected, hidden), _for_clients(shown(error.value), hidden)
        )

    def plain(self) -> tuple[str, str, list[tuple[str, str, str | None]]]:
        """Return kind, detail and faults as values that JSON has."""
        faults = [
            (f.field, f.expected, None if f.value is None else shown(f.value)) for f in self.faults
        ]
        return self.kind, self.detail, faults

    def body(self, request_id: str) -> bytes:
        """Return the answer's body, JSON."""
        document: dict[str, Any] = {
            "type": f"urn:calcigram:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:calcigram:request:{request_id}",
        }
        if self.faults:
            document["errors"] = [
                {"field": shown(f.field), "value": shown(f.value), "expected": f.expected}
                for f in self.faults
            ]
        document["error"] = self.detail  # the member that the Open Inference Protocol asks for
        return to_json(document)

    def response(self, request_id: str, extra: Mapping[str, str] | None = None) -> Response:
        """Return the response, with extra headers."""
        headers = {"content-type": PROBLEM_TYPE, "cache-control": "no-store"}
        if self.kind in ("too-large", "too-long", "too-slow", "busy"):
            headers["connection"] = "close"  # what is left of the body is not waited for
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        return Response(self.body(request_id), self.status, headers | dict(extra or {}))


def refusal(error: Exception, request_id: str) -> Response:
    """Return the response to a request that is refused, or that failed by an error of the server.

    Parameters
    ----------
    error : Exception
        A Problem, a CalcigramError, the framework's own HTTPException, or any other.
    request_id : str

    Examples
    --------
    >>> refusal(HTTPException(404), "8f14e45f").status_code
    404
    """
    extra: Mapping[str, str] = {}
    if isinstance(error, HTTPException):
        status, extra = error.status_code, error.headers or {}
        kind = next((name for name, (code, _) in KINDS.items() if code == status), "bad-request")
        problem = Problem(kind, f"{HTTPStatus(status).phrase}.")
    elif isinstance(error, CalcigramError):
        problem = Problem.of_error(error)
    else:
        problem = error if isinstance(error, Problem) else FAILED
    return problem.response(request_id, extra)


def shown(value: Any) -> str:
    """Return a value as text that is not longer than an answer should be.

    Examples
    --------
    >>> shown(-1.0), shown(None), len(shown("x" * 999))
    ('-1.0', 'nothing', 201)
    """
    if value is None:
        return "nothing"
    if isinstance(value, list):
        value = value[:9]  # a long one would take long to write, and is cut off anyway
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def _for_clients(text: str, hidden: str) -> str:
    return without_options(text.replace(hidden, "the body") if hidden else text, SPACING)


FAILED = Problem("internal", "The server failed; its log names the request.")

PROBLEMS: dict[str, Problem] = {problem.kind: problem for problem in (
    Problem.no_json(ValueError("expected `,` or `]` at line 1 column 20")),
    Problem("token-missing", "Send the header 'Authorization: Bearer TOKEN'."),
    Problem("foreign-origin", "Only programs and pages of this server may send requests."),
    Problem("not-acceptable", "The answer can be one of application/json, text/csv.",
            [Fault("Accept", "one of application/json, text/csv", "image/png")]),
    Problem("too-large", "The body may have at most 64000000 bytes.",
            [Fault("body", "at most 64000000 bytes", "70000000 bytes")]),
    Problem("media-type", "Send one of application/json, text/csv; got 'application/x-tar'.",
            [Fault("Content-Type", "one of application/json, text/csv", "application/x-tar")]),
    Problem("wrong-host", "This server does not answer to this host name (setting CALCIGRAM_HOSTS)."),
    Problem.unreadable("The body cannot be read (ValueError): it may be damaged."),
    Problem.of_value("points[3].diameter_mm", "a number above 0 in mm, or nothing (at most 10,000)", -1),
    Problem.too_many("clusters", "100001 clusters", 100_000),
    Problem("busy", "128 requests are under way; ask again.", retry_after=1),
    FAILED,
    Problem("too-slow", "Nothing of the body came within 10 s."),
    Problem.too_long(60),
    Problem("no-disk", "The server cannot write temporary files.", retry_after=10),
    Problem("stopping", "The server starts or stops.", retry_after=1),
)}  # fmt: skip
"""A refusal of each kind that an operation may answer with."""

# --- tables

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


class Json(JSONResponse):
    """A document as a response."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return encode(content)


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
        weights = ["1", *(piece[2:] for piece in parameters if piece.startswith("q="))]
        with suppress(ValueError):
            if name and (weight := float(weights[-1])) > 0:
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
