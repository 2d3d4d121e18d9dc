"""The attackers' tools do what they are there for; what they are turned on is measured elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import pictures, pipeline, removal
from benchmarks.quality import forgery, security
from waarmerk.core import codec, payload
from waarmerk.core.layout import TILE
from waarmerk.marking.images import luma_of


def _photo(seed: int, height: int = 384, width: int = 512) -> removal.Plane:
    return luma_of(pictures.photo(seed, height, width), rgb=True).astype(np.float32)


def test_no_mix_of_words_forges_a_tag() -> None:
    for row in forgery.on_words(attempts=12):
        assert row["forged"] == 0, row
        assert row["attempts"] == 12


def test_the_product_of_three_words_is_the_word_of_their_xor() -> None:
    """The forgery itself works, which is why the tag is there."""
    rng = pipeline.rng_of("three words")
    held = forgery.held_by_attacker(3, rng)
    word = payload.from_bits(codec.decode(forgery.MIXES["product of 3"][1](held, rng)))
    assert word.mark_id == int(np.bitwise_xor.reduce(np.array(list(held.ids), dtype=np.uint64)))
    assert word.version == payload.VERSION


def test_a_word_that_is_held_is_read_with_its_id() -> None:
    """The count of forgeries would see one: the very keys accept their own words."""
    held = forgery.held_by_attacker(1, pipeline.rng_of("one word"))
    word = payload.from_bits(codec.decode(held.signs[0]))
    assert word.mark_id in held.ids
    assert payload.signer_of(word, [("t", forgery.KEYS[0])]) == "t"
    assert payload.signer_of(word, [("t", forgery.KEYS[1])]) is None


def test_aligning_tiles_takes_out_a_pattern_that_is_only_shifted_from_tile_to_tile() -> None:
    rng = np.random.Generator(np.random.Philox(8))
    tile = removal.shaped(rng.standard_normal((TILE, TILE)).astype(np.float32), removal.MIDDLING)
    rows = [
        np.hstack([np.roll(tile, rng.integers(0, TILE, 2), axis=(0, 1)) for _ in range(4)]) for _ in range(3)
    ]
    pattern = np.vstack(rows)
    luma = (128 + 3 * pattern + rng.normal(0, 1, pattern.shape)).astype(np.float32)
    attacked = removal.aligned_tiles_subtracted(luma, 4.0)

    def left(plane: removal.Plane) -> float:
        return float(np.mean((plane - 128) * pattern))

    assert left(attacked) < 0.6 * left(luma)


def test_notching_takes_a_line_out_and_leaves_the_rest() -> None:
    luma = _photo(1)
    x = np.arange(luma.shape[1])
    wave = 8 * np.cos(2 * np.pi * 40 * x / luma.shape[1]).astype(np.float32)
    attacked = removal.lines_notched(np.clip(luma * 0.8 + 20 + wave, 0, 255), 6.0)
    assert abs(float(np.mean((attacked - attacked.mean()) * wave))) < 0.2 * float(np.mean(wave * wave))


def test_bending_moves_no_pixel_farther_than_it_says() -> None:
    ramp = np.tile(np.arange(200, dtype=np.float32), (160, 1))
    moved = removal.bent(ramp, 2.0, seed=5) - ramp
    assert 0.5 < np.abs(moved[:, 10:-10]).max() <= 2.51  # and half a grey level of rounding


@pytest.mark.parametrize("attack", security.one_picture_attacks(), ids=lambda a: a.name)
def test_every_attack_gives_a_picture_back(attack: security.Attack) -> None:
    luma = _photo(2, 256, 320)
    attacked = attack.apply(luma.copy())
    assert attacked.dtype == np.float32
    assert attack.moves or attacked.shape == luma.shape
    assert 0 <= attacked.min() <= attacked.max() <= 255
    assert np.array_equal(luma, _photo(2, 256, 320))


def test_the_cheapest_kill_is_the_one_of_least_damage() -> None:
    held = [security.Marked("a", _photo(3), pipeline.Draw.of("a"), textured=True)]
    rows = [
        {"attack": "coarse", "lost": {"a": 33.0}},
        {"attack": "fine", "lost": {"a": 41.5}},
        {"attack": "bent", "lost": {"a": None}},
        {"attack": "none", "lost": {}},
    ]
    assert security.cheapest_kills(held, rows)["a"] == {"textured": True, "psnr": 41.5, "attack": "fine"}
    assert security.cheapest_kills(held, rows[2:])["a"]["psnr"] is None
