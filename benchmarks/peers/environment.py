"""Make the peers' environment: `python -m benchmarks.peers.environment [--python PATH]`.

A virtual environment in .bench/peers, apart from the product's. Packages are asked for by name and without what they
declare to need: that would be torch with all of CUDA and an OpenCV with windows, both for nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.common import ROOT

FOLDER = ROOT / ".bench" / "peers"
PYTHON = FOLDER / "bin" / "python"
SUPPORT = ("numpy", "pillow", "opencv-python-headless", "PyWavelets", "onnxruntime")
PEERS = ("invisible-watermark==0.2.0", "blind-watermark==0.4.4", "ghostmark-image==1.1.0")
NEWER_PEERS = ("traceless-watermark==0.1.0",)
"""Want Python 3.12; where the environment's is older they are left out, and the report says so."""

_LIST = (
    "import json, importlib.metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"
)


def build(python: str = sys.executable) -> None:
    """Create the environment and install the peers."""
    subprocess.run([python, "-m", "venv", "--clear", str(FOLDER)], check=True)
    _install(*SUPPORT, *PEERS)
    try:
        _install(*NEWER_PEERS)
    except subprocess.CalledProcessError:
        print(f"left out: {', '.join(NEWER_PEERS)}", file=sys.stderr)


def _install(*names: str) -> None:
    subprocess.run(
        [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", *names],
        check=True,
    )


def python() -> Path:
    """The environment's interpreter; made first where there is none."""
    if not PYTHON.exists():
        build()
    return PYTHON


def versions() -> dict[str, str]:
    """What is installed there, by name."""
    done = subprocess.run([python(), "-I", "-c", _LIST], capture_output=True, text=True, check=True)
    return {name.lower(): version for name, version in json.loads(done.stdout).items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="the interpreter to build it from")
    build(parser.parse_args().python)
    for name, version in sorted(versions().items()):
        print(name, version)
