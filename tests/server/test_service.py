"""Requests gathered into batches, and what becomes of each."""

from __future__ import annotations

import asyncio
import gc
import threading

import numpy as np
import pytest

from calcigram.server import service
from calcigram.server.inputs import Points
from calcigram.server.service import Batches


def points(n=3):
    return Points(["a"], [n], np.zeros((7, n)), np.full((3, 1), np.nan))


class Reader:
    """Stands for the reading: notes the batches, waits where it is told to."""

    def __init__(self):
        self.batches, self.go_on = [], threading.Event()
        self.go_on.set()

    def __call__(self, jobs):
        assert self.go_on.wait(20)
        self.batches.append(len(jobs))
        if any(job.points.n_points == 13 for job in jobs):
            raise ValueError("thirteen")
        return [job.points.n_points for job in jobs]


async def answered(batches, *sizes):
    tasks = [batches.submit(points(n), as_json=True) for n in sizes]
    return await asyncio.gather(*tasks, return_exceptions=True)


def run(scenario):
    reader = Reader()
    batches = Batches(reader)
    try:
        asyncio.run(asyncio.wait_for(scenario(reader, batches), 30))
    finally:
        reader.go_on.set()
        batches.close()


def test_who_asks_alone_does_not_wait(monkeypatch):
    monkeypatch.setattr(service, "LINGER_S", 1e6)

    async def scenario(reader, batches):
        assert await answered(batches, 3) == [3]
        assert await answered(batches, 4) == [4]
        assert reader.batches == [1, 1]

    run(scenario)


def test_what_comes_meanwhile_is_read_together():
    async def scenario(reader, batches):
        reader.go_on.clear()
        asking = asyncio.create_task(answered(batches, 1, 2, 3, 4, 5))
        await asyncio.sleep(0.05)
        reader.go_on.set()
        assert await asking == [1, 2, 3, 4, 5]
        assert reader.batches == [1, 4]

    run(scenario)


def test_fewer_than_before_wait_no_longer_than_a_moment():
    async def scenario(reader, batches):
        await answered(batches, *range(1, 9))
        assert await answered(batches, 2, 3) == [2, 3]
        assert reader.batches == [1, 7, 2]

    run(scenario)


def test_those_who_ask_again_are_read_with_those_who_wait(monkeypatch):
    """Two clients that ask again and again: not one after the other, but both at once."""
    monkeypatch.setattr(service, "LINGER_S", 0.5)

    async def scenario(reader, batches):
        async def client():
            for _ in range(20):
                await batches.submit(points(), as_json=True)

        await asyncio.gather(*(client() for _ in range(8)))
        assert reader.batches == [1, 8, *[8] * 18, 7]

    run(scenario)


def test_one_that_fails_spoils_no_other():
    async def scenario(reader, batches):
        first, *others = await answered(batches, 1, 2, 13, 4)
        assert (first, others[0], others[2]) == (1, 2, 4)
        assert isinstance(others[1], ValueError)

    run(scenario)


def test_a_batch_has_its_limit(monkeypatch):
    monkeypatch.setattr(service, "MAX_BATCH_POINTS", 10)

    async def scenario(reader, batches):
        assert await answered(batches, *[6] * 7) == [6] * 7
        assert max(reader.batches) == 2

    run(scenario)


def test_those_who_went_away_are_not_read():
    async def scenario(reader, batches):
        reader.go_on.clear()
        first = asyncio.create_task(answered(batches, 1))
        await asyncio.sleep(0.02)
        gone = asyncio.create_task(batches.submit(points(7), as_json=True))
        stays = asyncio.create_task(batches.submit(points(8), as_json=True))
        await asyncio.sleep(0.02)
        gone.cancel()
        await asyncio.sleep(0)
        reader.go_on.set()
        assert await first == [1]
        assert await stays == 8
        assert reader.batches == [1, 1]

    run(scenario)


@pytest.fixture
def thawed():
    yield
    gc.unfreeze()


def test_what_stays_is_no_longer_searched_for_garbage(thawed):
    from calcigram.server.service import Service
    from calcigram.server.settings import Settings

    gc.unfreeze()
    serving = Service(Settings(page=False))
    serving.warm_up()
    assert gc.get_freeze_count() > 100_000
    assert serving.datatypes["concern"] == "BYTES"
    assert serving.datatypes["p_benign"] == "FP32"
    serving.close()
    assert not serving.is_ready
