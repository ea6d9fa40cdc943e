"""Memory and time of every entrance: small inputs that ask for much."""

from __future__ import annotations

from collections.abc import Iterator

from attack.frame import Outcome, in_children, kind


@kind("memory", "gzip in gzip", "read_clusters of a table packed twice", full=1, bounded=1)
def gzip_in_gzip(n: int) -> Iterator[Outcome]:
    import gzip
    import tempfile
    from pathlib import Path

    from calcigram import read_clusters

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv.gz"
        path.write_bytes(
            gzip.compress(gzip.compress(b"cluster_id,x_mm,y_mm\n" + b"a,1,2\n" * 1_000_000))
        )
        yield from in_children(read_clusters, [("twice", path)])
