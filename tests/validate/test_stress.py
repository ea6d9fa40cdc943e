"""The stress stage degrades what it says, and only that; no model takes part."""

from __future__ import annotations

import tomllib

import pytest

from calcigram.validate import stress


def test_a_preset_with_one_knob_turned():
    clean = tomllib.loads(stress.preset_text({}))
    turned = tomllib.loads(stress.preset_text({("acquisition", "pixel_mm"): 0.2}))
    for name, value in stress.CLEAN.items():
        assert clean["grade"]["typical"][name]["range"] == [value, value]
    assert turned["acquisition"].pop("pixel_mm")["range"] == [0.2, 0.2]
    clean["acquisition"].pop("pixel_mm")
    assert turned == clean


def test_every_level_of_every_curve_is_a_preset():
    for _, levels, knobs_of in stress.SIMULATED.values():
        for level in levels:
            tomllib.loads(stress.preset_text(knobs_of(level)))


def test_a_knob_that_is_not_there():
    with pytest.raises(KeyError):
        stress.preset_text({("acquisition", "nothing"): 1.0})
