"""Picture -> residual: what is left when the picture's own content is turned down.

Two residuals, cheap and thorough. Both end in a local weight that is near the matched filter's: the mark's expected
strength over the noise power, both guessed from the residual's own local mean.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import scipy.fft

from waarmerk.core.arrays import Complex, Luma, Real

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
    up to f = 1/6. Each 8 x 8 block is scaled by its weight; a remainder beyond whole blocks is dropped.
    """
    a, size = SPACING, _WEIGHT_BLOCK
    height, width = luma.shape
    h, w = height // size * size, width // size * size
    out = np.empty((h, w), dtype=np.float32)
    # Strips of rows stay in the cache. Whole rows one after the other make every neighbour a plain step in memory, at
    # the price of wrong numbers near the left and right edge, where the border is zero anyway.
    pixels = np.ascontiguousarray(luma).ravel()
    strip = np.empty((_STRIP, width), dtype=np.float32)
    average = np.full(size, 1 / size**2, dtype=np.float32)
    for top in range(0, h, _STRIP):
        r = strip[: min(_STRIP, h - top)]
        first, last = max(top, a), min(top + len(r), height - a)
        r[: first - top] = r[max(last - top, 0) :] = 0
        if first < last:
            i, j = first * width, last * width
            inner = r[first - top : last - top].reshape(-1)
            np.multiply(pixels[i:j], 4, out=inner)
            for step in (a * width, -a * width, a, -a):
                inner -= pixels[i + step : j + step]
        r[:, :a] = r[:, max(width - a, 0) :] = 0
        blocks = r[:, :w].reshape(len(r) // size, size, w)
        rows = np.add.reduce(np.abs(blocks), axis=1)
        weight = _weight((rows.reshape(-1, size) @ average).reshape(len(rows), w // size))
        np.multiply(
            blocks,
            weight.repeat(size, axis=1)[:, None],
            out=out[top : top + len(r)].reshape(blocks.shape),
        )
    return out


@lru_cache(maxsize=1)
def _window() -> Real:
    """(32, 32) float32: flat, with a quarter sine over the 8 pixels that neighbours share; squares sum to 1."""
    n, ramp = _WINDOW, _WINDOW - _HOP
    line = np.ones(n, dtype=np.float32)
    line[:ramp] = np.sin(np.pi / 2 * (np.arange(ramp) + 0.5) / ramp)
    line[-ramp:] = line[:ramp][::-1]
    return line[:, None] * line


@lru_cache(maxsize=1)
def _smoothing() -> Real:
    """(17, 17) float32: right factor that adds each column's neighbours, mirrored at the ends, and divides by 9.

    It also turns a windowed block's magnitudes into grey levels of the white noise that would show them.
    """
    n = _WINDOW // 2 + 1
    ones = np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1)
    ones[1, 0] = ones[-2, -1] = 2
    smoothing: Real = (ones / (9 * math.sqrt(float(np.sum(_window() ** 2))))).astype(np.float32)
    return smoothing


def whitened(luma: Luma) -> Real:
    """Short-time spectral whitening.

    Windows of 32 x 32, 24 apart: with m the block's magnitude smoothed over 3 x 3 bins, in grey levels of the white
    noise that would show it, each bin is divided by m^1.5 + 2, and the blocks are added up again. This turns down
    texture and codec noise where and at the frequency it stands; the exponent lies between whitening (1) and the
    matched filter of a mark of constant strength (2), because the mark is stronger in texture. The step of 24 is a
    multiple of a JPEG's blocks, and less overlap loses heavily compressed pictures.
    """
    n, hop = _WINDOW, _HOP
    h, w = luma.shape
    rows, columns = (-(-max(size - n + hop, 1) // hop) for size in (h, w))
    padded = np.pad(luma, ((0, rows * hop + n - hop - h), (0, columns * hop + n - hop - w)), mode="symmetric")
    out = np.zeros_like(padded)
    blocks = np.lib.stride_tricks.sliding_window_view(padded, (n, n))[::hop, ::hop]
    window = _window().reshape(-1)
    average = np.full(n * n, 1 / n**2, dtype=np.float32)
    for first in range(0, rows, _ROWS_AT_ONCE):
        part = blocks[first : first + _ROWS_AT_ONCE].copy().reshape(-1, n * n)
        part -= (part @ average)[:, None]
        part *= window
        spectra: Complex = scipy.fft.rfft2(part.reshape(-1, n, n), overwrite_x=True)
        spectra *= _gain(np.abs(spectra))
        white: Real = scipy.fft.irfft2(spectra, s=(n, n), overwrite_x=True).reshape(-1, n * n)
        white *= window
        for row, strip in enumerate(white.reshape(-1, columns, n, n), start=first):
            _overlap_add(out[row * hop : row * hop + n], strip)
    return out[:h, :w]


def _gain(magnitude: Real) -> Real:
    """(B, 32, 17) magnitudes of windowed blocks -> 1 / (m^1.5 + 2), m smoothed; rows wrap, columns mirror."""
    lines = magnitude.reshape(-1, magnitude.shape[2])
    smooth = np.empty_like(magnitude)
    within = smooth.reshape(lines.shape)[
        1:-1
    ]  # all but two lines of every block; those mix blocks and are set anew
    np.add(lines[:-2], lines[2:], out=within)
    within += lines[1:-1]
    smooth[:, 0] = magnitude[:, -1] + magnitude[:, 0] + magnitude[:, 1]
    smooth[:, -1] = magnitude[:, -2] + magnitude[:, -1] + magnitude[:, 0]
    m = smooth.reshape(lines.shape) @ _smoothing()
    gain: Real = np.sqrt(m)
    gain *= m
    gain += np.float32(_WHITENING_FLOOR)
    return np.reciprocal(gain, out=gain).reshape(magnitude.shape)


def _overlap_add(rows: Real, strip: Real) -> None:
    """Add (B, 32, 32) blocks, each 24 to the right of the one before, to (32, W) rows in place; `strip` is used up."""
    hop, end = _HOP, len(strip) * _HOP
    strip[1:, :, : _WINDOW - hop] += strip[:-1, :, hop:]
    # Blocks side by side first: numpy copies short runs far faster than it adds them.
    line = np.empty((_WINDOW, len(strip), hop), dtype=np.float32)
    np.copyto(line, strip[:, :, :hop].swapaxes(0, 1))
    rows[:, :end] += line.reshape(_WINDOW, end)
    rows[:, end : end + _WINDOW - hop] += strip[-1, :, hop:]
