"""Add a mark to a picture's luma.

    y = clip(x + (pattern mask + 2^8) >> 9, 0, 255)        with pattern in 1/16 and mask in 1/32 grey levels

Only whole numbers touch the pixels. A picture above 2^21 pixels is marked at a coarser octave: pattern and mask
are made for canonical pixels of S x S and grown by linear interpolation, so that the mark survives the shrinking
large pictures meet.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from waarmerk.core import codec, payload
from waarmerk.core.arrays import Alpha, Luma8, Planes, as_planes
from waarmerk.core.blocks import block_sum, edge_padded
from waarmerk.core.chips import Chips, chips_of
from waarmerk.core.errors import CannotHoldMark
from waarmerk.core.keys import EpochKeys
from waarmerk.core.layout import octave_scale

from .mask import MASK_ONE, mask_of
from .pattern import PATTERN_ONE, pattern_plane

MIN_SIDE = 128  # pixels; below one tile no harmonic is whole
_SHIFT = int(math.log2(PATTERN_ONE * MASK_ONE))
_ROWS = 32  # rows walked at a time, so that a block stays in cache


def luma_of(planes: Planes, *, rgb: bool) -> Luma8:
    """(H, W, C) uint8 -> (H, W) uint8: Rec. 601 luma of RGB as Pillow rounds it, else the first plane."""
    return np.asarray(Image.fromarray(planes).convert("L")) if rgb else planes[..., 0]


def _canonical(luma: Luma8, factor: int) -> Luma8:
    """Mean over factor x factor blocks; edges repeated to whole blocks."""
    if factor == 1:
        return luma
    total = block_sum(edge_padded(luma, factor), factor, np.uint32)
    return ((total + factor * factor // 2) // (factor * factor)).astype(np.uint8)


def _grown(delta: npt.NDArray[np.int16], factor: int, height: int, width: int) -> npt.NDArray[np.int16]:
    """Linear interpolation of a canonical delta, sampled at pixel centres, to the picture's pixels."""
    coarse = Image.fromarray(delta.astype(np.float32))
    part = (0.0, 0.0, width / factor, height / factor)
    fine = np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR, box=part))
    return np.rint(fine * np.float32(1 / (1 << _SHIFT))).astype(np.int16)


def mark_delta(
    luma: Luma8, chips: Chips, word: payload.Payload, *, pattern: int, offset: tuple[int, int]
) -> npt.NDArray[np.int16]:
    """What a mark adds to each pixel's luma, in grey levels: (H, W) int16."""
    height, width = luma.shape
    scale = octave_scale(height, width)
    canonical = _canonical(luma, scale)
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
    if scale == 1:
        plane *= mask.plane
        plane += 1 << (_SHIFT - 1)
        plane >>= _SHIFT
        return plane
    # Rounded once, after growing.
    return _grown(plane * mask.plane, scale, height, width)


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
    for top in range(0, planes.shape[0], _ROWS):
        rows = slice(top, top + _ROWS)
        _add(marked[rows] if rgb else marked[rows, :, :1], delta[rows])
    return marked


def _add(pixels: Planes, delta: npt.NDArray[np.int16]) -> None:
    """pixels = clip(pixels + delta, 0, 255) in place, |delta| <= 255.

    Raise and lower apart, each saturating in uint8: no wider type is ever written.
    """
    up, down = (
        _spread(np.maximum(signed, 0).astype(np.uint8), pixels.shape[2]) for signed in (delta, -delta)
    )
    np.minimum(pixels, 255 - up, out=pixels)
    pixels += up
    np.maximum(pixels, down, out=pixels)
    pixels -= down


def _spread(plane: Luma8, channels: int) -> Planes:
    """(H, W) -> (H, W, C), the same in every channel; a broadcast over three would cost the inner loop its length."""
    if channels == 1:
        return plane[..., None]
    out = np.empty((*plane.shape, channels), dtype=np.uint8)
    for channel in range(channels):
        out[..., channel] = plane
    return out
