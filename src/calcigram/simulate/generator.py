"""Simulated clusters with a known label: the label is the mechanism's, checked once, kept.

Cluster ``index`` of a seed is the same whatever the batch, the start or the worker: its
numbers come from generators keyed by (seed, index), its breast from (seed, patient).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from numbers import Integral
from typing import Any, Literal, NamedTuple, TypedDict, Unpack, overload

import numpy as np
import numpy.typing as npt

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError, CalcigramError
from calcigram.lexicon import MIN_CALCIFICATIONS, Distribution, Morphology
from calcigram.mammogram import Mammogram
from calcigram.simulate._random import kernel_state
from calcigram.simulate._shape import extent_of, with_room
from calcigram.simulate.acquisition import (
    COLUMNS,
    DESCRIBED,
    TrueMarks,
    acquire,
    describe,
    draw_description,
    draw_response,
    measure_truth,
)
from calcigram.simulate.anatomy import Breast, View, patient_of
from calcigram.simulate.definitions import Truth, limits_of, meets_distribution, meets_form
from calcigram.simulate.mechanisms import Floats, Mechanism, Menu, Placement, Rng, menu_of
from calcigram.simulate.presets import Preset, load_preset
from calcigram.simulate.render import MARGIN_MM, Lazy, Rendered, Scene, scene_of, take_picture
from calcigram.threads import check_workers

GRADES = ("easy", "typical", "hard")
CLUSTERS_A_PATIENT = 4
BATCH = 500
TRIES_A_BREAST = 8
MAX_TRIES = 600
FORM_TRIES = 3
_OUTSIDE_SHARE = 0.2
_OVERLAP = 0.85

_TRUTH, _ACQUISITION, _PICTURE = 2, 3, 5

Record = tuple[npt.NDArray[np.float32], Floats, float, dict[str, str]]
"""Marks of a cluster, nipple, breast area and meta."""


class Recipe(NamedTuple):
    """Which clusters are made: all that a cluster depends on beside its index.

    Attributes
    ----------
    seed : int
    grade : str
        One of `GRADES`, or ``"mixed"``.
    preset : str
    exclude, only : tuple of str
        Ids of mechanisms, sorted.
    """

    seed: int
    grade: str
    preset: str
    exclude: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    @property
    def ranges(self) -> Preset:
        """The preset."""
        return load_preset(self.preset)

    @property
    def menu(self) -> Menu:
        """The mechanisms that may be drawn."""
        return menu_of(self.exclude, self.only, self.ranges)

    def grade_of(self, index: int) -> str:
        """Return the grade of one cluster."""
        if self.grade != "mixed":
            return self.grade
        rng = np.random.default_rng((self.seed, _ACQUISITION, index, 1))
        return GRADES[int(rng.integers(0, len(GRADES)))]


class TrueCluster(NamedTuple):
    """A cluster before any detector has seen it; `truth` is in image coordinates."""

    arrangement: Mechanism[Distribution]
    particle: Mechanism[Morphology]
    truth: TrueMarks
    placement: Placement
    patient: str
    view: View
    breast: Breast
    nipple_known: bool
    area_known: bool
    region_of_interest: bool

    @property
    def nipple(self) -> Floats:
        """The nipple in the image, mm; NaN where the cluster is handed over without it."""
        return self.view.offset if self.nipple_known else np.full(2, np.nan)

    @property
    def area_mm2(self) -> float:
        """Area of the breast; NaN where the cluster is handed over without it."""
        return self.breast.area_mm2 if self.area_known else math.nan

    def least_marks(self, ranges: Preset) -> float:
        """Return how many marks a detector must list of it."""
        if self.arrangement.label is Distribution.BRANCHING:
            return limits_of(ranges).branching_marks
        return MIN_CALCIFICATIONS

    def meta(self, name: str, grade: str, *, image_id: str | None = None) -> dict[str, str]:
        """Return what is told of it beside its marks; by default the image is one of its patient."""
        view = self.view
        return {
            "cluster_id": name,
            "image_id": image_id or f"{self.patient}-{view.laterality}-{view.projection}",
            "group_id": self.patient,
            "laterality": view.laterality,
            "view": view.projection,
            "mechanism": f"{self.arrangement.id}/{self.particle.id}",
            "true_distribution": str(self.arrangement.label),
            "true_morphology": str(self.particle.label),
            "grade": grade,
        }


def _inside(breast: Breast, placement: Placement | None) -> Placement | None:
    """Leave out what lies beyond the skin; None where that is more than a fifth."""
    if placement is None or len(placement.xy) == 0:
        return None
    n = len(placement.xy)
    inside = breast.contains(placement.xy, 1.0).nonzero()[0]
    if inside.size == n:
        return placement
    return None if (n - inside.size) / n > _OUTSIDE_SHARE else placement.take(inside)


def _try_once(
    rng: Rng,
    breast: Breast,
    view: View,
    preset: Preset,
    mechanisms: tuple[Mechanism[Distribution], Mechanism[Morphology]],
    area: float,
    nipple_known: bool,
) -> tuple[TrueMarks, Placement] | None:
    """Build one placement and, where it meets its definition, a few sets of particles for it."""
    arrangement, particle = mechanisms
    drawn = preset.draw(f"arrangement.{arrangement.id}", rng)
    placement = _inside(breast, arrangement.build(rng, breast, drawn))
    if placement is None:
        return None
    limits, known = limits_of(preset), (area, arrangement.vessel, nipple_known)

    def is_true(placement: Placement) -> bool:
        truth = Truth(placement, *known, arrangement.structureless, limits)
        return meets_distribution(arrangement.label, truth)

    def has_form(truth: TrueMarks) -> bool:
        return meets_form(particle.label, truth.table, truth.outlines.contrast, limits)

    if not is_true(placement):
        return None
    xy, direction = view.to_image(placement.xy), view.direction(placement.direction)
    for _ in range(FORM_TRIES):
        drawn = preset.draw(f"particle.{particle.id}", rng)
        outlines = particle.build(rng, len(xy), direction, drawn)
        truth, left = measure_truth(xy, outlines), placement
        if not has_form(truth):
            continue
        if not preset.happens("overlapping", rng):
            stay = with_room(kernel_state(rng), truth.xy, truth.table, _OVERLAP).nonzero()[0]
            if stay.size < len(outlines):
                left, truth = placement.take(stay), truth.take(stay)
                if not (is_true(left) and has_form(truth)):
                    continue
        if (truth.table[:, 0] * np.sqrt(truth.table[:, 1])).max() <= extent_of(left.xy)[0]:
            return truth, left
    return None


def true_cluster(
    index: int,
    *,
    seed: int = 0,
    grade: str = "typical",
    preset: str = "train",
    exclude_mechanisms: Iterable[str] = (),
    only_mechanisms: Iterable[str] = (),
) -> TrueCluster:
    """Return one cluster as it is, before a detector has seen it.

    The grade matters only for what will be known of the nipple and the breast area, which the
    definitions take into account. Parameters as in `simulate`.

    Raises
    ------
    BadInputError
        An unknown preset, grade or mechanism.
    CalcigramError
        No try met its definition, which ranges that exclude one another would cause.
    """
    named = tuple(sorted(exclude_mechanisms)), tuple(sorted(only_mechanisms))
    return _true_cluster(Recipe(seed, grade, preset, *named), index)


def _true_cluster(recipe: Recipe, index: int) -> TrueCluster:
    seed, ranges = recipe.seed, recipe.ranges
    rng = np.random.default_rng((seed, _TRUTH, index))
    mechanisms = recipe.menu.draw(rng)
    chance, levels = rng.random(3).tolist(), ranges.sections[f"grade.{recipe.grade_of(index)}"]
    nipple_known = chance[0] >= levels["nipple_unknown"].low
    area_known = chance[1] >= levels["area_unknown"].low
    region_of_interest = chance[2] < ranges.sections["view"]["region_of_interest"].low
    for tries in range(MAX_TRIES):
        # Some mechanisms do not fit into some breasts: then another breast takes its place.
        substitute, fresh = divmod(tries, TRIES_A_BREAST)
        if fresh == 0:
            patient = patient_of(seed, index // CLUSTERS_A_PATIENT, substitute, ranges)
            view = patient.views[index % CLUSTERS_A_PATIENT * 2 // CLUSTERS_A_PATIENT]
            breast = patient.breast
            area = breast.area_mm2 if area_known else math.nan
        found = _try_once(rng, breast, view, ranges, mechanisms, area, nipple_known)
        if found is not None:
            known = nipple_known, area_known, region_of_interest
            return TrueCluster(*mechanisms, *found, patient.name, view, breast, *known)
    ids = "/".join(m.id for m in mechanisms)
    raise CalcigramError(f"{ids} met no definition in {MAX_TRIES} tries")


def _listed(recipe: Recipe, index: int) -> Record:
    """Return a cluster as a detector lists it."""
    seed, grade, preset = recipe.seed, recipe.grade_of(index), recipe.ranges
    cluster = _true_cluster(recipe, index)
    view = cluster.view
    rng = np.random.default_rng((seed, _ACQUISITION, index))
    field = view.to_image(cluster.breast.uniform(rng, 32))
    truth, described = cluster.truth, draw_description(rng, cluster.particle.label, preset)
    if described is not None:
        truth = describe(rng, truth, view.direction(cluster.placement.direction), described)
    # Where too little is left the detector tries again; a mild one in the end leaves enough.
    for attempt in range(MAX_TRIES):
        device = preset.draw("acquisition", rng)
        levels = preset.draw(f"grade.{grade}", rng)
        if attempt > MAX_TRIES // 2:
            levels |= {"miss_rate": 0.0, "merge_probability": 0.0}
        if described is not None:
            device |= {"convention": DESCRIBED, "gain": 1.0}
        marks = acquire(rng, truth, field, device, levels, draw_response(rng, preset))
        if marks is not None and len(marks) >= cluster.least_marks(preset):
            break
    else:
        raise CalcigramError(f"cluster {index} of seed {seed} never kept 3 calcifications")
    nipple, area = cluster.nipple, cluster.area_mm2
    if cluster.area_known:
        area *= math.exp(0.03 * rng.normal())
    if cluster.region_of_interest:
        corner = marks[:, :2].min(axis=0) - rng.uniform(0.5, 8.0)
        marks[:, :2] -= corner
        nipple = nipple - corner
    return marks, nipple, area, cluster.meta(f"sim-{seed}-{index}", grade)


def _scene(recipe: Recipe, index: int, margin_mm: float) -> tuple[TrueCluster, Scene, Rng]:
    cluster = _true_cluster(recipe, index)
    rng = np.random.default_rng((recipe.seed, _PICTURE, index))
    return cluster, scene_of(rng, cluster.truth, recipe.ranges, margin_mm), rng


def _pictured(recipe: Recipe, index: int, margin_mm: float) -> Record:
    """Return a cluster with the marks as they are in its picture."""
    cluster, scene, _ = _scene(recipe, index, margin_mm)
    unknown = np.full((len(scene.truth.xy), 1), np.nan)
    marks = np.hstack([scene.truth.xy, scene.truth.table, unknown]).astype(np.float32)
    name = f"sim-{recipe.seed}-{index}"
    meta = cluster.meta(name, recipe.grade_of(index), image_id=name)
    return marks, cluster.nipple - scene.corner, cluster.area_mm2, meta


def _half_of_picture(
    i: int, *, half: int, start: int, recipe: Recipe, margin_mm: float, raw: bool
) -> Any:
    """Return a cluster's picture, or what is where in it."""
    cluster, scene, rng = _scene(recipe, start + i, margin_mm)
    pixels, labels = take_picture(rng, scene, raw=raw)
    if half == 1:
        return labels
    pixel = scene.drawn["detector"].pixel_mm
    return Mammogram(
        pixels,
        (pixel, pixel),
        raw=raw,
        image_id=f"sim-{recipe.seed}-{start + i}",
        laterality=cluster.view.laterality,
        view=cluster.view.projection,
    )


def _batch(start: int, stop: int, recipe: Recipe, margin_mm: float | None = None) -> ClusterSet:
    """Return clusters as a detector lists them, or as they are where they are given a margin."""
    if margin_mm is None:
        return set_of([_listed(recipe, index) for index in range(start, stop)])
    return set_of([_pictured(recipe, index, margin_mm) for index in range(start, stop)])


def set_of(records: list[Record]) -> ClusterSet:
    """Return a set of clusters, each given by marks, nipple, breast area and meta."""
    import pandas as pd

    if not records:
        return ClusterSet.concat([])
    marks, nipple, area, metas = zip(*records, strict=True)
    columns, meta = np.concatenate(marks).T, pd.DataFrame(list(metas))
    nipple_x, nipple_y = np.array(nipple).T
    return ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum([len(part) for part in marks])]),
        **dict(zip(COLUMNS, columns, strict=True)),
        nipple_x_mm=nipple_x,
        nipple_y_mm=nipple_y,
        breast_area_mm2=np.array(area),
        cluster_id=meta.pop("cluster_id").to_numpy(),
        meta=meta,
    )


def in_parts(
    make: Callable[[int, int], ClusterSet], start: int, n: int, size: int, n_jobs: int
) -> Iterator[ClusterSet]:
    """Make `n` clusters from index `start` on, `size` at a time, in processes.

    Parameters
    ----------
    make : callable
        Of the first index, and of the one past the last.
    start, n, size : int
    n_jobs : int
        As in joblib.
    """
    check_workers(n_jobs, "n_jobs")
    bounds = [(a, min(a + size, start + n)) for a in range(start, start + n, size)]
    if n_jobs == 1 or len(bounds) <= 1:
        return (make(a, b) for a, b in bounds)
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    return parallel(delayed(make)(a, b) for a, b in bounds)  # type: ignore[no-any-return]


class Options(TypedDict, total=False):
    """Options of `simulate` whatever it returns."""

    seed: int
    start: int
    grade: str
    preset: str
    exclude_mechanisms: Iterable[str]
    only_mechanisms: Iterable[str]
    n_jobs: int
    progress: bool | Callable[[int, int], None]
    margin_mm: float
    raw: bool


@overload
def simulate(
    n: int, *, render: Literal[False] = False, **options: Unpack[Options]
) -> ClusterSet: ...
@overload
def simulate(n: int, *, render: Literal[True], **options: Unpack[Options]) -> Rendered: ...
def simulate(
    n: int,
    *,
    seed: int = 0,
    start: int = 0,
    grade: str = "typical",
    preset: str = "train",
    exclude_mechanisms: Iterable[str] = (),
    only_mechanisms: Iterable[str] = (),
    n_jobs: int = 1,
    progress: bool | Callable[[int, int], None] = False,
    render: bool = False,
    margin_mm: float = MARGIN_MM,
    raw: bool = False,
) -> ClusterSet | Rendered:
    """Simulate clusters of known distribution and form.

    Parameters
    ----------
    n : int
        Number of clusters.
    seed : int, optional
        At least 0. Cluster ``start + i`` of a seed is the same whatever `n`, `start`, `n_jobs`.
    start : int, optional
        Index of the first cluster.
    grade : {"typical", "easy", "hard", "mixed"}, optional
        How much the detector misses, invents and blurs; ``"mixed"`` draws one per cluster.
    preset : str, optional
        ``"train"``, ``"bench_v1"`` or a ``.toml`` file: see `load_preset`.
    exclude_mechanisms, only_mechanisms : iterable of str, optional
        Ids such as ``"linear.duct_walk"`` or ``"fine_linear.casting"``. `only_mechanisms`
        restricts arrangements where it names one, and particle models where it names one. A
        preset draws only mechanisms that it has ranges for: see `mechanism_ids`.
    n_jobs : int, optional
        Processes, as in joblib; -1 for one a core.
    progress : bool or callable, optional
        Show a progress bar on standard error, or call a function with (clusters done, `n`).
    render : bool, optional
        Return pictures too, and the true marks in place of a detector's.
    margin_mm : float, optional
        How far a picture reaches beyond its cluster.
    raw : bool, optional
        Pictures are images for processing, linear in the exposure; otherwise images for
        presentation, linear in its logarithm.

    Returns
    -------
    ClusterSet
        With meta columns `image_id`, `group_id`, `laterality`, `view`, `mechanism`,
        `true_distribution`, `true_morphology`, `grade`.
    Rendered
        With `render`: ``clusters``, ``images`` and ``labels``. Each cluster is an image of its own,
        `image_id`. Images are made when they are asked for, the same each time.

    Raises
    ------
    BadInputError
        An unknown grade, preset or mechanism, or a negative number.
    CalcigramError
        The ranges of the preset exclude one another, so that no try met its definition.

    Examples
    --------
    >>> clusters = simulate(4, seed=1)
    >>> len(clusters), str(clusters.cluster_id[3])
    (4, 'sim-1-3')
    >>> again = simulate(1, seed=1, start=3)
    >>> bool((again.x_mm == clusters[3].x_mm).all())
    True

    A picture, and the pixels of its first calcification:

    >>> clusters, images, labels = simulate(1, seed=1, render=True)
    >>> images[0].pixels.shape == labels[0].shape, bool((labels[0] == 1).any())
    (True, True)
    """
    for name, value in (("n", n), ("seed", seed), ("start", start)):
        if not isinstance(value, Integral) or value < 0:
            raise BadInputError("a whole number of at least 0", column=name, value=value)
    if grade not in (*GRADES, "mixed"):
        raise BadInputError(f"one of {', '.join(GRADES)}, mixed", column="grade", value=grade)
    named = tuple(sorted(exclude_mechanisms)), tuple(sorted(only_mechanisms))
    recipe = Recipe(seed, grade, preset, *named)
    _ = recipe.menu  # refused before any work
    if not 0 <= margin_mm < math.inf:
        raise BadInputError("a length of at least 0 mm", column="margin_mm", value=margin_mm)
    make_batch = partial(_batch, recipe=recipe, margin_mm=margin_mm if render else None)
    parts: Iterable[ClusterSet] = in_parts(make_batch, start, n, BATCH, n_jobs)
    if callable(progress):
        parts = _counted(parts, progress, n)
    elif progress:
        from rich.console import Console
        from rich.progress import track

        total, console = math.ceil(n / BATCH), Console(stderr=True)
        parts = track(parts, "Simulating", total=total, console=console, transient=True)
    clusters = ClusterSet.concat(list(parts))
    if not render:
        return clusters
    make = partial(_half_of_picture, start=start, recipe=recipe, margin_mm=margin_mm, raw=raw)
    images, labels = (Lazy(partial(make, half=half), n) for half in (0, 1))
    return Rendered(clusters, images, labels)


def _counted(
    parts: Iterable[ClusterSet], progress: Callable[[int, int], None], n: int
) -> Iterator[ClusterSet]:
    """Pass parts on, and say after each how many clusters there have been."""
    done = 0
    for part in parts:
        done += len(part)
        progress(done, n)
        yield part
