"""How much a Parquet file unpacks to, told from its footer and page headers without unpacking any.

Arrow believes what a file says of itself, and ends the process over some footers when they are
asked for column metadata; so both are read here first. They are Thrift structs in the compact
protocol (Apache Thrift, `thrift-compact-protocol.md`; Apache Parquet, `parquet.thrift`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from calcigram.errors import BadInputError
from calcigram.limits import unpacked_limit

MAX_FOOTER_BYTES = 1 << 26
_MAX_HEADER_BYTES = 1 << 20
_MAX_DEPTH = 12

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)

_BYTE_ARRAY, _FIXED_BYTES = 6, 7
_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = 0, 2, 3
_DELTA_BYTE_ARRAY = 7

_BYTES_PER_VALUE = 12
"""A decoded value, and its two levels."""

_BYTES_PER_WORD = 16
"""Of a dictionary: where a word begins, and how long it is."""

Fields = dict[int, Any]


def check_parquet(
    file: BinaryIO, source: str, *, most: int | None = None, with_pages: bool = True
) -> list[str]:
    """Refuse a Parquet file that unpacks to more than it may, before Arrow sees it.

    Parameters
    ----------
    file : binary file
        Left at its beginning.
    source : str
        What messages call it.
    most : int, optional
        Bytes it may unpack to; by default `limits.unpacked_limit` of its size.
    with_pages : bool
        Look at the header of each page too. A footer alone may lie; but pages of a file that is far
        away cost a request each.

    Returns
    -------
    list of str
        The columns of text or bytes that are not nested.

    Raises
    ------
    BadInputError
        It unpacks to more, or is damaged.
    """
    try:
        size = file.seek(0, 2)
        n_bytes, texts = _measured(file, size, with_pages=with_pages)
    except (struct.error, LookupError, AttributeError, TypeError, ValueError) as error:
        raise BadInputError("an undamaged Parquet file", source=source, value=str(error)) from None
    finally:
        file.seek(0)
    allowed = unpacked_limit(size) if most is None else most
    if n_bytes > allowed:
        raise BadInputError(
            f"a Parquet file that unpacks to at most {allowed} bytes; cut it in parts, or compress it less",
            source=source,
            value=f"{n_bytes} bytes",
        )
    return texts


def _measured(file: BinaryIO, size: int, *, with_pages: bool) -> tuple[int, list[str]]:
    """Return the bytes of all values, unpacked and decoded, and the flat columns of text.

    Of texts in a dictionary the codes alone count.
    """
    file.seek(max(0, size - 8))
    (length,) = struct.unpack("<I4x", file.read(8))
    if length + 8 > size:
        raise ValueError("a footer that is longer than the file")
    if length > MAX_FOOTER_BYTES:
        raise ValueError(f"a footer of {length} bytes")
    file.seek(size - 8 - length)
    reader = _Compact(file.read(length))
    leaves: list[Fields] = []
    texts: list[str] = []
    pages = _Pages(file, size)
    total = 0
    for field_id, value in reader.fields(streamed=4):
        if field_id == 2:
            leaves = [element for element in value[1:] if not element.get(5)]
            texts = [name.decode() for name in _flat_texts(value)]
        elif field_id == 4:
            total += _group(value, leaves, size, pages if with_pages else None)
    return total, texts


def _flat_texts(schema: list[Fields]) -> Iterator[bytes]:
    """Yield the names of columns of bytes that stand at the top of a schema, listed depth first."""
    at = 1
    for _ in range(schema[0].get(5, 0)):
        element = schema[at]
        if not element.get(5) and element.get(1) == _BYTE_ARRAY and element.get(3) != 2:
            yield element[4]
        left = 1
        while left:
            left += schema[at].get(5, 0) - 1
            at += 1


def _group(group: Fields, leaves: list[Fields], size: int, pages: _Pages | None) -> int:
    """Return the unpacked bytes of a row group."""
    chunks = group[1]
    if len(chunks) != len(leaves) or group[3] < 0:
        raise ValueError("a row group that lacks columns")
    total = 0
    for chunk, leaf in zip(chunks, leaves, strict=True):
        about = chunk[3]
        width = leaf.get(2, 0) if leaf.get(1) == _FIXED_BYTES else 0
        if min(about[5], about[6], about[7], width) < 0:
            raise ValueError("a negative size")
        starts = [about[key] for key in (9, 11) if about.get(key, 0) > 0]
        if not starts and not max(about[5], group[3]):  # no row: Arrow writes no page
            continue
        start = min(starts)
        if start + about[7] > size:
            raise ValueError("a column that ends after the end of the file")
        n_values, n_bytes = about[5], about[6]
        if pages is not None:
            n_values, n_bytes = pages.sizes(start, about)
        n_values = max(n_values, group[3])  # Arrow takes memory for all rows
        total += n_bytes + n_values * (_BYTES_PER_VALUE + width)
    return total


class _Pages:
    """The headers of pages, read one after the other."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self._left = 100_000 + size // 4096

    def sizes(self, position: int, about: Fields) -> tuple[int, int]:
        """Return the values of a column chunk and the bytes of its pages, unpacked."""
        end = position + about[7]
        n_values, n_bytes = 0, 0
        while n_values < about[5] and position < end:
            self._left -= 1
            if self._left < 0:
                raise ValueError("pages of next to nothing")
            header, length = self._header(position)
            if min(header[2], header[3]) < 0:
                raise ValueError("a page of negative size")
            unpacked = header[2]
            data = header.get(5) if header[1] == _DATA_PAGE else header.get(8)
            if header[1] in (_DATA_PAGE, _DATA_PAGE_V2):
                if data is None or data[1] < 0:
                    raise ValueError("a page without its header")
                n_values += data[1]
                encoding = data[2] if header[1] == _DATA_PAGE else data[4]
                if encoding == _DELTA_BYTE_ARRAY:  # each text may repeat all of the one before
                    unpacked *= max(1, data[1])
            elif header[1] == _DICTIONARY_PAGE:
                if header[7][1] < 0:
                    raise ValueError("a dictionary of negative size")
                unpacked += header[7][1] * _BYTES_PER_WORD
            n_bytes += unpacked
            position += length + header[3]
        return n_values, n_bytes

    def _header(self, position: int) -> tuple[Fields, int]:
        size = 256
        while True:
            self._file.seek(position)
            reader = _Compact(self._file.read(size))
            try:
                return dict(reader.fields()), reader.at
            except IndexError:
                if size >= _MAX_HEADER_BYTES or position + size >= self._size:
                    raise
                size *= 16


class _Compact:
    """Reads the compact protocol; whatever lies beyond the data is an `IndexError`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def fields(self, streamed: int = -1, depth: int = 0) -> Iterator[tuple[int, Any]]:
        """Yield the fields of a struct; each item of the list `streamed` on its own."""
        if depth > _MAX_DEPTH:
            raise ValueError("structs too deep in each other")
        field_id = 0
        while head := self._byte():
            field_id = field_id + (head >> 4) if head >> 4 else self._integer()
            kind = head & 15
            if field_id == streamed and kind == _LIST:
                for item in self._items(depth):
                    yield field_id, item
            else:
                yield field_id, self._value(kind, depth)

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind == _STRUCT:
            return dict(self.fields(depth=depth + 1))
        if kind in (_LIST, _SET):
            return list(self._items(depth))
        if kind == _BYTE:
            return self._byte()
        if kind == _DOUBLE:
            return self._bytes(8)
        raise ValueError(f"a field of type {kind}")

    def _items(self, depth: int) -> Iterator[Any]:
        head = self._byte()
        n, kind = head >> 4, head & 15
        n = self._varint() if n == 15 else n
        if n > len(self._data) - self.at:
            raise ValueError("a list that is longer than the footer")
        for _ in range(n):
            yield self._byte() == 1 if kind in (_TRUE, _FALSE) else self._value(kind, depth)

    def _byte(self) -> int:
        byte = self._data[self.at]
        self.at += 1
        return byte

    def _bytes(self, n: int) -> bytes:
        if n > len(self._data) - self.at:
            raise IndexError("data that ends too soon")
        self.at += n
        return self._data[self.at - n : self.at]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number of more than 64 bits")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
