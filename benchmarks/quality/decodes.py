"""The proved bound against unmarked pictures: hundreds of thousands of decodings by force.

A search looks at few words of a picture, and only where pilots stand out. Here the gates are left out: planes of
unmarked pictures (as they lie, whitened, resampled by chance) are aligned to the pilots of fresh keys, the sync names
its likeliest places, and the word of each place is decoded. Four statistics are kept, each against its own bound:

    known     256 fixed words at each place: log10 of exp(-S^2 / V), nothing added
    word      the decoded word, the best of all 2^100: as many added
    presence  the sync's best place, pattern, rings and sign: all of them added
    resync    the same after the sync itself has moved all tiles: its places added as well

The share of values at or below -x may be at most 10^-x. A word counts as a false alarm only where its tag is right,
which 1 in 2^36 is; so `word` is as near as a decoding comes to one before the tag is looked at.

`make soak` decodes 200,000 words in as many processes as `--processes` says.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self
from unittest import mock

import numpy as np
import numpy.typing as npt

from benchmarks import pipeline
from benchmarks.common import ROOT, Benchmark, Json, table
from benchmarks.quality.curves import Axes, svg
from benchmarks.quality.unmarked import MISSING, Source, handled, luma_of, sources
from waarmerk.core import codec, payload, stats
from waarmerk.core.arrays import Real
from waarmerk.core.chips import CODED_BITS, Chips, chips_of
from waarmerk.core.errors import InputError
from waarmerk.core.keys import EpochKeys
from waarmerk.core.layout import TILE
from waarmerk.core.payload import ID_BITS, PAYLOAD_BITS, VERSION
from waarmerk.detection import alignment, residual, words
from waarmerk.detection.rectify import rectified
from waarmerk.detection.tiles import tile_spectra

LEVELS = (1, 2, 3, 4, 5, 6, 7)  # -log10 p at which exceedances are printed
CONFIDENCE = 1e-6  # a count this improbable under the bound is called a violation
PLACES = 16  # words a plane and key
PLANES_A_KEY = 24
KNOWN_WORDS = 256
RESYNC_EVERY = 24  # planes; it costs as much as ten words
KINDS = ("laplacian", "whitened", "resampled")
TAIL_SHARE = 1e-3  # of the values, over which the tail is fitted
PLOT = ROOT / "docs" / "plots" / "null-tail.svg"
_LOW, _HIGH, _STEP = -30.0, 40.0, 0.05  # of the histograms, log10 p
_UNION_WORD = PAYLOAD_BITS * math.log10(2)


# ------------------------------------------------------------------------------------------------------ statistics


@dataclass(slots=True)
class Series:
    """How often each value came, in steps of 0.05 decades."""

    counts: npt.NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(round((_HIGH - _LOW) / _STEP), dtype=np.int64)
    )
    least: float = math.inf

    def add(self, values: npt.ArrayLike) -> None:
        array = np.asarray(values, dtype=np.float64)
        at = np.clip((array - _LOW) / _STEP, 0, len(self.counts) - 1).astype(np.intp)
        self.counts += np.bincount(at, minlength=len(self.counts))
        self.least = min(self.least, float(array.min()))

    def merge(self, other: Self) -> None:
        self.counts += other.counts
        self.least = min(self.least, other.least)

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    def reached(self, level: float) -> int:
        """Values of at most -level, to the step above: rather too many than too few."""
        return int(self.counts[: math.ceil((-level - _LOW) / _STEP - 1e-9) + 1].sum())

    def as_json(self) -> Json:
        """n, least, median, counts at levels, the fitted tail, the curve for the plot."""
        n, below = self.n, np.cumsum(self.counts)
        edges = _LOW + _STEP * np.arange(1, len(self.counts) + 1)
        level = np.arange(0, 12.01, 0.25)
        curve = [(float(x), self.reached(x)) for x in level]
        return {
            "n": n,
            "least": round(self.least, 2),
            "median": round(float(edges[int(np.searchsorted(below, n / 2))]), 2),
            "levels": [{"level": x, "reached": self.reached(x), "allowed": n * 10.0**-x} for x in LEVELS],
            "tail": self._tail(),
            "curve": [[x, round(math.log10(count / n), 3)] for x, count in curve if count],
        }

    def _tail(self) -> Json:
        """An exponential fitted to the least TAIL_SHARE of the values: share(v <= x) = share exp((x - t) / mean)."""
        n, below = self.n, np.cumsum(self.counts)
        at = int(np.searchsorted(below, min(max(n * TAIL_SHARE, 30), n)))
        threshold = _LOW + _STEP * (at + 1)
        middles = _LOW + _STEP * (np.arange(at + 1) + 0.5)
        count = int(self.counts[: at + 1].sum())
        mean = float(np.sum(self.counts[: at + 1] * (threshold - middles)) / max(count, 1))
        return {"threshold": round(threshold, 2), "share": count / n, "mean_decades": round(mean, 4)}


def extrapolated(tail: Json, log10_p: float) -> float:
    """log10 of the share of values at or below `log10_p`, by the fitted tail."""
    beyond = (tail["threshold"] - log10_p) / max(tail["mean_decades"], 1e-9)
    return math.log10(tail["share"]) - beyond / math.log(10)


def improbable(reached: int, allowed: float) -> bool:
    """A count of mean `allowed` is as large as `reached` with probability below `CONFIDENCE` (Chernoff, Poisson)."""
    if reached <= allowed:
        return False
    return reached * math.log(reached / allowed) - (reached - allowed) > -math.log(CONFIDENCE)


@dataclass(slots=True)
class Tally:
    """What became of all decodings of one process, or of all."""

    series: dict[str, Series] = field(
        default_factory=lambda: {name: Series() for name in ("known", "word", "presence", "resync")}
    )
    by_content: dict[str, Series] = field(default_factory=dict)
    by_kind: dict[str, Series] = field(default_factory=dict)
    keys: int = 0
    planes: int = 0
    version_right: int = 0
    tag_right: int = 0

    def merge(self, other: Tally) -> None:
        for mine, others in (
            (self.series, other.series),
            (self.by_content, other.by_content),
            (self.by_kind, other.by_kind),
        ):
            for name, series in others.items():
                mine.setdefault(name, Series()).merge(series)
        self.keys += other.keys
        self.planes += other.planes
        self.version_right += other.version_right
        self.tag_right += other.tag_right


# ---------------------------------------------------------------------------------------------------------- planes


@dataclass(frozen=True, slots=True)
class Plane:
    """A residual of an unmarked picture, padded to whole tiles."""

    content: str
    kind: str
    values: Real

    @property
    def spacing(self) -> int:
        return residual.SPACING if self.kind == "laplacian" else 0


def whole_tiles(plane: Real) -> Real:
    """Padded with zeros to whole tiles, as the search does before it turns a plane."""
    return np.pad(plane, ((0, -plane.shape[0] % TILE), (0, -plane.shape[1] % TILE)))


def plane_of(source: Source, kind: str, n: int) -> Plane:
    """The n-th handling of a picture, through one of the detector's three ways to a residual.

    Raises:
        InputError: the file is none that a detector looks at.
    """
    rng = pipeline.rng_of("plane", source.name, kind, n)
    luma = luma_of(handled(source.load(), rng))
    values = residual.laplacian(luma) if kind == "laplacian" else residual.whitened(luma)
    if kind == "resampled":
        angle, scale = rng.uniform(-math.pi / 4, math.pi / 4), rng.uniform(0.7, 1.6)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        turned = rectified(values, scale * turn)
        values = values if turned is None else turned
    return Plane(source.content, kind, whole_tiles(values))


def planes_of(found: Sequence[Source], each: int) -> list[Plane]:
    """`each` handlings of every source, the three kinds in turn."""
    planes = []
    for n in range(each):
        for i, source in enumerate(found):
            with suppress(InputError):  # some of the corpus' files are there to be refused
                planes.append(plane_of(source, KINDS[(i + n) % len(KINDS)], n))
    return planes


# -------------------------------------------------------------------------------------------------------- decoding


def known_signs(n: int = KNOWN_WORDS) -> npt.NDArray[np.float32]:
    """(n, 800) float32 +1 / -1: codewords of random payloads, the same in every run."""
    rng = pipeline.rng_of("known words")
    bits = rng.integers(0, 2, (n, PAYLOAD_BITS)).astype(np.uint8)
    return np.stack([1 - 2 * codec.encode(b).astype(np.float32) for b in bits])


class Decoder:
    """Decodes, and listens to the soft bits on their way to the decoder: other words are weighed by them, too."""

    def __init__(self) -> None:
        self._signs = known_signs()
        self._decode = codec.decode
        self._soft: Real = np.zeros(CODED_BITS, dtype=np.float32)

    def _listening(self, soft: Real) -> npt.NDArray[np.uint8]:
        self._soft = soft
        return self._decode(soft)

    def pair(self, plane: Plane, keys: EpochKeys, tally: Tally, *, resync: bool) -> None:
        """All places of one plane under one fresh key."""
        chips = chips_of(keys.pattern)
        found = alignment.align(plane.values, chips)[0]
        turned = alignment.turn(plane.values, found.dihedral)
        tiles = tile_spectra(turned, chips, found.shift, spacing=plane.spacing, elastic=plane.spacing == 0)
        values: list[float] = []
        with mock.patch.object(codec, "decode", self._listening):
            for n, (pattern, offset) in enumerate(words.find_super_tile(tiles, chips, best=PLACES)):
                word = words.decode_at(tiles, chips, pattern, offset)
                values.append(stats.log10_tail(word.score, word.variance) + _UNION_WORD)
                scores = self._signs @ self._soft
                tally.series["known"].add(_tails(scores, word.variance))
                tally.version_right += word.payload.version == VERSION
                tally.tag_right += payload.signer_of(word.payload, keys.tags.items()) is not None
                if n == 0:
                    tally.series["presence"].add([_presence(word, 1)])
        tally.series["word"].add(values)
        tally.by_content.setdefault(plane.content, Series()).add(values)
        tally.by_kind.setdefault(plane.kind, Series()).add(values)
        tally.planes += 1
        if resync:
            rigid = tile_spectra(turned, chips, found.shift, spacing=plane.spacing, elastic=False)
            tally.series["resync"].add([_moved_presence(words.resynchronised(rigid, chips), chips)])


def _tails(scores: Real, variance: float) -> npt.NDArray[np.float64]:
    """log10 exp(-S^2 / V) of many scores, 0 for those not above 0."""
    positive = np.maximum(scores.astype(np.float64), 0)
    tails: npt.NDArray[np.float64] = -(positive**2) / max(variance, 1e-30) / math.log(10)
    return tails


def _presence(word: words.Word, places: int) -> float:
    tail = stats.log10_tail(abs(word.sync_score), word.sync_variance)
    return tail + math.log10(2 * places * words.SYNC_HYPOTHESES)


def _moved_presence(tiles: words.TileSpectra, chips: Chips) -> float:
    pattern, offset = words.find_super_tile(tiles, chips)[0]
    return _presence(words.decode_at(tiles, chips, pattern, offset), words.RESYNC_PLACES)


# ------------------------------------------------------------------------------------------------------- benchmark


@dataclass(frozen=True, slots=True)
class Effort:
    """How much: words in all, handlings of every picture, processes."""

    decodes: int
    handlings: int
    processes: int = 1


SHORT = Effort(decodes=5_000, handlings=1)
LONG = Effort(decodes=200_000, handlings=3)


def run(effort: Effort, share: int = 0) -> Tally:
    """One process's part: keys share, share + processes, ... of all, each on the next planes in turn."""
    planes = planes_of(sources(), effort.handlings)
    order = pipeline.rng_of("order").permutation(len(planes))
    n_keys = math.ceil(effort.decodes / (PLANES_A_KEY * PLACES))
    tally, decoder = Tally(), Decoder()
    begun = time.monotonic()
    for n in range(share, n_keys, effort.processes):
        keys = pipeline.ring_of(f"fresh key {n}").current
        for i in range(PLANES_A_KEY):
            plane = planes[order[(n * PLANES_A_KEY + i) % len(planes)]]
            decoder.pair(plane, keys, tally, resync=i % RESYNC_EVERY == 0)
        tally.keys += 1
        if tally.keys % 20 == 0:
            spent = time.monotonic() - begun
            print(f"  process {share}: key {n} of {n_keys}, {spent:.0f} s", file=sys.stderr, flush=True)
    return tally


def forced(effort: Effort) -> Json:
    """All processes together."""
    total = Tally()
    if effort.processes == 1:
        total = run(effort)
    else:
        with multiprocessing.get_context("spawn").Pool(effort.processes) as pool:
            for part in pool.starmap(run, [(effort, share) for share in range(effort.processes)]):
                total.merge(part)
    return {
        "keys": total.keys,
        "pairs": total.planes,
        "pictures": len(sources()),
        "handlings": effort.handlings,
        "version_right": total.version_right,
        "tag_right": total.tag_right,
        "series": {name: series.as_json() for name, series in total.series.items() if series.n},
        "by_content": _by(total.by_content),
        "by_kind": _by(total.by_kind),
    }


def _by(parts: dict[str, Series]) -> Json:
    return {
        name: {"n": s.n, "least": round(s.least, 2), "inconclusive": s.reached(6), "found": s.reached(12)}
        for name, s in sorted(parts.items())
    }


def measure(arguments: argparse.Namespace) -> Json:
    long = getattr(arguments, "long", False)
    effort = LONG if long else SHORT
    processes = getattr(arguments, "processes", 1)
    decodes = getattr(arguments, "decodes", 0) or effort.decodes
    results = forced(Effort(decodes, effort.handlings, processes))
    if long:
        PLOT.parent.mkdir(parents=True, exist_ok=True)
        PLOT.write_text(plot(results))
    return {**results, "long": long}


def misses(results: Json) -> list[str]:
    missed = [
        f"the bound '{name}' is beaten at 1e-{level['level']}: {level}"
        for name, series in results["series"].items()
        for level in series["levels"]
        if improbable(level["reached"], level["allowed"])
    ]
    if results["tag_right"]:
        missed.append(f"{results['tag_right']} words of unmarked pictures had a right tag")
    return missed


NAMES = {
    "known": "one known word",
    "word": "best of 2^100 words",
    "presence": "sync, best of all places",
    "resync": "sync after moving the tiles by it",
}


def plot(results: Json) -> str:
    """Share of decodings that reach a level, against what the bound allows."""
    lines: dict[str, Sequence[tuple[float, float]]] = {"the bound": [(0, 0), (9, -9)]}
    for name, series in results["series"].items():
        lines[NAMES[name]] = [(x, y) for x, y in series["curve"]]
    axes = Axes(
        title="Unmarked pictures: how often a bound p is reached",
        x="-log10 p, as the detector counts it",
        y="log10 of the share of decodings",
        x_range=(0, 9),
        y_range=(-9, 0),
        x_step=1,
        y_step=1,
    )
    return svg(axes, lines, frozenset({"the bound"}))


def _fitted(results: Json) -> str:
    """What the tail of the decoded words says about a false alarm."""
    word = results["series"]["word"]
    # A reading under one key at the first try pays for 2^64 ids and 2; `word` pays for 2^100.
    found, traces = (
        level + (PAYLOAD_BITS - ID_BITS) * math.log10(2) - math.log10(2)
        for level in (stats.ACCEPT_LOG10_P, stats.INCONCLUSIVE_LOG10_P)
    )
    tag = (PAYLOAD_BITS - ID_BITS) * math.log10(2)
    at = [extrapolated(word["tail"], level) - tag for level in (found, traces)]
    tail = word["tail"]
    return (
        f"The least value of all words is log10 p = {word['least']} (the best of 2^100 words counted), where a "
        f"detection needs {stats.ACCEPT_LOG10_P:.0f}. The least {tail['share']:.1%} lie {tail['mean_decades']:.2f} "
        f"decades below {tail['threshold']} on average; an exponential of that mean, and the 36 bits of version and "
        f"tag that must be right by chance, put a decoding that is called found at 10^{at[0]:.1f} and one with a right "
        f"tag that is called inconclusive at 10^{at[1]:.1f}. Version 1 was read {results['version_right']} times "
        f"({word['n'] / 16:.0f} expected of words at random), a right tag {results['tag_right']} times "
        f"({word['n'] / 2**36:.1g} expected)."
    )


def markdown(results: Json) -> str:
    tails = []
    for name, series in results["series"].items():
        cells = [f"{x['reached']} / {x['allowed']:.3g}" for x in series["levels"]]
        tails.append([NAMES[name], series["n"], series["median"], series["least"], *cells])

    def rows(parts: Json) -> list[list[object]]:
        return [[name, p["n"], p["least"], p["inconclusive"], p["found"]] for name, p in parts.items()]

    head = ["", "words", "least log10 p", "at or below -6", "at or below -12"]
    return "\n\n".join(
        [
            f"{results['series']['word']['n']} words decoded by force: {results['pictures']} unmarked pictures, each "
            f"handled in {results['handlings']} ways, {results['pairs']} pairs of a picture and one of "
            f"{results['keys']} fresh keys, {PLACES} places each. How often log10 p reached a level / how often the "
            "bound allows it:",
            table(["statistic", "n", "median", "least", *(f"-{x}" for x in LEVELS)], tails),
            _fitted(results),
            *(["![How often a bound is reached](plots/null-tail.svg)"] if results["long"] else []),
            "By content, the best of 2^100 words counted, no tag looked at:",
            table(["content", *head[1:]], rows(results["by_content"])),
            "By the detector's way to its residual:",
            table(["residual", *head[1:]], rows(results["by_kind"])),
            f"Not to be had here, so nothing is known of: {', '.join(MISSING)}.",
        ]
    )


BENCHMARK = Benchmark("decodes", "The bound against unmarked pictures", measure, markdown, misses)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--long", action="store_true", help="200,000 words, kept as decodes_long.json")
    parser.add_argument("--decodes", type=int, default=0, help="so many words instead")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    return BENCHMARK.main(arguments, keep_as="decodes_long" if arguments.long else "")


if __name__ == "__main__":
    raise SystemExit(main())
