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

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError, CalcigramError
from calcigram.lexicon import Distribution, Morphology
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
from calcigram.simulate.mechanisms import Mechanism, Menu, Placement, Rng, menu_of
from calcigram.simulate.presets import Preset, load_preset
from calcigram.simulate.render import (
    MARGIN_MM,
    Labels,
    Lazy,
    Rendered,
    Scene,
    scene_of,
    take_picture,
)
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
        outlines = particle.build(rng, direction, preset.draw(f"particle.{particle.id}", rng))
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
    ranges = load_preset(preset)
    menu = menu_of(tuple(sorted(exclude_mechanisms)), tuple(sorted(only_mechanisms)), ranges)
    return _true_cluster(index, seed, _grade(index, seed, grade), ranges, menu)


def _true_cluster(index: int, seed: int, grade: str, ranges: Preset, menu: Menu) -> TrueCluster:
    rng = np.random.default_rng((seed, _TRUTH, index))
    mechanisms = menu.draw(rng)
    chance, levels = rng.random(3).tolist(), ranges.sections[f"grade.{grade}"]
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


def _grade(index: int, seed: int, grade: str) -> str:
    if grade != "mixed":
        return grade
    rng = np.random.default_rng((seed, _ACQUISITION, index, 1))
    return GRADES[int(rng.integers(0, len(GRADES)))]


def _one(index: int, seed: int, grade: str, preset: Preset, menu: Menu) -> tuple[Any, ...]:
    grade = _grade(index, seed, grade)
    cluster = _true_cluster(index, seed, grade, preset, menu)
    view, breast = cluster.view, cluster.breast
    rng = np.random.default_rng((seed, _ACQUISITION, index))
    field = view.to_image(breast.uniform(rng, 32))
    truth, described = cluster.truth, draw_description(rng, cluster.particle.label, preset)
    if described is not None:
        truth = describe(rng, truth, view.direction(cluster.placement.direction), described)
    branching = cluster.arrangement.label is Distribution.BRANCHING
    least = limits_of(preset).branching_marks if branching else 0
    # Where too little is left the detector tries again; a mild one in the end leaves enough.
    for attempt in range(MAX_TRIES):
        device = preset.draw("acquisition", rng)
        levels = preset.draw(f"grade.{grade}", rng)
        if attempt > MAX_TRIES // 2:
            levels |= {"miss_rate": 0.0, "merge_probability": 0.0}
        if described is not None:
            device |= {"convention": DESCRIBED, "gain": 1.0}
        marks = acquire(rng, truth, field, device, levels, draw_response(rng, preset))
        if marks is not None and len(marks) >= least:
            break
    else:
        raise CalcigramError(f"cluster {index} of seed {seed} never kept 3 calcifications")
    nipple = view.offset if cluster.nipple_known else np.full(2, np.nan)
    area = breast.area_mm2 * math.exp(0.03 * rng.normal()) if cluster.area_known else math.nan
    if cluster.region_of_interest:
        corner = marks[:, :2].min(axis=0) - rng.uniform(0.5, 8.0)
        marks[:, :2] -= corner
        nipple = nipple - corner
    return marks, nipple, area, meta_of(cluster, index, seed, grade)


def meta_of(cluster: TrueCluster, index: int, seed: int, grade: str) -> dict[str, str]:
    """Return what is told of a cluster beside its marks."""
    view = cluster.view
    return {
        "cluster_id": f"sim-{seed}-{index}",
        "image_id": f"{cluster.patient}-{view.laterality}-{view.projection}",
        "group_id": cluster.patient,
        "laterality": view.laterality,
        "view": view.projection,
        "mechanism": f"{cluster.arrangement.id}/{cluster.particle.id}",
        "true_distribution": str(cluster.arrangement.label),
        "true_morphology": str(cluster.particle.label),
        "grade": grade,
    }


def _scene(
    index: int, seed: int, grade: str, preset: Preset, menu: Menu, margin_mm: float
) -> tuple[TrueCluster, Scene, Rng]:
    cluster = _true_cluster(index, seed, _grade(index, seed, grade), preset, menu)
    rng = np.random.default_rng((seed, _PICTURE, index))
    return cluster, scene_of(rng, cluster.truth, preset, margin_mm), rng


def _one_true(
    index: int, seed: int, grade: str, preset: Preset, menu: Menu, margin_mm: float
) -> tuple[Any, ...]:
    """Return what `_one` does, with the marks as they are in the cluster's picture."""
    cluster, scene, _ = _scene(index, seed, grade, preset, menu, margin_mm)
    nipple = cluster.view.offset - scene.corner if cluster.nipple_known else np.full(2, np.nan)
    area = cluster.breast.area_mm2 if cluster.area_known else math.nan
    unknown = np.full((len(scene.truth.xy), 1), np.nan)
    marks = np.hstack([scene.truth.xy, scene.truth.table, unknown]).astype(np.float32)
    meta = meta_of(cluster, index, seed, _grade(index, seed, grade))
    return marks, nipple, area, {**meta, "image_id": meta["cluster_id"]}


def _picture(
    index: int,
    *,
    seed: int,
    grade: str,
    preset: str,
    menu_key: Any,
    margin_mm: float,
    raw: bool,
) -> tuple[Mammogram, Labels]:
    ranges = load_preset(preset)
    menu = menu_of(*menu_key, ranges)
    cluster, scene, rng = _scene(index, seed, grade, ranges, menu, margin_mm)
    pixels, labels = take_picture(rng, scene, raw=raw)
    pixel = scene.drawn["detector"].pixel_mm
    image = Mammogram(
        pixels,
        (pixel, pixel),
        raw=raw,
        image_id=f"sim-{seed}-{index}",
        laterality=cluster.view.laterality,
        view=cluster.view.projection,
    )
    return image, labels


def _half_of_picture(i: int, *, half: int, start: int, **options: Any) -> Any:
    return _picture(start + i, **options)[half]


def _batch(
    start: int,
    stop: int,
    seed: int,
    grade: str,
    preset: str,
    menu_key: Any,
    margin_mm: float | None = None,
) -> ClusterSet:
    """Return clusters as a detector lists them, or as they are where they are given a margin."""
    ranges = load_preset(preset)
    menu = menu_of(*menu_key, ranges)
    arguments = seed, grade, ranges, menu
    if margin_mm is None:
        return set_of([_one(index, *arguments) for index in range(start, stop)])
    return set_of([_one_true(index, *arguments, margin_mm) for index in range(start, stop)])


def set_of(records: list[tuple[Any, ...]]) -> ClusterSet:
    """Return a set of clusters, each given by marks, nipple, breast area and meta."""
    import pandas as pd

    if not records:
        return ClusterSet.concat([])
    lengths = [len(record[0]) for record in records]
    marks = np.concatenate([record[0] for record in records])
    nipple = np.array([record[1] for record in records])
    meta = pd.DataFrame([record[3] for record in records])
    return ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum(lengths)]),
        **{name: marks[:, i] for i, name in enumerate(COLUMNS)},
        nipple_x_mm=nipple[:, 0],
        nipple_y_mm=nipple[:, 1],
        breast_area_mm2=np.array([record[2] for record in records]),
        cluster_id=meta.pop("cluster_id").to_numpy(),
        meta=meta,
    )


def _batches(
    bounds: list[tuple[int, int]], options: dict[str, Any], n_jobs: int
) -> Iterator[ClusterSet]:
    if n_jobs == 1 or len(bounds) <= 1:
        return (_batch(a, b, **options) for a, b in bounds)
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    return parallel(delayed(_batch)(a, b, **options) for a, b in bounds)  # type: ignore[no-any-return]


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
    check_workers(n_jobs, "n_jobs")
    if grade not in (*GRADES, "mixed"):
        raise BadInputError(f"one of {', '.join(GRADES)}, mixed", column="grade", value=grade)
    menu_key = (tuple(sorted(exclude_mechanisms)), tuple(sorted(only_mechanisms)))
    menu_of(*menu_key, load_preset(preset))
    if not 0 <= margin_mm < math.inf:
        raise BadInputError("a length of at least 0 mm", column="margin_mm", value=margin_mm)
    options: dict[str, Any] = {"seed": seed, "grade": grade, "preset": preset, "menu_key": menu_key}
    bounds = [(a, min(a + BATCH, start + n)) for a in range(start, start + n, BATCH)]
    in_picture: dict[str, Any] = {"margin_mm": margin_mm} if render else {}
    parts: Iterable[ClusterSet] = _batches(bounds, options | in_picture, n_jobs)
    if callable(progress):
        parts = _counted(parts, progress, n)
    elif progress:
        from rich.console import Console
        from rich.progress import track

        console = Console(stderr=True)
        parts = track(parts, "Simulating", total=len(bounds), console=console, transient=True)
    clusters = ClusterSet.concat(list(parts))
    if not render:
        return clusters
    make = partial(_half_of_picture, start=start, raw=raw, **options, **in_picture)
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
