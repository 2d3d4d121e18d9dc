"""Add a mark to a picture's luma.

    y = clip(x + rint(pattern mask), 0, 255)

One pass over the pixels: the pattern comes in strips of at most 128 rows, and each is scaled, rounded and added while
it is in the cache. A picture above 2^21 pixels is marked at a coarser octave: pattern and mask are made for canonical
pixels of S x S and grown by linear interpolation, so that the mark survives the shrinking large pictures meet.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from waarmerk.core import codec, payload
from waarmerk.core.arrays import Alpha, Luma8, Planes, Real, as_planes
from waarmerk.core.blocks import block_sum, edge_padded
from waarmerk.core.chips import Chips, chips_of
from waarmerk.core.errors import CannotHoldMark
from waarmerk.core.keys import EpochKeys
from waarmerk.core.layout import PATTERNS, SUPER_TILE, octave_scale

from .mask import BLOCK, mask_of
from .pattern import pattern_strips

MIN_SIDE = 128  # pixels; below one tile no harmonic is whole
_PIXELS = 1 << 15  # added at a time, so that all they need stays in the first cache

Delta = npt.NDArray[np.int8]


def luma_of(planes: Planes, *, rgb: bool) -> Luma8:
    """(H, W, C) uint8 -> (H, W) uint8: Rec. 601 luma of RGB as Pillow rounds it, else the first plane."""
    return np.asarray(Image.fromarray(planes).convert("L")) if rgb else planes[..., 0]


def _canonical_guide(planes: Planes, factor: int, *, rgb: bool) -> Luma8:
    """What the mask is made from: the green of RGB, else the first plane, as means over factor x factor blocks.

    Green stands for luma, which would cost a pass over three planes; edges are repeated to whole blocks.
    """
    guide = np.ascontiguousarray(planes[..., 1 if rgb else 0])
    if factor == 1:
        return guide
    total = block_sum(edge_padded(guide, factor), factor, np.uint16 if factor <= 16 else np.uint32)
    total += factor * factor // 2
    total //= factor * factor
    return total.astype(np.uint8)


def _canonical_strips(
    guide: Luma8, chips: Chips, word: payload.Payload, *, pattern: int, offset: tuple[int, int], scale: int
) -> Iterator[Real]:
    """(rows, W) float32 strips of pattern times mask, in grey levels."""
    height, width = guide.shape
    mask = mask_of(guide, scale)
    strength = mask.strength.repeat(BLOCK, axis=1)[:, :width]
    coded = codec.encode(payload.to_bits(word))
    top = 0
    for strip in pattern_strips(
        chips, coded, pattern=pattern, offset=offset, height=height, width=width, shape=mask.shape
    ):
        _scale(strip, strength, top)
        top += len(strip)
        yield strip


def _scale(strip: Real, strength: Real, top: int) -> None:
    """Multiply picture rows from `top` by their blocks' strength, in place; whole blocks of rows at a time."""
    first = min(-top % BLOCK, len(strip))
    last = first + (len(strip) - first) // BLOCK * BLOCK
    strip[:first] *= strength[top // BLOCK]
    blocks = strip[first:last].reshape(-1, BLOCK, strip.shape[1])  # a view: only the first axis is split
    row = (top + first) // BLOCK
    blocks *= strength[row : row + len(blocks), None]
    if last < len(strip):
        strip[last:] *= strength[row + len(blocks)]


def _rounded(strip: Real) -> Delta:
    """Whole grey levels; a mark of local rms 9 never comes near the 8 bits' end."""
    return np.rint(strip, out=strip).astype(np.int8)


def _grown(canonical: Real, factor: int, height: int, width: int) -> Iterator[Delta]:
    """Strips of the linear interpolation of a canonical plane, sampled at the picture's pixel centres.

    Pixel p of a canonical pixel's S lies (p + 1/2) / S - 1/2 from its centre; beyond the edge the plane is level.
    """
    wide = np.pad(canonical, 1, mode="edge")
    away = (np.arange(factor) + 0.5) / factor - 0.5
    step = max(1, _PIXELS // (width * factor))
    for top in range(0, len(canonical), step):
        rows = min(step, len(canonical) - top)
        out = np.empty((rows * factor, canonical.shape[1] * factor), dtype=np.int8)
        for p, down in enumerate(away):
            lines = _between(wide[top : top + rows + 2], float(down))
            for q, right in enumerate(away):
                out[p::factor, q::factor] = _rounded(_between(lines.T, float(right)).T)
        yield out[: height - top * factor, :width]


def _between(padded: Real, away: float) -> Real:
    """(N + 2, M) -> (N, M): each inner row moved `away`, -1/2 to 1/2, towards the next."""
    here, other = padded[1:-1], padded[2:] if away > 0 else padded[:-2]
    out: Real = other - here
    out *= np.float32(abs(away))
    out += here
    return out


def delta_strips(
    guide: Luma8,
    chips: Chips,
    word: payload.Payload,
    *,
    pattern: int,
    offset: tuple[int, int],
    height: int,
    width: int,
) -> Iterator[Delta]:
    """What a mark adds to each pixel, in grey levels: (rows, W) int8 strips from the top, together (H, W).

    Args:
        guide: canonical, see `octave_scale`.
    """
    scale = octave_scale(height, width)
    strips = _canonical_strips(guide, chips, word, pattern=pattern, offset=offset, scale=scale)
    if scale == 1:
        yield from map(_rounded, strips)
    else:
        # Rounded once, after growing.
        yield from _grown(np.concatenate(list(strips)), scale, height, width)


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
        pattern: 0..15, random.
        offset: super-tile coordinates (row, column) of the first pixel, 0..1023, random.
        rgb: the planes are red, green and blue, and each takes the mark; else the first plane alone does.
        alpha: (H, W) uint8; pixels with alpha 0 stay as they are.

    Returns:
        (H, W, C) uint8.

    Raises:
        CannotHoldMark: a side under `MIN_SIDE` pixels.
        ValueError: a pattern or offset that no detector looks for.
        ShapeError: not planes.
    """
    planes = as_planes(planes)
    if min(planes.shape[:2]) < MIN_SIDE:
        raise CannotHoldMark(
            f"the picture is {planes.shape[1]} x {planes.shape[0]} pixels; a pixel mark needs at least "
            f"{MIN_SIDE} on each side: send a larger picture"
        )
    if not 0 <= pattern < PATTERNS or not all(0 <= o < SUPER_TILE for o in offset):
        raise ValueError(f"pattern is 0..{PATTERNS - 1}, offset 0..{SUPER_TILE - 1}; got {pattern}, {offset}")
    word = payload.sign(mark_id, keys.tags[tenant])
    height, width = planes.shape[:2]
    guide = _canonical_guide(planes, octave_scale(height, width), rgb=rgb)
    marked = np.empty_like(planes) if rgb else planes.copy()
    top = 0
    for delta in delta_strips(
        guide, chips_of(keys.pattern), word, pattern=pattern, offset=offset, height=height, width=width
    ):
        rows = slice(top, top + len(delta))
        if alpha is not None:
            delta[alpha[rows] == 0] = 0
        channels = slice(None) if rgb else slice(1)
        _add(planes[rows, :, channels], delta, marked[rows, :, channels])
        top += len(delta)
    return marked


def _add(pixels: Planes, delta: Delta, out: Planes) -> None:
    """out = clip(pixels + delta, 0, 255).

    Added modulo 256, in uint8; a sum that moved against its delta's sign has wrapped, and only then is mended.
    """
    step = max(1, _PIXELS // delta.shape[1])
    for top in range(0, len(delta), step):
        rows = slice(top, top + step)
        before, after = pixels[rows], out[rows]
        change = _spread(delta[rows].view(np.uint8), before.shape[2])
        np.add(before, change, out=after)
        lower = change > 127
        wrapped = (after < before) != lower
        if wrapped.any():
            after[wrapped & lower] = 0
            after[wrapped & ~lower] = 255


def _spread(plane: Luma8, channels: int) -> Planes:
    """(H, W) -> (H, W, C), the same in every channel; a broadcast over three would cost the inner loop its length."""
    if channels == 1:
        return plane[..., None]
    out = np.empty((*plane.shape, channels), dtype=np.uint8)
    for channel in range(channels):
        out[..., channel] = plane
    return out
