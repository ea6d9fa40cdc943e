"""Answers of an archive, read within limits; what `dicomweb` puts into an address, checked."""

from __future__ import annotations

import io
import time
from typing import Any

from calcigram.errors import CalcigramError
from calcigram.formats.dicom.budget import check_budget
from calcigram.formats.files import DICOM_MAGIC, DICOM_PREAMBLE

MAX_ANSWER_BYTES, MAX_ANSWER_S = 32 << 20, 300.0
"""Of each answer of an archive, unpacked."""

MAX_UID = 64


class ArchiveError(CalcigramError):
    """The archive cannot be reached, refuses, or answers what it should not."""


def read_bounded(response: Any, **_: Any) -> Any:
    """Read an answer as far as it may go; without this the client reads whatever comes."""
    deadline = time.monotonic() + MAX_ANSWER_S
    body = bytearray()
    for part in response.iter_content(1 << 16):
        body += part
        if len(body) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
            response.close()
            raise ArchiveError(
                f"an answer of more than {MAX_ANSWER_BYTES >> 20} MB, or {MAX_ANSWER_S:g} s"
            )
    response._content = bytes(body)  # where requests keeps what `content` returns
    start = body.find(DICOM_MAGIC) - DICOM_PREAMBLE
    if start >= 0 and "dicom+json" not in response.headers.get("Content-Type", ""):
        end = body.rfind(b"\r\n--")
        check_budget(io.BytesIO(bytes(body[start : end if end > start else None])), "the instance")
    return response


def is_uid(text: str) -> bool:
    """Tell whether a text is a UID (PS3.5, 9.1); anything else has no place in an address.

    Examples
    --------
    >>> is_uid("1.2.840.1"), is_uid("1.2/../3"), is_uid("")
    (True, False, False)
    """
    return 0 < len(text) <= MAX_UID and set("0123456789.").issuperset(text)
