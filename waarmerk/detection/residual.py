"""Picture -> residual: what is left when the picture's own content is turned down.

Two residuals, cheap and thorough. Both end in a local weight that is near the matched filter's: the mark's expected
strength over the noise power, both guessed from the residual's own local mean.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft

from waarmerk.core.arrays import Complex, Luma, Real
from waarmerk.core.blocks import block_sum
from waarmerk.core.layout import TILE

SPACING = 3
_WEIGHT_BLOCK = 8
_STRIP = 64  # rows at a time, whole weight blocks
_WINDOW, _HOP = 32, 24  # of the short-time whitening
_ROWS_AT_ONCE = 2  # of its blocks, so that they stay in cache
_WHITENING_FLOOR = 2.0


def _weight(magnitude: Real) -> Real:
    """(H, W) local mean |residual| -> matched weight (1.2 + 0.16 s) / (s^2 + 2)."""
    return (1.2 + 0.16 * magnitude) / (magnitude * magnitude + 2.0)


def laplacian(luma: Luma) -> Real:
    """Weighted spaced Laplacian r = 4 x - x(+-3, 0) - x(0, +-3), zero on a border of 3.

    Its gain at (fy, fx) cycles a pixel is 4 - 2 cos 6 pi fy - 2 cos 6 pi fx: it undoes a picture's 1 / f spectrum
    up to f = 1/6. Each 8 x 8 block is scaled by its weight; a remainder beyond whole blocks is dropped. Strips of
    rows, so that all passes but the first find their numbers in the cache.
    """
    a, size = SPACING, _WEIGHT_BLOCK
    h, w = luma.shape[0] // size * size, luma.shape[1] // size * size
    out = np.zeros((h, w), dtype=np.float32)
    right = min(w, luma.shape[1] - a)
    for top in range(0, h, _STRIP):
        strip = out[top : top + _STRIP]
        first, last = max(top, a), min(top + len(strip), luma.shape[0] - a)
        if first < last and a < right:
            r = strip[first - top : last - top, a:right]
            np.multiply(luma[first:last, a:right], 4, out=r)
            r -= luma[first - a : last - a, a:right]
            r -= luma[first + a : last + a, a:right]
            r -= luma[first:last, : right - a]
            r -= luma[first:last, 2 * a : right + a]
        weight = _weight(block_sum(np.abs(strip), size, np.float32) * np.float32(1 / size**2))
        strip *= weight.repeat(size, axis=0).repeat(size, axis=1)
    return out


@lru_cache(maxsize=1)
def _window() -> Real:
    """(32, 32) float32: flat, with a quarter sine over the 8 pixels that neighbours share; squares sum to 1."""
    n, ramp = _WINDOW, _WINDOW - _HOP
    line = np.ones(n, dtype=np.float32)
    line[:ramp] = np.sin(np.pi / 2 * (np.arange(ramp) + 0.5) / ramp)
    line[-ramp:] = line[:ramp][::-1]
    return line[:, None] * line


def whitened(luma: Luma) -> Real:
    """Short-time spectral whitening.

    Windows of 32 x 32, 24 apart: with m the block's magnitude smoothed over 3 x 3 bins, in grey levels of the white
    noise that would show it, each bin is divided by m^1.5 + 2, and the blocks are added up again. This turns down
    texture and codec noise where and at the frequency it stands; the exponent lies between whitening (1) and the
    matched filter of a mark of constant strength (2), because the mark is stronger in texture.
    """
    n, hop = _WINDOW, _HOP
    h, w = luma.shape
    rows, columns = (-(-max(size - n + hop, 1) // hop) for size in (h, w))
    padded = np.pad(luma, ((0, rows * hop + n - hop - h), (0, columns * hop + n - hop - w)), mode="symmetric")
    out = np.zeros_like(padded)
    blocks = np.lib.stride_tricks.sliding_window_view(padded, (n, n))[::hop, ::hop]
    per_level = np.float32(1 / math.sqrt(float(np.sum(_window() ** 2))))
    for first in range(0, rows, _ROWS_AT_ONCE):
        part = blocks[first : first + _ROWS_AT_ONCE]
        part = (part - part.mean(axis=(2, 3), keepdims=True)) * _window()
        spectra: Complex = scipy.fft.rfft2(part, axes=(2, 3), overwrite_x=True)
        m = _smooth3(np.sqrt(np.square(spectra.real) + np.square(spectra.imag))) * per_level
        m *= np.sqrt(m)
        m += np.float32(_WHITENING_FLOOR)
        spectra /= m
        white: Real = scipy.fft.irfft2(spectra, s=(n, n), axes=(2, 3), overwrite_x=True)
        white *= _window()
        for row, strip in enumerate(white, start=first):
            _overlap_add(out[row * hop : row * hop + n], strip)
    return out[:h, :w]


def _overlap_add(rows: Real, strip: Real) -> None:
    """Add (B, 32, 32) blocks, each 24 to the right of the one before, to (32, W) rows in place."""
    for first in (0, 1):  # every second block stands clear of the next
        every = strip[first::2]
        if len(every):
            start = rows[:, first * _HOP :]
            down, right = start.strides
            places = np.lib.stride_tricks.as_strided(
                start, (_WINDOW, len(every), _WINDOW), (down, 2 * _HOP * right, right)
            )
            places += every.swapaxes(0, 1)


def _smooth3(magnitude: Real) -> Real:
    """(..., 32, 17) -> 3 x 3 mean; rows wrap, columns mirror at the ends."""
    rows = magnitude.copy()
    rows[..., 1:, :] += magnitude[..., :-1, :]
    rows[..., 0, :] += magnitude[..., -1, :]
    rows[..., :-1, :] += magnitude[..., 1:, :]
    rows[..., -1, :] += magnitude[..., 0, :]
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
