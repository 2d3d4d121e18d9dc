"""What it takes to remove a mark or to forge one, measured: losses stand beside wins.

Everything an attacker could hope for is given to them: float luma, the true alignment, the right size, our own
whitening filter. Removal is counted by what is still read, at which cost in PSNR against the marked picture. Forgery
is counted by what is accepted.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from benchmarks import adversary, pictures, pipeline, removal
from benchmarks.common import Benchmark, Json, table
from waarmerk.adapters.images import decode_luma
from waarmerk.core.arrays import Luma
from waarmerk.core.chips import chips_of
from waarmerk.core.evidence import Status
from waarmerk.core.layout import PATTERNS
from waarmerk.detection import alignment, residual, words
from waarmerk.detection.images import read
from waarmerk.detection.tiles import tile_spectra
from waarmerk.marking.images import luma_of

FACTORS = (0.7, 1.0, 1.3, 1.6)
OWN_FACTORS = (1.0, 1.5, 2.0, 2.5)
AVERAGED = (5, 10, 20, 50)
COMMON_FACTORS = {"pilots": (1.0, 1.6), "pattern": (0.5, 1.0)}  # times what is thought to be there
THRESHOLDS = (10.0, 20.0, 40.0)
PILOT_RMS, PATTERN_RMS = 0.45, 1.0  # share of the mark's rms: pilots alone, the whole of a pattern
FORGERIES = 30
MIN_FOLDED = 0.9  # of pictures still read after fold and subtract
SIDE = 512  # pixels, of pictures made for forgeries


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked picture as an attacker holds it."""

    name: str
    luma: Luma
    draw: pipeline.Draw


def marked_pictures() -> list[Marked]:
    """The corpus' pictures marked as files; made ones where there is no corpus."""
    files = pipeline.corpus_images()
    if not files:
        files = {
            f"photo {n}": pipeline.written(Image.fromarray(pictures.photo(700 + n, 640, 720)))
            for n in range(10)
        }
    out = []
    for name, data in files.items():
        draw = pipeline.Draw.of("security", name)
        out.append(Marked(name, decode_luma(pipeline.mark_file(data, draw), pipeline.LIMITS), draw))
    return out


def psnr(marked: Luma, attacked: Luma) -> float:
    """Of luma: what the attack itself costs."""
    error = float(np.mean((marked - attacked) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def survival(held: Sequence[Marked], attack: Callable[[Marked], Luma], label: str) -> Json:
    """How many ids are still read after an attack, and what it cost."""
    print(f"  {label}", file=sys.stderr, flush=True)
    outcomes: Json = {"attack": label, "pictures": len(held), "read": 0, "evident": 0, "wrong": 0, "lost": []}
    costs = []
    for picture in held:
        attacked = attack(picture)
        costs.append(psnr(picture.luma, attacked))
        reading = read(attacked, pipeline.RING)
        if reading.mark_id == picture.draw.mark_id:
            outcomes["read"] += 1
        else:
            outcomes["wrong"] += reading.mark_id is not None
            outcomes["evident"] += reading.status is Status.UNVERIFIED
            outcomes["lost"].append(picture.name)
    finite = [c for c in costs if math.isfinite(c)]  # JSON knows no infinity
    return {
        **outcomes,
        "psnr_median": float(np.median(finite)) if finite else None,
        "psnr_min": min(finite, default=None),
    }


# -------------------------------------------------------------------------------------------------------- removal


def one_picture_attacks() -> dict[str, Callable[[Marked], Luma]]:
    """What can be done with one picture alone."""
    out: dict[str, Callable[[Marked], Luma]] = {}
    for factor in FACTORS:
        out[f"fold and subtract x{factor}"] = lambda m, f=factor: adversary.fold_and_subtract(m.luma, f)
    for factor in OWN_FACTORS:
        out[f"own whitened residual x{factor}"] = lambda m, f=factor: removal.own_residual_subtracted(
            m.luma, f
        )
    for threshold in THRESHOLDS:
        out[f"DCT denoising, threshold {threshold:.0f}"] = lambda m, t=threshold: removal.dct_denoised(
            m.luma, t
        )
    out["JPEG q10"] = _jpeg10
    return out


def _jpeg10(picture: Marked) -> Luma:
    buffer = io.BytesIO()
    Image.fromarray(np.rint(picture.luma).astype(np.uint8)).save(buffer, "JPEG", quality=10)
    return decode_luma(buffer.getvalue(), pipeline.LIMITS)


def _seen(index: int, pattern: int | None) -> Marked:
    """One of the pictures an averaging attacker collected."""
    draw = pipeline.Draw.of("averaged", index)
    if pattern is not None:
        draw = pipeline.Draw(draw.mark_id, pattern, draw.offset)
    planes = pipeline.marked_planes(pictures.photo(40_000 + index, 1024, 1024), draw)
    return Marked(f"seen {index}", luma_of(planes, rgb=True).astype(np.float32), draw)


def averaging(held: Sequence[Marked]) -> list[Json]:
    """Average n pictures, subtract from others: with the patterns drawn at random, and with one alone.

    The second is what an attacker has who can sort pictures by pattern, or would have against a mark of a single one.
    """
    results = []
    one_pattern = 5
    alike = [
        Marked(
            m.name, _remarked(m.name, one_pattern), pipeline.Draw(m.draw.mark_id, one_pattern, m.draw.offset)
        )
        for m in held
    ]
    for which, pattern, targets, rms, factors in (
        (f"{PATTERNS} patterns", None, held, PILOT_RMS, COMMON_FACTORS["pilots"]),
        ("all of one pattern", one_pattern, alike, PATTERN_RMS, COMMON_FACTORS["pattern"]),
    ):
        seen = [_seen(n, pattern) for n in range(max(AVERAGED))]
        for n in AVERAGED:
            common = removal.super_tile_mean([s.luma for s in seen[:n]], [s.draw.offset for s in seen[:n]])
            for factor in factors:

                def attack(m: Marked, c: Luma = common, f: float = factor, r: float = rms) -> Luma:
                    return removal.common_part_subtracted(m.luma, m.draw.offset, c, f, r)

                label = f"mean of {n} subtracted x{factor} ({which})"
                results.append(survival(targets, attack, label))
    return results


def _remarked(name: str, pattern: int) -> Luma:
    """The picture of that name, marked with a given pattern."""
    draw = pipeline.Draw.of("security", name)
    draw = pipeline.Draw(draw.mark_id, pattern, draw.offset)
    files = pipeline.corpus_images()
    if name in files:
        return decode_luma(pipeline.mark_file(files[name], draw), pipeline.LIMITS)
    planes = pipeline.marked_planes(pictures.photo(700 + int(name.split()[-1]), 640, 720), draw)
    return luma_of(planes, rgb=True).astype(np.float32)


# -------------------------------------------------------------------------------------------------------- forgery


def _smooth(seed: int) -> pictures.Rgb:
    """What a forger would have marked: nothing in it hides the mark."""
    plane = pictures.clouds(seed, SIDE, SIDE, 2.5)[..., None] * 40 + 100
    return np.repeat(plane, 3, axis=2).astype(np.uint8)


def _victims(count: int) -> list[Luma]:
    """Unmarked pictures of SIDE x SIDE: middles of real ones first, then made ones."""
    out: list[Luma] = []
    for data in pipeline.corpus_images().values():
        luma = decode_luma(data, pipeline.LIMITS)
        top, left = ((n - SIDE) // 2 for n in luma.shape)
        if min(luma.shape) >= SIDE:
            out.append(luma[top : top + SIDE, left : left + SIDE].copy())
    while len(out) < count:
        out.append(luma_of(pictures.photo(50_000 + len(out), SIDE, SIDE), rgb=True).astype(np.float32))
    return out[:count]


def products() -> Json:
    """Three marks multiplied: does the word come out, and is it accepted?"""
    print("  product forgeries", file=sys.stderr, flush=True)
    chips = chips_of(pipeline.RING.current.pattern)
    accepted = evident = word = 0
    costs = []
    for n, victim in enumerate(_victims(FORGERIES)):
        ids = [pipeline.Draw.of("product", n, i).mark_id for i in range(3)]
        place = pipeline.Draw.of("product place", n)
        sources = [
            luma_of(
                pipeline.marked_planes(
                    _smooth(60_000 + 3 * n + i), pipeline.Draw(ids[i], place.pattern, (0, 0))
                ),
                rgb=True,
            ).astype(np.float32)
            for i in range(3)
        ]
        forged = adversary.product_forgery((sources[0], sources[1], sources[2]), victim)
        costs.append(psnr(victim, forged))
        reading = read(forged, pipeline.RING)
        accepted += reading.status is Status.FOUND or reading.mark_id is not None
        evident += reading.status is Status.UNVERIFIED
        plane = residual.laplacian(forged)
        tiles = tile_spectra(plane, chips, alignment.align(plane, chips)[0].shift)
        decoded = words.decode_at(tiles, chips, *words.find_super_tile(tiles, chips)[0])
        word += decoded.payload.mark_id == ids[0] ^ ids[1] ^ ids[2]
    return {
        "tried": FORGERIES,
        "accepted": accepted,
        "evident": evident,
        "xor_decoded": word,
        "psnr_median": float(np.median(costs)),
    }


def copies() -> list[Json]:
    """The copy attack on every victim, at three strengths."""
    results = []
    for factor in (0.7, 1.0, 1.5):
        print(f"  copy attack x{factor}", file=sys.stderr, flush=True)
        accepted = wrong = 0
        costs = []
        victims = _victims(FORGERIES)
        for n, victim in enumerate(victims):
            draw = pipeline.Draw.of("copied", n)
            source = luma_of(pipeline.marked_planes(_smooth(70_000 + n), draw), rgb=True).astype(np.float32)
            pasted = removal.copied(source, victim, factor)
            costs.append(psnr(victim, pasted))
            found = read(pasted, pipeline.RING).mark_id
            accepted += found == draw.mark_id
            wrong += found not in (None, draw.mark_id)
        results.append(
            {
                "factor": factor,
                "tried": len(victims),
                "accepted": accepted,
                "wrong": wrong,
                "psnr_median": float(np.median(costs)),
            }
        )
    return results


# ------------------------------------------------------------------------------------------------------ benchmark


def measure(_: argparse.Namespace) -> Json:
    held = marked_pictures()
    untouched = survival(held, lambda m: m.luma, "nothing")
    alone = [survival(held, attack, name) for name, attack in one_picture_attacks().items()]
    return {
        "removal": [untouched, *alone, *averaging(held)],
        "product": products(),
        "copies": copies(),
    }


def misses(results: Json) -> list[str]:
    missed = []
    if results["product"]["accepted"]:
        missed.append(f"{results['product']['accepted']} product forgeries were accepted")
    for row in results["removal"]:
        if row["wrong"]:
            missed.append(f"{row['wrong']} wrong ids after {row['attack']}")
        if row["attack"].startswith("fold and subtract") and row["read"] < MIN_FOLDED * row["pictures"]:
            missed.append(f"{row['read']} of {row['pictures']} read after {row['attack']}, 9 of 10 are due")
    missed += [f"{row['wrong']} wrong ids by the copy attack" for row in results["copies"] if row["wrong"]]
    return missed


def _short(names: Sequence[str]) -> str:
    return ", ".join(n.rsplit(".", 1)[0] for n in names) if len(names) <= 5 else f"{len(names)} pictures"


def _decibels(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def markdown(results: Json) -> str:
    rows = [
        [
            r["attack"],
            f"{r['read']} of {r['pictures']}",
            r["evident"],
            r["wrong"],
            _decibels(r["psnr_median"]),
            _decibels(r["psnr_min"]),
            _short(r["lost"]),
        ]
        for r in results["removal"]
    ]
    p = results["product"]
    copy_rows = [
        [f"x{c['factor']}", f"{c['accepted']} of {c['tried']}", c["wrong"], f"{c['psnr_median']:.1f}"]
        for c in results["copies"]
    ]
    return "\n\n".join(
        [
            "### Removal",
            "PSNR is the attack's own cost against the marked picture, in luma. 'Evident' means that the pattern was "
            "seen and the id was not read. Averaged pictures were laid at their true places, which an attacker would "
            "first have to find.",
            table(
                ["attack", "id still read", "evident", "wrong id", "PSNR median", "PSNR least", "lost"], rows
            ),
            "### Forgery",
            f"Product of three marks: {p['accepted']} of {p['tried']} accepted, {p['evident']} called unverified, at "
            f"{p['psnr_median']:.1f} dB. The product's word itself was decoded in {p['xor_decoded']}: without the "
            "keyed tag those would have been valid marks with a new id.",
            "Copy attack: a marked picture's residual pasted on another picture. It carries a true id to a picture "
            "that was never marked, and no mark of the pixels alone can tell; the registry and the signed manifest "
            "can. Accepted is what succeeded, and success is expected:",
            table(["strength", "accepted", "wrong id", "PSNR median"], copy_rows),
        ]
    )


BENCHMARK = Benchmark("security", "Removal and forgery", measure, markdown, misses)

if __name__ == "__main__":
    raise SystemExit(BENCHMARK.main())
