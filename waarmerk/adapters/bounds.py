"""Bounds around native code that has none of its own: on what it reads, how long it takes, and across fork()."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from waarmerk.core.errors import MalformedMedia

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_STEPS = 300_000
"""Reads and seeks in one file: 1.5 s. A PNG of 20,000 text chunks takes 240,000, a GIF 9,000 a megabyte."""
MAX_BOX_STEPS = 60_000
"""The same for ISO base media files, where time grows with the square: 0.6 s. Real files: below 1,000."""
_BOXED = ("video/mp4", "video/quicktime", "audio/mp4", "image/avif", "image/heic")

TOO_MANY_PARTS = "too_many_parts"

_T = TypeVar("_T")


class Metered(io.BytesIO):
    """A file that stops being readable after a number of steps."""

    def __init__(self, data: bytes, media_type: str | None) -> None:
        super().__init__(data)
        self._left = MAX_BOX_STEPS if media_type in _BOXED else MAX_STEPS
        self.exhausted = False

    def read(self, size: int | None = -1, /) -> bytes:
        self._step()
        return super().read(size)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        self._step()
        return super().readinto(buffer)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._step()
        return super().seek(offset, whence)

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            self.exhausted = True
            raise OSError("too many steps")


def too_many_parts() -> MalformedMedia:
    """What a file is refused with that cannot be signed within the steps."""
    return MalformedMedia(
        "The file has too many parts to carry a manifest; save it again without them.", code=TOO_MANY_PARTS
    )


class PerProcess:
    """What must be made once per process. Made at once, so that a mistake shows at start-up.

    After fork() two threads may both make it; the last one stays and both are good, so no lock is needed,
    and none can be left locked by the parent.
    """

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made = (os.getpid(), make())

    def get(self) -> Any:
        pid, made = self._made
        if pid != os.getpid():
            made = self._make()
            self._made = (os.getpid(), made)
        return made


def within(timeout_s: float, work: Callable[[], _T], late: Exception) -> _T:
    """Run in a thread of its own and give it up after a time, raising `late`; it ends when it ends."""
    outcome: list[_T | BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # handed to the caller below
            outcome.append(error)

    thread = threading.Thread(target=run, name="waarmerk-bounded", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if not outcome:
        raise late
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]
