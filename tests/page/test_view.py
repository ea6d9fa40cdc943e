"""The view's own bookkeeping, without a browser."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

pytest.importorskip("panel", reason="the extra [server] is not installed")

from calcigram import classify, simulate
from calcigram.page.sketch import columns_from_text
from calcigram.page.view import View

THREE = columns_from_text("0 0\n1 1\n2 2")


async def viewed():
    """Return a view, and the list of what waits for the next tick of a server's loop."""
    view, waiting = View(classify, simulate(2, seed=4)), []
    await asyncio.sleep(0.05)  # what its widgets set off
    view._later = waiting.append
    return view, waiting


def in_a_loop(scenario):
    """Run a test inside an event loop, as the page runs; Panel would make one and leave it open."""

    def test():
        asyncio.run(scenario())

    test.__name__ = scenario.__name__
    return test


@in_a_loop
async def test_what_was_read_of_another_cluster_is_not_kept_as_this_one():
    view, waiting = await viewed()
    other = 1 - view._shown
    before = view._clusters[other].x_mm
    view.editor.show(THREE)
    await view._update()
    view._show(other)  # before the reading that is under way could be shown
    for show in list(waiting):
        show()
    assert np.array_equal(view._clusters[other].x_mm, before)


@in_a_loop
async def test_a_change_is_kept_where_it_was_made():
    view, waiting = await viewed()
    view.editor.show(THREE)
    await view._update()
    for show in list(waiting):
        show()
    assert view._clusters[view._shown].n_calcifications.tolist() == [3]
    assert view._rows[view._shown]["n_calcifications"] == 3


@in_a_loop
async def test_an_empty_size_is_the_usual_one():
    view, _ = await viewed()
    view.widgets.size.value = None
    assert view._new_size() == 0.3
    await asyncio.sleep(0.05)
