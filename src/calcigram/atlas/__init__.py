"""The atlas: each distribution and each morphology as a synthetic example beside a mimic, in one HTML file.

What it shows of each word, and the sources, stand in ``atlas.toml``. The clusters are simulated, pictured as X-rays and
as outlines, and measured when it is written. It reads no file of a user and classifies nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.charts import BLACK, BLUE, wilson_interval
from calcigram.clusters import ClusterSet
from calcigram.consequences import shipped_rulebooks
from calcigram.detect.detection import measure_points
from calcigram.features.catalogue import CATALOGUE, with_unit
from calcigram.features.extract import extract_features
from calcigram.htmlfile import filled, picture, write_text
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES, TERMS, Distribution, Morphology
from calcigram.mammogram import Mammogram
from calcigram.plots.cluster import draw_nipple_direction, draw_scale_bar, draw_tree, hull_outline
from calcigram.risk.table import COLUMNS, ROWS, load_risk
from calcigram.simulate import acquisition
from calcigram.simulate.generator import TrueCluster, true_cluster
from calcigram.simulate.mechanisms import Floats
from calcigram.simulate.presets import Preset, load_preset
from calcigram.simulate.render import Labels, scene_of, take_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Statement:
    """A sentence in words of our own, and where it comes from.

    Attributes
    ----------
    text : str
    source : str
        Of the article its headings; else a publication or standard.
    tag : str or None
        ``"stated"`` or ``"inferred"``, as in a rulebook; None of what is not said by its sources.
    """

    text: str
    source: str
    tag: str | None = None


@dataclass(frozen=True)
class Side:
    """One of the two clusters of an entry.

    Attributes
    ----------
    mechanisms : tuple of str
        Ids of an arrangement and of a particle model of the simulator.
    index : int
        Which cluster of these mechanisms.
    says : Statement
        What to look at.
    """

    mechanisms: tuple[str, str]
    index: int
    says: Statement

    @property
    def pattern(self) -> tuple[Distribution, Morphology]:
        """The true distribution and morphology."""
        distribution, morphology = (name.partition(".")[0] for name in self.mechanisms)
        return Distribution(distribution), Morphology(morphology)


@dataclass(frozen=True)
class Entry:
    """What the atlas shows of one word.

    Attributes
    ----------
    word : Distribution or Morphology
    example, mimic : Side
        A typical cluster of the word, and one that is easily confused with it.
    article, birads : Statement
        What the two sources of the rulebooks say of the word.
    features : tuple of str
        The measurements that distinguish the two clusters, by names of the feature catalogue.
    """

    word: Distribution | Morphology
    example: Side
    mimic: Side
    article: Statement
    birads: Statement
    features: tuple[str, ...]


@lru_cache(maxsize=1)
def atlas_entries() -> tuple[Entry, ...]:
    """Return the entries, those of the distributions first, in the lexicon's order.

    Examples
    --------
    >>> entry = atlas_entries()[0]
    >>> str(entry.word), entry.article.source
    ('diffuse', 'Diffuse or Scattered Clusters')
    """
    tables = _tables()
    words: tuple[Distribution | Morphology, ...] = (*DISTRIBUTIONS, *MORPHOLOGIES)
    return tuple(_entry(word, tables[word]) for word in words)


def source_names() -> dict[str, str]:
    """Return what the sources of statements are, by what they are called; those of the article are its headings."""
    names: dict[str, str] = _tables()["sources"]
    return names


@lru_cache(maxsize=1)
def _tables() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("atlas.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _entry(word: Distribution | Morphology, table: dict[str, Any]) -> Entry:
    example, mimic = (_side(**table[name]) for name in ("example", "mimic"))
    article, birads = (Statement(**table[name]) for name in ("article", "birads"))
    return Entry(word, example, mimic, article, birads, tuple(table["features"]))


def _side(mechanisms: list[str], index: int, **says: str) -> Side:
    arrangement, particle_model = mechanisms
    return Side((arrangement, particle_model), index, Statement(**says))


SEED = 16

PRESET = "bench_v1"
"""Frozen: its clusters stay the same whatever becomes of the ranges for training."""

PICTURE_PX = 480

_PAD = 1.2
"""Side of the picture of a whole cluster, as a multiple of its greater extent."""

_LOWER = 0.04
"""How far clusters stand above the middle of the picture, as a share of its side: the scale bar is below them."""

_LEAST_SPREADS = 8.0
"""White is at least so many standard deviations above the tissue: the faint stay faint."""

_BAR_TEXT = 1.3
"""Size of the text at scale bars, as a share of the default font size: pictures are shown reduced."""

_MEASURED_MM = 3.0
"""Least tissue beyond a cluster, about which contrast is measured."""


@dataclass(frozen=True, eq=False)
class Specimen:
    """One simulated cluster with its picture.

    Attributes
    ----------
    cluster : ClusterSet
        One cluster with its true marks in the millimetres of the picture; `cnr`, where it is
        wanted, is measured in it.
    outlines : ndarray of float64, shape (P, corners, 2)
        True outlines, mm; those of one calcification may overlap.
    image : Mammogram
    labels : ndarray of int32
        Truth per pixel: 0 where there is no calcification.
    low, high : ndarray of float64, shape (2,)
        Corners of the square that is shown, mm.
    """

    cluster: ClusterSet
    outlines: Floats
    image: Mammogram
    labels: Labels
    low: Floats
    high: Floats


def specimens(entry: Entry) -> tuple[Specimen, Specimen]:
    """Return the example and the mimic of an entry, both to be shown at the same scale.

    Parameters
    ----------
    entry : Entry
    """
    sides = (entry.example, entry.mimic)
    found = [
        true_cluster(side.index, seed=SEED, preset=PRESET, only_mechanisms=side.mechanisms)
        for side in sides
    ]
    contrast = any("cnr" in spec.needs for spec in CATALOGUE if spec.name in entry.features)
    side_mm = _PAD * max(float(np.ptp(_placed(one), axis=(0, 1)).max()) for one in found)
    example, mimic = (
        _specimen(one, side, side_mm, contrast=contrast)
        for one, side in zip(found, sides, strict=True)
    )
    return example, mimic


@lru_cache(maxsize=1)
def _clear() -> Preset:
    """Return the ranges of pictures, narrowed to what is wanted for teaching."""
    ranges = load_preset("train")
    sections = dict(ranges.sections)
    for name, values in _tables()["image"].items():
        section = sections[f"render.{name}"]
        sections[f"render.{name}"] = {**section} | {
            quantity: section[quantity]._replace(low=value, high=value)
            for quantity, value in values.items()
        }
    return replace(ranges, sections=sections)


def _placed(cluster: TrueCluster) -> Floats:
    truth = cluster.truth
    placed: Floats = truth.outlines.parts + truth.xy[truth.outlines.owner][:, None]
    return placed


def _specimen(cluster: TrueCluster, side: Side, side_mm: float, *, contrast: bool) -> Specimen:
    least_mm = float(np.ptp(_placed(cluster), axis=(0, 1)).min())
    margin_mm = max(_MEASURED_MM, (0.5 + _LOWER) * side_mm - 0.5 * least_mm + 0.5)
    rng = np.random.default_rng((SEED, side.index))
    scene = scene_of(rng, cluster.truth, _clear(), margin_mm)
    pixels, labels = take_picture(rng, scene)
    pixel_mm = scene.drawn["detector"].pixel_mm
    name = "/".join(side.mechanisms)
    image = Mammogram(
        pixels,
        (pixel_mm, pixel_mm),
        image_id=name,
        laterality=cluster.view.laterality,
        view=cluster.view.projection,
    )
    xy = scene.truth.xy
    outlines = _placed(cluster) - scene.corner
    centre = 0.5 * (outlines.min(axis=(0, 1)) + outlines.max(axis=(0, 1)))
    centre[1] += _LOWER * side_mm
    cnr = np.full(len(xy), np.nan)
    if contrast:  # in a large image it takes seconds
        cnr = measure_points(image, *xy.T).table["cnr"].to_numpy()
    nipple = cluster.view.offset - scene.corner
    marks = ClusterSet.from_arrays(
        [0, len(xy)],
        **dict(
            zip(acquisition.COLUMNS, np.column_stack([xy, scene.truth.table, cnr]).T, strict=True)
        ),
        nipple_x_mm=nipple[[0]],
        nipple_y_mm=nipple[[1]],
        breast_area_mm2=[cluster.breast.area_mm2],
        cluster_id=[name],
    )
    half = 0.5 * side_mm
    return Specimen(marks, outlines, image, labels, centre - half, centre + half)


def draw_schematic(specimen: Specimen, ax: Axes, *, guide: Distribution | None = None) -> None:
    """Draw the true outlines of a cluster in mm.

    Parameters
    ----------
    specimen : Specimen
    ax : matplotlib.axes.Axes
    guide : Distribution, optional
        Draw what shows this distribution as well: the spanning tree of a line or branches, the
        hull of others, and the way to the nipple.
    """
    from matplotlib.collections import PolyCollection

    _frame(ax, specimen)
    xy = np.column_stack([specimen.cluster.x_mm, specimen.cluster.y_mm]).astype(float)
    if guide in (Distribution.LINEAR, Distribution.BRANCHING):
        draw_tree(ax, xy)
    elif guide is not None:
        ax.plot(*hull_outline(xy).T, color=BLUE, linestyle=(0, (5, 3)), linewidth=1.1)
    ax.add_collection(
        PolyCollection(
            list(specimen.outlines), facecolor=BLACK, edgecolor=BLACK, linewidth=0.4, zorder=3
        )
    )
    if guide is not None:
        draw_nipple_direction(ax, specimen.cluster, xy)
    draw_scale_bar(ax, 0.05, _BAR_TEXT)


def draw_xray(
    specimen: Specimen, ax: Axes, *, most_px: int = PICTURE_PX, scale_bar: bool = True
) -> None:
    """Draw the picture of a cluster as a mammogram shows it, magnified.

    Parameters
    ----------
    specimen : Specimen
    ax : matplotlib.axes.Axes
    most_px : int
        Rows and columns that the figure shows; an image of twice as many or more is reduced.
    scale_bar : bool

    Notes
    -----
    Where several pixels fall on one of the screen, the brightest is shown, or small calcifications
    would vanish.
    """
    _frame(ax, specimen)
    pixels, (pixel_mm, _) = specimen.image.pixels, specimen.image.spacing_mm
    (left, top), (right, bottom) = (
        np.round(corner / pixel_mm).astype(int) for corner in (specimen.low, specimen.high)
    )
    rows, columns = slice(max(top, 0), bottom), slice(max(left, 0), right)
    shown, is_calcified = (
        _reduced(array[rows, columns], most_px) for array in (pixels, specimen.labels > 0)
    )
    tissue = shown[~is_calcified]
    middle, spread = float(np.median(tissue)), float(tissue.std())
    bright = max(middle + _LEAST_SPREADS * spread, float(np.percentile(shown[is_calcified], 75)))
    ax.imshow(
        shown, cmap="gray", vmin=middle - 3 * spread, vmax=bright, interpolation="bicubic", aspect="auto",
        extent=(specimen.low[0], specimen.high[0], specimen.high[1], specimen.low[1]),
    )  # fmt: skip
    if scale_bar:
        draw_scale_bar(ax, 0.05, _BAR_TEXT, "white")


def _reduced(pixels: npt.NDArray[Any], most_px: int) -> npt.NDArray[Any]:
    """Return the brightest of each block of pixels, where there are more than are shown."""
    step = max(1, min(pixels.shape) // most_px)
    rows, columns = (n // step for n in pixels.shape)
    blocks = pixels[: rows * step, : columns * step].reshape(rows, step, columns, step)
    reduced: npt.NDArray[Any] = blocks.max(axis=(1, 3))
    return reduced


def _frame(ax: Axes, specimen: Specimen) -> None:
    ax.set(xlim=(specimen.low[0], specimen.high[0]), ylim=(specimen.high[1], specimen.low[1]))
    ax.set_axis_off()


TITLE = "Atlas of calcification patterns"

NOT_IN_THE_DATA = "not in the data"

_FEATURES = {spec.name: spec for spec in CATALOGUE}

_JPEG = {"format": "jpeg", "pil_kwargs": {"quality": 80}}
_SCHEMATIC_DPI, _XRAY_DPI, _THUMBNAIL_DPI = 180, 110, 44
_INCHES = PICTURE_PX / _XRAY_DPI

Progress = Callable[[int, int], None]


def write_atlas(path: str | PathLike[str], *, progress: Progress | None = None) -> Path:
    """Write the atlas as one HTML file that needs no other.

    Parameters
    ----------
    path : str or path-like
        File to write; it appears only when complete.
    progress : callable, optional
        Called with (done, total) after each entry.

    Returns
    -------
    pathlib.Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atlas(folder + "/atlas.html").name
    'atlas.html'
    """
    return write_text(path, atlas_html(progress=progress))


def atlas_html(template: str = "atlas.html.j2", *, progress: Progress | None = None) -> str:
    """Return the atlas as HTML text.

    Parameters
    ----------
    template : str
        ``"atlas.html.j2"`` for a whole page, ``"atlas_body.html.j2"`` for a part of one.
    progress : callable, optional
        Called with (done, total) after each entry.
    """
    entries, items = atlas_entries(), []
    for done, entry in enumerate(entries, start=1):
        items.append(item_of(entry))
        if progress is not None:
            progress(done, len(entries))
    table = load_risk()
    return filled(
        template,
        title=TITLE,
        model_version="",
        items=items,
        sources=source_names(),
        books=shipped_rulebooks(),
        cohort=f"{int(table.malignant.sum())} of {int(table.lesions.sum())}",
        credit=table.about.splitlines()[0].partition("Data: ")[2],
    )


def item_of(entry: Entry) -> dict[str, Any]:
    """Return what the page shows of an entry.

    Parameters
    ----------
    entry : Entry
    """
    found = specimens(entry)
    features = [extract_features(one.cluster) for one in found]
    guided = entry.word in DISTRIBUTIONS
    return {
        "entry": entry,
        "axis": "distribution" if guided else "morphology",
        "definition": TERMS[entry.word].definition,
        "thumbnail": _jpeg(found[0], _THUMBNAIL_DPI),
        "sides": [
            (side, specimen, _schematic(specimen, side, guided), _jpeg(specimen, _XRAY_DPI))
            for side, specimen in zip((entry.example, entry.mimic), found, strict=True)
        ],
        "rows": [
            (spec, [with_unit(float(one.column(spec.name)[0]), spec.unit) for one in features])
            for spec in (_FEATURES[name] for name in entry.features)
        ],
        "outcomes": outcomes_of(entry.word),
    }


def outcomes_of(word: str) -> str:
    """Return how many lesions of CBIS-DDSM that bear a word were malignant, with the interval.

    Parameters
    ----------
    word : str
        A distribution or a morphology.

    Examples
    --------
    >>> outcomes_of("linear"), outcomes_of("branching")
    ('41 of 60 lesions (68 %; 95 % interval 56 to 79 %)', 'not in the data')
    """
    table = load_risk()
    n, malignant = (
        int((c[ROWS.index(word)] if word in ROWS else c[:, COLUMNS.index(word)]).sum())
        for c in (table.lesions, table.malignant)
    )
    if n == 0:
        return NOT_IN_THE_DATA
    share = malignant / n
    low, high = (
        100 * max(0.0, float(end)) for end in wilson_interval(np.array(share), np.array(n))
    )
    return (
        f"{malignant} of {n} lesions ({100 * share:.0f} %; 95 % interval {low:.0f} to {high:.0f} %)"
    )


def _schematic(specimen: Specimen, side: Side, guided: bool) -> str:
    ax = _axes()
    draw_schematic(specimen, ax, guide=side.pattern[0] if guided else None)
    return picture(ax, dpi=_SCHEMATIC_DPI)


def _jpeg(specimen: Specimen, dpi: int) -> str:
    ax = _axes()
    draw_xray(specimen, ax, most_px=round(_INCHES * dpi), scale_bar=dpi > _THUMBNAIL_DPI)
    return picture(ax, dpi=dpi, **_JPEG)


def _axes() -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(_INCHES, _INCHES)).add_axes((0, 0, 1, 1))
