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


def test_chunks_of_a_file_are_bounded(monkeypatch):
    from calcigram.page import widgets

    monkeypatch.setattr(widgets, "MAX_IMAGE_BYTES", 10)
    upload, files = widgets.Upload(), []
    upload.param.watch(lambda event: files.append(widgets.uploaded(event.new)), "value")

    def send(name, *chunks, kind="text/csv"):
        for i, data in enumerate(chunks, 1):
            about = {"chunk": i, "total_chunks": len(chunks), "name": name, "type": kind}
            event = SimpleNamespace(event_name="upload_event", data={**about, "data": data})
            upload._process_event(event)

    send("a", b"12345", b"67890")
    send("b", b"12345", b"678901", b"")  # one byte too many
    send("c", b"1")
    upload._process_event(SimpleNamespace(event_name="delete_event", data={"name": "c"}))
    assert files == [b"1234567890", b"1"]
    assert upload.value == upload._file_buffer == {}


DISC = {"x_mm": 5.0, "y_mm": 4.0, "diameter_mm": 0.3, "aspect_ratio": 1.0, "orientation_deg": np.nan,
        "solidity": 1.0, "cnr": 9.0}  # fmt: skip


class Image:
    """Stands for a picture: there is one disc."""

    box, loose, notes = (0.0, 0.0, 9.0, 9.0), {"x_mm": [8.0], "y_mm": [8.0]}, ("8 bits",)

    def shown(self, box):
        return {"image": [np.zeros((9, 9), np.uint8)], "x": [0], "y": [0], "dw": [9], "dh": [9]}

    def step(self, box):
        return 1

    def measure(self, x_mm, y_mm):
        return [
            DISC if abs(x - 5) + abs(y - 4) < 0.5 else None for x, y in zip(x_mm, y_mm, strict=True)
        ]


def clicked(view, x, y):
    """Do what the browser does at a click."""
    columns, new = view.editor.columns, view.editor._draw_tool.default_overrides
    given = new | {"x_mm": x, "y_mm": y}
    view.editor.source.data = {name: [*values, given[name]] for name, values in columns.items()}


@in_a_loop
async def test_points_clicked_on_an_image_are_grown():
    view = View(classify, Opened(simulate(2, seed=4), Image()))
    assert "8 bits" in view.widgets.image.object
    n = len(view.editor.columns["x_mm"])
    others = view.editor._others.data["x_mm"]
    assert 8.0 in others
    assert len(others) == 1 + view._clusters[1 - view._shown].n_calcifications[0]
    clicked(view, 5.2, 4.1)
    await until(lambda: view._is_read)
    columns = view.editor.columns
    assert (columns["x_mm"][n], columns["cnr"][n], columns["sign"][n]) == (5.0, 9.0, "grown")
    assert view._rows[view._shown]["n_calcifications"] == n + 1
    clicked(view, 5.1, 3.9)  # the same again
    await until(lambda: view._is_read and "marked already" in view.widgets.image.object)
    assert len(view.editor.columns["x_mm"]) == n + 1
    clicked(view, 1.0, 1.0)
    await until(lambda: view._is_read and "at 1 point" in view.widgets.image.object)
    columns = view.editor.columns
    assert (columns["sign"][-1], columns["x_mm"][-1]) == ("not grown", 1.0)
    assert np.isnan(columns["diameter_mm"][-1])
    moved = columns | {"x_mm": [*columns["x_mm"][:-1], 20.0]}
    view.editor.source.data = moved  # dragged out of the image
    await until(lambda: view._is_read and view.editor.columns["x_mm"][-1] == 20.0)
    await view._load(lambda: Opened(simulate(1, seed=5)))
    await until(lambda: view.widgets.image.object == "")
    assert view.editor._draw_tool.default_overrides["sign"] == "given"
    assert view.editor._images[0].data["image"] == []
