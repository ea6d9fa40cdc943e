"""Chunks come in order, whatever the threads; a failure is not lost."""

import threading

import numpy as np
import pytest

from calcigram.threads import in_chunks


@pytest.mark.parametrize("n_threads", [1, 2, 5, None])
@pytest.mark.parametrize("n", [0, 1, 6, 7])
def test_every_item_once_and_in_order(n, n_threads):
    items = np.arange(n)
    parts = in_chunks(lambda part: items[part], n, 3, n_threads)
    assert [item for part in parts for item in part] == list(range(n))


def test_no_more_threads_than_asked():
    both = threading.Barrier(2, timeout=30)
    names = in_chunks(lambda _: (both.wait(), threading.get_ident())[1], 8, 1, n_threads=2)
    assert len(set(names)) == 2


def test_a_failure_is_told():
    with pytest.raises(ZeroDivisionError):
        in_chunks(lambda part: 1 / part.start, 4, 2, n_threads=2)
