"""What child processes do: read what was sent, and answer it whole.

Functions of plain arguments, as `children.Children` runs them.
"""

from __future__ import annotations

import io
import json
from functools import lru_cache
from typing import Any

import numpy as np

from calcigram.classify import Classifier
from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES, ClusterSet
from calcigram.errors import CalcigramError
from calcigram.options import ReadOptions
from calcigram.server.answers import JSON, NOTICE, table_answer
from calcigram.server.jsonbody import read_json
from calcigram.server.logs import of_exception
from calcigram.server.metrics import counts_of
from calcigram.server.points import gather
from calcigram.server.problems import Fault, Problem
from calcigram.server.settings import Settings

MAX_EXPLAINED_POINTS = 2_000
"""Calcifications up to which a reading is explained: what would turn it is searched for."""

Answer = tuple[dict[str, Any], bytes]


@lru_cache(maxsize=1)
def _model(folder: str) -> Any:
    from calcigram.model.reader import load_model

    return load_model(folder or None)


@lru_cache(maxsize=1)
def _classifier(folder: str, n_threads: int) -> Classifier:
    return Classifier(_model(folder), n_threads or None)


def prepare(folder: str) -> None:
    """Load a model and the compiled kernels, before children are forked."""
    from calcigram.server import inference, uploads  # noqa: F401 - not in each child anew

    table_answer(_classifier(folder, 1).columns(corners()), JSON)


def corners() -> ClusterSet:
    """Return a few clusters for which all kernels are needed."""
    return ClusterSet.from_arrays(
        [0, 5, 7],
        [0, 3, 5, 1, 8, 0, 1],
        [0, 1, 5, 7, 9, 0, 1],
        diameter_mm=[0.2, 0.3, 0.2, 0.4, 0.3, float("nan"), float("nan")],
    )


def nothing() -> Answer:
    """Do nothing: to start what children are forked from."""
    return {}, b""


def classify(
    body: bytes, media_type: str, answer_type: str, options: ReadOptions, settings: Settings
) -> Answer:
    """Read the clusters of a body and answer with their verdicts."""
    clusters, notes = _clusters(body, media_type, options, settings)
    verdicts = _classifier(settings.model, settings.threads).columns(clusters)
    return {"counts": counts_of(verdicts)}, table_answer(verdicts, answer_type, notes)


def infer(body: bytes, header_length: str | None, settings: Settings) -> Answer:
    """Answer a request of the Open Inference Protocol."""
    from calcigram.server import inference

    asked, points = inference.read(body, header_length, settings)
    verdicts = _classifier(settings.model, settings.threads).columns(gather([points]))
    answer, n_json = inference.written(asked, verdicts)
    return {"counts": counts_of(verdicts), "n_json": n_json}, answer


def explain(body: bytes, media_type: str, options: ReadOptions, settings: Settings) -> Answer:
    """Explain the reading of the one cluster of a body."""
    from calcigram.explain import explain as explain_reading
    from calcigram.server.service import encode

    clusters, _ = _clusters(body, media_type, options, settings)
    if len(clusters) != 1:
        raise Problem.of_value("clusters", "one cluster to explain", f"{len(clusters)} clusters")
    _check_explained(clusters)
    found = explain_reading(clusters, _model(settings.model)).to_dict()
    return {}, encode({"notice": NOTICE, **found})


def open_file(content: bytes, options: dict[str, Any]) -> Answer:
    """Read a file that was dropped on the page."""
    from calcigram.page.upload import read_file

    return {}, packed(_parsed(lambda: read_file(content, **options)))


def explain_drawn(cluster: bytes, folder: str) -> Answer:
    """Explain the reading of a cluster on the page, as HTML."""
    from calcigram.page.notebook import explainer

    found = unpacked(cluster)
    _check_explained(found)
    return {}, explainer(_model(folder))(found).encode()


def _check_explained(cluster: ClusterSet) -> None:
    n = int(cluster.n_calcifications[0])
    if n > MAX_EXPLAINED_POINTS:
        raise Problem.too_many("points", f"{n} calcifications to explain", MAX_EXPLAINED_POINTS)


def _clusters(
    body: bytes, media_type: str, options: ReadOptions, settings: Settings
) -> tuple[ClusterSet, tuple[str, ...]]:
    from calcigram.server.uploads import read_upload

    if media_type == JSON:
        return gather([read_json(body, settings, columns=options.columns)]), ()
    return _parsed(lambda: read_upload(body, media_type, settings, options))


def _parsed(read: Any) -> Any:
    """Return what a parser gives; where it fails as it should not, the file is refused."""
    try:
        return read()
    except (CalcigramError, Problem, MemoryError):
        raise
    except Exception as error:
        kind = of_exception(error)["exception"]
        raise Problem(
            "unreadable",
            f"The body cannot be read ({kind}): it may be damaged.",
            [Fault("body", "a file that can be read")],
        ) from None


def packed(clusters: ClusterSet) -> bytes:
    """Return clusters as bytes that another process reads without running anything of theirs."""
    out = io.BytesIO()
    meta = clusters.meta.astype(object).where(clusters.meta.notna(), None)
    texts = {"cluster_id": clusters.cluster_id.tolist(), "meta": meta.to_dict("list")}
    arrays = {name: getattr(clusters, name) for name in ("offsets", *MARK_NAMES, *CLUSTER_NAMES)}
    words = np.frombuffer(json.dumps(texts, default=str).encode(), np.uint8)
    np.savez(out, allow_pickle=False, texts=words, **arrays)
    return out.getvalue()


def unpacked(content: bytes) -> ClusterSet:
    """Return the clusters that `packed` made bytes of.

    Examples
    --------
    >>> two = ClusterSet.from_arrays([0, 1, 3], [0, 1, 2], [0, 1, 2], cluster_id=["a", "b"])
    >>> unpacked(packed(two)).cluster_id.tolist()
    ['a', 'b']
    """
    import pandas as pd

    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    texts = json.loads(arrays.pop("texts").tobytes())
    return ClusterSet.from_arrays(
        arrays.pop("offsets"),
        **arrays,
        cluster_id=texts["cluster_id"],
        meta=pd.DataFrame(texts["meta"], index=range(len(texts["cluster_id"]))),
    )
