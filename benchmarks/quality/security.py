"""What it takes to remove a mark or to forge one, measured: losses stand beside wins.

Everything an attacker could hope for is given to them: float luma, the true alignment, the right size, our own
whitening filter and mask. Removal is counted by what is still read, at which cost in PSNR against the marked picture;
for every attack that can be driven harder there is a curve of damage against the share that is still read, and for
every picture the cheapest attack that took its mark out. Forgery is in `benchmarks.quality.forgery`.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from unittest import mock

import numpy as np
from PIL import Image

from benchmarks import adversary, attacks, pictures, pipeline, removal
from benchmarks.common import ROOT, Benchmark, Json, table
from benchmarks.quality import forgery, sets
from benchmarks.quality.curves import Axes, svg
from waarmerk.adapters.images import decode_luma
from waarmerk.core.arrays import Luma
from waarmerk.core.chips import chips_of
from waarmerk.core.evidence import Status
from waarmerk.core.layout import PATTERNS, SUPER_TILE
from waarmerk.detection import residual, upright, words
from waarmerk.detection.images import read
from waarmerk.detection.tiles import tile_spectra
from waarmerk.marking.images import luma_of

MIN_PIXELS, MAX_PIXELS = 450_000, 2_000_000
PICTURES = 12
TEXTURED_STD, TEXTURED_SHARE = 12.0, 0.5  # of 16 x 16 blocks: half of them livelier makes a picture textured
AVERAGED = (10, 50, 100, 1000)
AVERAGED_SIDE = 512  # pixels of a picture that is averaged
COMMON_FACTORS = {"pilots": (1.0, 1.5), "pattern": (0.5, 1.0)}  # times what is thought to be there
FEW_PATTERNS = 4
COPIES = (2, 3, 5, 10)  # of one picture, marked differently
PILOT_RMS, PATTERN_RMS = 0.6, 1.0  # share of the mark's rms: pilots alone, the whole of a pattern
PLOT = ROOT / "docs" / "plots" / "removal.svg"

Change = Callable[[Luma], Luma]


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked picture as an attacker holds it."""

    name: str
    luma: Luma
    draw: pipeline.Draw
    textured: bool


@dataclass(frozen=True, slots=True)
class Attack:
    """Something done to one picture without a key.

    Attributes:
        family: attacks of one family differ in how hard they are driven; a curve is drawn of each.
        setting: how hard.
        apply: luma to luma.
        moves: pixels are moved or left out, so PSNR tells nothing of the damage.
    """

    family: str
    setting: str
    apply: Change
    moves: bool = False

    @property
    def name(self) -> str:
        return f"{self.family} {self.setting}".strip()


def is_textured(luma: Luma) -> bool:
    h, w = (n // 16 * 16 for n in luma.shape)
    blocks = luma[:h, :w].reshape(h // 16, 16, w // 16, 16)
    return float(np.mean(blocks.std(axis=(1, 3)) > TEXTURED_STD)) > TEXTURED_SHARE


def _originals() -> dict[str, bytes]:
    """Real pictures of 0.45 to 2.2 MP: the corpus' and the reporting set's, evenly thinned; made ones without those."""
    files = {p.path.name: p.path.read_bytes() for p in sets.pictures(sets.REPORTING) if p.kind != "text"}
    files |= pipeline.corpus_images()
    fit = {}
    for name, data in files.items():
        with Image.open(io.BytesIO(data)) as image:
            if MIN_PIXELS <= image.width * image.height <= MAX_PIXELS:
                fit[name] = data
    if not fit:
        made = (Image.fromarray(pictures.photo(700 + n, 640, 720)) for n in range(10))
        return {f"photo {n}": pipeline.written(image) for n, image in enumerate(made)}
    chosen = np.unique(np.linspace(0, len(fit) - 1, min(PICTURES, len(fit))).round().astype(int))
    names = list(fit)
    return {names[n]: fit[names[n]] for n in chosen}


def _drawn(patterns: int, *seed: int | str) -> pipeline.Draw:
    """A draw as if there were so many patterns."""
    draw = pipeline.Draw.of(*seed)
    return pipeline.Draw(draw.mark_id, draw.pattern % patterns, draw.offset)


def marked_pictures(patterns: int = PATTERNS) -> list[Marked]:
    """The originals, marked as files, with one of so many patterns each."""
    out = []
    for name, data in _originals().items():
        draw = _drawn(patterns, "security", name)
        luma = decode_luma(pipeline.mark_file(data, draw), pipeline.LIMITS)
        out.append(Marked(name.rsplit(".", 1)[0], luma, draw, is_textured(luma)))
    return out


def psnr(marked: Luma, attacked: Luma) -> float:
    """Of luma: what the attack itself costs."""
    error = float(np.mean((marked - attacked) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def _with_pillow(change: attacks.Attack) -> Change:
    """A change of pictures as one of luma."""

    def apply(luma: Luma) -> Luma:
        grey = Image.fromarray(np.clip(np.rint(luma), 0, 255).astype(np.uint8)).convert("RGB")
        return np.asarray(change(grey).convert("L")).astype(np.float32)

    return apply


def _then(first: Change, second: Change) -> Change:
    return lambda luma: second(first(luma))


# -------------------------------------------------------------------------------------------------------- removal


def _there_and_back(factor: float) -> Change:
    def apply(luma: Luma) -> Luma:
        grey = Image.fromarray(luma)
        small = grey.resize(
            (round(grey.width * factor), round(grey.height * factor)), Image.Resampling.BICUBIC
        )
        return removal.rounded(np.asarray(small.resize(grey.size, Image.Resampling.BICUBIC)))

    return apply


def _marked_again(luma: Luma) -> Luma:
    """The mark of another deployment on top."""
    ring, draw = pipeline.ring_of("another"), pipeline.Draw.of("another")
    planes = np.rint(luma).astype(np.uint8)[..., None]
    return pipeline.marked_planes(planes, draw, ring=ring, rgb=False)[..., 0].astype(np.float32)


def one_picture_attacks() -> list[Attack]:
    """What can be done with one picture alone."""
    jpeg = {q: _with_pillow(attacks.jpeg(q)) for q in (75, 50, 30, 20, 15, 10, 5)}
    dct = {t: partial(removal.dct_denoised, threshold=t) for t in (10.0, 20.0, 30.0, 40.0)}
    own = {
        f: partial(removal.own_residual_subtracted, factor=f) for f in (0.5, 0.75, 1.0, 1.3, 1.6, 2.0, 2.5)
    }
    out = [
        Attack("fold and subtract", f"x{f}", partial(adversary.fold_and_subtract, factor=f))
        for f in (0.7, 0.85, 1.0, 1.15, 1.3, 1.6, 2.0, 2.5)
    ]
    out.append(Attack("fold and subtract", "three times", removal.folded_thrice))
    out += [Attack("own whitened residual", f"x{f}", change) for f, change in own.items()]
    out.append(Attack("own residual, gain by block", "", partial(removal.own_residual_in_blocks, seed=1)))
    out += [
        Attack("tiles aligned without key", f"x{f}", partial(removal.aligned_tiles_subtracted, factor=f))
        for f in (1.0, 2.0)
    ]
    out += [
        Attack("spectrum's lines notched", f"above {h}", partial(removal.lines_notched, height=h))
        for h in (3.0, 2.0)
    ]
    out += [Attack("DCT denoising", f"{t:.0f}", change) for t, change in dct.items()]
    out += [
        Attack(
            "DCT denoising overdone", f"{t:.0f} x{f}", partial(removal.over_denoised, threshold=t, factor=f)
        )
        for t, f in ((10.0, 1.5), (20.0, 1.5), (20.0, 2.0))
    ]
    out += [
        Attack("adaptive Wiener filter", f"{n}", partial(removal.wiener_filtered, size=n)) for n in (3, 5, 9)
    ]
    out += [
        Attack("noise in the band", f"x{f}", partial(removal.noise_added, factor=f, seed=3))
        for f in (1.0, 2.0, 4.0)
    ]
    out.append(Attack("marked again by another key", "", _marked_again))
    out += [Attack("JPEG", f"q{q}", jpeg[q]) for q in (30, 20, 15, 10, 5)]
    out += [Attack("WebP", f"q{q}", _with_pillow(attacks.webp(q))) for q in (30, 10, 0)]
    out += [Attack("shrunk and grown", f"{f}", _there_and_back(f)) for f in (0.35, 0.25, 0.2)]
    out += [Attack("blur", f"{s}", _with_pillow(attacks.blurred(s))) for s in (2, 3)]
    out += [
        Attack(
            "own x1.45, JPEG 75", "", _then(partial(removal.own_residual_subtracted, factor=1.45), jpeg[75])
        ),
        Attack("own x1.6, JPEG 50", "", _then(own[1.6], jpeg[50])),
        Attack("DCT 20, JPEG 75", "", _then(dct[20.0], jpeg[75])),
        Attack(
            "DCT 20 x1.5, JPEG 75",
            "",
            _then(partial(removal.over_denoised, threshold=20.0, factor=1.5), jpeg[75]),
        ),
        Attack("fold three times, JPEG 50", "", _then(removal.folded_thrice, jpeg[50])),
        Attack("fold three times, JPEG 30", "", _then(removal.folded_thrice, jpeg[30])),
        Attack("fold three times, DCT 20", "", _then(removal.folded_thrice, dct[20.0])),
    ]
    out += [Attack("bent", f"{n} pixels", partial(removal.bent, reach=n, seed=5), True) for n in (1.0, 3.0)]
    out += [
        Attack("rows and columns left out", f"1 in {n}", partial(removal.rows_deleted, every=n), True)
        for n in (200, 50)
    ]
    return out


def after_folding() -> list[Attack]:
    """What hides the sync once the pilots are gone: the thorough search is asked."""
    turned, shrunk, coded = attacks.rotated(1), attacks.scaled(0.9), attacks.jpeg(70)
    then = {
        "rotated 1 degree": turned,
        "scaled 0.9": shrunk,
        "JPEG 70": coded,
        "all three": attacks.chain(turned, shrunk, coded),
    }
    folds: dict[str, Change] = {
        f"fold and subtract x{f}": partial(adversary.fold_and_subtract, factor=f)
        for f in (0.7, 1.0, 1.6, 2.5)
    }
    folds["fold and subtract three times"] = removal.folded_thrice
    return [
        Attack(fold, f"then {name}", _then(change, _with_pillow(after)), True)
        for fold, change in folds.items()
        for name, after in then.items()
    ]


def survival(held: Sequence[Marked], attack: Attack, *, thorough: bool = False) -> Json:
    """How many ids are still read after an attack, and what it cost each picture."""
    print(f"  {attack.name}", file=sys.stderr, flush=True)
    outcomes: Json = {
        "attack": attack.name,
        "family": attack.family,
        "pictures": len(held),
        "read": 0,
        "evident": 0,
        "wrong": 0,
        "lost": {},
        "thorough": thorough,
    }
    costs, longest = [], 0.0
    for picture in held:
        attacked = attack.apply(picture.luma)
        cost = None if attack.moves else psnr(picture.luma, attacked)
        if cost is not None and math.isfinite(cost):
            costs.append(cost)
        start = time.thread_time()
        reading = read(attacked, pipeline.RING, thorough=thorough)
        longest = max(longest, time.thread_time() - start)
        if reading.mark_id == picture.draw.mark_id:
            outcomes["read"] += 1
            continue
        outcomes["wrong"] += reading.mark_id is not None
        outcomes["evident"] += reading.status is Status.UNVERIFIED
        outcomes["lost"][picture.name] = None if cost is None else round(cost, 2)
    return {
        **outcomes,
        "psnr_median": round(float(np.median(costs)), 2) if costs else None,
        "psnr_min": round(min(costs), 2) if costs else None,
        "longest_s": round(longest, 2),
    }


def cheapest_kills(held: Sequence[Marked], rows: Sequence[Json]) -> Json:
    """For every picture the attack that took its mark out at the least damage; None where none did."""
    kills: Json = {}
    for picture in held:
        found = [
            (row["lost"][picture.name], row["attack"])
            for row in rows
            if row["lost"].get(picture.name) is not None
        ]
        best = max(found, default=None)
        kills[picture.name] = {
            "textured": picture.textured,
            "psnr": best[0] if best else None,
            "attack": best[1] if best else None,
        }
    return kills


# ------------------------------------------------------------------------------------------------------ averaging


def _seen(index: int, files: Sequence[Image.Image], patterns: int) -> tuple[Luma, tuple[int, int]]:
    """One of the pictures an averaging attacker collected: a part of a real one, marked; and its place."""
    draw = _drawn(patterns, "averaged", index)
    image = files[index % len(files)]
    rng = pipeline.rng_of("averaged part", index)
    left, top = (int(rng.integers(n - AVERAGED_SIDE + 1)) for n in image.size)
    part = image.crop((left, top, left + AVERAGED_SIDE, top + AVERAGED_SIDE))
    planes = pipeline.marked_planes(np.asarray(part), draw)
    return luma_of(planes, rgb=True).astype(np.float32), draw.offset


def averaging(held: Sequence[Marked]) -> list[Json]:
    """Average n pictures, subtract from others: with all patterns, with few, and with one alone.

    The last is what an attacker has who can sort pictures by pattern, or would have against a mark of a single one.
    """
    files = [pipeline.opened(data) for data in _originals().values()]
    files = [image for image in files if min(image.size) >= AVERAGED_SIDE]
    rows = []
    turned = _with_pillow(attacks.rotated(1))
    for patterns in (PATTERNS, FEW_PATTERNS, 1):
        targets = held if patterns == PATTERNS else marked_pictures(patterns)
        rms, factors = (
            (PATTERN_RMS, COMMON_FACTORS["pattern"])
            if patterns == 1
            else (PILOT_RMS, COMMON_FACTORS["pilots"])
        )
        mean = removal.Mean()
        for n in range(max(AVERAGED)):
            mean.add(*_seen(n, files, patterns))
            if n + 1 not in AVERAGED:
                continue
            common = mean.shaped()
            label = f"mean of {n + 1} subtracted ({patterns} pattern{'s' if patterns > 1 else ''})"
            rows += [_common_subtracted(targets, common, factor, rms, label, None) for factor in factors]
            if patterns == PATTERNS and n + 1 == 50:
                rows.append(_common_subtracted(targets, common, factors[-1], rms, label, turned))
    return rows


def _common_subtracted(
    targets: Sequence[Marked], common: Luma, factor: float, rms: float, label: str, then: Change | None
) -> Json:
    offsets = {id(m.luma): m.draw.offset for m in targets}

    def apply(luma: Luma) -> Luma:
        out = removal.common_part_subtracted(luma, offsets[id(luma)], common, factor, rms)
        return out if then is None else then(out)

    setting = f"x{factor}" + ("" if then is None else ", then rotated 1 degree")
    return survival(targets, Attack(label, setting, apply, then is not None), thorough=then is not None)


def collusion() -> list[Json]:
    """One picture marked many times over, each time anew from the original, and the copies' mean.

    Every mark is left with one part in n of its strength; reading any of them counts.
    """
    originals = list(_originals().values())[::2]
    rows = []
    for n in COPIES:
        print(f"  mean of {n} marks of one picture", file=sys.stderr, flush=True)
        row: Json = {"copies": n, "pictures": len(originals), "read": 0, "evident": 0, "wrong": 0}
        for number, data in enumerate(originals):
            draws = [pipeline.Draw.of("collusion", number, i) for i in range(n)]
            lumas = [decode_luma(pipeline.mark_file(data, draw), pipeline.LIMITS) for draw in draws]
            reading = read(removal.rounded(np.mean(lumas, axis=0)), pipeline.RING)
            row["read"] += reading.mark_id in {draw.mark_id for draw in draws}
            row["wrong"] += reading.mark_id is not None and reading.mark_id not in {d.mark_id for d in draws}
            row["evident"] += reading.status is Status.UNVERIFIED
        rows.append(row)
    return rows


def patterns() -> list[Json]:
    """What M patterns cost a detector: one place by the sync, the search by the sync alone, the tables of a key."""
    luma = luma_of(pictures.photo(1, 1000, 1000), rgb=True).astype(np.float32)
    plane = residual.whitened(luma)
    rows = []
    for count in (1, 4, 16, 64, 256):
        chips = chips_of(pipeline.ring_of(f"{count} patterns").current.pattern)
        tiles = tile_spectra(plane, chips, (0.0, 0.0), spacing=0)
        effort = upright.Effort(upright=1, turned=max(1, count // 4))
        with mock.patch.object(words, "PATTERNS", count), mock.patch.object(upright, "PATTERNS", count):
            first, place = _first_and_least(partial(words.find_super_tile, tiles, chips))
            first_search, search = _first_and_least(partial(upright.align_pilotless, plane, chips, effort))
        size = (
            count * 64 * len(chips.sync.k) * 8
            + (count + count // effort.turned) * math.prod(upright.SIZE) * 8
        )
        rows.append(
            {
                "patterns": count,
                "place_ms": round(place * 1e3, 2),
                "search_ms": round(search * 1e3, 1),
                "tables_ms": round((first - place + first_search - search) * 1e3),
                "tables_mib": round(size / 2**20, 1),
                "flat_pictures_to_see_all": round(count * sum(1 / n for n in range(1, count + 1))),
            }
        )
    return rows


def _first_and_least(run: Callable[[], object]) -> tuple[float, float]:
    """Thread CPU seconds of a first run, and the least of nine more."""
    seconds = []
    for _ in range(10):
        start = time.thread_time()
        run()
        seconds.append(time.thread_time() - start)
    return seconds[0], min(seconds[1:])


# ------------------------------------------------------------------------------------------------------ benchmark


def measure(_: argparse.Namespace) -> Json:
    held = marked_pictures()
    alone = one_picture_attacks()
    rows = [survival(held, attack) for attack in alone]
    results = {
        "untouched": survival(held, Attack("nothing", "", lambda luma: luma)),
        "removal": rows,
        "kills": cheapest_kills(held, rows),
        "after_folding": [survival(held, attack, thorough=True) for attack in after_folding()],
        "averaging": averaging(held),
        "collusion": collusion(),
        "patterns": patterns(),
        "forged_words": forgery.on_words(),
        "forged_pixels": forgery.on_pixels(),
        "copies": forgery.copies(),
        "super_tile": SUPER_TILE,
    }
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    PLOT.write_text(plot(results))
    return results


def _share(row: Json) -> float:
    return float(row["read"] / max(row["pictures"], 1))


def _bars(results: Json) -> list[tuple[Json, float]]:
    """Rows that are promised, and the share of pictures that must be read."""
    removal_ = results["removal"]
    bars = [(r, 0.95) for r in removal_ if r["family"] in ("fold and subtract", "tiles aligned without key")]
    bars += [
        (r, 0.95)
        for r in removal_
        if r["family"] == "own whitened residual" and (r["psnr_median"] or 0) >= 43
    ]
    bars += [(r, 0.80) for r in results["after_folding"] if "three times" not in r["family"]]
    bars += [
        (r, 0.90)
        for r in results["averaging"]
        if r["family"].startswith("mean of 50 ")
        and f"{PATTERNS} patterns" in r["family"]
        and not r["thorough"]
    ]
    return bars


def misses(results: Json) -> list[str]:
    every = [*results["removal"], *results["after_folding"], *results["averaging"]]
    missed = [f"{row['wrong']} wrong ids after {row['attack']}" for row in every if row["wrong"]]
    missed += [
        f"{row['read']} of {row['pictures']} read after {row['attack']}, {bar:.0%} are due"
        for row, bar in _bars(results)
        if _share(row) < bar
    ]
    for kind in ("forged_words", "forged_pixels"):
        missed += [f"{r['forged']} forged: {r['mix']}" for r in results[kind] if r["forged"]]
    missed += [f"{row['wrong']} wrong ids by the copy attack" for row in results["copies"] if row["wrong"]]
    missed += [f"{row['wrong']} wrong ids in means of marks" for row in results["collusion"] if row["wrong"]]
    missed += [
        f"{name}, textured, loses its mark at {kill['psnr']} dB by {kill['attack']}"
        for name, kill in results["kills"].items()
        if kill["textured"] and (kill["psnr"] or 0) > 40
    ]
    return missed


def plot(results: Json) -> str:
    """Share still read against the damage, of every family that was driven at several strengths."""
    families: dict[str, list[tuple[float, float]]] = {}
    for row in results["removal"]:
        if row["psnr_median"] is not None:
            families.setdefault(row["family"], []).append((row["psnr_median"], 100 * _share(row)))
    telling = {name: sorted(points) for name, points in families.items() if len(points) >= 3}
    axes = Axes(
        title="Removal: pictures still read against what the attack costs",
        x="median PSNR of the attack alone, dB",
        y="ids still read, per cent",
        x_range=(26, 52),
        y_range=(0, 100),
        x_step=2,
        y_step=10,
    )
    return svg(axes, telling)


def _decibels(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _rows(rows: Sequence[Json]) -> list[list[object]]:
    def lost(names: Sequence[str]) -> str:
        return ", ".join(names) if len(names) <= 4 else f"{len(names)} pictures"

    return [
        [
            r["attack"],
            f"{r['read']} of {r['pictures']}",
            r["evident"],
            r["wrong"],
            _decibels(r["psnr_median"]),
            _decibels(r["psnr_min"]),
            lost(list(r["lost"])),
        ]
        for r in rows
    ]


_HEAD = ["attack", "id still read", "evident", "wrong id", "PSNR median", "PSNR least", "lost"]


def _kill_table(results: Json) -> str:
    rows = []
    for name in ("textured", "smooth"):
        kills = [k for k in results["kills"].values() if k["textured"] == (name == "textured")]
        found = [k for k in kills if k["psnr"] is not None]
        best = max(found, key=lambda k: k["psnr"], default=None)
        rows.append(
            [
                name,
                len(kills),
                len(found),
                _decibels(float(np.median([k["psnr"] for k in found])) if found else None),
                _decibels(best["psnr"] if best else None),
                best["attack"] if best else "-",
            ]
        )
    return table(
        ["pictures", "n", "lost to some attack", "median PSNR of the cheapest", "cheapest of all", "by"], rows
    )


def markdown(results: Json) -> str:
    longest = max(r["longest_s"] for r in results["after_folding"])
    return "\n\n".join(
        [
            "### Removal from one picture",
            f"{results['untouched']['read']} of {results['untouched']['pictures']} marked pictures are read as they "
            "are. PSNR is the attack's own cost against the marked picture, in luma; none is given where pixels are "
            "moved. 'Evident': the pattern was seen and the id was not read. A learned denoiser and regeneration by a "
            "diffusion model were not tried: no package at hand brings the weights of one. Both will do better.",
            table(_HEAD, _rows(results["removal"])),
            "![Share read against damage](plots/removal.svg)",
            "The cheapest attack of all above that took a picture's mark out:",
            _kill_table(results),
            "### Folded, then turned",
            f"Read by the thorough search, {longest:.2f} s of CPU at most.",
            table(_HEAD, _rows(results["after_folding"])),
            "### Many pictures of one key",
            f"Pictures of {AVERAGED_SIDE} x {AVERAGED_SIDE} pixels, laid at their true places, which an attacker would "
            "first have to find. Rotated ones are read by the thorough search.",
            table(_HEAD, _rows(results["averaging"])),
            "One picture marked many times over from its original, and the mean of the copies, which is nearer to the "
            "original than any of them; any of the ids counts as read:",
            table(
                ["copies", "an id still read", "evident", "wrong id"],
                [
                    [c["copies"], f"{c['read']} of {c['pictures']}", c["evident"], c["wrong"]]
                    for c in results["collusion"]
                ],
            ),
            "What more patterns would cost, and how many flat pictures an attacker must have marked to see each "
            "pattern once:",
            table(
                [
                    "patterns",
                    "ms a place",
                    "ms a search by the sync",
                    "ms to make a key's tables",
                    "MiB a key",
                    "flat pictures",
                ],
                [
                    [
                        r["patterns"],
                        r["place_ms"],
                        r["tables_ms"],
                        r["tables_mib"],
                        r["flat_pictures_to_see_all"],
                    ]
                    for r in results["patterns"]
                ],
            ),
            "### Forgery",
            f"On words, under {forgery.TENANTS} tag keys; 'forged' is a right tag over an id on no picture held:",
            table(
                ["mix", "attempts", "forged", "id of a held mark"],
                [
                    [r["mix"], r["attempts"], r["forged"], r["id of a held mark"]]
                    for r in results["forged_words"]
                ],
            ),
            "On pixels, through the whole search:",
            table(
                [
                    "mix",
                    "attempts",
                    "forged",
                    "id of a held mark",
                    "unverified",
                    "the product's word decoded",
                ],
                [
                    [
                        r["mix"],
                        r["attempts"],
                        r["forged"],
                        r["id of a held mark"],
                        r["unverified"],
                        "-" if r["word of the product decoded"] is None else r["word of the product decoded"],
                    ]
                    for r in results["forged_pixels"]
                ],
            ),
            "Copy attack: a marked picture's residual pasted on another picture carries a true id to a picture that "
            "was never marked, and no mark of the pixels alone can tell. Success is expected:",
            table(
                ["strength", "accepted", "wrong id"],
                [
                    [f"x{c['factor']}", f"{c['accepted']} of {c['tried']}", c["wrong"]]
                    for c in results["copies"]
                ],
            ),
        ]
    )


BENCHMARK = Benchmark("security", "Removal and forgery", measure, markdown, misses)

if __name__ == "__main__":
    raise SystemExit(BENCHMARK.main())
