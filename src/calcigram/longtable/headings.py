"""Which heading of a table holds which of our columns, and in what unit its lengths are.

Headings only: the values below them are `longtable`'s and `formats`' business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from reprlib import Repr

from calcigram.clusters import CLUSTER_COLUMNS, MARKS, META_COLUMNS
from calcigram.errors import BadInputError
from calcigram.limits import MAX_COLUMNS, check_pixel_spacing

MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "um": 0.001}
"""Lengths of fixed size; ``px`` needs the pixel spacing."""

UNITS = (*MM_PER_UNIT, "px")

SHORT_NAMES = {
    "id": "cluster_id",
    "cluster": "cluster_id",
    "x": "x_mm",
    "y": "y_mm",
    "diameter": "diameter_mm",
    "aspect": "aspect_ratio",
    "orientation": "orientation_deg",
    "nipple_x": "nipple_x_mm",
    "nipple_y": "nipple_y_mm",
    "breast_area": "breast_area_mm2",
}
"""What the keys of `columns` may be shortened to."""

NUMERIC_COLUMNS = {column.name: column for column in (*MARKS, *CLUSTER_COLUMNS)}
"""The columns of numbers by name: marks, then per-cluster columns."""

_short = Repr()
_short.maxstring = 48  # a file that is no table may have a heading of any length

_KNOWN = ("cluster_id", *NUMERIC_COLUMNS, *META_COLUMNS)


def column_map(text: str) -> dict[str, str]:
    """Read ``x=posX,y=posY`` into a mapping from our names to the table's.

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


@dataclass(frozen=True)
class Scale:
    """How the lengths of a table become mm: `units` and, for ``px``, `pixel_spacing` in mm.

    Examples
    --------
    >>> Scale("px", 0.07).factor("x_mm"), Scale("cm").factor("breast_area_mm2")
    (0.07, 100.0)
    """

    units: str = "mm"
    pixel_spacing: float | None = None

    def __post_init__(self) -> None:
        if self.units not in UNITS:
            raise BadInputError(f"one of {', '.join(UNITS)}", column="units", value=self.units)
        spacing = self.pixel_spacing
        if self.units == "px":
            if spacing is None:
                raise BadInputError(
                    "the pixel spacing in mm beside units 'px' (pixel_spacing)",
                    column="pixel_spacing",
                    value=None,
                )
            check_pixel_spacing(spacing)
        elif spacing is not None:
            raise BadInputError(
                "units 'px' where a pixel spacing is given", column="units", value=self.units
            )

    def factor(self, name: str) -> float:
        """Return what a number of column `name` is multiplied by."""
        spacing = self.pixel_spacing
        length = MM_PER_UNIT[self.units] if spacing is None else float(spacing)
        return {"mm": length, "mm2": length**2}.get(NUMERIC_COLUMNS[name].unit, 1.0)

    def names_of(self, name: str) -> tuple[str, ...]:
        """Return the headings under which column `name` is looked for when nobody mapped it."""
        stem = name.removesuffix("_mm2").removesuffix("_mm")
        if self.units == "mm" or stem == name:
            return (name,)
        return (name.replace("_mm", f"_{self.units}"), stem, name)


def resolve_columns(
    present: list[str],
    columns: Mapping[str, str] | None,
    scale: Scale,
    *,
    source: str | None = None,
    single_cluster: str | None = None,
) -> dict[str, str]:
    """Find which heading of a table holds which of our columns.

    Parameters
    ----------
    present : list of str
        The headings.
    columns : mapping, optional
        Ours (or `SHORT_NAMES`) to theirs.
    scale : Scale
    source, single_cluster
        As in `clusters_from_frame`.

    Returns
    -------
    dict
        Ours to theirs; optional columns the table lacks are left out.

    Raises
    ------
    BadInputError
        A required or mapped column is not there, or one heading is mapped twice.

    Examples
    --------
    >>> resolve_columns(["lesion", "x_px", "y_px"], {"id": "lesion"}, Scale("px", 0.1))
    {'cluster_id': 'lesion', 'x_mm': 'x_px', 'y_mm': 'y_px'}
    """
    if len(present) > MAX_COLUMNS:
        raise BadInputError(
            f"at most {MAX_COLUMNS} columns, one row per calcification below them",
            source=source,
            value=f"{len(present)} columns",
        )
    repeated = sorted(name for name, n in Counter(present).items() if n > 1)
    if repeated:
        raise BadInputError("each heading once", source=source, column=repeated[0])
    listed = ", ".join(_short.repr(name) for name in present[:30])
    mapped = _mapped_columns(present, columns, listed, source)
    found: dict[str, str] = {}
    for ours in _KNOWN:
        numeric = ours in NUMERIC_COLUMNS
        candidates: tuple[str, ...] = (mapped[ours],) if ours in mapped else (ours,)
        if numeric and ours not in mapped:
            candidates = scale.names_of(ours)
        free = [name for name in candidates if name in present and name not in found.values()]
        taken = [name for name in free if name == mapped.get(ours) or name not in mapped.values()]
        if taken:
            found[ours] = taken[0]
    if single_cluster is not None and "cluster_id" in found:
        raise BadInputError(
            "no column of cluster ids where the table is said to be one cluster",
            source=source,
            column=found["cluster_id"],
        )
    for ours in ("cluster_id", *(column.name for column in MARKS if column.required)):
        if ours in found or (ours == "cluster_id" and single_cluster is not None):
            continue
        hint = f"a column of this name, or a mapping such as {ours}=NAME, among {listed}"
        if ours == "cluster_id":
            hint += "; or say that the table is one cluster (single_cluster)"
        raise BadInputError(hint, source=source, column=ours)
    return found


def _mapped_columns(
    present: list[str], columns: Mapping[str, str] | None, listed: str, source: str | None
) -> dict[str, str]:
    mapped: dict[str, str] = {}
    for key, theirs in (columns or {}).items():
        ours = SHORT_NAMES.get(key, key)
        if ours not in _KNOWN:
            raise BadInputError(f"one of {', '.join(_KNOWN)}", source=source, column=key)
        if theirs not in present:
            raise BadInputError(f"one of {listed}", source=source, column=theirs)
        if ours in mapped or theirs in mapped.values():
            raise BadInputError("each column mapped once", source=source, column=theirs)
        mapped[ours] = theirs
    return mapped
