"""How large an Arrow stream becomes when its buffers are unpacked, told without unpacking any.

A compressed buffer begins with its length unpacked; where the buffers lie, the message's own table
says (Arrow columnar format, `Message.fbs`: RecordBatch has buffers and compression). That table is
a FlatBuffer, of which as much is read here as is needed.
"""

from __future__ import annotations

import struct
from typing import Any

_HEADER, _BATCH_OF_DICTIONARY, _BUFFERS, _COMPRESSION = 2, 1, 2, 3
"""Places of fields: of Message, of DictionaryBatch, and two of RecordBatch."""

_IS_STORED = -1
"""In place of the length: this buffer is not compressed."""


def unpacked_bytes(stream: bytes) -> int:
    """Return the bytes of all buffers, unpacked.

    Parameters
    ----------
    stream : bytes
        An Arrow IPC stream.

    Raises
    ------
    pyarrow.ArrowException, ValueError, struct.error
        It is none, or its tables point outside of it.

    Examples
    --------
    >>> import pyarrow as pa
    >>> sink, batch = pa.BufferOutputStream(), pa.record_batch({"x": pa.array([0.0] * 100_000)})
    >>> with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as out:
    ...     out.write_batch(batch)
    >>> stream = sink.getvalue().to_pybytes()
    >>> len(stream) < 2_000, unpacked_bytes(stream)
    (True, 800000)
    """
    import pyarrow as pa

    total = 0
    for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(stream)):
        if message.type in ("record batch", "dictionary"):
            batch = _Table.root(memoryview(message.metadata)).table(_HEADER)
            if message.type == "dictionary":
                batch = batch.table(_BATCH_OF_DICTIONARY)
            total += _unpacked(batch, memoryview(message.body))
    return total


def _unpacked(batch: _Table, body: memoryview) -> int:
    total = 0
    for offset, length in batch.structs(_BUFFERS, "<qq"):
        size = length
        if length and batch.has(_COMPRESSION):
            (size,) = struct.unpack_from("<q", body, offset)
        total += length if size == _IS_STORED else size
        if size < _IS_STORED or length < 0:
            raise ValueError("a buffer of negative length")
    return total


class _Table:
    """One table of a FlatBuffer."""

    def __init__(self, data: memoryview, position: int) -> None:
        self._data, self._position = data, position

    @classmethod
    def root(cls, data: memoryview) -> _Table:
        """Return the table that a FlatBuffer is of."""
        return cls(data, struct.unpack_from("<I", data)[0])

    def has(self, place: int) -> bool:
        """Tell whether a field is there."""
        return self._offset(place) != 0

    def table(self, place: int) -> _Table:
        """Return a field that is a table."""
        return _Table(self._data, self._pointed(place))

    def structs(self, place: int, layout: str) -> list[tuple[Any, ...]]:
        """Return a field that is a vector of structs."""
        if not self.has(place):
            return []
        start = self._pointed(place)
        (n,) = struct.unpack_from("<I", self._data, start)
        size = struct.calcsize(layout)
        if n * size > len(self._data):
            raise ValueError("a vector that is longer than what holds it")
        return [struct.unpack_from(layout, self._data, start + 4 + size * i) for i in range(n)]

    def _offset(self, place: int) -> int:
        """Return where a field begins, from the table's own position; 0 where there is none."""
        (back,) = struct.unpack_from("<i", self._data, self._position)
        fields = self._position - back
        (size,) = struct.unpack_from("<H", self._data, fields)
        at = 4 + 2 * place
        return int(struct.unpack_from("<H", self._data, fields + at)[0]) if at < size else 0

    def _pointed(self, place: int) -> int:
        position = self._position + self._offset(place)
        return int(position + struct.unpack_from("<I", self._data, position)[0])
