"""What one server process holds: settings, model, engine, counters, and the documents it gives."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import msgspec

from calcigram._version import __version__
from calcigram.classify import Classifier
from calcigram.clusters import ClusterSet
from calcigram.columns import Column, Words, frame_of
from calcigram.errors import CalcigramError
from calcigram.server import jobs
from calcigram.server.answers import NOTICE
from calcigram.server.children import Children, Job
from calcigram.server.engine import Engine
from calcigram.server.metrics import Metrics
from calcigram.server.problems import Problem
from calcigram.server.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


class Service:
    """Made once per process, before the first request.

    Parameters
    ----------
    settings : Settings

    Raises
    ------
    ModelFileError
        The model cannot be opened.
    """

    def __init__(self, settings: Settings) -> None:
        from calcigram.model.reader import load_model

        self.settings = settings
        self.model = load_model(settings.model or None)
        classifier = Classifier(self.model, settings.threads or None)
        self.metrics = Metrics(classifier.version)
        self.children = Children(settings)
        self.engine = Engine(classifier, self.metrics, self.children)
        self.is_ready = False
        self.datatypes: dict[str, str] = {}
        self.model_document = encode(self._describe_model())
        self.rules_document = encode(_describe_rules())

    def warm_up(self) -> None:
        """Read a few clusters, so that all kernels are compiled before the first request."""
        from calcigram.server.answers import records_of

        verdicts = self.engine.classify(jobs.corners())
        records_of(verdicts)
        self.datatypes = {name: datatype_of(column) for name, column in verdicts.items()}
        self.children.run_now(jobs.nothing)
        # Models, kernels and tables of words stay: to walk all of them again and again in search of
        # garbage would halt every request under way for a tenth of a second.
        gc.collect()
        gc.freeze()
        self.is_ready = True

    def first_example(self) -> tuple[str, pd.DataFrame]:
        """Return what the page opens on: read once, before anybody opens it, and not counted."""
        from calcigram.page.examples import first_example

        return first_example(self._uncounted)

    def _uncounted(self, clusters: ClusterSet) -> pd.DataFrame:
        return frame_of(self.engine.classify(clusters))

    def open_file(self, content: bytes, **options: Any) -> ClusterSet:
        """Read a file that was dropped on the page, in a child process."""
        return jobs.unpacked(self._told(jobs.open_file, content, options))

    def explain_drawn(self, cluster: ClusterSet) -> str:
        """Explain the reading of a cluster on the page, in a child process."""
        return self._told(jobs.explain_drawn, jobs.packed(cluster), self.settings.model).decode()

    def _told(self, job: Job, *arguments: Any) -> bytes:
        """Return what a job gives, its refusals as the page shows them."""
        try:
            return self.children.run_now(job, *arguments)[1]
        except Problem as problem:
            raise CalcigramError(problem.detail) from None

    def close(self) -> None:
        """Finish what was begun."""
        self.is_ready = False
        self.engine.close()

    def _describe_model(self) -> dict[str, Any]:
        from calcigram.features.catalogue import feature_catalogue
        from calcigram.model.store import model_digest

        return {
            "notice": NOTICE,
            "calcigram": __version__,
            "version": self.model.version,
            "digest": model_digest(self.model),
            "catalogue_hash": self.model.catalogue_hash,
            "card": self.model.card,
            "features": feature_catalogue().to_dict("records"),
        }


def datatype_of(column: Column) -> str:
    """Return the name that the Open Inference Protocol has for the type of a column."""
    kind = "O" if isinstance(column, Words) else column.dtype.kind
    return {"f": "FP32", "i": "INT64", "b": "BOOL"}.get(kind, "BYTES")


def _describe_rules() -> dict[str, Any]:
    from calcigram.rulebooks import SHIPPED
    from calcigram.rules.tables import recognition_table, rulebook_table

    return {
        "notice": NOTICE,
        "recognition": recognition_table().to_dict("records"),
        "rulebooks": {str(book): rulebook_table(book).to_dict("records") for book in SHIPPED},
    }


def encode(document: dict[str, Any]) -> bytes:
    """Return a document as JSON, whatever scalars stand in it."""
    return msgspec.json.encode(_plain(document))


def _plain(value: Any) -> Any:
    """Return a document of plain values; NaN, enumerations and tuples become what JSON has."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    return value
