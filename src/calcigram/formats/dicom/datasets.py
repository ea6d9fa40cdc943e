"""DICOM datasets as other programs write them: sized before they are parsed, read with tolerance.

Parsed, an element takes a hundred times its bytes, and a deflated file may take a thousand times its own. What is
missing or damaged reads as nothing.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.errors import BadInputError
from calcigram.formats.dicom.concepts import Coded
from calcigram.formats.files import DICOM_MAGIC, DICOM_PREAMBLE
from calcigram.wording import counted

if TYPE_CHECKING:
    from pydicom import Dataset


BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"

LONG_VRS = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")  # fmt: skip
"""Value representations whose length has four bytes (PS3.5, 7.1.2)."""

MAX_ELEMENTS = 500_000
"""Of several values, each counts; a CAD report has about a hundred elements for each calcification."""

BYTES = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW")
"""Value representations that are kept as the bytes they are."""

MAX_INFLATED = 128 << 20

SHORTEST_ELEMENT = 8
"""Bytes of an empty element; fewer at the end of a file are padding."""

UNDEFINED_LENGTH = 0xFFFFFFFF
META, ITEMS, PIXELS = 0x0002, 0xFFFE, 0x7FE0
TRANSFER_SYNTAX, SEQUENCE_END = 0x0010, 0xE0DD

_CHUNK = 1 << 20


def check_budget(file: Any) -> None:
    """Refuse a file that ends within an element, or holds more than any report, image or mask.

    Parameters
    ----------
    file : binary file, open for reading
        Is read from its beginning, and left there.

    Raises
    ------
    BadInputError
        It is cut short, has more than `MAX_ELEMENTS` elements and items, or inflates to more than
        `MAX_INFLATED` bytes.
    """
    file.seek(DICOM_PREAMBLE)
    start = DICOM_PREAMBLE + len(DICOM_MAGIC) if file.read(4) == DICOM_MAGIC else 0
    syntax, start = _meta(file, start)
    if syntax == DEFLATED:
        file.seek(start)
        whole = io.BytesIO()
        for part in inflated(file, MAX_INFLATED):
            whole.write(part)
        _walk(whole, 0, "<")
    else:
        file.seek(start)
        is_big = syntax == BIG_ENDIAN or (not syntax and file.read(2) == b"\x00\x08")
        _walk(file, start, ">" if is_big else "<")
    file.seek(0)


def inflated(file: Any, most: int) -> Iterator[bytes]:
    """Yield what follows in a file, inflated (RFC 1951), part by part.

    Raises
    ------
    BadInputError
        It is more than `most` bytes, or damaged.
    """
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while not inflater.eof and (packed := inflater.unconsumed_tail or file.read(_CHUNK)):
        try:
            part = inflater.decompress(packed, _CHUNK)
        except zlib.error as error:
            raise BadInputError(f"complete deflated data ({error})") from None
        size += len(part)
        if size > most:
            raise BadInputError(f"at most {most} bytes when it is inflated")
        yield part


def _meta(file: Any, start: int) -> tuple[str, int]:
    """Return the transfer syntax that the meta information states, and where that ends."""
    syntax, position = "", start
    while True:
        file.seek(position)
        group, element, length, after = _header(file.read(12), "<")
        if group != META or length == UNDEFINED_LENGTH:
            return syntax, position
        position += after
        if element == TRANSFER_SYNTAX:
            file.seek(position)
            syntax = file.read(min(length, 64)).decode("ascii", "replace").strip(" \0")
        position += length


def _header(head: bytes, order: str) -> tuple[int, int, int, int]:
    """Return group, element, length of the value, and bytes before it."""
    head = head.ljust(12, b"\0")
    group, element = struct.unpack_from(f"{order}HH", head)
    explicit = group != ITEMS and head[4:6].isalpha() and head[4:6].isupper()
    if explicit and head[4:6] not in LONG_VRS:
        return group, element, struct.unpack_from(f"{order}H", head, 6)[0], 8
    at = 8 if explicit else 4
    return group, element, struct.unpack_from(f"{order}I", head, at)[0], at + 4


def _walk(file: Any, position: int, order: str) -> None:
    """Walk over all elements, those of items too; they follow each other as they stand in the file."""
    item = struct.pack(f"{order}HH", ITEMS, 0xE000)
    size = file.seek(0, os.SEEK_END)
    n_elements, in_fragments, all_defined = 0, False, True
    while position + SHORTEST_ELEMENT <= size and n_elements <= MAX_ELEMENTS:
        file.seek(position)
        head = file.read(16)
        group, element, length, after = _header(head, order)
        position += after
        n_elements += 1
        if group == ITEMS and not in_fragments:
            all_defined &= length != UNDEFINED_LENGTH
            continue
        if in_fragments and element == SEQUENCE_END:
            in_fragments = False
        elif length == UNDEFINED_LENGTH:
            all_defined = False
            in_fragments = group == PIXELS or head[4:6] in (b"OB", b"OW")
        elif not (head[after : after + 4] == item and _may_nest(head)):
            is_text = group % 2 == 0 and group != PIXELS and head[4:6] not in BYTES
            if is_text and 64 < length <= size:  # what is private stays bytes
                file.seek(position)
                n_elements += file.read(length).count(b"\\")
            position += length
    if n_elements > MAX_ELEMENTS:
        raise BadInputError(f"a file of at most {MAX_ELEMENTS} elements")
    if all_defined and position > size:
        raise BadInputError("a complete DICOM file", value=f"{size} bytes of at least {position}")


def _may_nest(head: bytes) -> bool:
    """Tell whether a value that begins as an item does is a sequence."""
    return head[4:6] in (b"SQ", b"UN") or not (head[4:6].isalpha() and head[4:6].isupper())


MAX_CODE_TEXT = 1_024
"""Meanings have at most 64 characters (PS3.5, LO); longer ones are cut, as each is compared with many."""

_CODE_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")


def coded(dataset: Dataset | None) -> Coded | None:
    """Return an item of a code sequence; None where it holds no code."""
    value = next((text for name in _CODE_VALUES if (text := _short(dataset, name).strip())), "")
    scheme, meaning = _short(dataset, "CodingSchemeDesignator"), _short(dataset, "CodeMeaning")
    return Coded(value, scheme.strip(), meaning) if value or meaning else None


def _short(dataset: Any, name: str) -> str:
    return text_of(dataset, name)[:MAX_CODE_TEXT]


def items_of(dataset: Any, name: str) -> list[Dataset]:
    """Return the items of a sequence; none where there is no such sequence."""
    try:
        return [item for item in _value(dataset, name) or [] if hasattr(item, "keys")]
    except TypeError:
        return []


def first_of(dataset: Any, name: str) -> Dataset | None:
    """Return the first item of a sequence; None where there is none."""
    return next(iter(items_of(dataset, name)), None)


def text_of(dataset: Any, name: str) -> str:
    """Return a value as text; empty where there is none."""
    value = _value(dataset, name)
    return "" if value is None else str(value)


def numbers_of(dataset: Any, name: str) -> list[float]:
    """Return the numbers of an attribute, one or several; none where one of them is no number.

    Examples
    --------
    >>> from pydicom import Dataset
    >>> header = Dataset()
    >>> header.ImagerPixelSpacing = [0.07, 0.07]
    >>> numbers_of(header, "ImagerPixelSpacing"), numbers_of(header, "PixelSpacing")
    ([0.07, 0.07], [])
    """
    try:
        return [float(number) for number in values_of(dataset, name)]
    except (TypeError, ValueError):
        return []


def whole_of(dataset: Any, name: str, default: int = 0) -> int:
    """Return the first number of an attribute as a whole one; `default` where it is none from 0 to a million."""
    numbers = numbers_of(dataset, name)
    return int(numbers[0]) if numbers and 0 <= numbers[0] < 1e6 else default


def values_of(dataset: Any, name: str) -> list[Any]:
    """Return the values of an attribute, one or several; none where it is empty."""
    value = _value(dataset, name)
    if value is None or value == "":
        return []
    return [value] if isinstance(value, int | float | str) else list(value)


def _value(dataset: Any, name: str) -> Any:
    return dataset.get(name) if dataset is not None and name in dataset else None


def new_dataset(**values: Any) -> Dataset:
    """Return a dataset with attributes by keyword; a list of datasets is a sequence."""
    from pydicom import Dataset

    made: Dataset = describe(Dataset(), **values)
    return made


def describe(dataset: Any, **values: Any) -> Any:
    """Set attributes of a dataset by keyword, and return it."""
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def save_dataset(dataset: Dataset, path: Path) -> None:
    """Write a dataset as a DICOM file with preamble and meta information.

    In memory first: where a disk is full, pydicom puts a stack into the message in place of the error's number.
    """
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    path.write_bytes(buffer.getvalue())


_J2K_START, _JPEG_START = b"\xff\x4f\xff\x51", b"\xff\xd8"

_JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""Markers that begin a frame (ITU-T T.81, B.1.1.3; T.87, C.1.1), which states its size."""

_ALONE = {0x01, *range(0xD0, 0xD9)}
"""Markers without a segment."""

_SCAN = 0xDA


def stated_size(frame: bytes) -> tuple[int, int, int] | None:
    """Return rows, columns and number of colours as the header of a JPEG, JPEG-LS or JPEG 2000 stream states them.

    Parameters
    ----------
    frame : bytes
        One compressed frame.

    Returns
    -------
    (int, int, int) or None
        None where it is no such stream, or has no such header.

    Examples
    --------
    >>> stated_size(b"\\xff\\xd8\\xff\\xc3" + struct.pack(">HBHHB", 11, 16, 30, 20, 1))
    (30, 20, 1)
    """
    at = frame.find(_J2K_START)
    if at >= 0 and len(frame) >= at + 42:
        right, bottom, left, top = struct.unpack_from(">4I", frame, at + 8)
        (n_colours,) = struct.unpack_from(">H", frame, at + 40)
        return bottom - top, right - left, n_colours
    at = len(_JPEG_START)
    if not frame.startswith(_JPEG_START):
        return None
    while at + 10 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF or marker in _ALONE:  # fill, or a marker without a segment
            at += 1 if marker == 0xFF else 2
        elif marker in _JPEG_FRAMES:
            rows, columns, n_colours = struct.unpack_from(">HHB", frame, at + 5)
            return rows, columns, n_colours
        elif marker == _SCAN:
            return None
        else:
            at += 2 + struct.unpack_from(">H", frame, at + 2)[0]
    return None


def check_size(frame: bytes, size: tuple[int, int]) -> None:
    """Refuse a compressed frame whose size is another than that of the image, or that has colours.

    Raises
    ------
    BadInputError
        It would take memory for pixels that the image does not have.
    """
    stated = stated_size(frame)
    if stated is not None and stated != (*size, 1):
        raise BadInputError(
            f"compressed pixels of the image's {size[0]} x {size[1]}, in one colour",
            value=f"{stated[0]} x {stated[1]}, in {counted(stated[2], 'colour')}",
        )
