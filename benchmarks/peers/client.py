"""The product's side of `runner.py`: a process of the peers' environment that answers one request at a time."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from benchmarks.common import Json, one_thread
from benchmarks.peers import environment

RUNNER = Path(__file__).with_name("runner.py")


class PeerFailed(Exception):
    """The peer's package raised; the message is its own."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a peer read.

    Attributes:
        payload: None where the peer says there is no mark.
        seconds: CPU time of the call.
    """

    payload: int | None
    seconds: float


class Peers:
    """The peers' process; a context manager. Not for use by several threads at once."""

    def __enter__(self) -> Peers:
        self._process = subprocess.Popen(
            [environment.python(), str(RUNNER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=one_thread(),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def _ask(self, **request: object) -> Json:
        """Raises PeerFailed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise PeerFailed("the peers' process ended")
        reply: Json = json.loads(line)
        if "error" in reply:
            raise PeerFailed(reply["error"])
        return reply

    def bits(self, peer: str) -> int:
        """How many bits it carries as it is used here; PeerFailed where it is not installed."""
        return int(self._ask(do="bits", peer=peer)["bits"])

    def embed(self, peer: str, source: Path, target: Path, payload: int) -> float:
        """Mark one PNG file into another; CPU seconds of the call."""
        request = {"source": str(source), "target": str(target), "payload": f"{payload:x}"}
        return float(self._ask(do="embed", peer=peer, **request)["seconds"])

    def detect(self, peer: str, source: Path, *, cropped: bool = False) -> Found:
        """Read one PNG file."""
        reply = self._ask(do="detect", peer=peer, source=str(source), cropped=cropped)
        payload = None if reply["payload"] is None else int(reply["payload"], 16)
        return Found(payload, float(reply["seconds"]))
