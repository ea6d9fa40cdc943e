"""Packages of the extras: imported when first needed, how to install them, and what they raise as refusals."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from calcigram._version import __version__
from calcigram.errors import BadInputError, CalcigramError


class MissingExtraError(CalcigramError):
    """A file needs a package of an extra that is not installed."""

    def __init__(self, package: str, what_for: str, extra: str = "dicom") -> None:
        self.package = package
        super().__init__(f"{what_for} needs the package {package}: {how_to_install(extra)}")


def how_to_install(extra: str) -> str:
    """Say how to add the packages of an extra; calcigram is in no package index.

    Parameters
    ----------
    extra : {"dicom", "formats", "images", "server", "scale", "notebooks"}

    Examples
    --------
    >>> how_to_install("dicom").startswith("pip install ")
    True
    """
    checkout = Path(__file__).parents[3]
    if (checkout / "pyproject.toml").exists():
        return f"pip install -e '{checkout}[{extra}]'"
    return (
        f"pip install '.[{extra}]' in a checkout of calcigram, or beside its wheel "
        f"pip install './calcigram-{__version__}-py3-none-any.whl[{extra}]'"
    )


def load_extra(module: str, what_for: str, extra: str = "dicom") -> Any:
    """Import a module of the extra.

    Parameters
    ----------
    module : str
        Name to import, such as ``"skimage.measure"``.
    what_for : str
        Beginning of the message where it is missing.
    extra : str
        The extra that it comes with.

    Returns
    -------
    module

    Raises
    ------
    MissingExtraError
        It is not installed.

    Examples
    --------
    >>> load_extra("no_such_package", "A file of this kind")
    Traceback (most recent call last):
    calcigram.formats.extras.MissingExtraError: A file of this kind needs the package no_such_package: pip install ...
    """
    try:
        return import_module(module)
    except ImportError:
        raise MissingExtraError(module.partition(".")[0], what_for, extra) from None


_A_PATH = re.compile(r"(?:/|[A-Za-z]:\\)[\w.@+~-]+[/\\][^\s'\")>]*")
"""Libraries name the file that they were given, which may be a temporary one of a server."""


@contextmanager
def refusing_damaged(
    expected: str,
    *,
    column: str | None = None,
    smaller: str = "a smaller file",
    said: Callable[[BaseException], str] = lambda error: (
        f"{type(error).__name__}: {_A_PATH.sub('...', str(error))[:200]}"
    ),
) -> Iterator[None]:
    """Refuse a file at which a library fails: what damaged bytes make it raise is not documented.

    Parameters
    ----------
    expected : str
        What the file should be; what the library said is added.
    column : str, optional
        Place in the file.
    smaller : str
        What is expected where memory does not suffice.
    said : callable
        Puts into words what the library raised.

    Raises
    ------
    BadInputError

    Examples
    --------
    >>> with refusing_damaged("a whole number"):
    ...     _ = int("x")
    Traceback (most recent call last):
    calcigram.errors.BadInputError: expected a whole number (ValueError: invalid literal ...)
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (CalcigramError, ImportError):
        raise
    except Exception as error:
        if type(error).__name__ in ("MemoryError", "DecompressionBombError"):
            raise BadInputError(smaller, column=column) from None
        raise BadInputError(f"{expected} ({said(error)})", column=column) from None
