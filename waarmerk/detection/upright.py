"""Shift and turn of a picture whose pilots are gone, from the sync harmonics alone.

The sync's phases differ from tile to tile, so folding cannot take them out. They repeat every 1024 pixels. With X the
whitened spectrum of the residual folded to a super-tile, T_g the spectrum of the summed sync of a group of patterns,
and the sum over a square band of frequencies that holds half of the sync,

    Z_g(s) = sum_f X(f) conj T_g(f) exp(2 pi i f s / 1024),     peak = max over s, g of |Z_g(s)| / deviation

at as many shifts s as the band has frequencies, every few pixels, and in all eight ways a square can lie. The band lies
on one side of zero, so Z is complex and its magnitude counts; the exact shift turns it real. Only unrotated, unscaled
pictures are found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from waarmerk.core.arrays import Complex, Real
from waarmerk.core.chips import CACHED_KEYS, Chips
from waarmerk.core.layout import (
    EXPECTED_RADIUS,
    EXPECTED_WIDTH,
    PATTERNS,
    SUPER,
    SUPER_TILE,
    TILE,
    hump,
)

from .alignment import DIHEDRALS, Alignment

PEAK = 6.1  # over the deviation; the best of 2^21 places of an unmarked picture is 5 to 6
_KY, _KX = (-20, 20), (2, 26)  # harmonics of the band: where the mark is strongest and what codecs leave
_HARMONICS = (_KY[1] - _KY[0], _KX[1] - _KX[0])
SIZE = (_HARMONICS[0] * SUPER, _HARMONICS[1] * SUPER)  # bins of the band, and shifts, either way
_REACH = _KX[1] * SUPER  # bins of 1 / 1024 cycle that a band may reach, however it lies
_SMOOTHING = 33  # bins: as wide as the tiles' own 9 x 9 would be, near enough
_CLOSELY = 3  # coarse peaks
_FINE = np.arange(-3.0, 3.25, 0.5)  # shifts in pixels around a coarse peak, which is up to 2.7 pixels off


@dataclass(frozen=True, slots=True)
class Effort:
    """How many patterns are summed into one template; each doubling costs 1.5 dB.

    Attributes:
        upright: where the picture lies as it was marked.
        turned: in the seven other ways.
    """

    upright: int
    turned: int

    def group(self, dihedral: int) -> int:
        return self.turned if dihedral else self.upright

    @property
    def places(self) -> int:
        """That a search may end at, for the presence bound; `DIHEDRALS` however few were tried."""
        return DIHEDRALS * SIZE[0] * SIZE[1] * len(_FINE) ** 2


QUICK = Effort(upright=1, turned=4)
THOROUGH = Effort(upright=1, turned=1)


@lru_cache(maxsize=2 * CACHED_KEYS)
def _templates(chips: Chips, group: int) -> Complex:
    """(16 / group, 320, 192) complex64: conjugate spectra in the band, from its corner, of each group's summed sync.

    Harmonics count as strong as they are expected. Every tile is drawn as coarsely as the band allows, with the band's
    corner as frequency zero.
    """
    ky, kx = chips.sync.k[:, 0] - _KY[0], chips.sync.k[:, 1] - _KX[0]
    inside = (ky >= 0) & (ky < _HARMONICS[0]) & (kx >= 0) & (kx < _HARMONICS[1])
    strength = hump(chips.sync.radius[inside], EXPECTED_RADIUS, EXPECTED_WIDTH)
    out = np.empty((PATTERNS // group, *SIZE), dtype=np.complex64)
    for first, template in zip(range(0, PATTERNS, group), out, strict=True):
        tiles = np.zeros((SUPER, SUPER, *_HARMONICS), dtype=np.complex64)
        for pattern in range(first, first + group):
            tiles[..., ky[inside], kx[inside]] += strength * chips.sync_phasors(pattern)[..., inside]
        plane = scipy.fft.ifft2(tiles).swapaxes(1, 2).reshape(SIZE)
        np.conj(scipy.fft.fft2(plane), out=template)
    return out


def _spectrum(residual: Real) -> Complex:
    """(H, W) -> (2 R + 1, 2 R + 1): folded modulo 1024, transformed, whitened; both axes from -R to R = 208 bins."""
    folded = np.zeros((SUPER_TILE, SUPER_TILE), dtype=np.float32)
    for top in range(0, residual.shape[0], SUPER_TILE):
        for left in range(0, residual.shape[1], SUPER_TILE):
            part = residual[top : top + SUPER_TILE, left : left + SUPER_TILE]
            folded[: part.shape[0], : part.shape[1]] += part
    columns = scipy.fft.rfft(folded, axis=1)[:, : _REACH + 1]
    whole = scipy.fft.fft(columns, axis=0)
    half: Complex = np.concatenate([whole[-_REACH:], whole[: _REACH + 1]])
    power = np.square(half.real) + np.square(half.imag)
    local = scipy.ndimage.uniform_filter(power, _SMOOTHING, mode=("nearest", "mirror"))
    half *= 1 / np.sqrt(local + np.float32(1e-6) * local.max() + np.float32(1e-30))
    return np.concatenate([np.conj(half[::-1, :0:-1]), half], axis=1)


def _band(spectrum: Complex, dihedral: int) -> Complex:
    """The band of a picture's spectrum as it were if the picture were turned, (320, 192) from the band's corner.

    x'(p) = x(-1 - p) has the spectrum X'(f) = X(-f) exp(2 pi i f / 1024): an axis that is turned round runs backwards
    from the pixel before the first.
    """
    turned, rows_back, columns_back = spectrum, False, dihedral >= 4
    if columns_back:
        turned = turned[:, ::-1]
    for _ in range(dihedral % 4):
        turned, rows_back, columns_back = np.rot90(turned), not columns_back, rows_back
    fy, fx = _frequencies()
    band = turned[fy[0] + _REACH : fy[-1] + _REACH + 1, fx[0] + _REACH : fx[-1] + _REACH + 1].copy()
    if rows_back:
        band *= _phase(fy, 1.0)[:, None]
    if columns_back:
        band *= _phase(fx, 1.0)
    return band


@lru_cache(maxsize=1)
def _frequencies() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The band's rows and columns in bins of 1 / 1024 cycle a pixel."""
    return np.arange(SIZE[0]) + _KY[0] * SUPER, np.arange(SIZE[1]) + _KX[0] * SUPER


def _phase(frequencies: npt.NDArray[np.int64], shift: npt.ArrayLike) -> Complex:
    """exp(2 pi i f s / 1024) for every shift and frequency."""
    angle = 2j * np.pi / SUPER_TILE * np.multiply.outer(np.asarray(shift), frequencies)
    phase: Complex = np.exp(angle).astype(np.complex64)
    return phase


def _fine_peak(product: Complex, at: int) -> tuple[float, tuple[float, float]]:
    """Re Z, and where, in half pixels, around a coarse peak at a flat place: where its magnitude is largest."""
    rows, columns = (
        round(n * SUPER_TILE / size) + _FINE for n, size in zip(divmod(at, SIZE[1]), SIZE, strict=True)
    )
    fy, fx = _frequencies()
    surface = (_phase(fy, rows) @ product @ _phase(fx, columns).T).real / product.size
    i, j = np.unravel_index(int(np.argmax(np.abs(surface))), surface.shape)
    return float(surface[i, j]), (float(rows[i]), float(columns[j]))


def align_pilotless(
    residual: Real,
    chips: Chips,
    effort: Effort = QUICK,
    *,
    dihedrals: tuple[int, ...] = tuple(range(DIHEDRALS)),
) -> Alignment | None:
    """The strongest sync peak, if it stands out; `peak` is signed, `shift` modulo 128.

    Args:
        residual: (H, W) float32, whitened.
    """
    spectrum = _spectrum(residual)
    coarse: list[
        tuple[float, float, int, int, int]
    ] = []  # height, deviation, dihedral, number of the template, place
    for dihedral in dihedrals:
        band = _band(spectrum, dihedral)
        for number, template in enumerate(_templates(chips, effort.group(dihedral))):
            magnitude = np.abs(scipy.fft.ifft2(band * template, overwrite_x=True))
            at = int(magnitude.argmax())
            deviation = math.sqrt(float(np.vdot(magnitude, magnitude)) / (2 * magnitude.size)) or 1.0
            coarse.append((float(magnitude.flat[at]) / deviation, deviation, dihedral, number, at))
    # Between two coarse places a peak may lose half its height: the highest few are looked at closely.
    best = Alignment(0, (0.0, 0.0), 0.0)
    for _, deviation, dihedral, number, at in sorted(coarse, reverse=True)[:_CLOSELY]:
        product = _band(spectrum, dihedral) * _templates(chips, effort.group(dihedral))[number]
        height, place = _fine_peak(product, at)
        if abs(height / deviation) > abs(best.peak):
            best = Alignment(dihedral, _in_turned(place, residual.shape, dihedral), height / deviation)
    return best if abs(best.peak) >= PEAK else None


def _in_turned(place: tuple[float, float], shape: tuple[int, ...], dihedral: int) -> tuple[float, float]:
    """A place in the turned spectrum's picture, whose axes run backwards from -1, as one in the turned residual."""
    height, width = shape
    down, across = 0, width if dihedral >= 4 else 0
    for _ in range(dihedral % 4):
        down, across, height, width = width - across, down, width, height
    return (place[0] + down) % TILE, (place[1] + across) % TILE
