"""Long runs: what they read and write, what a run was made from, and the finished parts that the next run takes over.

A manifest says from what, and how, a piece of work was made. Interrupted work is resumed only
where its manifest equals that of the new request; otherwise a result would be mixed from two.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.files import (
    STANDARD_STREAM,
    PathLike,
    file_digest,
    head_of,
    is_image_file,
    looks_like_dicom,
    stamp_of,
)
from calcigram.formats.temporary import LOCK_FILE, atomic_path, is_same, take_lock, tidied_up

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGE = Path(__file__).parents[1]

MANIFEST_FILE = "_calcigram.json"
"""Stands among the parts; readers of Parquet folders pass over names with an underscore."""

_NOTE_KEY = b"calcigram"

RESUME_HINT = "; without --resume everything is computed again"


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
            expected = f"{_short(wanted.get(key))}, as for the interrupted run{RESUME_HINT}"
            raise BadInputError(expected, source=source, column=key, value=found.get(key))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


class Folder:
    """Where parts are kept: a folder on a local disk, or `batch.storage.Storage` on what fsspec reaches."""

    path: str | Path

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Tell whether it is there."""
        return os.path.isdir(self.path)

    def names(self) -> set[str]:
        """Return the names of its files; of none where it is not there."""
        return set(os.listdir(self.path)) if os.path.isdir(self.path) else set()

    def read(self, name: str) -> bytes:
        """Return what a file holds."""
        return Path(self.path, name).read_bytes()

    def write(self, name: str, data: Any) -> None:
        """Write a file whole or not at all."""
        with atomic_path(Path(self.path, name), tidy=False) as temporary:
            temporary.write_bytes(data)

    def remove(self, names: Iterable[str] | None = None) -> None:
        """Remove the files of these names, or the whole folder."""
        if names is None:
            shutil.rmtree(self.path)
        else:
            for name in names:
                Path(self.path, name).unlink(missing_ok=True)

    @contextmanager
    def held(self, output: str) -> Iterator[None]:
        """Make the folder and let no other process hold it.

        Raises
        ------
        BadInputError
            Another process holds it; the message names `output`.
        """
        lock = take_lock(Path(self.path), output)
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

    def __init__(
        self, folder: Folder, output: str, manifest: Callable[[], Mapping[str, Any]]
    ) -> None:
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
    output: PathLike, manifest: Callable[[], Mapping[str, Any]], *, resume: bool
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
    folder = Folder(target.with_name(f".{target.name}.work"))
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

            def is_last(after: Future[Any] = upcoming) -> bool:
                return after.result() is nothing

            yield item, is_last


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


def check_apart(
    written: Iterable[PathLike], read: Iterable[PathLike], images: Iterable[PathLike] = ()
) -> None:
    """Refuse outputs that are an input, hold one, lie in one, or are one another.

    Links are followed, and files are compared by device and inode, so another name or a hard
    link of an input is found as well.

    Parameters
    ----------
    written : iterable of path-like
        Files and folders to write; they need not exist.
    read : iterable of path-like
        Files and folders to read.
    images : iterable of path-like
        Images to read, or folders of them. Results may be written into such a folder, but not over
        an image in it.

    Raises
    ------
    BadInputError
        Two of them overlap; both are named.

    Examples
    --------
    >>> check_apart(["b.csv"], ["a.csv"])
    >>> check_apart(["a.csv"], ["./a.csv"])
    Traceback (most recent call last):
    calcigram.errors.BadInputError: a.csv: expected an output that does not overlap './a.csv', ...
    """
    outputs = [os.fspath(path) for path in written if str(path) != STANDARD_STREAM]
    others = [os.fspath(path) for path in read]
    for image in (os.fspath(path) for path in images):
        over_one = any(is_image_file(Path(output)) for output in outputs)
        others += [image] if over_one or not os.path.isdir(image) else []
    for output in outputs:
        for other in others:
            if _holds(other, output) or _holds(output, other):
                raise BadInputError(
                    f"an output that does not overlap {other!r}, which is read or written too: "
                    "name another output",
                    source=output,
                )
        others.append(output)


def _holds(folder: str, path: str) -> bool:
    """Tell whether `path` is `folder` or lies in it."""
    whole, inner = os.path.realpath(folder), Path(os.path.realpath(path))
    try:
        there = os.stat(whole)
    except OSError:  # not there yet
        return whole in (str(inner), *map(str, inner.parents))
    if not (stat.S_ISREG(there.st_mode) or stat.S_ISDIR(there.st_mode)):
        return False  # a terminal or a pipe
    return any(is_same(place, there) for place in (inner, *inner.parents))


class Inputs:
    """What input files hold at this moment.

    Parameters
    ----------
    paths : iterable of path-like
        Files that will be read, told by the digest of their content. What is no regular file,
        such as a pipe, has none.
    images : sequence of path-like
        Images, or folders of them, that may be read as well. Files in folders, and DICOM files
        beside those of `paths`, are told by size and time of change: many are never opened.

    Raises
    ------
    BadInputError
        A file cannot be read, or is empty.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.csv")
    ...     _ = path.write_text("abc")
    ...     inputs = Inputs([path])
    ...     inputs.check_unchanged()
    ...     inputs.described[0]["sha256"][:8]
    'ba7816bf'
    """

    def __init__(self, paths: Iterable[PathLike], images: Sequence[PathLike] = ()) -> None:
        named = {Path(path): str(path) for path in (*paths, *images)}
        self._stamps: dict[Path, tuple[int, ...]] = {}
        self._digests: dict[Path, str] = {}
        self.described: list[dict[str, Any]] = []
        for path, name in named.items():
            if path.is_dir():
                self._add_images(sorted(file for file in path.rglob("*") if is_image_file(file)))
            elif path.is_file() or not path.exists():  # a pipe or a device has no digest
                stamp = stamp_of(path) if path.exists() else ()
                digest = file_digest(path)
                self._stamps[path], self._digests[path] = stamp, digest
                self.described.append({"name": name, "sha256": digest})
        for folder in sorted(
            {path.parent for path in self._digests if looks_like_dicom(head_of(path))}
        ):
            self._add_images(sorted(file for file in folder.iterdir() if is_image_file(file)))

    def _add_images(self, files: Iterable[Path]) -> None:
        for path in files:
            if path not in self._stamps:
                self._stamps[path] = stamp_of(path)
                self.described.append({"name": str(path), "stamp": list(self._stamps[path])})

    def check_unchanged(self) -> None:
        """Refuse input that is not what it was.

        Raises
        ------
        BadInputError
            A file was changed, replaced or removed meanwhile.
        """
        for path, stamp in self._stamps.items():
            if stamp_of(path) != stamp and (
                path not in self._digests or file_digest(path) != self._digests[path]
            ):
                expected = "a file that does not change while it is read"
                raise BadInputError(expected, source=str(path))
