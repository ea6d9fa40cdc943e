"""What a server tells of itself: logs, one line of JSON per record, and counters for Prometheus.

Nothing in either tells of a patient or of one cluster. Of records that others write, the log keeps
the template of the message and the name of an exception: values, paths and stacks are left out.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from pathlib import Path, PurePath
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

NAME = "calcigram.server"


class JsonFormatter(logging.Formatter):
    """Write a record as one line of JSON.

    Examples
    --------
    >>> record = logging.makeLogRecord({"name": "other", "msg": "cannot read %s", "args": ("/x",)})
    >>> json.loads(JsonFormatter().format(record))["message"]
    'cannot read %s'
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line |= of_exception(record.exc_info[1])
        if record.name == NAME:
            line |= getattr(record, "fields", {})
        return json.dumps(line, default=str)


def _message(record: logging.LogRecord) -> str:
    """Return the template of a message; with values only where uvicorn says that it serves.

    Others' messages without arguments may have been put together before: they are left out.
    """
    template = str(record.msg).strip().partition("\n")[0]
    if not record.args and record.name.partition(".")[0] not in ("calcigram", "uvicorn"):
        return f"a message of {PurePath(record.pathname).name}:{record.lineno}"
    if record.name == "uvicorn.error" and record.levelno == logging.INFO:
        return template if _OF_A_CLIENT in template else record.getMessage()
    return template


_OF_A_CLIENT = "WebSocket"
"""Uvicorn logs sockets with the client's address."""


def of_exception(error: BaseException) -> dict[str, str]:
    """Return what a log may say of an exception: its class, and the line that raised it.

    Examples
    --------
    >>> of_exception(ValueError("a patient's name"))
    {'exception': 'ValueError', 'raised_at': ''}
    """
    if isinstance(fields := getattr(error, "fields", None), dict):  # raised by a child process
        return fields
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return {"exception": type(error).__name__, "raised_at": place}


def log(level: int, message: str, **fields: Any) -> None:
    """Write a record of our own; the values of `fields` stand in the line."""
    logging.getLogger(NAME).log(level, message, extra={"fields": fields})


def catch_all() -> None:
    """Log warnings and uncaught exceptions as records, too: no stack is printed."""
    logging.captureWarnings(True)

    def note(error: BaseException | None) -> None:
        log(logging.ERROR, "not caught", **({} if error is None else of_exception(error)))

    sys.excepthook = lambda kind, error, trace: note(error)
    threading.excepthook = lambda thrown: note(thrown.exc_value)
    sys.unraisablehook = lambda thrown: note(thrown.exc_value)


def configuration(level: str) -> dict[str, Any]:
    """Return the configuration of all loggers, as `logging.config.dictConfig` takes it.

    Parameters
    ----------
    level : {"debug", "info", "warning", "error"}
    """
    ours, others = level.upper(), max(level.upper(), "WARNING", key=logging.getLevelName)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": f"{__name__}.JsonFormatter"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"level": others, "handlers": ["stderr"]},
        "loggers": {
            NAME: {"level": ours, "handlers": ["stderr"], "propagate": False},
            "uvicorn": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
            "uvicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
        },
    }


# --- counters


METRICS_TYPE = CONTENT_TYPE_LATEST
"""Media type of the counters."""

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Variable that names the folder in which several processes count together."""

NO_WORD = "none"
"""What a missing concern is counted under."""

UNLIKE = "unlike_training"
"""Column of the verdict table that says so."""

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters of one process."""

    def __init__(self, version: str) -> None:
        disable_created_metrics()  # they double the lines
        self.registry = CollectorRegistry()

        def made(kind: Any, name: str, text: str, *labels: str, **options: Any) -> Any:
            return kind(f"calcigram_{name}", text, labels, registry=self.registry, **options)

        self._requests = made(Counter, "requests", "Requests answered", "route", "status")
        self._seconds = made(
            Histogram,
            "request_seconds",
            "Seconds from the first byte of a request to the last of its answer",
            "route",
            buckets=_BUCKETS_S,
        )
        self._clusters = made(Counter, "clusters", "Clusters read")
        self._words = {
            "concern": made(Counter, "verdicts", "Verdicts by the model's concern", "concern"),
            "agreement": made(
                Counter, "agreement", "Verdicts by how the readings compare", "agreement"
            ),
        }
        self._review = made(Counter, "reviews", "Verdicts that a person should look at")
        self._novel = made(Counter, "novel", "Clusters unlike those the model was trained on")
        self._batches = made(Counter, "batches", "Times that small requests were read together")
        text = "Requests at work or waiting"
        self.under_way = made(Gauge, "requests_under_way", text, multiprocess_mode="livesum")
        info = made(Gauge, "info", "1; the model is the label", "model", multiprocess_mode="max")
        info.labels(version).set(1)
        for name, words in (("concern", CONCERNS), ("agreement", AGREEMENTS)):
            for word in (*words, NO_WORD):
                self._words[name].labels(str(word))

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
        for name, counter in self._words.items():
            for word, count in counts[name].items():
                counter.labels(word).inc(count)

    def text(self) -> bytes:
        """Return all of it, of all processes, as Prometheus reads it."""
        if SHARED not in os.environ:
            return generate_latest(self.registry)
        everyones = CollectorRegistry()
        _forget_the_dead(Path(os.environ[SHARED]))
        MultiProcessCollector(everyones)
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
        words = (*column.words, NO_WORD)  # code -1 is the last
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
