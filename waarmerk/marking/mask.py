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

from ..core.arrays import Real

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
_TEXTURE_BLOCK = 16


def _blocks(plane: npt.NDArray[np.generic], size: int) -> npt.NDArray[np.generic]:
    """(H, W) -> (H // size, size, W // size, size), the remainder left out."""
    h, w = plane.shape[0] // size, plane.shape[1] // size
    return plane[: h * size, : w * size].reshape(h, size, w, size)


def _activity(luma: Real) -> Real:
    """(H, W) -> (ceil(H / 4), ceil(W / 4)): A of the module's formula."""
    padded = np.pad(luma, ((0, -luma.shape[0] % BLOCK), (0, -luma.shape[1] % BLOCK)), mode="edge")
    total = np.zeros_like(padded)
    total[:, :-1] += np.abs(padded[:, 1:] - padded[:, :-1])
    total[:-1] += np.abs(padded[1:] - padded[:-1])
    mean: Real = _blocks(total, BLOCK).mean(axis=(1, 3), dtype=np.float32)
    return mean / 2


def _deviation(luma: Real) -> Real:
    """(H, W) -> (ceil(H / 16), ceil(W / 16)): standard deviation of each 16 x 16 block."""
    size = _TEXTURE_BLOCK
    padded = np.pad(luma, ((0, -luma.shape[0] % size), (0, -luma.shape[1] % size)), mode="edge")
    blocks = _blocks(padded, size)
    variance = np.mean(blocks * blocks, axis=(1, 3)) - np.mean(blocks, axis=(1, 3)) ** 2
    deviation: Real = np.sqrt(np.maximum(variance, 0))
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


def mask_of(luma: Real) -> Mask:
    """The mask of a (H, W) float32 canonical luma."""
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
    excess *= lively.repeat(_TEXTURE_BLOCK // BLOCK, 0).repeat(_TEXTURE_BLOCK // BLOCK, 1)[:h, :w]
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
