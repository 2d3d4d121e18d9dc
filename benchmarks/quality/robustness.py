"""What marking costs a picture, and what its mark survives.

Every picture is marked through the whole pipeline with a random id, pattern and offset (drawn from its name), then
put through every attack and asked about. Only the very id counts as recovered; another id counts as wrong, and one
wrong id misses the bar.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from functools import cache

import numpy as np
from PIL import Image

from benchmarks import attacks, pictures, pipeline
from benchmarks.common import Benchmark, Json, table
from benchmarks.quality import measures
from waarmerk.core.evidence import Status
from waarmerk.detection.images import ImageReading

MIN_SHARE = 0.93  # of (picture, required attack) pairs
MIN_PSNR, MIN_PSNR_TEXTURED = 42.0, 39.0
MAX_FLAT_RMS = 0.95  # grey levels
MAX_GROWTH = 0.15  # median, JPEG and WebP
GROWTH_BAR = ("JPEG q90", "WebP q80")
FORMATS: dict[str, tuple[str, dict[str, object]]] = {
    "PNG": ("PNG", {"compress_level": 6}),
    "JPEG q90": ("JPEG", {"quality": 90}),
    "JPEG q75": ("JPEG", {"quality": 75}),
    "WebP q80": ("WEBP", {"quality": 80}),
    "WebP lossless": ("WEBP", {"lossless": True}),
}


@cache
def made_pictures() -> dict[str, bytes]:
    """Pictures that exist anywhere, name -> file: photograph-like, flat and densely textured, in all three formats."""

    def file(planes: pictures.Rgb, kind: str, **options: object) -> bytes:
        return pipeline.written(Image.fromarray(planes), kind, **options)

    return {
        "photo 512.png": file(pictures.photo(1, 512, 512), "PNG"),
        "photo 1000x700.jpg": file(pictures.photo(2, 700, 1000), "JPEG", quality=92),
        "photo 900.webp": file(pictures.photo(3, 900, 900), "WEBP", quality=90),
        "photo 2000x1500.jpg": file(pictures.photo(4, 1500, 2000), "JPEG", quality=85),
        "cartoon 768.png": file(pictures.cartoon(5, 768, 768), "PNG"),
        "grain 640.png": file(pictures.grain(6, 640, 640), "PNG"),
    }


def quality_of(original: bytes, marked: bytes) -> Json:
    """What a viewer could notice. Both files are decoded; transparent pixels are left out."""
    before, visible = _pixels(original)
    after, _ = _pixels(marked)
    flat, n_flat = measures.flat_rms(before, after, visible)
    return {
        "psnr": measures.psnr(before, after, visible),
        "ssim": measures.ssim(before, after),
        "flat_rms": flat,
        "flat_blocks": n_flat,
        "textured": measures.is_textured(before, visible),
        "size": [before.shape[1], before.shape[0]],
    }


def _pixels(data: bytes) -> tuple[pictures.Rgb, measures.Mask]:
    """RGB as stored and where it is visible."""
    image = Image.open(io.BytesIO(data))
    rgba = np.asarray(image.convert("RGBA"))
    return np.ascontiguousarray(rgba[..., :3]), rgba[..., 3] > 0


def growth_of(original: bytes, draw: pipeline.Draw) -> dict[str, float]:
    """(marked size / clean size) - 1 of the same picture in each format, neither carrying metadata."""
    image = Image.open(io.BytesIO(original))
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    grown = {}
    for name, (kind, options) in FORMATS.items():
        source = pipeline.opened(original) if kind == "JPEG" else image
        clean = pipeline.written(source, kind, **options)
        grown[name] = len(pipeline.mark_file(clean, draw)) / len(clean) - 1
    return grown


def outcome_of(reading: ImageReading, draw: pipeline.Draw) -> str:
    """recovered, wrong, unverified (pattern evident, no id) or lost."""
    if reading.mark_id is not None:
        return "recovered" if reading.mark_id == draw.mark_id else "wrong"
    return "unverified" if reading.status is Status.UNVERIFIED else "lost"


def attacked(marked: Image.Image, attack: attacks.Attack, draw: pipeline.Draw) -> Json:
    """One (picture, attack) pair."""
    data = pipeline.written(attack(marked))
    start = time.thread_time()
    reading = pipeline.read_file(data)
    return {
        "outcome": outcome_of(reading, draw),
        "log10_p": round(reading.log10_p, 1),
        "stage": reading.geometry["stage"] if reading.geometry else "",
        "ms": round((time.thread_time() - start) * 1e3),
    }


def examine(name: str, data: bytes, which: dict[str, attacks.Attack], *, growth: bool = True) -> Json:
    """One picture: quality, growth and every attack."""
    draw = pipeline.Draw.of("robustness", name)
    marked = pipeline.mark_file(data, draw)
    shown = pipeline.opened(marked)
    return {
        **quality_of(data, marked),
        "growth": growth_of(data, draw) if growth else {},
        "attacks": {attack: attacked(shown, apply, draw) for attack, apply in which.items()},
    }


def measure(_: argparse.Namespace) -> Json:
    which = {**attacks.REQUIRED, **attacks.FURTHER}
    sets = {"corpus": pipeline.corpus_images(), "made": made_pictures()}
    results: Json = {}
    for label, files in sets.items():
        results[label] = {}
        for name, data in files.items():
            print(f"  {label}: {name}", file=sys.stderr, flush=True)
            results[label][name] = examine(name, data, which)
    return results


# ----------------------------------------------------------------------------------------------------- judgement


def pairs(picture_results: Json, names: list[str] | None = None) -> list[tuple[str, str, Json]]:
    """(picture, attack, pair) of one set, all attacks or the named ones."""
    return [
        (picture, attack, pair)
        for picture, result in picture_results.items()
        for attack, pair in result["attacks"].items()
        if names is None or attack in names
    ]


def misses_of(label: str, results: Json) -> list[str]:
    """Bars that one set of pictures misses, as sentences."""
    missed = []
    required = pairs(results, list(attacks.REQUIRED))
    share = sum(pair["outcome"] == "recovered" for _, _, pair in required) / len(required)
    if share < MIN_SHARE:
        missed.append(f"{label}: {share:.1%} of required pairs recovered, at least {MIN_SHARE:.0%} is due")
    missed += [
        f"{label}: a wrong id from {picture} after {attack}"
        for picture, attack, pair in pairs(results)
        if pair["outcome"] == "wrong"
    ]
    for picture, result in results.items():
        least = MIN_PSNR_TEXTURED if result["textured"] else MIN_PSNR
        if result["psnr"] < least:
            missed.append(f"{label}: {picture} has {result['psnr']:.2f} dB, at least {least} is due")
        if result["flat_rms"] > MAX_FLAT_RMS:
            missed.append(f"{label}: {picture} has rms {result['flat_rms']:.3f} in flat blocks")
    for kind in GROWTH_BAR:
        growths = [r["growth"][kind] for r in results.values() if kind in r["growth"]]
        if growths and statistics.median(growths) > MAX_GROWTH:
            missed.append(f"{label}: {kind} files grow by {statistics.median(growths):.1%} in the median")
    return missed


def misses(results: Json) -> list[str]:
    """The bar is on real pictures; of made ones only a wrong id counts, since they are as hard as we make them."""
    missed = misses_of("corpus", results["corpus"]) if results["corpus"] else []
    return missed + [
        f"made: a wrong id from {picture} after {attack}"
        for picture, attack, pair in pairs(results["made"])
        if pair["outcome"] == "wrong"
    ]


def _percent(share: float) -> str:
    return f"{share:+.1%}"


def _quality_table(results: Json) -> str:
    rows = []
    for name, r in results.items():
        required = [r["attacks"][a]["outcome"] == "recovered" for a in attacks.REQUIRED]
        further = [r["attacks"][a]["outcome"] == "recovered" for a in attacks.FURTHER]
        rows.append(
            [
                name + (" (textured)" if r["textured"] else ""),
                "{} x {}".format(*r["size"]),
                f"{r['psnr']:.2f}",
                f"{r['ssim']:.4f}",
                f"{r['flat_rms']:.3f}" if r["flat_blocks"] else "no flat block",
                *(_percent(r["growth"][kind]) for kind in FORMATS),
                f"{sum(required)} of {len(required)}",
                f"{sum(further)} of {len(further)}",
            ]
        )
    medians = [
        "**median**",
        "",
        *(
            f"{statistics.median(r[k] for r in results.values()):.{d}f}"
            for k, d in (("psnr", 2), ("ssim", 4))
        ),
        f"{statistics.median(r['flat_rms'] for r in results.values()):.3f}",
        *(_percent(statistics.median(r["growth"][kind] for r in results.values())) for kind in FORMATS),
        "",
        "",
    ]
    head = ["picture", "size", "PSNR dB", "SSIM", "flat rms", *FORMATS, "required", "further"]
    return table(head, [*rows, medians])


def _attack_table(results: Json, names: list[str]) -> str:
    rows = []
    for attack in names:
        of = pairs(results, [attack])
        good = [pair["log10_p"] for _, _, pair in of if pair["outcome"] == "recovered"]
        lost = [
            picture.rsplit(".", 1)[0] + ("" if pair["outcome"] == "lost" else f" ({pair['outcome']})")
            for picture, _, pair in of
            if pair["outcome"] != "recovered"
        ]
        rows.append(
            [attack, f"{len(good)} of {len(of)}", f"{max(good):.0f}" if good else "-", ", ".join(lost)]
        )
    return table(["attack", "exact id", "weakest log10 p", "not recovered"], rows)


def _summary(results: Json) -> str:
    required, further = (pairs(results, list(names)) for names in (attacks.REQUIRED, attacks.FURTHER))
    good, more = (sum(pair["outcome"] == "recovered" for _, _, pair in p) for p in (required, further))
    wrong = sum(pair["outcome"] == "wrong" for _, _, pair in pairs(results))
    return (
        f"Required attacks: {good} of {len(required)} pairs, {good / len(required):.1%} "
        f"(bar {MIN_SHARE:.0%}, on the corpus). Further ones: {more} of {len(further)}, "
        f"{more / len(further):.1%}. Wrong ids: {wrong}."
    )


def markdown(results: Json) -> str:
    parts = [
        f"Bars: PSNR at least {MIN_PSNR} dB ({MIN_PSNR_TEXTURED} where more than half of the 16 x 16 blocks have a "
        f"deviation over 20), rms in flat blocks at most {MAX_FLAT_RMS}, median growth of JPEG and WebP at most "
        f"{MAX_GROWTH:.0%}. Growth compares files without metadata."
    ]
    titles = {"corpus": "Real pictures", "made": "Pictures made from numbers"}
    for label, title in titles.items():
        if results[label]:
            parts += [
                f"### {title}",
                _summary(results[label]),
                _quality_table(results[label]),
                "Required:",
                _attack_table(results[label], list(attacks.REQUIRED)),
                "Further:",
                _attack_table(results[label], list(attacks.FURTHER)),
            ]
        else:
            parts.append(f"### {title}\n\nNot measured: no corpus at hand.")
    return "\n\n".join(parts)


BENCHMARK = Benchmark("robustness", "Quality and robustness of the image mark", measure, markdown, misses)

if __name__ == "__main__":
    raise SystemExit(BENCHMARK.main())
