"""What somebody without the key may try: take the mark out, or forge one.

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


def product_forgery(marked: tuple[Plane, Plane, Plane], target: Plane) -> Plane:
    """Paste the product of three marks on a picture that never had one.

    Code and phases are linear: with X = C s per tile and harmonic, X1 conj(X2) X3 = C s1 s2 s3, which is a codeword
    of the xor of the three ids under the true phases. The three pictures have one pattern, one offset and the
    target's size: all that an attacker could hope for.
    """
    h, w = (n // TILE * TILE for n in target.shape)

    def phases(luma: Plane) -> npt.NDArray[np.complex64]:
        tiles = whitened(luma)[:h, :w].reshape(h // TILE, TILE, w // TILE, TILE).swapaxes(1, 2)
        spectra = scipy.fft.rfft2(tiles, axes=(2, 3))
        return spectra / (np.abs(spectra) + 1e-9)

    x1, x2, x3 = (phases(luma) for luma in marked)
    radius = np.hypot(scipy.fft.fftfreq(TILE, 1 / TILE)[:, None], scipy.fft.rfftfreq(TILE, 1 / TILE))
    shape = np.where((radius >= 2.5) & (radius <= 38), np.maximum(radius, 1.0) ** -0.6, 0)
    plane = scipy.fft.irfft2(x1 * np.conj(x2) * x3 * shape, s=(TILE, TILE), axes=(2, 3))
    plane = plane.swapaxes(1, 2).reshape(h, w)
    forged = target.copy()
    forged[:h, :w] += 1.5 * local_strength(target)[:h, :w] * (plane / plane.std())
    return np.clip(np.rint(forged), 0, 255).astype(np.float32)
