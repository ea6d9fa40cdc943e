"""`extract_features`: from a `ClusterSet` to the matrix of all features.

Compiled kernels walk the ragged arrays in chunks on a pool of threads (they hold no
interpreter lock); nothing here is per calcification. What each column means stands in
`catalogue`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram import limits
from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extra import Extra, ExtraFeature, check_extra, measure_extra
from calcigram.features.measure import measure_clusters
from calcigram.threads import in_chunks

if TYPE_CHECKING:
    import pandas as pd

Float32 = npt.NDArray[np.float32]

MANY_CALCIFICATIONS = 100_000
"""A cluster of more takes so long, since all pairs of calcifications are looked at, that it is said."""

_SECONDS_OF_MANY = 5.0

_CHUNK = 512
_COLUMNS = (
    "x_mm", "y_mm", "diameter_mm", "aspect_ratio", "orientation_deg", "solidity", "cnr",
    "nipple_x_mm", "nipple_y_mm", "breast_area_mm2",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Features:
    """The features of C clusters.

    Attributes
    ----------
    values : ndarray of float32, shape (C, F)
        NaN where undefined; see the catalogue.
    cluster_id : ndarray of object (str), shape (C,)
    names : tuple of str
        The F column names.
    extra_needs : tuple of tuple of str
        Marks that each feature after those of the catalogue needs.
    """

    values: Float32
    cluster_id: npt.NDArray[np.object_]
    names: tuple[str, ...] = FEATURE_NAMES
    extra_needs: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.cluster_id)

    def column(self, name: str) -> Float32:
        """Return one feature, float32, shape (C,).

        Raises
        ------
        BadInputError
            There is no such feature.
        """
        try:
            return self.values[:, self.names.index(name)]
        except ValueError:
            raise BadInputError("the name of a feature", value=name) from None

    @property
    def n_calcifications(self) -> npt.NDArray[np.int64]:
        """Number of calcifications of each cluster, int64, shape (C,)."""
        return self.column("n_calcifications").astype(np.int64)

    def __getitem__(self, key: int | slice | npt.ArrayLike) -> Features:
        """Return the chosen clusters: an index, a slice, indices or a mask."""
        chosen = np.atleast_1d(np.arange(len(self))[key])  # type: ignore[index]
        return replace(self, values=self.values[chosen], cluster_id=self.cluster_id[chosen])

    def select(self, names: tuple[str, ...]) -> Features:
        """Return these features only, in this order: those of the catalogue, then others."""
        if names == self.names:
            return self
        columns = [self.names.index(name) for name in names]
        needs = tuple(
            self.extra_needs[k - len(FEATURE_NAMES)] for k in columns[len(FEATURE_NAMES) :]
        )
        return Features(self.values[:, columns], self.cluster_id, names, needs)

    def to_dataframe(self, *, index: bool = False) -> pd.DataFrame:
        """Return a table with one column per feature, and ``cluster_id``.

        Parameters
        ----------
        index : bool
            Make ``cluster_id`` the index, so that the table holds numbers only; by default it is
            the first column.
        """
        import pandas as pd

        frame = pd.DataFrame(
            self.values, pd.Index(self.cluster_id, name="cluster_id"), list(self.names)
        )
        return frame if index else frame.reset_index()

    def __repr__(self) -> str:
        return f"<Features: {len(self)} clusters, {len(self.names)} features>"

    def _repr_html_(self) -> str:
        """Return the table as pandas shows it, for notebooks."""
        html: str = self.to_dataframe(index=True)._repr_html_()  # type: ignore[operator]
        return html

    @classmethod
    def concat(cls, parts: Sequence[Features]) -> Features:
        """Join several, in order; they must have the same columns."""
        if not parts:
            return cls(np.empty((0, len(FEATURE_NAMES)), np.float32), np.empty(0, object))
        for part in parts:
            if part.names != parts[0].names:
                raise BadInputError("features with the same columns", value=part.names[:3])
        return cls(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.cluster_id for part in parts]),
            parts[0].names,
            parts[0].extra_needs,
        )


def extract_features(
    clusters: ClusterSet, *, extra: Extra | None = None, n_threads: int | None = None
) -> Features:
    """Compute all features of every cluster.

    Parameters
    ----------
    clusters : ClusterSet
        C clusters; read-only and writable arrays serve alike.
    extra : mapping of str or tuple of str to function, optional
        Features of your own: a name to a function that returns one number for a cluster, or several
        names to one that returns as many. Its parameters say which marks it takes: arrays ``x_mm``,
        ``y_mm``, ``diameter_mm``, ``aspect_ratio``, ``orientation_deg``, ``solidity``, ``cnr`` (NaN
        where unknown), numbers ``nipple_x_mm``, ``nipple_y_mm``, ``breast_area_mm2``. Where one of
        them is unknown the function is not called and its features are NaN.
    n_threads : int, optional
        Threads to use; by default as many as there are processors this process may use.

    Warns
    -----
    UserWarning
        A cluster has more than `MANY_CALCIFICATIONS`: the time grows with the square of their number
        (memory with the number).

    Returns
    -------
    Features
        Float32 matrix (C, F); the columns are those of `feature_catalogue`, then those of `extra`.
        NaN where a needed mark is unknown, or there are too few calcifications.

    Raises
    ------
    BadInputError
        `n_threads` is no number of threads, a cluster has more than `limits.MAX_CALCIFICATIONS`, `extra` is
        no mapping of free names to functions of marks, or a function fails or returns other than its numbers.

    Examples
    --------
    >>> from calcigram.clusters import ClusterSet
    >>> square = ClusterSet.from_arrays([0, 4], [0, 2, 2, 0], [0, 0, 2, 2])
    >>> extract_features(square).column("hull_area_mm2")
    array([4.], dtype=float32)
    >>> width = {"width_mm": lambda x_mm: x_mm.max() - x_mm.min()}
    >>> extract_features(square, extra=width).column("width_mm")
    array([2.], dtype=float32)
    """
    if not isinstance(clusters, ClusterSet):
        raise BadInputError("a ClusterSet", column="clusters", value=type(clusters).__name__)
    own = check_extra(extra)
    values = np.full((len(clusters), len(FEATURE_NAMES)), np.nan, np.float32)
    offsets, columns = kernel_columns(clusters)
    _check_number(np.diff(offsets), clusters.cluster_id)

    def run(part: slice) -> None:
        measure_clusters(part.start, part.stop, offsets, columns, values)

    in_chunks(run, len(clusters), _CHUNK, n_threads)
    return with_extra(Features(values, clusters.cluster_id), clusters, own)


def _check_number(
    n_calcifications: npt.NDArray[np.int64], cluster_id: npt.NDArray[np.object_]
) -> None:
    """Refuse a cluster of so many calcifications that its pairs take minutes; say what many cost."""
    most = n_calcifications.max(initial=0)
    if most <= MANY_CALCIFICATIONS:
        return
    largest = str(cluster_id[int(n_calcifications.argmax())])
    if most > limits.MAX_CALCIFICATIONS:
        raise BadInputError(
            f"at most {limits.MAX_CALCIFICATIONS:,} calcifications per cluster, since all pairs are looked at; if these "
            "are several clusters, link them with a smaller distance",
            cluster_id=largest,
            value=int(most),
        )
    seconds = _SECONDS_OF_MANY * (most / MANY_CALCIFICATIONS) ** 2
    warnings.warn(
        f"cluster {largest}: {most:,} calcifications take about {seconds:,.0f} s of processor time, since all pairs "
        "are looked at; if these are several clusters, link them with a smaller distance",
        stacklevel=3,
    )


def with_extra(
    features: Features, clusters: ClusterSet, extra: tuple[ExtraFeature, ...]
) -> Features:
    """Return features with those of the caller's functions after them."""
    if not extra:
        return features
    return Features(
        np.hstack([features.values, measure_extra(clusters, extra)]),
        features.cluster_id,
        features.names + tuple(name for one in extra for name in one.names),
        tuple(one.needs for one in extra for _ in one.names),
    )


def kernel_columns(
    clusters: ClusterSet,
) -> tuple[npt.NDArray[np.int64], tuple[npt.NDArray[np.float32], ...]]:
    """Return what `measure_clusters` takes of clusters: the offsets, then all other columns."""
    offsets, *columns = (_read_only(getattr(clusters, name)) for name in ("offsets", *_COLUMNS))
    return offsets, tuple(columns)


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a read-only view: one array type to compile for, Arrow's and numpy's alike."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
