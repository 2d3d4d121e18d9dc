"""A picture at its working sizes, and what is made of each, at most once for all keys and steps."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from waarmerk.core.arrays import Luma, Real
from waarmerk.core.blocks import box_reduce
from waarmerk.core.layout import octave_scale

from . import residual
from .geometry import Matrix
from .rectify import doubled
from .spectrum import Spectrum, spectrum_of

MIN_SIDE = 96  # pixels; less never decoded
_SPECTRUM_SIDE = 300  # pixels at half size: below, a window at full size sees most of a picture
_HALF_SIZE_SCALE = 1.15  # of a frequency map; up to here half size shows all pilots but a few
_MIDDLE = 512  # pixels; perspective of 3 % bends lines in it by no more than a bin or two


class View:
    """A picture at one working size.

    Attributes:
        factor: picture pixels per pixel, each way.
    """

    def __init__(self, luma: Luma, factor: int, twice: View | None = None) -> None:
        self.factor = factor
        self._luma = luma
        self._twice = twice

    @cached_property
    def half(self) -> View | None:
        """Of half the size, if that is not too small to decode."""
        enough = min(self._luma.shape) // (2 * self.factor) >= MIN_SIDE
        return View(self._luma, 2 * self.factor, self) if enough else None

    @cached_property
    def luma(self) -> Luma:
        return box_reduce(self._luma, self.factor)

    @cached_property
    def laplacian(self) -> Real:
        return residual.laplacian(self.luma)

    @cached_property
    def whitened(self) -> Real:
        """Whitened first and shrunk then, where there is a view of twice the size: that shows fine grain and text
        better than the other way round.
        """
        return residual.whitened(self.luma) if self._twice is None else box_reduce(self._twice.whitened, 2)

    @cached_property
    def grown(self) -> View:
        """Of twice the size."""
        return View(doubled(self.luma), 1)

    @cached_property
    def geometric(self) -> dict[int, Real]:
        """The whitened residual by factor: itself, and its means over 2 x 2 where these are enough to see lines."""
        planes = {1: self.whitened}
        if self.half is not None and min(self.half.luma.shape) >= _SPECTRUM_SIDE:
            planes[2] = self.half.whitened
        return planes

    def shrunk_for(self, b: Matrix) -> int:
        """The largest factor at which the pilots of a frequency map can still be seen."""
        return max(self.geometric) if float(np.linalg.norm(b, 2)) < _HALF_SIZE_SCALE else 1

    @property
    def middle(self) -> Real:
        """The whitened residual's middle, a square of 512."""
        top, left = ((n - _MIDDLE) // 2 for n in self.luma.shape)
        return self.whitened[top : top + _MIDDLE, left : left + _MIDDLE]

    @cached_property
    def spectrum(self) -> Spectrum:
        """In cycles a pixel of this view: of all of it at half size and of its middle; of all of it if it is small."""
        planes = self.geometric
        return spectrum_of(self.middle, planes[2]) if 2 in planes else spectrum_of(self.whitened)


def views_of(luma: Luma) -> list[View]:
    """At one canonical pixel a pixel as if never resized, and at half that: cut from or grown to larger."""
    full = View(luma, octave_scale(*luma.shape))
    if min(luma.shape) // full.factor < MIN_SIDE:
        return []
    return [full] if full.half is None else [full, full.half]
