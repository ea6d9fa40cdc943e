"""The view's own bookkeeping, without a browser."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("panel", reason="the extra [server] is not installed")

from calcigram import classify, simulate
from calcigram.page.files import MAX_POINTS, Opened
from calcigram.page.sketch import columns_from_text, with_outlines
from calcigram.page.view import View

THREE = columns_from_text("0 0\n1 1\n2 2")


async def until(holds):
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def viewed():
    """Return a view, and the list of what waits for the next tick of a server's loop."""
    view, waiting = View(classify, Opened(simulate(2, seed=4))), []
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
    view = View(classify, Opened(simulate(2, seed=4)))
    drawn = view.editor._draw_tool.default_overrides
    view.widgets.size.value = 1.5
    await until(lambda: view.editor._draw_tool.default_overrides["diameter_mm"] == 1.5)
    view.widgets.size.value = None
    await until(lambda: view.editor._draw_tool.default_overrides["diameter_mm"] == 0.3)
    assert view.editor._draw_tool.default_overrides == pytest.approx(drawn, nan_ok=True)
    assert drawn["diameter_mm"] == drawn["width"] == 0.3
    assert np.isnan([drawn[name] for name in ("aspect_ratio", "solidity", "cnr")]).all()


@in_a_loop
async def test_no_verdict_stands_beside_points_it_is_not_of():
    view, waiting = await viewed()
    view._on_drawn(view.editor.columns)  # what a click calls
    assert "Reading these points" in view.widgets.verdict.object
    assert view.widgets.rules.object == view.widgets.probabilities.object == ""
    view.widgets.points.value = "0 0 oops"
    await view._on_text(None)
    for show in list(waiting):
        show()
    assert "were not read" in view.widgets.verdict.object
    assert "oops" in view.widgets.message.object


@in_a_loop
async def test_more_points_than_can_be_drawn_are_refused_in_words():
    view, waiting = await viewed()
    n = MAX_POINTS + 1
    view.editor.source.data = with_outlines({"x_mm": [0.1] * n, "y_mm": [0.2] * n})
    await view._update()
    for show in list(waiting):
        show()
    assert "at most 5,000 calcifications" in view.widgets.message.object
    assert "were not read" in view.widgets.verdict.object


@in_a_loop
async def test_it_opens_on_what_all_sources_agree_on():
    view = View(classify)
    row = view._rows[0]
    assert row["agreement"] == "agree"
    assert not row["review"]
    concerns = {v for k, v in row.items() if k == "concern" or k.endswith("_concern")}
    assert len(concerns) == 1


@in_a_loop
async def test_what_is_typed_right_after_a_load_stays():
    view, waiting = await viewed()
    was = view.widgets.listed.value
    clusters = simulate(8, seed=5)
    view._show_all(Opened(clusters), classify(clusters))
    assert view.widgets.listed.value != was
    view.widgets.points.value = "0 0\n1 1"
    await asyncio.sleep(0.05)  # the list has told that its value was set
    for show in list(waiting):
        show()
    assert view.widgets.points.value == "0 0\n1 1"


@in_a_loop
async def test_of_two_loads_the_later_is_shown_whichever_is_read_first():
    view, waiting = await viewed()
    go_on, slow, quick = threading.Event(), simulate(3, seed=6), simulate(2, seed=7)

    def wait():
        assert go_on.wait(20)
        return Opened(slow)

    first = asyncio.create_task(view._load(wait))
    await asyncio.sleep(0)
    await view._load(lambda: Opened(quick))
    go_on.set()
    await first
    for show in list(waiting):
        show()
    assert view._clusters is quick


@in_a_loop
async def test_a_choice_from_a_list_that_was_replaced_shows_nothing():
    view, waiting = await viewed()
    await view._on_listed(SimpleNamespace(new=1 - view._shown))
    one = simulate(1, seed=5)
    view._show_all(Opened(one), classify(one))
    for show in list(waiting):
        show()
    assert view._shown == 0
