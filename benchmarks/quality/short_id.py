"""What a shorter id would gain on tiny pictures: docs/adr/0005.

Crops of real pictures are marked and coded; tiles are taken at the mark's true place, so that nothing but the code
decides. The mark's symbols are taken out of the payload's values and a fresh word's put in their stead, once of 100
bits and once of 76 (4 version, 40 id, 32 tag): the same picture, the same noise, the product's own gains and decoder.
A word counts as read when it is right and its bound is kept. Beside it, what the blind search reads of the same files.
"""

from __future__ import annotations

import argparse
import io
from dataclasses import replace
from functools import lru_cache
from unittest import mock

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks import attacks, pictures, pipeline
from benchmarks.common import Benchmark, Json, table
from benchmarks.quality import sets
from benchmarks.quality.unmarked import luma_of
from waarmerk.core import codec, layout, payload, stats
from waarmerk.core.arrays import Bits, Luma, Real
from waarmerk.core.chips import Chips, chips_of
from waarmerk.core.layout import SUPER, TILE
from waarmerk.core.payload import PAYLOAD_BITS, TAG_BITS, VERSION_BITS
from waarmerk.detection import residual, words
from waarmerk.detection.images import read
from waarmerk.detection.tiles import TileSpectra, tile_spectra

SHORT_ID_BITS = 40
LENGTHS = {"64-bit id": PAYLOAD_BITS, "40-bit id": VERSION_BITS + SHORT_ID_BITS + TAG_BITS}
SIDES = (160, 192, 256)
ATTACKS = {
    "none": None,
    "JPEG 75": attacks.jpeg(75),
    "JPEG 50": attacks.jpeg(50),
    "JPEG 30": attacks.jpeg(30),
}
CROPS = 60


def crops(side: int) -> list[Image.Image]:
    """Parts of the tuning set's photographs and paintings; of made ones where there is no set."""
    files = [p.path for p in sets.pictures(sets.TUNING) if p.kind in ("photo", "illustration")]
    images = [Image.open(io.BytesIO(f.read_bytes())).convert("RGB") for f in files]
    images = images or [Image.fromarray(pictures.photo(900 + n, 400, 500)) for n in range(8)]
    out = []
    for n in range(CROPS):
        image, rng = images[n % len(images)], pipeline.rng_of("tiny", side, n)
        left, top = (int(rng.integers(s - side + 1)) for s in image.size)
        out.append(image.crop((left, top, left + side, top + side)))
    return out


@lru_cache(maxsize=len(LENGTHS))
def _dealt(bits: int) -> Chips:
    """The ring's chips, its harmonics dealt to the coded bits of a word of so many bits, each tile's from its place."""
    chips, coded = chips_of(pipeline.RING.current.pattern), codec.RATE_INVERSE * bits
    steps = {name: round(getattr(layout, name) * bits / PAYLOAD_BITS) for name in ("DEAL_ROW", "DEAL_COLUMN")}
    with mock.patch.multiple(layout, **steps):
        at = [
            layout.coded_bit_of(n, row, column, coded)
            for row, column in np.ndindex(SUPER, SUPER)
            for n in range(len(chips.payload.k))
        ]
    return replace(chips, coded_bit=np.asarray(at, dtype=np.intp).reshape(SUPER, SUPER, -1))


def _signs(bits: Bits, chips: Chips) -> npt.NDArray[np.float32]:
    return 1 - 2 * codec.encode(bits).astype(np.float32)[chips.coded_bit]


def _reads(tiles: TileSpectra, draw: pipeline.Draw, bits: int) -> bool:
    """A fresh word of so many bits instead of the marked one, decoded at the true place."""
    marked = payload.sign(draw.mark_id, pipeline.RING.current.tags[pipeline.TENANT])
    sent: Bits = (
        pipeline.rng_of("fresh word", draw.mark_id % 2**32, bits).integers(0, 2, bits).astype(np.uint8)
    )
    chips = _dealt(bits)
    turned = _signs(payload.to_bits(marked), _dealt(PAYLOAD_BITS)) * _signs(sent, chips)
    place = (draw.offset[0] // TILE, draw.offset[1] // TILE)
    turned = np.roll(turned, (-place[0], -place[1]), axis=(0, 1))  # of the picture's own first tile
    decoded: list[Bits] = []

    def listening(soft: Real) -> Bits:
        decoded.append(decode(soft))
        return decoded[-1]

    decode = codec.decode
    with (
        mock.patch.object(words, "CODED_BITS", codec.RATE_INVERSE * bits),
        mock.patch.object(codec, "decode", listening),
    ):
        word = words.decode_at(replace(tiles, payload=tiles.payload * turned), chips, draw.pattern, place)
    ids = bits - VERSION_BITS - TAG_BITS
    bound = stats.log10_tail(word.score, word.variance) + (ids + 1) * np.log10(2)
    return bool(np.array_equal(decoded[-1], sent) and bound <= stats.ACCEPT_LOG10_P)


def _at_its_place(luma: Luma, draw: pipeline.Draw, spacing: int) -> TileSpectra:
    plane = residual.laplacian(luma) if spacing else residual.whitened(luma)
    start = (float(-draw.offset[0] % TILE), float(-draw.offset[1] % TILE))
    return tile_spectra(plane, chips_of(pipeline.RING.current.pattern), start, spacing=spacing, elastic=False)


def measure(_: argparse.Namespace) -> Json:
    rows = []
    for side in SIDES:
        held = []
        for n, crop in enumerate(crops(side)):
            draw = pipeline.Draw.of("tiny", side, n)
            held.append((Image.fromarray(pipeline.marked_planes(np.asarray(crop), draw)), draw))
        for name, attack in ATTACKS.items():
            row: Json = {
                "side": side,
                "attack": name,
                "pictures": len(held),
                "blind": 0,
                **dict.fromkeys(LENGTHS, 0),
            }
            for image, draw in held:
                luma = luma_of(attack(image) if attack else image)
                row["blind"] += read(luma, pipeline.RING).mark_id == draw.mark_id
                both = [_at_its_place(luma, draw, spacing) for spacing in (residual.SPACING, 0)]
                for length, bits in LENGTHS.items():
                    row[length] += any(_reads(tiles, draw, bits) for tiles in both)
            rows.append(row)
    return {"rows": rows}


def markdown(results: Json) -> str:
    head = ["side, attack", "pictures", *(f"{name}, place known" for name in LENGTHS), "64-bit id, blind"]
    return table(
        head,
        [
            [f"{r['side']}, {r['attack']}", r["pictures"], *(r[name] for name in LENGTHS), r["blind"]]
            for r in results["rows"]
        ],
    )


BENCHMARK = Benchmark("short_id", "A shorter id on tiny pictures", measure, markdown, lambda _: [])

if __name__ == "__main__":
    raise SystemExit(BENCHMARK.main())
