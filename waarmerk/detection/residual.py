"""Picture -> residual: what is left when the picture's own content is turned down.

Two residuals, cheap and thorough. Both end in a local weight that is near the matched filter's: the mark's expected
strength over the noise power, both guessed from the residual's own local mean.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft

from ..core.arrays import Complex, Luma, Real
from ..core.layout import TILE

SPACING = 3
_WEIGHT_BLOCK = 8
_WINDOW = 32  # of the short-time whitening


def box_reduce(luma: Luma, factor: int) -> Luma:
    """Mean over factor x factor blocks; a remainder at the far edges is left out."""
    if factor == 1:
        return luma
    h, w = luma.shape[0] // factor, luma.shape[1] // factor
    blocks = luma[: h * factor, : w * factor].reshape(h, factor, w * factor)
    rows = blocks.sum(axis=1)
    out: Luma = rows.reshape(h, w, factor).sum(axis=2) / np.float32(factor * factor)
    return out


def _weight(magnitude: Real) -> Real:
    """(H, W) local mean |residual| -> matched weight (1.2 + 0.16 s) / (s^2 + 2)."""
    return (1.2 + 0.16 * magnitude) / (magnitude * magnitude + 2.0)


def _weigh(residual: Real) -> Real:
    """Scale each 8 x 8 block by its weight; whole blocks only, the remainder dropped."""
    size = _WEIGHT_BLOCK
    h, w = residual.shape[0] // size, residual.shape[1] // size
    blocks = residual[: h * size, : w * size].reshape(h, size, w, size)
    magnitude = np.abs(blocks).mean(axis=(1, 3))
    return (blocks * _weight(magnitude)[:, None, :, None]).reshape(h * size, w * size)


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
    """Weighted short-time spectral whitening.

    Sine windows of 32 x 32, half overlapping: each block's spectrum is divided by its own magnitude, smoothed over
    3 x 3 bins, and the blocks are added up again. Turns down texture and codec noise where and at the frequency it
    stands.
    """
    n, hop = _WINDOW, _WINDOW // 2
    window = np.sin(np.pi * (np.arange(n) + 0.5) / n).astype(np.float32)
    window2 = window[:, None] * window
    h, w = luma.shape
    padded = np.pad(luma, ((hop, hop + -h % hop), (hop, hop + -w % hop)), mode="reflect")
    out = np.zeros_like(padded)
    strips = np.lib.stride_tricks.sliding_window_view(padded, (n, n))[::hop, ::hop]
    for i in range(strips.shape[0]):
        blocks = strips[i] - strips[i].mean(axis=(1, 2), keepdims=True)
        spectra: Complex = scipy.fft.rfft2(blocks * window2, overwrite_x=True)
        spectra /= _smooth3(np.abs(spectra)) + np.float32(n)  # n: about one grey level of white noise
        strip = scipy.fft.irfft2(spectra, s=(n, n), overwrite_x=True) * window2
        for j in range(strips.shape[1]):
            out[i * hop : i * hop + n, j * hop : j * hop + n] += strip[j]
    return out[hop : hop + h, hop : hop + w] * np.float32(n)


def _smooth3(magnitude: Real) -> Real:
    """(B, 32, 17) -> 3 x 3 mean; rows wrap, columns repeat at the ends."""
    rows = magnitude + np.roll(magnitude, 1, axis=1) + np.roll(magnitude, -1, axis=1)
    out = rows.copy()
    out[..., 1:] += rows[..., :-1]
    out[..., :-1] += rows[..., 1:]
    out[..., 0] += rows[..., 1]
    out[..., -1] += rows[..., -2]
    return out / 9


def to_tiles(residual: Real, top: int = 0, left: int = 0) -> npt.NDArray[np.float32]:
    """Zero-pad `top` and `left` in front, the rest behind, to (rows, columns, 128, 128) tiles (a view or copy)."""
    h, w = residual.shape
    padded = np.pad(residual, ((top, -(h + top) % TILE), (left, -(w + left) % TILE)))
    rows, columns = padded.shape[0] // TILE, padded.shape[1] // TILE
    return padded.reshape(rows, TILE, columns, TILE).swapaxes(1, 2)
