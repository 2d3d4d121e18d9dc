"""Read a picture's mark, blindly or against a known id.

`read` goes from cheap to dear and stops at the first reading whose proved false-alarm bound holds:

    1. as it lies   spaced Laplacian, pilots, sync, decode, at one and at half size
    2. whitened     the same on the whitened residual, for codecs and texture
    3. turned       scale or rotation from the pilots' phases, else these with stretch and mirror from the spectrum;
                    perspective and the marked part from the pilots; resampled, then as 2
    4. pilotless    shift and super-tile from the sync itself, for pictures whose pilots somebody took out
    5. slight       thorough only: the same after every slight turn and change of scale that the last of the pilots
                    or their lines speak for
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from waarmerk.core import payload, stats
from waarmerk.core.arrays import Luma, Real, as_luma
from waarmerk.core.blocks import box_reduce
from waarmerk.core.chips import Chips, chips_of
from waarmerk.core.evidence import Basis, Evidence, Status
from waarmerk.core.keys import EpochKeys, KeyRing
from waarmerk.core.layout import TILE, octave_scale

from . import alignment, geometry, pilots, plain, residual, slight, upright, words
from .rectify import rectified, rectified_at
from .spectrum import spectrum_of
from .tiles import TileSpectra, tile_spectra
from .views import View, views_of

SCHEME = "waarmerk.image"
_OVERWHELMING = -500.0  # of a matched check: nothing that hangs on it asks for more
PEAK = 4.8  # pilots over their deviation; the best of 2^17 places of an unmarked picture is 4 to 5.5
_SYNC_TRIES = 2
_TWO_WAYS, _THREE_WAYS = math.log10(2), math.log10(3)  # of the least of so many bounds
_SHOWN_TRIES = 6  # planes that showed pilots and no word before the search gives up
_MIDDLE_SCORE = 3.4  # of a map in the spectrum of a picture's middle, which makes for dear trials
_SHRUNK = 1.25  # scale of a frequency map, from where a picture is worth growing
_GROWN_PIXELS = 3 << 18  # and up to where it is not too dear
_RESYNC_PEAK = 5.8  # seldom reached without a mark; the search costs a few dozen milliseconds
_SLIGHT_TRIES, _SLIGHT_LINES = 6, 3  # maps; each costs a resampling and a search by the sync
_EVERY_WAY = tuple(range(alignment.DIHEDRALS))
_UPRIGHT = (0, 2)  # a spectrum knows a picture's turn up to half a turn


@dataclass(frozen=True, slots=True)
class ImageReading:
    """What a picture says.

    Attributes:
        status: FOUND: an id under one of our tag keys, false-alarm bound kept. UNVERIFIED: our pattern is there,
            no id under our keys can be read. INCONCLUSIVE: traces of either, bound between 1e-12 and 1e-6.
            NOT_FOUND. NOT_CHECKED: too small.
        mark_id, tenant, epoch: of a mark that was found.
        log10_p: proved bound on the probability of this answer for a picture without our mark; 0 where nothing.
        geometry: how it was found, for the command and the library.
    """

    status: Status
    mark_id: int | None = None
    tenant: str | None = None
    epoch: int | None = None
    log10_p: float = 0.0
    geometry: dict[str, object] | None = None


_How = dict[str, object]


@dataclass(slots=True)
class _Search:
    """One picture's search: decodings are counted over all epochs, since the bound must hold for all together."""

    ring: KeyRing
    thorough: bool
    attempts: int = 0
    best: ImageReading = ImageReading(Status.NOT_FOUND)

    def run(self, luma: Luma) -> ImageReading:
        views = views_of(luma)
        if not views:
            return ImageReading(Status.NOT_CHECKED)
        for stage in (self._as_it_lies, self._whitened, self._turned, self._pilotless, self._slight):
            for keys in self.ring.epochs:
                for reading in stage(views, keys):
                    if reading.status is Status.FOUND:
                        return reading
                    if reading.log10_p < self.best.log10_p:
                        self.best = reading
        return self.best

    def glance(self, luma: Luma) -> ImageReading:
        """The first of `run`'s steps, at one size and one way up."""
        for view in views_of(luma)[:1]:
            for keys in self.ring.epochs:
                how = {"stage": "as it lies", "factor": view.factor}
                chips = chips_of(keys.pattern)
                for reading in self._aligned(view.laplacian, chips, keys, residual.SPACING, how, (0,)):
                    if reading.status is Status.FOUND:
                        return reading
        return ImageReading(Status.NOT_FOUND)

    def _as_it_lies(self, views: list[View], keys: EpochKeys) -> Iterator[ImageReading]:
        chips = chips_of(keys.pattern)
        for view in views:
            how = {"stage": "as it lies", "factor": view.factor}
            yield from self._aligned(view.laplacian, chips, keys, residual.SPACING, how)

    def _whitened(self, views: list[View], keys: EpochKeys) -> Iterator[ImageReading]:
        chips = chips_of(keys.pattern)
        for view in views:
            how = {"stage": "whitened", "factor": view.factor}
            yield from self._aligned(view.whitened, chips, keys, 0, how)

    def _turned(self, views: list[View], keys: EpochKeys) -> Iterator[ImageReading]:
        chips = chips_of(keys.pattern)
        fine = views[0]
        shown = 0
        for score, b, small in self._maps(fine, chips):
            how = {"stage": "turned", "factor": fine.factor, "score": score, "matrix": b.tolist()}
            for residue, place, factor in _straightened(fine, chips, b, small):
                plane = rectified_at(residue, place, factor)
                if plane is not None:
                    yield from self._aligned(plane, chips, keys, 0, how, _UPRIGHT)
                    shown += 1
            if shown > _SHOWN_TRIES and not self.thorough:
                return

    def _maps(self, fine: View, chips: Chips) -> Iterator[tuple[float, geometry.Matrix, int]]:
        """Likely frequency maps, and how many times smaller the plane is that shows them.

        Sizes and turns by the pilots' phases, then any by their lines.
        """
        small = max(fine.geometric)
        for score, b in plain.candidates(fine.geometric[small], chips, small, keep=2):
            yield score, b, fine.shrunk_for(b)
        for score, b in geometry.candidates(fine.spectrum, chips, keep=16 if self.thorough else 4):
            yield score, b, fine.shrunk_for(b)
        if small > 1:
            # A leaning picture's lines are broad, those of its middle are not.
            spectrum, few = spectrum_of(fine.middle), geometry.FEW_STRETCHES
            for score, b in geometry.candidates(spectrum, chips, keep=2, least=_MIDDLE_SCORE, stretches=few):
                yield score, b, 1
            if self.thorough:
                for score, b in plain.candidates(fine.middle, chips, 1, keep=4, few=True):
                    yield score, b, 1

    def _pilotless(self, views: list[View], keys: EpochKeys) -> Iterator[ImageReading]:
        chips = chips_of(keys.pattern)
        for view in views[:1]:
            how = {"stage": "pilotless", "factor": view.factor}
            yield from self._by_sync(view.whitened, chips, keys, how)

    def _slight(self, views: list[View], keys: EpochKeys) -> Iterator[ImageReading]:
        if not self.thorough:
            return
        chips, view = chips_of(keys.pattern), views[0]
        likely = slight.candidates(view.whitened, chips, keep=_SLIGHT_TRIES)
        lines = geometry.candidates(view.spectrum, chips, keep=_SLIGHT_LINES)
        for score, b in [*(c for c in likely if c[0] >= slight.PEAK), *lines]:
            plane = rectified(view.whitened, b)
            if plane is None:
                continue
            how = {"stage": "slight", "factor": view.factor, "score": score, "matrix": b.tolist()}
            yield from self._aligned(plane, chips, keys, 0, how, (0,))
            yield from self._by_sync(plane, chips, keys, how, (0,))

    def _by_sync(
        self, plane: Real, chips: Chips, keys: EpochKeys, how: _How, dihedrals: tuple[int, ...] = _EVERY_WAY
    ) -> Iterator[ImageReading]:
        """Decode where the sync stands out. What it leaves out is counted as if tried: see docs/statistics.md."""
        effort = upright.THOROUGH if self.thorough else upright.QUICK
        most = self.attempts + 2 * _SYNC_TRIES
        found = upright.align_pilotless(plane, chips, effort, dihedrals=dihedrals)
        if found is not None:
            yield from self._decoded(plane, chips, keys, 0, how, found, places=effort.places)
        self.attempts = most

    def _aligned(
        self,
        plane: Real,
        chips: Chips,
        keys: EpochKeys,
        spacing: int,
        how: _How,
        dihedrals: tuple[int, ...] = _EVERY_WAY,
    ) -> Iterator[ImageReading]:
        """Decode where the pilots stand out."""
        for found in alignment.align(plane, chips, dihedrals=dihedrals):
            if abs(found.peak) >= PEAK:
                yield from self._decoded(plane, chips, keys, spacing, how, found)

    def _decoded(
        self,
        plane: Real,
        chips: Chips,
        keys: EpochKeys,
        spacing: int,
        how: _How,
        found: alignment.Alignment,
        *,
        places: int = 1,
    ) -> Iterator[ImageReading]:
        """Words at one alignment; `places` is how many the sync itself has searched for it, 1 where pilots did."""
        turned = alignment.turn(plane, found.dihedral)
        tiles = tile_spectra(
            turned, chips, found.shift, spacing=spacing, elastic=places == 1 and spacing == 0
        )
        how = {**how, "dihedral": found.dihedral, "shift": found.shift, "peak": found.peak}
        yield from self._words(tiles, chips, keys, how, places)
        if abs(found.peak) >= _RESYNC_PEAK:
            how = {**how, "resynchronised": True}
            rigid = tile_spectra(turned, chips, found.shift, spacing=spacing, elastic=False)
            moved = words.resynchronised(rigid, chips)
            yield from self._words(moved, chips, keys, how, places * words.RESYNC_PLACES)

    def _words(
        self, tiles: TileSpectra, chips: Chips, keys: EpochKeys, how: _How, places: int
    ) -> Iterator[ImageReading]:
        for pattern, offset in words.find_super_tile(tiles, chips, best=_SYNC_TRIES):
            yield self._judged(words.decode_at(tiles, chips, pattern, offset), keys, how, places)

    def _judged(self, word: words.Word, keys: EpochKeys, how: _How, places: int) -> ImageReading:
        """A decoded word under the statistic and the tag keys."""
        self.attempts += 1
        how = {**how, "pattern": word.pattern, "offset": word.offset}
        n_keys = sum(len(k.tags) for k in self.ring.epochs)
        log10_p = stats.log10_reading(word.score, word.variance, n_keys=n_keys, attempt=self.attempts)
        likely = log10_p <= stats.INCONCLUSIVE_LOG10_P
        tenant = payload.signer_of(word.payload, keys.tags.items()) if likely else None
        if tenant is not None and log10_p <= stats.ACCEPT_LOG10_P:
            return ImageReading(Status.FOUND, word.payload.mark_id, tenant, keys.epoch, log10_p, how)
        # Any word at all, tag or no tag: forged, a tenant we do not know, or ours with a bit or two wrong.
        log10_word = min(0.0, log10_p + stats.ANY_WORD)
        presence = stats.log10_presence(
            word.sync_score,
            word.sync_variance,
            hypotheses=places * words.SYNC_HYPOTHESES,
            attempt=self.attempts,
        )
        signed = 0.0 if tenant is None else log10_p
        evident = min(0.0, min(log10_word, presence, signed) + _THREE_WAYS)
        if evident <= stats.ACCEPT_LOG10_P:
            return ImageReading(Status.UNVERIFIED, None, None, keys.epoch, evident, how)
        if evident <= stats.INCONCLUSIVE_LOG10_P:
            return ImageReading(Status.INCONCLUSIVE, None, None, keys.epoch, evident, how)
        return ImageReading(Status.NOT_FOUND)


def _straightened(
    fine: View, chips: Chips, b: geometry.Matrix, small: int
) -> Iterator[tuple[Real, pilots.Place, int]]:
    """Residuals that show a map's pilots, where the mark lies in them and by which factor of the plane.

    Whitened, then the Laplacian; of a shrunk picture also of twice its size, where texture changes more slowly.
    """
    place = pilots.placed(fine.geometric[small], chips, small * b)
    if place is None:
        return
    yield fine.whitened, place, small
    if fine.luma.size > _GROWN_PIXELS or abs(float(np.linalg.det(b))) < _SHRUNK**2:
        yield fine.laplacian, place, small
        return
    for plane in (fine.grown.whitened, fine.grown.laplacian):
        place = pilots.placed(plane, chips, b / 2)
        if place is not None:
            yield plane, place, 1


def read(luma: Luma, ring: KeyRing, *, thorough: bool = False) -> ImageReading:
    """Look for a mark of any epoch and tenant of the ring.

    Args:
        luma: (H, W) float32, 0..255.
        thorough: spend three times as long on pictures in which the quick search finds nothing.

    Raises:
        ShapeError: not luma.
    """
    return _Search(ring, thorough).run(as_luma(luma))


def read_as_it_lies(luma: Luma, ring: KeyRing) -> ImageReading:
    """Look for a mark the cheapest way only: upright, not resized, in the Laplacian. For pictures about to be marked.

    Raises:
        ShapeError: not luma.
    """
    return _Search(ring, thorough=False).glance(as_luma(luma))


def verify_known(
    luma: Luma, keys: EpochKeys, *, tenant: str, mark_id: int, pattern: int, offset: tuple[int, int]
) -> float:
    """Matched check of a mark whose id, pattern and place are known: log10 p of one hypothesis, no search.

    Args:
        luma: (H, W) float32, the marked picture, not cut, turned or resized.
    """
    luma = as_luma(luma)
    chips = chips_of(keys.pattern)
    word = payload.sign(mark_id, keys.tags[tenant])
    plane = box_reduce(luma, octave_scale(*luma.shape))
    best = 0.0
    for make, spacing in ((residual.laplacian, residual.SPACING), (residual.whitened, 0)):
        tiles = tile_spectra(make(plane), chips, _start(offset), spacing=spacing, elastic=False)
        best = min(best, words.log10_p_of(tiles, chips, word, pattern, _tile_of(offset)))
        if best <= _OVERWHELMING:
            break  # whitening costs most of the check
    return min(0.0, best + _TWO_WAYS)


def _start(offset: tuple[int, int]) -> tuple[float, float]:
    """Where the first whole tile begins, given the first pixel's place in the super-tile."""
    return float(-offset[0] % TILE), float(-offset[1] % TILE)


def _tile_of(offset: tuple[int, int]) -> tuple[int, int]:
    """The super-tile place of the first (partial) tile."""
    return offset[0] // TILE, offset[1] // TILE


def evidence_of(reading: ImageReading) -> Evidence:
    """A reading in the common vocabulary."""
    code = {
        Status.FOUND: "mark_verified",
        Status.UNVERIFIED: "mark_unverified",
        Status.INCONCLUSIVE: "mark_inconclusive",
        Status.NOT_FOUND: "no_mark",
        Status.NOT_CHECKED: "too_small",
    }[reading.status]
    level = next(
        (x for x in (stats.ACCEPT_LOG10_P, stats.INCONCLUSIVE_LOG10_P) if reading.log10_p <= x), None
    )
    return Evidence(
        basis=Basis.WATERMARK,
        scheme=SCHEME,
        code=code,
        status=reading.status,
        mark_id=None if reading.mark_id is None else f"{reading.mark_id:016x}",
        details={} if level is None else {"false_alarm": f"below_1e{level:.0f}"},
        private={}
        if level is None
        else {
            "log10_p": reading.log10_p,
            "geometry": reading.geometry,
            "tenant": reading.tenant,
            "epoch": reading.epoch,
        },
    )
