"""What the speed tables are made of: the cases' answers, the ratios and the bars."""

from __future__ import annotations

import numpy as np
from PIL import Image

from benchmarks import pictures, pipeline
from benchmarks.common import Json, Measured, interleaved
from benchmarks.kernels import bench_image, cases, memory

YARDSTICK = {bench_image.JPEG_DECODE: 6.0, bench_image.JPEG_ENCODE: 4.0}


def _results(**changed: float) -> Json:
    """Times that keep every bar, and what is changed of them at 1 MP."""
    kept = {
        cases.EMBED: 8.0,
        cases.UPRIGHT: 15.0,
        cases.SEARCH: 120.0,
        cases.NEGATIVE: 150.0,
        cases.THOROUGH: 900.0,
        cases.MANY_UPRIGHT: 16.0,
        cases.MANY_NEGATIVE: 151.0,
        **{f"{peer} {act}": 200.0 for peer in bench_image.PEERS for act in ("embed", "detect")},
        **YARDSTICK,
    }
    fast = {**kept, **{name: 10 * ms for name, ms in YARDSTICK.items()}}
    return {
        "repeats": 9,
        "times": {"1 MP": {"a": kept | changed}, "12 MP": {"a": fast}},
        "memory": {cases.EMBED: {"resident": 14.0, "traced": 13.0}},
    }


def test_a_fitted_picture_has_the_size_and_lies_the_way_it_asks_for() -> None:
    tall = Image.fromarray(pictures.photo(3, 300, 200))
    assert cases.fitted(tall, 120, 160).shape == (120, 160, 3)
    assert cases.fitted(tall, 512, 512).shape == (512, 512, 3)
    turned = cases.fitted(tall, 200, 300)
    assert np.array_equal(
        np.asarray(Image.fromarray(turned).transpose(Image.Transpose.ROTATE_270)), np.asarray(tall)
    )


def test_every_contender_gives_the_answer_that_is_due() -> None:
    case = cases.Case.of(pictures.photo(4, 512, 512), 4)
    assert case.reads("marked")
    assert case.reads("marked", cases.many_tenants())
    case.finds_nothing(cases.many_tenants())
    case.verifies()
    contenders = case.contenders()
    first, second = contenders[cases.EMBED](), contenders[cases.EMBED]()
    assert not np.array_equal(first, second)  # another id, pattern and place every time


def test_a_thousand_tenants_share_one_epoch_and_ours_comes_last() -> None:
    (keys,) = cases.many_tenants().epochs
    assert len(keys.tags) == cases.TENANTS
    assert list(keys.tags)[-1] == pipeline.TENANT
    assert keys.tags[pipeline.TENANT] == pipeline.RING.current.tags[pipeline.TENANT]


def test_a_contender_in_another_process_is_believed_about_its_time() -> None:
    timings = interleaved({"there": lambda: Measured(1.5), "here": lambda: 1.5}, repeats=3)
    assert timings["there"].min_ms == 1500
    assert timings["here"].min_ms < 10


def test_multiples_are_taken_picture_by_picture() -> None:
    times = {"a": {cases.EMBED: 10.0, **YARDSTICK}, "b": {cases.EMBED: 60.0, **YARDSTICK}, "c": YARDSTICK}
    assert bench_image.multiple(times, cases.EMBED) == 3.5
    assert bench_image.multiple(times, cases.SEARCH) is None


def test_every_bar_can_be_missed_and_says_so_in_a_sentence() -> None:
    assert bench_image.misses(_results()) == []
    for name, ms, said in (
        (cases.EMBED, 13.0, "embed at 1 MP, times JPEG: 1.30, at most 1.2 is due"),
        (cases.UPRIGHT, 21.0, "detect, upright at 1 MP"),
        (cases.SEARCH, 70.0, "detect, searched at 12 MP, times that at 1 MP: 1.71, at most 1.5 is due"),
        (cases.NEGATIVE, 201.0, "no mark there at 1 MP"),
        (cases.THOROUGH, 1501.0, "thorough at 1 MP"),
        (cases.MANY_UPRIGHT, 20.0, "1,000 keys"),
        (cases.MANY_NEGATIVE, 200.0, "1,000 keys"),
        ("dwtDct embed", 95.0, "dwtDct embed at 1 MP, times ours: 11.88, at least 12 is due"),
        ("blind-watermark detect", 89.0, "blind-watermark detect"),
    ):
        missed = bench_image.misses(_results(**{name: ms}))
        assert any(said in sentence for sentence in missed), (name, missed)
    heavy = _results()
    heavy["memory"][cases.EMBED]["resident"] = 16.5
    assert bench_image.misses(heavy) == ["embed at 12 MP, bytes a pixel: 16.50, at most 16 is due"]


def test_the_page_shows_every_contender_and_names_the_missed_bars() -> None:
    page = bench_image.markdown(_results(embed=13.0))
    assert "| embed | 1 | 13.00 | 13.00 | 13.00 | 1.30 | 1.2 |" in page
    assert "| blind-watermark embed | 1 | 200.00 |" in page
    assert "- embed at 1 MP, times JPEG: 1.30, at most 1.2 is due." in page


def test_memory_is_counted_in_bytes_a_pixel() -> None:
    peak = memory.measure_here(cases.EMBED, 600, 700)
    assert 3 <= peak["traced"] < 100  # the result alone is 3
    assert peak["resident"] is None or peak["resident"] < 200
