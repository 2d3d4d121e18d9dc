"""Pictures without our mark: nothing may be found, and the proved bound may not be beaten.

Two questions. Whole searches: real files, made pictures, cropped and turned ones, pictures marked under another key;
how near does any of them come to being called marked? And the statistic alone, without the luck of few trials: unmarked
tiles are decoded by force under many fresh keys, and how often the bound p is reached is counted against p itself.

`make soak` asks the same with thousands of each.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks import attacks, pictures, pipeline
from benchmarks.common import Benchmark, Json, table
from waarmerk.adapters.images import decode_luma
from waarmerk.core import stats
from waarmerk.core.arrays import Luma, Real
from waarmerk.core.chips import Chips, chips_of
from waarmerk.core.errors import InputError
from waarmerk.core.evidence import Status
from waarmerk.core.keys import PatternKey
from waarmerk.core.layout import PATTERNS, SUPER, TILE
from waarmerk.core.payload import PAYLOAD_BITS, Payload
from waarmerk.detection import alignment, residual, words
from waarmerk.detection.images import MIN_SIDE, read
from waarmerk.detection.tiles import TileSpectra, tile_spectra

FOLDERS = ("images", "ai-images", "odd-images", "c2pa")
LEVELS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0)  # -log10 p at which exceedances are counted
KNOWN_TRIES = 16  # known words tried a forced decode
CONFIDENCE = 1e-6  # a count this improbable under the bound is called a violation


@dataclass(frozen=True, slots=True)
class Effort:
    """How many of each."""

    made: int = 100
    altered: int = 100
    other_key: int = 100
    keys: int = 40
    planes_a_key: int = 12


SHORT, LONG = Effort(), Effort(made=1500, altered=1500, other_key=1000, keys=1000, planes_a_key=12)


# -------------------------------------------------------------------------------------------------- whole searches


@dataclass(slots=True)
class Decodes:
    """What the statistic answered during a search: log10 p, at most 0, of every word and every sync."""

    reading: list[float] = field(default_factory=list)
    presence: list[float] = field(default_factory=list)


@contextmanager
def watched() -> Iterator[Decodes]:
    """Listen in on core.stats: a search keeps to itself how near its rejected words came."""
    seen = Decodes()

    def listening(function: Callable[..., float], heard: list[float]) -> Callable[..., float]:
        def call(*args: float, **options: float) -> float:
            heard.append(function(*args, **options))
            return heard[-1]

        return call

    with (
        mock.patch.object(stats, "log10_reading", listening(stats.log10_reading, seen.reading)),
        mock.patch.object(stats, "log10_presence", listening(stats.log10_presence, seen.presence)),
    ):
        yield seen


def pilot_peak(luma: Luma) -> float:
    """The largest pilot peak of a picture as it lies, over both residuals."""
    chips = chips_of(pipeline.RING.current.pattern)
    peaks = [
        abs(alignment.align(whole_tiles(make(luma)), chips)[0].peak)
        for make in (residual.laplacian, residual.whitened)
    ]
    return max(peaks)


def whole_tiles(plane: Real) -> Real:
    """Padded with zeros to whole tiles, as the search does before it turns a plane."""
    return np.pad(plane, ((0, -plane.shape[0] % TILE), (0, -plane.shape[1] % TILE)))


def searched(luma: Luma) -> Json:
    """One search of a picture that carries no mark of ours."""
    start = time.thread_time()
    with watched() as seen:
        found = read(luma, pipeline.RING)
    spent = time.thread_time() - start
    small = found.status is Status.NOT_CHECKED
    return {
        "status": found.status.value,
        "log10_p": round(found.log10_p, 2),
        "decodes": len(seen.reading),
        "min_reading": round(min(seen.reading), 2) if seen.reading else None,
        "min_presence": round(min(seen.presence), 2) if seen.presence else None,
        "peak": None if small else round(pilot_peak(luma), 2),
        "ms": round(spent * 1e3),
    }


def corpus_files() -> list[Path]:
    """Every file of the corpus that might hold a picture, and those that will be refused."""
    folder = pipeline.corpus_folder()
    if folder is None:
        return []
    return sorted(
        path
        for name in FOLDERS
        for path in (folder / name).rglob("*")
        if path.is_file() and path.name not in ("index.csv", "README.md")
    )


def of_corpus() -> tuple[dict[str, Json], dict[str, int], list[str]]:
    """(results by file, refusals by code, faults: exceptions that are no refusal)."""
    results: dict[str, Json] = {}
    refused: dict[str, int] = {}
    faults: list[str] = []
    for path in corpus_files():
        try:
            luma = decode_luma(path.read_bytes(), pipeline.LIMITS)
            results[f"{path.parent.name}/{path.name}"] = searched(luma)
        except InputError as refusal:
            refused[refusal.code] = refused.get(refusal.code, 0) + 1
        except Exception as fault:  # the point of looking is to find these
            faults.append(f"{path.parent.name}/{path.name}: {type(fault).__name__}: {fault}")
    return results, refused, faults


def made(index: int) -> pictures.Rgb:
    """The n-th made picture: four kinds, 200 to 900 pixels a side."""
    rng = pipeline.rng_of("nulls", index)
    height, width = (int(n) for n in rng.integers(200, 900, 2))
    kind = (pictures.photo, pictures.cartoon, pictures.grain, _smooth)[index % 4]
    return kind(10_000 + index, height, width)


def _smooth(seed: int, height: int, width: int) -> pictures.Rgb:
    plane = pictures.clouds(seed, height, width, 2.2) * 255
    return np.repeat(np.rint(plane)[..., None], 3, axis=2).astype(np.uint8)


def luma_of(image: Image.Image) -> Luma:
    return np.asarray(image.convert("L")).astype(np.float32)


def of_made(index: int) -> Luma:
    return luma_of(Image.fromarray(made(index)))


def of_altered(index: int) -> Luma:
    """A part of a real picture (a made one where there is no corpus), turned, resized and coded by chance."""
    rng = pipeline.rng_of("altered", index)
    files = list(pipeline.corpus_images().values())
    image = (
        pipeline.opened(files[index % len(files)])
        if files
        else Image.fromarray(pictures.photo(20_000 + index, 800, 900))
    )
    side = int(rng.integers(160, min(700, *image.size) + 1))
    left, top = (int(rng.integers(n - side + 1)) for n in image.size)
    image = image.crop((left, top, left + side, top + side))
    if index % 3 == 1:
        image = attacks.rotated(float(rng.uniform(-45, 45)))(image)
    if index % 3 == 2:
        image = attacks.scaled(float(rng.uniform(0.7, 1.6)))(image)
    return luma_of(attacks.jpeg(int(rng.integers(20, 96)))(image))


def of_other_key(index: int) -> Luma:
    """A picture marked by another deployment; each third one turned or coded."""
    ring = pipeline.ring_of(f"other {index}")
    draw = pipeline.Draw.of("other", index)
    files = list(pipeline.corpus_images().values())
    if files and index % 2:
        image = pipeline.opened(pipeline.mark_file(files[index // 2 % len(files)], draw, ring=ring))
    else:
        planes = pictures.photo(30_000 + index, 512 + index % 7 * 40, 640)
        image = Image.fromarray(pipeline.marked_planes(planes, draw, ring=ring))
    change = (lambda im: im, attacks.jpeg(60), attacks.rotated(5))[index % 3]
    return luma_of(change(image))


def many(make: Callable[[int], Luma], count: int, label: str) -> list[Json]:
    results = []
    for index in range(count):
        if index % 50 == 0:
            print(f"  {label}: {index} of {count}", file=sys.stderr, flush=True)
        results.append(searched(make(index)))
    return results


def summary(results: Sequence[Json]) -> Json:
    """A set of searches in a line."""

    def of(name: str) -> list[float]:
        return [r[name] for r in results if r[name] is not None]

    return {
        "pictures": len(results),
        "too_small": sum(r["status"] == Status.NOT_CHECKED for r in results),
        "detections": sum(r["status"] in (Status.FOUND, Status.UNVERIFIED) for r in results),
        "decodes": sum(r["decodes"] for r in results),
        "min_reading": min(of("min_reading"), default=None),
        "min_presence": min(of("min_presence"), default=None),
        "max_peak": max(of("peak"), default=None),
        "median_ms": float(np.median(of("ms"))) if results else None,
        "max_ms": max(of("ms"), default=None),
    }


# ------------------------------------------------------------------------------------------------- forced decodes


def unmarked_planes(count: int) -> list[tuple[Real, int]]:
    """(residual padded to whole tiles, spacing) of unmarked pictures, half Laplacian, half whitened."""
    planes: list[tuple[Real, int]] = []
    index = 0
    while len(planes) < count:
        luma = of_altered(1_000 + index) if index % 2 else of_made(1_000 + index)
        make, spacing = (residual.laplacian, residual.SPACING) if index // 2 % 2 else (residual.whitened, 0)
        if min(luma.shape) >= MIN_SIDE:
            planes.append((whole_tiles(make(luma)), spacing))
        index += 1
    return planes


def forced(plane: Real, spacing: int, chips: Chips) -> tuple[TileSpectra, words.Word]:
    """Decode at the best pilot peak, whether or not it stands out."""
    found = alignment.align(plane, chips)[0]
    tiles = tile_spectra(alignment.turn(plane, found.dihedral), chips, found.shift, spacing=spacing)
    pattern, offset = words.find_super_tile(tiles, chips)[0]
    return tiles, words.decode_at(tiles, chips, pattern, offset)


def known_words(tiles: TileSpectra, chips: Chips, rng: np.random.Generator) -> list[float]:
    """log10 p of one hypothesis each: random words at random places, nothing chosen by the picture."""
    values = []
    for _ in range(KNOWN_TRIES):
        mark_id, tag = int(rng.integers(1 << 64, dtype=np.uint64)), int(rng.integers(1 << 32))
        place = (int(rng.integers(SUPER)), int(rng.integers(SUPER)))
        pattern = int(rng.integers(PATTERNS))
        values.append(words.log10_p_of(tiles, chips, Payload(1, mark_id, tag), pattern, place))
    return values


def forced_statistics(effort: Effort) -> Json:
    """The three bounds' values over many (picture, fresh key) pairs.

    known: one word at one place; p <= 10^-x may happen in a share of at most 10^-x.
    word: the best of all 2^100 words, that many added to the bound.
    presence: the sync's best place, pattern, rings and sign, all counted.
    """
    planes = unmarked_planes(4 * effort.planes_a_key)
    known: list[float] = []
    word: list[float] = []
    presence: list[float] = []
    for n in range(effort.keys):
        if n % 20 == 0:
            print(f"  forced decodes: key {n} of {effort.keys}", file=sys.stderr, flush=True)
        rng = pipeline.rng_of("fresh key", n)
        chips = chips_of(PatternKey(rng.bytes(32)))
        for i in range(effort.planes_a_key):
            tiles, found = forced(*planes[(n * effort.planes_a_key + i) % len(planes)], chips)
            known += known_words(tiles, chips, rng)
            word.append(stats.log10_tail(found.score, found.variance) + PAYLOAD_BITS * math.log10(2))
            hypotheses = math.log10(2 * words.SYNC_HYPOTHESES)
            presence.append(stats.log10_tail(abs(found.sync_score), found.sync_variance) + hypotheses)
    return {
        "keys": effort.keys,
        "pictures": len(planes),
        "known": tail(known),
        "word": tail(word),
        "presence": tail(presence),
    }


def tail(values: Sequence[float]) -> Json:
    """How often each level was reached, and how often the bound would allow."""
    array: npt.NDArray[np.float64] = np.asarray(values)
    return {
        "n": len(values),
        "min": round(float(array.min()), 2),
        "median": round(float(np.median(array)), 2),
        "levels": [
            {"level": x, "reached": int(np.count_nonzero(array <= -x)), "allowed": len(values) * 10.0**-x}
            for x in LEVELS
        ],
    }


def improbable(reached: int, allowed: float) -> bool:
    """A count of mean `allowed` is as large as `reached` with a probability below `CONFIDENCE` (Chernoff, Poisson)."""
    if reached <= allowed:
        return False
    return reached * math.log(reached / allowed) - (reached - allowed) > -math.log(CONFIDENCE)


# ------------------------------------------------------------------------------------------------------ benchmark


def measure(arguments: argparse.Namespace) -> Json:
    effort = LONG if getattr(arguments, "long", False) else SHORT
    corpus, refused, faults = of_corpus()
    sets = {
        "corpus files": list(corpus.values()),
        "made": many(of_made, effort.made, "made"),
        "cropped, turned, resized, coded": many(of_altered, effort.altered, "altered"),
        "marked under another key": many(of_other_key, effort.other_key, "other key"),
    }
    return {
        "corpus": corpus,
        "refused": refused,
        "faults": faults,
        "sets": {name: summary(results) for name, results in sets.items()},
        "forced": forced_statistics(effort),
    }


def misses(results: Json) -> list[str]:
    missed = [
        f"{s['detections']} detections among {s['pictures']} unmarked pictures ({name})"
        for name, s in results["sets"].items()
        if s["detections"]
    ]
    missed += [f"an exception: {fault}" for fault in results["faults"]]
    for name in ("known", "word", "presence"):
        for level in results["forced"][name]["levels"]:
            if improbable(level["reached"], level["allowed"]):
                missed.append(f"the bound '{name}' is beaten at 1e-{level['level']}: {level}")
    return missed


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def markdown(results: Json) -> str:
    sets = [
        [
            name,
            s["pictures"],
            s["too_small"],
            s["detections"],
            s["decodes"],
            _number(s["min_reading"]),
            _number(s["min_presence"]),
            _number(s["max_peak"]),
            _number(s["median_ms"], 0),
            _number(s["max_ms"], 0),
        ]
        for name, s in results["sets"].items()
    ]
    head = ["unmarked", "pictures", "too small", "detections", "words decoded", "least log10 p, word"]
    head += ["least log10 p, sync", "largest pilot peak", "median ms", "longest ms"]
    forced_ = results["forced"]
    names = {"known": "one known word", "word": "best of 2^100 words", "presence": "sync, best of all places"}
    tails = []
    for name, title in names.items():
        t = forced_[name]
        cells = [f"{v['reached']} / {v['allowed']:.3g}" for v in t["levels"]]
        tails.append([title, t["n"], t["median"], t["min"], *cells])
    refusals = ", ".join(f"{n} {code}" for code, n in sorted(results["refused"].items()))
    return "\n\n".join(
        [
            "A detection would be log10 p of -12 or less. 'Least log10 p' is taken over every word a search decoded "
            "and dropped, before its tag was looked at: the decoder chooses among 2^100 words, of which 2^64 are "
            "counted, since no others can have a right tag.",
            table(head, sets),
            f"Corpus files refused by name: {refusals or 'none'}. Other exceptions: {len(results['faults'])}.",
            f"Forced decodes of {forced_['pictures']} unmarked pictures' tiles under {forced_['keys']} fresh keys: "
            "how often log10 p reached a level / how often the bound allows it.",
            table(["statistic", "n", "median", "least", *(f"-{x}" for x in LEVELS)], tails),
        ]
    )


BENCHMARK = Benchmark("nulls", "Pictures without our mark", measure, markdown, misses)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="thousands of each, kept as nulls_long.json")
    arguments = parser.parse_args()
    return BENCHMARK.main(arguments, keep_as="nulls_long" if arguments.long else "")


if __name__ == "__main__":
    raise SystemExit(main())
