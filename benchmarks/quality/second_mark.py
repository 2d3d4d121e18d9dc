"""Two marks in one picture: docs/adr/0004 (a signpost) and 0007 (marking twice).

Every picture is marked, and then again at some share of the second mark's strength: under the same pattern key, as a
second marking of the same deployment is, and under a key that everybody has, as a signpost would be. Which of the two
is read after what, and what the pile costs.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from PIL import Image

from benchmarks import attacks, pictures, pipeline
from benchmarks.common import Benchmark, Json, table
from benchmarks.quality import sets
from benchmarks.quality.unmarked import luma_of
from waarmerk.core.keys import KeyRing
from waarmerk.detection.images import read

PUBLIC = pipeline.ring_of("a key that everybody has")
ATTACKS: dict[str, attacks.Attack] = {
    "none": lambda im: im,
    "JPEG 50": attacks.jpeg(50),
    "JPEG 30": attacks.jpeg(30),
    "resize 50 %": attacks.scaled(0.5),
    "rotate 5": attacks.rotated(5),
    "crop 25 %": attacks.cropped(0.25),
}
SECOND: dict[str, tuple[KeyRing, float]] = {
    "no second mark": (pipeline.RING, 0.0),
    "same key, full strength": (pipeline.RING, 1.0),
    "another key, full strength": (PUBLIC, 1.0),
    "another key, half strength": (PUBLIC, 0.5),
    "another key, 0.35 of the strength": (PUBLIC, 0.35),
}
MIN_PIXELS, MAX_PIXELS = 200_000, 2_200_000
EVERY = 2  # pictures of the set


def originals() -> list[pictures.Rgb]:
    """Every second photograph and painting of the reporting set; made pictures where there is none."""
    chosen = [
        p
        for p in sets.pictures(sets.REPORTING)
        if p.kind in ("photo", "illustration") and MIN_PIXELS <= p.width * p.height <= MAX_PIXELS
    ][::EVERY]
    if not chosen:
        return [pictures.photo(800 + n, 600, 700) for n in range(6)]
    return [np.asarray(Image.open(p.path).convert("RGB")) for p in chosen]


def _psnr(one: pictures.Rgb, other: pictures.Rgb) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(np.float64) - other) ** 2)))


def _weakly(first: pictures.Rgb, both: pictures.Rgb, share: float) -> pictures.Rgb:
    """The second mark at a share of its strength."""
    blended = first + share * (both.astype(np.float64) - first)
    return np.clip(np.rint(blended), 0, 255).astype(np.uint8)


def measure(_: argparse.Namespace) -> Json:
    found = originals()
    rows = []
    for name, (ring, share) in SECOND.items():
        print(f"  {name}", file=sys.stderr, flush=True)
        row: Json = {"second": name, "pictures": len(found), "psnr": [], "attacks": {}}
        marks = []
        for n, original in enumerate(found):
            first, second = pipeline.Draw.of("first", n), pipeline.Draw.of("second", n)
            once = pipeline.marked_planes(original, first)
            both = _weakly(once, pipeline.marked_planes(once, second, ring=ring), share) if share else once
            row["psnr"].append(_psnr(original, both))
            marks.append((Image.fromarray(both), first.mark_id, second.mark_id))
        row["psnr"] = round(float(np.mean(row["psnr"])), 2)
        for attack, change in ATTACKS.items():
            counts = {"first": 0, "second": 0, "wrong": 0}
            for image, first_id, second_id in marks:
                luma = luma_of(change(image))
                seen = {read(luma, pipeline.RING).mark_id}
                if ring is not pipeline.RING:
                    seen.add(read(luma, ring).mark_id)
                counts["first"] += first_id in seen
                counts["second"] += second_id in seen
                counts["wrong"] += bool(seen - {first_id, second_id, None})
            row["attacks"][attack] = counts
        rows.append(row)
    return {"rows": rows}


def misses(results: Json) -> list[str]:
    return [
        f"{counts['wrong']} wrong ids: {row['second']}, {attack}"
        for row in results["rows"]
        for attack, counts in row["attacks"].items()
        if counts["wrong"]
    ]


def markdown(results: Json) -> str:
    head = ["second mark", "pictures", "mean PSNR dB", *ATTACKS]
    rows = [
        [
            r["second"],
            r["pictures"],
            f"{r['psnr']:.2f}",
            *(f"{c['first']} + {c['second']}" for c in r["attacks"].values()),
        ]
        for r in results["rows"]
    ]
    return (
        "Pictures in which the first and the second mark were read (of two marks of one key a search names one):\n\n"
        + table(head, rows)
    )


BENCHMARK = Benchmark("second_mark", "Two marks in one picture", measure, markdown, misses)

if __name__ == "__main__":
    raise SystemExit(BENCHMARK.main())
