"""benchmarks/results/*.json -> docs/image-quality.md and its plots: what the image mark survives and what it costs.

`python -m benchmarks.quality.report` measures first (robustness.py, over every core) and then writes the page;
`--write-only` writes it from the results at hand, as `make bench` does at its end. No figure is written by hand.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence

from benchmarks import attacks
from benchmarks.common import ROOT, Json, load, one_thread, table
from benchmarks.peers import compare, published
from benchmarks.quality import bars, curves, robustness, sets
from benchmarks.quality.robustness import FORMATS, KINDS, PHOTO_LIKE, SIDES, WHOLE, Pair
from benchmarks.report import conditions_line, verdict

PAGE = ROOT / "docs" / "image-quality.md"
PLOTS = ROOT / "docs" / "plots"
_SAID = ("strong", "normal", "weak", "refused")

INTRODUCTION = """# What the image mark survives, and what it costs a picture

Made by `python -m benchmarks.quality.report` from benchmarks/results/robustness.json and peers.json; do not edit. No
picture here was tuned on: `benchmarks/quality/sets.py` builds a set to tune on and the set reported here, which share
none, and corpus/images comes on top. Losses stand beside wins.

An attacked picture is **recovered** when the very 64-bit id comes back under the bound of 1e-12, found blindly,
with one key, in the normal search (not the thorough one). Anything else is a loss. A wrong id would be a defect;
there is a bar on that of none at all."""

WORDS = """*Photographs*, *generated* (output of image generators, corpus/images alone has some), *illustration*
(painted or rendered, with continuous tone), *flat* (vector art, cartoons, bare gradients), *text* (pages and
screens). *Whole* is the picture as it is, mostly 0.5 to 1.5 MP, three of 2.8 to 9 MP; *512* and *256* are its
middle, marked as a picture of its own and put through the fifty; *160* likewise, through eleven attacks only.
`resize 300 %` leaves out pictures over 3 MP. Beside another marked picture, that one's id is a right answer too."""

_RESIZED = {
    0.2: "resize 20 %",
    0.25: "resize 25 %",
    0.33: "resize 33 %",
    0.5: "resize 50 %",
    0.75: "resize 75 %",
    0.9: "resize 90 %",
    1.0: "none",
    1.33: "resize 133 %",
    2.0: "resize 200 %",
    3.0: "resize 300 %",
}
_CODED = {float(q): f"jpeg q{q}" for q in (10, 20, 30, 40, 50, 60, 75, 90)}
_CROPPED = {10.0: "crop 10 %", 25.0: "crop 25 %", 50.0: "crop 50 %", 75.0: "crop 75 %", 100.0: "none"}

_Chosen = Callable[[Json], list[Pair]]
_COLUMNS: dict[str, _Chosen] = {
    "photographs and generated, 0.5 MP and more": lambda r: robustness.pairs(
        r, kinds=PHOTO_LIKE, min_pixels=robustness.HALF_MEGAPIXEL
    ),
    "illustration": lambda r: robustness.pairs(r, kinds=("illustration",)),
    "flat": lambda r: robustness.pairs(r, kinds=("flat",)),
    "text": lambda r: robustness.pairs(r, kinds=("text",)),
    "whole, all": lambda r: robustness.pairs(r),
    "512, all": lambda r: robustness.pairs(r, size="512"),
    "256, all": lambda r: robustness.pairs(r, size="256"),
    "160, all": lambda r: robustness.pairs(r, size="160"),
}


def _of(found: Sequence[Pair]) -> str:
    return f"{sum(p.good for p in found)}/{len(found)}" if found else ""


def _share(found: Sequence[Pair]) -> str:
    return f"{robustness.share(found):.1%} ({_of(found)})" if found else ""


# ---------------------------------------------------------------------------------------------------------- tables


def attack_table(results: Json, names: Sequence[str]) -> str:
    """Recovered of asked, by attack and by contents or size; and the weakest bound among the recovered."""
    columns = {head: choose(results) for head, choose in _COLUMNS.items()}
    rows = []
    for name in names:
        cells = [[p for p in found if p.attack == name] for found in columns.values()]
        good = [p.log10_p for p in columns["whole, all"] if p.attack == name and p.good]
        rows.append([name, *(_of(cell) for cell in cells), f"{max(good):.0f}" if good else "-"])
    total = [[p for p in found if p.attack in names] for found in columns.values()]
    rows.append(["**all of these**", *(_share(cell) for cell in total), ""])
    return table(["attack", *columns, "weakest log10 p, whole"], rows)


def kind_table(results: Json) -> str:
    """The fifty, by contents and size; the tags overlap."""
    rows = [[kind, *(_share(_fifty(results, size, kinds=(kind,))) for size in SIDES)] for kind in KINDS]
    rows += [
        [f"tagged {tag}", *(_share(_tagged(_fifty(results, size), tag)) for size in SIDES)]
        for tag in sets.TAGS
    ]
    rows.append(["**all**", *(_share(_fifty(results, size)) for size in SIDES)])
    return table(["contents", *SIDES], rows)


def _fifty(results: Json, size: str, kinds: Sequence[str] = KINDS) -> list[Pair]:
    return robustness.of_fifty(robustness.pairs(results, size=size, kinds=kinds))


def _tagged(found: Sequence[Pair], tag: str) -> list[Pair]:
    return [p for p in found if tag in p.row["tags"]]


def said_table(results: Json) -> str:
    """What the reply to marking said of a picture, and what then came back of the fifty."""
    rows = []
    for said in _SAID:
        cells = [[p for p in _fifty(results, size) if p.row["said"] == said] for size in SIDES]
        rows.append(
            [said, *(f"{len({p.row['name'] for p in c})}: {_share(c)}" if c else "none" for c in cells)]
        )
    return table(["robustness in the reply", *SIDES], rows)


def picture_table(results: Json) -> str:
    """Each whole picture: what the mark changes, what the reply says, what came back."""
    rows = []
    for r in robustness.whole_rows(results):
        of_it = [p for p in robustness.pairs(results) if p.row is r]
        rows.append(
            [
                f"{r['name']} ({r['kind']})",
                f"{r['width']} x {r['height']}",
                f"{r['psnr']:.2f}",
                f"{r['ssim']:.4f}",
                _grey(r["flat_rms"]),
                _grey(r["white_rms"]),
                f"{r['ssimulacra2']:.1f}",
                f"{r['ssimulacra2_jpeg']:.1f}",
                r["said"],
                _of(robustness.of_fifty(of_it)),
                _of(of_it),
            ]
        )
    head = [
        "picture",
        "size",
        "PSNR dB",
        "SSIM",
        "flat rms",
        "near-white rms",
        "SSIMULACRA 2",
        "its JPEG q90",
    ]
    return table([*head, "reply", "of the fifty", "of all"], rows)


def _grey(rms: float | None) -> str:
    return "-" if rms is None else f"{rms:.3f}"


def summary_table(results: Json) -> str:
    """Invisibility beside its bars."""
    rows = robustness.whole_rows(results)

    def of(key: str) -> list[float]:
        return [r[key] for r in rows if r[key] is not None]

    def row(what: str, key: str, bar: str, digits: int) -> list[str]:
        values = of(key)
        if not values:
            return [what, "-", "-", "-", "-", bar]
        cells = (statistics.mean(values), statistics.median(values), min(values), max(values))
        return [what, *(f"{c:.{digits}f}" for c in cells), bar]

    return table(
        ["whole pictures", "mean", "median", "least", "most", "bar"],
        [
            row("PSNR over RGB, dB", "psnr", f"mean at least {robustness.MIN_MEAN_PSNR}", 2),
            row(
                "SSIM of luma",
                "ssim",
                f"mean at least {robustness.MIN_MEAN_SSIM}, least {robustness.MIN_SSIM}",
                4,
            ),
            row("rms in flat blocks, grey levels", "flat_rms", f"most {robustness.MAX_FLAT_RMS}", 3),
            row("rms in near-white blocks", "white_rms", f"most {robustness.MAX_WHITE_RMS}", 3),
            row("SSIMULACRA 2", "ssimulacra2", "mean no lower than the next row's", 1),
            row("SSIMULACRA 2 of its JPEG q90", "ssimulacra2_jpeg", "", 1),
        ],
    )


def growth_table(results: Json) -> str:
    """How files of the corpus grow, median and most."""
    rows = []
    grown = [r["growth"] for r in results["pictures"] if "growth" in r]
    for kind in FORMATS:
        values = [g[kind] for g in grown]
        rows.append([kind, f"{statistics.median(values):+.1%}", f"{min(values):+.1%}", f"{max(values):+.1%}"])
    return table(["format", "median", "least", "most"], rows)


def losses(results: Json) -> str:
    """Every loss of a whole picture by name, most losses first; then how many each crop lost of the fifty."""
    whole: dict[str, list[str]] = {}
    for p in robustness.pairs(results):
        if not p.good:
            words = p.attack if p.outcome == "lost" else f"{p.attack} ({p.outcome})"
            whole.setdefault(f"{p.row['name']} ({p.row['kind']})", []).append(words)
    lines = [f"- {name}: {len(lost)}: {', '.join(lost)}" for name, lost in _most_first(whole)]
    return "\n".join(lines or ["- none"])


def crop_losses(results: Json) -> str:
    """How many of the fifty each crop lost, those of five and more by name."""
    lines = []
    for size in ("512", "256"):
        lost: dict[str, list[str]] = {}
        for p in robustness.pairs(results, size=size):
            if not p.good:
                lost.setdefault(str(p.row["name"]), []).append(p.attack)
        named = ", ".join(f"{name} {len(a)}" for name, a in _most_first(lost) if len(a) >= 5)
        fewer = sum(len(a) < 5 for a in lost.values())
        lines.append(f"- {size} px: {named or 'none lost five or more'}; {fewer} more lost one to four.")
    return "\n".join(lines)


def _most_first(lost: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    return sorted(lost.items(), key=lambda item: (-len(item[1]), item[0]))


def source_table(results: Json) -> str:
    rows = [[name, entry["licence"], entry["pictures"]] for name, entry in sorted(results["sources"].items())]
    return table(["package", "licence of its pictures", "pictures"], rows)


# ----------------------------------------------------------------------------------------------------------- plots

_LINES: dict[str, _Chosen] = {
    "photo and generated": lambda r: robustness.pairs(
        r, kinds=PHOTO_LIKE, min_pixels=robustness.HALF_MEGAPIXEL
    ),
    "illustration": lambda r: robustness.pairs(r, kinds=("illustration",)),
    "flat": lambda r: robustness.pairs(r, kinds=("flat",)),
    "text": lambda r: robustness.pairs(r, kinds=("text",)),
    "512 px, all": lambda r: robustness.pairs(r, size="512"),
    "256 px, all": lambda r: robustness.pairs(r, size="256"),
}


def _lines(results: Json, points: dict[float, str]) -> dict[str, list[tuple[float, float]]]:
    """Percent recovered at each point that was measured, a line for each kind of picture."""
    lines = {}
    for name, choose in _LINES.items():
        found = choose(results)
        of = {x: [p for p in found if p.attack == attack] for x, attack in points.items()}
        lines[name] = [(x, 100 * robustness.share(at)) for x, at in of.items() if at]
    return lines


def plots(results: Json) -> dict[str, str]:
    """Name of file -> SVG."""

    def axes(title: str, x: str, x_range: tuple[float, float], x_step: float) -> curves.Axes:
        return curves.Axes(title, x, "recovered, %", x_range, (0, 100), x_step, 20)

    dashed = frozenset({"512 px, all", "256 px, all"})
    by_kind = {
        kind: {
            f"{size} px" if size != WHOLE else size: (sum(p.good for p in found), len(found))
            for size in (WHOLE, "512", "256")
            if (found := _fifty(results, size, kinds=(kind,)))
        }
        for kind in KINDS
    }
    drawn = {
        "recovery-jpeg.svg": (axes("JPEG", "quality", (10, 90), 10), _CODED),
        "recovery-resize.svg": (axes("Resized", "factor", (0, 3), 0.5), _RESIZED),
        "recovery-crop.svg": (axes("Cropped", "area kept, %", (0, 100), 25), _CROPPED),
    }
    made = {
        name: curves.svg(frame, _lines(results, points), dashed) for name, (frame, points) in drawn.items()
    }
    return made | {"recovery-kinds.svg": bars.svg("The fifty attacks, by contents and size", by_kind)}


# ------------------------------------------------------------------------------------------------------------ page


def own_sections(result: Json) -> list[str]:
    """Everything about our own mark."""
    results = result["results"]
    whole = robustness.whole_rows(results)
    count = {kind: sum(r["kind"] == kind for r in whole) for kind in KINDS}
    seen = sum(len(r["outcomes"]) for r in results["pictures"])
    wrong = sum(r["outcomes"].count("w") for r in results["pictures"])
    pictures = ", ".join(f"{n} {kind}" for kind, n in count.items())
    return [
        conditions_line(result),
        verdict(robustness.misses(results)),
        f"{len(whole)} pictures ({pictures}), {len(results['pictures'])} with their crops, {seen:,} readings, "
        f"{wrong} wrong ids.",
        WORDS,
        "## By contents and size",
        "The fifty attacks of the mark's design (eleven at 160 px). A picture can have several tags.",
        kind_table(results),
        "![Recovered by contents and size](plots/recovery-kinds.svg)",
        "The reply to marking says how well a picture holds its mark. Pictures, and what came back of them:",
        said_table(results),
        "## By attack",
        "### The fifty",
        attack_table(results, list(attacks.FIFTY)),
        "### Beyond the fifty",
        attack_table(results, list(attacks.BEYOND)),
        "![JPEG](plots/recovery-jpeg.svg)",
        "![Resized](plots/recovery-resize.svg)",
        "![Cropped](plots/recovery-crop.svg)",
        "## What was lost",
        "Whole pictures, under the whole suite:",
        losses(results),
        "Crops, under the fifty:",
        crop_losses(results),
        "## What a viewer could see",
        "Definitions: a block is 16 x 16 pixels of luma; flat is a deviation under 2, near-white is flat with a mean "
        "over 235; rms is of the RGB difference over all such blocks of a picture. Rounding to whole grey levels alone "
        "adds 1/12 to its square. SSIM has a Gaussian window of deviation 1.5. SSIMULACRA 2 is the PyPI package "
        f"ssimulacra2 {results['ssimulacra2_version']}, of pictures over 2048 px their middle; the JPEG beside it is "
        "the unmarked picture's. All are taken on PNG files, so that no codec adds to the mark.",
        summary_table(results),
        "![Originals, marked pictures, differences](contact-sheet.png)",
        "The sheet is made by `python -m benchmarks.quality.contact_sheet`: original, marked, difference x16 at 100 %, "
        "and a part of each at 200 %. Look at it at its own size.",
        picture_table(results),
        "### File sizes",
        "(Marked size / clean size) - 1 of the same picture in the same format, of corpus/images:",
        growth_table(results) if any("growth" in r for r in whole) else "No corpus was at hand.",
        "## Where the pictures come from",
        "The reporting set; corpus/images has a README of its own. Nothing of it is in this repository.",
        source_table(results),
    ]


def peer_sections() -> list[str]:
    """Other marks: those that ran here, and what is published of those that did not."""
    result = load(compare.BENCHMARK.name)
    parts = ["## Beside other marks"]
    if result is None:
        parts.append("Not run yet.")
    else:
        results = result["results"]
        parts += [conditions_line(result), verdict(compare.BENCHMARK.misses(results))]
        parts.append(compare.BENCHMARK.markdown(results))
    return [*parts, "## Published figures", published.markdown()]


def write() -> None:
    """Write the page and the plots from the results at hand."""
    result = load(robustness.BENCHMARK.name)
    parts = [INTRODUCTION]
    if result is None:
        parts.append("Not run yet.")
    else:
        parts += own_sections(result)
        PLOTS.mkdir(exist_ok=True)
        for name, svg in plots(result["results"]).items():
            (PLOTS / name).write_text(svg)
    PAGE.write_text("\n\n".join([*parts, *peer_sections()]) + "\n")


def main() -> int:
    """Measure unless told not to, then write; 1 where a bar was missed."""
    options = sys.argv[1:]
    code = 0
    if "--write-only" not in options:
        command = [sys.executable, "-m", "benchmarks.quality.robustness", *options]
        code = subprocess.run(command, cwd=ROOT, env=one_thread(), check=False).returncode
    write()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
