"""What marking costs a picture, and what its mark survives: the figures behind docs/image-quality.md.

`python -m benchmarks.quality.robustness` marks the reporting set and corpus/images, each whole and every second as
crops of 512, 256 and 160 pixels that are pictures of their own. Every picture is marked through the pipeline with a
random id, pattern and offset (drawn from its name), put through every attack and asked about. Only the very id counts
as recovered; another id counts as wrong, and one wrong id misses the bar.

What is tuned is tuned on other pictures (sets.py): `--set tuning` tries those, and like every trial (`--only`,
`--sizes`, `--attacks`) prints its figures and keeps no result.
"""

from __future__ import annotations

import argparse
import io
import math
import multiprocessing
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks import attacks, pipeline
from benchmarks.common import Benchmark, Json, table
from benchmarks.quality import measures, perceptual, sets
from waarmerk.adapters.images import decode_luma
from waarmerk.app.mark_steps import robustness_of
from waarmerk.core.arrays import as_luma
from waarmerk.core.errors import CannotHoldMark
from waarmerk.core.evidence import Status
from waarmerk.detection.images import ImageReading, read, verify_known
from waarmerk.marking.images import luma_of

WHOLE = "whole"
SIDES = {WHOLE: 0, "512": 512, "256": 256, "160": 160}  # pixels; 0 leaves the picture as it is
CROPPED_EVERY = 2  # pictures: of the others no crops are taken, or the run would take an hour
MAX_TRIPLED = (
    3e6  # pixels; tripled, larger pictures take gigabytes and tell nothing that double size does not
)
CORPUS_KINDS = {
    "nat": "photo",
    "gen": "generated",
    "alpha": "flat",
    "text": "text",
}  # by the start of the file's name
KINDS = ("photo", "generated", "illustration", "flat", "text")

OUTCOMES = {"r": "recovered", "l": "lost", "u": "unverified", "i": "inconclusive", "w": "wrong"}
_LETTERS = {word: letter for letter, word in OUTCOMES.items()}
_OF_STATUS = {Status.UNVERIFIED: "unverified", Status.INCONCLUSIVE: "inconclusive"}
_MAX_LOG10_P = 0.0

FORMATS: dict[str, tuple[str, dict[str, object]]] = {
    "PNG": ("PNG", {"compress_level": 6}),
    "JPEG q90": ("JPEG", {"quality": 90}),
    "JPEG q75": ("JPEG", {"quality": 75}),
    "WebP q80": ("WEBP", {"quality": 80}),
    "WebP lossless": ("WEBP", {"lossless": True}),
}


# ------------------------------------------------------------------------------------------------ what is measured


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture that was not tuned on: `label` says of which collection, `kind` and `tags` what it shows."""

    label: str
    name: str
    kind: str
    tags: tuple[str, ...]
    path: Path


def subjects(which: str = sets.REPORTING) -> list[Subject]:
    """A set's pictures, with the reporting set the corpus' too, as far as they are at hand."""
    out = [Subject(p.set, p.name, p.kind, p.tags, p.path) for p in sets.pictures(which)]
    folder = pipeline.corpus_folder()
    if folder is not None and which == sets.REPORTING:
        for name in pipeline.corpus_images():
            stem = Path(name).stem
            kind = CORPUS_KINDS[stem.split("_")[0]]
            out.append(Subject("corpus", stem, kind, (), folder / "images" / name))
    return out


@dataclass(frozen=True, slots=True)
class Task:
    """One picture at one size, and what it is put through."""

    subject: Subject
    size: str
    attacks: tuple[str, ...]

    @property
    def seed(self) -> tuple[str, ...]:
        return ("robustness", self.subject.label, self.subject.name, self.size)


def tasks_of(
    subject: Subject, sizes: Iterable[str] = SIDES, wanted: Iterable[str] = attacks.SUITE
) -> list[Task]:
    """A picture whole, and as every crop that fits into it, with those attacks of each size that are wanted."""
    with Image.open(subject.path) as image:
        width, height = image.size
    out = []
    for size in sizes:
        if size == WHOLE:
            names = [n for n in attacks.SUITE if n != "resize 300 %" or width * height <= MAX_TRIPLED]
        elif min(width, height) >= SIDES[size]:
            names = _plan(size)
        else:
            continue
        out.append(Task(subject, size, tuple(n for n in names if n == "none" or n in wanted)))
    return out


def file_of(subject: Subject, size: str) -> bytes:
    """The picture or its middle, as a PNG file, so that no codec adds to what the mark changes."""
    image = Image.open(subject.path)
    plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
    side = SIDES[size]
    if side:
        left, top = (plain.width - side) // 2, (plain.height - side) // 2
        plain = plain.crop((left, top, left + side, top + side))
    return pipeline.written(plain)


# ------------------------------------------------------------------------------------------------------- measuring


def _pixels(data: bytes) -> tuple[npt.NDArray[np.uint8], measures.Mask]:
    """RGB as stored and where it is visible."""
    rgba = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    return np.ascontiguousarray(rgba[..., :3]), rgba[..., 3] > 0


def quality_of(original: bytes, marked: bytes) -> Json:
    """What a viewer could notice. Both files are decoded; transparent pixels are left out."""
    before, visible = _pixels(original)
    after, _ = _pixels(marked)
    flat, flat_blocks = measures.flat_rms(before, after, visible)
    white, white_blocks = measures.near_white_rms(before, after, visible)
    psnr = measures.psnr(before, after, visible)
    return {
        "psnr": round(psnr, 3) if math.isfinite(psnr) else 99.0,
        "ssim": round(measures.ssim(before, after), 5),
        "flat_rms": round(flat, 4) if flat_blocks else None,
        "white_rms": round(white, 4) if white_blocks else None,
    }


def looks_of(original: bytes, marked: bytes) -> Json:
    """SSIMULACRA 2 of the marked picture, and of a JPEG of quality 90 of the unmarked one."""
    before = pipeline.opened(original)
    coded = attacks.jpeg(90)(before)
    return {
        "ssimulacra2": round(perceptual.ssimulacra2(before, pipeline.opened(marked)), 2),
        "ssimulacra2_jpeg": round(perceptual.ssimulacra2(before, coded), 2),
    }


def growth_of(original: bytes, draw: pipeline.Draw) -> dict[str, float]:
    """(marked size / clean size) - 1 of the same picture in each format, neither carrying metadata."""
    image = Image.open(io.BytesIO(original))
    grown = {}
    for name, (kind, options) in FORMATS.items():
        source = pipeline.opened(original) if kind == "JPEG" else image
        clean = pipeline.written(source, kind, **options)
        grown[name] = round(len(pipeline.mark_file(clean, draw)) / len(clean) - 1, 4)
    return grown


def outcome_of(reading: ImageReading, draw: pipeline.Draw, attack: str = "") -> str:
    """One of OUTCOMES. Beside another marked picture, that one's id is a right answer too."""
    if reading.mark_id is None:
        return _OF_STATUS.get(reading.status, "lost")
    right = {draw.mark_id} | ({attacks.NEIGHBOUR.mark_id} if attack == attacks.SIDE_BY_SIDE else set())
    return "recovered" if reading.mark_id in right else "wrong"


def said_of(marked: bytes, draw: pipeline.Draw, *, read: bool) -> str:
    """What the reply to marking says of the mark: strong, normal, weak, or refused."""
    luma = decode_luma(marked, pipeline.LIMITS)
    keys = pipeline.RING.current
    log10_p = verify_known(
        luma, keys, tenant=pipeline.TENANT, mark_id=draw.mark_id, pattern=draw.pattern, offset=draw.offset
    )
    try:
        return str(robustness_of(log10_p)) if read else "weak"
    except CannotHoldMark:
        return "refused"


def examine(task: Task, *, looks: bool = True) -> Json:
    """One picture at one size: what marking changed, what the reply says, and every attack."""
    data = file_of(task.subject, task.size)
    draw = pipeline.Draw.of(*task.seed)
    marked = pipeline.mark_file(data, draw)
    shown = pipeline.opened(marked)
    outcomes, bounds = [], []
    for name in task.attacks:
        planes = np.asarray(attacks.SUITE[name](shown))
        reading = read(as_luma(luma_of(planes, rgb=True)), pipeline.RING)
        outcomes.append(outcome_of(reading, draw, name))
        bounds.append(min(reading.log10_p, _MAX_LOG10_P))
    untouched = outcomes[task.attacks.index("none")] == "recovered"
    result: Json = {
        "label": task.subject.label,
        "name": task.subject.name,
        "kind": task.subject.kind,
        "tags": list(task.subject.tags),
        "size": task.size,
        "width": shown.width,
        "height": shown.height,
        **quality_of(data, marked),
        "said": said_of(marked, draw, read=untouched),
        "outcomes": "".join(_LETTERS[o] for o in outcomes),
        "log10_p": " ".join(f"{b:.0f}" for b in bounds),
        "left_out": [n for n in _plan(task.size) if n not in task.attacks],
    }
    if task.size == WHOLE and looks:
        result |= looks_of(data, marked)
    if task.size == WHOLE and task.subject.label == "corpus":
        result["growth"] = growth_of(data, draw)
    return result


def _plan(size: str) -> list[str]:
    """All attacks a size is put through."""
    return list({WHOLE: attacks.SUITE, "160": attacks.SHORT}.get(size, attacks.FIFTY))


def measure(arguments: argparse.Namespace) -> Json:
    """Every picture at every size, over `arguments.processes` processes."""
    chosen = [s for s in subjects(arguments.set) if not arguments.only or s.name in arguments.only]
    tasks = sorted(
        (
            t
            for n, s in enumerate(chosen)
            for t in tasks_of(
                s, [z for z in arguments.sizes if z == WHOLE or n % CROPPED_EVERY == 0], arguments.attacks
            )
        ),
        key=lambda t: (-len(t.attacks) * t.subject.path.stat().st_size, t.seed),
    )
    perceptual.install()
    print(
        f"  {len(tasks)} pictures and crops, {sum(len(t.attacks) for t in tasks)} readings", file=sys.stderr
    )
    rows = []
    with multiprocessing.Pool(arguments.processes) as pool:
        for n, row in enumerate(pool.imap_unordered(examine, tasks), 1):
            rows.append(row)
            print(f"  {n} of {len(tasks)}: {row['name']}, {row['size']}", file=sys.stderr, flush=True)
    order = {s.name: n for n, s in enumerate(chosen)}
    rows.sort(key=lambda r: (order[r["name"]], list(SIDES).index(r["size"])))
    return {
        "attacks": {size: _plan(size) for size in SIDES},
        "fifty": len(attacks.FIFTY),
        "ssimulacra2_version": perceptual.VERSION,
        "sources": sources_of(sets.pictures(sets.REPORTING)),
        "pictures": rows,
    }


def sources_of(pictures: Sequence[sets.Picture]) -> dict[str, Json]:
    """Packages that pictures came from: how many and under which licence."""
    out: dict[str, Json] = {}
    for p in pictures:
        entry = out.setdefault(
            p.package.split("_all")[0].split("-cp3")[0], {"pictures": 0, "licence": p.licence}
        )
        entry["pictures"] += 1
    return out


# ------------------------------------------------------------------------------------------------ what it came to


@dataclass(frozen=True, slots=True)
class Pair:
    """One reading of one attacked picture."""

    row: Json
    attack: str
    outcome: str
    log10_p: float

    @property
    def good(self) -> bool:
        return self.outcome == "recovered"


def pairs(
    results: Json, *, size: str = WHOLE, kinds: Sequence[str] = KINDS, min_pixels: float = 0
) -> list[Pair]:
    """All readings of pictures of these kinds at one size, of whole ones with so many pixels."""
    out = []
    for row in results["pictures"]:
        if row["size"] == size and row["kind"] in kinds and row["width"] * row["height"] >= min_pixels:
            names = [n for n in results["attacks"][size] if n not in row["left_out"]]
            bounds = map(float, row["log10_p"].split())
            out += [
                Pair(row, *cell)
                for cell in zip(names, (OUTCOMES[x] for x in row["outcomes"]), bounds, strict=True)
            ]
    return out


def of_fifty(found: Sequence[Pair]) -> list[Pair]:
    """Those under the fifty attacks of the design."""
    return [p for p in found if p.attack in attacks.FIFTY]


def share(found: Sequence[Pair]) -> float:
    """Recovered of all; 1 of none."""
    return sum(p.good for p in found) / len(found) if found else 1.0


PHOTO_LIKE = ("photo", "generated")
HALF_MEGAPIXEL = 0.5e6
MIN_PHOTO_LIKE, MIN_HALF_JPEG, MIN_EACH = 0.99, 0.95, 0.97
MIN_512, MIN_256, MIN_FLAT, MIN_TEXT = 0.95, 0.82, 0.85, 0.75
MIN_MEAN_PSNR = 44.5  # dB
MAX_FLAT_RMS, MAX_WHITE_RMS = 0.75, 0.60  # grey levels
MIN_MEAN_SSIM, MIN_SSIM = 0.992, 0.98
MAX_BELOW_JPEG = 8.0  # of SSIMULACRA 2, under JPEG q90 of the same picture
HALF_JPEG = "resize 50 % + jpeg q50"
EACH = (
    "jpeg q20",
    "webp q50",
    "avif q40",
    "crop 10 %",
    "resize 25 %",
    "collage",
    "social",
    "screenshot",
    *(name for name in attacks.SUITE if name.startswith("rotate") and "+" not in name),
)
"""Each of these is to be recovered from 97 of 100 photographs and generators' pictures."""


def _short_of(what: str, found: Sequence[Pair], least: float) -> list[str]:
    if not found or share(found) >= least:
        return []
    good = sum(p.good for p in found)
    return [f"{what}: {good} of {len(found)}, {share(found):.1%}; at least {least:.0%} is due"]


def misses(results: Json) -> list[str]:
    """Every bar that was missed, as a sentence."""
    whole = pairs(results, kinds=PHOTO_LIKE, min_pixels=HALF_MEGAPIXEL)
    what = "photographs and generators' pictures of 0.5 MP and more"
    out = _short_of(f"the fifty attacks on {what}", of_fifty(whole), MIN_PHOTO_LIKE)
    out += _short_of(f"{HALF_JPEG} on {what}", [p for p in whole if p.attack == HALF_JPEG], MIN_HALF_JPEG)
    for name in EACH:
        out += _short_of(f"{name} on {what}", [p for p in whole if p.attack == name], MIN_EACH)
    out += _short_of("crops of 512 pixels, all contents", pairs(results, size="512"), MIN_512)
    small = pairs(results, size="256", kinds=PHOTO_LIKE)
    out += _short_of("crops of 256 pixels of photographs and generators' pictures", small, MIN_256)
    out += _short_of("the fifty attacks on flat art", of_fifty(pairs(results, kinds=("flat",))), MIN_FLAT)
    out += _short_of("the fifty attacks on text pages", of_fifty(pairs(results, kinds=("text",))), MIN_TEXT)
    for size in SIDES:
        out += [
            f"a wrong id from {p.row['name']} ({size}) after {p.attack}"
            for p in pairs(results, size=size)
            if p.outcome == "wrong"
        ]
    return out + _seen(results)


def whole_rows(results: Json) -> list[Json]:
    return [r for r in results["pictures"] if r["size"] == WHOLE]


def _seen(results: Json) -> list[str]:
    """The bars on invisibility, over whole pictures."""
    rows = whole_rows(results)
    if not rows:
        return []
    out = []
    psnr, ssim = (statistics.mean(r[key] for r in rows) for key in ("psnr", "ssim"))
    if psnr < MIN_MEAN_PSNR:
        out.append(f"PSNR is {psnr:.2f} dB on average, at least {MIN_MEAN_PSNR} is due")
    if ssim < MIN_MEAN_SSIM:
        out.append(f"SSIM is {ssim:.4f} on average, at least {MIN_MEAN_SSIM} is due")
    for r in rows:
        if r["ssim"] < MIN_SSIM:
            out.append(f"SSIM of {r['name']} is {r['ssim']:.4f}, at least {MIN_SSIM} is due")
        for key, most, where in (
            ("flat_rms", MAX_FLAT_RMS, "flat"),
            ("white_rms", MAX_WHITE_RMS, "near-white"),
        ):
            if r[key] is not None and r[key] > most:
                out.append(f"rms in {where} blocks of {r['name']} is {r[key]:.3f}, at most {most} is allowed")
    looked = [r for r in rows if "ssimulacra2" in r]
    if looked:
        ours, jpegs = (statistics.mean(r[k] for r in looked) for k in ("ssimulacra2", "ssimulacra2_jpeg"))
        if ours < jpegs:
            out.append(f"SSIMULACRA 2 is {ours:.1f} on average, JPEG q90 has {jpegs:.1f}")
    out += [
        f"SSIMULACRA 2 of {r['name']} is {r['ssimulacra2']:.1f}, more than {MAX_BELOW_JPEG:g} under its JPEG q90 "
        f"({r['ssimulacra2_jpeg']:.1f})"
        for r in looked
        if r["ssimulacra2"] < r["ssimulacra2_jpeg"] - MAX_BELOW_JPEG
    ]
    return out


def markdown(results: Json) -> str:
    """In short: the page is benchmarks/quality/report.py's work."""
    rows = []
    for size in SIDES:
        for kind in KINDS:
            found = of_fifty(pairs(results, size=size, kinds=(kind,)))
            if found:
                good = sum(p.good for p in found)
                rows.append(
                    [
                        f"{kind}, {size}",
                        len({p.row["name"] for p in found}),
                        good,
                        len(found),
                        f"{share(found):.1%}",
                    ]
                )
    whole = whole_rows(results)
    seen = [
        f"{key}: mean {statistics.mean(values):.4g}, least {min(values):.4g}, most {max(values):.4g}"
        for key in ("psnr", "ssim", "flat_rms", "white_rms", "ssimulacra2", "ssimulacra2_jpeg")
        if (values := [r[key] for r in whole if r[key] is not None])
    ]
    head = ["kind and size", "pictures", "recovered", "of", "share"]
    return "\n".join([table(head, rows), "", *seen])


BENCHMARK = Benchmark("robustness", "Quality and robustness of the image mark", measure, markdown, misses)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: one a core")
    made.add_argument(
        "--only", nargs="+", default=[], help="names of pictures: a trial, which keeps no result"
    )
    made.add_argument("--set", default=sets.REPORTING, choices=[sets.TUNING, sets.REPORTING])
    made.add_argument(
        "--attacks", nargs="+", default=list(attacks.SUITE), choices=list(attacks.SUITE), metavar="NAME"
    )
    made.add_argument("--sizes", nargs="+", default=list(SIDES), choices=list(SIDES))
    return made


def _build_sets() -> None:
    """Build them where there are none; where that cannot be done, say so and go on with the corpus."""
    if not sets.pictures(sets.REPORTING):
        try:
            sets.build(sets.folder())
        except (subprocess.CalledProcessError, OSError, KeyError) as why:
            print(f"The sets cannot be built here ({why}); the corpus alone is measured.", file=sys.stderr)


def main() -> int:
    arguments = parser().parse_args()
    _build_sets()
    if vars(arguments) | {"processes": 0} != vars(parser().parse_args([])) | {"processes": 0}:
        results = measure(arguments)
        lost = [
            f"{p.row['name']} {size}: {p.attack}"
            for size in SIDES
            for p in pairs(results, size=size)
            if not p.good
        ]
        print(markdown(results), *lost, *misses(results), sep="\n")
        return 0
    return BENCHMARK.main(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
