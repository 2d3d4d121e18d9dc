"""More of what somebody without the key may try: estimate the mark, from one picture or from many, and take it away.

Float luma in, float luma out, rounded to whole grey levels at the end, as in `benchmarks.adversary`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from benchmarks.adversary import Plane, fold_and_subtract, in_shape, local_strength, mask_seen
from waarmerk.core.layout import RADIUS_MAX, RADIUS_MIN, SUPER_TILE, TILE
from waarmerk.detection.residual import whitened
from waarmerk.marking.mask import Shape

_LOW, _HIGH = RADIUS_MIN / TILE, RADIUS_MAX / TILE  # the mark's band, cycles a pixel
MIDDLING = Shape(centre=14.0, width=0.5, pilot_share=0.36)  # of pictures neither flat nor lively


def rounded(luma: Plane) -> Plane:
    """What an eight-bit file can hold."""
    return np.clip(np.rint(luma), 0, 255).astype(np.float32)


def shaped(plane: Plane, shape: Shape) -> Plane:
    """A whitened plane brought into the mark's band and shape, rms 1."""
    f = np.hypot(scipy.fft.fftfreq(plane.shape[0])[:, None], scipy.fft.rfftfreq(plane.shape[1]))
    spectrum = in_shape(scipy.fft.rfft2(plane), f * TILE, shape)
    out = scipy.fft.irfft2(spectrum, s=plane.shape).astype(np.float32)
    return out / (out.std() + np.float32(1e-9))


def _own_mark(luma: Plane) -> Plane:
    """The picture's own whitened residual in the mark's shape and local strength."""
    mask = mask_seen(luma)
    return local_strength(luma) * shaped(whitened(luma), mask.shape)


def own_residual_subtracted(luma: Plane, factor: float) -> Plane:
    """Take the picture's own whitened residual away, at `factor` times the mark's guessed strength."""
    return rounded(luma - np.float32(factor) * _own_mark(luma))


def copied(source: Plane, target: Plane, factor: float = 1.0) -> Plane:
    """The copy attack: a marked picture's residual added to one that never had a mark. Sizes are alike.

    Reference:
        Kutter, Voloshynovskiy, Herrigel, "The watermark copy attack", Proc. SPIE 3971, 2000.
    """
    mark = shaped(whitened(source), mask_seen(source).shape)
    return rounded(target + np.float32(factor) * local_strength(target) * mark)


class Mean:
    """What many pictures of one key have in common.

    Whitened residuals are laid on the super-tile at their true places and averaged: more than an attacker knows, who
    would have to find the places first.
    """

    def __init__(self) -> None:
        self._total = np.zeros((SUPER_TILE, SUPER_TILE), dtype=np.float32)
        self._count = np.zeros_like(self._total)

    def add(self, luma: Plane, offset: tuple[int, int]) -> None:
        """One more picture, and the super-tile place of its first pixel."""
        rows = (np.arange(luma.shape[0]) + offset[0]) % SUPER_TILE
        columns = (np.arange(luma.shape[1]) + offset[1]) % SUPER_TILE
        np.add.at(self._total, np.ix_(rows, columns), whitened(luma))
        np.add.at(self._count, np.ix_(rows, columns), 1)

    def shaped(self) -> Plane:
        """(1024, 1024) float32, rms 1."""
        return shaped(self._total / np.maximum(self._count, 1), MIDDLING)


def common_part_subtracted(
    luma: Plane, offset: tuple[int, int], common: Plane, factor: float, rms: float
) -> Plane:
    """Take the common part away from a picture the average never saw.

    Args:
        luma: marked at `offset`.
        common: of `Mean.shaped`.
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


def folded_thrice(luma: Plane) -> Plane:
    """Fold and subtract until nothing of the periodic part is left that a fold can see."""
    for _ in range(3):
        luma = fold_and_subtract(luma, 1.0)
    return luma


def own_residual_in_blocks(luma: Plane, seed: int, size: int = 48) -> Plane:
    """The picture's own whitened residual, at a gain of 0.5 to 2.5 drawn for every block: no one sign is left."""
    rng = np.random.Generator(np.random.Philox(seed))
    rows, columns = (-(-n // size) for n in luma.shape)
    gain = rng.uniform(0.5, 2.5, (rows, columns)).astype(np.float32)
    gain = gain.repeat(size, axis=0).repeat(size, axis=1)[: luma.shape[0], : luma.shape[1]]
    return rounded(luma - gain * _own_mark(luma))


def _cross_correlation(
    tiles: npt.NDArray[np.complex64], mean: npt.NDArray[np.complex64]
) -> npt.NDArray[np.float32]:
    return scipy.fft.irfft2(tiles * np.conj(mean), s=(TILE, TILE)).astype(np.float32)


def _shifted(spectra: npt.NDArray[np.complex64], shifts: npt.NDArray[np.int64]) -> npt.NDArray[np.complex64]:
    """Tiles' spectra as if each began `shifts` pixels further on."""
    ky, kx = scipy.fft.fftfreq(TILE), scipy.fft.rfftfreq(TILE)
    turn = ky[None, :, None] * shifts[:, 0, None, None] + kx * shifts[:, 1, None, None]
    return spectra * np.exp(2j * np.pi * turn).astype(np.complex64)


def aligned_tiles_subtracted(luma: Plane, factor: float, *, starts: int = 12, rounds: int = 6) -> Plane:
    """Align all tiles to their own mean by cross-correlation, without a key; take the mean away from each.

    Against marks whose tiles differ by a keyed shift alone this finds the shifts: the best of `starts` tiles to begin
    with, `rounds` of expectation and maximisation.
    """
    h, w = (n // TILE * TILE for n in luma.shape)
    plane = whitened(luma)[:h, :w].reshape(h // TILE, TILE, w // TILE, TILE).swapaxes(1, 2)
    spectra = scipy.fft.rfft2(plane.reshape(-1, TILE, TILE)).astype(np.complex64)
    spectra /= np.abs(spectra).mean(axis=0) + np.float32(1e-9)
    best, best_shifts = -1.0, np.zeros((len(spectra), 2), dtype=np.int64)
    for start in np.linspace(0, len(spectra) - 1, min(starts, len(spectra))).astype(int):
        mean = spectra[start]
        for _ in range(rounds):
            surface = _cross_correlation(spectra, mean)
            at = surface.reshape(len(spectra), -1).argmax(axis=1)
            shifts = np.stack([at // TILE, at % TILE], axis=1)
            mean = _shifted(spectra, shifts).mean(axis=0)
        strength = float(np.abs(mean).sum())
        if strength > best:
            best, best_shifts = strength, shifts
    mean = _shifted(spectra, best_shifts).mean(axis=0)
    tiles = scipy.fft.irfft2(_shifted(np.broadcast_to(mean, spectra.shape), -best_shifts), s=(TILE, TILE))
    common = tiles.reshape(h // TILE, w // TILE, TILE, TILE).swapaxes(1, 2).reshape(h, w).astype(np.float32)
    out = luma.copy()
    out[:h, :w] -= (
        np.float32(factor * 0.5) * local_strength(luma)[:h, :w] * shaped(common, mask_seen(luma).shape)
    )
    return rounded(out)


def lines_notched(luma: Plane, height: float) -> Plane:
    """Bring every line of the spectrum that stands `height` times above its neighbourhood down to it."""
    spectrum = scipy.fft.rfft2(luma)
    magnitude = np.abs(spectrum)
    local = scipy.ndimage.uniform_filter(magnitude, 15, mode=("wrap", "mirror")) + 1e-9
    f = np.hypot(scipy.fft.fftfreq(luma.shape[0])[:, None], scipy.fft.rfftfreq(luma.shape[1]))
    loud = (magnitude > height * local) & (f >= _LOW) & (f <= _HIGH)
    return rounded(
        scipy.fft.irfft2(np.where(loud, spectrum * local / (magnitude + 1e-9), spectrum), s=luma.shape)
    )


def noise_added(luma: Plane, factor: float, seed: int) -> Plane:
    """Noise of the mark's own band, shape and local strength."""
    rng = np.random.Generator(np.random.Philox(seed))
    noise = shaped(rng.standard_normal(luma.shape).astype(np.float32), mask_seen(luma).shape)
    return rounded(luma + np.float32(factor) * local_strength(luma) * noise)


def over_denoised(luma: Plane, threshold: float, factor: float) -> Plane:
    """Take away `factor` times what a denoiser would."""
    return rounded(luma + np.float32(factor) * (dct_denoised(luma, threshold) - luma))


def wiener_filtered(luma: Plane, size: int) -> Plane:
    """Lee's adaptive filter: each pixel towards its local mean, by the share of noise in the local variance."""
    mean = scipy.ndimage.uniform_filter(luma, size)
    variance = np.maximum(scipy.ndimage.uniform_filter(luma * luma, size) - mean * mean, 0)
    noise = np.float32(np.quantile(variance, 0.5))
    return rounded(mean + np.maximum(variance - noise, 0) / (variance + 1e-6) * (luma - mean))


def bent(luma: Plane, reach: float, seed: int) -> Plane:
    """Move every pixel by up to `reach` pixels, smoothly and at random, over about 80 pixels.

    Reference:
        Petitcolas, Anderson, Kuhn, "Attacks on copyright marking systems", Information Hiding 1998 (StirMark).
    """
    rng = np.random.Generator(np.random.Philox(seed))
    field = np.stack([scipy.ndimage.gaussian_filter(rng.standard_normal(luma.shape), 40) for _ in range(2)])
    field *= reach / np.abs(field).max()
    at = np.indices(luma.shape) + field
    return rounded(scipy.ndimage.map_coordinates(luma, at, order=3, mode="mirror"))


def rows_deleted(luma: Plane, every: int) -> Plane:
    """Leave out one row and one column in `every`."""
    keep = [np.arange(n) % every != every // 2 for n in luma.shape]
    return luma[np.ix_(*keep)]
