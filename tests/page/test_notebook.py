"""`explore`: the page's view without a server."""

from __future__ import annotations

import asyncio
from html import unescape

import numpy as np
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


def test_a_mammogram_in_a_notebook():
    asyncio.run(check_image())


async def check_image():
    from calcigram import Mammogram, explore
    from calcigram.errors import CalcigramError

    pixels = np.random.default_rng(0).normal(500, 5, (400, 440)).astype(np.float32)
    for row, column in [(200, 200), (220, 210), (190, 230), (215, 240), (230, 225)]:
        pixels[row : row + 4, column : column + 4] += 80
    pixels[:, 360:] = 0
    for shown in (explore(Mammogram(pixels, (0.07, 0.07))), explore(pixels, spacing_mm=0.07)):
        root = shown.get_root()
        (points,) = root.select({"name": "points"})
        (overview,) = root.select({"name": "overview"})
        assert len(points.data["x_mm"]) == 5
        assert overview.data["image"][0].shape == (400, 440)
        text = unescape("".join(str(getattr(pane, "object", "")) for pane in shown.select()))
        assert "5 calcifications in 1 cluster" in text
    with pytest.raises(CalcigramError, match="the size of a pixel"):
        explore(pixels)
