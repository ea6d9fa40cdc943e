"""Texts made to slow a parser down: each takes a time that grows with its length, and no faster."""

import contextlib
import time

import pytest

from calcigram.formats import rois
from calcigram.formats.dicom import concepts, tree
from calcigram.options import column_map
from calcigram.server import gate
from calcigram.server.inputs import read_json
from calcigram.server.settings import Settings
from calcigram.wording import printable, without_options

N = 20_000


def point(text):
    return rois._parts(text)


def names(text):
    region = rois.Region(text, None, 0.0, "")
    return region.is_calcification, region.is_cluster


def finding(text):
    return concepts.kind_of_finding(concepts.Coded("1", "99X", text)), concepts.words_of(
        [concepts.Coded("1", "99X", text)]
    )


def json_body(text):
    with pytest.raises(Exception, match=r"no field of this name|is not JSON"):
        read_json(text.encode(), Settings())


PARSERS = {
    "point": (point, ["(" + " " * N, "(1," + " " * N + "x)", "(" * N, "(1, " * N]),
    "region": (names, ["micro" * N, "calc" * N, "calcification" + "1" * N, "cluster of " * N]),
    "finding": (finding, ["calcified " * N, "non-" * N, "calcification " * N, "micro" * N]),
    "unit": (lambda text: (tree.mm_of(text), tree.mm2_of(text)), ["mm/{" * N, "2" * N, " per " * N]),
    "message": (lambda text: without_options(text, "x"), [" (--image " * N, " (" + "--image " * N, "(" * N]),
    "json body": (json_body, ['{"' + " - at `" * N + '": 1}', "{" + ",".join(f'"{i}": 1' for i in range(N)) + "}", "[" * N]),
    "request id": (gate._ID.fullmatch, ["a" * N, "-" * N]),
    "terminal": (printable, ["\x1b[" * N]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("parse", "text"),
    [(parse, text) for parse, texts in PARSERS.values() for text in texts],
    ids=[f"{name} {k}" for name, (_, texts) in PARSERS.items() for k in range(len(texts))],
)
def test_a_long_text_is_parsed_at_once(parse, text):
    start = time.process_time()
    parse(text)
    assert time.process_time() - start < 2


def test_a_long_list_of_columns():
    start = time.process_time()
    with contextlib.suppress(ValueError):
        column_map("x=a," * N)
    assert time.process_time() - start < 2
