"""Messages on files, told to people who have no command line."""

from __future__ import annotations

import re

_SPACING_OPTION = re.compile(r"(the option )?--pixel-spacing( MM)?")
_IMAGE_OPTION = re.compile(r"(, or the DICOM image)? \([^()]*--image\b[^()]*\)")


def without_options(message: str, spacing: str) -> str:
    """Return a message that names no option of the command line.

    Parameters
    ----------
    message : str
    spacing : str
        What the reader has in place of ``--pixel-spacing``.

    Examples
    --------
    >>> without_options("the option --pixel-spacing MM, or the DICOM image (--image FILE)", "a field")
    'a field'
    """
    return _SPACING_OPTION.sub(spacing, _IMAGE_OPTION.sub("", message))
