"""Packages of the extras, imported when first needed, and how to install them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from calcigram._version import __version__
from calcigram.errors import CalcigramError


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
