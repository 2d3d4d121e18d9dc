"""A small picture to try the service on: the same every time, and textured enough to hold a mark."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

import numpy as np

SIDE = 320  # pixels


@lru_cache(maxsize=1)
def specimen() -> bytes:
    """An RGB PNG of `SIDE` x `SIDE` pixels: slow waves under fine noise from a stream NumPy guarantees."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    waves = 128 + 60 * np.sin(9 * rows + 4 * columns) + 30 * np.cos(23 * columns * rows)
    stream = np.random.Philox(key=1).random_raw(SIDE * SIDE).reshape(SIDE, SIDE)
    noise = (stream >> np.uint64(58)).astype(np.float64) - 32
    grey = np.clip(waves + noise, 0, 255).astype(np.uint8)
    return png(np.stack([grey, grey, np.roll(grey, 7, axis=1)], axis=2))


def png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    """(H, W, 3) uint8 -> a PNG file without filters (W3C PNG, third edition, sections 5 and 11.2)."""
    height, width, _ = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, width * 3)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(lines.tobytes(), 1))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
