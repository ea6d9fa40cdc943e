"""How messages are worded: numbers with their noun, and hints for people who have no command line."""

from __future__ import annotations

import re

_SPACING_OPTION = re.compile(r"(the option )?--pixel-spacing( MM)?")
_IMAGE_OPTION = re.compile(r"(, or the DICOM image)? \([^()]*\)")


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

    def without_image(found: re.Match[str]) -> str:
        return "" if "--image" in found[0] else found[0]

    return _SPACING_OPTION.sub(spacing, _IMAGE_OPTION.sub(without_image, message))


def printable(text: str, keep: str = "") -> str:
    """Return text without characters that would steer a terminal, such as those in a hostile id.

    Parameters
    ----------
    text : str
    keep : str
        Characters to keep besides those that can be printed, such as line ends.

    Examples
    --------
    >>> printable("a\x1b[31mred\x9b")
    'a?[31mred?'
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in keep else "?" for sign in text)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Parameters
    ----------
    number : int
    noun : str
        In the singular; its plural ends in s.

    Examples
    --------
    >>> counted(1, "cluster"), counted(2, "cluster")
    ('1 cluster', '2 clusters')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
