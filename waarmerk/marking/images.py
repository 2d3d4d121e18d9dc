"""Add a mark to a picture's luma.

    y = clip(x + (pattern mask + 2^8) >> 9, 0, 255)        with pattern in 1/16 and mask in 1/32 grey levels

Only whole numbers touch the pixels. A picture above 2^20.5 pixels is marked at a coarser octave: pattern and mask
are made for canonical pixels of S x S and grown by linear interpolation, so that the mark survives the shrinking
large pictures meet.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..core import codec, payload
from ..core.arrays import Alpha, Planes, Real, as_planes
from ..core.chips import Chips, chips_of
from ..core.errors import CannotHoldMark
from ..core.keys import EpochKeys
from ..core.layout import octave_scale
from .mask import MASK_ONE, mask_of
from .pattern import PATTERN_ONE, pattern_plane

MIN_SIDE = 128  # pixels; below one tile no harmonic is whole
_SHIFT = int(math.log2(PATTERN_ONE * MASK_ONE))
_ROWS = 64  # rows walked at a time, so that a block stays in cache


def luma_of(planes: Planes, *, rgb: bool) -> Real:
    """(H, W, C) uint8 -> (H, W) float32: Rec. 601 luma of RGB, else the first plane."""
    if not rgb:
        return planes[..., 0].astype(np.float32)
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return planes.astype(np.float32) @ weights


def _box_reduce(luma: Real, factor: int) -> Real:
    """Mean over factor x factor blocks; edges repeated to a whole number of blocks."""
    if factor == 1:
        return luma
    padded = np.pad(luma, ((0, -luma.shape[0] % factor), (0, -luma.shape[1] % factor)), mode="edge")
    h, w = padded.shape[0] // factor, padded.shape[1] // factor
    mean: Real = padded.reshape(h, factor, w, factor).mean(axis=(1, 3), dtype=np.float32)
    return mean


def _grow(delta: npt.NDArray[np.int16], factor: int, height: int, width: int) -> npt.NDArray[np.int16]:
    """Linear interpolation of a canonical delta, sampled at pixel centres, to the picture's pixels."""
    if factor == 1:
        return np.right_shift(delta + (1 << (_SHIFT - 1)), _SHIFT)
    rows = (np.arange(height, dtype=np.float32) + 0.5) / factor - 0.5
    columns = (np.arange(width, dtype=np.float32) + 0.5) / factor - 0.5
    fine = delta.astype(np.float32)
    for axis, at in ((0, rows), (1, columns)):
        low = np.clip(np.floor(at).astype(np.intp), 0, fine.shape[axis] - 1)
        high = np.minimum(low + 1, fine.shape[axis] - 1)
        share = np.clip(at - low, 0, 1)
        share = share[:, None] if axis == 0 else share[None, :]
        fine = fine.take(low, axis) * (1 - share) + fine.take(high, axis) * share
    return np.rint(fine / (1 << _SHIFT)).astype(np.int16)


def mark_delta(
    luma: Real, chips: Chips, word: payload.Payload, *, pattern: int, offset: tuple[int, int]
) -> npt.NDArray[np.int16]:
    """What a mark adds to each pixel's luma, in grey levels: (H, W) int16."""
    height, width = luma.shape
    scale = octave_scale(height, width)
    canonical = _box_reduce(luma, scale)
    mask = mask_of(canonical)
    plane = pattern_plane(
        chips,
        codec.encode(payload.to_bits(word)),
        pattern=pattern,
        offset=offset,
        height=canonical.shape[0],
        width=canonical.shape[1],
        slope=mask.slope,
        pilot_share=mask.pilot_share,
    )
    return _grow(plane * mask.plane, scale, height, width)


def embed(
    planes: Planes,
    keys: EpochKeys,
    *,
    tenant: str,
    mark_id: int,
    pattern: int,
    offset: tuple[int, int],
    rgb: bool,
    alpha: Alpha | None = None,
) -> Planes:
    """Mark a picture.

    Args:
        planes: (H, W, C) uint8; not modified.
        keys: the epoch's.
        tenant: whose tag key vouches for the id.
        mark_id: 0 .. 2^64 - 1, random.
        pattern: 0..63, random.
        offset: super-tile coordinates (row, column) of the first pixel, 0..1023, random.
        rgb: the planes are red, green and blue, and each takes the mark; else the first plane alone does.
        alpha: (H, W) uint8; pixels with alpha 0 stay as they are.

    Returns:
        (H, W, C) uint8.

    Raises:
        CannotHoldMark: a side under `MIN_SIDE` pixels.
        ShapeError: not planes.
    """
    planes = as_planes(planes)
    if min(planes.shape[:2]) < MIN_SIDE:
        raise CannotHoldMark(
            f"the picture is {planes.shape[1]} x {planes.shape[0]} pixels; a pixel mark needs at least "
            f"{MIN_SIDE} on each side: send a larger picture"
        )
    word = payload.sign(mark_id, keys.tags[tenant])
    delta = mark_delta(luma_of(planes, rgb=rgb), chips_of(keys.pattern), word, pattern=pattern, offset=offset)
    if alpha is not None:
        delta[alpha == 0] = 0
    marked = planes.copy()
    target = marked if rgb else marked[..., :1]
    for top in range(0, planes.shape[0], _ROWS):
        rows = slice(top, top + _ROWS)
        sums = target[rows] + delta[rows, :, None]
        target[rows] = np.clip(sums, 0, 255, out=sums)
    return marked


