"""Structured logs: one line of JSON a record, fit to be kept, with nothing of a patient in it.

Of records that others write, only the template of the message is kept and the name of an
exception: values, paths and stacks are left out.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from pathlib import PurePath
from typing import Any

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
"""Uvicorn tells of sockets with the address of who opened them."""


def of_exception(error: BaseException) -> dict[str, str]:
    """Return what a log may say of an exception: its class, and the line that raised it.

    Examples
    --------
    >>> of_exception(ValueError("a patient's name"))
    {'exception': 'ValueError', 'raised_at': ''}
    """
    if isinstance(told := getattr(error, "fields", None), dict):  # of a process of ours
        return told
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return {"exception": type(error).__name__, "raised_at": place}


def log(level: int, message: str, **fields: Any) -> None:
    """Write a record of our own; the values of `fields` stand in the line."""
    logging.getLogger(NAME).log(level, message, extra={"fields": fields})


def catch_all() -> None:
    """Have warnings, and exceptions that nobody caught, come as records, too: no stack is printed."""
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
