"""Clusters from first to last: pattern, marks, table."""

from __future__ import annotations

from itertools import count

import numpy as np
from scipy.spatial import ConvexHull

from calcigram.clusters import OPTIONAL_MARKS, ClusterSet
from calcigram.lexicon import ADMISSIBLE_PAIRS, DISTRIBUTIONS, MORPHOLOGIES

from .areas import Grain, candidates, kept_apart, normal_cloud
from .breast import Array, Breast, Rng
from .detector import Detector, observe
from .outlines import draw_outlines, measure
from .paths import along_paths, draw_paths
from .tables import ARRANGEMENTS, COUNTS, FORMS, POOL_SIZE

NO_NIPPLE_SHARE = 0.30
NO_AREA_SHARE = 0.40
NO_MARKS_SHARE = 0.08


def _meets_definition(distribution: str, points: Array, breast: Breast) -> bool:
    """Tell whether the noise-free pattern is beyond doubt what its label says."""
    extent_mm = np.abs(points[:, None] - points).max()
    if distribution in ("linear", "branching"):
        return bool(10 < extent_mm < (80 if distribution == "linear" else 70))
    xy = np.column_stack([points.real, points.imag])
    share = ConvexHull(xy).volume / breast.area_mm2
    minor, major = np.sqrt(np.linalg.eigvalsh(np.cov(xy.T)))
    lobe = (points - breast.nipple) / np.exp(1j * np.angle((points - breast.nipple).mean()))
    far = lobe.real > np.median(lobe.real)
    widening = lobe.imag[far].std() / lobe.imag[~far].std()
    opening_deg = np.rad2deg(np.ptp(np.quantile(np.angle(lobe), [0.03, 0.97])))
    wedge = widening > 1.35 and np.abs(lobe).min() < 0.42 * np.abs(lobe).max()
    verdicts = {
        "diffuse": share > 0.58 and extent_mm > 72,
        "grouped": extent_mm < 18.5 and minor > 0.5 * major,
        "regional": 26 < extent_mm < 56 and share < 0.36 and minor > 0.42 * major and not wedge,
        "segmental": extent_mm > 26 and share < 0.42 and wedge and 20 < opening_deg < 64,
    }
    return bool(verdicts[distribution])


def _draw_pattern(
    rng: Rng, distribution: str, form: str, variant: str, arrangement: str
) -> tuple[Breast, Array, Array]:
    """Draw breast, points with directions, and marks until the definition is met."""
    bulk, *_, axis_sd, _ = FORMS[form]
    lobar = arrangement in ("fan_of_ducts", "lobe_tree")
    low, high = COUNTS[distribution][bulk] if form != "vascular" else (10, 11)
    for attempt in count():
        breast = Breast(rng)
        if attempt % 6 == 0:
            compact = distribution in ("grouped", "branching")
            n_pool = high + 40 if high > 16 else POOL_SIZE
            marks = measure(draw_outlines(rng, variant, n_pool, compact))
        long_mm = float(np.median(marks[1]))
        grain = Grain(
            n=int(np.exp(rng.uniform(np.log(low), np.log(high)))),
            gap_mm=long_mm * (0.6 if axis_sd else 1.15) + 0.05,
            spacing_mm=max(1.25 * long_mm, rng.uniform(0.7, 1.6)),
            few=bulk == "rod",
        )
        if distribution not in ("linear", "branching") and not lobar:
            pool = candidates(rng, breast, grain, arrangement)
            pool = rng.permutation(pool[breast.contains(pool)])
            points = kept_apart(pool, grain.n, grain.gap_mm)
            sway = rng.normal(0, 0.2) + rng.normal(0, 0.15, len(points))
            pattern = np.array([points, np.exp(1j * (np.angle(points - breast.nipple) + sway))])
        else:
            paths = draw_paths(rng, breast, grain, arrangement)
            step_mm, sd_mm, walls = grain.spacing_mm, rng.uniform(0.08, 0.25), {0: 1}
            sd_mm = 0.45 if arrangement == "duct_wide" else sd_mm
            if form == "vascular":
                radius_mm, share = rng.choice([-1, 1]) * rng.uniform(0.5, 1.3), rng.uniform(0.75, 1)
                share = rng.uniform(0.1, 0.25) if variant == "one_wall" else share
                step_mm, sd_mm, walls = 1.5 * long_mm, 0.07, {radius_mm: 1, -radius_mm: share}
            step_mm *= 0.6 if lobar else 1
            pattern = along_paths(rng, paths, step_mm, sd_mm, walls)
            if lobar:
                pattern = pattern[:, breast.contains(pattern[0])]
                chosen = kept_apart(rng.permutation(pattern[0]), grain.n, grain.gap_mm)
                pattern = pattern[:, np.isin(pattern[0], chosen)]
        points = pattern[0]
        inside = breast.contains(points, 0.975).all()
        countable = 0.8 * low <= len(points) <= marks.shape[1]
        if countable and inside and _meets_definition(distribution, points, breast):
            return breast, pattern, marks[:, : len(points)].copy()
    raise AssertionError


def _draw_cluster(
    rng: Rng, distribution: str, form: str, detector: Detector
) -> tuple[str, dict[str, Array], complex, float]:
    """Return mechanism, mark columns, nipple and breast area in mm2 of one cluster."""
    _, level, spread, axis_sd, variants = FORMS[form]
    variant, arrangement = (str(rng.choice(x)) for x in (variants, ARRANGEMENTS[distribution]))
    if form == "vascular":
        arrangement = "vessel" if distribution == "linear" else "vessel_fork"
    breast, (points, along), marks = _draw_pattern(rng, distribution, form, variant, arrangement)
    n = len(points)
    axis_sd = (axis_sd or 0) * (2 if distribution == "grouped" else 1)
    turn = np.angle(along) + rng.normal(0, axis_sd, n)
    marks[3] += turn if axis_sd else rng.uniform(0, np.pi, n)
    level *= detector.cnr_factor * np.exp(rng.normal(0, 0.12))
    cnr = level * (np.minimum(marks[2], 3.0) / 0.3) ** (0.2 if form == "amorphous" else 0.55)
    cnr = np.maximum(cnr * np.exp(rng.normal(0, spread, n)), 1.0)
    columns = observe(rng, detector, breast, points, marks, cnr)

    tilt, mirrored = rng.uniform(-0.35, 0.35) * (rng.random() < 0.5), rng.random() < 0.5
    places = np.append(columns.pop("points"), breast.nipple) * np.exp(1j * tilt)
    places = (-places.conj() if mirrored else places) + breast.depth_mm * 1.3 + 160j
    axis_deg = columns["orientation_deg"] + np.rad2deg(tilt)
    # Rounding keeps float32 from turning 179.9999999 into the excluded 180.
    columns["orientation_deg"] = np.mod(np.round(-axis_deg if mirrored else axis_deg, 2), 180.0)
    if rng.random() < NO_MARKS_SHARE:
        columns = {name: np.full(len(places) - 1, np.nan) for name in OPTIONAL_MARKS}
    columns |= {"x_mm": places[:-1].real, "y_mm": places[:-1].imag}
    nipple = places[-1] + 1.5 * normal_cloud(rng, 1)[0]
    nipple = complex("nan+nanj") if rng.random() < NO_NIPPLE_SHARE else nipple
    area_mm2 = breast.area_mm2 * np.exp(rng.normal(0, 0.03))
    area_mm2 = np.nan if rng.random() < NO_AREA_SHARE else area_mm2
    return f"blind.{distribution}.{arrangement}/{form}.{variant}", columns, nipple, area_mm2


def _balanced_pairs(rng: Rng, n: int) -> list[tuple[str, str]]:
    """Return `n` admissible pairs, each axis as balanced as the pairs allow."""
    pairs = [(str(d), str(m)) for d in DISTRIBUTIONS for m in MORPHOLOGIES]
    share = np.array([pair in ADMISSIBLE_PAIRS for pair in pairs], float).reshape(6, 9)
    for _ in range(200):
        share /= 6 * share.sum(axis=1, keepdims=True)  # distributions
        share /= 9 * share.sum(axis=0, keepdims=True)  # forms
    ticks = (np.arange(n) + rng.random()) / n
    cells = np.searchsorted(np.cumsum(share.ravel()) / share.sum(), ticks)
    return [pairs[cell] for cell in rng.permutation(cells)]


def generate(n: int, *, seed: int) -> ClusterSet:
    """Return `n` labelled clusters, the same for `n` and `seed`; 1 to 3 a patient, one detector."""
    rng = np.random.default_rng([seed, 0])
    pairs = _balanced_pairs(rng, n)
    patient = np.repeat(np.arange(n), rng.integers(1, 4, n))[:n]
    drawn, meta = [], []
    for i, (distribution, form) in enumerate(pairs):
        detector = Detector(np.random.default_rng([seed, 1, int(patient[i])]))
        rng = np.random.default_rng([seed, 2, i])
        mechanism, *rest = _draw_cluster(rng, distribution, form, detector)
        drawn.append(rest)
        meta.append((distribution, form, mechanism, f"blind-{seed}-{patient[i]}", f"image-{i}"))
    columns, nipples, areas = zip(*drawn, strict=True)
    names = ("true_distribution", "true_morphology", "mechanism", "group_id", "image_id")
    return ClusterSet.from_arrays(
        np.cumsum([0, *(len(part["x_mm"]) for part in columns)]),
        **{name: np.concatenate([part[name] for part in columns]) for name in columns[0]},
        nipple_x_mm=np.real(nipples),
        nipple_y_mm=np.imag(nipples),
        breast_area_mm2=areas,
        cluster_id=[f"blind-{seed}-{i:05d}" for i in range(n)],
        meta=dict(zip(names, zip(*meta, strict=True), strict=True)),
    )
