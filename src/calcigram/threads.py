"""Work on many clusters or rows a chunk at a time, in threads where there are several.

It runs any function; the work must release the GIL, as compiled
kernels do, for threads to gain anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from numbers import Integral
from typing import Any, TypeVar

from calcigram.errors import BadInputError

T = TypeVar("T")


def n_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_workers(n: object, name: str) -> None:
    """Refuse an invalid number of threads or processes; None is the caller's default, -1 joblib's all.

    Examples
    --------
    >>> check_workers(float("nan"), "n_threads")
    Traceback (most recent call last):
    calcigram.errors.BadInputError: column 'n_threads': got nan, expected a whole number of at least 1
    """
    if n is None or (
        isinstance(n, Integral) and not isinstance(n, bool) and (int(n) >= 1 or int(n) == -1)
    ):
        return
    raise BadInputError("a whole number of at least 1", column=name, value=n)


def in_chunks(
    work: Callable[[slice], T], n: int, size: int, n_threads: int | None = None
) -> list[T]:
    """Call a function with one slice after another, and return what it gave, in order.

    Parameters
    ----------
    work : callable
        Of a slice of ``range(n)``.
    n : int
        How many there are in all; for none, `work` is not called.
    size : int
        Length of a chunk. At a few microseconds an item it must be long for the pool's own cost to
        vanish.
    n_threads : int, optional
        At most so many; by default `n_processors`.

    Returns
    -------
    list

    Examples
    --------
    >>> in_chunks(lambda part: (part.start, part.stop), 5, 2, n_threads=2)
    [(0, 2), (2, 4), (4, 5)]
    """
    check_workers(n_threads, "n_threads")
    chunks = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    n_workers = min(n_processors() if n_threads in (None, -1) else n_threads, len(chunks))
    # Else the linear algebra library starts a thread per processor for each product, which wait for one
    # another and for ours: twice the processor time for the same result. Its limit is the process's.
    with _libraries().limit(limits=1, user_api="blas"):
        if n_workers <= 1:
            return [work(chunk) for chunk in chunks]
        with ThreadPoolExecutor(n_workers) as pool:
            return list(pool.map(work, chunks))


@lru_cache(maxsize=1)
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
