"""What can be saved from the page."""

from __future__ import annotations

import pytest

pytest.importorskip("panel", reason="the extra [server] is not installed")

from calcigram import classify, simulate
from calcigram.page import exports


@pytest.fixture(scope="module")
def cluster():
    return simulate(1, seed=4)


def test_the_picture_says_what_it_is(cluster):
    texts = [text.get_text() for text in exports.drawn(classify, cluster).texts]
    assert any("not a medical device" in text for text in texts)
    assert exports.picture(classify, cluster).read(8) == b"\x89PNG\r\n\x1a\n"


def test_the_report_says_what_it_is(cluster):
    assert b"not a medical device" in exports.report(classify, cluster).read().lower()
