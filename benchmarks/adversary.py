"""What somebody without the key may try first: fold a picture on itself.

Float luma in, float luma out, so that each attack is as good as its arithmetic allows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft

from waarmerk.core.layout import RADIUS_MAX, RADIUS_MIN, TILE, hump
from waarmerk.detection.residual import whitened
from waarmerk.marking.mask import BLOCK, Mask, Shape, mask_of

Plane = npt.NDArray[np.float32]


def _whole(plane: Plane) -> Plane:
    """Cut to whole tiles."""
    return plane[: plane.shape[0] // TILE * TILE, : plane.shape[1] // TILE * TILE]


def mask_seen(luma: Plane) -> Mask:
    """The embedder's own mask, of the marked picture instead of the original: the code is open to everyone."""
    return mask_of(np.clip(np.rint(luma), 0, 255).astype(np.uint8))


def local_strength(luma: Plane) -> Plane:
    """The mark's local rms in grey levels, by `mask_seen`."""
    fine = mask_seen(luma).strength.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    return fine[: luma.shape[0], : luma.shape[1]]


def in_shape(
    spectrum: npt.NDArray[np.complex64], radius: npt.NDArray[np.float64], shape: Shape
) -> npt.NDArray[np.complex64]:
    """A whitened half spectrum in the mark's band and shape; `radius` in cycles a tile."""
    amplitude = hump(np.maximum(radius, 1.0).astype(np.float32), shape.centre, shape.width)
    return spectrum * np.where((radius >= RADIUS_MIN) & (radius <= RADIUS_MAX), amplitude, 0)


def folded_tile(luma: Plane) -> Plane:
    """A periodic mark as its holder would estimate it: whiten, fold to 128 x 128, give it the mark's shape, rms 1."""
    residual = _whole(whitened(luma))
    h, w = residual.shape
    tile = residual.reshape(h // TILE, TILE, w // TILE, TILE).mean(axis=(0, 2))
    radius = np.hypot(scipy.fft.fftfreq(TILE, 1 / TILE)[:, None], scipy.fft.rfftfreq(TILE, 1 / TILE))
    spectrum = in_shape(scipy.fft.rfft2(tile), radius, mask_seen(luma).shape)
    out = scipy.fft.irfft2(spectrum, s=(TILE, TILE)).astype(np.float32)
    return out / (out.std() + 1e-9)


def fold_and_subtract(luma: Plane, factor: float) -> Plane:
    """Take `factor` times the picture's own folded tile away again, at the pilots' share of the mark's rms."""
    tile = folded_tile(luma)
    h, w = luma.shape
    tiled = np.tile(tile, (-(-h // TILE), -(-w // TILE)))[:h, :w]
    pilots = np.float32(factor * mask_seen(luma).shape.pilot_share ** 0.5)
    return np.clip(np.rint(luma - pilots * local_strength(luma) * tiled), 0, 255).astype(np.float32)
