"""A reader that is sure, some clusters, and a parser of pages: for what is done with verdicts, whatever they say."""

import importlib.util
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from calcigram.clusters import ClusterSet
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES
from calcigram.rules.engine import RuleReader


@dataclass
class SureReader:
    """Reads as the rules do, but is sure of a word; the files, not the reading, are tested here."""

    version: str = "0.0-test"

    def read(self, features, *, coverage=0.9, n_threads=None):
        readings = RuleReader().read(features)

        def spread(codes, n_words):
            p = np.full((len(codes), n_words), np.nan, np.float32)
            known = codes < n_words
            p[known] = 0.1 / (n_words - 1)
            p[np.flatnonzero(known), codes[known]] = 0.9
            return p

        return replace(
            readings,
            p_distribution=spread(readings.distribution, len(DISTRIBUTIONS)),
            p_morphology=spread(readings.morphology, len(MORPHOLOGIES)),
        )


@pytest.fixture
def sure_reader():
    return SureReader()


@pytest.fixture(scope="session")
def mammography():
    """The module that makes small mammograms and DICOM files of them; test folders are no packages."""
    path = Path(__file__).with_name("mammography.py")
    spec = importlib.util.spec_from_file_location("mammography", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def some_clusters():
    rng = np.random.default_rng(3)
    lengths = np.append(rng.integers(3, 20, 58), [1, 2])
    n = int(lengths.sum())
    return ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum(lengths)]),
        rng.normal(0, 5, n),
        rng.normal(0, 5, n),
        cluster_id=[f"{i:03}" for i in range(60)],
        diameter_mm=rng.lognormal(-1.2, 0.4, n),
        aspect_ratio=1 + rng.exponential(0.3, n),
        solidity=rng.uniform(0.8, 1, n),
        meta={"group_id": [str(i // 2) for i in range(60)]},
    )


VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Collect the tags, and check that each that opens also closes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="session")
def parse():
    """Return the parser of a page."""
    return Page
