"""Who works on what, and how much at a time: threads, a short queue, and a budget for bodies.

Work on a picture is arithmetic that lets go of Python's lock, so threads share the cores well; it never runs
on the event loop, where it would stop health checks. What does not fit is refused at once (`Busy`): a caller
that is told to come back can, one that waits in a long queue only times out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import ParamSpec, TypeAlias, TypeVar

from waarmerk.core.errors import Busy

P = ParamSpec("P")
T = TypeVar("T")

_FULL = "Every worker is busy and the queue is full; try again in a few seconds"


class Workers:
    """A pool of threads with a bounded queue.

    Args:
        threads: jobs at the same time.
        queue: jobs that may wait.
    """

    def __init__(self, threads: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="waarmerk")
        self._places = BoundedSemaphore(threads + queue)

    async def run(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `job` in a thread.

        A job whose caller has gone still holds its place until it ends: that is what it costs.

        Raises:
            Busy: no place free.
        """
        if not self._places.acquire(blocking=False):
            raise Busy(_FULL)
        try:
            future = self._pool.submit(job, *args, **kwargs)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Finish what runs, drop what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _leave(self, _: Future[T]) -> None:
        self._places.release()


class Budget:
    """Bytes of bodies held at the same time. For one event loop; not for threads.

    Args:
        limit: bytes.
    """

    Take: TypeAlias = Callable[[int], None]

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    @contextmanager
    def share(self) -> Iterator[Take]:
        """A share to take bytes from; all of it is given back at the end.

        Yields:
            take(n): add n bytes to the share; raises `Busy` where the budget does not hold them.
        """
        mine = 0

        def take(count: int) -> None:
            nonlocal mine
            if self.held + count > self._limit:
                raise Busy("Too many uploads are under way; try again in a few seconds")
            self.held += count
            mine += count

        try:
            yield take
        finally:
            self.held -= mine
