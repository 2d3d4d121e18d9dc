"""Picture -> residual: what is left when the picture's own content is turned down.

Two residuals, cheap and thorough. Both end in a local weight that is near the matched filter's: the mark's expected
strength over the noise power, both guessed from the residual's own local mean.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import scipy.fft

from waarmerk.core.arrays import Complex, Luma, Real
from waarmerk.core.blocks import block_sum
from waarmerk.core.layout import TILE

SPACING = 3
_WEIGHT_BLOCK = 8
_WINDOW = 32  # of the short-time whitening
_WHITENING_FLOOR = 2.0


def _weight(magnitude: Real) -> Real:
    """(H, W) local mean |residual| -> matched weight (1.2 + 0.16 s) / (s^2 + 2)."""
    return (1.2 + 0.16 * magnitude) / (magnitude * magnitude + 2.0)


def _weigh(residual: Real) -> Real:
    """Scale each 8 x 8 block by its weight, in place; whole blocks only, the remainder dropped."""
    size = _WEIGHT_BLOCK
    weight = _weight(block_sum(np.abs(residual), size, np.float32) * np.float32(1 / size**2))
    h, w = weight.shape
    residual = residual[: h * size, : w * size]
    residual *= weight.repeat(size, axis=0).repeat(size, axis=1)
    return residual


def laplacian(luma: Luma) -> Real:
    """Weighted spaced Laplacian r = 4 x - x(+-3, 0) - x(0, +-3), zero on a border of 3.

    Its gain at (fy, fx) cycles a pixel is 4 - 2 cos 6 pi fy - 2 cos 6 pi fx: it undoes a picture's 1 / f spectrum
    up to f = 1/6.
    """
    a = SPACING
    r = np.zeros_like(luma)
    inner = r[a:-a, a:-a]
    np.multiply(luma[a:-a, a:-a], 4, out=inner)
    for neighbour in (luma[: -2 * a, a:-a], luma[2 * a :, a:-a], luma[a:-a, : -2 * a], luma[a:-a, 2 * a :]):
        inner -= neighbour
    return _weigh(r)


def whitened(luma: Luma) -> Real:
    """Short-time spectral whitening.

    Sine windows of 32 x 32, half overlapping: with m the block's magnitude smoothed over 3 x 3 bins, in grey levels
    of the white noise that would show it, each bin is divided by m^1.5 + 2, and the blocks are added up again. This
    turns down texture and codec noise where and at the frequency it stands; the exponent lies between whitening (1)
    and the matched filter of a mark of constant strength (2), because the mark is stronger in texture.
    """
    n, hop = _WINDOW, _WINDOW // 2
    sine = np.sin(np.pi * (np.arange(n) + 0.5) / n).astype(np.float32)
    window = sine[:, None] * sine
    per_level = np.float32(1 / math.sqrt(float(np.sum(window**2))))
    h, w = luma.shape
    padded = np.pad(luma, ((hop, hop + -h % hop), (hop, hop + -w % hop)), mode="symmetric")
    out = np.zeros_like(padded)
    blocks = np.lib.stride_tricks.sliding_window_view(padded, (n, n))[::hop, ::hop]
    for row in range(blocks.shape[0]):
        strip = blocks[row] - blocks[row].mean(axis=(1, 2), keepdims=True)
        spectra: Complex = scipy.fft.rfft2(strip * window, overwrite_x=True)
        m = _smooth3(np.abs(spectra)) * per_level
        spectra /= m * np.sqrt(m) + np.float32(_WHITENING_FLOOR)
        white: Real = scipy.fft.irfft2(spectra, s=(n, n), overwrite_x=True)
        white *= window
        _overlap_add(out[row * hop : row * hop + n], white, hop)
    return out[hop : hop + h, hop : hop + w]


def _overlap_add(rows: Real, strip: Real, hop: int) -> None:
    """Add (B, n, n) blocks, each half a block to the right of the one before, to (n, W) rows in place."""
    n = strip.shape[1]
    for first in (0, 1):
        side_by_side = strip[first::2].swapaxes(0, 1).reshape(n, -1)
        rows[:, first * hop : first * hop + side_by_side.shape[1]] += side_by_side


def _smooth3(magnitude: Real) -> Real:
    """(B, 32, 17) -> 3 x 3 mean; rows wrap, columns repeat at the ends."""
    rows = magnitude + np.roll(magnitude, 1, axis=1) + np.roll(magnitude, -1, axis=1)
    out = rows.copy()
    out[..., 1:] += rows[..., :-1]
    out[..., :-1] += rows[..., 1:]
    out[..., 0] += rows[..., 1]
    out[..., -1] += rows[..., -2]
    out /= 9
    return out


def to_tiles(residual: Real, top: int = 0, left: int = 0) -> npt.NDArray[np.float32]:
    """Zero-pad `top` and `left` in front, the rest behind, to (rows, columns, 128, 128) tiles (a view or copy)."""
    h, w = residual.shape
    padded = np.pad(residual, ((top, -(h + top) % TILE), (left, -(w + left) % TILE)))
    rows, columns = padded.shape[0] // TILE, padded.shape[1] // TILE
    return padded.reshape(rows, TILE, columns, TILE).swapaxes(1, 2)
