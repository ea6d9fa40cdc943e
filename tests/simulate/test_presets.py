from importlib import resources

import numpy as np
import pytest

from calcigram.errors import BadInputError
from calcigram.lexicon import MORPHOLOGIES
from calcigram.simulate import ARRANGEMENTS, PARTICLE_MODELS, load_preset, mechanism_ids
from calcigram.simulate.mechanisms import menu_of


def test_bench_v1_is_frozen():
    recorded = resources.files("calcigram.simulate").joinpath("presets/bench_v1.sha256").read_text()
    assert load_preset("bench_v1").sha256 == recorded.split()[0]


def test_bench_v1_says_how_it_is_used():
    about = load_preset("bench_v1").about
    assert about["clusters_per_grade"] == 10_000
    assert about["grades"] == ["easy", "typical", "hard"]
    assert about["seed"] > 1_000_000


def test_training_covers_bench_v1():
    train, bench = load_preset("train").sections, load_preset("bench_v1").sections
    assert set(bench) <= set(train)
    for section, ranges in bench.items():
        assert set(ranges) <= set(train[section])
        for name, quantity in ranges.items():
            other = train[section][name]
            if (section, name) == ("described", "share"):
                continue  # how many are described is no range of what may occur
            assert other.unit == quantity.unit
            assert other.low <= quantity.low, f"{section}.{name}"
            if section.startswith("arrangement.regional.") and name == "extent_mm":
                # Beyond 6 cm the lexicon's word is diffuse: training ends a little above.
                assert other.high == 64, f"{section}.{name}"
                continue
            assert other.high >= quantity.high, f"{section}.{name}"
            if name != "extent_mm":  # clusters of training are drawn evenly by extent
                assert other.law == quantity.law


def test_bench_v1_draws_only_what_it_has_ranges_for():
    sections = load_preset("bench_v1").sections
    on_the_menu = mechanism_ids("bench_v1")
    assert len(on_the_menu) < len(mechanism_ids("train"))
    for table in (ARRANGEMENTS, PARTICLE_MODELS):
        kind = "arrangement" if table is ARRANGEMENTS else "particle"
        for models in table.values():
            for model in models.values():
                assert (model.id in on_the_menu) == (f"{kind}.{model.id}" in sections)
    assert all(len([i for i in on_the_menu if i.startswith(f"{m}.")]) == 2 for m in MORPHOLOGIES)
    menu = menu_of((), (), load_preset("bench_v1"))
    drawn = {m.id for models in menu.particles.values() for m in models}
    assert drawn == {i for i in on_the_menu if f"particle.{i}" in sections}


def test_every_mechanism_has_ranges_and_every_range_a_mechanism():
    sections = set(load_preset("train").sections)
    wanted = {f"arrangement.{a.id}" for t in ARRANGEMENTS.values() for a in t.values()}
    wanted |= {f"particle.{p.id}" for t in PARTICLE_MODELS.values() for p in t.values()}
    found = {s for s in sections if s.startswith(("arrangement.", "particle."))}
    assert found == wanted


def test_every_range_has_a_unit_and_a_source():
    for ranges in load_preset("train").sections.values():
        for quantity in ranges.values():
            assert quantity.unit
            assert quantity.source[0] in "SLD"


def test_draws_keep_their_ranges_and_laws():
    preset = load_preset("train")
    rng = np.random.default_rng(1)
    for section, ranges in preset.sections.items():
        drawn = [preset.draw(section, rng) for _ in range(200)]
        for name, quantity in ranges.items():
            values = np.array([d[name] for d in drawn])
            assert values.min() >= quantity.low - 1e-9
            assert values.max() <= quantity.high + 1e-9
            if "integer" in quantity.law:
                assert (values == np.round(values)).all()


def test_a_log_range_has_its_median_at_the_geometric_mean():
    preset = load_preset("train")
    rng = np.random.default_rng(2)
    extent = [preset.draw("arrangement.regional.sub_clusters", rng).extent_mm for _ in range(2000)]
    assert np.median(extent) == pytest.approx(np.sqrt(26 * 64), rel=0.1)


def test_a_preset_of_ones_own(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text('[a]\nx = { range = [2, 1], law = "uniform", unit = "mm", source = "D" }\n')
    with pytest.raises(BadInputError, match="low <= high"):
        load_preset(str(file))
