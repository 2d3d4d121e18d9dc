"""How much memory one call adds: `python -m benchmarks.kernels.memory embed 3000 4000`, a process for one number.

Key tables are filled on a small picture first: they belong to the key, not to the picture. What is given is by how much
resident memory rose above where it stood (every allocator counts: numpy, Pillow, the transforms), and beside it what
tracemalloc saw, which knows numpy's arrays only. The picture and its luma are in neither; the result is in both.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable

from benchmarks import pictures
from benchmarks.common import ROOT, Json, one_thread, peak_mib
from benchmarks.kernels.cases import Case

_SMALL = 512  # pixels a side


def _traced(run: Callable[[], object]) -> int:
    """Bytes."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def measure_here(name: str, height: int, width: int) -> Json:
    """One contender's peak in this process, which should be fresh; MiB are None where the system does not tell."""
    Case.of(pictures.photo(81, _SMALL, _SMALL), 81).contenders()[name]()
    run = Case.of(pictures.photo(82, height, width), 82).contenders()[name]
    resident = peak_mib(run)
    pixels = height * width
    return {
        "resident": None if resident is None else round(resident * 2**20 / pixels, 2),
        "traced": round(_traced(run) / pixels, 2),
    }


def measure(name: str, height: int, width: int) -> Json:
    """The same in a process of its own: bytes a pixel."""
    command = [sys.executable, "-m", "benchmarks.kernels.memory", name, str(height), str(width)]
    done = subprocess.run(command, cwd=ROOT, env=one_thread(), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(json.dumps(measure_here(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
