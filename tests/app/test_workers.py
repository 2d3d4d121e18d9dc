"""Work is bounded: so many at a time, so many waiting, so many bytes."""

from __future__ import annotations

import asyncio
import threading

import pytest

from waarmerk.app.workers import Budget, Workers
from waarmerk.core.errors import Busy


def test_a_job_runs_off_the_event_loops_thread_and_gives_its_result() -> None:
    workers = Workers(threads=1, queue=0)
    assert asyncio.run(workers.run(threading.get_ident)) != threading.get_ident()
    workers.close()


def test_one_job_too_many_is_refused_at_once_and_a_place_comes_free_again() -> None:
    async def scene() -> None:
        workers = Workers(threads=1, queue=1)
        gate = threading.Event()
        running = [asyncio.create_task(workers.run(gate.wait)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(Busy, match="try again"):
            await workers.run(int)
        gate.set()
        assert await asyncio.gather(*running) == [True, True]
        assert await workers.run(int) == 0
        workers.close()

    asyncio.run(scene())


def test_a_job_whose_caller_left_holds_its_place_until_it_ends() -> None:
    async def scene() -> None:
        workers = Workers(threads=1, queue=0)
        gate = threading.Event()
        left = asyncio.create_task(workers.run(gate.wait))
        await asyncio.sleep(0.05)
        left.cancel()
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await workers.run(int)
        gate.set()
        for _ in range(200):
            try:
                assert await workers.run(int) == 0
                break
            except Busy:
                await asyncio.sleep(0.01)
        else:
            pytest.fail("the place never came free")
        workers.close()

    asyncio.run(scene())


def test_an_exception_of_a_job_reaches_its_caller_and_frees_the_place() -> None:
    workers = Workers(threads=1, queue=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            asyncio.run(workers.run(divmod, 1, 0))
    workers.close()


def test_a_budget_counts_all_shares_and_gets_every_byte_back() -> None:
    budget = Budget(100)
    with budget.share() as one, budget.share() as other:
        one(60)
        other(40)
        with pytest.raises(Busy):
            other(1)
        assert budget.held == 100
    assert budget.held == 0


def test_a_share_is_given_back_when_its_request_fails() -> None:
    budget = Budget(100)

    def fail() -> None:
        with budget.share() as take:
            take(80)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert budget.held == 0
