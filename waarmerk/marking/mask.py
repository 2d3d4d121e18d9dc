"""How strong a mark may be where, and how strong this picture needs it: the visibility mask.

The guide is the picture's green, or its luma plane. On 4 x 4 canonical pixels, with A the mean of
(|d/dh| + |d/dw|) / 2 of the guide's 2 x 2 means:

    a      = box3(min(A, 2 erode3(A) + 0.2))   the erosion keeps edges from haloing into flat areas
    floor  between FLOOR_LIVELY and FLOOR_FLAT by the share of flat blocks, FLOOR_EXTREME near black and white
    excess = min(STEEPNESS sqrt(max(a - REST, 0)), CAP - floor) clip((s - 2) / 2, 0, 1)
    m      = floor + g excess                   0.1 <= g <= 1

with s the standard deviation of the 16 x 16 block: flat stays at the floor. `m` is the mark's local rms in grey levels.
One g for the picture is the least of what three sums over its pixels ask for:

    energy      sum m^2 visible(s) / (1 + (a / 6)^2) = ENERGY        enough: a rich picture needs no more
    structure   mean m^2 / (2 c^2 + 80) <= STRUCTURE, about          what SSIM-like measures see; c the deviation of the
                                                                     4 x 4 means within the 16 x 16 block
    error       mean m^2 <= 255^2 10^(-PSNR / 10)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from waarmerk.core.arrays import Luma8, Real
from waarmerk.core.blocks import block_sum, edge_padded

BLOCK = 4
TEXTURE_BLOCK = 16
FLOOR_LIVELY, FLOOR_FLAT = 0.62, 0.67  # rounding to whole grey levels adds 1/12 to the square
FLOOR_EXTREME = 0.47
BLACK, WHITE, RAMP = 18.0, 232.0, 16.0  # grey levels: full fall at BLACK and WHITE, none RAMP inside
REST, STEEPNESS, CAP = 0.4, 3.0, 9.0
FLAT_STD = 2.0
ENERGY = 0.8e6
STRUCTURE = 0.0060  # of a picture of half a megapixel and more; see `_structure`
_ENOUGH_PIXELS = 0.5e6
_MOST_STRUCTURE = 2.2  # times
PSNR = 40.0
LEAST_GAIN = 0.1
_TEXTURE_NOISE = 6.0  # activity at which texture drowns half of what it hides
_STRUCTURE_FLOOR = 80.0
LIVELY_STD, LIVELY_SHARE = 12.0, 0.7
CENTRE_FLAT, CENTRE_LIVELY = 11.0, 16.0
WIDTH_FLAT, WIDTH_LIVELY = 0.60, 0.47
PILOT_SHARE = 0.36


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a pattern's spectrum: amplitudes `layout.hump(radius, centre, width)`, pilots a share of the energy."""

    centre: float
    width: float
    pilot_share: float


@dataclass(frozen=True, slots=True)
class Mask:
    """What a picture hides.

    Attributes:
        strength: (ceil(H / 4), ceil(W / 4)) float32, the mark's rms in grey levels on 4 x 4 canonical pixels.
        shape: the pattern's.
    """

    strength: Real
    shape: Shape


@dataclass(frozen=True, slots=True)
class _Blocks:
    """A guide's statistics; `mean`, `deviation` and `coarse` are (ceil(H / 16), ceil(W / 16)) float32.

    Attributes:
        activity: (4 rows, 4 columns) float32, A of the module's formula.
        mean, deviation: of the 2 x 2 means in each block, in grey levels.
        coarse: variance of the 4 x 4 means in each block.
    """

    activity: Real
    mean: Real
    deviation: Real
    coarse: Real


def _blocks_of(guide: Luma8) -> _Blocks:
    half = block_sum(edge_padded(guide, TEXTURE_BLOCK), 2, np.int16)  # 0..1020, grey level 1/4
    slopes = np.zeros_like(half)
    np.abs(half[:, 1:] - half[:, :-1], out=slopes[:, :-1])
    slopes[:-1] += np.abs(half[1:] - half[:-1])
    activity = block_sum(slopes, 2, np.int16).astype(np.float32) * np.float32(1 / 32)
    fine = half.astype(np.float32)
    fine *= np.float32(1 / 4)
    fours = block_sum(fine, 2, np.float32) * np.float32(1 / 4)
    mean = block_sum(fours, 4, np.float32) * np.float32(1 / 16)
    square = mean * mean
    coarse = block_sum(fours * fours, 4, np.float32) * np.float32(1 / 16) - square
    variance = block_sum(fine * fine, 8, np.float32) * np.float32(1 / 64) - square
    return _Blocks(activity, mean, np.sqrt(np.maximum(variance, 0)), np.maximum(coarse, 0))


def _floor(mean: Real, deviation: Real) -> Real:
    """The floor of each 16 x 16 block."""
    inside = np.clip(np.minimum(mean - BLACK, WHITE - mean) / RAMP, 0, 1)
    top = FLOOR_LIVELY + (FLOOR_FLAT - FLOOR_LIVELY) * float(np.mean(deviation < FLAT_STD))
    floor: Real = FLOOR_EXTREME + (top - FLOOR_EXTREME) * inside
    return floor


def _over3(plane: Real, ufunc: np.ufunc) -> Real:
    """`ufunc` over each 3 x 3 neighbourhood, edges repeated."""
    padded = np.pad(plane, 1, mode="edge")
    rows = ufunc(ufunc(padded[:-2], padded[1:-1]), padded[2:])
    out: Real = ufunc(ufunc(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return out


def _gain(floor: Real, excess: Real, weight: Real | None, target: float) -> float:
    """The g >= 0 of mean(weight (floor + g excess)^2) = target; infinite where no excess is weighed, 0 where floor
    alone is too much.
    """
    floor, excess = floor.ravel(), excess.ravel()
    by_excess, by_floor = (
        (excess, floor) if weight is None else (weight.ravel() * excess, weight.ravel() * floor)
    )
    a = float(by_excess @ excess) / floor.size
    b = 2 * float(by_excess @ floor) / floor.size
    c = float(by_floor @ floor) / floor.size - target
    if a == 0:
        return math.inf
    return max(0.0, (-b + math.sqrt(max(b * b - 4 * a * c, 0.0))) / (2 * a))


def _spread(blocks: Real) -> Real:
    """From 16 x 16 blocks to the 4 x 4 ones."""
    times = TEXTURE_BLOCK // BLOCK
    return blocks.repeat(times, axis=0).repeat(times, axis=1)


def _structure(canonical_pixels: int, scale: int) -> float:
    """What structural measures may see of a mark, STRUCTURE where nothing speaks for another figure.

    A small picture has little room for the code and is given more; a large one's mark lies at low frequencies of the
    picture itself, where it is seen more easily, and has room to spare.
    """
    room = min(_MOST_STRUCTURE, max(1.0, math.pow(_ENOUGH_PIXELS / canonical_pixels, 0.6)))
    return STRUCTURE * room / math.sqrt(scale)


def mask_of(guide: Luma8, scale: int = 1) -> Mask:
    """The mask of a (H, W) uint8 canonical guide, of `scale` x `scale` picture pixels a canonical one."""
    blocks = _blocks_of(guide)
    eroded = _over3(blocks.activity, np.minimum)
    a = _over3(np.minimum(blocks.activity, 2 * eroded + np.float32(0.2)), np.add) * np.float32(1 / 9)
    floor = _spread(_floor(blocks.mean, blocks.deviation))
    excess = np.minimum(STEEPNESS * np.sqrt(np.maximum(a - REST, 0)), CAP - floor)
    excess *= _spread(np.clip((blocks.deviation - FLAT_STD) / FLAT_STD, 0, 1))
    heard = _spread(np.clip(blocks.deviation - 1, 0, 1)) / (1 + np.square(a / _TEXTURE_NOISE))
    seen = _spread(np.reciprocal(2 * blocks.coarse + np.float32(_STRUCTURE_FLOOR)))
    gain = min(
        1.0,
        _gain(floor, excess, heard, ENERGY / guide.size),
        _gain(floor, excess, seen, _structure(guide.size, scale)),
        _gain(floor, excess, None, 255**2 * 10 ** (-PSNR / 10)),
    )
    strength = floor + np.float32(max(gain, LEAST_GAIN)) * excess
    rows, columns = (-(-n // BLOCK) for n in guide.shape)
    lively = min(1.0, float(np.mean(blocks.deviation > LIVELY_STD)) / LIVELY_SHARE)
    shape = Shape(
        # Flat pictures' codecs keep low frequencies only; lively pictures drown them.
        centre=CENTRE_FLAT * (CENTRE_LIVELY / CENTRE_FLAT) ** lively,
        width=WIDTH_FLAT + (WIDTH_LIVELY - WIDTH_FLAT) * lively,
        pilot_share=PILOT_SHARE,
    )
    return Mask(strength[:rows, :columns].astype(np.float32, copy=False), shape)
