"""Finished parts of an output, kept in a hidden folder beside it until the output is whole.

A process that is killed leaves the folder behind; the next run takes the parts from it instead
of computing them. The order of parts is the order of the output, so what is kept is always a
beginning of it. What a part is, and whether it may still be used, the caller's manifest says.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.errors import CalcigramError
from calcigram.formats.files import PathLike, atomic_path
from calcigram.formats.manifest import check_same, to_text
from calcigram.formats.places import take_lock

if TYPE_CHECKING:
    import pyarrow as pa

Manifest = Mapping[str, Any]

MANIFEST_FILE = "manifest.json"

_NOTE_KEY = b"calcigram"


class KeptParts:
    """The parts of one output that are done; make one with `kept_parts`."""

    def __init__(self, output: PathLike, manifest: Callable[[], Manifest]) -> None:
        self._output = Path(output).resolve()
        self.folder = self._output.with_name(f".{self._output.name}.work")
        self._manifest = manifest
        self._lock: int | None = None
        self._begun = False
        self.n_kept = 0

    def add(self, table: pa.Table, note: Mapping[str, Any]) -> None:
        """Keep the next part: a table, and a note of JSON values."""
        import pyarrow as pa

        if not self._begun:
            self._begin()
        schema = table.schema.with_metadata({_NOTE_KEY: json.dumps(note)})
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            atomic_path(self._path(self.n_kept), tidy=False) as temporary,
            pa.ipc.new_file(str(temporary), schema, options=options) as file,
        ):
            file.write_table(table)
        self.n_kept += 1

    def take_up(self) -> Iterator[tuple[pa.Table, dict[str, Any]]]:
        """Yield the parts an earlier run left behind, each with its note.

        Raises
        ------
        BadInputError
            They were made from other input, by another model or under other options; or another
            process is at work on this output.
        """
        import pyarrow as pa

        if not self.folder.is_dir():
            return
        self._take_lock()
        manifest = self.folder / MANIFEST_FILE
        if not manifest.exists():  # killed before there was a part
            return
        check_same(manifest.read_bytes(), self._manifest(), str(self._output))
        self._begun = True
        while (path := self._path(self.n_kept)).exists():
            try:
                with pa.ipc.open_file(str(path)) as file:
                    table = file.read_all()
            except (pa.ArrowException, OSError):  # cut off by a failing machine
                return
            self.n_kept += 1
            note = json.loads(table.schema.metadata[_NOTE_KEY])
            yield table.replace_schema_metadata(None), note

    def discard(self) -> None:
        """Remove the folder with all that it holds."""
        if self.folder.is_dir():
            self._take_lock()
            shutil.rmtree(self.folder)
        self.close()

    def close(self) -> None:
        """Let others have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _begin(self) -> None:
        self._take_lock()
        for orphan in self.folder.glob("part-*"):  # its manifest is gone
            orphan.unlink()
        with atomic_path(self.folder / MANIFEST_FILE) as temporary:
            temporary.write_text(to_text(self._manifest()), encoding="utf-8")
        self._begun = True

    def _take_lock(self) -> None:
        if self._lock is None:
            self._lock = take_lock(self.folder, self._output)

    def _path(self, index: int) -> Path:
        return self.folder / f"part-{index:06}.arrow"


@contextmanager
def kept_parts(
    output: PathLike, manifest: Callable[[], Manifest], *, resume: bool
) -> Iterator[KeptParts]:
    """Keep finished parts while a context lasts.

    Parameters
    ----------
    output : path-like
        The file that will be whole in the end; the parts stand beside it, in
        ``.<name>.work``.
    manifest : callable
        Gives what the work is made from, in JSON values; called when first needed.
    resume : bool
        Leave what an earlier run kept for `KeptParts.take_up`, instead of removing it.

    Yields
    ------
    KeptParts

    Notes
    -----
    When the context ends well, or with a `CalcigramError` (the input is bad, so that the same
    request would meet it again), the folder is removed. After any other end, such as an
    interrupt, a full disk or a killed process, it stays.
    """
    parts = KeptParts(output, manifest)
    if not resume:
        parts.discard()
    try:
        yield parts
    except CalcigramError:
        if parts.n_kept:
            parts.discard()
        raise
    else:
        parts.discard()
    finally:
        parts.close()
