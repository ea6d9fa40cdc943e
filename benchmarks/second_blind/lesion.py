"""One lesion: a disease happens in a breast and leaves what its label says."""

from __future__ import annotations

import numpy as np

from . import arterial, ductal, lobular
from .breast import Breast
from .definitions import Sight, meets
from .disease import Process, Sites
from .forms import Grains, draw_grains
from .paths import Array, Rng, log_uniform

COALESCING_SHARE = (0.1, 0.4)  # of coarse heterogeneous grains, which tend to coalesce
FEWEST_POPCORN = 3

PROCESSES: dict[str, Process] = {
    "diffuse": lobular.throughout,
    "regional": lobular.in_region,
    "segmental": ductal.in_lobe,
    "grouped": lobular.in_nest,
    "linear": ductal.in_one_duct,
    "branching": ductal.in_branching_ducts,
}
ARTERIAL: dict[str, Process] = {
    "linear": arterial.along_artery,
    "branching": arterial.along_forked_artery,
}
# Numbers of calcifications. Published simulators have 5-40 in a group, 5-30 in a line, 10-60 in
# a tree, 20-150 in a segment and 20-200 in a breast; large forms come in smaller numbers.
COUNTS = {
    "diffuse": (25, 200),
    "regional": (20, 120),
    "segmental": (28, 150),
    "grouped": (6, 40),
    "linear": (7, 30),
    "branching": (16, 60),
}
COUNTS_OF_FORM: dict[str, dict[str, tuple[int, int]]] = {
    "popcorn": {"diffuse": (10, 22), "regional": (6, 14), "grouped": (3, 8)},
    "rod_like": {
        "diffuse": (20, 60),
        "regional": (14, 40),
        "segmental": (20, 50),
        "grouped": (5, 9),
        "linear": (6, 12),
        "branching": (12, 28),
    },
    "round": {"grouped": (6, 24), "linear": (7, 20), "segmental": (25, 90)},
    "coarse_heterogeneous": {"grouped": (6, 24), "segmental": (25, 90), "diffuse": (25, 110)},
    "fine_linear": {"grouped": (6, 18), "linear": (6, 18), "branching": (14, 40)},
    "vascular": {"linear": (24, 110), "branching": (40, 150)},
}


def draw_lesion(
    rng: Rng, breast: Breast, distribution: str, form: str, *, area_is_known: bool
) -> tuple[Sites, Grains] | None:
    """Let one disease happen.

    Parameters
    ----------
    rng : numpy.random.Generator
    breast : Breast
    distribution, form : str
        Words of `calcigram.lexicon.Distribution` and `Morphology`.
    area_is_known : bool
        Whether whoever reads the lesion will know the breast area; decides what diffuse means.

    Returns
    -------
    (Sites, Grains) or None
        None where what happened is not what the label says.
    """
    low, high = COUNTS_OF_FORM.get(form, {}).get(distribution, COUNTS[distribution])
    grains = draw_grains(rng, form, round(log_uniform(rng, low, high)))
    process = (ARTERIAL if form == "vascular" else PROCESSES)[distribution]
    sites = process(rng, breast, form, grains.length_mm)
    if sites is None or not breast.fullness(sites.position).max() < 1:
        return None
    if form == "coarse_heterogeneous":
        _coalesce(rng, sites.position, grains.length_mm)
    sight = Sight(
        breast.project(sites.position),
        grains.length_mm,
        [breast.project(path.points) for path in sites.hosts],
        breast.nipple(),
        breast.area_mm2(),
        area_is_known,
        sites,
    )
    fewest = {"fewest": FEWEST_POPCORN} if form == "popcorn" else {}
    return (sites, grains) if meets(distribution, sight, **fewest) else None


def _coalesce(rng: Rng, position: Array, length_mm: Array) -> None:
    """Move some grains up against their nearest neighbours, in place."""
    n = len(position)
    for grain in np.flatnonzero(rng.random(n) < rng.uniform(*COALESCING_SHARE)):
        away = np.linalg.norm(position - position[grain], axis=1)
        away[grain] = np.inf
        other = int(away.argmin())
        touching_mm = 0.45 * (length_mm[grain] + length_mm[other])
        if touching_mm < away[other] < 4:
            towards = (position[other] - position[grain]) / away[other]
            position[grain] = position[other] - touching_mm * towards
