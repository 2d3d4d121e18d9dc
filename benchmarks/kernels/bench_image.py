"""How long marking and detecting take, beside Pillow's codecs and other marks on the same pictures.

`python -m benchmarks.kernels.bench_image`. All contenders of one picture run in turns in one run on one thread; what
is given is CPU time, the least of all repeats. A service decodes and encodes every picture anyway, so Pillow's JPEG
decode and encode (q90) of the same picture together are the yardstick. Memory is measured apart (`memory.py`).
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import pictures, pipeline
from benchmarks.common import REPEATS, Benchmark, Json, Measured, interleaved, table
from benchmarks.kernels import memory
from benchmarks.kernels.cases import (
    EMBED,
    MANY_NEGATIVE,
    MANY_UPRIGHT,
    NEGATIVE,
    SEARCH,
    TENANTS,
    THOROUGH,
    UPRIGHT,
    VERIFY,
    Case,
    fitted,
)
from benchmarks.peers.client import PeerFailed, Peers
from benchmarks.quality import sets

JPEG_DECODE, JPEG_ENCODE = "JPEG decode", "JPEG encode q90"
COPY = "one read and one write of the pixels"
YARDSTICK = (JPEG_DECODE, JPEG_ENCODE)
PEERS = ("dwtDct", "dwtDctSvd", "blind-watermark")


@dataclass(frozen=True, slots=True)
class Size:
    """What is measured at one size.

    Attributes:
        height, width: pixels.
        pictures: how many.
        thorough, peers: on how many of them also the thorough search, and the other marks.
    """

    height: int
    width: int
    pictures: int
    thorough: int = 0
    peers: int = 0


SIZES = {
    "512 px": Size(512, 512, pictures=64),
    "1 MP": Size(1000, 1000, pictures=64, thorough=8, peers=3),
    "4 MP": Size(2000, 2000, pictures=6, thorough=1),
    "12 MP": Size(3000, 4000, pictures=6, thorough=1),
}
MEMORY_AT = "12 MP"
MEMORY_OF = (EMBED, UPRIGHT, VERIFY, SEARCH, NEGATIVE, THOROUGH)

# As multiples of the yardstick. Times at 512 px have no bar.
MULTIPLES: dict[str, dict[str, float]] = {
    EMBED: {"1 MP": 1.2, "4 MP": 0.8, "12 MP": 0.8},
    UPRIGHT: {"1 MP": 2.0, "4 MP": 2.0, "12 MP": 2.0},
    SEARCH: {"1 MP": 14, "4 MP": 14, "12 MP": 14},
    NEGATIVE: {"1 MP": 20, "4 MP": 20, "12 MP": 20},
    THOROUGH: {"1 MP": 150, "4 MP": 150, "12 MP": 150},
}
MAX_GROWTH = 1.5  # CPU at 12 MP over that at 1 MP, of SEARCH and NEGATIVE
MAX_KEYS = 1.3  # 1,000 keys over one
MAX_BYTES = 16  # a pixel
FASTER = {"embed": 12, "detect": 6}  # than every peer, at 1 MP


# ------------------------------------------------------------------------------------------------------ measuring


def _sources(count: int) -> Iterator[tuple[str, Image.Image]]:
    """Reporting pictures, the largest first; made ones where no set is built."""
    held = sorted(sets.pictures(sets.REPORTING), key=lambda p: -p.width * p.height)
    for picture in held[:count]:
        yield picture.path.stem, Image.open(picture.path).convert("RGB")
    if not held:
        for seed in range(80, 80 + min(count, 4)):
            yield f"made {seed}", Image.fromarray(pictures.photo(seed, 1200, 1200))


def codecs_of(case: Case) -> dict[str, Callable[[], object]]:
    """The yardstick and the floor."""
    image = Image.fromarray(case.marked)
    data = pipeline.written(image, "JPEG", quality=90)
    out = np.empty_like(case.planes)
    return {
        JPEG_DECODE: lambda: Image.open(io.BytesIO(data)).convert("RGB").load(),
        JPEG_ENCODE: lambda: pipeline.written(image, "JPEG", quality=90),
        COPY: lambda: np.copyto(out, case.planes),
    }


def peers_of(case: Case, peers: Peers, folder: Path) -> dict[str, Callable[[], Measured]]:
    """Other marks on the same picture, in their own process and by their own clock."""
    source = folder / "source.png"
    Image.fromarray(case.planes).save(source, compress_level=1)
    contenders: dict[str, Callable[[], Measured]] = {}

    def add(peer: str) -> None:
        marked = folder / f"{peer}.png"
        peers.embed(peer, source, marked, 0x9F3A5C77E1D2B488)
        contenders[f"{peer} embed"] = lambda: Measured(peers.embed(peer, source, marked, 0x9F3A5C77E1D2B488))
        contenders[f"{peer} detect"] = lambda: Measured(peers.detect(peer, marked).seconds)

    for peer in PEERS:
        try:
            add(peer)
        except PeerFailed as problem:
            print(f"  {peer} not timed: {problem}", file=sys.stderr)
    return contenders


def contenders_of(case: Case, size: Size, place: int) -> dict[str, Callable[[], object]]:
    """Our own of one picture, the `place`th of its size. What cannot be read is not timed as if it could."""
    ours = case.contenders()
    unread = [name for name, which in ((UPRIGHT, "marked"), (SEARCH, "turned")) if not case.reads(which)]
    if UPRIGHT in unread:
        unread.append(MANY_UPRIGHT)
    if place >= size.thorough:
        unread.append(THOROUGH)
    if size is not SIZES["1 MP"]:
        unread += [MANY_UPRIGHT, MANY_NEGATIVE]
    return {name: run for name, run in ours.items() if name not in unread}


def _size_measured(label: str, size: Size, arguments: argparse.Namespace) -> Json:
    """Least ms of each contender by picture."""
    found: Json = {}
    count = min(size.pictures, arguments.pictures)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        peers = stack.enter_context(Peers()) if size.peers else None
        for place, (name, image) in enumerate(_sources(count)):
            print(f"  {label}: {name}", file=sys.stderr, flush=True)
            case = Case.of(fitted(image, size.height, size.width), label, name)
            contenders = contenders_of(case, size, place) | codecs_of(case)
            if peers is not None and place < size.peers:
                contenders |= peers_of(case, peers, folder)
            timings = interleaved(contenders, arguments.repeats)
            found[name] = {which: round(t.min_ms, 3) for which, t in timings.items()}
    return found


def measure(arguments: argparse.Namespace) -> Json:
    wanted = {label: SIZES[label] for label in arguments.sizes}
    times = {label: _size_measured(label, size, arguments) for label, size in wanted.items()}
    large = SIZES[MEMORY_AT]
    return {
        "repeats": arguments.repeats,
        "times": times,
        "memory": {name: memory.measure(name, large.height, large.width) for name in MEMORY_OF},
    }


# ------------------------------------------------------------------------------------------------------ judgement


def multiple(times: Json, name: str) -> float | None:
    """Median over pictures of the time over JPEG decode and encode of the same picture."""
    values = [of[name] / sum(of[y] for y in YARDSTICK) for of in times.values() if name in of]
    return statistics.median(values) if values else None


def keys_factor(times: Json, many: str, one: str) -> float | None:
    """Median over pictures of the time with 1,000 keys over that with one."""
    values = [of[many] / of[one] for of in times.values() if many in of and one in of]
    return statistics.median(values) if values else None


def growth(results: Json, name: str) -> float | None:
    """CPU at 12 MP over that at 1 MP of the same picture, median over the pictures that have both."""
    small, large = (results["times"].get(label, {}) for label in ("1 MP", "12 MP"))
    both = [p for p in large if name in large[p] and name in small.get(p, {})]
    return statistics.median(large[p][name] / small[p][name] for p in both) if both else None


def advantage(times: Json, peer: str, act: str) -> float | None:
    """How many times as long a peer takes as we do, median over the pictures that it was timed on."""
    ours = EMBED if act == "embed" else UPRIGHT
    name = f"{peer} {act}"
    values = [of[name] / of[ours] for of in times.values() if name in of and ours in of]
    return statistics.median(values) if values else None


def judged(results: Json) -> Iterator[tuple[str, float | None, float, bool]]:
    """(what, measured, bar, whether more is better) of every bar."""
    for name, bars in MULTIPLES.items():
        for label, bar in bars.items():
            yield (
                f"{name} at {label}, times JPEG",
                multiple(results["times"].get(label, {}), name),
                bar,
                False,
            )
    for name in (SEARCH, NEGATIVE):
        yield f"{name} at 12 MP, times that at 1 MP", growth(results, name), MAX_GROWTH, False
    for many, one in ((MANY_UPRIGHT, UPRIGHT), (MANY_NEGATIVE, NEGATIVE)):
        factor = keys_factor(results["times"].get("1 MP", {}), many, one)
        yield f"{many}, times that with one", factor, MAX_KEYS, False
    for peer in PEERS:
        for act, bar in FASTER.items():
            factor = advantage(results["times"].get("1 MP", {}), peer, act)
            yield f"{peer} {act} at 1 MP, times ours", factor, bar, True
    for name, peak in results["memory"].items():
        yield f"{name} at {MEMORY_AT}, bytes a pixel", peak["resident"], MAX_BYTES, False


def misses(results: Json) -> list[str]:
    """A sentence for every bar that is missed; what was not measured misses nothing."""
    sentences = []
    for what, value, bar, more in judged(results):
        if value is not None and (value < bar if more else value > bar):
            sentences.append(f"{what}: {value:.2f}, at {'least' if more else 'most'} {bar:g} is due")
    return sentences


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _rows_of(times: Json) -> list[str]:
    """Every contender that some picture has, ours first."""
    named = (
        EMBED,
        UPRIGHT,
        VERIFY,
        SEARCH,
        NEGATIVE,
        THOROUGH,
        MANY_UPRIGHT,
        MANY_NEGATIVE,
        *YARDSTICK,
        COPY,
    )
    seen = {name for of in times.values() for name in of}
    return [n for n in named if n in seen] + sorted(seen - set(named))


def _size_table(label: str, times: Json) -> str:
    size = SIZES[label]
    mp = size.height * size.width / 1e6
    rows = []
    for name in _rows_of(times):
        values = [of[name] for of in times.values() if name in of]
        bar = MULTIPLES.get(name, {}).get(label)
        rows.append(
            [
                name,
                str(len(values)),
                _number(statistics.median(values), 2),
                _number(max(values), 2),
                _number(statistics.median(values) / mp, 2),
                _number(multiple(times, name)),
                "" if bar is None else f"{bar:g}",
            ]
        )
    head = ["what", "pictures", "median ms", "worst ms", "median ms/MP", "times JPEG", "bar"]
    return table(head, rows)


def _ratio_table(results: Json) -> str:
    rows = [
        [what, _number(value), f"at least {bar:g}" if more else f"at most {bar:g}"]
        for what, value, bar, more in judged(results)
        if "times JPEG" not in what and "bytes" not in what
    ]
    return table(["what", "measured", "bar"], rows)


def _memory_table(memories: Json) -> str:
    rows = [[name, _number(peak["resident"]), _number(peak["traced"])] for name, peak in memories.items()]
    return table(["what", "resident memory", "numpy's arrays (tracemalloc)"], rows)


def _listed(sentences: Iterable[str]) -> str:
    lines = [f"- {sentence}." for sentence in sentences]
    return "\n".join(["Bars missed:", "", *lines]) if lines else "No bar is missed."


def markdown(results: Json) -> str:
    """Tables by size, ratios, memory, and every missed bar as a sentence."""
    parts = [
        f"CPU time of one thread, least of {results['repeats']} rounds in which a picture's contenders take turns; "
        "median over reporting pictures, fitted to the size. Arrays in, answer out, one key unless it says more. "
        "'Embed' takes a new id, pattern and place every time and includes all that depends on them. 'Searched' is the "
        "marked picture turned by 7 degrees, cropped to 75 % and written as JPEG 75. 'Times JPEG' is the median over "
        "pictures of the time over Pillow's JPEG decode and encode (q90) of the same picture in the same run. What "
        "was not read is not timed as if it were, so some rows count fewer pictures."
    ]
    for label, times in results["times"].items():
        size = SIZES[label]
        parts += [f"### {label} ({size.width} x {size.height})", _size_table(label, times)]
    parts += [
        f"### Ratios ({TENANTS:,} keys are one epoch with as many tenants)",
        _ratio_table(results),
        f"### Peak memory at {MEMORY_AT}, bytes a pixel beside the picture; at most {MAX_BYTES} is due",
        "In a fresh process each, key tables filled. The result is counted, the picture and its luma are not.",
        _memory_table(results["memory"]),
        _listed(misses(results)),
    ]
    return "\n\n".join(parts)


BENCHMARK = Benchmark("kernels_image", "Time and memory of the image mark", measure, markdown, misses)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--pictures", type=int, default=64, help="at most so many of each size")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--keep-as", default="", help="name of the result, where it is not the full run's")
    arguments = parser.parse_args()
    return BENCHMARK.main(arguments, keep_as=arguments.keep_as)


if __name__ == "__main__":
    raise SystemExit(main())
