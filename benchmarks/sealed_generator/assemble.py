"""Draw words, breast, detector and mechanism; make the marks; redraw until they fit the words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calcigram.lexicon import (
    Distribution,
    Morphology,
)

from . import ductal, scattered
from .anatomy import Breast, Generator, Sites, draw_breast, spaced
from .definitions import MAX_CALCIFICATIONS, form_shows, holds
from .forms import MODELS
from .marks import Marks, Segmenter, draw_segmenter, find_marks
from .optics import SOURCE_MM, Detector, draw_detector, project, take_image
from .solids import Batch, ellipsoids, frames, free, rods

Arrangement = Callable[[Generator, Breast, int], Sites]

ARRANGEMENTS: dict[str, tuple[Arrangement, ...]] = {
    "diffuse": (
        scattered.lobule_lottery,
        scattered.whole_field,
        scattered.many_nests,
        scattered.all_ducts,
    ),
    "regional": (
        scattered.patchy_region,
        scattered.several_groups,
        scattered.band_under_skin,
        scattered.lobule_region,
    ),
    "segmental": (ductal.lobe_ducts, ductal.lobe_wedge, ductal.lobe_lobules),
    "grouped": (
        scattered.few_lobules,
        scattered.heavy_cloud,
        scattered.mass_shell,
        scattered.angular_field,
    ),
    "linear": (ductal.duct_to_nipple, ductal.swung_line),
    "branching": (ductal.forking_tree, ductal.single_fork, ductal.reaching_tree),
}
VESSELS: dict[str, tuple[Arrangement, ...]] = {
    "linear": (ductal.vessel_wandering, ductal.vessel_winding),
    "branching": (ductal.vessel_fork, ductal.vessel_arcade),
}

N_SITES: dict[str, tuple[int, int, int]] = {
    "diffuse": (45, 22, 165),
    "regional": (28, 8, 150),
    "segmental": (40, 13, 165),
    "grouped": (22, 6, 100),
    "linear": (14, 5, 60),
    "branching": (36, 16, 130),
}
"""Median, least and most sites, before marks are missed or merged."""

SHARE_OF_SITES: dict[str, float] = {
    "popcorn": 0.35,
    "rod_like": 0.6,
    "fine_linear": 0.75,
    "amorphous": 1.2,
    "vascular": 2.2,
}
SPACING_MM: dict[str, float] = {"popcorn": 3.5, "rod_like": 2.4, "round": 0.5, "amorphous": 0.4}
N_ATTEMPTS = 2000


@dataclass(frozen=True)
class Setting:
    """A breast in an image and how its marks are found; clusters of one image share it."""

    breast: Breast
    laterality: str
    view: str
    detector: Detector
    segmenter: Segmenter
    nipple_known: bool
    area_mm2: float
    missing: str


@dataclass(frozen=True)
class Cluster:
    """One cluster as it will be told, and what it was made from."""

    distribution: str
    morphology: str
    mechanism: str
    marks: Marks
    sites: Sites
    setting: Setting


def draw_setting(rng: Generator) -> Setting:
    """Draw what clusters of one image share."""
    breast, laterality, view = draw_breast(rng)
    scale = SOURCE_MM / (SOURCE_MM - breast.thickness_mm / 2)
    area = breast.area_mm2 * scale**2 * rng.normal(1, 0.03)
    kinds = ["", "measures", "shape", "cnr", "some", "positions"]
    missing = str(rng.choice(kinds, p=[0.6, 0.06, 0.08, 0.1, 0.12, 0.04]))
    return Setting(
        breast,
        laterality,
        view,
        draw_detector(rng),
        draw_segmenter(rng),
        bool(rng.random() < 0.7),
        float(area) if rng.random() < 0.6 else np.nan,
        missing,
    )


def _false_solids(rng: Generator, sites: Sites) -> list[Batch]:
    """Specks and fibres of no calcification, where the cluster is; owners follow the sites'."""
    n_sites = len(sites)
    rate = 0.0 if rng.random() < 0.35 else rng.uniform(0, 0.2)
    n = int(rng.poisson(rate * n_sites))
    if n == 0:
        return []
    near = sites.xyz_mm[rng.integers(0, n_sites, n)]
    spread = np.std(sites.xyz_mm, axis=0).max()
    place = near + rng.normal(0, 0.35, (n, 3)) * [spread, spread, 0]
    owner = n_sites + np.arange(n)
    fibre = np.flatnonzero(rng.random(n) < 0.3)
    speck = np.setdiff1d(np.arange(n), fibre)
    batches = []
    if speck.size:
        half = rng.uniform(0.06, 0.12, (speck.size, 1)).repeat(3, 1)
        axes = frames(rng, free(speck.size))
        density = rng.uniform(0.5, 1.2, speck.size)
        batches.append(ellipsoids(place[speck], half, axes, owner[speck], density))
    if fibre.size:
        way = rng.normal(0, 0.5, (fibre.size, 3)) * [1, 1, 0.1]
        radius = rng.uniform(0.04, 0.09, (fibre.size, 1)).repeat(2, 1)
        start, end = place[fibre] - way, place[fibre] + way
        batches.append(rods(start, end, radius, owner[fibre], 0.5))
    return batches


def _mechanism(rng: Generator, distribution: str, morphology: str) -> tuple[Arrangement, str]:
    vascular = morphology == Morphology.VASCULAR
    options = (VESSELS if vascular else ARRANGEMENTS)[distribution]
    names = list(MODELS[morphology])
    return options[rng.integers(len(options))], names[rng.integers(len(names))]


def _attempt(
    rng: Generator,
    setting: Setting,
    distribution: str,
    morphology: str,
    arrange: Arrangement,
    model: str,
) -> Cluster | None:
    breast = setting.breast
    median, least, most = N_SITES[distribution]
    share = SHARE_OF_SITES.get(morphology, 1.0)
    n = int(np.clip(share * median * np.exp(rng.normal(0, 0.6)), max(share * least, 4), most))
    spacing = SPACING_MM.get(morphology, 0.0)
    if distribution in (Distribution.LINEAR, Distribution.BRANCHING):
        spacing = min(spacing, 2.4 if morphology == Morphology.ROD_LIKE else 0.4)
    sites = arrange(rng, breast, 2 * n if spacing else n)
    if len(sites) < 3:
        return None
    sites = spaced(rng, sites, spacing, n)
    if not breast.inside(sites.xyz_mm, 0).mean() > 0.97:
        return None
    nipple_mm = project(breast.nipple_mm[None])[0][0]
    area_mm2, built = setting.area_mm2, np.arange(len(sites))
    if len(sites) <= MAX_CALCIFICATIONS and not holds(
        distribution, project(sites.xyz_mm)[0], built, sites, nipple_mm, area_mm2
    ):
        return None
    batches = [MODELS[morphology][model](rng, sites), *_false_solids(rng, sites)]
    n_owners = 1 + max(int(batch.owner.max()) for batch in batches)
    image = take_image(rng, setting.detector, batches, n_owners)
    pixel_mm = setting.detector.pixel_mm
    marks = find_marks(rng, image, pixel_mm, setting.segmenter, len(sites))
    if len(marks) > MAX_CALCIFICATIONS:
        marks = marks.take(np.sort(np.argsort(-marks.cnr)[:MAX_CALCIFICATIONS]))
    if not form_shows(morphology, marks):
        return None
    if not holds(distribution, marks.xy_mm, marks.site, sites, nipple_mm, area_mm2):
        return None
    mechanism = f"{distribution}.{arrange.__name__}/{morphology}.{model}"
    return Cluster(distribution, morphology, mechanism, marks, sites, setting)


def draw_cluster(
    rng: Generator, setting: Setting, distribution: str, morphology: str
) -> tuple[Cluster, Setting]:
    """Draw a cluster of the given words; a setting that cannot show it is replaced.

    Returns
    -------
    cluster : Cluster
    setting : Setting
        The setting used.
    """
    mechanism = _mechanism(rng, distribution, morphology)
    for attempt in range(1, N_ATTEMPTS + 1):
        cluster = _attempt(rng, setting, distribution, morphology, *mechanism)
        if cluster is not None:
            return cluster, setting
        if attempt % 5 == 0:
            setting = draw_setting(rng)
        if attempt % 50 == 0:
            mechanism = _mechanism(rng, distribution, morphology)
    raise RuntimeError(f"no {distribution} cluster of {morphology} form in {N_ATTEMPTS} attempts")
