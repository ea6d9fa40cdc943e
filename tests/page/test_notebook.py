"""`explore`: the page's view without a server."""

from __future__ import annotations

import asyncio
from html import unescape

import pytest

pytest.importorskip("panel", reason="the extra [server] is not installed")

pytestmark = pytest.mark.slow


def test_the_view_of_a_notebook():
    asyncio.run(check_view())  # a notebook's cells, too, run inside an event loop


async def check_view():
    from calcigram import classify, explore, simulate

    clusters = simulate(3, seed=4)
    verdicts = classify(clusters)
    shown = explore(clusters)
    text = unescape("".join(str(getattr(pane, "object", "")) for pane in shown.select()))
    assert "not a medical device" in text
    assert any(reason in text for reason in verdicts["reason"])
    (listed,) = [part for part in shown.select() if part.name.startswith("Clusters")]
    assert sorted(listed.options.values()) == [0, 1, 2]
    root = shown.get_root()  # as a notebook renders it
    sizes = sorted(len(source.data["x_mm"]) for source in root.select({"name": "points"}))
    assert sizes == [clusters.n_calcifications[listed.value]]
