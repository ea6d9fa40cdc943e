"""What one server process holds: model, counters and documents; and how it reads clusters.

Small requests are read together, in one thread: what comes in while it is at work waits, and is
then read in one batch; who asks alone is not kept waiting for others. The compiled kernels release
the GIL, so the event loop goes on meanwhile. All else is done by `children`.
"""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from calcigram._version import __version__
from calcigram.classify import Classifier
from calcigram.clusters import ClusterSet
from calcigram.columns import Column, frame_of, rows_between
from calcigram.errors import CalcigramError
from calcigram.page.files import Opened, Picture, first_example
from calcigram.server import children
from calcigram.server.children import Children, Job
from calcigram.server.inputs import Points, gather
from calcigram.server.responses import NOTICE, Problem, datatype_of, encode, json_body, records_of
from calcigram.server.settings import Settings
from calcigram.server.telemetry import Metrics, counts_of

if TYPE_CHECKING:
    import pandas as pd


SMALL_POINTS = 2_000
"""Calcifications up to which a request is read together with others, in a thread: ms at most."""

SMALL_BYTES = 256_000
"""Bytes up to which a body is decoded on the event loop."""

LINGER_S = 0.004
"""How long a batch waits, at most, for requests that are likely to come."""

MAX_BATCH_POINTS = 200_000
"""Calcifications of a batch, at most."""


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
        self._classifier = Classifier(self.model, settings.threads or None)
        self.metrics = Metrics(self._classifier.version)
        self._children = Children(settings)
        self._pictures: WeakSet[Picture] = WeakSet()  # of pages that are open
        self._batches = Batches(self._bodies_of)
        self._atlas, self._atlas_made = b"", asyncio.Lock()
        self.is_ready = False
        self.datatypes: dict[str, str] = {}
        self.model_document = encode(self._describe_model())
        self.rules_document = encode(_describe_rules())

    def warm_up(self) -> None:
        """Read a few clusters, so that all kernels are compiled before the first request."""
        verdicts = self.classify(children.corners())
        records_of(verdicts)
        self.datatypes = {name: datatype_of(column) for name, column in verdicts.items()}
        self._children.run_now(children.nothing)
        # Models, kernels and tables of words stay: to walk all of them again and again in search of
        # garbage would halt every request under way for a tenth of a second.
        gc.collect()
        gc.freeze()
        self.is_ready = True

    def close(self) -> None:
        """Finish the batch that was begun; end what children do."""
        self.is_ready = False
        self._children.close()
        self._batches.close()

    async def submit(self, points: Points, *, as_json: bool) -> Any:
        """Return the verdicts on a small request, read with others: a JSON body, or columns.

        Raises
        ------
        BadInputError
            A value is out of range.
        """
        return await self._batches.submit(points, as_json=as_json)

    async def run(self, job: Job, *arguments: Any) -> tuple[dict[str, Any], bytes]:
        """Have a child process do a job, and count what it read."""
        header, body = await self._children.run(job, *arguments)
        if "counts" in header:
            self.metrics.count_verdicts(header["counts"])
        return header, body

    def classify(self, clusters: ClusterSet) -> dict[str, Column]:
        """Return the columns of the verdict table of clusters, and count nothing."""
        return self._classifier.columns(clusters)

    def table(self, clusters: ClusterSet) -> pd.DataFrame:
        """Return the verdict table of clusters, read in the thread that asks."""
        return frame_of(self._counted(clusters))

    def first_example(self) -> tuple[str, pd.DataFrame]:
        """Return what the page opens on: read once, before anybody opens it, and not counted."""
        return first_example(self._uncounted_table)

    def open_file(self, content: bytes, **options: Any) -> Opened:
        """Read a file that was dropped on the page, in a child process; refuse an image too many."""
        opened = Opened.from_bytes(self._run_for_page(children.open_file, content, options))
        if opened.picture is not None:
            held = [opened.picture, *self._pictures]
            if sum(one.mammogram.pixels.nbytes for one in held) > self.settings.max_work_bytes:
                most = f"{self.settings.max_work_mb:g} MB"
                raise CalcigramError(
                    f"The images on all open pages may take {most}: close a page and try again."
                )
            self._pictures.add(opened.picture)
        return opened

    def explain_drawn(self, cluster: ClusterSet) -> str:
        """Explain the reading of a cluster on the page, in a child process."""
        packed = Opened(cluster).to_bytes()
        return self._run_for_page(children.explain_drawn, packed, self.settings.model).decode()

    async def atlas(self) -> bytes:
        """Return the atlas as HTML: drawn once, in a child process, when it is first asked for."""
        async with self._atlas_made:
            if not self._atlas:
                _, self._atlas = await self._children.run(children.draw_atlas)
        return self._atlas

    def _run_for_page(self, job: Job, *arguments: Any) -> bytes:
        """Return what a job gives, its refusals as the page shows them."""
        try:
            return self._children.run_now(job, *arguments)[1]
        except Problem as problem:
            raise CalcigramError(problem.detail) from None

    def _uncounted_table(self, clusters: ClusterSet) -> pd.DataFrame:
        return frame_of(self.classify(clusters))

    def _counted(self, clusters: ClusterSet) -> dict[str, Column]:
        verdicts = self.classify(clusters)
        self.metrics.count_verdicts(counts_of(verdicts))
        return verdicts

    def _bodies_of(self, requests: Sequence[_Request]) -> list[Any]:
        """Return the results of several requests, read together."""
        verdicts = self._counted(gather([request.points for request in requests]))
        records = records_of(verdicts) if any(request.as_json for request in requests) else []
        results: list[Any] = []
        start = 0
        for request in requests:
            stop = start + len(request.points)
            results.append(
                json_body(records[start:stop])
                if request.as_json
                else rows_between(verdicts, start, stop)
            )
            start = stop
        return results

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


def _describe_rules() -> dict[str, Any]:
    from calcigram.rulebooks import SHIPPED
    from calcigram.rules.recognition import recognition_table, rulebook_table

    return {
        "notice": NOTICE,
        "recognition": recognition_table().to_dict("records"),
        "rulebooks": {str(book): rulebook_table(book).to_dict("records") for book in SHIPPED},
    }


@dataclass(frozen=True, eq=False)
class _Request:
    points: Points
    as_json: bool
    future: asyncio.Future[Any]


class Batches:
    """Gathers requests on the event loop and has them read, a batch at a time, in a thread.

    Only the batch crosses over to the thread and back, not every request: each crossing costs
    both sides a wait for the GIL.

    Parameters
    ----------
    read : callable
        From requests to their results, in order.
    """

    def __init__(self, read: Callable[[Sequence[_Request]], list[Any]]) -> None:
        self._read = read
        self._thread = ThreadPoolExecutor(1, "small")
        self._waiting: deque[_Request] = deque()
        self._n_expected = 1
        self._is_at_work = False
        self._last_call: asyncio.TimerHandle | None = None

    async def submit(self, points: Points, *, as_json: bool) -> Any:
        """Return the result of one request."""
        loop = asyncio.get_running_loop()
        request = _Request(points, as_json, loop.create_future())
        self._waiting.append(request)
        self._consider(loop)
        return await request.future

    def close(self) -> None:
        """Finish the batch that was begun."""
        self._thread.shutdown()

    def _consider(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin a batch, now or when no more requests have come for a while."""
        if self._is_at_work:
            return
        if len(self._waiting) >= self._n_expected:
            self._begin(loop)
        elif self._last_call is None:
            self._last_call = loop.call_later(LINGER_S, self._begin, loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._last_call is not None:
            self._last_call.cancel()
            self._last_call = None
        requests: list[_Request] = []
        n_points = 0
        while self._waiting and n_points < MAX_BATCH_POINTS:
            request = self._waiting.popleft()
            if not request.future.cancelled():
                requests.append(request)
                n_points += request.points.n_points
        if requests:
            self._is_at_work = True
            self._thread.submit(self._work, loop, requests)

    def _work(self, loop: asyncio.AbstractEventLoop, requests: list[_Request]) -> None:
        results = self._results(requests)
        loop.call_soon_threadsafe(self._deliver, loop, requests, results)

    def _results(self, requests: list[_Request]) -> list[Any]:
        """Return results; where that fails, one by one, to see whose fault it is."""
        try:
            return self._read(requests)
        except Exception as error:
            if len(requests) == 1:
                return [error]
            return [result for request in requests for result in self._results([request])]

    def _deliver(
        self, loop: asyncio.AbstractEventLoop, requests: list[_Request], results: list[Any]
    ) -> None:
        for request, result in zip(requests, results, strict=True):
            if request.future.done():
                continue
            if isinstance(result, BaseException):
                request.future.set_exception(result)
            else:
                request.future.set_result(result)
        self._is_at_work = False
        # Those just answered are likely to ask again. To begin without them would be to read two
        # halves in turn, each while the other is parsed: the thread and the event loop would then
        # wait for each other so often that both take twice as long.
        self._n_expected = len(requests) + len(self._waiting)
        if self._waiting:
            self._consider(loop)
