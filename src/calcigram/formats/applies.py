"""Which reading option applies to which kind of file: one that would change nothing is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calcigram.errors import BadInputError

TABLE, DICOM, REPORT, ANNOTATION, MASK = (
    "a table",
    "a DICOM file",
    "a DICOM report",
    "an annotation in XML",
    "a mask",
)
"""Kinds of files as messages call them; whether a DICOM file is a report shows when it is open."""

_OF_IMAGES = (DICOM, REPORT, ANNOTATION, MASK)

APPLIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "columns": ("--columns", (TABLE,)),
    "units": ("--units", (TABLE,)),
    "single_cluster": ("--single-cluster", (TABLE,)),
    "pixel_spacing": ("--pixel-spacing", (TABLE, *_OF_IMAGES)),
    "images": ("--image", _OF_IMAGES),
    "linking": ("--link-mm, --min-calcifications or --linking", _OF_IMAGES),
    "labels": ("--label", (DICOM, MASK)),
}
"""Option of `formats.read_clusters` -> its name at the command line, and the kinds it applies to.

A table takes a pixel spacing with units px only, which `longtable.headings.Scale` sees to.
"""

_DEFAULTS: dict[str, Any] = {"units": "mm"}


def check_options(kind: str, source: str, options: Mapping[str, Any]) -> None:
    """Refuse options that do not apply to a kind of file.

    Parameters
    ----------
    kind : str
        One of the kinds of this module.
    source : str
        Name of the file, for messages.
    options : mapping
        As `formats.read_clusters` takes them; those that are empty, or as by default, say nothing.

    Raises
    ------
    BadInputError
        An option does not apply; or an image does not exist.

    Examples
    --------
    >>> check_options(TABLE, "a.csv", {"units": "px", "labels": ()})
    >>> check_options(TABLE, "a.csv", {"labels": (3,)})
    Traceback (most recent call last):
    calcigram.errors.BadInputError: a.csv: got '--label', expected only options that change how a table is read: --columns, --units, --single-cluster, --pixel-spacing
    """
    for name, (flag, kinds) in APPLIES.items():
        value = options.get(name)
        is_given = value is not None and value != _DEFAULTS.get(name, ())
        if is_given and kind not in kinds:
            applying = ", ".join(flag for flag, kinds in APPLIES.values() if kind in kinds)
            raise BadInputError(
                f"only options that change how {kind} is read: {applying}",
                source=source,
                value=flag,
            )
    for image in options.get("images") or ():
        if not Path(image).exists():
            raise BadInputError("an image file, or a folder, that exists", source=str(image))
