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
_MIDDLE = 448  # pixels; perspective of 3 % bends lines in it by no more than a bin or two


class View:
    """A picture at one working size.

    Attributes:
        factor: picture pixels per pixel, each way.
    """

    def __init__(self, luma: Luma, factor: int) -> None:
        self.factor = factor
        self._luma = luma

    @cached_property
    def luma(self) -> Luma:
        return box_reduce(self._luma, self.factor)

    @cached_property
    def laplacian(self) -> Real:
        return residual.laplacian(self.luma)

    @cached_property
    def whitened(self) -> Real:
        return residual.whitened(self.luma)

    @cached_property
    def grown(self) -> View:
        """Of twice the size."""
        return View(doubled(self.luma), 1)

    @cached_property
    def geometric(self) -> dict[int, Real]:
        """The whitened residual by factor: itself, and its means over 2 x 2 where these are enough to see lines.

        A residual that is whitened first and shrunk then shows fine grain and text better than the other way round.
        """
        planes = {1: self.whitened}
        if min(self.luma.shape) >= 2 * _SPECTRUM_SIDE:
            planes[2] = box_reduce(self.whitened, 2)
        return planes

    def shrunk_for(self, b: Matrix) -> int:
        """The largest factor at which the pilots of a frequency map can still be seen."""
        return max(self.geometric) if float(np.linalg.norm(b, 2)) < _HALF_SIZE_SCALE else 1

    @property
    def middle(self) -> Real:
        """The whitened residual's middle, a square of 448."""
        top, left = ((n - _MIDDLE) // 2 for n in self.luma.shape)
        return self.whitened[top : top + _MIDDLE, left : left + _MIDDLE]

    @cached_property
    def spectrum(self) -> Spectrum:
        """In cycles a pixel of this view; with that of half the size where that helps."""
        return spectrum_of(*self.geometric.values())


def views_of(luma: Luma) -> list[View]:
    """At one canonical pixel a pixel as if never resized, and at half that: cut from or grown to larger."""
    first = octave_scale(*luma.shape)
    return [View(luma, f) for f in (first, 2 * first) if min(luma.shape) // f >= MIN_SIDE]
