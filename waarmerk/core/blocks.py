"""Sums and means over square blocks of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import Luma

_STRIP_PIXELS = 1 << 16  # of a reduced strip before its columns are summed: 256 kB


def edge_padded(plane: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Repeat the last row and column up to whole blocks; the plane itself where they are whole."""
    below, right = -plane.shape[0] % size, -plane.shape[1] % size
    return np.pad(plane, ((0, below), (0, right)), mode="edge") if below or right else plane


def block_sum(plane: npt.NDArray[Any], size: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """(H, W) -> (H // size, W // size) sums in `dtype`; a remainder is left out.

    Rows first, then columns by strided slices: numpy's own reduction over two short axes is five times slower.
    """
    h, w = plane.shape[0] // size, plane.shape[1] // size
    rows = plane[0 : h * size : size, : w * size].astype(dtype)
    for i in range(1, size):
        rows += plane[i : h * size : size, : w * size]
    total = rows[:, 0::size].copy()
    for i in range(1, size):
        total += rows[:, i::size]
    return total


def box_reduce(luma: Luma, factor: int) -> Luma:
    """(H, W) float32 -> mean over factor x factor blocks; a remainder is left out.

    Strips of rows, so that a large picture is read once and everything else happens in the cache.
    """
    if factor == 1:
        return luma
    h, w = luma.shape[0] // factor, luma.shape[1] // factor
    out = np.empty((h, w), dtype=np.float32)
    step = max(1, _STRIP_PIXELS // luma.shape[1])
    for top in range(0, h, step):
        part = out[top : top + step]
        block = luma[top * factor : (top + len(part)) * factor, : w * factor]
        rows = np.add.reduce(block.reshape(len(part), factor, w * factor), axis=1)
        np.add(rows[:, 0::factor], rows[:, 1::factor], out=part)
        for i in range(2, factor):
            part += rows[:, i::factor]
        part *= np.float32(1 / (factor * factor))
    return out
