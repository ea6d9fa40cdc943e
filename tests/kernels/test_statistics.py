import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calcigram._kernels.statistics import (
    mean_and_deviation,
    quantile,
    rising,
    share_from,
    slope_and_correlation,
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, -0.0, 1.0, 2.0, 3e38, -3e38]),
        min_size=1,
        max_size=150,
    ),
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]),
)
def test_quantile_equals_numpy(values, q):
    array = np.array(values, np.float32)
    expected = np.quantile(array.astype(float), q)
    assert quantile(rising(array), q) == pytest.approx(expected, rel=1e-6, abs=1e-30)


def test_quantile_of_nothing_is_nan():
    assert np.isnan(quantile(np.zeros(0, np.float32), 0.5))


@pytest.mark.parametrize("n", [1, 2, 7, 64, 65, 300])
def test_moments_equal_numpy(n):
    x, y = np.random.default_rng(n).normal(3, 2, (2, n)).astype(np.float32)
    assert mean_and_deviation(x) == pytest.approx((x.mean(), x.std()), rel=1e-4, abs=1e-6)
    assert share_from(x, np.float32(3)) == pytest.approx((x >= 3).mean())
    if n > 2:
        expected = np.polyfit(x, y, 1)[0], np.corrcoef(x, y)[0, 1]
        assert slope_and_correlation(x, y) == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_what_does_not_vary_has_no_slope():
    assert np.isnan(slope_and_correlation(np.ones(5, np.float32), np.ones(5, np.float32))).all()
