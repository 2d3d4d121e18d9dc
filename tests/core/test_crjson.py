"""A stranger's manifest store, however made, becomes a bounded report."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waarmerk.core.crjson import report_from
from waarmerk.core.jumbf import STORE_MAGIC, active_manifest_id, claim_signature, is_store
from waarmerk.core.manifest import Parent, parent_of
from waarmerk.core.provenance import (
    MAX_CODES,
    MAX_DEPTH,
    MAX_MANIFESTS,
    MAX_TEXT,
    Integrity,
    Manifest,
    ManifestReport,
    ReadState,
    SignerTrust,
    TimeTrust,
)
from waarmerk.detection.metadata import evidence_from_manifest
from waarmerk.detection.verdict import decide

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GOOD = ("claimSignature.validated", "assertion.dataHash.match")


def codes(
    success: Sequence[str] = GOOD, failure: Sequence[str] = (), informational: Sequence[str] = ()
) -> dict[str, Any]:
    lists = {"success": success, "informational": informational, "failure": failure}
    return {name: [{"code": code} for code in listed] for name, listed in lists.items()}


def manifest(label: str, results: dict[str, Any] | None = None, **assertions: Any) -> dict[str, Any]:
    return {
        "label": label,
        "assertions": {name.replace("_", ".", 1): value for name, value in assertions.items()},
        "validationResults": codes() if results is None else results,
    }


def ingredient(label: str, relationship: str = "parentOf", **more: Any) -> dict[str, Any]:
    return {"relationship": relationship, "activeManifest": {"url": f"self#jumbf=/c2pa/{label}"}, **more}


def made(action: str, source_type: str) -> dict[str, Any]:
    return {"actions": [{"action": action, "digitalSourceType": IPTC + source_type}]}


def active(results: dict[str, Any]) -> Manifest:
    found = report_from({"manifests": [manifest("a", results)]}, "a", None).active
    assert found is not None
    return found


# ---------------------------------------------------------------- integrity, trust and time, apart


def test_integrity_and_trust_are_told_apart() -> None:
    expired = active(codes(failure=["signingCredential.untrusted", "signingCredential.expired"]))
    assert (expired.integrity, expired.signer_trust) == (Integrity.INTACT, SignerTrust.EXPIRED)
    altered = active(
        codes(success=[*GOOD, "signingCredential.trusted"], failure=["assertion.dataHash.mismatch"])
    )
    assert (altered.integrity, altered.signer_trust) == (Integrity.BROKEN, SignerTrust.TRUSTED)


@pytest.mark.parametrize(
    ("success", "failure", "trust"),
    [
        (["signingCredential.trusted"], [], SignerTrust.TRUSTED),
        ([], ["signingCredential.untrusted"], SignerTrust.UNKNOWN),
        ([], [], SignerTrust.UNKNOWN),
        ([], ["signingCredential.untrusted", "signingCredential.invalid"], SignerTrust.INVALID),
        (["signingCredential.trusted"], ["signingCredential.ocsp.revoked"], SignerTrust.REVOKED),
        (["signingCredential.trusted"], ["claimSignature.outsideValidity"], SignerTrust.EXPIRED),
    ],
)
def test_trust_follows_the_codes(success: list[str], failure: list[str], trust: SignerTrust) -> None:
    found = active(codes(success=[*GOOD, *success], failure=failure))
    assert (found.signer_trust, found.integrity) == (trust, Integrity.INTACT)


def test_trouble_with_the_time_or_a_third_party_does_not_break_the_content() -> None:
    for code in ("timeStamp.malformed", "timeStamp.mismatch", "cawg.x509.signature.mismatch"):
        assert active(codes(failure=[code])).integrity is Integrity.INTACT


def test_without_a_validated_signature_nothing_is_intact() -> None:
    assert active(codes(success=[])).integrity is Integrity.BROKEN
    assert active({}).integrity is Integrity.BROKEN


def test_an_unknown_failure_breaks() -> None:
    assert active(codes(failure=["something.new"])).integrity is Integrity.BROKEN


def test_an_untrusted_time_is_not_a_trusted_one() -> None:
    raw = manifest("a", codes(success=[*GOOD, "timeStamp.validated"], informational=["timeStamp.untrusted"]))
    raw["signature"] = {"timeStampInfo": {"timestamp": "2026-11-30T12:00:00+00:00"}}
    found = report_from({"manifests": [raw]}, "a", None).active
    assert found is not None
    assert found.time_trust is TimeTrust.UNTRUSTED
    assert found.signed_time is not None


@pytest.mark.parametrize("nonsense", ["Invalid date", "2026-11-30", 7, None, {}])
def test_a_time_that_is_none_is_none(nonsense: object) -> None:
    raw = manifest("a")
    raw["signature"] = {"timeStampInfo": {"timestamp": nonsense}}
    found = report_from({"manifests": [raw]}, "a", None).active
    assert found is not None
    assert (found.signed_time, found.time_trust) == (None, TimeTrust.NONE)


def test_what_the_signer_above_recorded_counts_against_an_ingredient_only() -> None:
    forged = codes(success=[*GOOD, "signingCredential.trusted"])
    broken = codes(failure=["assertion.dataHash.mismatch"])
    delta = codes(success=["ingredient.manifest.validated"], failure=["signingCredential.untrusted"])
    for recorded, integrity in ((forged, Integrity.INTACT), (broken, Integrity.BROKEN)):
        above = manifest("a", c2pa_ingredient=ingredient("b", validationResults={"activeManifest": recorded}))
        report = report_from({"manifests": [above, manifest("b", delta)]}, "a", None)
        assert report.manifests[1].integrity is integrity
        assert report.manifests[1].signer_trust is SignerTrust.UNKNOWN
    unvalidated = report_from({"manifests": [above, manifest("b", {})]}, "a", None)
    assert unvalidated.manifests[1].integrity is Integrity.BROKEN


def chain_of_three(
    recorded: dict[str, Any],
    now: dict[str, Any],
    uri: str = "self#jumbf=/c2pa/b/c2pa.assertions/c2pa.ingredient",
) -> Manifest:
    """a opened b, b had opened c; a recorded of c what b's ingredient assertion names."""
    results = {
        "activeManifest": codes(),
        "ingredientDeltas": [{"ingredientAssertionURI": uri, "validationDeltas": recorded}],
    }
    store = {
        "manifests": [
            manifest("a", c2pa_ingredient=ingredient("b", validationResults=results)),
            manifest("b", codes(success=["ingredient.manifest.validated"]), c2pa_ingredient=ingredient("c")),
            manifest("c", now),
        ]
    }
    return report_from(store, "a", None).manifests[2]


def test_a_grandparent_whose_validation_was_recorded_above_is_intact_where_nothing_changed() -> None:
    recorded = codes(success=["ingredient.manifest.validated"])
    unchanged = chain_of_three(recorded, codes(success=["signingCredential.trusted"]))
    assert (unchanged.integrity, unchanged.signer_trust) == (Integrity.INTACT, SignerTrust.TRUSTED)
    altered = chain_of_three(recorded, codes(success=[], failure=["ingredient.manifest.mismatch"]))
    assert altered.integrity is Integrity.BROKEN
    known_broken = chain_of_three(codes(success=[], failure=["assertion.dataHash.mismatch"]), codes())
    assert known_broken.integrity is Integrity.BROKEN
    of_another = chain_of_three(recorded, codes(success=[]), uri="self#jumbf=/c2pa/b/c2pa.assertions/other")
    assert of_another.integrity is Integrity.BROKEN


# ---------------------------------------------------------------- the walk


def test_parents_are_lineage_and_parts_are_not() -> None:
    store = {
        "manifests": [
            manifest("a", c2pa_ingredient=ingredient("b"), c2pa_ingredient__1=ingredient("c", "componentOf")),
            manifest("b", c2pa_ingredient=ingredient("d")),
            manifest("c", c2pa_ingredient=ingredient("e")),
            manifest("d"),
            manifest("e"),
            manifest("stray"),
        ]
    }
    report = report_from(store, "a", None)
    assert [(m.manifest_id, m.depth, m.lineage) for m in report.manifests] == [
        ("a", 0, True),
        ("b", 1, True),
        ("c", 1, False),
        ("d", 2, True),
        ("e", 2, False),
    ]


def test_circles_end() -> None:
    store = {
        "manifests": [
            manifest("a", c2pa_ingredient=ingredient("b")),
            manifest("b", c2pa_ingredient=ingredient("a"), c2pa_ingredient__1=ingredient("b")),
        ]
    }
    assert [m.manifest_id for m in report_from(store, "a", None).manifests] == ["a", "b"]


def test_a_chain_too_deep_and_a_store_too_wide_are_cut_and_said_so() -> None:
    deep = [manifest(f"m{i}", c2pa_ingredient=ingredient(f"m{i + 1}")) for i in range(10 * MAX_DEPTH)]
    report = report_from({"manifests": deep}, "m0", None)
    assert report.truncated
    assert len(report.manifests) == MAX_DEPTH + 1
    parts = {f"c2pa_ingredient__{i}": ingredient(f"p{i}", "componentOf") for i in range(500)}
    wide = [manifest("a", **parts), *(manifest(f"p{i}") for i in range(500))]
    report = report_from({"manifests": wide}, "a", None)
    assert report.truncated
    assert len(report.manifests) == MAX_MANIFESTS


def test_long_texts_and_lists_are_cut_but_no_source_type_hides_behind_them() -> None:
    actions = [{"action": "x" * 10_000, "softwareAgent": "y" * 10_000}] * 5_000
    actions.append({"action": "c2pa.created", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"})
    raw = manifest("a", codes(success=[f"code.{i}" for i in range(5_000)], failure=["bad"]))
    raw["assertions"]["c2pa.actions.v2"] = {"actions": actions}
    report = report_from({"manifests": [raw]}, "a", None)
    found = report.active
    assert found is not None
    assert len(found.actions) < 100
    assert max(map(len, found.actions)) == MAX_TEXT
    assert len(found.codes) == MAX_CODES
    assert found.failures() == ("bad",)
    assert [t.uri for t in found.source_types] == [IPTC + "trainedAlgorithmicMedia"]
    assert len(json.dumps(evidence_from_manifest(report)[0].details)) < 100_000


def test_a_store_without_its_active_manifest_is_unreadable() -> None:
    assert report_from({"manifests": []}, "a", None).state is ReadState.UNREADABLE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "label", "assertions", "c2pa.actions", "c2pa.ingredient", "c2pa.soft-binding", "actions", "action",
                    "digitalSourceType", "softwareAgent", "name", "claim", "claim.v2", "claim_generator_info",
                    "signature", "certificateInfo", "subject", "O", "validity", "notAfter", "timeStampInfo",
                    "timestamp", "validationResults", "failure", "success", "code", "activeManifest", "url", "blocks",
                    "alg", "value", "relationship", "validationStatus",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(JSON, max_size=3), JSON)
def test_any_json_gives_a_report_and_a_verdict(others: list[Any], body: Any) -> None:
    raw = {**body, "label": "a"} if isinstance(body, dict) else {"label": "a"}
    decide(evidence_from_manifest(report_from({"manifests": [raw, *others]}, "a", None)))


# ---------------------------------------------------------------- what it means for a new mark


@pytest.mark.parametrize(
    ("source_type", "parent"),
    [
        ("trainedAlgorithmicMedia", Parent.DECLARES_AI),
        ("compositeWithTrainedAlgorithmicMedia", Parent.DECLARES_AI),
        ("digitalCapture", Parent.OTHER),
        ("algorithmicMedia", Parent.OTHER),
    ],
)
def test_what_a_parent_declares_is_looked_for_in_all_its_lineage(source_type: str, parent: Parent) -> None:
    above = manifest("a", c2pa_ingredient=ingredient("b"))
    below = manifest("b", c2pa_actions=made("c2pa.created", source_type))
    assert parent_of(report_from({"manifests": [above, below]}, "a", None)) is parent


def test_no_manifest_is_no_parent_and_an_unreadable_one_is_another() -> None:
    assert parent_of(None) is Parent.NONE
    assert parent_of(ManifestReport(state=ReadState.UNREADABLE)) is Parent.OTHER
    assert parent_of(ManifestReport(state=ReadState.REMOTE, host="x")) is Parent.OTHER


# ---------------------------------------------------------------- JUMBF


def box(kind: bytes, payload: bytes) -> bytes:
    return (8 + len(payload)).to_bytes(4, "big") + kind + payload


def superbox(label: str, *children: bytes) -> bytes:
    description = STORE_MAGIC[4:] + b"\x03" + label.encode() + b"\0"
    return box(b"jumb", box(b"jumd", description) + b"".join(children))


STORE = superbox(
    "c2pa",
    superbox("urn:c2pa:1", superbox("c2pa.signature", box(b"cbor", b"first"))),
    superbox("urn:c2pa:2", superbox("c2pa.claim.v2"), superbox("c2pa.signature", box(b"cbor", b"second"))),
)


def test_the_signature_of_the_named_manifest_is_cut_out() -> None:
    assert claim_signature(STORE, "urn:c2pa:1") == b"first"
    assert claim_signature(STORE, "urn:c2pa:2") == b"second"
    assert claim_signature(STORE, "urn:c2pa:3") is None
    assert active_manifest_id(STORE) == "urn:c2pa:2"
    assert is_store(STORE)
    assert not is_store(STORE[8:])


@given(st.integers(0, len(STORE)), st.binary(max_size=4), st.integers(0, len(STORE)))
def test_a_damaged_store_gives_a_signature_or_none(at: int, noise: bytes, end: int) -> None:
    damaged = (STORE[:at] + noise + STORE[at + len(noise) :])[:end]
    claim_signature(damaged, "urn:c2pa:2")
    active_manifest_id(damaged)
    is_store(damaged)


def test_a_store_of_tiny_boxes_takes_no_time() -> None:
    started = time.perf_counter()
    claim_signature(superbox("c2pa", box(b"free", b"") * 500_000), "urn:c2pa:1")
    assert time.perf_counter() - started < 0.5
