"""Sums and means over square blocks of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import Luma


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
    """(H, W) float32 -> mean over factor x factor blocks; a remainder is left out."""
    if factor == 1:
        return luma
    out: Luma = block_sum(luma, factor, np.float32)
    out *= np.float32(1 / (factor * factor))
    return out
