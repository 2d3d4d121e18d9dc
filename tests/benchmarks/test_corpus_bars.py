"""The release bars on real pictures, in short: `make bench` measures the same at length and prints it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from benchmarks import attacks, pipeline
from benchmarks.common import Json
from benchmarks.quality import nulls, robustness
from waarmerk.adapters.images import decode_luma
from waarmerk.core.errors import InputError
from waarmerk.core.evidence import Status
from waarmerk.detection.images import read

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(corpus: Path) -> Iterator[Path]:
    """The corpus, under the name by which the benchmarks look for it, as an absolute path."""
    with mock.patch.dict(os.environ, WAARMERK_CORPUS=str(corpus.resolve())):
        yield corpus


@pytest.fixture(scope="module")
def results(folder: Path) -> Json:
    """Every picture of corpus/images, marked, and asked after each required attack."""
    files = pipeline.corpus_images()
    assert len(files) >= 14
    return {
        name: robustness.examine(name, data, attacks.REQUIRED, growth=False) for name, data in files.items()
    }


def test_the_id_is_recovered_from_93_of_100_attacked_pictures(results: Json) -> None:
    pairs = robustness.pairs(results)
    good = [pair for _, _, pair in pairs if pair["outcome"] == "recovered"]
    lost = [(picture, attack) for picture, attack, pair in pairs if pair["outcome"] != "recovered"]
    assert len(good) >= robustness.MIN_SHARE * len(pairs), lost


def test_no_attacked_picture_says_another_id(results: Json) -> None:
    assert [p for p in robustness.pairs(results) if p[2]["outcome"] == "wrong"] == []


def test_marking_keeps_the_psnr_bar_on_every_picture(results: Json) -> None:
    short = {
        name: round(r["psnr"], 2)
        for name, r in results.items()
        if r["psnr"] < (robustness.MIN_PSNR_TEXTURED if r["textured"] else robustness.MIN_PSNR)
    }
    assert short == {}


def _loud(results: Json) -> dict[str, float]:
    """Pictures over the bar on flat areas, by name."""
    return {
        name: round(r["flat_rms"], 3)
        for name, r in results.items()
        if r["flat_rms"] > robustness.MAX_FLAT_RMS
    }


def test_marking_keeps_flat_areas_quiet(results: Json) -> None:
    """In JPEG the codec's own rounding comes on top."""
    assert _loud(results) == {}


def test_nothing_is_found_in_any_unmarked_file(folder: Path) -> None:
    """Files with the same pixels are searched once; files that are refused are refused by name."""
    seen: set[int] = set()
    searched = 0
    for path in nulls.corpus_files():
        try:
            luma = decode_luma(path.read_bytes(), pipeline.LIMITS)
        except InputError:
            continue
        pixels = hash((luma.shape, luma.tobytes()))
        if pixels not in seen:
            seen.add(pixels)
            status = read(luma, pipeline.RING).status
            assert status in (Status.NOT_FOUND, Status.NOT_CHECKED), path.name
            searched += status is Status.NOT_FOUND
    assert searched >= 60
