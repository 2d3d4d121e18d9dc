"""Array names and their contracts. One set of axis letters everywhere: H rows, W columns, C channels, N bits."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import ShapeError

Luma: TypeAlias = npt.NDArray[np.float32]
"""(H, W) float32, 0..255, Rec. 601."""

Luma8: TypeAlias = npt.NDArray[np.uint8]
"""(H, W) uint8, Rec. 601, rounded."""

Planes: TypeAlias = npt.NDArray[np.uint8]
"""(H, W, C) uint8; C = 1 (grey) or 3 (RGB, YCbCr)."""

Alpha: TypeAlias = npt.NDArray[np.uint8]
"""(H, W) uint8; 0 is fully transparent."""

Bits: TypeAlias = npt.NDArray[np.uint8]
"""(N,) uint8 of 0 and 1."""

Real: TypeAlias = npt.NDArray[np.float32]
Complex: TypeAlias = npt.NDArray[np.complex64]
Index: TypeAlias = npt.NDArray[np.intp]


def as_luma(luma: npt.NDArray[np.generic]) -> Luma:
    """`Luma` or `Luma8` to `Luma`; no copy where it is one already."""
    if luma.ndim != 2 or luma.dtype not in (np.float32, np.uint8) or luma.size == 0:
        raise ShapeError(f"luma must be (H, W) float32 or uint8, got {luma.shape} {luma.dtype}")
    out: Luma = luma.astype(np.float32, copy=False)
    if not np.isfinite(out.sum()):
        raise ShapeError("luma must be finite; it holds NaN or infinity")
    return out


def as_planes(planes: npt.NDArray[np.generic]) -> Planes:
    """Check the contract of `Planes`; no copy where it holds already."""
    if planes.ndim != 3 or planes.dtype != np.uint8 or planes.shape[2] not in (1, 3) or planes.size == 0:
        raise ShapeError(f"planes must be (H, W, 1 or 3) uint8, got {planes.shape} {planes.dtype}")
    return planes.astype(np.uint8, copy=False)
