"""The long table to clusters and back: rows brought together by cluster, every bad value named.

Files are not opened here; `formats` does that.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.limits import CLUSTER_NAMES, META_COLUMNS, POINT_NAMES
from calcigram.longtable.columns import (
    ID_EXPECTED,
    MISSING_IDS,
    NUMERIC_COLUMNS,
    Faults,
    Mask,
    Rows,
    checked_numbers,
    factors,
    id_text,
    meta_column,
    resolve_columns,
)
from calcigram.options import ReadOptions

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.clusters import ClusterSet


class TableWarning(UserWarning):
    """Something in a table was left out."""


class RepeatedRowsWarning(TableWarning):
    """Exactly repeated rows were dropped."""


class IgnoredColumnWarning(TableWarning):
    """A column of no known meaning varies within clusters and was ignored."""


class RejectedClustersWarning(TableWarning):
    """Clusters with bad values were set aside."""


class NoticeWarning(TableWarning):
    """Something in a file was guessed or left out, or should be looked at."""


class Notice(str):
    """A note that says what was guessed or left out; other notes only say what a file is."""


NOISE_IDS = ("-1", "-1.0")
"""Clustering programs (DBSCAN, HDBSCAN) give this label to points that are in no cluster."""


def notices_of_ids(ids: npt.ArrayLike) -> tuple[Notice, ...]:
    """Return what is to be said of cluster ids."""
    found = [noise for noise in NOISE_IDS if noise in np.asarray(ids, dtype=object)]
    if not found:
        return ()
    return (
        Notice(
            f"cluster {found[0]!r} was read as a cluster; clustering programs give this label to "
            "points in no cluster: leave them out if that is so here"
        ),
    )


def tell(intake: Intake, source: object = None) -> None:
    """Warn of each `Notice` of an intake, for those who hand on nothing but its clusters.

    Parameters
    ----------
    intake : Intake
    source : object, optional
        What to call the file.
    """
    where = "" if source is None else f"{source}: "
    for note in intake.notes:
        if isinstance(note, Notice):
            warnings.warn(f"{where}{note}", NoticeWarning, stacklevel=3)


NO_ROWS = "no row below the headings: no clusters"


@dataclass(frozen=True, eq=False)
class Intake:
    """What came of a table.

    Attributes
    ----------
    clusters : ClusterSet
        In order of first appearance; rows in order within each.
    rejects : pandas.DataFrame
        One row a bad value of the clusters set aside: `rejects.REJECT_COLUMNS`.
    n_duplicates : int
        Exactly repeated rows that were dropped.
    n_rejected : int
        Clusters set aside.
    ignored : tuple of str
        Columns left out, for the most part because they vary within clusters.
    notes : tuple of str
        What a file other than a table is, how clusters were formed of it, and what it lacks. Those
        that say what was guessed or left out are of the class `Notice`.
    """

    clusters: ClusterSet
    rejects: pd.DataFrame
    n_duplicates: int = 0
    n_rejected: int = 0
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def parts(self, batch_size: int, skip: int = 0) -> Iterator[Intake]:
        """Yield it in parts of at most `batch_size` clusters, all but the first `skip`.

        What was left out, and how much, is told with the first part.

        Examples
        --------
        >>> import pandas as pd
        >>> from calcigram import ClusterSet
        >>> clusters = ClusterSet.from_arrays([0, 1, 2, 3], [1, 2, 3], [0, 0, 0])
        >>> whole = Intake(clusters, pd.DataFrame(), 5)
        >>> [(len(part.clusters), part.n_duplicates) for part in whole.parts(2)]
        [(2, 5), (1, 0)]
        """
        if len(self.clusters) <= batch_size:
            yield from [self][skip:]
            return
        for index, part in enumerate(self.clusters.batches(batch_size)):
            if index == 0 and not skip:
                yield replace(self, clusters=part)
            elif index >= skip:
                yield Intake(part, self.rejects.iloc[:0])


def intake_from_frame(
    frame: pd.DataFrame,
    options: ReadOptions | None,
    *,
    source: str | None,
    row_number: Callable[[Rows], Rows] | int,
    make: Callable[..., ClusterSet],
) -> Intake:
    """Make clusters of a long table; `clusters.clusters_from_frame` documents it, and gives `make`."""
    import pandas as pd

    options = options or ReadOptions()
    if not isinstance(frame, pd.DataFrame):
        expected = "a table with one row per calcification (pandas.DataFrame)"
        raise BadInputError(expected, source=source, value=type(frame).__name__)
    factor = factors(options)
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    names = resolve_columns(list(frame.columns), options, source=source)
    faults = Faults(source)
    if not len(frame):  # a mammogram in which nothing was detected
        texts = np.zeros(0, object)
        clusters = make([0], *([np.zeros(0)] * 2), cluster_id=texts)
        return Intake(clusters, faults.table(str, abs), notes=(Notice(NO_ROWS),))
    owner, ids = _owners(frame, names, options.single_cluster, faults)
    values = {
        ours: checked_numbers(frame[theirs], NUMERIC_COLUMNS[ours], factor[ours], theirs, faults)
        for ours, theirs in names.items()
        if ours in NUMERIC_COLUMNS
    }
    order, offsets = _by_cluster(owner, len(ids))
    first = order[offsets[:-1]]
    for ours, theirs in names.items():
        if ours in CLUSTER_NAMES:
            _check_constant(frame[theirs], values[ours], owner, first, theirs, faults)
    meta, ignored = _meta(frame, names, owner, first, faults)

    def id_of(row: int) -> str | None:
        return ids[owner[row]] if owner[row] >= 0 else None

    numbered = row_number if callable(row_number) else lambda rows: rows + row_number
    if faults.found and not options.skip_bad:
        raise faults.first(id_of, numbered)
    keep = _keep_clusters(faults, owner, len(ids))
    repeated = _repeated_rows(frame, names, owner, values)
    _warn(int(repeated.sum()), ignored, source)
    kept_rows = order[keep[owner[order]] & ~repeated[order]]
    lengths = np.bincount(owner[kept_rows], minlength=len(ids))[keep]
    clusters = make(
        np.concatenate([[0], np.cumsum(lengths)]),
        cluster_id=ids[keep],
        meta=meta[keep],
        **{name: values[name][kept_rows] for name in POINT_NAMES if name in values},
        **{name: values[name][first][keep] for name in CLUSTER_NAMES if name in values},
    )
    n_rejected = int((~keep).sum()) + bool((owner < 0).any())
    return Intake(
        clusters,
        faults.table(id_of, numbered),
        int(repeated.sum()),
        n_rejected,
        tuple(ignored),
        notices_of_ids(clusters.cluster_id),
    )


def _owners(
    frame: pd.DataFrame, names: Mapping[str, str], single_cluster: str | None, faults: Faults
) -> tuple[Rows, npt.NDArray[np.object_]]:
    """Return the cluster index of each row (-1 without id) and the ids, by first appearance."""
    import pandas as pd

    if "cluster_id" not in names:
        return np.zeros(len(frame), np.int64), np.array([str(single_cluster)], dtype=object)
    column = frame[names["cluster_id"]]
    codes, raw = pd.factorize(column)
    # Distinct values may be one text (7 and "7"), so the texts are factorized again.
    texts = [id_text(value) for value in raw]
    merged, ids = pd.factorize(np.array([text or None for text in texts], dtype=object))
    owner = np.where(codes >= 0, np.append(merged, -1)[codes], -1).astype(np.int64)
    faults.add(owner < 0, names["cluster_id"], column, ID_EXPECTED)
    return owner, np.asarray(ids, dtype=object)


def _by_cluster(owner: Rows, n_clusters: int) -> tuple[Rows, Rows]:
    """Return the rows that have a cluster, brought together by cluster, and the offsets."""
    if (np.diff(owner) >= 0).all():  # already together; rows without id sort first
        order = np.arange(len(owner))
    else:
        order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner + 1, minlength=n_clusters + 1)
    return order[counts[0] :], np.concatenate([[0], np.cumsum(counts[1:])])


def _check_constant(
    series: pd.Series, values: Any, owner: Rows, first: Rows, theirs: str, faults: Faults
) -> None:
    """Note rows whose value is not that of the first row of their cluster."""
    of_first = np.append(values[first], values[:1])[owner]
    same = (values == of_first) | ((values != values) & (of_first != of_first)) | (owner < 0)
    faults.add(~same, theirs, series, "the value of the cluster's first row in all its rows")


def _meta(
    frame: pd.DataFrame, names: Mapping[str, str], owner: Rows, first: Rows, faults: Faults
) -> tuple[pd.DataFrame, list[str]]:
    """Return the columns with one value per cluster, and the names of those that vary."""
    import pandas as pd

    theirs_to_ours = {theirs: ours for ours, theirs in names.items()}
    kept: dict[str, Any] = {}
    ignored: list[str] = []
    for theirs in frame.columns:
        ours = theirs_to_ours.get(theirs, theirs)
        if theirs not in theirs_to_ours and ours in (*names, "cluster_id", *NUMERIC_COLUMNS):
            ignored.append(theirs)  # bears our name, though another column was mapped to it
            continue
        if ours in NUMERIC_COLUMNS or ours == "cluster_id":
            continue
        codes, _ = pd.factorize(frame[theirs])
        if ours in META_COLUMNS:
            _check_constant(frame[theirs], codes, owner, first, theirs, faults)
        elif not (np.append(codes[first], -2)[owner] == codes)[owner >= 0].all():
            ignored.append(theirs)
            continue
        kept[ours] = meta_column(frame[theirs].iloc[first], as_text=ours in META_COLUMNS)
    reserved_first = sorted(kept, key=lambda name: name not in META_COLUMNS)
    return pd.DataFrame(
        {name: kept[name] for name in reserved_first}, index=range(len(first))
    ), ignored


def _keep_clusters(faults: Faults, owner: Rows, n_clusters: int) -> Mask:
    keep = np.ones(n_clusters, bool)
    bad = owner[faults.rows()]
    keep[bad[bad >= 0]] = False
    return keep


def _repeated_rows(
    frame: pd.DataFrame, names: Mapping[str, str], owner: Rows, values: Mapping[str, Any]
) -> Mask:
    """Return which rows repeat an earlier one in every column."""
    import pandas as pd

    # Few rows share cluster and position, so the whole rows of those few are compared.
    bits = [
        (values[name] + np.float32(0)).view(np.uint32).astype(np.uint64)
        for name in ("x_mm", "y_mm")
    ]
    mixed = (bits[0] << np.uint64(32)) | bits[1]
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= owner.astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9)
    candidates = np.flatnonzero(pd.Series(mixed).duplicated(keep=False))
    repeated = np.zeros(len(frame), bool)
    if candidates.size:
        numeric = {name: column[candidates] for name, column in values.items()}
        known = {
            theirs
            for ours, theirs in names.items()
            if ours in NUMERIC_COLUMNS or ours == "cluster_id"
        }
        others = {
            f"their {name}": frame[name].iloc[candidates].array
            for name in frame
            if name not in known
        }
        rows = pd.DataFrame({"owner": owner[candidates], **numeric, **others})
        repeated[candidates] = rows.duplicated().to_numpy()
    return repeated


def _warn(n_repeated: int, ignored: list[str], source: str | None) -> None:
    where = "" if source is None else f"{source}: "
    if n_repeated:
        rows = "row was" if n_repeated == 1 else "rows were"
        warnings.warn(
            f"{where}{n_repeated} exactly repeated {rows} dropped",
            RepeatedRowsWarning,
            stacklevel=3,
        )
    if ignored:
        listed = ", ".join(map(repr, ignored))
        warnings.warn(
            f"{where}ignored {listed}: no known column, or not one value per cluster",
            IgnoredColumnWarning,
            stacklevel=3,
        )


def frame_from_clusters(
    clusters: ClusterSet, *, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the long table of a set: ids, marks, per-cluster columns repeated, then meta.

    Parameters
    ----------
    clusters : ClusterSet
    columns : sequence of str, optional
        Numeric columns to give; by default those of which the set knows anything.

    Returns
    -------
    pandas.DataFrame, shape (N, any)

    Raises
    ------
    BadInputError
        A cluster has no calcification, or two share an id: a long table cannot hold that.

    Examples
    --------
    >>> from calcigram import ClusterSet
    >>> clusters = ClusterSet.from_arrays([0, 2], [0, 1], [0, 1], cluster_id=["a"], cnr=[5, 6])
    >>> list(frame_from_clusters(clusters).columns)
    ['cluster_id', 'x_mm', 'y_mm', 'cnr']
    """
    import pandas as pd

    check_long(clusters)
    owner = np.repeat(np.arange(len(clusters)), clusters.n_calcifications)
    table: dict[str, Any] = {"cluster_id": clusters.cluster_id[owner]}
    for name in known_columns(clusters) if columns is None else columns:
        values = getattr(clusters, name)
        table[name] = values if name in POINT_NAMES else values[owner]
    meta = clusters.meta.iloc[owner].reset_index(drop=True)
    return pd.concat([pd.DataFrame(table), meta], axis=1)


def check_long(clusters: ClusterSet) -> None:
    """Raise `BadInputError` where a set cannot be a long table (see `frame_from_clusters`)."""
    import pandas as pd

    check_names(clusters)
    empty = clusters.n_calcifications == 0
    if empty.any():
        expected = "at least one calcification in each cluster of a long table"
        raise BadInputError(expected, cluster_id=clusters.cluster_id[int(empty.argmax())])
    repeated = pd.Series(clusters.cluster_id).duplicated().to_numpy()
    if repeated.any():
        expected = "each cluster id once in a long table"
        raise BadInputError(expected, cluster_id=clusters.cluster_id[int(repeated.argmax())])


def check_names(clusters: ClusterSet) -> None:
    """Raise `BadInputError` where an id or a name in meta would be read as something else."""
    missing = MISSING_IDS.intersection(clusters.cluster_id)
    if missing:
        raise BadInputError(ID_EXPECTED, cluster_id=sorted(missing)[0])
    clash = sorted(set(map(str, clusters.meta.columns)) & {"cluster_id", *NUMERIC_COLUMNS})
    if clash:
        raise BadInputError("a name in meta that no mark or id has", column=clash[0])


def known_columns(clusters: ClusterSet) -> list[str]:
    """Return the names of the numeric columns of which a set knows at least one value.

    Examples
    --------
    >>> from calcigram import ClusterSet
    >>> known_columns(ClusterSet.from_arrays([0, 1], [0], [0], nipple_x_mm=[1]))
    ['x_mm', 'y_mm', 'nipple_x_mm']
    """
    return [
        column.name
        for column in NUMERIC_COLUMNS.values()
        if column.required or not np.isnan(getattr(clusters, column.name)).all()
    ]
