"""What can be saved from the page: the table, the picture, the report; made off the event loop."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.clusters import ClusterSet

if TYPE_CHECKING:
    import pandas as pd

NOTICE = "Research software, not a medical device."

Read = Callable[[ClusterSet], "pd.DataFrame"]


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

    with tempfile.TemporaryDirectory(prefix="calcigram-") as folder:
        path = write_report(clusters, read(clusters), Path(folder) / "report.html")
        return io.BytesIO(path.read_bytes())
