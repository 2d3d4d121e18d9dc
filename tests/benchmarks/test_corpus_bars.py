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
    """Every picture of corpus/images, marked, and asked after the attacks of the short list."""
    chosen = [s for s in robustness.subjects() if s.label == "corpus"]
    assert len(chosen) >= 14
    tasks = [robustness.Task(s, robustness.WHOLE, tuple(attacks.SHORT)) for s in chosen]
    plan = {robustness.WHOLE: list(attacks.SHORT)}
    rows = [{**robustness.examine(task, looks=False), "left_out": []} for task in tasks]
    return {"attacks": plan, "pictures": rows}


def test_the_id_is_recovered_from_93_of_100_attacked_pictures(results: Json) -> None:
    pairs = robustness.pairs(results)
    lost = [(pair.row["name"], pair.attack) for pair in pairs if not pair.good]
    assert robustness.share(pairs) >= 0.93, lost


def test_no_attacked_picture_says_another_id(results: Json) -> None:
    assert [p for p in robustness.pairs(results) if p.outcome == "wrong"] == []


def test_marking_changes_no_picture_by_more_than_39_db(results: Json) -> None:
    assert {r["name"]: r["psnr"] for r in results["pictures"] if r["psnr"] < 39} == {}


def test_marking_keeps_flat_areas_quiet(results: Json) -> None:
    loud = {
        r["name"]: (r["flat_rms"], r["white_rms"])
        for r in results["pictures"]
        if (r["flat_rms"] or 0) > robustness.MAX_FLAT_RMS or (r["white_rms"] or 0) > robustness.MAX_WHITE_RMS
    }
    assert loud == {}


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
