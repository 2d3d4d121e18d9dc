"""The figures behind docs/image-quality.md: each bar can be missed, and what is printed is what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from defusedxml.ElementTree import fromstring
from PIL import Image

from benchmarks import attacks, pictures, pipeline
from benchmarks.common import Json
from benchmarks.quality import contact_sheet, report, robustness, sets
from waarmerk.core.evidence import Status
from waarmerk.detection.images import ImageReading


def _subject(folder: Path, side: int = 300) -> robustness.Subject:
    path = folder / "photo_made.png"
    Image.fromarray(pictures.photo(12, side, side)).save(path)
    return robustness.Subject("made", "made", "photo", (), path)


def test_a_picture_is_marked_attacked_and_read(tmp_path: Path) -> None:
    task = robustness.Task(_subject(tmp_path), robustness.WHOLE, ("none", "flip", attacks.SIDE_BY_SIDE))
    row = robustness.examine(task, looks=False)
    assert row["outcomes"] == "rrr"
    assert row["said"] == "strong"
    assert len(row["log10_p"].split()) == 3
    assert 39 < row["psnr"] < 60
    assert row["left_out"] == [n for n in attacks.SUITE if n not in task.attacks]


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("JPEG", {"quality": 92}), ("WEBP", {"quality": 90})]
)
def test_a_file_of_every_format_is_marked_and_read(kind: str, options: dict[str, int]) -> None:
    draw = pipeline.Draw.of("format", kind)
    clean = pipeline.written(Image.fromarray(pictures.photo(2, 400, 600)), kind, **options)
    marked = pipeline.mark_file(clean, draw)
    assert pipeline.read_file(marked).mark_id == draw.mark_id
    assert set(robustness.quality_of(clean, marked)) == {"psnr", "ssim", "flat_rms", "white_rms"}


def test_a_picture_is_measured_whole_and_as_every_crop_that_fits(tmp_path: Path) -> None:
    tasks = robustness.tasks_of(_subject(tmp_path))
    assert [t.size for t in tasks] == [robustness.WHOLE, "256", "160"]
    assert [len(t.attacks) for t in tasks] == [len(attacks.SUITE), 50, len(attacks.SHORT)]
    with Image.open(robustness.io.BytesIO(robustness.file_of(tasks[1].subject, "256"))) as crop:
        assert crop.size == (256, 256)
    assert len({pipeline.Draw.of(*t.seed) for t in tasks}) == 3


def test_only_the_very_id_counts_and_a_neighbours_id_only_beside_it() -> None:
    draw = pipeline.Draw.of("outcome")
    readings = {
        "recovered": ImageReading(Status.FOUND, mark_id=draw.mark_id),
        "wrong": ImageReading(Status.FOUND, mark_id=draw.mark_id ^ 1),
        "unverified": ImageReading(Status.UNVERIFIED),
        "inconclusive": ImageReading(Status.INCONCLUSIVE),
        "lost": ImageReading(Status.NOT_FOUND),
    }
    for outcome, reading in readings.items():
        assert robustness.outcome_of(reading, draw, "flip") == outcome
    neighbour = ImageReading(Status.FOUND, mark_id=attacks.NEIGHBOUR.mark_id)
    assert robustness.outcome_of(neighbour, draw, attacks.SIDE_BY_SIDE) == "recovered"
    assert robustness.outcome_of(neighbour, draw, "flip") == "wrong"


def _row(kind: str = "photo", size: str = robustness.WHOLE, **changed: object) -> Json:
    names = robustness._plan(size)
    return {
        "label": "made",
        "name": f"{kind} {size}",
        "kind": kind,
        "tags": [],
        "size": size,
        "width": 1000,
        "height": 800,
        "psnr": 45.0,
        "ssim": 0.993,
        "flat_rms": 0.7,
        "white_rms": None,
        "ssimulacra2": 85.0,
        "ssimulacra2_jpeg": 84.0,
        "said": "strong",
        "outcomes": "r" * len(names),
        "log10_p": " ".join(["-30"] * len(names)),
        "left_out": [],
    } | changed


def _results(*rows: Json) -> Json:
    return {
        "attacks": {size: robustness._plan(size) for size in robustness.SIDES},
        "pictures": list(rows),
    }


def _lost(*names: str, size: str = robustness.WHOLE, letter: str = "l") -> str:
    return "".join(letter if n in names else "r" for n in robustness._plan(size))


_GOOD = [_row(kind, size) for kind in robustness.KINDS for size in robustness.SIDES]
_FEW = list(attacks.FIFTY)[:14]


def test_no_bar_is_missed_where_all_is_well() -> None:
    assert robustness.misses(_results(*_GOOD)) == []


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (_row(outcomes=_lost("none", "flip")), "the fifty attacks on photographs"),
        (_row(outcomes=_lost(robustness.HALF_JPEG)), "resize 50 % + jpeg q50 on photographs"),
        (_row(outcomes=_lost("rotate 45, expanded")), "rotate 45, expanded on photographs"),
        (_row("flat", "512", outcomes=_lost(*_FEW, size="512")), "crops of 512 pixels"),
        (_row("photo", "256", outcomes=_lost(*attacks.FIFTY, size="256")), "crops of 256 pixels"),
        (_row("flat", outcomes=_lost(*_FEW, "flip", "grey")), "flat art"),
        (_row("text", outcomes=_lost(*attacks.FIFTY)), "text pages"),
        (_row("text", "160", outcomes=_lost("flip", size="160", letter="w")), "a wrong id from text 160"),
        (_row(psnr=20.0), "PSNR is"),
        (_row(ssim=0.979), "SSIM of photo whole is 0.9790"),
        (_row(ssim=0.981, name="x"), "SSIM is"),
        (_row(flat_rms=0.751), "rms in flat blocks"),
        (_row(white_rms=0.61), "rms in near-white blocks"),
        (_row(ssimulacra2=75.9), "more than 8 under"),
        (_row(ssimulacra2=77.0), "SSIMULACRA 2 is"),
    ],
)
def test_every_bar_can_be_missed(row: Json, words: str) -> None:
    kept = [r for r in _GOOD if r["name"] != row["name"] and not (words == "SSIM is" and r["size"] != "512")]
    assert [m for m in robustness.misses(_results(row, *kept)) if m.startswith(words) or words in m]


def test_pictures_under_half_a_megapixel_are_outside_of_the_bars_on_photographs() -> None:
    small = _row(outcomes=_lost("none", "flip"), width=640, height=480)
    assert not [m for m in robustness.misses(_results(small)) if "photographs" in m]


def test_a_picture_that_skips_an_attack_keeps_the_others_in_place() -> None:
    names = robustness._plan(robustness.WHOLE)
    gone = "resize 300 %"
    kept = [n for n in names if n != gone]
    row = _row(
        left_out=[gone],
        outcomes="".join("l" if n == "inverted" else "r" for n in kept),
        log10_p=" ".join(["-30"] * len(kept)),
    )
    found = robustness.pairs(_results(row))
    assert [p.attack for p in found if not p.good] == ["inverted"]
    assert gone not in {p.attack for p in found}


# ------------------------------------------------------------------------------------------------------- the sets


def test_no_picture_is_tuned_on_and_reported_on_too() -> None:
    sources = {
        which: {(s.package, s.path) for s in sets.SOURCES if s.set == which}
        for which in (sets.TUNING, sets.REPORTING)
    }
    assert not sources[sets.TUNING] & sources[sets.REPORTING]
    for which, found in sources.items():
        chosen = [s for s in sets.SOURCES if s.set == which]
        assert len(chosen) == len(found) == len({s.file_name for s in chosen}) >= 40
        assert sum(s.kind == "photo" for s in chosen) >= 15


def test_every_source_has_a_known_package_kind_and_tags() -> None:
    drawn = {sets.DRAWN_PAGES, sets.DRAWN_GRADIENTS}
    for source in sets.SOURCES:
        assert source.package in sets.PACKAGES or source.package in drawn
        assert source.kind in sets.KINDS
        assert set(source.tags) <= set(sets.TAGS)


def test_no_picture_of_the_corpus_is_in_a_set() -> None:
    corpus = ("Dune", "balloon", "astronaut", "rocket", "gravel", "china")
    assert not [s.path for s in sets.SOURCES if any(word in s.path for word in corpus)]


def test_a_large_picture_with_alpha_is_flattened_on_white_and_reduced() -> None:
    image = Image.new("RGBA", (4000, 1000), (0, 0, 0, 0))
    reduced = sets._reduced(image, 1280)
    assert (reduced.size, reduced.mode, reduced.getpixel((5, 5))) == ((1280, 320), "RGB", (255, 255, 255))
    assert sets._reduced(image, 5000).size == (4000, 1000)


def test_built_sets_are_named_by_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAARMERK_SETS", str(tmp_path))
    assert sets.pictures(sets.TUNING) == []
    source = sets.SOURCES[0]
    made = sets.Picture(
        source.set,
        source.kind,
        source.name,
        ("dark",),
        tmp_path / source.set / source.file_name,
        6,
        4,
        "0",
        "p",
        "l",
    )
    sets._write_manifest(tmp_path, [made])
    assert sets.pictures(source.set) == [made]


# ------------------------------------------------------------------------------------------------------- the page


def test_the_page_tells_wins_losses_and_what_the_reply_said() -> None:
    lost = _row("text", name="pages", said="weak", outcomes=_lost("jpeg q20", "inverted"))
    results = _results(_row(), lost, _row("text", "512", name="pages"))
    assert "| jpeg q20 | 1/1 |  |  | 0/1 | 1/2 | 1/1 |" in report.attack_table(results, list(attacks.FIFTY))
    assert report.losses(results) == "- pages (text): 2: jpeg q20, inverted"
    assert "| weak | 1: 98.0% (49/50) | none |" in report.said_table(results)
    assert "| text | 98.0% (49/50) | 100.0% (50/50) |" in report.kind_table(results)
    assert "49/50 | 96/98 |" in report.picture_table(results)
    assert "| PSNR over RGB, dB | 45.00 |" in report.summary_table(results)


def test_every_plot_is_drawn_from_the_results() -> None:
    drawn = report.plots(_results(_row(outcomes=_lost("jpeg q10"))))
    assert set(drawn) == {f"recovery-{name}.svg" for name in ("jpeg", "resize", "crop", "kinds")}
    for svg in drawn.values():
        assert fromstring(svg).tag.endswith("svg")
    assert "100.0% of 50" in drawn["recovery-kinds.svg"]


def test_a_difference_is_shown_sixteen_times_about_grey() -> None:
    original, marked = Image.new("RGB", (2, 2), (100, 100, 250)), Image.new("RGB", (2, 2), (102, 99, 240))
    assert contact_sheet.difference(original, marked).getpixel((1, 1)) == (160, 112, 0)
