"""Files of the page: what is dropped on it is read, what is saved from it is written; and examples to load.

All of it is done off the event loop; of the page itself nothing is imported, as files are read in
child processes, which need no Panel.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.temporary import temporary_folder
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES, Concern
from calcigram.options import MAMMOGRAM, ReadOptions
from calcigram.wording import plain, without_options

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.page.pictures import Picture

MAX_POINTS = 5_000
"""Calcifications of one cluster that the page draws and reads."""

MAX_BYTES, MAX_IMAGE_BYTES = 10_000_000, 64_000_000
"""Of a file that is dropped: a table, report or mask, and a mammogram."""

MAX_CLUSTERS = 2_000
MAX_PAIRS = 500_000_000

SPACING = "the field 'Pixel size'"
"""What the page has in place of an option of the command line."""


NOTICE = "Research software, not a medical device."

Read = Callable[[ClusterSet], "pd.DataFrame"]


class Opened(NamedTuple):
    """What a file holds: clusters, and the mammogram they were detected in where it is one."""

    clusters: ClusterSet
    picture: Picture | None = None


def check_number(n: int) -> None:
    """Refuse more calcifications of one cluster than the page takes."""
    if n > MAX_POINTS:
        raise BadInputError(
            f"at most {MAX_POINTS:,} calcifications per cluster on the page", value=n
        )


def open_file(content: bytes, **options: Any) -> Opened:
    """Read a file that was dropped: a mammogram, or whatever else `read_clusters` takes.

    Parameters
    ----------
    content : bytes
        At most `MAX_BYTES`; a mammogram `MAX_IMAGE_BYTES`.
    **options
        As `read_clusters` takes them; what is empty says nothing.

    Returns
    -------
    Opened
        1 to `MAX_CLUSTERS` clusters.

    Raises
    ------
    CalcigramError
        It cannot be read; no path is named.
    """
    from calcigram.formats import read_clusters
    from calcigram.formats.mammograms import read_mammogram
    from calcigram.formats.registry import content_of
    from calcigram.page.pictures import detected

    _check_size(content, MAX_IMAGE_BYTES)
    with temporary_folder() as folder:
        path = folder / "file"
        path.write_bytes(content)
        try:
            given = ReadOptions(
                **{n: value for n, value in options.items() if value not in (None, "")}
            )
            if content_of(path, given) == "mammogram":
                given.check_applies(MAMMOGRAM, "the file")
                mammogram = read_mammogram(path, spacing_mm=given.pixel_spacing)
                opened = Opened(*detected(mammogram, spacing=SPACING))
            else:
                _check_size(content, MAX_BYTES)
                opened = Opened(read_clusters(path, given))
        except CalcigramError as error:
            message = without_options(str(error).replace(str(path), "the file"), SPACING)
            if message == str(error):
                raise
            raise CalcigramError(message) from None
    _check_clusters(opened.clusters)
    return opened


def _check_size(content: bytes, most: int) -> None:
    if len(content) > most:
        raise BadInputError(f"a file of at most {most // 1_000_000} MB")


def _check_clusters(clusters: ClusterSet) -> None:
    """Refuse more than the page takes."""
    if not 0 < len(clusters) <= MAX_CLUSTERS:
        raise BadInputError(f"1 to {MAX_CLUSTERS} clusters on the page", value=len(clusters))
    lengths = clusters.n_calcifications
    check_number(int(lengths.max()))
    if (pairs := int((lengths.astype(np.int64) ** 2).sum())) > MAX_PAIRS:
        expected = (
            f"clusters whose squared numbers of calcifications add up to {MAX_PAIRS:,} at most"
        )
        raise BadInputError(expected, value=pairs)


def replaced(clusters: ClusterSet | None, i: int | None, drawn: ClusterSet) -> ClusterSet:
    """Return clusters with the one of number `i` as it was drawn; that alone, where there is none.

    Examples
    --------
    >>> two = ClusterSet.from_arrays([0, 1, 3], [0, 1, 2], [0, 1, 2], cluster_id=["a", "b"])
    >>> drawn = ClusterSet.from_arrays([0, 0], [], [], cluster_id=["a"])
    >>> replaced(two, 0, drawn).n_calcifications
    array([0, 2])
    """
    if clusters is None or i is None:
        return drawn
    parts = [clusters[:i], drawn, clusters[i + 1 :]]
    return ClusterSet.concat([part for part in parts if len(part)])


def table(read: Read, clusters: ClusterSet) -> io.BytesIO:
    """Return the verdicts as CSV."""
    return io.BytesIO(read(clusters).to_csv(index=False).encode())


def picture(read: Read, cluster: ClusterSet) -> io.BytesIO:
    """Return one cluster and its verdict as PNG."""
    out = io.BytesIO()
    figure = drawn(read, cluster)
    figure.savefig(out, format="png", dpi=120, bbox_inches="tight")
    out.seek(0)
    return out


def drawn(read: Read, cluster: ClusterSet) -> Any:
    """Return the picture as a figure of Matplotlib; it says what it is wherever it is pasted."""
    from calcigram.plots import plot_cluster

    figure: Any = plot_cluster(cluster, read(cluster).iloc[0]).figure
    figure.text(0.5, -0.02, NOTICE, ha="center", va="top", fontsize="small", color="#57606a")
    return figure


def report(read: Read, clusters: ClusterSet) -> io.BytesIO:
    """Return the report on clusters as HTML."""
    from calcigram.report import write_report

    with temporary_folder() as folder:
        path = write_report(clusters, read(clusters), folder / "report.html")
        return io.BytesIO(path.read_bytes())


SEED = 11
N_TRIED = 120


@cache
def examples() -> dict[str, ClusterSet]:
    """Return the examples by their names, in the lexicon's order.

    Returns
    -------
    dict of str to ClusterSet
        One cluster each.
    """
    from calcigram.simulate import simulate

    clusters = simulate(N_TRIED, seed=SEED, grade="easy")
    found: dict[str, ClusterSet] = {}
    for axis, words, column in (
        ("Distribution", DISTRIBUTIONS, "true_distribution"),
        ("Morphology", MORPHOLOGIES, "true_morphology"),
    ):
        truth = clusters.meta[column].astype(str)
        for word in words:
            name = f"{axis}: {plain([word])[0]}"
            places = truth.index[truth == str(word)]
            if len(places):
                found[name] = clusters[int(places[0])]
    return found


@lru_cache(maxsize=4)
def first_example(read: Callable[[ClusterSet], pd.DataFrame]) -> tuple[str, pd.DataFrame]:
    """Return the example that a page opens on: the first on which all sources agree, benign if any.

    Where all say suspicious or intermediate, what they advise may differ still.

    Parameters
    ----------
    read : callable
        From clusters to verdicts; what it makes of the examples is kept.

    Returns
    -------
    name : str
    verdicts : DataFrame
        Of this example alone.
    """
    verdicts = read(ClusterSet.concat(list(examples().values())))
    concerns = verdicts[[n for n in verdicts if n == "concern" or str(n).endswith("_concern")]]
    agreed = concerns.eq(verdicts["concern"], axis=0).all(axis=1)
    agreed &= ~verdicts["review"].astype(bool) & (verdicts["agreement"] == "agree")
    benign = agreed & (verdicts["concern"] == Concern.BENIGN)
    i = int(
        (benign if benign.any() else agreed).to_numpy().argmax()
    )  # the first, if none is agreed
    return list(examples())[i], verdicts.iloc[[i]].reset_index(drop=True)
