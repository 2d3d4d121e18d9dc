"""SSIMULACRA 2, a measure of how different two pictures look, by the PyPI package `ssimulacra2`.

100 is the same picture, 90 cannot be told apart side by side, 70 is high quality. Only benchmarks need it, so it is no
dependency of the product: this one version, which needs numpy, scipy and Pillow and nothing else, is put into a folder
of its own and loaded from there.

Reference:
    Sneyers, SSIMULACRA 2, 2022 (Cloudinary); the package is a port of the libjxl form.
"""

from __future__ import annotations

import io
import subprocess
import sys
from functools import cache
from importlib import import_module
from typing import Any

from PIL import Image

from benchmarks.common import ROOT

VERSION = "0.3.0"
FOLDER = ROOT / ".bench" / f"ssimulacra2-{VERSION}"
MAX_SIDE = 2048  # pixels; of larger pictures the middle, since it takes 1.7 s a megapixel


def install() -> None:
    """Fetch the package once. `CalledProcessError` where pip does not have it."""
    if not FOLDER.exists():
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        subprocess.run([*command, "--target", str(FOLDER), f"ssimulacra2=={VERSION}"], check=True)


@cache
def _package() -> Any:
    install()
    sys.path.append(str(FOLDER))
    return import_module("ssimulacra2")


def ssimulacra2(original: Image.Image, other: Image.Image) -> float:
    """At most 100; two RGB pictures of one size, of large ones the middle."""
    files = []
    for image in (original, other):
        w, h = (min(n, MAX_SIDE) for n in image.size)
        left, top = (image.width - w) // 2, (image.height - h) // 2
        buffer = io.BytesIO()
        image.crop((left, top, left + w, top + h)).save(buffer, "PNG", compress_level=0)
        files.append(buffer)
    return float(_package().compute_ssimulacra2(*files))
