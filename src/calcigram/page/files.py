"""What people bring to the page and take from it: files, mammograms and examples to load; tables, pictures, reports to save.

A mammogram is detected in, shown as grey levels, and measured where someone clicks. All of it is done off the event
loop; nothing of the page itself is imported, as files are read in child processes, which need no Panel.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES, ClusterSet
from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.temporary import temporary_folder
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES, Concern
from calcigram.longtable import Notice
from calcigram.mammogram import Mammogram
from calcigram.options import MAMMOGRAM, ReadOptions
from calcigram.wording import plain, without_options

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.detect.images import Found


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

    def to_bytes(self) -> bytes:
        """Return it as bytes that another process reads without running anything of theirs.

        Examples
        --------
        >>> two = ClusterSet.from_arrays([0, 1, 3], [0, 1, 2], [0, 1, 2], cluster_id=["a", "b"])
        >>> Opened.from_bytes(Opened(two).to_bytes()).clusters.cluster_id.tolist()
        ['a', 'b']
        """
        clusters, picture = self
        meta = clusters.meta.astype(object).where(clusters.meta.notna(), None)
        texts: dict[str, Any] = {"id": clusters.cluster_id.tolist(), "meta": meta.to_dict("list")}
        names = ("offsets", *MARK_NAMES, *CLUSTER_NAMES)
        arrays = {name: getattr(clusters, name) for name in names}
        if picture is not None:
            about = picture.mammogram
            texts["image"] = {
                name: getattr(about, name) for name in ("image_id", "spacing_mm", "raw")
            }
            texts |= {name: getattr(picture, name) for name in ("grey", "loose", "notes")}
            arrays |= {"pixels": about.pixels} | (
                {} if about.valid is None else {"valid": about.valid}
            )
        out, words = io.BytesIO(), json.dumps(texts, default=str).encode()
        np.savez(out, allow_pickle=False, texts=np.frombuffer(words, np.uint8), **arrays)
        return out.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Opened:
        """Return what `to_bytes` made bytes of."""
        import pandas as pd

        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays: dict[str, Any] = {name: stored[name] for name in stored.files}
        texts, picture = json.loads(arrays.pop("texts").tobytes()), None
        if "image" in texts:
            about = texts["image"] | {"spacing_mm": tuple(texts["image"]["spacing_mm"])}
            image = Mammogram(arrays.pop("pixels"), valid=arrays.pop("valid", None), **about)
            picture = Picture(image, tuple(texts["grey"]), texts["loose"], tuple(texts["notes"]))
        meta = pd.DataFrame(texts["meta"], index=range(len(texts["id"])))
        offsets = arrays.pop("offsets")
        clusters = ClusterSet.from_arrays(offsets, **arrays, cluster_id=texts["id"], meta=meta)
        return cls(clusters, picture)


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
    # the first, if none is agreed
    i = int((benign if benign.any() else agreed).to_numpy().argmax())
    return list(examples())[i], verdicts.iloc[[i]].reset_index(drop=True)


Box = tuple[float, float, float, float]
"""Left, top, right and bottom in mm."""

MAX_SIDE = 1_600
"""Pixels a side of what is sent to the browser; what is larger is averaged."""

GREY_QUANTILES = (0.03, 0.999)
"""Of the breast, shown as black and white: the rest of the range is air, and bright objects."""

LEAST_Z = 3.0
"""What is grown where someone clicks stands out so far at least: noise reaches less in every few square mm."""

AROUND_MM, AROUND_PIXELS = 12.0, 600
"""What is measured around a point, either way: the largest calcifications are 8 mm long."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One mammogram, and what was found in it beside its clusters.

    Attributes
    ----------
    mammogram : Mammogram
        Its notices are part of `notes`.
    grey : (float, float)
        Values that are shown as black and as white.
    loose : dict of str to list of float
        Marks that were detected and stand in no cluster.
    notes : tuple of str
        What was assumed, found and left out.
    """

    mammogram: Mammogram
    grey: tuple[float, float]
    loose: dict[str, list[float]]
    notes: tuple[str, ...]

    @property
    def box(self) -> Box:
        """The whole image."""
        (rows, columns), (row_mm, column_mm) = (
            self.mammogram.pixels.shape,
            self.mammogram.spacing_mm,
        )
        return 0.0, 0.0, columns * column_mm, rows * row_mm

    def step(self, box: Box) -> int:
        """Return how many pixels a side are averaged to one, to show a part of the image."""
        rows, columns = self._slices(box)
        longest = int(max(rows.stop - rows.start, columns.stop - columns.start))
        return max(1, -(-longest // MAX_SIDE))

    def shown(self, box: Box) -> dict[str, list[Any]]:
        """Return a part of the image as columns of an image glyph: 8 bits, x, y, dw and dh in mm."""
        rows, columns = self._slices(box)
        part = self.mammogram.pixels[rows, columns]
        step = min(self.step(box), *part.shape)
        n_rows, n_columns = part.shape[0] // step * step, part.shape[1] // step * step
        blocks = part[:n_rows, :n_columns].reshape(n_rows // step, step, n_columns // step, step)
        black, white = self.grey
        levels = (blocks.mean(axis=(1, 3)) - black) * (255.0 / (white - black))
        row_mm, column_mm = self.mammogram.spacing_mm
        return {
            "image": [np.clip(levels, 0, 255).astype(np.uint8)],
            "x": [columns.start * column_mm],
            "y": [rows.start * row_mm],
            "dw": [n_columns * column_mm],
            "dh": [n_rows * row_mm],
        }

    def measure(
        self, x_mm: Sequence[float], y_mm: Sequence[float]
    ) -> list[dict[str, float] | None]:
        """Grow points to their outlines, each in the part of the image around it.

        Parameters
        ----------
        x_mm, y_mm : sequence of float

        Returns
        -------
        list of (dict of str to float) or None
            The marks at each point; None outside of the image, where no outline could be grown, and where it is
            one of noise.
        """
        from calcigram.detect.detection import measure_points

        found: list[dict[str, float] | None] = []
        left, top, right, bottom = self.box
        for x, y in zip(x_mm, y_mm, strict=True):
            if not (left <= x < right and top <= y < bottom):
                found.append(None)
                continue
            part, x0, y0 = self._around(x, y)
            row = measure_points(part, [x - x0], [y - y0]).table.iloc[0]
            marks = {name: float(row[name]) for name in MARK_NAMES}
            marks |= {"x_mm": marks["x_mm"] + x0, "y_mm": marks["y_mm"] + y0}
            is_seen = np.isfinite(marks["diameter_mm"]) and row["confidence"] >= LEAST_Z
            found.append(marks if is_seen else None)
        return found

    def _around(self, x: float, y: float) -> tuple[Mammogram, float, float]:
        """Return the part of the image around a point, and its left and top in mm."""
        row_mm, column_mm = self.mammogram.spacing_mm
        reach_x, reach_y = (min(AROUND_MM, AROUND_PIXELS * size) for size in (column_mm, row_mm))
        at = self._slices((x - reach_x, y - reach_y, x + reach_x, y + reach_y))
        valid = self.mammogram.valid
        part = replace(
            self.mammogram,
            pixels=np.ascontiguousarray(self.mammogram.pixels[at]),
            valid=None if valid is None else valid[at],
        )
        return part, at[1].start * column_mm, at[0].start * row_mm

    def _slices(self, box: Box) -> tuple[slice, slice]:
        """Return rows and columns of a part of the image: one pixel or more, and whole ones."""
        sizes, lengths = self.mammogram.spacing_mm, self.mammogram.pixels.shape
        ends = ((box[1], box[3]), (box[0], box[2]))
        slices = []
        for (low, high), size, length in zip(ends, sizes, lengths, strict=True):
            start = int(np.clip(low // size, 0, length - 1))
            slices.append(slice(start, int(np.clip(-(-high // size), start + 1, length))))
        return slices[0], slices[1]


def detected(mammogram: Mammogram, *, spacing: str = "spacing_mm") -> tuple[ClusterSet, Picture]:
    """Return the clusters of a mammogram and the picture; one of no calcifications where none is found.

    Parameters
    ----------
    mammogram : Mammogram
    spacing : str
        What the notes call the option that states the size of a pixel.

    Returns
    -------
    ClusterSet
    Picture

    Examples
    --------
    >>> pixels = np.random.default_rng(0).normal(500, 5, (400, 400)).astype(np.float32)
    >>> for row, column in [(200, 200), (220, 210), (190, 230), (215, 240), (230, 225)]:
    ...     pixels[row : row + 4, column : column + 4] += 80
    >>> pixels[:, 300:] = 0  # the air beside the breast
    >>> clusters, picture = detected(Mammogram(pixels, (0.07, 0.07)))
    >>> clusters.n_calcifications, picture.shown(picture.box)["image"][0].shape
    (array([5]), (400, 400))
    """
    from calcigram.detect.images import search

    found = search(mammogram)
    clusters, notes = found.clusters, list(found.notes)
    if not len(clusters):
        nipple_x, nipple_y = found.detection.nipple_mm or (np.nan, np.nan)
        clusters = ClusterSet.from_arrays(
            [0, 0], [], [], cluster_id=["drawn"], nipple_x_mm=[nipple_x], nipple_y_mm=[nipple_y],
            breast_area_mm2=[found.detection.breast_area_mm2],
        )  # fmt: skip
        notes.append("no cluster was found: click on calcifications to mark them")
    loose = np.setdiff1d(np.arange(len(found.detection.table)), found.rows)
    marks = found.detection.table.iloc[loose]
    columns = {name: marks[name].astype(float).tolist() for name in MARK_NAMES}
    notes.sort(key=lambda note: not isinstance(note, Notice))  # what makes it less reliable first
    said = tuple(without_options(note, spacing) for note in notes)
    return clusters, Picture(mammogram, _grey(found), columns, said)


def _grey(found: Found) -> tuple[float, float]:
    """Return the values that are shown as black and as white."""
    pixels, breast = found.mammogram.pixels, found.detection.breast
    step = max(1, min(pixels.shape) // 500)
    seen = pixels[::step, ::step]
    inside = seen[breast[::step, ::step]]
    black, white = np.nanquantile(inside if inside.size else seen, GREY_QUANTILES)
    return float(black), float(max(white, black + 1e-6 * abs(black) + 1e-6))
