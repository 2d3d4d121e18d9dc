"""Pictures without our mark through the whole search: nothing may be found.

Every file of the corpus, and every picture of `benchmarks.quality.unmarked` by chance cropped, turned, resized and
coded, pictures marked under another key among them; how near does any of them come to being called marked? What the
statistic alone does, without the luck of few trials, is in `benchmarks.quality.decodes`.

`make soak` asks the same ten times over.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks import pipeline
from benchmarks.common import Benchmark, Json, table
from benchmarks.quality.decodes import whole_tiles
from benchmarks.quality.unmarked import MISSING, Source, handled, luma_of, sources
from waarmerk.adapters.images import decode_luma
from waarmerk.core import stats
from waarmerk.core.arrays import Luma
from waarmerk.core.chips import chips_of
from waarmerk.core.errors import InputError
from waarmerk.core.evidence import Status
from waarmerk.detection import alignment, residual
from waarmerk.detection.images import read

FOLDERS = ("images", "ai-images", "odd-images", "c2pa")
HANDLINGS, HANDLINGS_LONG = 1, 10  # of every picture


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


def search_of(source: Source, n: int) -> Json:
    """The n-th handling of a picture, searched.

    Raises:
        InputError: the file is none that a detector looks at.
    """
    return searched(luma_of(handled(source.load(), pipeline.rng_of("search", source.name, n))))


def by_content(handlings: int) -> dict[str, list[Json]]:
    """Searches of every picture at hand, `handlings` times each, by content."""
    results: dict[str, list[Json]] = {}
    found = sources()
    for n in range(handlings):
        for i, source in enumerate(found):
            if i % 50 == 0:
                print(f"  handling {n + 1} of {handlings}: {i} of {len(found)}", file=sys.stderr, flush=True)
            with suppress(InputError):  # some of the corpus' files are there to be refused
                results.setdefault(source.content, []).append(search_of(source, n))
    return dict(sorted(results.items()))


def summary(results: Sequence[Json]) -> Json:
    """A set of searches in a line."""

    def of(name: str) -> list[float]:
        return [r[name] for r in results if r[name] is not None]

    return {
        "searches": len(results),
        "too_small": sum(r["status"] == Status.NOT_CHECKED for r in results),
        **{
            status.value: sum(r["status"] == status for r in results)
            for status in (Status.FOUND, Status.UNVERIFIED, Status.INCONCLUSIVE)
        },
        "decodes": sum(r["decodes"] for r in results),
        "min_reading": min(of("min_reading"), default=None),
        "min_presence": min(of("min_presence"), default=None),
        "max_peak": max(of("peak"), default=None),
        "median_ms": float(np.median(of("ms"))) if results else None,
        "max_ms": max(of("ms"), default=None),
    }


# ------------------------------------------------------------------------------------------------------ benchmark


def measure(arguments: argparse.Namespace) -> Json:
    corpus, refused, faults = of_corpus()
    handlings = HANDLINGS_LONG if getattr(arguments, "long", False) else HANDLINGS
    sets = {"every file of the corpus, as it is": list(corpus.values()), **by_content(handlings)}
    return {
        "corpus": corpus,
        "refused": refused,
        "faults": faults,
        "handlings": handlings,
        "sets": {name: summary(results) for name, results in sets.items()},
    }


def misses(results: Json) -> list[str]:
    missed = [
        f"{s[status.value]} times {status.value} among {s['searches']} searches of unmarked pictures ({name})"
        for name, s in results["sets"].items()
        for status in (Status.FOUND, Status.UNVERIFIED, Status.INCONCLUSIVE)
        if s[status.value]
    ]
    return missed + [f"an exception: {fault}" for fault in results["faults"]]


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def markdown(results: Json) -> str:
    rows = [
        [
            name,
            s["searches"],
            s["too_small"],
            s["found"],
            s["unverified"],
            s["inconclusive"],
            s["decodes"],
            _number(s["min_reading"]),
            _number(s["min_presence"]),
            _number(s["max_peak"]),
            _number(s["median_ms"], 0),
            _number(s["max_ms"], 0),
        ]
        for name, s in results["sets"].items()
    ]
    head = ["unmarked", "searches", "too small", "found", "unverified", "inconclusive", "words decoded"]
    head += ["least log10 p, word", "least log10 p, sync", "largest pilot peak", "median ms", "longest ms"]
    refusals = ", ".join(f"{n} {code}" for code, n in sorted(results["refused"].items()))
    return "\n\n".join(
        [
            "Whole searches. 'Found' and 'unverified' are answers at log10 p of -12 or less, 'inconclusive' at -6 or "
            "less. 'Least log10 p' is taken over every word a search decoded and dropped, before its tag was looked "
            "at: the decoder chooses among 2^100 words, of which 2^64 are counted, since no others can have a right "
            f"tag. Every picture was cropped, turned, resized and coded by chance, {results['handlings']} times.",
            table(head, rows),
            f"Corpus files refused by name: {refusals or 'none'}. Other exceptions: {len(results['faults'])}. Not to "
            f"be had here, so nothing is known of: {', '.join(MISSING)}.",
        ]
    )


BENCHMARK = Benchmark("nulls", "Searches of pictures without our mark", measure, markdown, misses)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="ten times as many, kept as nulls_long.json")
    arguments = parser.parse_args()
    return BENCHMARK.main(arguments, keep_as="nulls_long" if arguments.long else "")


if __name__ == "__main__":
    raise SystemExit(main())
