"""What is read out of a report: claims, by whom, and how far they hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from waarmerk.core.evidence import Origin, Status
from waarmerk.core.manifest import SOFT_BINDING_ALG, soft_binding_value
from waarmerk.core.provenance import (
    Integrity,
    Manifest,
    ManifestReport,
    ReadState,
    Relationship,
    Signer,
    SignerTrust,
    SoftBinding,
    SourceType,
    TimeTrust,
)
from waarmerk.core.sourcetypes import is_capture, origin_of
from waarmerk.detection.metadata import evidence_from_manifest, evidence_from_xmp
from waarmerk.detection.verdict import Answer, decide

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ACTIVE = Manifest(
    manifest_id="urn:c2pa:1",
    relationship=Relationship.ACTIVE,
    depth=0,
    lineage=True,
    integrity=Integrity.INTACT,
    signer_trust=SignerTrust.TRUSTED,
    signer=Signer("Signer Ltd", "CA Ltd", None, datetime(2027, 1, 1, tzinfo=UTC)),
    signed_time=None,
    time_trust=TimeTrust.NONE,
    generator="Tool",
    actions=(),
    source_types=(),
    software_agents=(),
    soft_bindings=(),
    codes=(),
)
PARENT = replace(ACTIVE, manifest_id="urn:c2pa:2", relationship=Relationship.PARENT, depth=1)
PART = replace(PARENT, relationship=Relationship.COMPONENT, lineage=False)


def says(term: str, action: str = "c2pa.created", system: str | None = None) -> tuple[SourceType, ...]:
    return (SourceType(IPTC + term, action, system),)


def report(*manifests: Manifest) -> ManifestReport:
    return ManifestReport(state=ReadState.READ, manifests=manifests)


@pytest.mark.parametrize(
    ("term", "origin", "capture"),
    [
        (IPTC + "trainedAlgorithmicMedia", Origin.GENERATED, False),
        ("https://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia/", Origin.GENERATED, False),
        ("trainedAlgorithmicMedia", Origin.GENERATED, False),
        (" TRAINEDALGORITHMICMEDIA ", Origin.GENERATED, False),
        ("digsrctype:trainedAlgorithmicMedia", Origin.GENERATED, False),
        ("http://c2pa.org/digitalsourcetype/trainedAlgorithmicData", Origin.GENERATED, False),
        (IPTC + "compositeWithTrainedAlgorithmicMedia", Origin.MANIPULATED, False),
        (IPTC + "compositeSynthetic", Origin.MANIPULATED, False),
        (IPTC + "digitalCapture", None, True),
        (IPTC + "computationalCapture", None, True),
        (IPTC + "algorithmicMedia", None, False),
        (IPTC + "algorithmicallyEnhanced", None, False),
        (IPTC + "digitalArt", None, False),
        (IPTC + "composite", None, False),
        ("http://c2pa.org/digitalsourcetype/empty", None, False),
        ("http://evil.example/trainedAlgorithmicMedia", None, False),
        ("", None, False),
    ],
)
def test_source_types_say_ai_camera_or_neither(term: str, origin: Origin | None, capture: bool) -> None:
    assert (origin_of(term), is_capture(term)) == (origin, capture)


def test_unsigned_metadata_is_a_claim_nobody_vouches_for() -> None:
    (found,) = evidence_from_xmp(IPTC + "trainedAlgorithmicMedia")
    assert (found.code, found.status, found.ai) == ("unsigned_metadata", Status.UNVERIFIED, Origin.GENERATED)
    assert decide([found]).verdict is Answer.DECLARED_AI
    (none,) = evidence_from_xmp(None)
    assert decide([none]).verdict is Answer.NO_MARK_FOUND
    (camera,) = evidence_from_xmp(IPTC + "digitalCapture")
    assert (camera.ai, camera.capture) == (None, True)


def test_ai_work_on_a_capture_is_manipulation() -> None:
    edited = replace(ACTIVE, source_types=says("trainedAlgorithmicMedia", "c2pa.edited"))
    camera = replace(PARENT, source_types=says("digitalCapture"))
    found = evidence_from_manifest(report(edited, camera))
    assert (found[0].ai, found[0].capture) == (Origin.MANIPULATED, False)


def test_a_generated_part_makes_the_whole_manipulated() -> None:
    part = replace(PART, source_types=says("trainedAlgorithmicMedia"))
    found = evidence_from_manifest(report(ACTIVE, part))
    assert (found[1].code, found[1].ai) == ("ingredient_declares_ai", Origin.MANIPULATED)


def test_a_camera_picture_with_a_generated_part_declares_no_camera() -> None:
    camera = replace(ACTIVE, source_types=says("digitalCapture"))
    part = replace(PART, source_types=says("trainedAlgorithmicMedia"))
    found = evidence_from_manifest(report(camera, part))
    assert not found[0].capture


@pytest.mark.parametrize(
    ("active", "parent", "status"),
    [
        ({}, {}, Status.FOUND),
        ({}, {"signer_trust": SignerTrust.UNKNOWN}, Status.UNVERIFIED),
        ({}, {"signer_trust": SignerTrust.EXPIRED}, Status.UNVERIFIED),
        ({}, {"integrity": Integrity.BROKEN}, Status.UNVERIFIED),
        ({"signer_trust": SignerTrust.UNKNOWN}, {}, Status.UNVERIFIED),
        ({"integrity": Integrity.BROKEN}, {}, Status.BROKEN),
    ],
)
def test_a_parents_claim_holds_as_far_as_both_signatures_do(
    active: dict[str, object], parent: dict[str, object], status: Status
) -> None:
    above = replace(ACTIVE, **active)  # type: ignore[arg-type]
    below = replace(PARENT, source_types=says("trainedAlgorithmicMedia"), **parent)  # type: ignore[arg-type]
    found = evidence_from_manifest(report(above, below))
    claim = next(e for e in found if e.code == "ingredient_declares_ai")
    assert claim.status is status


def test_the_best_vouched_ingredient_speaks() -> None:
    doubtful = replace(
        PARENT, signer_trust=SignerTrust.UNKNOWN, source_types=says("trainedAlgorithmicMedia", system="A")
    )
    sound = replace(
        PARENT, manifest_id="urn:c2pa:3", depth=2, source_types=says("trainedAlgorithmicMedia", system="B")
    )
    claims = [e for e in evidence_from_manifest(report(ACTIVE, doubtful, sound)) if e.ai]
    assert [(e.status, e.system) for e in claims] == [(Status.FOUND, "B")]


@pytest.mark.parametrize(
    ("trust", "code", "status"),
    [
        (SignerTrust.TRUSTED, "manifest_trusted", Status.FOUND),
        (SignerTrust.UNKNOWN, "manifest_unknown_signer", Status.UNVERIFIED),
        (SignerTrust.EXPIRED, "manifest_expired_signer", Status.UNVERIFIED),
        (SignerTrust.REVOKED, "manifest_revoked_signer", Status.UNVERIFIED),
        (SignerTrust.INVALID, "manifest_invalid_signer", Status.UNVERIFIED),
    ],
)
def test_the_code_names_what_is_known_of_the_signer(trust: SignerTrust, code: str, status: Status) -> None:
    (found,) = evidence_from_manifest(report(replace(ACTIVE, signer_trust=trust)))
    assert (found.code, found.status, found.signer) == (code, status, "Signer Ltd")
    assert found.details["signed_time"] is None
    assert found.details["signer_valid_until"] == "2027-01-01T00:00:00+00:00"


def test_a_known_generator_counts_with_its_own_signer_only() -> None:
    bing = replace(
        ACTIVE,
        generator="Microsoft Responsible AI Image Provenance",
        signer=Signer("Microsoft Corporation", None, None, None),
    )
    for manifest, status in (
        (bing, Status.FOUND),
        (replace(bing, signer_trust=SignerTrust.UNKNOWN), Status.UNVERIFIED),
        (replace(bing, signer=Signer("Somebody", None, None, None)), Status.UNVERIFIED),
        (replace(bing, integrity=Integrity.BROKEN), Status.BROKEN),
    ):
        found = evidence_from_manifest(report(manifest))
        assert (found[1].code, found[1].status, found[1].ai) == (
            "generator_known_ai",
            status,
            Origin.GENERATED,
        )


def test_a_stated_source_type_outweighs_the_table_of_generators() -> None:
    bing = replace(
        ACTIVE,
        generator="Microsoft Responsible AI Image Provenance",
        source_types=says("digitalCapture"),
    )
    assert len(evidence_from_manifest(report(bing))) == 1


def test_only_an_intact_manifest_names_a_mark_and_only_under_our_algorithm() -> None:
    ours = (SoftBinding(SOFT_BINDING_ALG, soft_binding_value(0xAB)),)
    bound = replace(ACTIVE, soft_bindings=ours)
    assert evidence_from_manifest(report(bound))[0].mark_id == "00000000000000ab"
    assert evidence_from_manifest(report(replace(bound, integrity=Integrity.BROKEN)))[0].mark_id is None
    for alg, value in (("com.adobe.trustmark.P", ours[0].value), (SOFT_BINDING_ALG, "not base64!")):
        other = replace(ACTIVE, soft_bindings=(SoftBinding(alg, value),))
        assert evidence_from_manifest(report(other))[0].mark_id is None


def test_a_mark_named_by_an_earlier_manifest_is_no_conflict_later() -> None:
    earlier = replace(PARENT, soft_bindings=(SoftBinding(SOFT_BINDING_ALG, soft_binding_value(1)),))
    now = replace(ACTIVE, soft_bindings=(SoftBinding(SOFT_BINDING_ALG, soft_binding_value(2)),))
    found = evidence_from_manifest(report(now, earlier))
    assert [e.mark_id for e in found] == [f"{2:016x}", f"{1:016x}"]


@pytest.mark.parametrize(
    ("state", "code", "status"),
    [
        (ReadState.REMOTE, "manifest_remote", Status.NOT_CHECKED),
        (ReadState.UNREADABLE, "manifest_unreadable", Status.BROKEN),
        (ReadState.NOT_CHECKED, "manifest_not_checked", Status.NOT_CHECKED),
    ],
)
def test_what_could_not_be_read_has_its_own_code(state: ReadState, code: str, status: Status) -> None:
    (found,) = evidence_from_manifest(ManifestReport(state=state, reason="r", host="h"))
    assert (found.code, found.status) == (code, status)
