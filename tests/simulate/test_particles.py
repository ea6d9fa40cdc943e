"""The primitives of outlines, and what sets the particle models of a form apart."""

import numpy as np
import pytest

from calcigram.lexicon import MORPHOLOGIES
from calcigram.simulate import PARTICLE_MODELS, load_preset
from calcigram.simulate._outlines import N_VERTICES, bands, drops, notched, tubes_with_lumen
from calcigram.simulate._raster import measure_outlines
from calcigram.simulate.acquisition import measure_truth

FULL = 2 * np.pi
MODELS = [model for table in PARTICLE_MODELS.values() for model in table.values()]
ONE = np.ones(1)


def measure_polygons(parts):
    got = measure_outlines(np.ascontiguousarray(parts), np.arange(len(parts)), len(parts))
    area = np.pi / 4 * got[:, :1] ** 2
    return np.hstack([np.zeros((len(parts), 2)), area, got[:, 1:]])


def measures(parts):
    area, aspect, orientation, solidity = measure_polygons(parts)[0, 2:6]
    return area, aspect, orientation, solidity


def test_a_full_band_is_a_ring():
    area, aspect, _, solidity = measures(bands(2 * ONE, 0.5 * ONE, FULL * ONE, ONE, 0 * ONE))
    assert area == pytest.approx(np.pi * 0.75, rel=0.06)
    assert aspect == pytest.approx(1.0, abs=0.02)
    assert solidity == pytest.approx(0.75, abs=0.02)


def test_half_a_band_is_a_crescent_about_its_own_middle():
    part = bands(2 * ONE, 0.8 * ONE, np.pi * ONE, ONE, 0 * ONE)
    _, aspect, orientation, solidity = measures(part)
    assert aspect > 2
    assert orientation == pytest.approx(90, abs=1)
    assert solidity < 0.45
    assert np.abs(part[0].mean(axis=0)).max() < 1e-9


def test_a_tube_is_as_long_and_wide_as_asked():
    solid = tubes_with_lumen(3 * ONE, ONE, 0.02 * ONE, 0.5 * ONE, 0 * ONE, 0 * ONE)
    open_ = tubes_with_lumen(3 * ONE, ONE, 0.5 * ONE, 0.5 * ONE, 0 * ONE, 0 * ONE)
    area, _, orientation, solidity = measures(solid)
    assert area == pytest.approx(2 + np.pi / 4, rel=0.08)
    assert orientation == pytest.approx(np.degrees(0.5), abs=1)
    assert solidity > 0.93
    assert measures(open_)[3] < 0.75


@pytest.mark.parametrize("hook", [0.0, 0.4])
def test_drops_have_the_area_asked(hook):
    area, aspect, _, solidity = measures(drops(0.4 * ONE, 1.5 * ONE, ONE, hook * ONE))
    assert area == pytest.approx(np.pi * 0.04, rel=1e-9)
    assert aspect > 1.3
    assert (solidity < 0.99) == (hook > 0)


def test_a_bite_lowers_the_solidity():
    many = np.ones(100)
    whole, bitten = (
        measure_polygons(
            notched(np.random.default_rng((1,)), many, many, many, bite * many, 2.0, 0.0)
        )
        for bite in (0.0, 0.9)
    )
    for rows in (whole, bitten):
        np.testing.assert_allclose(rows[:, 2], np.pi / 4)
    assert whole[:, 5].min() > 0.99
    assert 0.8 < bitten[:, 5].mean() < 0.93


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.id)
@pytest.mark.parametrize("n", [1, 3, 40])
def test_models_make_what_they_are_asked(model, n):
    preset = load_preset("train")
    for i in range(4):
        rng = np.random.default_rng((8, i))
        direction = np.where(rng.random(n) < 0.3, np.nan, rng.uniform(0, 3, n))
        outlines = model.build(rng, n, direction, preset.draw(f"particle.{model.id}", rng))
        assert len(outlines) == n
        assert outlines.parts.shape == (outlines.owner.size, N_VERTICES, 2)
        assert (np.diff(outlines.owner) >= 0).all()
        assert set(outlines.owner) == set(range(n))
        assert np.isfinite(outlines.parts).all()
        assert (outlines.contrast > 0).all()
        table = measure_truth(np.zeros((n, 2)), outlines).table
        assert (table[:, 0] > 0).all()
        assert (table[:, 1] >= 1).all()


def _typical_measures(model):
    preset, rows = load_preset("train"), []
    for i in range(40):
        rng = np.random.default_rng((9, i))
        outlines = model.build(
            rng, 20, rng.uniform(0, 3, 20), preset.draw(f"particle.{model.id}", rng)
        )
        table = measure_truth(np.zeros((20, 2)), outlines).table
        rows.append([*np.percentile(table[:, 3], [10, 50]), np.log(table[:, 0]).std()])
    return np.mean(rows, axis=0)


@pytest.mark.parametrize("form", MORPHOLOGIES)
def test_the_models_of_a_form_differ_in_their_measures(form):
    typical = np.array([_typical_measures(model) for model in PARTICLE_MODELS[form].values()])
    for i in range(len(typical)):
        for j in range(i):
            assert np.abs(typical[i] - typical[j]).max() > 0.008, (form, i, j)
