"""How a file of clusters is read: every option, declared once for all entrances.

The command line, HTTP, the page and Python make a `ReadOptions`; all that reads files takes one. This
module imports no numerical library, as ``calcigram --help`` needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.errors import BadInputError

if TYPE_CHECKING:
    import os

    from calcigram.linking import Linking

TABLE, WORKBOOK, DICOM, REPORT = "a table", "a workbook", "a DICOM file", "a DICOM report"
ANNOTATION, MASK, MAMMOGRAM = "an annotation", "a mask", "a mammogram"
"""Kinds of files as messages call them; whether a DICOM file is a report shows when it is open."""

_TABLES = (TABLE, WORKBOOK)
_OF_IMAGES = (DICOM, REPORT, ANNOTATION, MASK)
_ALL_IMAGES = (*_OF_IMAGES, MAMMOGRAM)
_LABELLED = (DICOM, MASK, ANNOTATION)

MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "um": 0.001}
"""Lengths of fixed size; ``px`` needs the pixel spacing."""

UNITS = (*MM_PER_UNIT, "px")

DEFAULT_THRESHOLD = 0.5
"""Least probability of a calcification, where the user states none."""


def column_map(text: str) -> dict[str, str]:
    """Read ``x=posX,y=posY`` into a mapping from calcigram's names to the table's.

    Raises
    ------
    BadInputError
        It is not of this form.

    Examples
    --------
    >>> column_map("x=posX, y=posY")
    {'x': 'posX', 'y': 'posY'}
    """
    pairs = [pair.partition("=") for pair in text.split(",")]
    names = {ours.strip(): theirs.strip() for ours, _, theirs in pairs}
    if len(names) < len(pairs) or not all(names) or not all(names.values()):
        raise BadInputError("pairs like x=posX,y=posY", column="columns", value=text)
    return names


def names_of(given: Any) -> tuple[int | str, ...]:
    """Read ``1,calcification`` into labels: whole numbers, and names.

    Raises
    ------
    BadInputError
        One of them is empty.

    Examples
    --------
    >>> names_of("1, calcification"), names_of([2])
    ((1, 'calcification'), (2,))
    """
    parts = given.split(",") if isinstance(given, str) else given
    texts = [part.strip() if isinstance(part, str) else part for part in parts]
    if not all(isinstance(text, str | int) and text != "" for text in texts):
        raise BadInputError("labels such as 1,2 or calcification", column="labels", value=given)
    return tuple(int(text) if str(text).isdecimal() else str(text) for text in texts)


def _threshold(value: Any) -> float:
    try:
        threshold = float(value)
    except (TypeError, ValueError, OverflowError):
        threshold = 0.0
    if isinstance(value, bool) or not 0 < threshold <= 1:
        raise BadInputError("a probability above 0 and at most 1", column="threshold", value=value)
    return threshold


def _pixel_spacing(value: Any) -> float | tuple[float, float]:
    from calcigram.limits import check_pixel_spacing

    return check_pixel_spacing(value)


def _unit(value: str) -> str:
    if value not in UNITS:
        raise BadInputError(f"one of {', '.join(UNITS)}", column="units", value=value)
    return value


def _option(
    default: Any,
    flag: str,
    kinds: tuple[str, ...],
    meaning: str,
    checked: Callable[[Any], Any] = lambda value: value,
    metavar: str | None = None,
) -> Any:
    """Return a field of `ReadOptions`, with what every entrance says of it."""
    about = {"flag": flag, "kinds": kinds, "meaning": meaning}
    return field(default=default, metadata=about | {"checked": checked, "metavar": metavar})


@dataclass(frozen=True)
class ReadOptions:
    """How a file is read.

    Values may be texts, as an address or a form gives them. An option that would change nothing for a kind of file
    is refused. `OPTIONS` has the name at the command line, the kinds of files and a line of help of each.

    Parameters
    ----------
    columns : mapping, optional
        calcigram's names of columns to those of a table, or of the fields of JSON: ``{"x": "posX"}``.
    units : {"mm", "cm", "um", "px"}
        Unit of a table's lengths; ``px`` needs `pixel_spacing`.
    single_cluster : str, optional
        Id of the one cluster of a table that has no column of ids.
    pixel_spacing : float or (float, float), optional
        mm per pixel, or those from row to row and from column to column. It overrides the file.
    images : tuple of path-like
        Mammograms that the calcifications of a report, an annotation or a mask lie on, or folders of them.
    linking : calcigram.linking.Linking, optional
        How calcifications that are in no cluster become clusters.
    labels : tuple of int or str
        Labels of a mask, segments, or names or categories of an annotation that are calcifications; others are left out.
    regions : tuple of int or str
        Those that outline clusters: the calcifications inside each outline form one cluster.
    threshold : float, optional
        Least probability or score of a calcification, for maps of probabilities and annotations with scores.
    sheet : str, optional
        Sheet of a workbook that holds the table.
    skip_bad : bool
        Set bad clusters aside and go on.

    Raises
    ------
    BadInputError
        A value is not what was expected.

    Examples
    --------
    >>> ReadOptions(columns="x=posX", units="px", pixel_spacing="0.07").pixel_spacing
    0.07
    """

    columns: Mapping[str, str] | None = _option(
        None, "--columns", _TABLES,
        "map calcigram's names to the table's columns (or JSON's fields): x=posX,y=posY",
        lambda given: column_map(given) if isinstance(given, str) else given, "x=posX,y=posY",
    )  # fmt: skip
    units: str = _option(
        "mm", "--units", _TABLES, f"unit of a table's lengths: {', '.join(UNITS)} (mm)", _unit
    )
    single_cluster: str | None = _option(
        None, "--single-cluster", _TABLES,
        "the table is one cluster and has no column of ids: give it this id", metavar="ID",
    )  # fmt: skip
    # A table takes a pixel spacing with units px only, which `longtable.columns.factors` checks.
    pixel_spacing: float | tuple[float, float] | None = _option(
        None, "--pixel-spacing", (*_TABLES, *_ALL_IMAGES),
        "mm per pixel, or mm from row to row and from column to column: of a table in px (one number), "
        "of a mask, an annotation, an image, or a report that has none",
        _pixel_spacing, "MM[,MM]",
    )  # fmt: skip
    images: tuple[str | os.PathLike[str], ...] = _option(
        (), "--image", _OF_IMAGES,
        "the mammogram that the calcifications lie on, or a folder of them; may be repeated", tuple, "FILE",
    )  # fmt: skip
    linking: Linking | None = _option(  # noqa: RUF009 - it returns a field
        None, "--link-mm, --min-calcifications or --linking", _ALL_IMAGES,
        "how calcifications that are in no cluster become clusters",
    )  # fmt: skip
    labels: tuple[int | str, ...] = _option(
        (), "--label", _LABELLED,
        "labels of a mask, segments, or names or categories of an annotation that are calcifications; "
        "the others are left out",
        names_of, "NAME[,NAME]",
    )  # fmt: skip
    regions: tuple[int | str, ...] = _option(
        (), "--regions", _LABELLED,
        "labels of a mask, segments, or names of an annotation, that outline clusters: the calcifications "
        "inside each outline form one cluster",
        names_of, "NAME[,NAME]",
    )  # fmt: skip
    threshold: float | None = _option(
        None, "--threshold", _LABELLED,
        "least probability of a calcification, of a map of probabilities or of scores "
        f"({DEFAULT_THRESHOLD:g})",
        _threshold, "P",
    )  # fmt: skip
    sheet: str | None = _option(
        None, "--sheet", (WORKBOOK,), "sheet of a workbook that holds the table (the first)",
        metavar="NAME",
    )  # fmt: skip
    skip_bad: bool = _option(
        False, "--skip-bad", (*_TABLES, *_ALL_IMAGES), "set bad clusters aside and go on"
    )

    def __post_init__(self) -> None:
        for name, about in OPTIONS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, about["checked"](value))

    def check_applies(self, kind: str, source: str) -> None:
        """Refuse options that would change nothing for a kind of file.

        Parameters
        ----------
        kind : str
            One of the kinds of this module.
        source : str
            Name of the file, for messages.

        Raises
        ------
        BadInputError
            An option does not apply; or an image does not exist.

        Examples
        --------
        >>> ReadOptions(units="px").check_applies(TABLE, "a.csv")
        >>> ReadOptions(labels=(3,)).check_applies(TABLE, "a.csv")
        Traceback (most recent call last):
        calcigram.errors.BadInputError: a.csv: got '--label', expected only options that change how a table is read: --columns, --units, --single-cluster, ...
        """
        for name, about in OPTIONS.items():
            is_given = getattr(self, name) != getattr(ReadOptions, name)
            if is_given and kind not in about["kinds"]:
                applying = [
                    o["flag"] for n, o in OPTIONS.items() if kind in o["kinds"] and n != "skip_bad"
                ]
                raise BadInputError(
                    f"only options that change how {kind} is read: {', '.join(applying)}",
                    source=source,
                    value=about["flag"],
                )
        for image in self.images:
            if not Path(image).exists():
                raise BadInputError("an image file, or a folder, that exists", source=str(image))

    @property
    def least_probability(self) -> float:
        """The threshold, also where none is stated."""
        return DEFAULT_THRESHOLD if self.threshold is None else self.threshold

    def refuse_threshold(self) -> None:
        """Refuse a threshold where annotations have no score."""
        if self.threshold is not None:
            expected = "no threshold: there is no score"
            raise BadInputError(expected, column="--threshold", value=self.threshold)

    def as_json(self) -> dict[str, Any]:
        """Return the options as plain values, for the manifest of a run."""
        plain, spacing = {name: getattr(self, name) for name in OPTIONS}, self.pixel_spacing
        return plain | {
            "columns": self.columns and dict(self.columns),
            "images": [str(path) for path in self.images],
            "linking": str(self.linking),
            "labels": list(self.labels),
            "regions": list(self.regions),
            "pixel_spacing": list(spacing) if isinstance(spacing, tuple) else spacing,
        }


OPTIONS: dict[str, Mapping[str, Any]] = {one.name: one.metadata for one in fields(ReadOptions)}
"""Name of each option -> what is declared of it: flag, kinds, meaning, checked, metavar."""
