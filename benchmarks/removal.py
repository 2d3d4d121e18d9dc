"""More of what somebody without the key may try: estimate the mark, from one picture or from many, and take it away.

Float luma in, float luma out, rounded to whole grey levels at the end, as in `benchmarks.adversary`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy.fft

from benchmarks.adversary import Plane, local_strength
from waarmerk.core.layout import SUPER_TILE
from waarmerk.detection.residual import whitened

_LOW, _HIGH, _SLOPE = 0.02, 0.30, -0.6  # the mark's band, cycles a pixel, and the shape its holder expects


def rounded(luma: Plane) -> Plane:
    """What an eight-bit file can hold."""
    return np.clip(np.rint(luma), 0, 255).astype(np.float32)


def shaped(plane: Plane) -> Plane:
    """A whitened plane brought into the mark's band and shape, rms 1."""
    spectrum = scipy.fft.rfft2(plane)
    f = np.hypot(scipy.fft.fftfreq(plane.shape[0])[:, None], scipy.fft.rfftfreq(plane.shape[1]))
    band = np.where((f >= _LOW) & (f <= _HIGH), np.maximum(f, _LOW) ** _SLOPE, 0)
    out = scipy.fft.irfft2(spectrum * band, s=plane.shape).astype(np.float32)
    return out / (out.std() + np.float32(1e-9))


def own_residual_subtracted(luma: Plane, factor: float) -> Plane:
    """Take the picture's own whitened residual away, at `factor` times the mark's guessed strength."""
    return rounded(luma - np.float32(factor) * local_strength(luma) * shaped(whitened(luma)))


def copied(source: Plane, target: Plane, factor: float = 1.0) -> Plane:
    """The copy attack: a marked picture's residual added to one that never had a mark. Sizes are alike.

    Reference:
        Kutter, Voloshynovskiy, Herrigel, "The watermark copy attack", Proc. SPIE 3971, 2000.
    """
    return rounded(target + np.float32(factor) * local_strength(target) * shaped(whitened(source)))


def super_tile_mean(lumas: Sequence[Plane], offsets: Sequence[tuple[int, int]]) -> Plane:
    """What many pictures of one key have in common, (1024, 1024), rms 1.

    Whitened residuals are laid on the super-tile at their true places and averaged: more than an attacker knows, who
    would have to find the places first.
    """
    total = np.zeros((SUPER_TILE, SUPER_TILE), dtype=np.float32)
    count = np.zeros_like(total)
    for luma, (top, left) in zip(lumas, offsets, strict=True):
        rows = (np.arange(luma.shape[0]) + top) % SUPER_TILE
        columns = (np.arange(luma.shape[1]) + left) % SUPER_TILE
        np.add.at(total, np.ix_(rows, columns), whitened(luma))
        np.add.at(count, np.ix_(rows, columns), 1)
    return shaped(total / np.maximum(count, 1))


def common_part_subtracted(
    luma: Plane, offset: tuple[int, int], common: Plane, factor: float, rms: float
) -> Plane:
    """Take the common part away from a picture the average never saw.

    Args:
        luma: marked at `offset`.
        common: of `super_tile_mean`.
        factor: times what is thought to be there.
        rms: the common part's share of the mark's rms.
    """
    rows = (np.arange(luma.shape[0]) + offset[0]) % SUPER_TILE
    columns = (np.arange(luma.shape[1]) + offset[1]) % SUPER_TILE
    there = common[np.ix_(rows, columns)]
    return rounded(luma - np.float32(factor * rms) * local_strength(luma) * there)


def dct_denoised(luma: Plane, threshold: float) -> Plane:
    """Hard thresholding of 8 x 8 DCT coefficients, averaged over 16 positions of the grid.

    Args:
        threshold: grey levels, of orthonormal coefficients; the mean of each block is kept.

    Reference:
        Coifman, Donoho, "Translation-invariant de-noising", 1995, for the averaging.
    """
    total = np.zeros_like(luma)
    for top in range(0, 8, 2):
        for left in range(0, 8, 2):
            total += _thresholded(luma, top, left, threshold)
    return rounded(total / 16)


def _thresholded(luma: Plane, top: int, left: int, threshold: float) -> Plane:
    h, w = luma.shape
    padded = np.pad(luma, ((top, -(h + top) % 8), (left, -(w + left) % 8)), mode="reflect")
    blocks = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8)
    coefficients: npt.NDArray[np.float32] = scipy.fft.dctn(blocks, axes=(1, 3), norm="ortho")
    keep = np.abs(coefficients) >= threshold
    keep[:, 0, :, 0] = True
    plane: Plane = scipy.fft.idctn(coefficients * keep, axes=(1, 3), norm="ortho").reshape(padded.shape)
    return plane[top : top + h, left : left + w]
