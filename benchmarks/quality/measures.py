"""How much a picture changed, as numbers.

Differences are taken over visible pixels only: where alpha is 0 nothing may change, and counting those would flatter.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import scipy.ndimage

BLOCK = 16  # pixels a side
FLAT_STD, NEAR_WHITE = 2.0, 235.0  # grey levels, of a block's luma: its deviation, its mean
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

Rgb = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def luma(rgb: Rgb) -> npt.NDArray[np.float64]:
    """(H, W, 3) uint8 -> (H, W), Rec. 601."""
    return np.asarray(rgb @ np.array([0.299, 0.587, 0.114]))


def psnr(original: Rgb, marked: Rgb, visible: Mask) -> float:
    """10 log10(255^2 / mean squared difference over R, G and B), dB."""
    error = float(np.mean((marked[visible].astype(float) - original[visible]) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def ssim(original: Rgb, marked: Rgb) -> float:
    """Mean structural similarity of luma, Gaussian window of deviation 1.5 cut at 11 x 11.

    Reference:
        Wang, Bovik, Sheikh, Simoncelli, IEEE Trans. Image Process. 13(4), 2004, equation 13.
    """
    x, y = luma(original), luma(marked)

    def mean(plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return scipy.ndimage.gaussian_filter(plane, 1.5, radius=5)

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    similarity = ((2 * mx * my + _C1) * (2 * cov + _C2)) / ((mx**2 + my**2 + _C1) * (vx + vy + _C2))
    return float(similarity.mean())


def _blocks(plane: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """(H, W, ...) -> (N, 16, 16, ...), whole blocks only."""
    h, w = (n // BLOCK * BLOCK for n in plane.shape[:2])
    cut = plane[:h, :w].reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK, *plane.shape[2:]).swapaxes(1, 2)
    return cut.reshape(-1, BLOCK, BLOCK, *plane.shape[2:])


def _visible_blocks(
    original: Rgb, visible: Mask
) -> tuple[Mask, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(N,) which blocks are wholly visible; of those the mean and the standard deviation of luma."""
    whole = np.asarray(_blocks(visible).all(axis=(1, 2)))
    planes = np.asarray(_blocks(luma(original))[whole])
    return whole, planes.mean(axis=(1, 2)), planes.std(axis=(1, 2))


def _rms(original: Rgb, marked: Rgb, whole: Mask, chosen: Mask) -> tuple[float, int]:
    """Root of the mean squared RGB difference over the chosen ones of the whole blocks, and how many those are."""
    if not chosen.any():
        return 0.0, 0
    difference = _blocks(marked.astype(np.float32) - original)[whole][chosen]
    return float(np.sqrt(np.mean(np.square(difference, dtype=np.float64)))), int(chosen.sum())


def flat_rms(original: Rgb, marked: Rgb, visible: Mask) -> tuple[float, int]:
    """Root of the mean squared RGB difference over all flat blocks (deviation under 2), and how many there are."""
    whole, _, deviations = _visible_blocks(original, visible)
    return _rms(original, marked, whole, deviations < FLAT_STD)


def near_white_rms(original: Rgb, marked: Rgb, visible: Mask) -> tuple[float, int]:
    """The same over those flat blocks whose mean luma is over 235."""
    whole, means, deviations = _visible_blocks(original, visible)
    return _rms(original, marked, whole, (deviations < FLAT_STD) & (means > NEAR_WHITE))
