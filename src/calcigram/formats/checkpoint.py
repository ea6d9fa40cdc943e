"""Long runs: what a run was made from, and the finished parts that the next run takes over.

A manifest says from what, and how, a piece of work was made. Interrupted work is resumed only
where its manifest equals that of the new request; otherwise a result would be mixed from two.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.files import PathLike, atomic_path, first_bytes
from calcigram.formats.temporary import LOCK_FILE, take_lock, tidied_up

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGE = Path(__file__).parents[1]

MANIFEST_FILE = "_calcigram.json"
"""Stands among the parts; readers of Parquet folders pass over names with an underscore."""

_NOTE_KEY = b"calcigram"

RESUME_HINT = "; without --resume everything is computed again"


def file_digest(path: PathLike) -> str:
    """Return the SHA-256 of a file's content, as hexadecimal.

    Raises
    ------
    BadInputError
        It does not exist, cannot be read, or is empty.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a").write_text("abc")
    ...     file_digest(Path(folder, "a"))[:8]
    'ba7816bf'
    """
    first_bytes(path, 1)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def code_digest(*within: str) -> str:
    """Return the SHA-256 of this package's modules and rules: other code, other results.

    Parameters
    ----------
    *within : str
        Subpackages that count; all where none is named.

    Examples
    --------
    >>> len(code_digest())
    64
    """
    digest = hashlib.sha256()
    folders = [PACKAGE / name for name in within] or [PACKAGE]
    kinds = ("*.py", "*.toml")
    paths = (path for folder in folders for kind in kinds for path in folder.rglob(kind))
    for path in sorted(paths):
        digest.update(f"\n{path.relative_to(PACKAGE).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def to_text(manifest: Mapping[str, Any]) -> str:
    """Return a manifest as JSON text."""
    return json.dumps(manifest, indent=1, sort_keys=True) + "\n"


def check_same(kept: str | bytes, wanted: Mapping[str, Any], source: str) -> None:
    """Refuse to go on with work that was begun from something else.

    Parameters
    ----------
    kept : str or bytes
        Text of the manifest that was found.
    wanted : mapping
        The manifest of the request.
    source : str
        What to name in the message.

    Raises
    ------
    BadInputError
        The two differ, or the text is no manifest; what differs is named.

    Examples
    --------
    >>> check_same('{"model": "a", "files": 1}', {"model": "b", "files": 1}, "v.csv")
    Traceback (most recent call last):
    calcigram.errors.BadInputError: v.csv, column 'model': got 'a', expected 'b', ... computed again
    """
    try:
        found = json.loads(kept)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadInputError(f"a manifest in JSON{RESUME_HINT}", source=source)
    for key in sorted({*found, *wanted}):
        if found.get(key) != wanted.get(key):
            raise BadInputError(
                f"{_short(wanted.get(key))}, as for the interrupted run" + RESUME_HINT,
                source=source,
                column=key,
                value=found.get(key),
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


Manifest = Mapping[str, Any]


class Folder(Protocol):
    """Where parts are kept: `LocalFolder`, or `batch.storage.Storage` for what fsspec reaches."""

    def exists(self) -> bool:
        """Tell whether it is there."""

    def names(self) -> set[str]:
        """Return the names of its files; of none where it is not there."""

    def read(self, name: str) -> bytes:
        """Return what a file holds."""

    def write(self, name: str, data: Any) -> None:
        """Write a file whole or not at all."""

    def remove(self, names: Iterable[str] | None = None) -> None:
        """Remove the files of these names, or the whole folder."""

    def held(self, output: str) -> AbstractContextManager[None]:
        """Make the folder and let no other process hold it."""


class LocalFolder:
    """A folder on a local disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Tell whether it is there."""
        return self.path.is_dir()

    def names(self) -> set[str]:
        """Return the names of its files; of none where it is not there."""
        return {file.name for file in self.path.iterdir()} if self.path.is_dir() else set()

    def read(self, name: str) -> bytes:
        """Return what a file holds."""
        return (self.path / name).read_bytes()

    def write(self, name: str, data: Any) -> None:
        """Write a file whole or not at all."""
        with atomic_path(self.path / name, tidy=False) as temporary:
            temporary.write_bytes(data)

    def remove(self, names: Iterable[str] | None = None) -> None:
        """Remove the files of these names, or the whole folder."""
        if names is None:
            shutil.rmtree(self.path)
        else:
            for name in names:
                (self.path / name).unlink(missing_ok=True)

    @contextmanager
    def held(self, output: str) -> Iterator[None]:
        """Make the folder and let no other process hold it; the message names `output`."""
        lock = take_lock(self.path, output)
        try:
            yield
        finally:
            os.close(lock)


class Checkpoint:
    """The finished parts of one output, in a folder beside it, and what they are made from.

    Parameters
    ----------
    folder : Folder
    output : str
        What messages name.
    manifest : callable
        Gives what the work is made from, in JSON values; called when first needed.
    """

    def __init__(self, folder: Folder, output: str, manifest: Callable[[], Manifest]) -> None:
        self.folder = folder
        self._output = output
        self._manifest = manifest
        self._lock = ExitStack()
        self._is_held = False

    def hold(self) -> None:
        """Let no other process work on this output."""
        if not self._is_held:
            self._lock.enter_context(self.folder.held(self._output))
            self._is_held = True

    def close(self) -> None:
        """Let others have the folder."""
        self._lock.close()
        self._is_held = False

    def left(self) -> set[str]:
        """Return the names of what an earlier run of the same work left in the folder.

        Raises
        ------
        BadInputError
            It was made from other input, by another model or under other options.
        """
        names = self.folder.names()
        if MANIFEST_FILE not in names:  # killed before there was a part
            return set()
        check_same(self.folder.read(MANIFEST_FILE), self._manifest(), self._output)
        return names

    def begin(self, keep: Iterable[str] = ()) -> None:
        """Hold the folder, and leave nothing in it but a manifest and the parts to keep."""
        self.hold()
        self.folder.remove(self.folder.names() - {LOCK_FILE, *keep})
        self.folder.write(MANIFEST_FILE, to_text(self._manifest()).encode())

    def discard(self) -> None:
        """Remove the folder with all that it holds."""
        if self.folder.exists():
            self.hold()
            self.folder.remove()
        self.close()


class KeptParts(Checkpoint):
    """Tables that are the beginning of an output, in its order; make one with `kept_parts`."""

    n_kept = 0
    _has_begun = False

    def add(self, table: pa.Table, note: Mapping[str, Any]) -> None:
        """Keep the next part: a table, and a note of JSON values."""
        import pyarrow as pa

        if not self._has_begun:
            self.begin()
            self._has_begun = True
        schema = table.schema.with_metadata({_NOTE_KEY: json.dumps(note)})
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, schema, options=options) as file:
            file.write_table(table)
        self.folder.write(self._name(), sink.getvalue())
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

        if not self.folder.names():
            return
        self.hold()
        names = self.left()
        self._has_begun = bool(names)
        while self._name() in names:
            try:
                with pa.ipc.open_file(pa.py_buffer(self.folder.read(self._name()))) as file:
                    table = file.read_all()
            except (pa.ArrowException, OSError):  # cut off by a failing machine
                return
            self.n_kept += 1
            note = json.loads(table.schema.metadata[_NOTE_KEY])
            yield table.replace_schema_metadata(None), note

    def _name(self) -> str:
        return f"part-{self.n_kept:06}.arrow"


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
    target = Path(output).resolve()
    tidied_up()  # what is resumed may need no temporary file, and would leave those of the killed run
    folder = LocalFolder(target.with_name(f".{target.name}.work"))
    parts = KeptParts(folder, str(target), manifest)
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


Item = TypeVar("Item")


def read_ahead(items: Iterable[Item]) -> Iterator[tuple[Item, Callable[[], bool]]]:
    """Yield each item, fetching the next while one is worked on.

    With it comes a function that tells whether it is the last; it waits for the next, so it is
    asked best after the work.

    Examples
    --------
    >>> [(item, is_last()) for item, is_last in read_ahead("ab")]
    [('a', False), ('b', True)]
    """
    nothing: Any = object()
    iterator = iter(items)
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, iterator, nothing)
        while (item := upcoming.result()) is not nothing:
            upcoming = pool.submit(next, iterator, nothing)
            yield item, partial(_is, upcoming, nothing)


def _is(future: Future[Any], value: Any) -> bool:
    return future.result() is value


@contextmanager
def write_behind() -> Iterator[Callable[..., None]]:
    """Give a function that calls another on a thread of its own, after all calls before it.

    At most one call waits while another runs; so memory stays flat. What a call raises is raised
    by the next, or when the context ends.

    Examples
    --------
    >>> done = []
    >>> with write_behind() as later:
    ...     later(done.append, 1)
    ...     later(done.append, 2)
    >>> done
    [1, 2]
    """
    pending: list[Future[None]] = []
    with ThreadPoolExecutor(1) as pool:

        def later(function: Callable[..., None], *arguments: Any) -> None:
            while pending:
                pending.pop().result()
            pending.append(pool.submit(function, *arguments))

        yield later
        while pending:
            pending.pop().result()
