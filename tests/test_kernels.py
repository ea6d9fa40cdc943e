import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calcigram.kernels import index_of_least, natural_logs, padded, quantile


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


def test_least_is_the_first_of_equals():
    values = np.array([2.0, 0.5, 0.5, 7.0], np.float32)
    assert index_of_least(values.view(np.int32), 4) == 1
    assert index_of_least(values.view(np.int32), 1) == 0


@pytest.mark.parametrize(("n", "expected"), [(0, 0), (1, 32), (32, 32), (33, 64)])
def test_padded(n, expected):
    assert padded(n) == expected


def test_logarithms_equal_numpy():
    values = np.float32(10.0) ** np.linspace(-30, 30, 5001, dtype=np.float32)
    out = np.zeros_like(values)
    natural_logs(values.view(np.int32), len(values), out, out.view(np.int32))
    np.testing.assert_allclose(out, np.log(values.astype(float)), rtol=1e-6, atol=5e-7)
