"""The work behind the interface, off the event loop: small requests together, others in children.

One thread reads small requests. What comes in while it is at work waits, and is then read
in one batch; who asks alone is not kept waiting for others. The compiled kernels release the
interpreter's lock, so the event loop goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from calcigram.classify import Classifier
from calcigram.columns import Column, frame_of, rows_between
from calcigram.server.answers import json_answer, records_of
from calcigram.server.children import Children, Job
from calcigram.server.metrics import Metrics, counts_of
from calcigram.server.points import Points, gather

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.clusters import ClusterSet

SMALL_POINTS = 2_000
"""Calcifications up to which a request is read together with others, in a thread: ms at most."""

SMALL_BYTES = 256_000
"""Bytes up to which a body is decoded on the event loop."""

LINGER_S = 0.004
"""How long a batch waits, at most, for requests that are likely to come."""

MAX_BATCH_POINTS = 200_000
"""Calcifications of a batch, at most."""


@dataclass(frozen=True, eq=False)
class _Job:
    points: Points
    as_json: bool
    future: asyncio.Future[Any]


class Engine:
    """Reads clusters for the requests of one process.

    Parameters
    ----------
    classifier : Classifier
    metrics : Metrics
    children : Children
        For what is not small.
    """

    def __init__(self, classifier: Classifier, metrics: Metrics, children: Children) -> None:
        self._classifier = classifier
        self._metrics = metrics
        self._children = children
        self._batches = _Batches(self._answers)

    @property
    def version(self) -> str:
        """Of the model."""
        return self._classifier.version

    async def submit(self, points: Points, *, as_json: bool) -> Any:
        """Return the verdicts on a small request, read with others: a JSON answer, or columns.

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
            self._metrics.count_verdicts(header["counts"])
        return header, body

    def classify(self, clusters: ClusterSet) -> dict[str, Column]:
        """Return the columns of the verdict table of clusters, and count nothing."""
        return self._classifier.columns(clusters)

    def read(self, clusters: ClusterSet) -> dict[str, Column]:
        """Return the columns of the verdict table, in the thread that asks for them."""
        verdicts = self._classifier.columns(clusters)
        self._metrics.count_verdicts(counts_of(verdicts))
        return verdicts

    def table(self, clusters: ClusterSet) -> pd.DataFrame:
        """Return the verdict table, as `read` does its columns."""
        return frame_of(self.read(clusters))

    def close(self) -> None:
        """Finish the batch that was begun; end what children do."""
        self._children.close()
        self._batches.close()

    def _answers(self, jobs: Sequence[_Job]) -> list[Any]:
        """Return the answers to several requests, read together."""
        verdicts = self.read(gather([job.points for job in jobs]))
        records = records_of(verdicts) if any(job.as_json for job in jobs) else []
        answers: list[Any] = []
        start = 0
        for job in jobs:
            stop = start + len(job.points)
            answers.append(
                json_answer(records[start:stop])
                if job.as_json
                else rows_between(verdicts, start, stop)
            )
            start = stop
        return answers


class _Batches:
    """Gathers requests on the event loop and has them answered, a batch at a time, in a thread.

    Only the batch crosses over to the thread and back, not every request: each crossing costs
    both sides a wait for the interpreter's lock.

    Parameters
    ----------
    answers : callable
        From jobs to their answers, in order.
    """

    def __init__(self, answers: Callable[[Sequence[_Job]], list[Any]]) -> None:
        self._answers = answers
        self._thread = ThreadPoolExecutor(1, "small")
        self._waiting: deque[_Job] = deque()
        self._n_expected = 1
        self._is_at_work = False
        self._last_call: asyncio.TimerHandle | None = None

    async def submit(self, points: Points, *, as_json: bool) -> Any:
        """Return the answer to one request."""
        loop = asyncio.get_running_loop()
        job = _Job(points, as_json, loop.create_future())
        self._waiting.append(job)
        self._consider(loop)
        return await job.future

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
        jobs: list[_Job] = []
        n_points = 0
        while self._waiting and n_points < MAX_BATCH_POINTS:
            job = self._waiting.popleft()
            if not job.future.cancelled():
                jobs.append(job)
                n_points += job.points.n_points
        if jobs:
            self._is_at_work = True
            self._thread.submit(self._work, loop, jobs)

    def _work(self, loop: asyncio.AbstractEventLoop, jobs: list[_Job]) -> None:
        results = self._results(jobs)
        loop.call_soon_threadsafe(self._deliver, loop, jobs, results)

    def _results(self, jobs: list[_Job]) -> list[Any]:
        """Return answers; where that fails, one by one, to see whose fault it is."""
        try:
            return self._answers(jobs)
        except Exception as error:
            if len(jobs) == 1:
                return [error]
            return [result for job in jobs for result in self._results([job])]

    def _deliver(
        self, loop: asyncio.AbstractEventLoop, jobs: list[_Job], results: list[Any]
    ) -> None:
        for job, result in zip(jobs, results, strict=True):
            if job.future.done():
                continue
            if isinstance(result, BaseException):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)
        self._is_at_work = False
        # Those just answered are likely to ask again. To begin without them would be to read two
        # halves in turn, each while the other is parsed: the thread and the event loop would then
        # wait for each other's lock so often that both take twice as long.
        self._n_expected = len(jobs) + len(self._waiting)
        if self._waiting:
            self._consider(loop)
