"""The steps of marking and detecting, with the real parts."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr

from benchmarks import pictures
from tests.app.pictures import decoded, encoded, picture, psnr
from waarmerk.adapters import keystore
from waarmerk.adapters.images import decode_luma
from waarmerk.adapters.registry import Registry
from waarmerk.app import deployment
from waarmerk.app.mark_steps import Draw, Marked, MarkRequest, Robustness
from waarmerk.app.service import Detection, Service, draw
from waarmerk.app.settings import Settings
from waarmerk.core.errors import (
    BadParameter,
    CannotHoldMark,
    InputError,
    MalformedMedia,
    MediaTooLarge,
    RegistryUnavailable,
    SelfCheckFailed,
    UnsupportedMedia,
)
from waarmerk.core.evidence import Basis, Evidence, Origin, Status
from waarmerk.core.keys import TagKey
from waarmerk.core.media import Limits, MediaType
from waarmerk.detection import images

GENERATED = MarkRequest(origin=Origin.GENERATED)
DRAWN = Draw(
    now=datetime(2026, 11, 30, 12, tzinfo=UTC), mark_id=0x0123456789ABCDEF, pattern=5, offset=(700, 3)
)


def watermark(detection: Detection) -> Evidence:
    return next(item for item in detection.evidence if item.basis is Basis.WATERMARK)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"quality": 92}),
        ("JPEG", {"quality": 85, "progressive": True, "subsampling": 0}),
        ("WEBP", {"quality": 90}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_a_marked_file_is_of_the_same_kind_and_its_mark_and_manifest_are_found(
    service: Service, kind: str, options: dict[str, Any]
) -> None:
    data = encoded(kind, **options)
    marked = service.mark(data, GENERATED)
    assert decoded(marked.data).format == kind
    assert psnr(data, marked.data) > 36  # the picture is all texture, and lossy kinds are coded twice
    detection = service.detect(marked.data)
    assert detection.verdict == "ai_generated"
    assert watermark(detection).mark_id == marked.mark_id
    manifest = detection.evidence[0]
    assert manifest.code == "manifest_trusted"
    assert manifest.mark_id == marked.mark_id
    assert manifest.details["manifest_id"] == marked.manifest_id


def test_the_pixels_alone_still_say_what_the_registry_knows(service: Service, png: bytes) -> None:
    request = MarkRequest(origin=Origin.MANIPULATED, system="Überpinsel")
    marked = service.mark(png, request)
    stripped = encoded("JPEG", decoded(marked.data), quality=80)
    detection = service.detect(stripped)
    assert detection.verdict == "ai_manipulated"
    found = watermark(detection)
    assert found.mark_id == marked.mark_id
    assert found.ai is Origin.MANIPULATED
    assert found.system == "Überpinsel"
    assert found.details["registered"] is True
    assert found.details["tenant"] == "default"
    assert "Überpinsel" in detection.sentence


def test_an_unmarked_twin_is_told_from_the_marked_one(service: Service, png: bytes) -> None:
    detection = service.detect(png)
    assert detection.verdict == "no_mark_found"
    assert watermark(detection).status is Status.NOT_FOUND


def test_the_row_is_there_when_mark_returns(service: Service, settings: Settings, png: bytes) -> None:
    marked = service.mark(png, MarkRequest(origin=Origin.GENERATED, system="Painter", system_version="3"))
    with_registry = Registry.open(f"sqlite:///{settings.data_dir / 'registry.sqlite3'}")
    row = with_registry.by_mark_id(int(marked.mark_id, 16))
    with_registry.close()
    assert row == marked.record
    assert row is not None
    assert row.manifest in marked.data
    assert row.system == "Painter"
    assert datetime.now(UTC) - row.created_at < timedelta(minutes=1)


def test_what_a_request_leaves_out_comes_from_the_settings(service: Service, png: bytes) -> None:
    marked = service.mark(png, GENERATED)
    assert marked.record.system == "Default Painter"
    assert b"Default Ltd" in marked.data
    named = service.mark(png, replace(GENERATED, system="Other"))
    assert named.record.system == "Other"
    assert b"Default Painter" not in named.data


def test_two_marks_of_one_picture_have_different_ids_patterns_and_offsets(
    service: Service, png: bytes
) -> None:
    one, other = service.mark(png, GENERATED), service.mark(png, GENERATED)
    assert one.mark_id != other.mark_id
    assert one.manifest_id != other.manifest_id
    assert len({draw() for _ in range(50)}) == 50


def test_the_same_draw_gives_the_same_pixels(service: Service, png: bytes) -> None:
    one, other = (service.mark_at(png, GENERATED, DRAWN) for _ in range(2))
    assert one.mark_id == "0123456789abcdef"
    assert one.log10_p == other.log10_p
    assert decoded(one.data).tobytes() == decoded(other.data).tobytes()


def test_mark_at_records_nothing(service: Service, png: bytes) -> None:
    marked = service.mark_at(png, GENERATED, draw())
    assert watermark(service.detect(marked.data)).details["registered"] is False


def test_a_taken_id_is_drawn_again(service: Service, png: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    first = service.mark(png, GENERATED)
    taken = replace(draw(), mark_id=int(first.mark_id, 16))
    draws = iter([taken, taken, draw()])
    monkeypatch.setattr("waarmerk.app.service.draw", lambda: next(draws))
    assert service.mark(png, GENERATED).mark_id != first.mark_id


def test_nothing_is_returned_when_the_registry_is_down(
    settings: Settings, tmp_path: Path, png: bytes
) -> None:
    with Service.open(settings.model_copy(update={"data_dir": tmp_path})) as service:
        connection = service._registry._engine
        with connection.begin() as writing:
            writing.exec_driver_sql("DROP TABLE marks")
        with pytest.raises(RegistryUnavailable):
            service.mark(png, GENERATED)


@pytest.mark.parametrize(
    ("part", "damaged"),
    [
        (b"Waarmerk mark id in", b"Waarmerk mark i\xff in"),  # the SDK will not write it again
        (b"c2pa.hash.data\0", b"c2pa.hash.dat\1\0"),
        (b"c2pa.assertions\0", b"c2pa.assertionz\0"),
        (b"c2pa.signature\0", b"c2pa.signatur\1\0"),
        (b"c2pa.claim.v2\0", b"c2pa.claim.v3\0"),
        (b"urn:c2pa:", b"urn;c2pa:"),
        (b"allActionsIncluded", b"allActionsIncludes"),
        (b"c2pa.created", b"c2pa.creates"),
    ],
)
def test_a_damaged_manifest_in_the_input_stands_in_nobodys_way(
    service: Service, png: bytes, part: bytes, damaged: bytes
) -> None:
    before = service.mark(png, GENERATED).data
    assert part in before
    marked = service.mark(before.replace(part, damaged), GENERATED)
    found = service.detect(marked.data)
    assert found.verdict == "ai_generated"
    named = [item.code for item in found.evidence if item.mark_id == marked.mark_id]
    assert named[0] == "manifest_trusted"


def test_two_marks_of_ours_in_one_picture_are_no_conflict_whichever_is_read(
    service: Service, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marked, pasted into a larger picture, which is marked: both are ours, and the manifest proves that this very
    file went through our hands."""
    first = service.mark(png, GENERATED)
    page = picture(520, 520)
    page.paste(decoded(first.data).convert("RGB"), (20, 20))
    second = service.mark(encoded("PNG", page), GENERATED)
    assert not second.kept
    for seen in (second, first):
        reading = images.read(
            decode_luma(seen.data, Limits(max_bytes=1 << 24, max_pixels=1 << 24)), service._seeker.key_ring
        )
        monkeypatch.setattr("waarmerk.app.detect_steps.read", lambda *_, seen=reading, **__: seen)
        found = service.detect(second.data)
        assert watermark(found).mark_id == f"{reading.mark_id:016x}"
        assert found.verdict == "ai_generated"
    assert reading.mark_id == int(first.mark_id, 16) != int(second.mark_id, 16)
    # A manifest nobody registered here proves nothing: it may have been put beside another's mark.
    monkeypatch.setattr(service._registry, "by_signature_sha256", lambda _: None)
    assert service.detect(second.data).verdict == "conflict"


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("JPEG", {"quality": 92}), ("WEBP", {"quality": 90})]
)
def test_a_mark_of_ours_that_covers_a_picture_is_kept_and_none_is_added(
    service: Service, kind: str, options: dict[str, Any]
) -> None:
    """Whether or not the metadata are still there: marks must not pile up."""
    first = service.mark(encoded(kind, **options), MarkRequest(origin=Origin.GENERATED, system="First"))
    bare = encoded(kind, decoded(first.data).convert("RGB"), **options)
    for data in (first.data, bare):
        second = service.mark(data, MarkRequest(origin=Origin.MANIPULATED, system="Second"))
        assert second.kept
        assert second.mark_id == first.mark_id
        assert second.manifest_id != first.manifest_id
        assert "mark_kept" in {warning.code for warning in second.warnings}
        if kind == "PNG":
            assert decoded(second.data).tobytes() == decoded(data).tobytes()
        found = service.detect(second.data)
        assert (found.verdict, watermark(found).mark_id) == ("ai_generated", first.mark_id)
        assert watermark(found).system == "First"


def test_the_registry_keeps_where_a_mark_lies(service: Service) -> None:
    """A crop of a marked picture can be laid on its original by the mark alone."""
    marked = service.mark_at(encoded("PNG", picture(500, 420)), GENERATED, DRAWN)
    place = marked.record.place
    assert place is not None
    assert (place.pattern, place.offset) == (DRAWN.pattern, DRAWN.offset)
    assert (place.height, place.width) == (420, 500)
    crop = decoded(marked.data).convert("L").crop((131, 77, 500, 420))
    how = images.read(np.asarray(crop).astype(np.float32), service._seeker.key_ring).geometry
    assert how is not None
    first = [(128 * tile - shift) % 1024 for tile, shift in zip(how["offset"], how["shift"], strict=True)]
    there = [(at - offset) % 1024 for at, offset in zip(first, place.offset, strict=True)]
    # The first tile counts as a whole one where the crop cuts it.
    assert [round(n) % 128 for n in there] == [77 % 128, 131 % 128]


def test_a_mark_that_covers_a_picture_in_part_is_no_reason_to_leave_the_rest_unmarked(
    service: Service,
) -> None:
    first = service.mark(encoded("PNG", picture(640, 640)), GENERATED)
    repainted = decoded(first.data).convert("RGB")
    repainted.paste(picture(640, 640).crop((320, 0, 640, 640)), (320, 0))
    second = service.mark(encoded("PNG", repainted), GENERATED)
    assert not second.kept
    assert second.mark_id != first.mark_id
    right = service.detect(encoded("PNG", decoded(second.data).convert("RGB").crop((320, 0, 640, 640))))
    assert watermark(right).mark_id == second.mark_id


def test_another_tenants_mark_stays_beside_ours(service: Service, png: bytes) -> None:
    """Nobody may keep another from marking by having marked first."""
    theirs = service.mark(encoded("PNG", picture(640, 640)), GENERATED)
    stranger = replace(service._marker, tenant="somebody else")
    ring = service._marker.key_ring
    epoch = replace(ring.current, tags={**ring.current.tags, "somebody else": TagKey(b"s" * 32)})
    stranger = replace(stranger, key_ring=replace(ring, epochs=(epoch, *ring.epochs[1:])))
    ours = stranger.mark_at(encoded("PNG", decoded(theirs.data).convert("RGB")), GENERATED, draw())
    assert not ours.kept
    luma = decode_luma(ours.data, Limits(max_bytes=1 << 24, max_pixels=1 << 24))
    reading = images.read(luma, stranger.key_ring)
    assert reading.mark_id in {int(ours.mark_id, 16), int(theirs.mark_id, 16)}


def test_a_marked_file_over_the_limit_of_bytes_says_so(settings: Settings, tmp_path: Path) -> None:
    flat = encoded("PNG", Image.new("RGB", (320, 320), (90, 120, 60)))
    small = settings.model_copy(update={"data_dir": tmp_path, "max_bytes": len(flat)})
    with Service.open(small) as service:
        marked = service.mark(flat, GENERATED)
        assert "over_byte_limit" in {warning.code for warning in marked.warnings}
        with pytest.raises(MediaTooLarge):
            service.detect(marked.data)


def test_a_picture_that_was_made_before_and_marked_again_keeps_its_first_manifest(
    service: Service, png: bytes
) -> None:
    first = service.mark(png, GENERATED)
    second = service.mark(first.data, GENERATED)
    report = service.detect(second.data).evidence[0]
    assert report.details["manifest_id"] == second.manifest_id
    assert first.manifest_id in {item["manifest_id"] for item in report.details["ingredients"]}


@pytest.mark.parametrize(
    ("data", "error", "code"),
    [
        (b"", MalformedMedia, "empty_file"),
        (b"hello", UnsupportedMedia, "unsupported_media"),
        (b"%PDF-1.7 ...", UnsupportedMedia, "unsupported_media"),
        (encoded("GIF"), UnsupportedMedia, "unsupported_media"),
        (encoded("PNG")[:1000], MalformedMedia, "malformed_media"),
        (encoded("JPEG")[:4000], MalformedMedia, "malformed_media"),
        (encoded("PNG", Image.new("I;16", (256, 256))), UnsupportedMedia, "png_16_bit"),
        (encoded("JPEG", Image.new("CMYK", (256, 256))), UnsupportedMedia, "cmyk"),
        (encoded("PNG", Image.new("RGBA", (256, 256), (9, 9, 9, 0))), CannotHoldMark, "cannot_hold_mark"),
        (encoded("PNG", picture(100, 100)), CannotHoldMark, "cannot_hold_mark"),
        (bytes(5 << 20), MediaTooLarge, "too_many_bytes"),
        (encoded("PNG", Image.new("1", (5000, 5000))), MediaTooLarge, "too_many_pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_marked_is_refused_with_a_code_and_a_sentence(
    service: Service, data: bytes, error: type[InputError], code: str
) -> None:
    with pytest.raises(error) as caught:
        service.mark(data, GENERATED)
    assert caught.value.code == code
    assert len(caught.value.sentence.split()) > 5


@pytest.mark.parametrize("field", ["system", "system_version", "model", "provider"])
@pytest.mark.parametrize(
    "text",
    [
        "x" * 300,
        "line\nbreak",
        "bell\x07",
        "\x9b31m",
        " ",
        "\u202egnp.tac",  # right to left
        "Pain\u200bter",  # zero width space
        "\u200d",  # a joiner that joins nothing
        "\uffff",  # no character
        "caf\ufffd",  # was not UTF-8
    ],
)
def test_a_name_that_may_not_be_signed_is_refused_before_any_work(
    service: Service, png: bytes, field: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("the picture was decoded")

    monkeypatch.setattr("waarmerk.app.mark_steps.images.decode_for_marking", never)
    with pytest.raises(BadParameter, match=field):
        service.mark(png, replace(GENERATED, **{field: text}))


@pytest.mark.parametrize(
    "name", ["نقاش\u200cباشی", "画家", "\U0001f468\u200d\U0001f3a8", " Painter  3 ", "<b>';--"]
)
def test_a_name_in_any_script_is_signed_and_shown(service: Service, png: bytes, name: str) -> None:
    found = service.detect(service.mark(png, replace(GENERATED, system=name)).data)
    assert {item.system for item in found.evidence if item.mark_id} == {name.strip()}


def test_a_mark_that_is_not_confirmed_is_never_returned(
    service: Service, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waarmerk.app.mark_steps.embed", lambda planes, *_, **__: planes)
    with pytest.raises(CannotHoldMark):
        service.mark(png, GENERATED)


@pytest.mark.parametrize(
    ("log10_p", "robustness"),
    [
        (-148.0, Robustness.STRONG),
        (-40.0, Robustness.STRONG),
        (-39.9, Robustness.NORMAL),
        (-20.0, Robustness.NORMAL),
        (-19.9, Robustness.WEAK),
        (-12.0, Robustness.WEAK),
        (-11.9, None),
        (0.0, None),
    ],
)
def test_the_matched_check_decides_on_robustness_or_refusal(
    service: Service,
    png: bytes,
    monkeypatch: pytest.MonkeyPatch,
    log10_p: float,
    robustness: Robustness | None,
) -> None:
    monkeypatch.setattr("waarmerk.app.mark_steps.verify_known", lambda *_, **__: log10_p)
    if robustness is None:
        with pytest.raises(CannotHoldMark):
            service.mark_at(png, GENERATED, draw())
    else:
        assert service.mark_at(png, GENERATED, draw()).robustness is robustness


def _file(planes: Any) -> bytes:
    return encoded("PNG", Image.fromarray(planes))


@pytest.mark.parametrize("side", [128, 144, 176])
def test_what_is_not_called_weak_is_found_and_what_is_not_found_is_called_so(
    service: Service, side: int
) -> None:
    """Small pictures, each kind: some are refused, some are weak, and no answer promises what detecting breaks."""
    outcomes = set()
    for seed, kind in enumerate((pictures.photo, pictures.cartoon, pictures.grain) * 3):
        try:
            marked = service.mark(_file(kind(seed, side, side)), GENERATED)
        except CannotHoldMark:
            outcomes.add("refused")
            continue
        evidence = service.detect(marked.data).evidence
        found = any(e.basis is Basis.WATERMARK and e.mark_id == marked.mark_id for e in evidence)
        faint = "mark_too_faint_to_find" in {w.code for w in marked.warnings}
        assert found is not faint
        assert not (faint and marked.robustness is not Robustness.WEAK)
        outcomes.add("found" if found else "faint")
    assert outcomes >= {128: {"faint"}, 144: {"found"}, 176: {"found"}}[side]


def _flip(data: bytes) -> bytes:
    """The file with one byte of its picture data changed and its checksum left as it was."""
    at = data.index(b"IDAT") + 2000
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_a_signed_file_that_does_not_read_back_is_never_returned(
    service: Service, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = service._marker.signer
    sign: Callable[..., Any] = type(signer).sign

    def spoil(self: object, *args: Any, **more: Any) -> Any:
        signed = sign(self, *args, **more)
        return replace(signed, data=_flip(signed.data))

    monkeypatch.setattr(type(signer), "sign", spoil)
    with pytest.raises(SelfCheckFailed):
        service.mark(png, GENERATED)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "AVIF"])
def test_the_mark_is_read_in_kinds_that_cannot_be_marked(service: Service, png: bytes, kind: str) -> None:
    marked = service.mark(png, GENERATED)
    image = decoded(marked.data)
    if kind == "GIF":
        image = image.convert("L")
    detection = service.detect(encoded(kind, image))
    assert watermark(detection).mark_id == marked.mark_id


def test_a_file_that_is_no_picture_is_looked_at_for_metadata_only(service: Service) -> None:
    detection = service.detect(b"%PDF-1.7\n%%EOF\n")
    assert detection.verdict == "no_mark_found"
    assert watermark(detection).code == "not_an_image"
    assert detection.media_type == MediaType.PDF
    assert detection.width is None


def test_a_damaged_picture_keeps_what_its_metadata_says(service: Service, png: bytes) -> None:
    marked = service.mark(png, GENERATED)
    detection = service.detect(marked.data[:-5000])
    assert watermark(detection).code == "pixels_unreadable"
    assert detection.verdict in {"inconclusive", "declared_ai"}


def test_an_altered_picture_whose_manifest_broke_still_shows_its_mark(service: Service, png: bytes) -> None:
    marked = service.mark(encoded("JPEG", quality=95), GENERATED)
    detection = service.detect(marked.data + b"appended")
    assert detection.evidence[0].code == "manifest_broken"
    assert detection.verdict == "ai_generated"


def test_an_unknown_kind_of_file_gets_no_answer_that_sounds_like_one(service: Service) -> None:
    with pytest.raises(UnsupportedMedia, match="JPEG"):
        service.detect(b"just some text, which may well be AI-generated")


@pytest.mark.parametrize(
    ("data", "code"),
    [(bytes(5 << 20), "too_many_bytes"), (encoded("PNG", Image.new("1", (5000, 5000))), "too_many_pixels")],
    ids=["bytes", "pixels"],
)
def test_detection_keeps_the_limits_too(service: Service, data: bytes, code: str) -> None:
    with pytest.raises(MediaTooLarge) as caught:
        service.detect(data)
    assert caught.value.code == code


def test_threads_share_one_service(service: Service) -> None:
    together = threading.Barrier(4)

    def both(width: int) -> bool:
        together.wait()
        marked: Marked = service.mark(encoded("PNG", picture(width, 400)), GENERATED)
        return watermark(service.detect(marked.data)).mark_id == marked.mark_id

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(both, (400, 410, 420, 430)))


def test_the_self_test_passes_and_sees_a_detector_that_says_yes_to_everything(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.self_test()
    marked = service.mark(encoded("PNG"), GENERATED)
    always = service.detect(marked.data)
    monkeypatch.setattr(service, "detect", lambda _: always)
    with pytest.raises(SelfCheckFailed):
        service.self_test()


def test_detection_leaves_the_data_folder_as_it_was(service: Service, settings: Settings) -> None:
    def state() -> dict[str, bytes]:
        return {
            f.name: f.read_bytes()
            for f in settings.data_dir.iterdir()
            if f.is_file() and "-shm" not in f.name
        }

    service.detect(encoded("JPEG"))
    before = state()
    service.detect(encoded("JPEG", picture(333, 222)))
    assert state() == before


def test_an_input_is_never_changed_in_place(service: Service) -> None:
    out = io.BytesIO()
    picture().save(out, "PNG")
    data = out.getvalue()
    copy = bytes(bytearray(data))
    service.mark(data, GENERATED)
    assert data == copy


def test_the_whole_service_runs_on_postgresql_by_one_setting(
    settings: Settings, tmp_path: Path, png: bytes, postgresql: Any
) -> None:
    postgresql.psql("CREATE DATABASE whole")
    elsewhere = {"data_dir": tmp_path, "database_url": SecretStr(postgresql.get_uri("whole"))}
    with Service.open(settings.model_copy(update=elsewhere)) as service:
        service.self_test()
        marked = service.mark(png, replace(GENERATED, system="On PostgreSQL"))
        assert watermark(service.detect(marked.data)).system == "On PostgreSQL"
    assert not list(tmp_path.glob("*.sqlite3"))


def test_a_mark_from_a_retired_epoch_is_still_read(settings: Settings, tmp_path: Path, png: bytes) -> None:
    own = settings.model_copy(update={"data_dir": tmp_path})
    with Service.open(own) as service:
        first = service.mark(png, GENERATED)
    for _ in range(3):
        keystore.add_epoch(deployment.keys_file(own), deployment.fresh_secret())
    with Service.open(own) as service:
        found = watermark(service.detect(first.data))
        assert found.mark_id == first.mark_id
        assert found.private["epoch"] == 1
        assert watermark(service.detect(service.mark(png, GENERATED).data)).private["epoch"] == 4


def test_another_deployments_mark_is_not_ours(settings: Settings, tmp_path: Path, png: bytes) -> None:
    with Service.open(settings.model_copy(update={"data_dir": tmp_path})) as other:
        marked = other.mark(png, GENERATED)
    with Service.open(settings.model_copy(update={"data_dir": tmp_path / "else"})) as service:
        detection = service.detect(marked.data)
    assert watermark(detection).status is Status.NOT_FOUND
    assert detection.verdict == "declared_ai"
