"""Draw the README's picture: nine of the sample clusters with their verdicts.

python benchmarks/make_gallery_picture.py
"""

from pathlib import Path

import calcigram
from calcigram.plots import plot_gallery

ROOT = Path(__file__).parents[1]
CHOSEN = ("S01", "S08", "S03", "S04", "S11", "S06", "S17", "S12", "S16")


def main() -> None:
    """Write docs/img/gallery.png."""
    clusters = calcigram.read_clusters(ROOT / "data" / "sample_clusters.csv")
    rows = [list(clusters.cluster_id).index(name) for name in CHOSEN]
    chosen = clusters[rows]
    figure = plot_gallery(chosen, calcigram.classify(chosen), n_columns=3, panel_inches=4.6)
    target = ROOT / "docs" / "img" / "gallery.png"
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target, dpi=64)


if __name__ == "__main__":
    main()
