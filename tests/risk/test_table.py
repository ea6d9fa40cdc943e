"""The risk table that ships: its layout, and readings carried through it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcigram.errors import BadInputError
from calcigram.lexicon import ADMISSIBLE_PAIRS, DISTRIBUTIONS, MORPHOLOGIES
from calcigram.risk import load_risk
from calcigram.risk.table import COLUMNS, ROWS

COARSE = MORPHOLOGIES.index("coarse_heterogeneous")
N_D, N_M = len(DISTRIBUTIONS), len(MORPHOLOGIES)
UNREAD_D, UNREAD_M = np.full((1, N_D), np.nan), np.full((1, N_M), np.nan)


@pytest.fixture(scope="module")
def table():
    return load_risk()


def test_a_sure_reading_is_its_cell(table):
    for i, j in np.ndindex(len(ROWS), len(COLUMNS)):
        p_d = np.eye(N_D)[[i]] if i < N_D else UNREAD_D
        p_m = np.eye(N_M)[[j]] if j < N_M else UNREAD_M
        p, low, high = table.carry(p_d, p_m)[0]
        if (i == N_D and j == N_M) or j == COARSE or (i < N_D and j < N_M and (ROWS[i], COLUMNS[j]) not in ADMISSIBLE_PAIRS):  # fmt: skip
            assert np.isnan([p, low, high]).all()
            continue
        assert p == pytest.approx(table.p[i, j], abs=1e-5)
        assert 0 < low < p < high < 1
        assert [low, high] == pytest.approx([table.low[i, j], table.high[i, j]], abs=0.02)
        assert low == pytest.approx(table.low[i, j], rel=0.25)  # no beta law's pile at 0


probabilities = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@given(probabilities)
def test_a_mixture_lies_between_its_patterns(rng):
    table = load_risk()
    p_d, p_m = rng.dirichlet(np.full(N_D, 0.4), 3), rng.dirichlet(np.full(N_M, 0.4), 3)
    p_m[:, COARSE] *= p_m.argmax(axis=1) != COARSE
    carried = table.carry(p_d, p_m)
    assert (carried[:, 0] >= np.nanmin(table.p) - 1e-9).all()
    assert (carried[:, 0] <= np.nanmax(table.p) + 1e-9).all()
    assert (carried[:, 1] < carried[:, 0]).all()
    assert (carried[:, 0] < carried[:, 2]).all()
    np.testing.assert_allclose(table.carry(p_d[1:], p_m[1:]), carried[1:], rtol=1e-9)


def test_inadmissible_pairs_have_no_weight(table):
    grouped, linear = DISTRIBUTIONS.index("grouped"), DISTRIBUTIONS.index("linear")
    vascular = MORPHOLOGIES.index("vascular")
    p_d = np.zeros((1, N_D))
    p_d[0, [grouped, linear]] = 0.9, 0.1
    p = table.carry(p_d, np.eye(N_M)[[vascular]])[0, 0]
    assert p == pytest.approx(table.p[linear, vascular], abs=1e-5)


def test_what_the_cohort_says_in_the_large(table):
    row, column = ROWS.index("grouped"), COLUMNS.index("fine_pleomorphic")
    observed = table.malignant[row, column] / table.lesions[row, column]
    assert table.p[row, column] == pytest.approx(observed, abs=0.02)
    assert table.p[-1, COLUMNS.index("fine_linear")] > 0.6
    assert table.p[-1, COLUMNS.index("vascular")] < 0.1


def test_a_form_that_the_cohort_never_names_has_no_figure(table):
    assert table.lesions[:, COARSE].sum() == 0
    for values in (table.p, table.low, table.high):
        assert np.isnan(values[:, COARSE]).all()
        np.testing.assert_array_equal(
            np.isnan(values[:-1, :-1]).any(axis=0), np.arange(N_M) == COARSE
        )
    p_d = np.eye(N_D)[[DISTRIBUTIONS.index("grouped")] * 4]
    p_m = np.zeros((4, N_M))
    p_m[:, COARSE] = 0, 0.2, 0.45, 0.6
    p_m[:, MORPHOLOGIES.index("fine_pleomorphic")] = 1 - p_m[:, COARSE]
    p, low, high = table.carry(p_d, p_m).T
    assert np.isnan([p[3], low[3], high[3]]).all()
    np.testing.assert_allclose(p[:3], p[0])
    np.testing.assert_allclose(low[:3], low[0] * (1 - p_m[:3, COARSE]))
    np.testing.assert_allclose(1 - high[:3], (1 - high[0]) * (1 - p_m[:3, COARSE]))
    unread = table.carry(np.repeat(UNREAD_D, 2, axis=0), p_m[[2, 3]])[:, 0]
    assert np.isfinite(unread).tolist() == [True, False]


def test_round_trip(table, tmp_path):
    table.to_csv(tmp_path / "risk.csv")
    again = load_risk(tmp_path / "risk.csv")
    np.testing.assert_allclose(again.p, table.p)
    np.testing.assert_allclose(again.factor, table.factor)
    assert again.about == table.about


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "distribution,morphology\ndiffuse\n", "# only this"]
)
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(BadInputError, match="a table of risks"):
        load_risk(path)
