"""What somebody without the key may try first: fold a picture on itself.

Float luma in, float luma out, so that each attack is as good as its arithmetic allows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from waarmerk.core.layout import TILE
from waarmerk.detection.residual import whitened

Plane = npt.NDArray[np.float32]


def _whole(plane: Plane) -> Plane:
    """Cut to whole tiles."""
    return plane[: plane.shape[0] // TILE * TILE, : plane.shape[1] // TILE * TILE]


def folded_tile(luma: Plane) -> Plane:
    """A periodic mark as its holder would estimate it: whiten, fold to 128 x 128, shape back by f^-0.6, rms 1."""
    residual = _whole(whitened(luma))
    h, w = residual.shape
    tile = residual.reshape(h // TILE, TILE, w // TILE, TILE).mean(axis=(0, 2))
    spectrum = scipy.fft.rfft2(tile)
    ky = scipy.fft.fftfreq(TILE, 1 / TILE)[:, None]
    kx = scipy.fft.rfftfreq(TILE, 1 / TILE)
    radius = np.hypot(ky, kx)
    shaped = np.where((radius >= 2.5) & (radius <= 38), spectrum * np.maximum(radius, 1.0) ** -0.6, 0)
    out = scipy.fft.irfft2(shaped, s=(TILE, TILE)).astype(np.float32)
    return out / (out.std() + 1e-9)


def local_strength(luma: Plane) -> Plane:
    """A guess at the mark's local strength from the picture: 0.87 + 0.2 mean |gradient|, at most 5."""
    gradient = np.abs(np.gradient(luma)[0]) + np.abs(np.gradient(luma)[1])
    return np.minimum(0.87 + 0.2 * scipy.ndimage.uniform_filter(gradient, 9), 5.0).astype(np.float32)


def fold_and_subtract(luma: Plane, factor: float, periodic_rms: float = 0.45) -> Plane:
    """Take `factor` times the picture's own folded tile away again.

    `periodic_rms`: the periodic part's share of the mark's rms, root of the pilots' share of its energy.
    """
    tile = folded_tile(luma)
    h, w = luma.shape
    tiled = np.tile(tile, (-(-h // TILE), -(-w // TILE)))[:h, :w]
    return np.clip(np.rint(luma - factor * periodic_rms * local_strength(luma) * tiled), 0, 255).astype(
        np.float32
    )
