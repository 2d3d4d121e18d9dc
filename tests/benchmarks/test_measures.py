"""The rulers themselves: a benchmark that measures wrongly is worse than none."""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import common, pictures, pipeline, removal
from benchmarks.quality import decodes, measures, unmarked
from waarmerk.detection import residual
from waarmerk.marking.images import luma_of

VISIBLE = np.ones((64, 80), dtype=bool)


def _grey(level: int) -> pictures.Rgb:
    return np.full((64, 80, 3), level, dtype=np.uint8)


def test_psnr_of_one_grey_level_is_48_13_db() -> None:
    assert measures.psnr(_grey(100), _grey(101), VISIBLE) == pytest.approx(20 * math.log10(255))
    assert measures.psnr(_grey(100), _grey(100), VISIBLE) == math.inf


def test_psnr_counts_visible_pixels_only() -> None:
    marked = _grey(100)
    marked[:32] = 102
    visible = VISIBLE.copy()
    visible[32:] = False
    assert measures.psnr(_grey(100), marked, visible) == pytest.approx(20 * math.log10(255 / 2))


def test_ssim_is_1_for_the_same_picture_and_falls_with_noise() -> None:
    picture = pictures.photo(1, 128, 128)
    noise = np.random.Generator(np.random.Philox(1)).normal(0, 10, picture.shape)
    noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
    assert measures.ssim(picture, picture) == pytest.approx(1)
    assert 0.1 < measures.ssim(picture, noisy) < 0.98


def test_flat_rms_looks_at_flat_visible_blocks_alone() -> None:
    original = _grey(100)
    original[:, 40:] = pictures.grain(2, 64, 40)
    marked = original.copy()
    marked[:32, :40] += 2  # flat
    marked[:, 48:] //= 2  # textured
    rms, count = measures.flat_rms(original, marked, VISIBLE)
    assert (rms, count) == (pytest.approx(math.sqrt(2)), 8)  # four of eight flat blocks changed by 2
    visible = VISIBLE.copy()
    visible[32:] = False
    assert measures.flat_rms(original, marked, visible) == (pytest.approx(2), 4)


def test_near_white_rms_looks_at_flat_blocks_over_235_alone() -> None:
    original = _grey(100)
    original[:32] = 236
    original[:16] = pictures.grain(3, 16, 80)
    marked = original.copy()
    marked[:32] -= 3
    marked[32:] += 1
    assert measures.near_white_rms(original, marked, VISIBLE) == (pytest.approx(3), 5)
    assert measures.near_white_rms(_grey(235), _grey(236), VISIBLE) == (0.0, 0)


def test_a_draw_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    assert pipeline.Draw.of("a", 1) == pipeline.Draw.of("a", 1)
    assert pipeline.Draw.of("a", 1) != pipeline.Draw.of("a", 2)
    assert pipeline.Draw.of("a", 1) != pipeline.Draw.of("a1")


def test_a_count_above_the_bound_is_a_violation_only_when_chance_cannot_explain_it() -> None:
    assert not decodes.improbable(9, 10.0)
    assert not decodes.improbable(13, 10.0)
    assert decodes.improbable(60, 10.0)
    assert decodes.improbable(3, 0.001)
    assert not decodes.improbable(1, 0.01)


def test_exceedances_are_counted_beside_what_the_bound_allows() -> None:
    series = decodes.Series()
    series.add([0.0, -0.6, -1.0, -2.5])
    found = series.as_json()
    assert found["least"] == -2.5
    assert [level["reached"] for level in found["levels"][:3]] == [2, 1, 0]
    assert found["levels"][0]["allowed"] == pytest.approx(0.4)


def test_the_fitted_tail_of_exponential_values_continues_them() -> None:
    series = decodes.Series()
    rng = np.random.Generator(np.random.Philox(6))
    series.add(9 - rng.exponential(0.5, 100_000))
    tail = series.as_json()["tail"]
    assert tail["mean_decades"] == pytest.approx(0.5, rel=0.4)  # 5 standard errors of the mean of 100 values
    assert decodes.extrapolated(tail, 0.0) == pytest.approx(-18 / np.log(10), abs=3)


def test_forced_decodes_of_unmarked_tiles_keep_the_bound() -> None:
    """The short form of `make soak`, on made pictures and others' marks."""
    found = [
        s for s in unmarked.sources(made_each=2, other_keys=4) if s.content.startswith(("made", "marked"))
    ]
    planes = decodes.planes_of(found, 1)
    tally, decoder = decodes.Tally(), decodes.Decoder()
    for n, plane in enumerate(planes):
        keys = pipeline.ring_of(f"fresh test key {n % 4}").current
        decoder.pair(plane, keys, tally, resync=n % 8 == 0)
    assert {kind for kind, _ in tally.by_kind.items()} == set(decodes.KINDS)
    assert tally.series["word"].n == len(planes) * decodes.PLACES
    assert tally.series["known"].n == tally.series["word"].n * decodes.KNOWN_WORDS
    assert tally.tag_right == 0
    for name, series in tally.series.items():
        for level in series.as_json()["levels"]:
            assert not decodes.improbable(level["reached"], level["allowed"]), (name, level)


def test_a_marked_picture_among_unmarked_ones_would_be_seen() -> None:
    """The instrument itself: a mark of the very key is far below every bound, tag and all."""
    keys = pipeline.ring_of("seen").current
    marked = pipeline.marked_planes(
        pictures.photo(3, 512, 512), pipeline.Draw.of("seen"), ring=pipeline.ring_of("seen")
    )
    plane = decodes.Plane("x", "whitened", residual.whitened(luma_of(marked, rgb=True).astype(np.float32)))
    tally = decodes.Tally()
    decodes.Decoder().pair(plane, keys, tally, resync=False)
    assert tally.tag_right == 1
    assert tally.series["word"].least < -12
    assert tally.series["presence"].least < -12


def test_contenders_take_turns_and_none_is_left_out() -> None:
    turns: list[str] = []
    timings = common.interleaved({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, repeats=9)
    assert turns == ["a", "b"] * 10  # one round unmeasured
    assert {t.repeats for t in timings.values()} == {9}


def test_a_timing_is_cpu_time_of_the_thread() -> None:
    timing = common.interleaved({"sleeps": lambda: time.sleep(0.02)}, repeats=3)["sleeps"]
    assert timing.min_ms < 10


def test_peak_memory_sees_what_is_freed_again() -> None:
    peak = common.peak_mib(lambda: np.ones(64 << 20, dtype=np.uint8).sum())
    assert peak is None or 60 < peak < 80


def test_a_result_carries_its_conditions_and_a_missed_bar_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    benchmark = common.Benchmark(
        "x", "X", lambda _: {"n": 1}, lambda r: f"n is {r['n']}", lambda _: ["too low"]
    )
    assert benchmark.main(argparse.Namespace()) == 1
    kept = json.loads((tmp_path / "x.json").read_text())
    assert kept["results"] == {"n": 1}
    assert {"commit", "processor", "versions", "threads", "load_average", "date"} <= set(kept["conditions"])
    assert "n is 1" in capsys.readouterr().out
    assert (common.load("x"), common.load("y")) == (kept, None)


def test_denoising_at_no_threshold_and_subtracting_nothing_change_nothing() -> None:
    luma = luma_of(pictures.photo(9, 200, 210), rgb=True).astype(np.float32)
    assert np.array_equal(removal.dct_denoised(luma, 0.0), luma)
    assert np.array_equal(removal.own_residual_subtracted(luma, 0.0), luma)


def test_the_common_part_of_many_pictures_is_what_they_share() -> None:
    """The same plane at different places, in different noise, comes out again."""
    rng = np.random.Generator(np.random.Philox(5))
    shared = rng.normal(0, 3, (1024, 1024))
    offsets = [(0, 0), (100, 7), (1000, 512), (77, 900)]
    lumas = [
        (128 + np.roll(shared, (-top, -left), axis=(0, 1))[:700, :900] + rng.normal(0, 2, (700, 900))).astype(
            np.float32
        )
        for top, left in offsets
    ]
    mean = removal.Mean()
    for luma, offset in zip(lumas, offsets, strict=True):
        mean.add(luma, offset)
    common_part = mean.shaped()
    due = removal.shaped(shared.astype(np.float32), removal.MIDDLING)
    seen = np.s_[100:600, 100:700]
    assert np.corrcoef(common_part[seen].ravel(), due[seen].ravel())[0, 1] > 0.8
