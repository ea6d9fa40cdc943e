"""Progress as plain lines where standard error is no terminal: a log, a notebook, a batch job."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

SECONDS_BETWEEN_LINES = 5.0

_doing: list[Callable[[], str]] = []
"""What is being done, the innermost last; each returns a line."""


@contextmanager
def doing(line: Callable[[], str]) -> Iterator[None]:
    """Say what is being done while the context lasts, for `plain_progress` to print."""
    _doing.append(line)
    try:
        yield
    finally:
        _doing.remove(line)


@contextmanager
def plain_progress(command: str) -> Iterator[None]:
    """Print a line every few seconds while a command works, if standard error is no terminal.

    Parameters
    ----------
    command : str
        Named at the beginning of each line.
    """
    if sys.stderr.isatty():
        yield
        return
    is_done, began = threading.Event(), monotonic()

    def print_lines() -> None:
        while not is_done.wait(SECONDS_BETWEEN_LINES):
            current = _doing[-1:]  # a copy: the other thread may leave a context any time
            what = current[0]() if current else "working"
            print(f"{command}: {what} ({monotonic() - began:.0f} s)", file=sys.stderr, flush=True)

    printer = threading.Thread(target=print_lines, daemon=True)
    printer.start()
    try:
        yield
    finally:
        is_done.set()
        printer.join()
