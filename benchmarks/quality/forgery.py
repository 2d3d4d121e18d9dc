"""Marks that nobody made: what somebody without keys can put on a picture, and what is accepted of it.

Two levels. On words the code's linearity is exact, so a thousand attempts of every mix cost seconds: soft bits of marks
that the attacker holds are multiplied, averaged, spliced, and decoded by the product's own decoder; the answer counts
as a success when a tag is right and the id is on none of the pictures held. On pixels, some dozens of each: the same
mixes through tiles, residuals and the whole search.

Whatever word he makes, its 32 tag bits are right with probability 2^-32 under each key: at most attempts x keys / 2^32
for all of them. That is the promise; the counts here only show that no mix beats it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from benchmarks import adversary, pictures, pipeline, removal
from benchmarks.common import Json
from waarmerk.core import codec, payload
from waarmerk.core.arrays import Luma
from waarmerk.core.chips import chips_of
from waarmerk.core.evidence import Status
from waarmerk.core.layout import TILE
from waarmerk.detection import alignment, residual, words
from waarmerk.detection.images import read
from waarmerk.detection.tiles import tile_spectra
from waarmerk.marking.images import luma_of

ATTEMPTS = 1_000
TENANTS = 100  # tag keys that a forged word is tried under
PIXEL_ATTEMPTS = 24
SIDE = 512  # pixels, of pictures made for forgeries

Signs = npt.NDArray[np.float32]
"""(n, 800) float32, coded bits of n marks, +1 for 0."""


# ----------------------------------------------------------------------------------------------------------- words


@dataclass(frozen=True, slots=True)
class Held:
    """Marks on pictures that the attacker has.

    Attributes:
        signs: their codewords.
        ids: their mark ids.
    """

    signs: Signs
    ids: frozenset[int]


KEYS = tuple(pipeline.ring_of(f"forgery tenant {n}").current.tags[pipeline.TENANT] for n in range(TENANTS))


def held_by_attacker(n: int, rng: np.random.Generator) -> Held:
    """n marks of one tenant."""
    made = [payload.sign(int(rng.integers(1 << 64, dtype=np.uint64)), KEYS[0]) for _ in range(n)]
    signs = [1 - 2 * codec.encode(payload.to_bits(word)).astype(np.float32) for word in made]
    return Held(np.stack(signs), frozenset(word.mark_id for word in made))


def _product(n: int) -> Callable[[Held, np.random.Generator], Signs]:
    return lambda held, _: np.prod(held.signs[:n], axis=0)


def _mean(held: Held, _: np.random.Generator) -> Signs:
    return held.signs.mean(axis=0)


def _weighted(held: Held, rng: np.random.Generator) -> Signs:
    return np.asarray(rng.normal(0, 1, len(held.signs)) @ held.signs, dtype=np.float32)


def _spliced(held: Held, rng: np.random.Generator) -> Signs:
    """Every coded bit from one of the marks, drawn by chance."""
    which = rng.integers(0, len(held.signs), held.signs.shape[1])
    return held.signs[which, np.arange(held.signs.shape[1])]


def _noisy(held: Held, rng: np.random.Generator) -> Signs:
    """One mark with so much noise that about every second word is read wrongly."""
    return (held.signs[0] + rng.normal(0, 2.6, held.signs.shape[1])).astype(np.float32)


def _negated(held: Held, _: np.random.Generator) -> Signs:
    return -held.signs[0]


def _rotated(held: Held, rng: np.random.Generator) -> Signs:
    """The code is cyclic: a codeword moved by whole steps is one of the payload moved as far."""
    return np.roll(held.signs[0], codec.RATE_INVERSE * int(rng.integers(1, payload.PAYLOAD_BITS)))


def _any_word(_: Held, rng: np.random.Generator) -> Signs:
    """Known phases, from a flat picture and its mark: an id of the attacker's choice, a tag by chance."""
    word = payload.Payload(
        payload.VERSION, int(rng.integers(1 << 64, dtype=np.uint64)), int(rng.integers(1 << 32))
    )
    return 1 - 2 * codec.encode(payload.to_bits(word)).astype(np.float32)


def _tag_kept(held: Held, rng: np.random.Generator) -> Signs:
    """Another id under the tag of a mark that is held."""
    tag = payload.from_bits(codec.decode(held.signs[0])).tag
    word = payload.Payload(payload.VERSION, int(rng.integers(1 << 64, dtype=np.uint64)), tag)
    return 1 - 2 * codec.encode(payload.to_bits(word)).astype(np.float32)


MIXES: dict[str, tuple[int, Callable[[Held, np.random.Generator], Signs]]] = {
    "product of 3": (3, _product(3)),
    "product of 5": (5, _product(5)),
    "product of 7": (7, _product(7)),
    "product of 101": (101, _product(101)),
    "product of 2 (no codeword of the version)": (2, _product(2)),
    "mean of 2": (2, _mean),
    "mean of 3": (3, _mean),
    "mean of 10": (10, _mean),
    "weighted sum of 5, weights by chance": (5, _weighted),
    "spliced from 2, bit by bit": (2, _spliced),
    "spliced from 5, bit by bit": (5, _spliced),
    "one mark in noise": (1, _noisy),
    "one mark, negated": (1, _negated),
    "one mark, moved along the code": (1, _rotated),
    "any id, tag by chance": (1, _any_word),
    "any id, tag of another mark": (1, _tag_kept),
}


def on_words(attempts: int = ATTEMPTS) -> list[Json]:
    """Every mix, so many times with fresh marks each."""
    rows = []
    for name, (n, mix) in MIXES.items():
        rng = pipeline.rng_of("forgery on words", name)
        forged = of_held = 0
        for _ in range(attempts):
            held = held_by_attacker(n, rng)
            word = payload.from_bits(codec.decode(mix(held, rng).astype(np.float32)))
            if payload.signer_of(word, ((str(i), key) for i, key in enumerate(KEYS))) is not None:
                of_held += word.mark_id in held.ids
                forged += word.mark_id not in held.ids
        rows.append({"mix": name, "attempts": attempts, "forged": forged, "id of a held mark": of_held})
    return rows


# ---------------------------------------------------------------------------------------------------------- pixels


def _smooth(seed: int) -> pictures.Rgb:
    """What a forger would have marked: nothing in it hides the mark."""
    plane = pictures.clouds(seed, SIDE, SIDE, 2.5)[..., None] * 40 + 100
    return np.repeat(plane, 3, axis=2).astype(np.uint8)


def victims(count: int) -> list[Luma]:
    """Unmarked pictures of SIDE x SIDE: middles of real ones first, then made ones."""
    out: list[Luma] = []
    for data in pipeline.corpus_images().values():
        luma = luma_of(np.asarray(pipeline.opened(data)), rgb=True).astype(np.float32)
        top, left = ((n - SIDE) // 2 for n in luma.shape)
        if min(luma.shape) >= SIDE:
            out.append(luma[top : top + SIDE, left : left + SIDE].copy())
    while len(out) < count:
        out.append(luma_of(pictures.photo(50_000 + len(out), SIDE, SIDE), rgb=True).astype(np.float32))
    return out[:count]


def _phases(luma: Luma) -> npt.NDArray[np.complex64]:
    """(4, 4, 128, 65) the tiles' spectra, of modulus 1."""
    tiles = residual.whitened(luma).reshape(SIDE // TILE, TILE, SIDE // TILE, TILE).swapaxes(1, 2)
    spectra = scipy.fft.rfft2(tiles, axes=(2, 3))
    out: npt.NDArray[np.complex64] = spectra / (np.abs(spectra) + 1e-9)
    return out


def _pasted(spectra: npt.NDArray[np.complex64], victim: Luma) -> Luma:
    """Tiles' phases as a mark on a picture, rather strong."""
    plane = scipy.fft.irfft2(spectra, s=(TILE, TILE), axes=(2, 3)).swapaxes(1, 2).reshape(SIDE, SIDE)
    shaped = removal.shaped(plane.astype(np.float32), removal.MIDDLING)
    return removal.rounded(victim + np.float32(1.5) * adversary.local_strength(victim) * shaped)


def _multiplied(sources: Sequence[Luma], victim: Luma) -> Luma:
    """X1 conj(X2) X3 conj(X4) X5 ...: phases keep the pattern's once, words are added modulo 2."""
    x = [_phases(s) for s in sources]
    total = x[0]
    for n, factor in enumerate(x[1:], start=1):
        total = total * (np.conj(factor) if n % 2 else factor)
    return _pasted(total, victim)


def _averaged(sources: Sequence[Luma], victim: Luma) -> Luma:
    total = np.sum([_phases(s) for s in sources], axis=0)
    return _pasted(total.astype(np.complex64), victim)


def _patched(sources: Sequence[Luma], victim: Luma) -> Luma:
    """Tiles of all sources in turn."""
    x = np.stack([_phases(s) for s in sources])
    rows, columns = np.indices(x.shape[1:3])
    chosen = (rows + columns) % len(x)
    return _pasted(np.take_along_axis(x, chosen[None, ..., None, None], axis=0)[0], victim)


ON_PIXELS: dict[str, tuple[int, Callable[[Sequence[Luma], Luma], Luma]]] = {
    "product of 3": (3, _multiplied),
    "product of 5": (5, _multiplied),
    "mean of 3": (3, _averaged),
    "tiles of 2 in turn": (2, _patched),
    "tiles of 3 in turn": (3, _patched),
}


def _sources(n: int, attempt: int) -> tuple[list[Luma], list[int]]:
    """n marked pictures of one pattern and place, all that an attacker could hope for, and their ids."""
    place = pipeline.Draw.of("forgery place", attempt)
    draws = [
        pipeline.Draw(pipeline.Draw.of("forgery", attempt, i).mark_id, place.pattern, (0, 0))
        for i in range(n)
    ]
    lumas = [
        luma_of(pipeline.marked_planes(_smooth(60_000 + 10 * attempt + i), draw), rgb=True).astype(np.float32)
        for i, draw in enumerate(draws)
    ]
    return lumas, [draw.mark_id for draw in draws]


def on_pixels(attempts: int = PIXEL_ATTEMPTS) -> list[Json]:
    """Every mix through pictures and the whole search."""
    rows = []
    chips = chips_of(pipeline.RING.current.pattern)
    for name, (n, mix) in ON_PIXELS.items():
        print(f"  forged on pixels: {name}", file=sys.stderr, flush=True)
        row: Json = {"mix": name, "attempts": attempts, "forged": 0, "id of a held mark": 0, "unverified": 0}
        xor = 0
        for attempt, victim in enumerate(victims(attempts)):
            lumas, ids = _sources(n, attempt)
            forged = mix(lumas, victim)
            reading = read(forged, pipeline.RING)
            row["forged"] += reading.mark_id is not None and reading.mark_id not in ids
            row["id of a held mark"] += reading.mark_id in ids
            row["unverified"] += reading.status is Status.UNVERIFIED
            plane = residual.laplacian(forged)
            tiles = tile_spectra(plane, chips, alignment.align(plane, chips)[0].shift)
            word = words.decode_at(tiles, chips, *words.find_super_tile(tiles, chips)[0])
            xor += word.payload.mark_id == int(np.bitwise_xor.reduce(np.array(ids, dtype=np.uint64)))
        rows.append({**row, "word of the product decoded": xor if name.startswith("product") else None})
    return rows


def copies() -> list[Json]:
    """The copy attack on every victim, at three strengths."""
    rows = []
    for factor in (0.7, 1.0, 1.5):
        print(f"  copy attack x{factor}", file=sys.stderr, flush=True)
        row: Json = {"factor": factor, "tried": 0, "accepted": 0, "wrong": 0}
        for n, victim in enumerate(victims(PIXEL_ATTEMPTS)):
            draw = pipeline.Draw.of("copied", n)
            source = luma_of(pipeline.marked_planes(_smooth(70_000 + n), draw), rgb=True).astype(np.float32)
            found = read(removal.copied(source, victim, factor), pipeline.RING).mark_id
            row["tried"] += 1
            row["accepted"] += found == draw.mark_id
            row["wrong"] += found not in (None, draw.mark_id)
        rows.append(row)
    return rows
