"""`ClusterSet`: the currency every file format makes and every later step takes.

Ragged arrays in structure-of-arrays form: `offsets` says where each cluster begins in
the flat float32 columns, so compiled kernels walk millions of calcifications without
an object for each. Tables of users are read by `longtable`, files by `formats`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from html import escape
from types import EllipsisType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.columns import as_array
from calcigram.errors import BadInputError, UnknownClusterError
from calcigram.lexicon import MICRO_MACRO_LIMIT_MM, SIZE_CLASSES, SizeClass
from calcigram.limits import (
    CLUSTER_COLUMNS,
    CLUSTER_NAMES,
    MARK_NAMES,
    MARKS,
    META_COLUMNS,
    OPTIONAL_MARKS,
    POINT_COLUMNS,
    POINT_NAMES,
    Column,
)
from calcigram.longtable import Intake, frame_from_clusters, intake_from_frame, tell
from calcigram.options import TABLE, ReadOptions
from calcigram.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.longtable.columns import Rows

__all__ = [
    "CLUSTER_COLUMNS", "CLUSTER_NAMES", "MARKS", "MARK_NAMES", "META_COLUMNS", "OPTIONAL_MARKS", "POINT_COLUMNS",
    "POINT_NAMES", "ClusterSet", "Column", "clusters_from_frame",
]  # fmt: skip

_OPTIONAL = (*(c.name for c in POINT_COLUMNS if not c.required), *CLUSTER_NAMES)

N_SHOWN = 10
"""Clusters that a notebook lists."""

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class ClusterSet:
    """Clusters of calcifications as ragged arrays. Make one with `from_arrays` or `from_dataframe`.

    Attributes
    ----------
    offsets : ndarray of int64, shape (C + 1,)
        Cluster ``i`` owns rows ``offsets[i]:offsets[i + 1]`` of the marks.
    cluster_id : ndarray of object (str), shape (C,)
    x_mm, y_mm : ndarray of float32, shape (N,)
        Centres; x to the right, y down.
    diameter_mm : ndarray of float32, shape (N,)
        Diameter of the circle of equal area, above 0; NaN where unknown, as in all below.
    aspect_ratio : ndarray of float32, shape (N,)
        Major over minor axis, at least 1.
    orientation_deg : ndarray of float32, shape (N,)
        Major axis from +x towards +y, in [0, 180).
    solidity : ndarray of float32, shape (N,)
        Area over convex area, in (0, 1].
    cnr : ndarray of float32, shape (N,)
        Contrast-to-noise ratio, at least 0.
    nipple_x_mm, nipple_y_mm, breast_area_mm2 : ndarray of float32, shape (C,)
        NaN where unknown.
    meta : pandas.DataFrame, shape (C, any)
        Carried through; features never see it.
    confidence : ndarray of float32, shape (N,)
        What a detector says of each calcification, on its own scale, at least 0; features never see it.
    """

    offsets: npt.NDArray[np.int64]
    cluster_id: npt.NDArray[np.object_]
    x_mm: Float32
    y_mm: Float32
    diameter_mm: Float32
    aspect_ratio: Float32
    orientation_deg: Float32
    solidity: Float32
    cnr: Float32
    nipple_x_mm: Float32
    nipple_y_mm: Float32
    breast_area_mm2: Float32
    meta: pd.DataFrame
    confidence: Float32 = None  # type: ignore[assignment]  # becomes NaN

    def __post_init__(self) -> None:
        """Check what compiled code relies on: offsets, types, lengths and positions.

        The ranges of all columns are checked by `from_arrays`.
        """
        import pandas as pd

        keep = partial(object.__setattr__, self)
        if self.confidence is None:
            keep("confidence", np.full(np.size(self.x_mm), np.nan, np.float32))
        offsets = _checked_offsets(self.offsets, as_array("x_mm", self.x_mm).size)
        n_clusters = offsets.size - 1
        ids = np.asarray(self.cluster_id, dtype=object)
        _check_length("cluster_id", ids, n_clusters)
        keep("offsets", offsets)
        keep("cluster_id", ids)
        for column in (*POINT_COLUMNS, *CLUSTER_COLUMNS):
            owners = offsets if column.name in POINT_NAMES else None
            values = getattr(self, column.name)
            keep(column.name, _checked_column(column, values, owners, ids, column.required))
        if not isinstance(self.meta, pd.DataFrame):
            keep("meta", pd.DataFrame(self.meta))
        _check_length("meta", self.meta, n_clusters)

    @classmethod
    def from_arrays(
        cls,
        offsets: npt.ArrayLike,
        x_mm: npt.ArrayLike,
        y_mm: npt.ArrayLike,
        *,
        cluster_id: Sequence[str] | npt.ArrayLike | None = None,
        meta: pd.DataFrame | Mapping[str, Any] | None = None,
        **columns: npt.ArrayLike | None,
    ) -> ClusterSet:
        """Make a set from arrays, checking every value.

        Parameters
        ----------
        offsets : array_like of int, shape (C + 1,)
            Starts at 0, never falls, ends at N.
        x_mm, y_mm : array_like, shape (N,)
            Centres in mm, finite.
        cluster_id : sequence of str, optional
            Default ``"0"``, ``"1"``, ...
        meta : pandas.DataFrame or mapping, optional
            One row per cluster.
        **columns : array_like
            Any of `OPTIONAL_MARKS` and ``confidence`` (N values) and `CLUSTER_NAMES` (C values); NaN where unknown.

        Returns
        -------
        ClusterSet

        Raises
        ------
        BadInputError
            A length or value is wrong; the message names the column, cluster and value.

        Examples
        --------
        >>> clusters = ClusterSet.from_arrays([0, 3], [0, 1, 2], [0, 0.1, 0], diameter_mm=[0.2, 0.3, 0.2])
        >>> len(clusters), int(clusters.n_calcifications[0])
        (1, 3)
        """
        import pandas as pd

        n_marks = as_array("x_mm", x_mm).size
        n_clusters = _checked_offsets(offsets, n_marks).size - 1
        if unknown := set(columns) - set(_OPTIONAL):
            raise BadInputError(f"one of {', '.join(_OPTIONAL)}", column=sorted(unknown)[0])
        given: dict[str, Any] = {"x_mm": x_mm, "y_mm": y_mm, **columns}
        for name in (*POINT_NAMES, *CLUSTER_NAMES):
            if given.get(name) is None:
                length = n_marks if name in POINT_NAMES else n_clusters
                given[name] = np.full(length, np.nan, np.float32)
        ids = range(n_clusters) if cluster_id is None else as_array("cluster_id", cluster_id)
        for k, value in enumerate(ids):
            if value is None or value is pd.NA or value != value:
                raise BadInputError("an id", column="cluster_id", row=k, value=value)
        try:
            table = pd.DataFrame(meta, index=range(n_clusters) if meta is None else None)
        except (TypeError, ValueError) as error:
            expected = f"a table with one row per cluster ({str(error)[:200]})"
            raise BadInputError(expected, column="meta") from None
        clusters = cls(
            offsets,  # type: ignore[arg-type]
            np.array([str(i) for i in ids], dtype=object),
            **given,
            meta=table.reset_index(drop=True),
        )
        for column in (*POINT_COLUMNS, *CLUSTER_COLUMNS):
            owners = clusters.offsets if column.name in POINT_NAMES else None
            values = getattr(clusters, column.name)
            if not column.required:
                _checked_column(column, values, owners, clusters.cluster_id, with_range=True)
        return clusters

    @classmethod
    def from_dataframe(
        cls, frame: pd.DataFrame, *, source: str | None = None, **options: Any
    ) -> ClusterSet:
        """Make a set from a long table, one row per calcification.

        Messages call the table `source`; the options are those of `calcigram.read_clusters` that apply to
        tables: ``columns``, ``units``, ``pixel_spacing``, ``single_cluster``, ``skip_bad``.
        """
        reading = ReadOptions(**options)
        reading.check_applies(TABLE, source or "a table")
        intake = clusters_from_frame(frame, reading, source=source)
        tell(intake, source)
        return intake.clusters

    def to_dataframe(self, *, index: bool = False) -> pd.DataFrame:
        """Return the long table: one row per calcification, per-cluster columns repeated.

        With `index`, numbers only: ``cluster_id`` is the index, and ``meta`` is left out.
        """
        if not index:
            return frame_from_clusters(self)
        bare = replace(self, meta=self.meta.iloc[:, :0])
        return frame_from_clusters(bare).set_index("cluster_id")

    def __len__(self) -> int:
        return self.offsets.size - 1

    @property
    def shape(self) -> tuple[int]:
        """``(C,)``; with it scikit-learn splits a set as it splits an array."""
        return (len(self),)

    @property
    def n_calcifications(self) -> npt.NDArray[np.int64]:
        """Number of calcifications of each cluster, int64, shape (C,)."""
        return np.diff(self.offsets)

    def __getitem__(
        self, key: str | int | slice | npt.ArrayLike | tuple[Any, EllipsisType]
    ) -> ClusterSet:
        """Return a set of the chosen clusters: by id or ids, or by index, slice, indices or mask.

        An id that several clusters have chooses all of them; one that none has is an
        `UnknownClusterError`, which is a `KeyError`, too.
        """
        chosen = np.atleast_1d(np.arange(len(self))[self._places(key)])
        if chosen.ndim > 1:
            raise IndexError(f"expected one list of indices, got shape {chosen.shape}")
        lengths = self.n_calcifications[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], lengths)
        return ClusterSet(
            offsets,
            self.cluster_id[chosen],
            **{name: getattr(self, name)[rows] for name in POINT_NAMES},
            **{name: getattr(self, name)[chosen] for name in CLUSTER_NAMES},
            meta=self.meta.iloc[chosen].reset_index(drop=True),
        )

    def batches(self, size: int) -> Iterator[ClusterSet]:
        """Yield the set in consecutive parts of at most `size` clusters."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def without(self, *names: str) -> ClusterSet:
        """Return a copy that has forgotten the named optional columns (set to NaN).

        Examples
        --------
        >>> clusters = ClusterSet.from_arrays([0, 2], [0, 1], [0, 1], cnr=[5, 6])
        >>> clusters.without("cnr").cnr
        array([nan, nan], dtype=float32)
        """
        if unknown := set(names) - set(_OPTIONAL):
            raise BadInputError(f"one of {', '.join(_OPTIONAL)}", value=sorted(unknown)[0])
        return replace(self, **{name: np.full_like(getattr(self, name), np.nan) for name in names})

    def positions_only(self) -> ClusterSet:
        """Return a copy with nothing but the centres: no other mark, nipple or breast area."""
        return self.without(*_OPTIONAL)

    def thinned(self, most: int | npt.NDArray[np.int64], rng: np.random.Generator) -> ClusterSet:
        """Return a copy that keeps at most so many calcifications of each cluster, drawn at random.

        Parameters
        ----------
        most : int or ndarray of int64, shape (C,)
            For all clusters, or for each.
        rng : numpy.random.Generator

        Examples
        --------
        >>> clusters = ClusterSet.from_arrays([0, 2, 6], range(6), range(6))
        >>> clusters.thinned(3, np.random.default_rng(0)).n_calcifications
        array([2, 3])
        """
        lengths = np.minimum(self.n_calcifications, most)
        owner = np.repeat(np.arange(len(self)), self.n_calcifications)
        order = np.lexsort((rng.random(owner.size), owner))
        place = np.arange(owner.size) - self.offsets[owner]
        kept = np.sort(order[place < lengths[owner]])
        return replace(
            self,
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            **{name: getattr(self, name)[kept] for name in POINT_NAMES},
        )

    @classmethod
    def concat(cls, sets: Sequence[ClusterSet]) -> ClusterSet:
        """Join several sets, in order."""
        import pandas as pd

        if not sets:
            return cls.from_arrays([0], [], [])
        lengths = np.concatenate([part.n_calcifications for part in sets])
        return cls(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.concatenate([part.cluster_id for part in sets]),
            **{
                name: np.concatenate([getattr(part, name) for part in sets])
                for name in (*POINT_NAMES, *CLUSTER_NAMES)
            },
            meta=pd.concat([part.meta for part in sets], ignore_index=True),
        )

    def size_class(self) -> npt.NDArray[np.int8]:
        """Say micro, macro or mixed for each cluster, by the limit of DICOM (PS3.16, code 111345).

        Returns
        -------
        ndarray of int8, shape (C,)
            Indices of `lexicon.SIZE_CLASSES`; -1 where no diameter is known.
        """
        known = np.isfinite(self.diameter_mm)
        owner = np.repeat(np.arange(len(self)), self.n_calcifications)
        large = self.diameter_mm >= MICRO_MACRO_LIMIT_MM
        n_known = np.bincount(owner, weights=known, minlength=len(self))
        n_large = np.bincount(owner, weights=known & large, minlength=len(self))
        code = np.full(len(self), SIZE_CLASSES.index(SizeClass.MIXED), np.int8)
        code[n_large == n_known] = SIZE_CLASSES.index(SizeClass.MACRO)
        code[n_large == 0] = SIZE_CLASSES.index(SizeClass.MICRO)
        code[n_known == 0] = -1
        return code

    def __eq__(self, other: object) -> bool:
        """Tell whether both hold the same; a missing value equals a missing value."""
        if type(other) is not type(self):
            return NotImplemented
        names = [field.name for field in fields(self) if field.name != "meta"]
        pairs = [(getattr(self, name), getattr(other, name)) for name in names]
        return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs) and (
            _values(self.meta).equals(_values(other.meta))
        )

    def __hash__(self) -> int:
        return hash((self.offsets.tobytes(), tuple(self.cluster_id)))

    def __contains__(self, cluster_id: object) -> bool:
        return bool((self.cluster_id == cluster_id).any())

    def __repr__(self) -> str:
        known = [name for name in OPTIONAL_MARKS if not np.isnan(getattr(self, name)).all()]
        n_clusters = counted(len(self), "cluster")
        return (
            f"<ClusterSet: {n_clusters}, {self.x_mm.size} calcifications; "
            f"{', '.join(known) or 'positions only'}>"
        )

    def _repr_html_(self) -> str:
        """Return a table of the first clusters, for notebooks."""
        import pandas as pd

        shown: Any = self[:N_SHOWN]
        counts = pd.DataFrame({"n_calcifications": shown.n_calcifications})
        table = pd.concat([counts, shown.meta], axis=1).set_axis(shown.cluster_id)
        left = len(self.cluster_id) - len(shown)
        more = f"<p>and {left} more</p>" if left else ""
        return f"<p>{escape(repr(self))}</p>{table.to_html(na_rep='')}{more}"

    def _places(self, key: Any) -> Any:
        """Return a key as numpy takes it: an id becomes a mask, a list of ids becomes indices."""
        if isinstance(key, str):
            if key not in self:
                raise UnknownClusterError(key, self.cluster_id)
            return self.cluster_id == key
        if isinstance(key, list) and key and all(isinstance(one, str) for one in key):
            return np.concatenate([np.flatnonzero(self._places(one)) for one in key])
        return key[0] if isinstance(key, tuple) else key  # scikit-learn asks for ``X[rows, ...]``


def _checked_offsets(offsets: npt.ArrayLike, n_marks: int) -> npt.NDArray[np.int64]:
    """Return offsets that divide `n_marks` calcifications, as a copy nobody can change."""
    given = as_array("offsets", offsets)
    with np.errstate(invalid="ignore"):
        whole = given.astype(np.int64) if given.dtype.kind in "iuf" else np.empty(0, np.int64)
    if (
        whole.ndim != 1
        or whole.size == 0
        or (whole != given).any()  # floats may be whole: numpy sums nothing to 0.0
        or whole[0] != 0
        or whole[-1] != n_marks
        or (whole[1:] < whole[:-1]).any()
    ):
        raise BadInputError(
            f"offsets that start at 0, never fall and end at {n_marks}, the number of calcifications",
            column="offsets",
            value=given[:5].tolist() if given.ndim else given.item(),
        )
    whole.flags.writeable = False
    return whole


def _check_length(name: str, values: Any, n_expected: int) -> None:
    if len(values) != n_expected:
        raise BadInputError(f"{n_expected} values", column=name, value=f"{len(values)} values")


def _checked_column(
    column: Column,
    values: npt.ArrayLike,
    offsets: npt.NDArray[np.int64] | None,
    ids: npt.NDArray[np.object_],
    with_range: bool,
) -> Float32:
    """Return a column as a read-only view; `offsets` say to which cluster a mark belongs."""
    try:
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(values, dtype=np.float32).view()
    except (TypeError, ValueError):
        raise BadInputError(column.expected, column=column.name, value=values) from None
    if array.ndim != 1 or np.ndim(values) != 1:  # numpy makes one dimension of none
        raise BadInputError("one dimension", column=column.name, value=f"shape {np.shape(values)}")
    _check_length(column.name, array, len(ids) if offsets is None else int(offsets[-1]))
    # The extremes are found in a fraction of the time that a look at each value takes.
    if with_range and array.size and not column.holds(array):
        row = int(column.bad(array).argmax())
        cluster = row if offsets is None else int(np.searchsorted(offsets, row, side="right")) - 1
        raise BadInputError(
            column.expected,
            column=column.name,
            row=row,
            value=float(array[row]),
            cluster_id=ids[cluster],
        )
    array.flags.writeable = False
    return array


def clusters_from_frame(
    frame: pd.DataFrame,
    options: ReadOptions | None = None,
    *,
    source: str | None = None,
    row_number: Callable[[Rows], Rows] | int = 0,
) -> Intake:
    """Make clusters of a long table, one row per calcification.

    Parameters
    ----------
    frame : pandas.DataFrame, shape (N, any)
        The rows of a cluster may lie among others'. `POINT_COLUMNS` and
        `CLUSTER_COLUMNS` say what each column may hold; values are checked at the
        float32 precision they are kept in. Every other column goes to ``meta`` where it has
        one value per cluster, and is ignored with a warning where it varies.
    options : ReadOptions, optional
        Those that apply to a table.
    source : str, optional
        Name of the file, for messages.
    row_number : int or callable, optional
        Number of the first row, or what turns positions in `frame` into row numbers.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        The table is empty, a column is missing, or (unless bad clusters are skipped) a value is bad;
        the first bad row is named.

    Warns
    -----
    RepeatedRowsWarning, IgnoredColumnWarning

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"cluster_id": ["b", "a", "b"], "posX": [10, 20, 30], "y": [1, 2, 3]})
    >>> options = ReadOptions(columns={"x": "posX"}, units="px", pixel_spacing=0.1)
    >>> intake = clusters_from_frame(frame, options)
    >>> list(intake.clusters.cluster_id), intake.clusters.x_mm
    (['b', 'a'], array([1., 3., 2.], dtype=float32))
    """
    return intake_from_frame(
        frame, options, source=source, row_number=row_number, make=ClusterSet.from_arrays
    )


def _values(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the values alone: how a column stores them, and what a missing one is, go."""
    return frame.astype(object).where(frame.notna(), None)
