"""Pictures of clusters: the physics has known answers, and the same seed gives the same picture."""

import itertools
import math
import pickle

import numpy as np
import pytest

from calcigram import simulate
from calcigram.errors import BadInputError
from calcigram.simulate import _xray, load_preset
from calcigram.simulate._random import state_of
from calcigram.simulate.generator import Recipe, _batch

PIXEL_MM = 0.05


def disc(diameter_mm, n=24):
    turn = 2 * math.pi * np.arange(n) / n
    return 0.5 * diameter_mm * np.column_stack([np.cos(turn), np.sin(turn)])[None]


def pictured(
    parts, *, side=81, per_mm=1.0, calibre_mm=0.1, softness_mm=0.0, blur_mm=1e-6, primary_share=1.0
):
    """Return attenuation and labels of one calcification in the middle of an empty image."""
    image, labels = np.zeros((side, side), np.float32), np.zeros((side, side), np.int32)
    centre = np.full((1, 2), 0.5 * side * PIXEL_MM)
    owner, one = np.zeros(len(parts), np.int64), np.ones(1)
    _xray.add_calcifications(
        image, labels, parts, owner, centre, per_mm * one, calibre_mm * one, softness_mm * one,
        PIXEL_MM, blur_mm, primary_share,
    )  # fmt: skip
    return image, labels


@pytest.fixture(scope="module")
def rendered():
    return simulate(6, seed=11, render=True, margin_mm=3)


def test_a_disc_is_as_deep_as_a_ball():
    image, labels = pictured(disc(2.0))
    assert image.max() == pytest.approx(2.0, rel=0.02)
    half_way = image[40, 40 + round(0.5 / PIXEL_MM)]
    assert half_way == pytest.approx(2 * math.sqrt(1 - 0.25), rel=0.02)
    # The volume of a ball, from its shadow.
    assert image.sum() * PIXEL_MM**2 == pytest.approx(4 / 3 * math.pi, rel=0.03)
    assert (labels == 1).sum() * PIXEL_MM**2 == pytest.approx(math.pi, rel=0.03)
    assert set(np.unique(labels)) == {0, 1}


def test_contrast_follows_thickness():
    peaks = [pictured(disc(d))[0].max() for d in (0.4, 0.8, 1.6)]
    assert np.divide(peaks[1:], peaks[:-1]) == pytest.approx([2, 2], rel=0.05)
    assert pictured(disc(0.8), per_mm=0.5)[0].max() == pytest.approx(peaks[1] / 2, rel=0.02)


def test_a_rod_is_as_deep_as_it_is_wide_not_long():
    rod = np.array([[[-1.0, -0.2], [1.0, -0.2], [1.0, 0.2], [-1.0, 0.2]]])
    assert pictured(rod)[0].max() == pytest.approx(0.4, rel=0.05)


def test_a_closed_band_is_a_shell():
    from calcigram.simulate._outlines import bands

    one = np.ones(1)
    ring = bands(2.0 * one, 0.6 * one, 2 * math.pi * one, one, 0.0 * one)
    image, _ = pictured(ring)
    assert image[40, 40] == pytest.approx(2 * (1 - 0.6), rel=0.1)
    across = round(0.6 / PIXEL_MM)
    around = image[40, 40 + across], image[40, 40 - across], image[40 + across, 40]
    assert around == pytest.approx([2 * math.sqrt(1 - 0.36)] * 3, rel=0.15)


def test_a_cloud_of_specks_is_as_deep_as_the_whole():
    specks = np.concatenate([disc(0.2) + np.array([0.3 * x, 0.0]) for x in (-1, 0, 1)])
    depth = {soft: pictured(specks, softness_mm=soft, calibre_mm=0.8)[0] for soft in (0.0, 1e-9)}
    assert depth[0.0].max() == pytest.approx(0.2, rel=0.1)
    assert depth[1e-9].max() == pytest.approx(0.8, rel=0.1)


def test_a_faint_cluster_is_as_dense_as_it_must_be_to_be_seen():
    ids = ["grouped.gaussian", "amorphous.haze", "amorphous.powder", "amorphous.smudges"]
    _, images, labels = simulate(8, seed=5, render=True, only_mechanisms=ids, margin_mm=1)
    for image, label in zip(images, labels, strict=True):
        means = [
            image.pixels[label == i].mean() for i in range(1, label.max() + 1) if (label == i).any()
        ]
        assert np.median(means) > np.median(image.pixels[label == 0])


def test_scatter_bounds_what_calcium_takes_away():
    image, _ = pictured(disc(2.0), per_mm=50.0, primary_share=0.8)
    assert image.max() == pytest.approx(-math.log(0.2), rel=1e-3)


@pytest.mark.parametrize("blur", [{"blur_mm": 0.2}, {"softness_mm": 0.2}])
def test_blur_is_a_gaussian_of_the_stated_width(blur):
    # A point, thin enough for its absorption to be proportional to its thickness.
    image, _ = pictured(disc(0.1), per_mm=0.01, **blur)
    away = np.arange(-40, 41) * PIXEL_MM
    profile = image.sum(axis=0)
    width = math.sqrt((profile * away**2).sum() / profile.sum())
    assert width == pytest.approx(math.hypot(0.2, 0.02), rel=0.05)
    sharp, _ = pictured(disc(0.1), per_mm=0.01)
    assert image.sum() == pytest.approx(sharp.sum(), rel=0.01)


@pytest.mark.parametrize("blur", [0.0, 0.2])
def test_noise_is_of_unit_variance(blur):
    noise = _xray.quantum_noise(state_of(1), 400, 500, blur)
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, rel=0.01)
    correlation = (noise[:, 1:] * noise[:, :-1]).mean()
    assert correlation == pytest.approx(0.0 if blur == 0 else 0.24 / 0.44, abs=0.01)


def test_noise_of_a_raw_image_grows_with_the_exposure():
    noise = _xray.quantum_noise(state_of(2), 300, 300, 0.0)
    variance = []
    for quanta in (1000.0, 4000.0):
        image = np.zeros((300, 300), np.float32)
        _xray.expose_raw(image, noise, quanta, 1.0, 16383)
        assert image.mean() == pytest.approx(16383 - quanta, rel=1e-3)
        variance.append(image.var())
    assert variance == pytest.approx([1000, 4000], rel=0.03)


def test_noise_for_presentation_falls_with_the_exposure():
    noise = _xray.quantum_noise(state_of(2), 300, 300, 0.0)
    for attenuation in (0.0, 1.0):
        image = np.full((300, 300), attenuation, np.float32)
        _xray.expose(image, noise, 2500.0, 1000.0, 1000.0, 4095)
        assert image.mean() == pytest.approx(1000 + 1000 * attenuation, abs=1)
        assert image.std() == pytest.approx(1000 * math.exp(attenuation / 2) / 50, rel=0.02)


@pytest.mark.parametrize("exponent", [2.6, 3.0, 3.4])
def test_texture_has_the_exponent_asked_for(exponent):
    image = np.zeros((512, 512), np.float32)
    tile = _xray.texture(exponent)
    _xray.add_texture(image, tile, 1.0, 1.0, 0.7, 100.3, 900.8)
    window = np.hanning(512)[:, None] * np.hanning(512)
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2
    frequency = np.fft.fftfreq(512, _xray.TILE_PIXEL_MM)
    radius = np.hypot(frequency[:, None], frequency)
    edges = np.geomspace(0.1, 1.0, 12)
    means = [power[(radius >= a) & (radius < b)].mean() for a, b in itertools.pairwise(edges)]
    slope = np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(means), 1)[0]
    assert -slope == pytest.approx(exponent, abs=0.25)


def test_ridges_are_smooth_and_add_only():
    for tubular in (False, True):
        image = np.zeros((400, 300), np.float32)
        _xray.add_ridges(state_of(3), image, 0.1, 3.0, 0.8, 20.0, 0.1, tubular)
        assert image.min() >= 0
        assert image.max() > 0.05
        assert np.abs(np.diff(image, axis=0)).max() < 0.6 * image.max()


def test_a_picture_is_the_same_each_time_and_wherever_it_starts(rendered):
    again = simulate(1, seed=11, start=4, render=True, margin_mm=3)
    assert np.array_equal(again.images[0].pixels, rendered.images[4].pixels)
    assert np.array_equal(again.labels[0], rendered.labels[4])
    assert again.images[0].image_id == rendered.images[4].image_id == "sim-11-4"
    assert not np.array_equal(
        rendered.images[0].pixels[:50, :50], rendered.images[1].pixels[:50, :50]
    )
    elsewhere = pickle.loads(pickle.dumps(rendered.images))  # as worker processes get them
    assert np.array_equal(elsewhere[4].pixels, rendered.images[4].pixels)


def test_a_frozen_picture(rendered):
    pixels = rendered.images[0].pixels
    assert pixels.dtype == np.float32
    assert np.array_equal(pixels, np.round(pixels))
    assert pixels.min() >= 0
    assert pixels.max() <= 4095


def test_true_marks_lie_on_the_picture(rendered):
    assert len(rendered.images) == len(rendered.labels) == len(rendered.clusters) == 6
    for cluster, image, labels in zip(
        (rendered.clusters[i] for i in range(6)), rendered.images, rendered.labels, strict=True
    ):
        assert image.pixels.shape == labels.shape
        pixel = image.spacing_mm[0]
        assert cluster.meta["image_id"].iloc[0] == image.image_id
        extent = np.array(labels.shape[::-1]) * pixel
        for name, size in zip("xy", extent, strict=True):
            centre = getattr(cluster, f"{name}_mm")
            assert centre.min() > 3 - 0.2
            assert centre.max() < size - 3 + 0.2
        for i in range(len(cluster.x_mm)):
            rows, columns = np.nonzero(labels == i + 1)
            if not len(rows):
                continue  # another one lies over it
            reach = max(cluster.diameter_mm[i] * math.sqrt(cluster.aspect_ratio[i]), 2 * pixel)
            away = math.hypot(
                (columns.mean() + 0.5) * pixel - cluster.x_mm[i],
                (rows.mean() + 0.5) * pixel - cluster.y_mm[i],
            )
            assert away < reach


def test_calcifications_are_brighter_than_their_surroundings():
    ids = ["grouped.gaussian", "round.spheres"]
    clusters, images, labels = simulate(3, seed=2, render=True, only_mechanisms=ids, margin_mm=2)
    assert len(clusters) == 3
    for image, label in zip(images, labels, strict=True):
        assert image.pixels[label > 0].mean() > image.pixels[label == 0].mean() + 50


def test_rendering_does_not_change_the_clusters(rendered):
    """Same seeds, same labels and sizes: a picture shows what the acquisition measures."""
    plain = simulate(6, seed=11)
    assert list(plain.meta["mechanism"]) == list(rendered.clusters.meta["mechanism"])
    assert list(plain.meta["group_id"]) == list(rendered.clusters.meta["group_id"])
    assert np.isnan(rendered.clusters.cnr).all()


def test_a_preset_without_ranges_of_pictures_gets_those_of_training():
    assert "render.detector" not in load_preset("bench_v1").sections
    assert simulate(1, preset="bench_v1", render=True, margin_mm=1).images[0].pixels.size


def test_raw_pictures_are_brighter_where_denser(rendered):
    _clusters, images, labels = simulate(1, seed=11, render=True, margin_mm=3, raw=True)
    assert images[0].raw
    assert images[0].pixels.max() <= 16383
    dense = labels[0] > 0
    assert images[0].pixels[dense].mean() > images[0].pixels[~dense].mean()
    assert np.array_equal(dense, rendered.labels[0] > 0)


def test_slices_negative_indices_and_none():
    rendered = simulate(3, seed=1, render=True, margin_mm=1)
    assert [m.image_id for m in rendered.images[1:]] == ["sim-1-1", "sim-1-2"]
    assert rendered.images[-1].image_id == "sim-1-2"
    with pytest.raises(IndexError):
        rendered.images[3]
    assert len(simulate(0, render=True).images) == 0


@pytest.mark.parametrize("margin_mm", [-1.0, math.nan, math.inf])
def test_a_margin_is_a_length(margin_mm):
    with pytest.raises(BadInputError, match="margin_mm"):
        simulate(1, render=True, margin_mm=margin_mm)


def test_batches_with_and_without_pictures_have_the_same_truth():
    recipe = Recipe(4, "typical", "train")
    true = _batch(0, 3, recipe, margin_mm=5.0)
    assert list(true.meta["true_morphology"]) == list(_batch(0, 3, recipe).meta["true_morphology"])
