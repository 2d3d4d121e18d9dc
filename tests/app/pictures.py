"""Pictures for tests, made with Pillow: another encoder than the product's own."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from waarmerk.app.specimen import specimen


def picture(width: int = 320, height: int = 320) -> Image.Image:
    """An RGB picture with texture everywhere."""
    tile = np.asarray(Image.open(io.BytesIO(specimen())))
    rows, columns = -(-height // tile.shape[0]), -(-width // tile.shape[1])
    return Image.fromarray(np.ascontiguousarray(np.tile(tile, (rows, columns, 1))[:height, :width]))


def encoded(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    """`image` (the textured one when None) as a file of `kind`, Pillow's name for the format."""
    out = io.BytesIO()
    (image or picture()).save(out, kind, **options)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def psnr(one: bytes, other: bytes) -> float:
    """Over RGB, in dB."""
    a, b = (np.asarray(decoded(data).convert("RGB"), dtype=np.float64) for data in (one, other))
    return float(10 * np.log10(255**2 / np.mean((a - b) ** 2)))
