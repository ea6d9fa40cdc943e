"""Where compiled kernels are kept, and when they are compiled anew.

numba keeps them beside the source, or in the user's cache folder where that cannot be written.
Three things are added: a cache that cannot be read (cut off, or left by something else) is
compiled over instead of stopping the program; one that can be written nowhere is done without;
and a kernel is compiled anew when a module it calls into has changed, not only its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

PACKAGE = Path(__file__).parent

_IMPORT = re.compile(r"^from calcigram\.([\w.]+) import", re.MULTILINE)


def cached_njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles as `numba.njit` does and keeps the result.

    Parameters
    ----------
    **options
        Of `numba.njit`, but for ``cache``.
    """
    compiled = njit(**options)

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = compiled(function)
        with suppress(RuntimeError):  # no folder can be written: compiled in each process
            dispatcher._cache = KernelCache(dispatcher.py_func)
        return dispatcher

    return decorate


class KernelCache(FunctionCache):
    """The cache of one kernel; what cannot be used counts as not there."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _CacheFile(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=source_stamp(Path(function.__code__.co_filename)),
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel, or None."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel, if it can be written."""
        try:
            super().save_overload(sig, data)
        except OSError:  # a full disk, or a folder gone meanwhile
            return


class _CacheFile(IndexDataCacheFile):
    def _load_index(self) -> dict[Any, str]:
        try:
            found = super()._load_index()
        except Exception:  # unpickling what others wrote may raise anything
            return {}
        return found if isinstance(found, dict) else {}


@cache
def source_stamp(path: Path) -> str:
    """Return a digest of a module and of all modules of the package that it imports.

    Parameters
    ----------
    path : pathlib.Path
        Source of the module.

    Examples
    --------
    >>> len(source_stamp(Path(__file__)))
    64
    """
    digest = hashlib.sha256()
    for source in sorted(_closure(path)):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _closure(path: Path) -> set[Path]:
    found, waiting = {path}, [path]
    while waiting:
        new = set(_imported(waiting.pop())) - found
        found |= new
        waiting += new
    return found


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    return tuple(_sources(_IMPORT.findall(path.read_text(encoding="utf-8"))))


def _sources(modules: list[str]) -> Iterator[Path]:
    for module in modules:
        place = PACKAGE.joinpath(*module.split("."))
        for source in (place.with_suffix(".py"), place / "__init__.py"):
            if source.is_file():
                yield source
