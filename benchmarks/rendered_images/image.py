"""One mammogram with its truth, from a recipe; the recipes of the two splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from calcigram.lexicon import ADMISSIBLE_PAIRS, DISTRIBUTIONS, MORPHOLOGIES
from calcigram.mammogram import Mammogram

from .anatomy import make_breast
from .exposure import clip, expose, for_presentation, for_processing, lead_letters
from .sites import make_sites, vascular
from .solids import draw, make_solid
from .tissue import add_tube, gland_mm, spot, vessel


@dataclass(frozen=True)
class Grade:
    """How good the images of a grade are.

    Attributes
    ----------
    quanta_per_mm2 : float
        Detected behind breast of typical density.
    density : tuple of float
        Least and greatest share of gland.
    clumps : float
        How much that share varies with the texture.
    strands : tuple of int
    blur_mm, light_mm : float
        Standard deviation of the blur before and after the quanta are counted.
    scatter : float
        Scattered quanta per primary one, behind the grid.
    calcium : tuple of float
        Density of the calcium, 1 as hydroxyapatite.
    sharpen : float
        How much the vendor's software sharpens.
    """

    quanta_per_mm2: float
    density: tuple[float, float]
    clumps: float
    strands: tuple[int, int]
    blur_mm: float
    light_mm: float
    scatter: float
    calcium: tuple[float, float]
    sharpen: float


GRADES = {
    "easy": Grade(5e5, (0.08, 0.2), 0.5, (8, 20), 0.03, 0.0, 0.10, (0.75, 1.0), 0.0),
    "typical": Grade(2.8e5, (0.12, 0.4), 0.7, (20, 50), 0.04, 0.04, 0.20, (0.6, 1.0), 0.3),
    "hard": Grade(1.3e5, (0.3, 0.6), 0.8, (40, 90), 0.05, 0.08, 0.35, (0.45, 0.85), 0.6),
}

CONTENTS = ("cluster", "normal", "vessels", "two walls", "one wall")
"""A cluster; none; three to six plain vessels more; one vessel with calcium in both walls, or in one."""

SPLITS = {"development": 1, "acceptance": 2}
"""The number by which the seeds of a split differ from those of the other."""

SIZES = {0.1: (1664, 1280), 0.085: (2048, 1664), 0.07: (3328, 2560)}
"""Rows and columns of a full image, by the millimetres of a pixel."""


@dataclass(frozen=True)
class Recipe:
    """What an image is to hold. Equal recipes give equal images.

    Attributes
    ----------
    split, content : str
        Of `SPLITS` and `CONTENTS`.
    index : int
    grade : str
        Of `GRADES`.
    spacing_mm : float
    shape : tuple of int
    """

    split: str
    content: str
    index: int
    grade: str = "typical"
    spacing_mm: float = 0.1
    shape: tuple[int, int] = (1200, 1000)

    @property
    def name(self) -> str:
        """Return a name that states all but the shape."""
        words = (self.split, self.content.replace(" ", "-"), self.grade, f"{self.spacing_mm:g}mm")
        return f"{'_'.join(words)}_{self.index:03d}"


@dataclass(frozen=True)
class Rendered:
    """An image and its truth.

    Attributes
    ----------
    mammogram : Mammogram
    marks : pandas.DataFrame
        One row per calcification: ``mark`` (its value in `labels`), ``x_mm, y_mm, diameter_mm, peak_mm``
        (thickest calcium, times its density) and ``cluster`` (-1 for a single one).
    clusters : pandas.DataFrame
        One row per cluster: ``cluster, distribution, morphology, walls`` (2 or 1 for vessels, else 0).
    labels : ndarray of int32
        0, or the mark within whose outline the pixel lies.
    nipple_mm : tuple of float
        Also where it does not stand in profile.
    breast_area_mm2 : float
    """

    recipe: Recipe
    mammogram: Mammogram
    marks: pd.DataFrame
    clusters: pd.DataFrame
    labels: np.ndarray
    nipple_mm: tuple[float, float]
    breast_area_mm2: float


@dataclass
class _Canvas:
    """Calcium, gland and truth while they are being drawn."""

    shape: tuple[int, int]
    spacing_mm: float
    calcium_mm: np.ndarray = field(init=False)
    labels: np.ndarray = field(init=False)
    marks: list[tuple] = field(default_factory=list)
    clusters: list[tuple] = field(default_factory=list)

    def __post_init__(self):
        self.calcium_mm = np.zeros(self.shape, np.float32)
        self.labels = np.zeros(self.shape, np.int32)

    def add(self, rng, points, headings, form, density, cluster):
        for (x, y), heading in zip(points, headings, strict=True):
            drawn = draw(make_solid(rng, form, heading, density), x, y, self.shape, self.spacing_mm)
            if drawn is None:
                continue
            number = len(self.marks) + 1
            self.calcium_mm[drawn.rows, drawn.columns] += drawn.calcium_mm
            self.labels[drawn.rows, drawn.columns][drawn.within] = number
            diameter = 2 * np.sqrt(drawn.area_mm2 / np.pi)
            self.marks.append((number, drawn.x_mm, drawn.y_mm, diameter, drawn.peak_mm, cluster))

    def places(self):
        return np.array([(mark[1], mark[2]) for mark in self.marks]).reshape(-1, 2)


def pair_of(index: int) -> tuple[str, str]:
    """Return distribution and form of a cluster image; the forms come in turn, each with all it may have."""
    form = MORPHOLOGIES[index % len(MORPHOLOGIES)]
    allowed = [word for word in DISTRIBUTIONS if (word, form) in ADMISSIBLE_PAIRS]
    turn = index // len(MORPHOLOGIES) + index % len(MORPHOLOGIES)
    return str(allowed[turn % len(allowed)]), str(form)


def render(recipe: Recipe) -> Rendered:
    """Return the image of a recipe.

    Parameters
    ----------
    recipe : Recipe

    Returns
    -------
    Rendered
    """
    seed = [20261128, SPLITS[recipe.split], CONTENTS.index(recipe.content), recipe.index]
    rng = np.random.default_rng([*seed, list(GRADES).index(recipe.grade)])
    shape, spacing, grade = recipe.shape, recipe.spacing_mm, GRADES[recipe.grade]
    view = "MLO" if rng.random() < 0.5 else "CC"
    side = "L" if rng.random() < 0.5 else "R"
    breast = make_breast(rng, (shape[0] * spacing, shape[1] * spacing), view)
    gland, thickness = gland_mm(rng, breast, shape, spacing, grade)
    canvas = _Canvas(shape, spacing)
    _fill(rng, recipe, breast, gland, canvas, grade)
    metal = _metal(rng, recipe, breast, canvas, f"{side}{view}")
    # calcium takes the place of gland and fat; of so little of them that they are left in
    signal, quanta = expose(rng, thickness, gland, canvas.calcium_mm, metal, spacing, grade)
    raw = rng.random() < 0.2
    if raw:
        grey = for_processing(signal, quanta)
    else:
        grey = for_presentation(rng, signal, quanta, thickness, grade)
        grey[metal & (thickness <= 0)] = 4095
    return _finish(recipe, breast, canvas, grey, raw, side, view)


def _fill(rng, recipe, breast, gland, canvas, grade):
    """Add what the recipe asks for to gland and canvas."""
    if recipe.content == "vessels":
        for _ in range(rng.integers(3, 7)):
            path, radius = vessel(rng, breast, rng.uniform(35, 90), rng.uniform(0.6, 1.5))
            add_tube(gland, path, radius, recipe.spacing_mm)
    elif recipe.content in ("two walls", "one wall"):
        walls = 2 if recipe.content == "two walls" else 1
        found = None
        while not found:
            found = vascular(rng, breast, walls, forked=rng.random() < 0.25)
        (points, headings), tubes = found
        for path, radius in tubes:
            add_tube(gland, path, radius, recipe.spacing_mm)
        word = "linear" if len(tubes) == 1 else "branching"
        canvas.clusters.append((0, word, "vascular", walls))
        canvas.add(rng, points, headings, "vascular", grade.calcium, 0)
    elif recipe.content == "cluster":
        _add_clusters(rng, recipe, breast, gland, canvas, grade)


def _add_clusters(rng, recipe, breast, gland, canvas, grade):
    """Add the cluster of the recipe's index, and at times single calcifications far from it."""
    distribution, form = pair_of(recipe.index)
    points, headings, tubes = make_sites(rng, breast, distribution, form)
    for path, radius in tubes:
        add_tube(gland, path, radius, recipe.spacing_mm)
    canvas.clusters.append((0, distribution, form, 2 * bool(tubes)))
    canvas.add(rng, points, headings, form, grade.calcium, 0)
    if rng.random() < 0.3:
        for _ in range(rng.integers(1, 4)):
            place = np.array(spot(rng, breast))
            if np.hypot(*(canvas.places() - place).T).min() > 15:
                canvas.add(rng, [place], [0.0], "punctate", grade.calcium, -1)


def _metal(rng, recipe, breast, canvas, text):
    """Return a mask of lead letters beside the breast and, at times, a clip in it."""
    height, width = (n * recipe.spacing_mm for n in recipe.shape)
    corner = (width - 18.0, 3.0 if rng.random() < 0.5 else height - 9.0)
    if text[0] == "R":  # the image is mirrored in the end; the letters must not be
        letters = lead_letters(text, recipe.shape, recipe.spacing_mm, (3.0, corner[1]))[:, ::-1]
    else:
        letters = lead_letters(text, recipe.shape, recipe.spacing_mm, corner)
    metal = letters & ~breast.mask(recipe.shape, recipe.spacing_mm)
    if rng.random() < 0.1:
        x, y = spot(rng, breast, 6.0)
        places = canvas.places()
        if not len(places) or np.hypot(*(places - (x, y)).T).min() > 6:
            metal |= clip(rng, recipe.shape, recipe.spacing_mm, x, y)
    return metal


def _finish(recipe, breast, canvas, grey, raw, side, view):
    """Mirror a right breast; return image and tables."""
    labels, nipple = canvas.labels, breast.nipple_mm
    columns = ["mark", "x_mm", "y_mm", "diameter_mm", "peak_mm", "cluster"]
    marks = pd.DataFrame(canvas.marks, columns=columns).astype(float)
    marks = marks.astype({"mark": int, "cluster": int})
    if side == "R":
        width = recipe.shape[1] * recipe.spacing_mm
        grey, labels = np.ascontiguousarray(grey[:, ::-1]), np.ascontiguousarray(labels[:, ::-1])
        marks["x_mm"] = width - marks["x_mm"]
        nipple = (width - nipple[0], nipple[1])
    mammogram = Mammogram(
        grey, (recipe.spacing_mm, recipe.spacing_mm), raw=raw, image_id=recipe.name, laterality=side, view=view
    )  # fmt: skip
    clusters = pd.DataFrame(
        canvas.clusters, columns=["cluster", "distribution", "morphology", "walls"]
    )
    return Rendered(recipe, mammogram, marks, clusters, labels, nipple, breast.area_mm2)


def recipes(
    split: str,
    content: str,
    n: int,
    *,
    grades: Sequence[str] = ("typical",),
    spacings_mm: Sequence[float] = tuple(SIZES),
    full: bool = False,
    start: int = 0,
) -> Iterator[Recipe]:
    """Yield recipes; pixel sizes and grades come in turn.

    Parameters
    ----------
    split, content : str
    n : int
    grades : sequence of str
    spacings_mm : sequence of float
    full : bool
        Images of a detector's full size (`SIZES`); else a field of 120 x 100 mm.
    start : int
        Index of the first.
    """
    for index in range(start, start + n):
        turn = index + index // len(MORPHOLOGIES)
        spacing = spacings_mm[turn % len(spacings_mm)]
        shape = SIZES[spacing] if full else (round(120 / spacing), round(100 / spacing))
        yield Recipe(split, content, index, grades[turn % len(grades)], spacing, shape)
