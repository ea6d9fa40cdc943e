"""Mammograms on the page: grey levels to show, points grown to their outlines, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from calcigram.errors import CalcigramError
from calcigram.mammogram import Mammogram
from calcigram.page.files import MAX_SIDE, Opened, Picture, detected, open_file
from calcigram.page.sketch import (
    CLICKED,
    GROWN,
    NOT_GROWN,
    grown_into,
    to_grow,
    with_outlines,
    without,
)

DISCS = [(200, 200), (220, 210), (190, 230), (215, 240), (230, 225)]


def made(discs=DISCS, **about):
    pixels = np.random.default_rng(0).normal(500, 5, (400, 440)).astype(np.float32)
    y, x = np.mgrid[:400, :440]
    for row, column in discs:
        pixels[np.hypot(y - row, x - column) <= 2.5] += 80
    pixels[:, 360:] = 0  # the air beside the breast
    return Mammogram(pixels, (0.07, 0.07), **about)


@pytest.fixture(scope="module")
def found():
    return detected(made(notices=("pixels of 0.07 mm",)))


def test_marks_and_notes(found):
    clusters, picture = found
    assert clusters.n_calcifications.tolist() == [5]
    assert "pixels of 0.07 mm" in picture.notes
    assert any(note.startswith("5 calcifications detected") for note in picture.notes)
    assert picture.loose["x_mm"] == []


def test_grey_levels_are_those_of_the_breast(found):
    picture = found[1]
    shown = picture.shown(picture.box)
    (image,) = shown["image"]
    assert (shown["x"], shown["y"]) == ([0], [0])
    assert np.allclose([shown["dw"], shown["dh"]], [[440 * 0.07], [400 * 0.07]])
    assert image.dtype == np.uint8
    assert (image[200, 200], image[0, 400]) == (255, 0)
    assert 30 < image[:150, :300].std() < 120, "the tissue fills the range of greys"


def test_a_part_is_shown_where_it_lies(found):
    picture = found[1]
    shown = picture.shown((13.0, 12.65, 16.1, 15.4))
    (image,) = shown["image"]
    left, top = round(shown["x"][0] / 0.07), round(shown["y"][0] / 0.07)
    assert (left, top) == (185, 180)
    assert image[200 - top, 200 - left] == 255
    outside = picture.shown((-50.0, -50.0, -40.0, -40.0))["image"][0]
    assert outside.shape == (1, 1)


def test_large_images_are_averaged_and_not_stretched():
    rng = np.random.default_rng(1)
    pixels = rng.normal(500, 5, (2 * MAX_SIDE + 7, 801)).astype(np.float32)
    picture = Picture(Mammogram(pixels, (0.05, 0.1)), (490, 510), {}, ())
    shown = picture.shown(picture.box)
    (image,) = shown["image"]
    assert max(image.shape) <= MAX_SIDE
    assert shown["dh"][0] / image.shape[0] == pytest.approx(3 * 0.05)
    assert shown["dw"][0] / image.shape[1] == pytest.approx(3 * 0.1)
    assert picture.step((0.0, 0.0, 20.0, 20.0)) == 1


def test_points_are_grown_as_the_detector_grows_them(found):
    clusters, picture = found
    x, y = float(clusters.x_mm[0]), float(clusters.y_mm[0])
    one, nothing, outside = picture.measure([x + 0.1, 5.0, -1.0], [y, 5.0, 3.0])
    assert one["x_mm"] == pytest.approx(x, abs=0.02)
    assert one["diameter_mm"] == pytest.approx(float(clusters.diameter_mm[0]), rel=0.02)
    assert nothing is None
    assert outside is None


def test_it_crosses_to_another_process_whole(found):
    clusters, picture = found
    back, other = Opened.from_bytes(Opened(clusters, picture).to_bytes())
    assert np.array_equal(back.x_mm, clusters.x_mm)
    assert np.array_equal(other.mammogram.pixels, picture.mammogram.pixels)
    assert (other.grey, other.loose, other.notes, other.box) == (
        picture.grey, picture.loose, picture.notes, picture.box,
    )  # fmt: skip
    valid = np.ones((70, 70), bool)
    valid[0] = False
    masked = Picture(Mammogram(np.eye(70, dtype=np.float32), (0.1, 0.2), valid), (0, 1), {}, ())
    _, other = Opened.from_bytes(Opened(clusters, masked).to_bytes())
    assert np.array_equal(other.mammogram.valid, valid)


def test_an_image_without_clusters_is_shown_to_be_marked():
    clusters, picture = detected(made(discs=()))
    assert clusters.n_calcifications.tolist() == [0]
    assert any("click" in note for note in picture.notes)


def png(array):
    import io

    image_module = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image_module.fromarray(array).save(out, "PNG")
    return out.getvalue()


def test_files_of_images():
    pixels = made().pixels.astype(np.uint16)
    with pytest.raises(CalcigramError, match="the field 'Pixel size'") as refused:
        open_file(png(pixels))
    assert "spacing_mm" not in str(refused.value)
    opened = open_file(png(pixels), pixel_spacing=0.07, units="mm", columns="", single_cluster="")
    assert opened.clusters.n_calcifications.tolist() == [5]
    assert any("by the field 'Pixel size'" in note for note in opened.picture.notes)
    eight = open_file(png((pixels // 3).clip(0, 255).astype(np.uint8)), pixel_spacing=0.07)
    assert "256 grey levels" in eight.picture.notes[0]
    with pytest.raises(CalcigramError, match=r"0\.15 mm") as refused:
        open_file(png(pixels), pixel_spacing=0.2)
    assert "--" not in str(refused.value)


def test_clicked_and_dragged_points_are_to_be_grown():
    before = with_outlines({"x_mm": [0, 1], "y_mm": [0, 1]})
    clicked = with_outlines({"x_mm": [0, 1, 2], "y_mm": [0, 1, 2]})
    clicked["sign"][2] = CLICKED
    assert to_grow(before, clicked) == [(2, 2)]
    assert to_grow(clicked, without(clicked, {2})) == []
    assert to_grow(before, before | {"x_mm": [0, 5]}) == [(5, 1)]


def test_what_was_grown_is_entered_and_what_is_marked_twice_told():
    columns = with_outlines({"x_mm": [0, 1, 2, 3], "y_mm": [0, 0, 0, 0], "diameter_mm": [0.3] * 4})
    disc = {"x_mm": 0.05, "y_mm": 0.0, "diameter_mm": 0.3, "aspect_ratio": 1.2}
    grown = {(1, 0): disc, (2, 0): None, (3, 0): disc | {"x_mm": 3.0}}
    changes, twice = grown_into(columns, grown)
    assert twice == {1}
    assert (changes[2]["sign"], changes[3]["sign"]) == (NOT_GROWN, GROWN)
    assert np.isnan(changes[2]["diameter_mm"])
    assert changes[3]["aspect_ratio"] == 1.2
    assert set(changes[3]) == set(columns)
