"""Packages of the extra ``[dicom]``, imported when first needed, and what to do without them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from calcigram.errors import CalcigramError


class MissingExtraError(CalcigramError):
    """A file needs a package that is not installed."""

    def __init__(self, package: str, what_for: str) -> None:
        self.package = package
        super().__init__(f"{what_for} needs the package {package}: pip install 'calcigram[dicom]'")


def load_extra(module: str, what_for: str) -> Any:
    """Import a module of the extra.

    Parameters
    ----------
    module : str
        Name to import, such as ``"skimage.measure"``.
    what_for : str
        Beginning of the message where it is missing.

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
    calcigram.formats.extras.MissingExtraError: A file of this kind needs the package no_such_package: pip install 'calcigram[dicom]'
    """
    try:
        return import_module(module)
    except ImportError:
        raise MissingExtraError(module.partition(".")[0], what_for) from None
