"""The size that a compressed frame states itself: checked before a decoder takes memory for it."""

from __future__ import annotations

import struct

from calcigram.errors import BadInputError

_J2K_START, _JPEG_START = b"\xff\x4f\xff\x51", b"\xff\xd8"

_JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""Markers that begin a frame (ITU-T T.81, B.1.1.3; T.87, C.1.1), which states its size."""

_ALONE = {0x01, *range(0xD0, 0xD9)}
"""Markers without a segment."""

_SCAN = 0xDA


def stated_size(frame: bytes) -> tuple[int, int] | None:
    """Return rows and columns as the header of a JPEG, JPEG-LS or JPEG 2000 stream states them.

    Parameters
    ----------
    frame : bytes
        One compressed frame.

    Returns
    -------
    (int, int) or None
        None where it is no such stream, or has no such header.

    Examples
    --------
    >>> stated_size(b"\\xff\\xd8\\xff\\xc3" + struct.pack(">HBHHB", 11, 16, 30, 20, 1))
    (30, 20)
    """
    at = frame.find(_J2K_START)
    if at >= 0 and len(frame) >= at + 24:
        right, bottom, left, top = struct.unpack_from(">4I", frame, at + 8)
        return bottom - top, right - left
    at = len(_JPEG_START)
    if not frame.startswith(_JPEG_START):
        return None
    while at + 9 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF or marker in _ALONE:  # fill, or a marker without a segment
            at += 1 if marker == 0xFF else 2
        elif marker in _JPEG_FRAMES:
            rows, columns = struct.unpack_from(">HH", frame, at + 5)
            return rows, columns
        elif marker == _SCAN:
            return None
        else:
            at += 2 + struct.unpack_from(">H", frame, at + 2)[0]
    return None


def check_size(frame: bytes, size: tuple[int, int], source: str) -> None:
    """Refuse a compressed frame whose size is another than that of the image.

    Raises
    ------
    BadInputError
        It would take memory for pixels that the image does not have.
    """
    stated = stated_size(frame)
    if stated is not None and stated != size:
        raise BadInputError(
            f"compressed pixels of the image's {size[0]} x {size[1]}",
            source=source,
            value=f"{stated[0]} x {stated[1]}",
        )
