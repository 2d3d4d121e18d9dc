"""`make bench`: each benchmark in a process of its own on one thread, then the two pages of figures in docs.

Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.common import ROOT, one_thread

MODULES = (
    "benchmarks.quality.robustness",
    "benchmarks.quality.decodes",
    "benchmarks.quality.nulls",
    "benchmarks.quality.security",
    "benchmarks.kernels.bench_image",
    "benchmarks.peers.compare",
)
PAGES = (("benchmarks.report",), ("benchmarks.quality.report", "--write-only"))


def main() -> int:
    codes = []
    for module in MODULES:
        print(f"--- {module}", file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, env=one_thread(), check=False)
        codes.append(done.returncode)
    for module, *options in PAGES:
        done = subprocess.run([sys.executable, "-m", module, *options], cwd=ROOT, check=False)
        codes.append(done.returncode)
    return max(codes)


if __name__ == "__main__":
    raise SystemExit(main())
