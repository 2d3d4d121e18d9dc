"""How strong a mark may be where: the visibility mask.

On 4 x 4 canonical pixels, with A the mean of (|d/dh| + |d/dw|) / 2 of luma:

    a = box3(min(A, 2 erode3(A) + 0.2))        the erosion keeps edges from haloing into flat areas
    excess = min(SLOPE max(a - REST, 0), CAP - FLOOR) clip((s - 2) / 2, 0, 1)
                                               s the standard deviation of the 16 x 16 block: flat stays at FLOOR
    m = FLOOR + g excess,                       0 <= g <= 1 so that rms(m) stays under the PSNR target's

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
FLOOR = 0.87
REST = 0.6
SLOPE = 0.30
CAP, CAP_TEXTURED = 5.5, 9.0
PSNR_TARGET, PSNR_TARGET_TEXTURED = 42.5, 39.6
TEXTURED_STD, TEXTURED_SHARE = 20.0, 0.5
FLAT_STD = 2.0
LIVELY_STD, LIVELY_SHARE = 12.0, 0.7
SLOPE_FLAT, SLOPE_LIVELY = -0.75, -0.1
PILOTS_FLAT, PILOTS_LIVELY = 0.17, 0.35
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


def _deviation(luma: Luma8) -> Real:
    """(H, W) uint8 -> (ceil(H / 16), ceil(W / 16)): standard deviation of each 16 x 16 block."""
    padded = edge_padded(luma, TEXTURE_BLOCK)
    square = np.multiply(padded, padded, dtype=np.uint16)
    mean, mean_square = (
        block_sum(plane, TEXTURE_BLOCK, np.uint32).astype(np.float32) * np.float32(1 / TEXTURE_BLOCK**2)
        for plane in (padded, square)
    )
    deviation: Real = np.sqrt(np.maximum(mean_square - mean * mean, 0))
    return deviation


def _gain(excess: Real, target_rms: float) -> float:
    """The g of mean((FLOOR + g excess)^2) = target_rms^2, within 0..1."""
    a = float(np.mean(excess**2))
    b = 2 * FLOOR * float(np.mean(excess))
    c = FLOOR**2 - target_rms**2
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


def mask_of(luma: Luma8) -> Mask:
    """The mask of a (H, W) uint8 canonical luma."""
    activity = _activity(luma)
    activity = np.minimum(activity, 2 * scipy.ndimage.minimum_filter(activity, 3) + 0.2)
    activity = scipy.ndimage.uniform_filter(activity, 3)
    deviation = _deviation(luma)
    textured = float(np.mean(deviation > TEXTURED_STD)) > TEXTURED_SHARE
    cap = CAP_TEXTURED if textured else CAP
    psnr = PSNR_TARGET_TEXTURED if textured else PSNR_TARGET
    excess = np.minimum(SLOPE * np.maximum(activity - REST, 0), cap - FLOOR)
    h, w = excess.shape
    lively = np.clip((deviation - FLAT_STD) / FLAT_STD, 0, 1)
    excess *= lively.repeat(TEXTURE_BLOCK // BLOCK, 0).repeat(TEXTURE_BLOCK // BLOCK, 1)[:h, :w]
    m = FLOOR + _gain(excess, 255 * 10 ** (-psnr / 20)) * excess
    fixed = np.rint(m * MASK_ONE).astype(np.int16)
    plane = fixed.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)[: luma.shape[0], : luma.shape[1]]
    # Flat pictures' codecs keep low frequencies only; lively pictures drown them, and the pilots with them.
    lively = min(1.0, float(np.mean(deviation > LIVELY_STD)) / LIVELY_SHARE)
    return Mask(
        plane,
        slope=SLOPE_FLAT + (SLOPE_LIVELY - SLOPE_FLAT) * lively,
        pilot_share=PILOTS_FLAT + (PILOTS_LIVELY - PILOTS_FLAT) * lively,
    )
