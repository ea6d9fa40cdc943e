import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from calcigram.crosscheck import cohen_kappa
from calcigram.errors import BadInputError


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=2, max_size=40)
)
def test_kappa_equals_scikit_learn(pairs):
    one, other = zip(*pairs, strict=True)
    result = cohen_kappa(one, other, n_boot=20)
    if len({*one, *other}) == 1:
        assert math.isnan(result.kappa)
    else:
        assert result.kappa == pytest.approx(cohen_kappa_score(one, other))
    assert result.n == len(pairs)
    assert math.isnan(result.low) or result.low <= result.high <= 1


def make_pairs(n, share, seed=0):
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 3, n)
    return one, np.where(rng.random(n) < share, one, rng.integers(0, 3, n))


def test_the_interval_holds_kappa_and_narrows_with_more_cases():
    few = cohen_kappa(*make_pairs(100, 0.6))
    many = cohen_kappa(*make_pairs(10_000, 0.6))
    assert few.low < few.kappa < few.high
    assert many.low < 0.6 < many.high
    assert many.high - many.low < (few.high - few.low) / 5


def test_a_wider_level_gives_a_wider_interval():
    pairs = make_pairs(200, 0.6)
    narrow, wide = cohen_kappa(*pairs, level=0.5), cohen_kappa(*pairs, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_clusters_of_one_patient_count_as_one_case():
    one, other = make_pairs(100, 0.6)
    copies = [np.repeat(column, 9) for column in (one, other)]
    alone = cohen_kappa(*copies)
    grouped = cohen_kappa(*copies, groups=np.repeat(np.arange(100), 9))
    assert grouped.kappa == alone.kappa
    assert (grouped.n, grouped.n_groups, alone.n_groups) == (900, 100, 900)
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_groups_of_one_agree_with_no_groups_at_all():
    pairs = make_pairs(300, 0.6)
    plain = cohen_kappa(*pairs, n_boot=4000)
    # One more group, without cases of its own, sends the work down the other path.
    doubled = cohen_kappa(*pairs, groups=[0, 0, *range(2, 300)], n_boot=4000)
    assert doubled.low == pytest.approx(plain.low, abs=0.01)
    assert doubled.high == pytest.approx(plain.high, abs=0.01)


def test_the_seed_decides():
    pairs = make_pairs(50, 0.5)
    assert cohen_kappa(*pairs, seed=1) == cohen_kappa(*pairs, seed=1)
    assert cohen_kappa(*pairs, seed=1).low != cohen_kappa(*pairs, seed=2).low


def test_pairs_with_a_missing_label_are_left_out():
    result = cohen_kappa(["a", None, "b", "a"], ["a", "b", "b", np.nan])
    assert (result.n, result.kappa) == (2, 1.0)


def test_nothing_to_compare():
    result = cohen_kappa([], [])
    assert result.n == 0
    assert math.isnan(result.kappa)
    assert math.isnan(result.low)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 1.0}, "between 0 and 1"),
        ({"n_boot": -1}, "at least 0"),
        ({"groups": [1]}, "columns of one length"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(BadInputError, match=message):
        cohen_kappa(["a", "b"], ["a", "b"], **options)
