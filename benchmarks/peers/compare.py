"""Ours beside the marks that run here: the same pictures, the same attacks, each through its own package.

`python -m benchmarks.peers.compare`. Marked pictures are attacked as PNG files and read from PNG files. Peers that take
seconds a picture see fewer pictures; whoever is compared is compared on the same ones, the first of one fixed order.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from benchmarks import attacks, pipeline
from benchmarks import pictures as made
from benchmarks.common import Benchmark, Json, load
from benchmarks.peers import environment
from benchmarks.peers.client import PeerFailed, Peers
from benchmarks.peers.judgement import markdown, misses
from benchmarks.peers.marks import ENTRIES, OURS, PACKAGE, SUITE, Entry
from benchmarks.quality import measures, perceptual, sets

LONG_SIDE = 1024  # pixels; larger pictures are reduced to it
_KIND_ORDER = ("photo", "illustration", "photo", "flat", "photo", "text")


# ------------------------------------------------------------------------------------------------------- pictures


def reporting_pictures(count: int) -> dict[str, Image.Image]:
    """The first `count` reporting pictures, half of them photographs; the corpus' where no set is built.

    Raises:
        SystemExit: neither is at hand.
    """
    by_kind: dict[str, list[sets.Picture]] = {}
    for picture in sets.pictures(sets.REPORTING):
        by_kind.setdefault(picture.kind, []).append(picture)
    if by_kind:
        names = {p.path.stem: p.path.read_bytes() for p in in_turns(by_kind, _KIND_ORDER, count)}
    else:
        names = dict(list(pipeline.corpus_images().items())[:count])
    if not names:
        raise SystemExit("no pictures: run `python -m benchmarks.quality.sets` or set WAARMERK_CORPUS")
    return {name: attacks.long_side(LONG_SIDE)(pipeline.opened(data)) for name, data in names.items()}


def in_turns(
    groups: Mapping[str, Sequence[sets.Picture]], order: Sequence[str], count: int
) -> list[sets.Picture]:
    """`count` pictures, one of each named group in turn while it has any."""
    left = {name: list(items) for name, items in groups.items() if name in order}
    taken: list[sets.Picture] = []
    for name in cycle(order):
        if len(taken) >= count or not any(left.values()):
            return taken
        if left.get(name):
            taken.append(left[name].pop(0))
    return taken


# -------------------------------------------------------------------------------------------------------- systems


class System(Protocol):
    """A mark that reads and writes PNG files."""

    bits: int

    def embed(self, source: Path, target: Path, payload: int) -> float:
        """CPU seconds."""
        ...

    def detect(self, source: Path, *, cropped: bool) -> tuple[int | None, float]:
        """(payload or None, CPU seconds)."""
        ...


class Ours:
    """Our own mark through the same door."""

    bits = 64

    def embed(self, source: Path, target: Path, payload: int) -> float:
        planes = np.asarray(Image.open(source))
        seed = pipeline.Draw.of("peers", f"{payload:x}")
        draw = pipeline.Draw(payload, seed.pattern, seed.offset)
        start = time.thread_time()
        marked = pipeline.marked_planes(planes, draw)
        seconds = time.thread_time() - start
        Image.fromarray(marked).save(target, compress_level=1)
        return seconds

    def detect(self, source: Path, *, cropped: bool) -> tuple[int | None, float]:  # noqa: ARG002 (not told)
        data = source.read_bytes()
        start = time.thread_time()
        reading = pipeline.read_file(data)
        return reading.mark_id, time.thread_time() - start


class Theirs:
    """A peer in its own environment."""

    def __init__(self, peers: Peers, name: str) -> None:
        self._peers, self._name = peers, name
        self.bits = peers.bits(name)

    def embed(self, source: Path, target: Path, payload: int) -> float:
        return self._peers.embed(self._name, source, target, payload)

    def detect(self, source: Path, *, cropped: bool) -> tuple[int | None, float]:
        found = self._peers.detect(self._name, source, cropped=cropped)
        return found.payload, found.seconds


# ------------------------------------------------------------------------------------------------------ measuring


def outcome_of(found: int | None, due: int) -> str:
    """exact, wrong (another payload) or none."""
    if found is None:
        return "none"
    return "exact" if found == due else "wrong"


def _read(system: System, path: Path, due: int, *, cropped: bool = False) -> tuple[str, float]:
    """(outcome, CPU seconds); a reader that raises has read nothing."""
    try:
        found, seconds = system.detect(path, cropped=cropped)
    except PeerFailed:
        return "none", 0.0
    return outcome_of(found, due), seconds


def examine(
    system: System, name: str, image: Image.Image, which: Mapping[str, attacks.Attack], folder: Path
) -> Json:
    """One picture under one mark: what marking cost it and what it survives. PeerFailed where it cannot be marked."""
    payload = int(pipeline.rng_of("peers", name).bytes(16).hex(), 16) >> (128 - system.bits)
    source, target, attacked = (folder / f"{part}.png" for part in ("source", "marked", "attacked"))
    image.save(source, compress_level=1)
    unmarked, _ = _read(system, source, payload)
    embed_s = system.embed(source, target, payload)
    marked = Image.open(target).convert("RGB")
    outcomes: dict[str, str] = {}
    seconds: list[float] = []
    for label, attack in which.items():
        attack(marked).save(attacked, compress_level=1)
        outcomes[label], took = _read(system, attacked, payload, cropped="crop" in label)
        seconds.append(took)
    return {
        **quality(np.asarray(image), np.asarray(marked)),
        "ssimulacra2": perceptual.ssimulacra2(image, marked),
        "unmarked": unmarked,
        "embed_s": round(embed_s, 4),
        "detect_s": round(statistics.mean(seconds), 4) if seconds else 0.0,
        "attacks": outcomes,
    }


def quality(original: measures.Rgb, marked: measures.Rgb) -> Json:
    """What a viewer could notice."""
    visible = np.ones(original.shape[:2], dtype=bool)
    rms, blocks = measures.flat_rms(original, marked, visible)
    return {
        "size": [original.shape[1], original.shape[0]],
        "psnr": measures.psnr(original, marked, visible),
        "ssim": measures.ssim(original, marked),
        "flat_rms": rms if blocks else None,
        "largest": int(np.abs(marked.astype(int) - original).max()),
    }


def _measured(entry: Entry, pictures: Mapping[str, Image.Image], part: str) -> Json:
    """One mark on its pictures, under those of its attacks whose name contains `part`."""
    which = {name: attack for name, attack in entry.suite.items() if part in name}
    mine = dict(list(pictures.items())[: entry.pictures])
    with tempfile.TemporaryDirectory() as folder:
        if entry.name == OURS:
            return _all(Ours(), entry, mine, which, Path(folder))
        with Peers() as peers:
            try:
                system = Theirs(peers, entry.name)
            except PeerFailed as problem:
                return {"not_run": str(problem)}
            return _all(system, entry, mine, which, Path(folder))


def _all(
    system: System,
    entry: Entry,
    pictures: Mapping[str, Image.Image],
    which: Mapping[str, attacks.Attack],
    folder: Path,
) -> Json:
    results: Json = {}
    for name, image in pictures.items():
        print(f"  {entry.name}: {name}", file=sys.stderr, flush=True)
        try:
            results[name] = examine(system, name, image, which, folder)
        except PeerFailed as problem:
            results[name] = {"not_marked": str(problem), "attacks": dict.fromkeys(which, "none")}
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "seen": seen_by(entry, pictures, which),
        "bits": system.bits,
        "pictures": results,
    }


def seen_by(
    entry: Entry, pictures: Mapping[str, Image.Image], which: Mapping[str, attacks.Attack]
) -> dict[str, str]:
    """Everything a mark's result hangs on, as hashes: its pictures, what the attacks do to a probe, its version."""
    probe = Image.fromarray(made.photo(83, 192, 256))
    seen = {f"picture {name}": _hash(image) for name, image in pictures.items()}
    seen |= {f"attack {name}": _hash(attack(probe)) for name, attack in which.items()}
    return seen | {"version": environment.versions().get(PACKAGE.get(entry.name, ""), "")}


def _hash(image: Image.Image) -> str:
    return sha256(f"{image.mode} {image.size}".encode() + image.tobytes()).hexdigest()[:16]


def kept(earlier: Json | None, entry: Entry, pictures: Mapping[str, Image.Image]) -> Json | None:
    """A mark's result out of an earlier run; None where any picture, attack or version has changed since."""
    mark = (earlier or {"results": {"marks": {}}})["results"]["marks"].get(entry.name)
    if mark is None or "seen" not in mark:
        return None
    mine = dict(list(pictures.items())[: entry.pictures])
    return mark if mark["seen"] == seen_by(entry, mine, entry.suite) else None


def measure(arguments: argparse.Namespace) -> Json:
    """Ours anew, and every peer that was named or has no result that still holds; `jobs` of them at a time."""
    pictures = reporting_pictures(arguments.pictures)
    earlier = None if arguments.attacks else load(BENCHMARK.name)

    def run(entry: Entry) -> Json | None:
        named = entry.name == OURS or entry.name in (arguments.marks or ())
        old = None if named else kept(earlier, entry, pictures)
        if old is not None or (arguments.marks and not named):
            return old
        return _measured(entry, pictures, arguments.attacks)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        found = dict(zip((e.name for e in ENTRIES), pool.map(run, ENTRIES), strict=True))
    return {
        "versions": environment.versions(),
        "attacks": [name for name in SUITE if arguments.attacks in name],
        "marks": {name: result for name, result in found.items() if result is not None},
    }


BENCHMARK = Benchmark("peers", "Beside other image marks", measure, markdown, misses)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=max(e.pictures for e in ENTRIES))
    parser.add_argument("--attacks", default="", help="only those whose name contains this")
    parser.add_argument(
        "--marks",
        nargs="+",
        choices=[e.name for e in ENTRIES],
        help="ours and these alone, anew; the others keep what they have",
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep-as", default="", help="name of the result, where it is not the full run's")
    arguments = parser.parse_args()
    return BENCHMARK.main(arguments, keep_as=arguments.keep_as)


if __name__ == "__main__":
    raise SystemExit(main())
