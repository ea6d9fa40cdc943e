"""Files on anything fsspec reaches: a local folder, S3, GCS, Azure, HTTP, memory.

A thin layer over fsspec: URLs in, whole files out. It does not look into the files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.checkpoint import Folder
from calcigram.formats.extras import how_to_install
from calcigram.formats.temporary import replace_folder


class Storage(Folder):
    """One URL: a file or folder of a file system.

    Parameters
    ----------
    url : str or path-like
        Such as ``data/clusters``, ``s3://bucket/clusters``, ``memory://clusters``. Credentials
        come from the environment or from fsspec's own configuration.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     storage = Storage(folder)
    ...     storage.write("a.txt", b"whole")
    ...     storage.names(), storage.is_local
    ({'a.txt'}, True)
    """

    path: str

    def __init__(self, url: str | os.PathLike[str]) -> None:
        try:
            import fsspec
        except ImportError:
            raise CalcigramError(
                f"batch work needs fsspec and, for a cluster, Dask: {how_to_install('scale')}"
            ) from None
        text = os.fspath(url)
        try:
            self.fs, path = fsspec.core.url_to_fs(text)
        except (ValueError, ImportError) as error:
            raise BadInputError(f"a path or URL that fsspec opens ({error})", source=text) from None
        self.path = path.rstrip("/") or path
        protocol = self.fs.protocol if isinstance(self.fs.protocol, str) else self.fs.protocol[0]
        self.is_local: bool = protocol in ("file", "local")

    def url(self, path: str | None = None) -> str:
        """Return the URL of `path`, by which another process finds it."""
        path = self.path if path is None else path
        return path if self.is_local else str(self.fs.unstrip_protocol(path))

    def join(self, name: str) -> str:
        """Return the path of `name` in this folder."""
        return f"{self.path}/{name}"

    def beside(self, name: str) -> Storage:
        """Return the storage of another name in the parent folder."""
        parent = self.path.rpartition("/")[0]
        return Storage(self.url(f"{parent}/{name}"))

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition("/")[2]

    def exists(self, path: str | None = None) -> bool:
        """Tell whether there is something."""
        self.fs.invalidate_cache()
        return bool(self.fs.exists(self.path if path is None else path))

    def files(self) -> Iterator[str]:
        """Yield the paths of all files, in the order of their names."""
        self.fs.invalidate_cache()
        if self.fs.isfile(self.path):
            yield self.path
        elif self.fs.exists(self.path):
            yield from sorted(self.fs.find(self.path))

    def names(self) -> set[str]:
        """Return the names of all files, as paths below this folder."""
        return {path.removeprefix(self.path).lstrip("/") for path in self.files()}

    @contextmanager
    def opened(self, path: str) -> Iterator[Any]:
        """Give an open binary file."""
        try:
            with self.fs.open(path, "rb") as file:
                yield file
        except FileNotFoundError:
            raise BadInputError("a file that exists", source=self.url(path)) from None

    def read(self, name: str) -> bytes:
        """Return what a file of this folder holds."""
        with self.opened(self.join(name)) as file:
            data: bytes = file.read()
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write a file of this folder whole or not at all, even if another process writes the same one."""
        if self.is_local:
            super().write(name, data)
        else:  # a store shows an object when it is complete
            self.fs.pipe_file(self.join(name), data)

    @contextmanager
    def held(self, output: str) -> Iterator[None]:
        """Make the folder and let no other process hold it; other stores than disks have no locks.

        Raises
        ------
        BadInputError
            Another process holds it; the message names `output`.
        """
        if self.is_local:
            with super().held(output):
                yield
        else:
            self.fs.makedirs(self.path, exist_ok=True)
            yield

    def remove(self, names: Iterable[str] | None = None) -> None:
        """Remove all, or the files of these names."""
        if names is not None:
            for name in names:
                self.fs.rm_file(self.join(name))
        elif self.exists():
            self.fs.rm(self.path, recursive=True)

    def move_to(self, target: Storage, *, last: str) -> None:
        """Give the folder another name, which an older one loses: at once on a local disk.

        Elsewhere file by file, the one named `last` at the end, so that it tells a whole folder.
        """
        if self.is_local:
            replace_folder(Path(self.path), Path(target.path))
            return
        target.remove()
        # Not `mv`: an object store has no folder that could be copied, and s3fs tries to.
        for name in sorted(self.names(), key=lambda name: (name == last, name)):
            self.fs.cp_file(self.join(name), target.join(name))
        self.remove()
