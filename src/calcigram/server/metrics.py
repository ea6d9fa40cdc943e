"""What is counted: requests, their time, verdicts by concern, disagreements, novelty.

Text for Prometheus; nothing in it tells one cluster from another.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from calcigram.columns import Columns
from calcigram.lexicon import AGREEMENTS, CONCERNS

MEDIA_TYPE = CONTENT_TYPE_LATEST

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Variable that names the folder in which several processes count together."""

NO_ANSWER = "none"
"""What a missing concern is counted under."""

UNLIKE = "unlike_training"
"""Column of the verdict table that says so."""

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters of one process."""

    def __init__(self, version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # half of the lines, asked by nobody
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"calcigram_{name}", text, labels, registry=self.registry)

        self._requests = counter("requests", "Requests answered", "route", "status")
        self._seconds = Histogram(
            "calcigram_request_seconds",
            "Seconds from the first byte of a request to the last of its answer",
            ["route"],
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._clusters = counter("clusters", "Clusters read")
        self._concern = counter("verdicts", "Verdicts by the model's concern", "concern")
        self._agreement = counter("agreement", "Verdicts by how the readings compare", "agreement")
        self._review = counter("reviews", "Verdicts that a person should look at")
        self._novel = counter("novel", "Clusters unlike those the model was trained on")
        self._batches = counter("batches", "Times that small requests were read together")
        self.under_way = Gauge(
            "calcigram_requests_under_way", "Requests at work or waiting",
            registry=self.registry, multiprocess_mode="livesum",
        )  # fmt: skip
        Gauge(
            "calcigram_info", "1; the model is the label", ["model"],
            registry=self.registry, multiprocess_mode="max",
        ).labels(version).set(1)  # fmt: skip
        for concern in (*CONCERNS, NO_ANSWER):
            self._concern.labels(str(concern))
        for agreement in (*AGREEMENTS, NO_ANSWER):
            self._agreement.labels(str(agreement))

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` is the template of its path."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_verdicts(self, counts: dict[str, Any]) -> None:
        """Count a table of verdicts.

        Parameters
        ----------
        counts : dict
            As `counts_of` gives them.
        """
        self._batches.inc()
        self._clusters.inc(counts["clusters"])
        self._review.inc(counts["review"])
        self._novel.inc(counts[UNLIKE])
        for name, counter in (("concern", self._concern), ("agreement", self._agreement)):
            for word, count in counts[name].items():
                counter.labels(word).inc(count)

    def text(self) -> bytes:
        """Return all of it, of all processes, as Prometheus reads it."""
        if SHARED not in os.environ:
            return generate_latest(self.registry)
        everyones = CollectorRegistry()
        _forget_the_dead(Path(os.environ[SHARED]))
        MultiProcessCollector(everyones)  # type: ignore[no-untyped-call]
        return generate_latest(everyones)


def counts_of(verdicts: Columns) -> dict[str, Any]:
    """Return what is counted of a table of verdicts.

    Parameters
    ----------
    verdicts : mapping of str to Words or ndarray
        The columns of the table.
    """
    counts: dict[str, Any] = {"clusters": len(verdicts["cluster_id"])}
    for name in ("review", UNLIKE):
        counts[name] = int(np.count_nonzero(np.asarray(verdicts[name])))
    for name in ("concern", "agreement"):
        column: Any = verdicts[name]
        words = (*column.words, NO_ANSWER)  # code -1 is the last
        number = np.bincount(column.codes + 1, minlength=len(words)).tolist()
        counts[name] = {str(words[code]): n for code, n in enumerate(number, -1) if n}
    return counts


def _forget_the_dead(folder: Path) -> None:
    """Take processes that are gone out of what is counted of those alive."""
    for file in folder.glob("gauge_live*.db"):
        try:
            os.kill(int(file.stem.rpartition("_")[2]), 0)  # asks whether it lives, no more
        except ProcessLookupError:
            file.unlink(missing_ok=True)
