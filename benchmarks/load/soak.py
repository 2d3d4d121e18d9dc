"""A served process under steady load: does it stay up, answer health checks, and keep its memory?

    python -m benchmarks.load.soak [--seconds 180] [--clients 6]

Clients mark and detect pictures of several sizes, more of them at a time than there are places, so that some are told
to come back. The run fails on any answer but 200 and 503, on an unmarked or wrongly detected picture, on a health
check over `HEALTH_LIMIT_S`, and on memory that grows after the first third. Traffic goes to 127.0.0.1 alone.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common import Benchmark, Json, table
from benchmarks.pictures import photo
from waarmerk.app.specimen import png

SIZES = ((512, 512), (1024, 768), (4000, 3000))  # the last as a camera's or an upscaler's 12 megapixels
HEALTH_LIMIT_S = 0.5  # 99th percentile; the event loop shares two cores with all the work
GROWTH_LIMIT = (
    1.3  # peak of the last third over peak of the first; a leak of one picture in ten shows in a minute
)
PLACES_WAITING = 2  # queue, kept short so that the clients meet it


@dataclass
class Tally:
    """What all clients saw; guarded by `lock`."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, what: str, status: int, seconds: float) -> None:
        with self.lock:
            self.statuses[f"{what} {status}"] += 1
            if status == 200:
                self.seconds.setdefault(what, []).append(seconds)
            elif status != 503:
                self.faults.append(f"{what} answered {status}")


def ask(port: int, method: str, path: str, data: bytes = b"") -> tuple[int, bytes, str]:
    """One request to the served process: status, body, mark id."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body=data or None)
        response = connection.getresponse()
        return response.status, response.read(), response.headers.get("Waarmerk-Mark-Id", "")
    finally:
        connection.close()


def client(port: int, pictures: list[bytes], until: float, tally: Tally, number: int) -> None:
    """Mark a picture, detect it, and so on until the time is over."""
    turn = number
    while time.monotonic() < until:
        turn += 1
        begun = time.monotonic()
        status, marked, mark_id = ask(
            port, "POST", "/v1/mark?origin=generated", pictures[turn % len(pictures)]
        )
        tally.add("mark", status, time.monotonic() - begun)
        if status != 200:
            time.sleep(0.2)
            continue
        begun = time.monotonic()
        status, answer, _ = ask(port, "POST", "/v1/detect", marked)
        tally.add("detect", status, time.monotonic() - begun)
        if status == 200 and mark_id not in {e.get("mark_id") for e in json.loads(answer)["evidence"]}:
            tally.faults.append(f"mark {mark_id} was not detected")


def watch(port: int, pid: int, until: float, memory: list[float], health: list[float]) -> None:
    """Sample resident memory (MiB) and the time a health check takes (s)."""
    while time.monotonic() < until:
        begun = time.monotonic()
        ask(port, "GET", "/healthz")
        health.append(time.monotonic() - begun)
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        memory.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
        time.sleep(0.1)


@contextmanager
def served() -> Iterator[tuple[int, int]]:
    """A server with a data folder of its own: its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "WAARMERK_PORT": str(port), "WAARMERK_DATA_DIR": folder}
        environment |= {
            "WAARMERK_HOST": "127.0.0.1",
            "WAARMERK_LOG_LEVEL": "error",
            "WAARMERK_QUEUE": str(PLACES_WAITING),
        }
        command = [str(Path(sys.executable).with_name("waarmerk")), "serve"]
        server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            _wait(port)
            yield port, server.pid
        finally:
            server.terminate()
            server.wait(60)


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            if ask(port, "GET", "/readyz")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not become ready")


def soak(arguments: argparse.Namespace) -> Json:
    """Run the load; ``faults`` of what it returns is empty where all is well."""
    seconds, clients = arguments.seconds, arguments.clients
    pictures = [png(photo(seed, height, width)) for seed, (width, height) in enumerate(SIZES)]
    tally, memory, health = Tally(), [], []
    with served() as (port, pid):
        until = time.monotonic() + seconds
        threads = [
            threading.Thread(target=client, args=(port, pictures, until, tally, number))
            for number in range(clients)
        ]
        threads.append(threading.Thread(target=watch, args=(port, pid, until, memory, health)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    third = max(1, len(memory) // 3)
    first, last = max(memory[:third]), max(memory[-third:])
    slow = sorted(health)[int(0.99 * (len(health) - 1))]
    faults = list(dict.fromkeys(tally.faults))
    if last > first * GROWTH_LIMIT:
        faults.append(f"memory grew from {first:.0f} to {last:.0f} MiB")
    if slow > HEALTH_LIMIT_S:
        faults.append(f"a health check took {slow:.2f} s")
    return {
        "seconds": seconds,
        "clients": clients,
        "answers": dict(sorted(tally.statuses.items())),
        "median_s": {what: round(statistics.median(times), 3) for what, times in tally.seconds.items()},
        "health_s": {"median": round(statistics.median(health), 4), "p99": round(slow, 4)},
        "memory_mib": {"first_third": round(first), "last_third": round(last)},
        "faults": faults,
    }


def markdown(results: Json) -> str:
    """The result as tables."""
    answers = table(("answer", "times"), list(results["answers"].items()))
    health, memory = results["health_s"], results["memory_mib"]
    return (
        f"{results['clients']} clients for {results['seconds']:g} s.\n\n{answers}\n\n"
        f"Health check: median {health['median'] * 1000:.0f} ms, 99 % under {health['p99'] * 1000:.0f} ms. "
        f"Memory: at most {memory['first_third']} MiB in the first third, {memory['last_third']} in the last."
    )


BENCHMARK = Benchmark(
    name="soak",
    title="A served process under steady load",
    measure=soak,
    markdown=markdown,
    misses=lambda results: list(results["faults"]),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--clients", type=int, default=6)
    return BENCHMARK.main(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
