"""The fit: what is pooled, what the interval covers, and that the table that ships is its result."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES
from calcigram.risk import fit_risk, load_risk
from calcigram.risk.fit import Lesions

ROOT = Path(__file__).parents[2]
FORMS = ("punctate", "amorphous", "fine_pleomorphic", "fine_linear")
PLACES = ("grouped", "linear", "segmental", "regional")


def cells(malignant, benign):
    """Lesions of one term an axis, from tables FORMS x PLACES of counts."""
    d = [(place,) for _ in FORMS for place in PLACES]
    m = [(form,) for form in FORMS for _ in PLACES]
    count = np.concatenate([np.ravel(malignant), np.ravel(benign)]).astype(np.int64)
    hit = np.repeat([True, False], len(d))
    return Lesions(d * 2, m * 2, hit, count)


def simulated(rng, n_lesions):
    """Rates with additive effects, and counts drawn with them."""
    log_odds = rng.normal(0, 1.2, (4, 1)) + rng.normal(0, 0.8, (1, 4)) + rng.normal(0, 0.4, (4, 4))
    rate = 1 / (1 + np.exp(-log_odds))
    malignant = rng.binomial(n_lesions, rate)
    return rate, cells(malignant, n_lesions - malignant)


def pick(values):
    return values[np.ix_([DISTRIBUTIONS.index(p) for p in PLACES], [MORPHOLOGIES.index(f) for f in FORMS])].T  # fmt: skip


def test_a_full_cell_speaks_for_itself_and_an_empty_one_leans():
    n = np.full((4, 4), 400)
    n[0, 0] = 0
    rate = np.full((4, 4), 0.2)
    rate[3] = 0.8
    malignant = (n * rate).astype(int)
    found = fit_risk(cells(malignant, n - malignant), n_draws=2000)
    p, width = pick(found.p), pick(found.high - found.low)
    assert p[1, 1] == pytest.approx(0.2, abs=0.03)
    assert p[3, 2] == pytest.approx(0.8, abs=0.03)
    assert 0.1 < p[0, 0] < 0.35
    assert width[0, 0] > 1.2 * width[1, 1]


def test_pooling_is_nearer_the_truth_than_raw_shares():
    pooled, raw = [], []
    for seed in range(8):
        rate, lesions = simulated(np.random.default_rng(seed), np.full((4, 4), 6))
        p = pick(fit_risk(lesions, n_draws=500).p)
        share = lesions.count[:16].reshape(4, 4) / 6
        pooled.append(((p - rate) ** 2).mean())
        raw.append(((share - rate) ** 2).mean())
    assert np.mean(pooled) < 0.75 * np.mean(raw)


def test_the_interval_covers():
    inside = []
    for seed in range(15):
        rng = np.random.default_rng(100 + seed)
        rate, lesions = simulated(rng, rng.integers(1, 40, (4, 4)))
        found = fit_risk(lesions, n_draws=800)
        inside.append((pick(found.low) <= rate) & (rate <= pick(found.high)))
    assert 0.90 <= np.mean(inside) <= 0.99


def test_branching_counts_as_linear():
    found = fit_risk(cells(np.full((4, 4), 3), np.full((4, 4), 5)), n_draws=500)
    branching, linear = DISTRIBUTIONS.index("branching"), DISTRIBUTIONS.index("linear")
    np.testing.assert_array_equal(found.p[branching, :-1], found.p[linear, :-1])


def test_several_terms_share_their_weight():
    one = fit_risk(cells(np.full((4, 4), 3), np.full((4, 4), 5)), n_draws=500)
    assert one.lesions.sum() == 128
    both = Lesions([("grouped", "linear")], [()], np.array([True]), np.array([50]))
    found = fit_risk(both, n_draws=500)
    assert found.lesions.sum() == 0
    place = [DISTRIBUTIONS.index(d) for d in ("grouped", "linear", "diffuse")]
    grouped, linear, diffuse = found.p[place, -1]
    assert grouped == pytest.approx(linear, abs=0.03)
    assert grouped > diffuse


def test_the_table_that_ships_is_the_fit_of_the_counts_that_ship():
    spec = importlib.util.spec_from_file_location("make", ROOT / "benchmarks/make_risk_table.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    counts = make.read_counts(ROOT / "data" / "cbis_ddsm_counts.csv")
    lesions = make.described_lesions(counts[make.is_described(counts)])
    again, shipped = fit_risk(lesions, about=make.ABOUT), load_risk()
    np.testing.assert_allclose(again.p, shipped.p, atol=2e-3)
    np.testing.assert_array_equal(again.lesions, shipped.lesions)
    assert again.about.splitlines()[:-1] == shipped.about.splitlines()[:-1]
