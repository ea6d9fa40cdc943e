"""Features of the caller: functions of a cluster's marks, passed along with the clusters.

A model keeps their names only. Nothing is imported or stored, so whoever reads clusters by such a
model passes the same functions again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.features.catalogue import FEATURE_NAMES

if TYPE_CHECKING:
    from calcigram.clusters import ClusterSet

Extra = Mapping[str | tuple[str, ...], Callable[..., Any]]
"""The name of a feature, or the names of several, to the function that returns as many numbers."""

OF_CALCIFICATIONS = (
    "x_mm", "y_mm", "diameter_mm", "aspect_ratio", "orientation_deg", "solidity", "cnr",
)  # fmt: skip
"""What a function may ask for as an array, one value per calcification."""

OF_CLUSTER = ("nipple_x_mm", "nipple_y_mm", "breast_area_mm2")
"""What a function may ask for as one number."""

MAX_NAME = 100


@dataclass(frozen=True)
class ExtraFeature:
    """One function of the caller.

    Attributes
    ----------
    names : tuple of str
        Of the numbers it returns.
    function : callable
    takes : tuple of str
        Its parameters: marks in `OF_CALCIFICATIONS` or `OF_CLUSTER`.
    single : bool
        Whether it returns one number, not a sequence.
    """

    names: tuple[str, ...]
    function: Callable[..., Any]
    takes: tuple[str, ...]
    single: bool

    @property
    def needs(self) -> tuple[str, ...]:
        """Marks without which the features are NaN, beside the positions."""
        return tuple(mark for mark in self.takes if mark not in ("x_mm", "y_mm"))


def check_extra(extra: Extra | None) -> tuple[ExtraFeature, ...]:
    """Return the functions of the caller, checked.

    Parameters
    ----------
    extra : mapping, optional
        See `calcigram.features.extract.extract_features`.

    Raises
    ------
    BadInputError
        A name is no identifier, longer than `MAX_NAME`, taken, or given twice; a value is no function,
        or a parameter of it is no mark.

    Examples
    --------
    >>> check_extra({"width_mm": lambda x_mm: x_mm.max() - x_mm.min()})[0].takes
    ('x_mm',)
    """
    found: list[ExtraFeature] = []
    taken = {*FEATURE_NAMES, "cluster_id"}
    if extra is not None and not isinstance(extra, Mapping):
        raise BadInputError(
            "a mapping of names to functions, such as {'width_mm': f}", column="extra", value=extra
        )
    for key, function in (extra or {}).items():
        names = key if isinstance(key, tuple) else (key,)
        for name in names:
            if not is_name(name):
                raise BadInputError(
                    f"a name of letters, digits and _, at most {MAX_NAME} of them",
                    column="extra", value=name,
                )  # fmt: skip
            if name in taken:
                raise BadInputError("a name that no other feature has", column="extra", value=name)
            taken.add(name)
        if not names or not callable(function):
            raise BadInputError(
                "a function for each name, or for a tuple of names", column="extra", value=function
            )
        found.append(ExtraFeature(names, function, _takes(function), not isinstance(key, tuple)))
    return tuple(found)


def is_name(value: Any) -> bool:
    """Return whether a value can be the name of a feature."""
    return isinstance(value, str) and value.isidentifier() and len(value) <= MAX_NAME


def _takes(function: Callable[..., Any]) -> tuple[str, ...]:
    known = (*OF_CALCIFICATIONS, *OF_CLUSTER)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    asked = tuple(p.name for p in parameters if p.name in known or p.default is p.empty)
    by_name = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    if not asked or not set(asked) <= set(known) or any(p.kind not in by_name for p in parameters):
        raise BadInputError(
            f"a function whose parameters are marks of a cluster ({', '.join(known)})",
            column="extra",
            value=f"{getattr(function, '__name__', function)}({', '.join(asked)})",
        )
    return asked


def measure_extra(clusters: ClusterSet, extra: tuple[ExtraFeature, ...]) -> npt.NDArray[np.float32]:
    """Return what the functions say of every cluster, float32, shape (C, K).

    A function is not called, and its features are NaN, where a mark it asks for is unknown for all
    calcifications of the cluster; where a mark is known for some, it is NaN for the others.

    Raises
    ------
    BadInputError
        A function fails, or returns something else than its numbers, each finite or NaN.
    """
    values = np.full((len(clusters), sum(len(one.names) for one in extra)), np.nan, np.float32)
    start = 0
    for one in extra:
        columns = slice(start, start + len(one.names))
        for c, marks in enumerate(_marks(clusters, one.takes)):
            if marks is not None:
                values[c, columns] = _numbers(one, marks, clusters.cluster_id[c])
        start = columns.stop
    return values


def _marks(clusters: ClusterSet, takes: tuple[str, ...]) -> Any:
    """Yield the arguments of each cluster; None where a mark is unknown or there are no points."""
    arrays = {}
    for name in takes:
        arrays[name] = np.array(getattr(clusters, name), np.float64)
        arrays[name].flags.writeable = False
    for c in range(len(clusters)):
        rows = slice(int(clusters.offsets[c]), int(clusters.offsets[c + 1]))
        marks = {
            name: float(array[c]) if name in OF_CLUSTER else array[rows]
            for name, array in arrays.items()
        }
        known = rows.stop > rows.start and all(np.isfinite(value).any() for value in marks.values())
        yield marks if known else None


def _numbers(one: ExtraFeature, marks: Mapping[str, Any], cluster_id: str) -> Any:
    expected = "one number" if one.single else f"{len(one.names)} numbers"
    where: dict[str, Any] = {"column": ", ".join(one.names), "cluster_id": str(cluster_id)}
    try:
        got = one.function(**marks)
    except Exception as error:
        raise BadInputError(
            f"{expected} from the function", value=f"{type(error).__name__}: {error}", **where
        ) from error
    try:
        raw = np.asarray(got)
    except ValueError:  # of several lengths
        raw = np.empty(0, object)
    numbers = np.full(() if one.single else len(one.names), np.inf, np.float32)
    if raw.dtype.kind in "biuf" and raw.shape == numbers.shape:
        with np.errstate(over="ignore"):
            numbers = raw.astype(np.float32)
    if np.isinf(numbers).any():
        raise BadInputError(f"{expected}, finite or NaN, from the function", value=got, **where)
    return numbers
