import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calcigram.kernels import (
    arc_tangents,
    column_moments,
    column_quantile,
    column_share_from,
    natural_logs,
    padded,
    quantile,
    sort_columns,
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.floats(0, 1e6, width=32) | st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=90
    ),
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]),
)
def test_quantile_equals_numpy(values, q):
    array = np.zeros(padded(len(values) + 1), np.float32)
    array[: len(values)] = values
    expected = np.quantile(array[: len(values)].astype(float), q)
    got = quantile(array, array.view(np.int32), len(values), q)
    assert got == pytest.approx(expected, rel=1e-6, abs=1e-30)


def test_quantile_of_nothing_is_nan():
    assert np.isnan(quantile(np.zeros(32, np.float32), np.zeros(32, np.int32), 0, 0.5))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_columns_are_sorted_and_summed_up_as_numpy_does(n, seed):
    rng = np.random.default_rng(seed)
    table = rng.normal(3, 2, (n, 16)).astype(np.float32)
    table[rng.random((n, 16)) < 0.1] = np.inf
    flat = table.ravel().copy()
    count, mean, deviation = np.zeros((3, 16), np.float32)
    column_moments(flat, n, count, mean, deviation)
    sort_columns(flat, n)
    np.testing.assert_array_equal(flat.reshape(n, 16), np.sort(table, axis=0))
    for k in range(16):
        known = table[np.isfinite(table[:, k]), k].astype(float)
        m = len(known)
        assert count[k] == m
        if m == 0:
            assert np.isnan(mean[k])
            assert np.isnan(column_quantile(flat[k:], m, 0.5))
            continue
        assert mean[k] == pytest.approx(known.mean(), rel=1e-5, abs=1e-5)
        assert deviation[k] == pytest.approx(known.std(), rel=1e-4, abs=1e-5)
        for q in (0.0, 0.1, 0.5, 0.9, 1.0):
            got = column_quantile(flat[k:], m, q)
            assert got == pytest.approx(np.quantile(known, q), rel=1e-5, abs=1e-5)
        assert column_share_from(flat[k:], m, 3.0) == pytest.approx((known >= 3.0).mean())


@pytest.mark.parametrize(("n", "expected"), [(0, 0), (1, 32), (32, 32), (33, 64)])
def test_padded(n, expected):
    assert padded(n) == expected


def test_logarithms_equal_numpy():
    values = np.float32(10.0) ** np.linspace(-30, 30, 5001, dtype=np.float32)
    out = np.zeros_like(values)
    natural_logs(values.view(np.int32), len(values), out, out.view(np.int32))
    np.testing.assert_allclose(out, np.log(values.astype(float)), rtol=1e-6, atol=5e-7)


def test_arc_tangents_equal_numpy():
    turn = np.linspace(-np.pi, np.pi, 2001)
    x, y = (np.r_[3 * f(turn), 0, 0, 1, -1].astype(np.float32) for f in (np.cos, np.sin))
    y[-4:] = 0, -2, 0, 0
    out = np.zeros(len(x), np.float32)
    arc_tangents(y, x, len(x), out)
    expected = np.arctan2(y.astype(float), x.astype(float))
    np.testing.assert_allclose(np.exp(1j * out), np.exp(1j * expected), atol=2e-6)
    assert out[-4] == 0
