"""Reading ahead and writing behind: files and the work between them, at the same time.

Arrow and the compiled kernels hold no interpreter lock, so a thread for each is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

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
