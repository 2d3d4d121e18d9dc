"""The reader on every file of the corpus: known answers where the index has one, no exception anywhere."""

from __future__ import annotations

import csv
import json
import socket
import time
from pathlib import Path

import pytest

from waarmerk.adapters.manifests import ManifestReader
from waarmerk.core.evidence import Evidence, Origin, Status
from waarmerk.core.media import sniff
from waarmerk.core.provenance import Integrity, ManifestReport, ReadState, SignerTrust, TimeTrust
from waarmerk.detection.metadata import evidence_from_manifest
from waarmerk.detection.verdict import Answer, decide

TRUST_LISTS = {
    "state_no_trust": (),
    "state_official_c2pa_lists": (
        "conformance-public__C2PA-TRUST-LIST.pem",
        "conformance-public__C2PA-TSA-TRUST-LIST.pem",
    ),
    "state_official_plus_interim": (
        "conformance-public__C2PA-TRUST-LIST.pem",
        "conformance-public__C2PA-TSA-TRUST-LIST.pem",
        "c2pa-conformance-tool__anchors.pem",
    ),
    "state_test_roots": ("c2pa-rs__test_cert_root_bundle.pem",),
}
INTERIM = "state_official_plus_interim"

# Failures that are not about the content or the claim, in the index's words.
CREDENTIAL = ("signingCredential.", "timeStamp.", "cawg.")

# Real generator files: who signed, and whether the signer is on the official and interim lists.
GENERATORS = {
    "ai_openai_chatgpt_v2claim.png": ("OpenAI", Answer.DECLARED_AI),  # expired, never timestamped
    "ai_openai_dalle3_v1claim.webp": ("OpenAI", Answer.AI_GENERATED),
    "ai_openai_gptimage_2026-05-31.png": ("OpenAI OpCo, LLC", Answer.AI_GENERATED),
    "ai_openai_sora_video.mp4": ("OpenAI", Answer.AI_GENERATED),
    "ai_adobe_firefly_cat.jpg": ("Adobe Inc.", Answer.AI_GENERATED),
    "ai_adobe_firefly_2.png": ("Adobe Inc.", Answer.AI_GENERATED),
    "ai_adobe_express_pdf.pdf": ("Adobe Inc.", Answer.AI_GENERATED),
    "ai_microsoft_bing_creator.jpg": ("Microsoft Corporation", Answer.AI_GENERATED),
    "ai_amazon_titan_g1.png": ("Amazon Web Services, Inc.", Answer.DECLARED_AI),  # on neither list
    "ai_digimarc_softbinding.jpg": ("Digimarc", Answer.DECLARED_AI),  # on neither list
}


@pytest.fixture(scope="module")
def folder(corpus: Path) -> Path:
    return corpus / "c2pa"


@pytest.fixture(scope="module")
def readers(folder: Path) -> dict[str, ManifestReader]:
    return {
        name: ManifestReader(
            trust_anchors_pem="\n".join((folder / "trust" / f).read_text(encoding="utf-8") for f in files)
        )
        for name, files in TRUST_LISTS.items()
    }


@pytest.fixture(scope="module")
def index(folder: Path) -> list[dict[str, str]]:
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was connected")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def read(reader: ManifestReader, path: Path) -> ManifestReport | None:
    data = path.read_bytes()
    return reader.read(data, sniff(data))


def findings(reader: ManifestReader, path: Path) -> list[Evidence]:
    return evidence_from_manifest(read(reader, path))


@pytest.mark.parametrize("configuration", TRUST_LISTS)
def test_every_file_is_read_as_the_index_says(
    configuration: str, folder: Path, readers: dict[str, ManifestReader], index: list[dict[str, str]]
) -> None:
    """The index keeps the validator's one state; ours are taken apart: `Trusted` must be intact and trusted,
    `Valid` intact, and `Invalid` broken or a matter of the certificate."""
    assert len(index) == 91
    started = time.perf_counter()
    for row in index:
        report = read(readers[configuration], folder / row["file"])
        state, name = row[configuration], row["file"]
        if state.startswith("ERR") or state == "":
            assert report is None or report.state is not ReadState.READ or name.endswith(".c2pa"), name
            continue
        assert report is not None, name
        assert report.state is ReadState.READ, name
        active = report.active
        assert active is not None, name
        intact, trusted = active.integrity is Integrity.INTACT, active.signer_trust is SignerTrust.TRUSTED
        if state == "Trusted":
            assert intact, name
            assert trusted, name
        elif state == "Valid":
            assert intact, name
            # The validator's one state also falls with a third party's identity assertion and with the signer
            # of an ingredient; ours is about who signed the active manifest.
            third_party = any("cawg." in code for code in active.failures())
            ingredient = any(m.signer_trust is not SignerTrust.TRUSTED for m in report.manifests[1:])
            assert not trusted or third_party or ingredient, name
        else:
            failed = row["fail_official"].split() if row["fail_official"] else []
            broken = any(not code.startswith(CREDENTIAL) for code in failed)
            assert intact is not broken, name
        assert active.signer.name == row["signer"], name
        assert len(report.manifests) <= int(row["manifests"]), name
        assert report.signature_sha256 is not None, name
    assert time.perf_counter() - started < 30


def test_every_finding_is_json_and_bounded(
    folder: Path, readers: dict[str, ManifestReader], index: list[dict[str, str]]
) -> None:
    for row in index:
        for e in findings(readers[INTERIM], folder / row["file"]):
            assert len(json.dumps(e.details)) < 50_000, row["file"]


@pytest.mark.parametrize("name", GENERATORS)
def test_real_generators_are_declared_ai_with_the_signer_named(
    name: str, folder: Path, readers: dict[str, ManifestReader]
) -> None:
    signer, _ = GENERATORS[name]
    found = findings(readers["state_no_trust"], folder / name)
    assert decide(found).verdict is Answer.DECLARED_AI
    assert found[0].signer == signer
    assert signer in decide(found).sentence


@pytest.mark.parametrize("name", GENERATORS)
def test_real_generators_are_ai_generated_once_their_signer_is_trusted(
    name: str, folder: Path, readers: dict[str, ManifestReader]
) -> None:
    _, answer = GENERATORS[name]
    assert decide(findings(readers[INTERIM], folder / name)).verdict is answer


def test_whether_a_file_is_ai_is_the_same_under_every_trust_list(
    folder: Path, readers: dict[str, ManifestReader], index: list[dict[str, str]]
) -> None:
    ai = {Answer.AI_GENERATED, Answer.AI_MANIPULATED, Answer.DECLARED_AI}
    for row in index:
        answers = {decide(findings(r, folder / row["file"])).verdict in ai for r in readers.values()}
        assert len(answers) == 1, row["file"]
        if row["ai_generated"] == "yes" and "remote_only" not in row["file"]:
            assert answers == {True}, row["file"]
        if row["ai_generated"] == "no":
            assert answers == {False}, row["file"]


def test_bing_is_known_by_generator_and_signer_only(folder: Path, readers: dict[str, ManifestReader]) -> None:
    name = "ai_microsoft_bing_creator.jpg"
    unknown = decide(findings(readers["state_no_trust"], folder / name))
    assert (unknown.verdict, unknown.code) == (Answer.DECLARED_AI, "generator_known_ai")
    trusted = findings(readers[INTERIM], folder / name)
    assert decide(trusted).code == "generator_known_ai"
    assert trusted[0].ai is None
    assert trusted[-1].system == "Image Creator from Designer"


def test_a_broken_claim_in_a_real_file_is_an_answer(folder: Path, readers: dict[str, ManifestReader]) -> None:
    found = findings(readers["state_no_trust"], folder / "E-clm-CAICAI.jpg")
    assert found[0].status is Status.BROKEN
    assert set(found[0].details["failures"]) >= {
        "ingredient.manifest.missing",
        "assertion.hashedURI.mismatch",
    }
    assert decide(found).verdict is Answer.INCONCLUSIVE


@pytest.mark.parametrize("name", ["ms_invalid_modified.jpg", "XCA.jpg"])
def test_a_modified_file_is_inconclusive_with_the_failing_code(
    name: str, folder: Path, readers: dict[str, ManifestReader]
) -> None:
    found = findings(readers["state_no_trust"], folder / name)
    assert "assertion.dataHash.mismatch" in found[0].details["failures"]
    assert decide(found).code == "manifest_broken"
    assert "assertion.dataHash.mismatch" in decide(found).sentence


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("cloud.jpg", "cai-manifests.adobe.com"),
        ("cloudx.jpg", "cai-manifestx.adobe.com"),
        ("ai_adobe_firefly_remote_only.jpg", "cai-manifests.adobe.com"),
        ("libpng-test_with_url.png", "localhost"),
    ],
)
def test_a_remote_manifest_is_named_and_not_fetched(
    name: str, host: str, folder: Path, readers: dict[str, ManifestReader]
) -> None:
    report = read(readers[INTERIM], folder / name)
    assert report is not None
    assert (report.state, report.host) == (ReadState.REMOTE, host)
    decided = decide(evidence_from_manifest(report))
    assert (decided.verdict, decided.code) == (Answer.INCONCLUSIVE, "manifest_remote")
    assert host in decided.sentence


def test_a_sidecar_stands_in_for_a_remote_manifest(folder: Path, readers: dict[str, ManifestReader]) -> None:
    data = (folder / "cloud.jpg").read_bytes()
    sidecar = (folder / "cloud_manifest.c2pa").read_bytes()
    report = readers["state_test_roots"].read(data, "image/jpeg", sidecar=sidecar)
    assert report is not None
    assert report.active is not None
    assert report.active.integrity is Integrity.INTACT


def test_a_signature_without_a_time_has_none(folder: Path, readers: dict[str, ManifestReader]) -> None:
    report = read(readers["state_no_trust"], folder / "ai_openai_chatgpt_v2claim.png")
    assert report is not None
    assert report.active is not None
    assert (report.active.signed_time, report.active.time_trust) == (None, TimeTrust.NONE)
    details = findings(readers["state_no_trust"], folder / "ai_openai_chatgpt_v2claim.png")[0].details
    assert details["signed_time"] is None
    json.dumps(details)


def test_expired_is_not_forged(folder: Path, readers: dict[str, ManifestReader]) -> None:
    expired = read(readers[INTERIM], folder / "ms_expired_no_ts.jpg")
    stamped = read(readers[INTERIM], folder / "ms_expired_trusted_ts.jpg")
    assert expired is not None
    assert stamped is not None
    assert expired.active is not None
    assert stamped.active is not None
    assert (expired.active.integrity, expired.active.signer_trust) == (Integrity.INTACT, SignerTrust.EXPIRED)
    assert (stamped.active.integrity, stamped.active.signer_trust) == (Integrity.INTACT, SignerTrust.UNKNOWN)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_alg.jpg", "manifest_not_parsable"),
        ("prerelease.jpg", "manifest_not_parsable"),
        ("vec_structural_corrupt_box_type.jpg", "manifest_not_parsable"),
        ("vec_structural_truncated_jumbf.jpg", "manifest_not_parsable"),
        ("vec_crypto_expired_signer.jpg", "manifest_not_parsable"),
        ("sample4.svg", "manifest_not_parsable"),
        ("monotype_signed_font.ttf", "container_not_supported"),
    ],
)
def test_c2pa_data_that_cannot_be_read_is_not_the_same_as_none(
    name: str, reason: str, folder: Path, readers: dict[str, ManifestReader]
) -> None:
    report = read(readers[INTERIM], folder / name)
    assert report is not None
    assert (report.state, report.reason) == (ReadState.UNREADABLE, reason)
    assert decide(evidence_from_manifest(report)).code == "manifest_unreadable"


def test_a_manifest_just_before_the_end_of_a_jpeg_is_not_overlooked(
    folder: Path, readers: dict[str, ManifestReader]
) -> None:
    """The segments moved behind the scan, where a JPEG reader does not look for them."""
    data = (folder / "C.jpg").read_bytes()
    segments, at = [], 2
    kept = bytearray(data[:2])
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        (segments.append(data[at:end]) if data[at + 1] == 0xEB else kept.extend(data[at:end]))
        at = end
    assert segments
    moved = bytes(kept) + data[at:].removesuffix(b"\xff\xd9") + b"".join(segments) + b"\xff\xd9"
    report = readers[INTERIM].read(moved, "image/jpeg")
    assert report is not None
    verdict = decide(evidence_from_manifest(report))
    assert verdict.verdict is Answer.INCONCLUSIVE


@pytest.mark.parametrize(
    "name", ["no_manifest.jpg", "unsigned_xmp.webp", "basic-signed.pdf", "unsupported_type.txt"]
)
def test_a_file_without_any_c2pa_data_has_none(
    name: str, folder: Path, readers: dict[str, ManifestReader]
) -> None:
    assert read(readers[INTERIM], folder / name) is None


@pytest.mark.parametrize("name", ["nested_moov_1000.mp4", "tiff_poc.tiff", "sample3.invalid.wav"])
def test_a_file_that_cannot_be_taken_apart_is_not_called_unmarked_metadata(
    name: str, folder: Path, readers: dict[str, ManifestReader]
) -> None:
    report = read(readers[INTERIM], folder / name)
    assert report is not None
    assert report.state is ReadState.NOT_CHECKED


def test_an_ingredients_claim_counts_for_the_whole(folder: Path, readers: dict[str, ManifestReader]) -> None:
    found = findings(readers[INTERIM], folder / "ai_openai_dalle3_v1claim.webp")
    assert found[0].ai is None
    claim = found[1]
    assert (claim.code, claim.status, claim.ai) == ("ingredient_declares_ai", Status.FOUND, Origin.GENERATED)
    assert claim.details["relationship"] == "parentOf"
