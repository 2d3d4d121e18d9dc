"""Signing, reading back, parents, and every way signing can fail."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import socket
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from waarmerk.adapters.certificates import DevelopmentChain, make_development_chain
from waarmerk.adapters.manifests import ManifestReader, ManifestSigner, Signed, check_own_manifest
from waarmerk.core.errors import (
    ConfigurationError,
    MalformedMedia,
    SelfCheckFailed,
    SigningUnavailable,
    UnsupportedMedia,
)
from waarmerk.core.evidence import Origin, Status
from waarmerk.core.jumbf import active_manifest_id, claim_signature
from waarmerk.core.manifest import SOFT_BINDING_ALG, Claim, Parent, manifest_definition, parent_of
from waarmerk.core.provenance import Integrity, ManifestReport, ReadState, Relationship, SignerTrust
from waarmerk.detection.metadata import evidence_from_manifest
from waarmerk.detection.verdict import Answer, decide

NOW = datetime.now(UTC)
MARK_ID = 0x0123456789ABCDEF
CLAIM = Claim(
    media_type="image/jpeg",
    origin=Origin.GENERATED,
    system="Painter",
    system_version="3",
    model="painter-xl",
    provider="Painter Ltd",
    when=NOW,
    mark_id=MARK_ID,
    generator_version="0.1.0",
)
TYPES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


def picture(media_type: str = "image/jpeg", size: tuple[int, int] = (96, 64), seed: int = 1) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, TYPES[media_type])
    return output.getvalue()


@pytest.fixture(scope="module")
def chain() -> DevelopmentChain:
    return make_development_chain(NOW)


@pytest.fixture(scope="module")
def signer(chain: DevelopmentChain) -> ManifestSigner:
    return ManifestSigner(chain_pem=chain.chain_pem, key_pem=chain.key_pem)


@pytest.fixture(scope="module")
def reader(chain: DevelopmentChain) -> ManifestReader:
    return ManifestReader(trust_anchors_pem=chain.root_pem)


def sign(signer: ManifestSigner, media_type: str = "image/jpeg", **changes: Any) -> Signed:
    claim = replace(CLAIM, media_type=media_type, **changes)
    return signer.sign(picture(media_type), media_type, manifest_definition(claim), parent=None)


def report_of(reader: ManifestReader, data: bytes, media_type: str = "image/jpeg") -> ManifestReport:
    report = reader.read(data, media_type)
    assert report is not None
    assert report.active is not None
    return report


# ---------------------------------------------------------------- the normal way


@pytest.mark.parametrize("media_type", TYPES)
def test_a_signed_file_reads_back_intact_and_trusted(
    media_type: str, signer: ManifestSigner, reader: ManifestReader
) -> None:
    signed = sign(signer, media_type)
    report = check_own_manifest(reader, signed, media_type, MARK_ID)
    active = report.active
    assert active is not None
    assert active.signer_trust is SignerTrust.TRUSTED
    assert active.failures() == ()
    assert active.generator == "Waarmerk"
    assert active.actions == ("c2pa.created", "c2pa.watermarked.unbound")
    assert signed.timestamp == "none"
    assert signed.warnings == ()
    assert active.signed_time is None


@pytest.mark.parametrize("media_type", TYPES)
def test_the_picture_itself_is_untouched(media_type: str, signer: ManifestSigner) -> None:
    before = np.asarray(Image.open(io.BytesIO(picture(media_type))))
    after = np.asarray(Image.open(io.BytesIO(sign(signer, media_type).data)))
    assert np.array_equal(before, after)


@pytest.mark.parametrize("media_type", TYPES)
def test_signer_and_reader_agree_on_label_and_signature(
    media_type: str, signer: ManifestSigner, reader: ManifestReader
) -> None:
    signed = sign(signer, media_type)
    report = report_of(reader, signed.data, media_type)
    assert report.active is not None
    assert signed.manifest_id == report.active.manifest_id
    assert signed.manifest_id.startswith("urn:c2pa:")
    assert signed.signature_sha256 == report.signature_sha256
    assert len(signed.signature_sha256) == 32


def test_the_signature_is_the_cose_structure_of_the_active_manifest(signer: ManifestSigner) -> None:
    signed = sign(signer)
    signature = claim_signature(signed.manifest, signed.manifest_id)
    assert signature is not None
    assert signature[0] == 0xD2  # CBOR tag 18: COSE_Sign1 (RFC 9052, 2)
    assert signature in signed.data
    assert hashlib.sha256(signature).digest() == signed.signature_sha256


def test_two_files_never_share_label_or_signature(signer: ManifestSigner) -> None:
    one, two = sign(signer), sign(signer)
    assert one.manifest_id != two.manifest_id
    assert one.signature_sha256 != two.signature_sha256


def test_everything_is_created_and_the_actions_come_first(signer: ManifestSigner) -> None:
    """Conformance programme 0.2, on the claim as an independent look at the SDK's JSON shows it."""
    import c2pa

    signed = sign(signer)
    context = c2pa.Context.from_dict({"verify": {"remote_manifest_fetch": False}})
    with c2pa.Reader("image/jpeg", io.BytesIO(signed.data), context=context) as r:
        claim = json.loads(r.crjson())["manifests"][0]["claim.v2"]
    created = [a["url"].rsplit("/", 1)[1] for a in claim["created_assertions"]]
    assert created == ["c2pa.actions.v2", "c2pa.ai-disclosure", "c2pa.soft-binding", "c2pa.hash.data"]
    assert claim["gathered_assertions"] == []
    assert claim["claim_generator_info"]["specVersion"] == "2.4.0"


def test_our_evidence_says_who_what_and_which_mark(signer: ManifestSigner, reader: ManifestReader) -> None:
    found = evidence_from_manifest(report_of(reader, sign(signer, origin=Origin.MANIPULATED).data))
    assert len(found) == 1
    assert found[0].code == "manifest_trusted"
    assert found[0].ai is Origin.MANIPULATED
    assert found[0].mark_id == f"{MARK_ID:016x}"
    assert found[0].system == "Painter"
    assert found[0].signer == "Waarmerk development, not for production"
    assert found[0].details["soft_bindings"] == [{"alg": SOFT_BINDING_ALG, "value": "ASNFZ4mrze8="}]


def test_the_same_file_is_declared_where_the_signer_is_unknown(signer: ManifestSigner) -> None:
    found = evidence_from_manifest(report_of(ManifestReader(), sign(signer).data))
    assert found[0].code == "manifest_unknown_signer"
    assert decide(found).verdict is Answer.DECLARED_AI


def test_signing_costs_little_room_and_time(signer: ManifestSigner) -> None:
    """A 60 kB JPEG grows by a few kB, and signing it takes milliseconds: no thumbnail is made."""
    data = picture(size=(360, 270))
    assert 50_000 < len(data) < 80_000
    times = []
    for _ in range(5):
        started = time.perf_counter()
        signed = signer.sign(data, "image/jpeg", manifest_definition(CLAIM), parent=None)
        times.append(time.perf_counter() - started)
    assert len(signed.data) - len(data) < 5_000
    assert min(times) < 0.05


def test_the_key_is_in_no_repr(signer: ManifestSigner) -> None:
    assert "PRIVATE" not in repr(signer)
    assert repr(signer) == "ManifestSigner(timestamps=off)"


# ---------------------------------------------------------------- alterations


@pytest.mark.parametrize("media_type", TYPES)
def test_a_changed_picture_breaks_the_manifest_and_nothing_else(
    media_type: str, signer: ManifestSigner, reader: ManifestReader
) -> None:
    signed = sign(signer, media_type)
    altered = bytearray(signed.data)
    altered[-40] ^= 1
    found = evidence_from_manifest(report_of(reader, bytes(altered), media_type))
    assert (found[0].code, found[0].status) == ("manifest_broken", Status.BROKEN)
    assert found[0].mark_id is None
    assert found[0].details["signer_trust"] == "trusted"
    assert decide(found).verdict is Answer.INCONCLUSIVE


def test_a_changed_soft_binding_breaks_the_manifest(signer: ManifestSigner, reader: ManifestReader) -> None:
    signed = sign(signer)
    altered = signed.data.replace(b"ASNFZ4mrze8=", b"BSNFZ4mrze8=")
    assert altered != signed.data
    found = evidence_from_manifest(report_of(reader, altered))
    assert found[0].code == "manifest_broken"
    assert "assertion.hashedURI.mismatch" in found[0].details["failures"]


def test_the_self_check_refuses_what_is_not_as_signed(signer: ManifestSigner, reader: ManifestReader) -> None:
    signed, other = sign(signer), sign(signer)
    flipped = bytearray(signed.data)
    flipped[-40] ^= 1
    for wrong, mark_id in (
        (replace(signed, data=bytes(flipped)), MARK_ID),
        (replace(signed, data=picture()), MARK_ID),
        (replace(signed, data=other.data), MARK_ID),
        (replace(signed, signature_sha256=bytes(32)), MARK_ID),
        (signed, MARK_ID + 1),
    ):
        with pytest.raises(SelfCheckFailed):
            check_own_manifest(reader, wrong, "image/jpeg", mark_id)


def test_a_manifest_put_beside_another_picture_is_broken(
    signer: ManifestSigner, reader: ManifestReader
) -> None:
    report = reader.read(picture(seed=2), "image/jpeg", sidecar=sign(signer).manifest)
    assert report is not None
    assert report.active is not None
    assert report.active.integrity is Integrity.BROKEN


def test_random_damage_anywhere_is_an_answer(signer: ManifestSigner, reader: ManifestReader) -> None:
    signed = sign(signer)
    rng = np.random.default_rng(7)
    for _ in range(150):
        altered = bytearray(signed.data)
        for at in rng.integers(0, len(altered), 3):
            altered[at] = int(rng.integers(0, 256))
        cut = int(rng.integers(1, len(altered) + 1)) if rng.random() < 0.3 else len(altered)
        decide(evidence_from_manifest(reader.read(bytes(altered[:cut]), "image/jpeg")))


# ---------------------------------------------------------------- parents


def mark_again(
    signer: ManifestSigner,
    reader: ManifestReader,
    before: bytes,
    origin: Origin,
    media_type: str = "image/jpeg",
) -> tuple[Signed, ManifestReport]:
    parent = parent_of(reader.read(before, media_type))
    claim = replace(CLAIM, origin=origin, parent=parent, mark_id=2, media_type=media_type)
    signed = signer.sign(picture(media_type, seed=3), media_type, manifest_definition(claim), parent=before)
    return signed, check_own_manifest(reader, signed, media_type, 2)


@pytest.mark.parametrize("media_type", TYPES)
@pytest.mark.parametrize("origin", list(Origin))
def test_a_manifest_in_the_input_stays_as_the_parent(
    media_type: str, origin: Origin, signer: ManifestSigner, reader: ManifestReader
) -> None:
    first = sign(signer, media_type)
    signed, report = mark_again(signer, reader, first.data, origin, media_type)
    assert signed.warnings == ()
    assert [m.relationship for m in report.manifests] == [Relationship.ACTIVE, Relationship.PARENT]
    active, parent = report.manifests
    assert parent.manifest_id == first.manifest_id
    assert parent.signer_trust is SignerTrust.TRUSTED
    assert active.actions[0] == "c2pa.opened"
    assert ("c2pa.edited" in active.actions) == (origin is Origin.MANIPULATED)
    found = evidence_from_manifest(report)
    assert (found[0].ai, found[0].mark_id) == (origin, f"{2:016x}")
    assert (found[1].code, found[1].mark_id) == ("parent_soft_binding", f"{MARK_ID:016x}")


def test_the_oldest_of_four_generations_is_intact_until_it_is_altered(
    signer: ManifestSigner, reader: ManifestReader
) -> None:
    data = sign(signer, system="First Painter").data
    for _ in range(3):
        signed, report = mark_again(signer, reader, data, Origin.MANIPULATED)
        data = signed.data
    assert [m.integrity for m in report.manifests] == [Integrity.INTACT] * 4
    named = [e.mark_id for e in evidence_from_manifest(report) if e.code == "parent_soft_binding"]
    assert named == [f"{2:016x}", f"{2:016x}", f"{MARK_ID:016x}"]
    assert data.count(b"First Painter") == 1
    altered = report_of(reader, data.replace(b"First Painter", b"Other Painter"))
    assert altered.manifests[3].integrity is Integrity.BROKEN


def test_ingredients_are_vouched_for_and_the_opened_action_names_one(
    signer: ManifestSigner, reader: ManifestReader
) -> None:
    import c2pa

    signed, _ = mark_again(signer, reader, sign(signer).data, Origin.MANIPULATED)
    context = c2pa.Context.from_dict({"verify": {"remote_manifest_fetch": False}})
    with c2pa.Reader("image/jpeg", io.BytesIO(signed.data), context=context) as r:
        manifest = json.loads(r.crjson())["manifests"][0]
    assert manifest["claim.v2"]["gathered_assertions"] == []
    opened = manifest["assertions"]["c2pa.actions.v2"]["actions"][0]
    assert len(opened["parameters"]["ingredients"]) == 1
    assert "digitalSourceType" not in opened


def test_an_untrusted_parent_does_not_lend_its_word_to_a_trusted_one(
    signer: ManifestSigner, reader: ManifestReader
) -> None:
    """Somebody's own certificate says AI; a trusted tool opened and saved the file. The tool vouches for having
    had that parent, not for what the parent says."""
    stranger = make_development_chain(NOW)
    other = ManifestSigner(chain_pem=stranger.chain_pem, key_pem=stranger.key_pem)
    first = sign(other)
    definition = manifest_definition(replace(CLAIM, parent=Parent.DECLARES_AI, mark_id=2))
    del definition["assertions"][0]["data"]["actions"][1:]
    definition["assertions"] = definition["assertions"][:1]
    signed = signer.sign(picture(seed=3), "image/jpeg", definition, parent=first.data)
    found = evidence_from_manifest(report_of(reader, signed.data))
    assert found[0].code == "manifest_trusted"
    claim = next(e for e in found if e.code == "ingredient_declares_ai")
    assert claim.status is Status.UNVERIFIED
    assert decide(found).verdict is Answer.DECLARED_AI


def test_a_broken_parent_is_kept_and_reported_and_does_not_break_ours(
    signer: ManifestSigner, reader: ManifestReader
) -> None:
    broken = bytearray(sign(signer).data)
    broken[-40] ^= 1
    signed, report = mark_again(signer, reader, bytes(broken), Origin.GENERATED)
    assert signed.warnings == ()
    assert [m.integrity for m in report.manifests] == [Integrity.INTACT, Integrity.BROKEN]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("cloud.jpg", "input_manifest_remote"),
        ("no_alg.jpg", "input_manifest_unreadable"),
        ("prerelease.jpg", "input_manifest_unreadable"),
        ("vec_structural_truncated_jumbf.jpg", "input_manifest_unreadable"),
        ("vec_structural_corrupt_box_type.jpg", "input_manifest_unreadable"),
        ("vec_crypto_expired_signer.jpg", "input_manifest_unreadable"),
        ("E-clm-CAICAI.jpg", "input_manifest_unusable"),
    ],
)
def test_a_parent_that_cannot_be_carried_is_recorded_and_said_so(
    name: str, code: str, corpus: Path, signer: ManifestSigner, reader: ManifestReader
) -> None:
    before = (corpus / "c2pa" / name).read_bytes()
    signed, report = mark_again(signer, reader, before, Origin.MANIPULATED)
    assert [w.code for w in signed.warnings] == [code]
    assert report.active is not None
    assert report.active.actions[0] == "c2pa.opened"
    assert len(report.manifests) == 1


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("ai_openai_chatgpt_v2claim.png", "image/png"),
        ("ai_openai_gptimage_2026-05-31.png", "image/png"),
        ("ai_openai_dalle3_v1claim.webp", "image/webp"),
        ("ai_adobe_firefly_cat.jpg", "image/jpeg"),
        ("ai_microsoft_bing_creator.jpg", "image/jpeg"),
        ("CACAE-uri-CA.jpg", "image/jpeg"),
        ("XCA.jpg", "image/jpeg"),
        ("E-sig-CA.jpg", "image/jpeg"),
    ],
)
def test_a_generators_own_manifest_is_kept_and_ours_states_the_source_type(
    name: str, media_type: str, corpus: Path, signer: ManifestSigner, reader: ManifestReader
) -> None:
    before = (corpus / "c2pa" / name).read_bytes()
    signed, report = mark_again(signer, reader, before, Origin.GENERATED, media_type)
    assert signed.warnings == ()
    assert len(report.manifests) >= 2
    found = evidence_from_manifest(report)
    assert found[0].ai is Origin.GENERATED
    assert decide(found).verdict is Answer.AI_GENERATED
    original = reader.read(before, media_type)
    assert original is not None
    assert original.active is not None
    assert report.manifests[1].manifest_id == original.active.manifest_id
    assert report.manifests[1].signer == original.active.signer


@pytest.mark.parametrize("name", ["cloud.jpg", "ai_adobe_firefly_remote_only.jpg"])
def test_a_remote_parent_makes_no_connection(
    name: str,
    corpus: Path,
    signer: ManifestSigner,
    reader: ManifestReader,
) -> None:
    """The SDK's own sockets are not Python's: a listener named by the file's XMP must stay unvisited."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        here = b"http://127.0.0.1:%d/" % listener.getsockname()[1]
        original = (corpus / "c2pa" / name).read_bytes()
        at = original.index(b"https://cai-manifests.adobe.com/")
        end = next(i for i in range(at, len(original)) if original[i : i + 1] in b"\"'<")
        before = original[:at] + here.ljust(end - at, b"x") + original[end:]
        report = reader.read(before, "image/jpeg")
        assert report is not None
        assert (report.state, report.host) == (ReadState.REMOTE, "127.0.0.1")
        signed, _ = mark_again(signer, reader, before, Origin.GENERATED)
        assert [w.code for w in signed.warnings] == ["input_manifest_remote"]
        with pytest.raises(TimeoutError):
            listener.accept()


# ---------------------------------------------------------------- what goes wrong


def test_an_expired_certificate_signs_nothing(reader: ManifestReader) -> None:
    old = make_development_chain(NOW - timedelta(days=10), leaf_life=timedelta(days=5))
    expired = ManifestSigner(chain_pem=old.chain_pem, key_pem=old.key_pem)
    with pytest.raises(SigningUnavailable) as caught:
        sign(expired)
    assert caught.value.code == "certificate_expired"


def test_an_own_mark_read_after_expiry_is_declared_and_not_forged() -> None:
    short = make_development_chain(NOW, leaf_life=datetime.now(UTC) - NOW + timedelta(seconds=2))
    signed = sign(ManifestSigner(chain_pem=short.chain_pem, key_pem=short.key_pem))
    reader = ManifestReader(trust_anchors_pem=short.root_pem)
    assert decide(evidence_from_manifest(report_of(reader, signed.data))).verdict is Answer.AI_GENERATED
    time.sleep(3.2)
    found = evidence_from_manifest(report_of(reader, signed.data))
    assert (found[0].code, found[0].details["integrity"]) == ("manifest_expired_signer", "intact")
    assert decide(found).verdict is Answer.DECLARED_AI


def test_a_key_that_is_not_the_leafs_is_refused_at_start() -> None:
    one, two = make_development_chain(NOW), make_development_chain(NOW)
    with pytest.raises(ConfigurationError) as caught:
        ManifestSigner(chain_pem=one.chain_pem, key_pem=two.key_pem)
    assert caught.value.code == "key_mismatch"


@pytest.mark.parametrize("url", ["", "ftp://tsa.example/", "tsa.example"])
def test_an_address_that_is_none_is_refused_at_start(url: str, chain: DevelopmentChain) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ManifestSigner(chain_pem=chain.chain_pem, key_pem=chain.key_pem, ta_url=url)
    assert caught.value.code == "bad_timestamp_url"


@pytest.mark.parametrize(
    "bad", ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_trust_list_that_is_none_is_refused_at_start(bad: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ManifestReader(trust_anchors_pem=bad)
    assert caught.value.code == "bad_trust_list"


def test_a_kind_of_file_that_cannot_carry_a_manifest_is_refused(signer: ManifestSigner) -> None:
    with pytest.raises(UnsupportedMedia):
        signer.sign(b"plain text", "text/plain", manifest_definition(CLAIM), parent=None)


def test_a_file_that_is_not_what_it_is_called_is_refused(signer: ManifestSigner) -> None:
    with pytest.raises(MalformedMedia):
        signer.sign(picture("image/png"), "image/jpeg", manifest_definition(CLAIM), parent=None)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"hello", bytes(1000), b"\x89PNG\r\n\x1a\n"])
def test_reading_what_is_no_file_is_no_error(data: bytes, reader: ManifestReader) -> None:
    report = reader.read(data, None)
    assert report is None or report.state in (ReadState.NOT_CHECKED, ReadState.UNREADABLE)


# ---------------------------------------------------------------- threads and processes


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunks(png: bytes, count: int) -> bytes:
    end = png.rindex(b"IEND") - 4
    return png[:end] + chunk(b"tEXt", b"k\0v") * count + png[end:]


BOX = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (with_chunks(picture("image/png"), 500_000), "image/png"),
        (BOX + struct.pack(">I4s", 8, b"free") * 400_000, "video/mp4"),
        (b"GIF89a\x10\0\x10\0\0\0\0" + b"\x21\xfe\0" * 1_000_000 + b";", "image/gif"),
        (
            b"RIFF" + struct.pack("<I", 8_000_004) + b"WAVE" + b"abcd\0\0\0\0" * 1_000_000,
            "audio/wav",
        ),
    ],
    ids=["png", "mp4", "gif", "wav"],
)
def test_a_file_of_countless_parts_is_given_up_in_seconds(
    data: bytes, media_type: str, reader: ManifestReader
) -> None:
    begun = time.process_time()
    report = reader.read(data, media_type)
    assert time.process_time() - begun < 10
    assert report == ManifestReport(state=ReadState.NOT_CHECKED, reason="too_many_parts")


def test_twenty_thousand_chunks_are_still_read_and_ten_times_as_many_are_not_signed(
    signer: ManifestSigner, reader: ManifestReader
) -> None:
    png = picture("image/png")
    assert reader.read(with_chunks(png, 20_000), "image/png") is None
    definition = manifest_definition(replace(CLAIM, media_type="image/png"))
    with pytest.raises(MalformedMedia) as caught:
        signer.sign(with_chunks(png, 200_000), "image/png", definition, parent=None)
    assert caught.value.code == "too_many_parts"


def test_threads_share_one_signer_and_one_reader(signer: ManifestSigner, reader: ManifestReader) -> None:
    def work(_: int) -> str:
        signed = sign(signer)
        check_own_manifest(reader, signed, "image/jpeg", MARK_ID)
        return signed.manifest_id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(work, range(24)))) == 24


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_handles_made_before_fork_are_made_anew_in_the_child(
    signer: ManifestSigner, reader: ManifestReader
) -> None:
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)

    def child() -> None:
        signed = sign(signer)
        check_own_manifest(reader, signed, "image/jpeg", MARK_ID)
        sending.send(signed.manifest_id)

    process = context.Process(target=child)
    process.start()
    assert receiving.poll(20)
    assert receiving.recv().startswith("urn:c2pa:")
    process.join(20)
    assert process.exitcode == 0
    assert sign(signer).manifest_id.startswith("urn:c2pa:")


def test_no_thread_is_left_behind_without_a_timestamp_authority(signer: ManifestSigner) -> None:
    before = threading.active_count()
    sign(signer)
    assert threading.active_count() == before


@pytest.mark.parametrize("store", [b"", b"\0" * 64, b"\xff" * 64, b"\0\0\0\x10jumbxxxxxxxx"])
def test_a_store_that_is_none_has_no_signature(store: bytes) -> None:
    assert active_manifest_id(store) is None
    assert claim_signature(store, "urn:c2pa:x") is None
