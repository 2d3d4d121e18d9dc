"""What every benchmark shares: the conditions it ran under, fair timing, results that last, tables.

A result is a JSON object ``{"benchmark", "conditions", "seconds", "results"}`` in benchmarks/results. Tables are made
from that file and from nothing else, so a figure that is printed can be traced to its run.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import features

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
REPEATS = 9

Json = dict[str, Any]


# ----------------------------------------------------------------------------------------------------- conditions


def _command(*words: str) -> str:
    """A command's output, or nothing where it cannot be run."""
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _processor() -> str:
    """The processor as the system names it; virtual ones often have no better name than their family."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    names = (fields.get(name, "?") for name in ("model name", "cpu family", "model"))
    return "{}, family {}, model {}".format(*names)


def conditions() -> Json:
    """Where, when and with what a benchmark runs; taken at its start."""
    changed = _command("git", "status", "--porcelain", "--", "waarmerk", "benchmarks/*.py")
    libraries = ("libjpeg_turbo", "webp", "zlib_ng", "zlib", "avif")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _command("git", "rev-parse", "--short=12", "HEAD") or "unknown",
        "changed_since_commit": sorted(line[3:] for line in changed.splitlines()),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("waarmerk", "numpy", "scipy", "pillow")}
        | {name: str(features.version(name)) for name in libraries if features.check(name)},
        "threads": {name: os.environ.get(name, "not set") for name in THREAD_VARIABLES},
        "load_average": [round(x, 2) for x in os.getloadavg()],
    }


def one_thread() -> dict[str, str]:
    """The environment with numeric libraries held to one thread; they read it when they are loaded."""
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")}


# --------------------------------------------------------------------------------------------------------- timing


class Measured(float):
    """CPU seconds that a contender took by its own account, because it ran in another process."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Thread CPU time of one contender, milliseconds over all repeats."""

    min_ms: float
    median_ms: float
    iqr_ms: float
    repeats: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        low, middle, high = np.percentile(np.asarray(seconds) * 1e3, [25, 50, 75])
        return cls(float(min(seconds) * 1e3), float(middle), float(high - low), len(seconds))

    def as_json(self) -> Json:
        return {
            "min_ms": round(self.min_ms, 3),
            "median_ms": round(self.median_ms, 3),
            "iqr_ms": round(self.iqr_ms, 3),
            "repeats": self.repeats,
        }


def interleaved(contenders: Mapping[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, Timing]:
    """Time contenders in turns, so that whatever else the machine does falls on all of them alike.

    One untimed round first fills caches and tables. Garbage is collected between runs, never within one. A contender
    that answers with `Measured` has timed itself.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        run()
    for _ in range(repeats):
        for name, run in contenders.items():
            gc.collect()
            gc.disable()
            try:
                start = time.thread_time()
                answer = run()
                took = time.thread_time() - start
                seconds[name].append(answer if isinstance(answer, Measured) else took)
            finally:
                gc.enable()
    return {name: Timing.of(values) for name, values in seconds.items()}


def _status_mib(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise OSError(f"no {field} in /proc/self/status")


def peak_mib(run: Callable[[], object]) -> float | None:
    """How far resident memory rises above where it stood, MiB, in one run; None where the system does not tell.

    Counts every allocator (numpy, Pillow, pocketfft). Linux: writing 5 to clear_refs resets VmHWM, see proc(5).
    """
    try:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # memory that is free but still ours would hide what a run needs
        Path("/proc/self/clear_refs").write_text("5")
        before = _status_mib("VmRSS")
        run()
        return round(_status_mib("VmHWM") - before, 1)
    except (OSError, AttributeError):
        return None


# -------------------------------------------------------------------------------------------------------- results


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def load(name: str) -> Json | None:
    """The latest result of a benchmark, None where it has not run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark: what it is called, how it measures, how its result reads.

    Attributes:
        name: of the JSON file.
        title: of its section.
        measure: arguments -> results, JSON-ready.
        markdown: results -> text with tables.
        misses: results -> sentences, one for every bar that was missed.
    """

    name: str
    title: str
    measure: Callable[[argparse.Namespace], Json]
    markdown: Callable[[Json], str]
    misses: Callable[[Json], list[str]]

    def main(self, arguments: argparse.Namespace | None = None, *, keep_as: str = "") -> int:
        """Measure, write the JSON, print the tables; 1 where a bar was missed."""
        under = conditions()
        start = time.monotonic()
        results = self.measure(arguments or argparse.Namespace())
        whole = {
            "benchmark": keep_as or self.name,
            "conditions": under,
            "seconds": round(time.monotonic() - start),
            "load_average_at_end": [round(x, 2) for x in os.getloadavg()],
            "results": results,
        }
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / f"{whole['benchmark']}.json"
        path.write_text(json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        print(f"## {self.title}\n\n{self.markdown(results)}\n")
        missed = self.misses(results)
        for sentence in missed:
            print(f"BAR MISSED: {sentence}", file=sys.stderr)
        return 1 if missed else 0
