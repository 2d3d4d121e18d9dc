"""How strong a mark may be where: the visibility mask.

On 4 x 4 canonical pixels, with A the mean of (|d/dh| + |d/dw|) / 2 of luma:

    a = box3(min(A, 2 erode3(A) + 0.2))        the erosion keeps edges from haloing into flat areas
    floor = FLOOR, falling to FLOOR_EXTREME where the 16 x 16 block's mean nears black or white
    excess = min(SLOPE max(a - REST, 0), CAP - FLOOR) clip((s - 2) / 2, 0, 1)
                                               s the standard deviation of the 16 x 16 block: flat stays at the floor
    m = floor + g excess,                       0 <= g <= 1 so that rms(m) stays under the PSNR target's

`m` is the mark's local rms in grey levels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from waarmerk.core.arrays import Luma8, Real
from waarmerk.core.blocks import block_sum, edge_padded

BLOCK = 4
MASK_ONE = 32  # fixed-point unit of the mask plane
FLOOR = 0.67  # rounding to whole grey levels adds 1/12 to the square
FLOOR_EXTREME = 0.50
BLACK, WHITE, RAMP = 18.0, 232.0, 16.0  # grey levels: full fall at BLACK and WHITE, none RAMP inside
REST = 0.4
SLOPE = 0.36
CAP, CAP_TEXTURED = 5.5, 9.0
PSNR_TARGET, PSNR_TARGET_TEXTURED = 42.4, 39.2
TEXTURED_STD, TEXTURED_SHARE = 20.0, 0.5
FLAT_STD = 2.0
LIVELY_STD, DENSE_ACTIVITY, LIVELY_SHARE = 12.0, 3.0, 0.7
SLOPE_FLAT, SLOPE_LIVELY = -0.7, 0.1
PILOTS_SPARSE, PILOTS_DENSE = 0.15, 0.50
TEXTURE_BLOCK = 16


def _activity(luma: Luma8) -> Real:
    """(H, W) uint8 -> (ceil(H / 4), ceil(W / 4)): A of the module's formula."""
    padded = edge_padded(luma, BLOCK)
    total = np.zeros(padded.shape, dtype=np.uint16)
    for here, there, place in (
        (padded[:, :-1], padded[:, 1:], total[:, :-1]),
        (padded[:-1], padded[1:], total[:-1]),
    ):
        place += np.maximum(here, there) - np.minimum(here, there)
    sums: Real = block_sum(total, BLOCK, np.uint16).astype(np.float32)
    return sums * np.float32(0.5 / BLOCK**2)


def _moments(luma: Luma8) -> tuple[Real, Real]:
    """(H, W) uint8 -> mean and standard deviation of each 16 x 16 block, (ceil(H / 16), ceil(W / 16)) both."""
    padded = edge_padded(luma, TEXTURE_BLOCK)
    square = np.multiply(padded, padded, dtype=np.uint16)
    mean, mean_square = (
        block_sum(plane, TEXTURE_BLOCK, np.uint32).astype(np.float32) * np.float32(1 / TEXTURE_BLOCK**2)
        for plane in (padded, square)
    )
    deviation: Real = np.sqrt(np.maximum(mean_square - mean * mean, 0))
    return mean, deviation


def _floor(mean: Real) -> Real:
    """The floor of each 16 x 16 block."""
    inside = np.minimum(mean - BLACK, WHITE - mean) / RAMP
    floor: Real = FLOOR_EXTREME + (FLOOR - FLOOR_EXTREME) * np.clip(inside, 0, 1)
    return floor


def _gain(floor: Real, excess: Real, target_rms: float) -> float:
    """The g of mean((floor + g excess)^2) = target_rms^2, within 0..1."""
    a = float(np.mean(excess**2))
    b = 2 * float(np.mean(floor * excess))
    c = float(np.mean(floor**2)) - target_rms**2
    if a == 0 or a + b + c <= 0:
        return 1.0
    return max(0.0, (-b + math.sqrt(max(b * b - 4 * a * c, 0.0))) / (2 * a))


@dataclass(frozen=True, slots=True)
class Mask:
    """What a picture hides.

    Attributes:
        plane: (H, W) int16, local strength in units of 1 / `MASK_ONE` grey level.
        slope, pilot_share: the pattern's shape, see `pattern.pattern_plane`.
    """

    plane: npt.NDArray[np.int16]
    slope: float
    pilot_share: float


def _spread(blocks: Real, shape: tuple[int, ...]) -> Real:
    """From 16 x 16 blocks to the 4 x 4 ones of `shape`."""
    times = TEXTURE_BLOCK // BLOCK
    return blocks.repeat(times, axis=0).repeat(times, axis=1)[: shape[0], : shape[1]]


def mask_of(luma: Luma8) -> Mask:
    """The mask of a (H, W) uint8 canonical luma."""
    activity = _activity(luma)
    eroded = scipy.ndimage.minimum_filter(activity, 3)
    activity = np.minimum(activity, 2 * eroded + 0.2)
    activity = scipy.ndimage.uniform_filter(activity, 3)
    mean, deviation = _moments(luma)
    textured = float(np.mean(deviation > TEXTURED_STD)) > TEXTURED_SHARE
    cap = CAP_TEXTURED if textured else CAP
    psnr = PSNR_TARGET_TEXTURED if textured else PSNR_TARGET
    floor = _spread(_floor(mean), activity.shape)
    excess = np.minimum(SLOPE * np.maximum(activity - REST, 0), cap - FLOOR)
    excess *= _spread(np.clip((deviation - FLAT_STD) / FLAT_STD, 0, 1), activity.shape)
    m = floor + _gain(floor, excess, 255 * 10 ** (-psnr / 20)) * excess
    fixed = np.rint(m * MASK_ONE).astype(np.int16)
    plane = fixed.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)[: luma.shape[0], : luma.shape[1]]
    # Flat pictures' codecs keep low frequencies only; lively pictures drown them.
    lively = min(1.0, float(np.mean(deviation > LIVELY_STD)) / LIVELY_SHARE)
    # Dense texture drowns the pilots; eroded, because lines of text on a page are no texture.
    dense = min(1.0, float(np.mean(eroded > DENSE_ACTIVITY)) / LIVELY_SHARE)
    return Mask(
        plane,
        slope=SLOPE_FLAT + (SLOPE_LIVELY - SLOPE_FLAT) * lively,
        pilot_share=PILOTS_SPARSE + (PILOTS_DENSE - PILOTS_SPARSE) * dense,
    )
