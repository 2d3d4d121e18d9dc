"""Whether the service can do its work: tried for real, and not more often than is useful."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from waarmerk.core.errors import WaarmerkError


class Readiness:
    """Keeps the latest result of a check, so that asking for it cannot load the service.

    Args:
        check: does the work once, raising what stands in the way; runs in a thread of its own, not among the
            workers: a service that is busy is not broken.
        interval_s: seconds a result is kept.
        clock: seconds, monotonic.
    """

    def __init__(
        self, check: Callable[[], object], interval_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._check = check
        self._interval_s = interval_s
        self._clock = clock
        self._turn = asyncio.Lock()
        self._done_at = float("-inf")
        self._failure: WaarmerkError | None = None

    async def confirm(self) -> None:
        """Return where the latest check passed.

        Raises:
            WaarmerkError: what stood in the way.
        """
        async with self._turn:
            if self._clock() - self._done_at >= self._interval_s:
                self._failure = await asyncio.to_thread(self._outcome)
                self._done_at = self._clock()
        if self._failure is not None:
            raise self._failure

    def _outcome(self) -> WaarmerkError | None:
        try:
            self._check()
        except WaarmerkError as error:
            return error
        return None
