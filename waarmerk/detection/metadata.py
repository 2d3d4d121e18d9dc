"""Findings in metadata: C2PA manifests and IPTC's digital source type.

A manifest gives one finding for itself (integrity and signer) that also carries what its own actions
declare. What is known only by way of an ingredient, or only by the name of the generator, is a finding of
its own with its own code: it hangs on a second signature, or on a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from waarmerk.core.evidence import Basis, Evidence, Origin, Status
from waarmerk.core.manifest import SOFT_BINDING_ALG, mark_id_of
from waarmerk.core.provenance import (
    Integrity,
    Manifest,
    ManifestReport,
    ReadState,
    Relationship,
    Severity,
    SignerTrust,
)
from waarmerk.core.sourcetypes import is_capture, origin_of

C2PA, IPTC = "c2pa", "iptc"


@dataclass(frozen=True, slots=True)
class KnownGenerator:
    """A generator that makes nothing but AI content and whose files state no source type.

    Args:
        name: as its claims give it, compared without case, anywhere in the name.
        signer: organisation in its certificate; with another signer the name proves nothing.
        seen: where the entry comes from.
    """

    name: str
    signer: str
    seen: str


# Only what files were seen to need: a generator that states the source type itself belongs nowhere here.
KNOWN_GENERATORS = (
    KnownGenerator(
        "Microsoft Responsible AI Image Provenance", "Microsoft Corporation", "Bing Image Creator, 2024"
    ),
    KnownGenerator("Image Creator from Designer", "Microsoft Corporation", "Bing Image Creator, 2024"),
)

_CODE_OF_TRUST = {
    SignerTrust.TRUSTED: "manifest_trusted",
    SignerTrust.UNKNOWN: "manifest_unknown_signer",
    SignerTrust.EXPIRED: "manifest_expired_signer",
    SignerTrust.REVOKED: "manifest_revoked_signer",
    SignerTrust.INVALID: "manifest_invalid_signer",
}


def evidence_from_manifest(report: ManifestReport | None) -> list[Evidence]:
    """The findings in a file's manifest store.

    Args:
        report: from the reader; None where the file has no manifest.

    Returns:
        At least one finding. `Evidence.details` is made of JSON types.
    """
    if report is None:
        return [_finding("no_manifest", Status.NOT_FOUND)]
    if report.state is ReadState.REMOTE:
        details = {"host": report.host, "fetched": False}
        return [_finding("manifest_remote", Status.NOT_CHECKED, details=details)]
    if report.state is ReadState.NOT_CHECKED:
        return [_finding("manifest_not_checked", Status.NOT_CHECKED, details={"reason": report.reason})]
    active = report.active
    if active is None:
        return [_finding("manifest_unreadable", Status.BROKEN, details={"reason": report.reason})]
    findings = [_active_finding(report, active)]
    findings += _parent_bindings(report)
    if findings[0].ai is None:
        findings += _ingredient_finding(report, active) or _generator_finding(report, active)
    return findings


def evidence_from_xmp(source_type: str | None) -> list[Evidence]:
    """The finding in unsigned metadata.

    Args:
        source_type: the file's IPTC digital source type as `core.xmp.digital_source_type` read it.
    """
    if source_type is None:
        return [Evidence(basis=Basis.METADATA, scheme=IPTC, code="no_source_type", status=Status.NOT_FOUND)]
    return [
        Evidence(
            basis=Basis.METADATA,
            scheme=IPTC,
            code="unsigned_metadata",
            status=Status.UNVERIFIED,
            ai=origin_of(source_type),
            capture=is_capture(source_type),
            details={"source_type": source_type},
        )
    ]


def _finding(code: str, status: Status, **fields: Any) -> Evidence:
    return Evidence(basis=Basis.METADATA, scheme=C2PA, code=code, status=status, **fields)


def _active_finding(report: ManifestReport, active: Manifest) -> Evidence:
    broken = active.integrity is Integrity.BROKEN
    return _finding(
        "manifest_broken" if broken else _CODE_OF_TRUST[active.signer_trust],
        _status(active),
        ai=_origin(report, active),
        capture=_declares_capture(report),
        mark_id=None if broken else _mark_id(active),
        system=_system(active),
        signer=active.signer.name,
        details=_details(report, active),
    )


def _status(*manifests: Manifest) -> Status:
    """How far a claim holds that rests on all of these manifests."""
    if manifests[0].integrity is Integrity.BROKEN:
        return Status.BROKEN
    if all(m.integrity is Integrity.INTACT and m.signer_trust is SignerTrust.TRUSTED for m in manifests):
        return Status.FOUND
    return Status.UNVERIFIED


def _origin(report: ManifestReport, manifest: Manifest) -> Origin | None:
    """What a manifest's own actions declare. AI work on something a camera took is manipulation, whatever the
    action says of its own result."""
    origins = {origin_of(t.uri) for t in manifest.source_types} - {None}
    if not origins:
        return None
    captured = any(is_capture(t.uri) for m in report.lineage() for t in m.source_types)
    return Origin.GENERATED if Origin.GENERATED in origins and not captured else Origin.MANIPULATED


def _declares_capture(report: ManifestReport) -> bool:
    """A camera made it, says the active manifest or a parent as trustworthy as it, and none says AI."""
    if any(origin_of(t.uri) for m in report.manifests for t in m.source_types):
        return False
    return any(
        is_capture(t.uri)
        for m in report.lineage()
        if m.depth == 0 or (m.integrity is Integrity.INTACT and m.signer_trust is SignerTrust.TRUSTED)
        for t in m.source_types
    )


def _parent_bindings(report: ManifestReport) -> list[Evidence]:
    """Marks that earlier manifests of this content name: a file may rightly carry a mark from before."""
    return [
        _finding("parent_soft_binding", _status(m), mark_id=mark_id, details={"manifest_id": m.manifest_id})
        for m in report.lineage()
        if m.depth > 0 and m.integrity is Integrity.INTACT and (mark_id := _mark_id(m)) is not None
    ]


def _ingredient_finding(report: ManifestReport, active: Manifest) -> list[Evidence]:
    """AI origin known by way of an ingredient: the best vouched for, then the nearest."""
    claims = [(m, origin) for m in report.manifests[1:] if (origin := _origin(report, m)) is not None]
    if not claims:
        return []
    rank = {Status.FOUND: 0, Status.UNVERIFIED: 1, Status.BROKEN: 2}
    claims.sort(key=lambda claim: (rank[_status(active, claim[0])], not claim[0].lineage, claim[0].depth))
    source, origin = claims[0]
    return [
        _finding(
            "ingredient_declares_ai",
            _status(active, source),
            # A part or an input that is AI makes the whole manipulated, not generated.
            ai=origin if source.lineage else Origin.MANIPULATED,
            system=_system(source),
            signer=source.signer.name,
            details=_summary(source),
        )
    ]


def _generator_finding(report: ManifestReport, active: Manifest) -> list[Evidence]:
    """AI origin known only by who made and signed it, where the content's history states no source type."""
    if any(m.source_types for m in report.lineage()):
        return []
    for manifest in report.lineage():
        names = [n.casefold() for n in (manifest.generator, *manifest.software_agents) if n]
        known = [g for g in KNOWN_GENERATORS if any(g.name.casefold() in name for name in names)]
        if known:
            own = any(g.signer == manifest.signer.name for g in known)
            status = _status(active, manifest)
            return [
                _finding(
                    "generator_known_ai",
                    Status.UNVERIFIED if status is Status.FOUND and not own else status,
                    ai=Origin.GENERATED,
                    system=_system(manifest),
                    signer=manifest.signer.name,
                    details={"manifest_id": manifest.manifest_id, "generator": known[0].name},
                )
            ]
    return []


def _mark_id(manifest: Manifest) -> str | None:
    ids = [mark_id_of(b.value) for b in manifest.soft_bindings if b.alg == SOFT_BINDING_ALG]
    return next((f"{mark_id:016x}" for mark_id in ids if mark_id is not None), None)


def _system(manifest: Manifest) -> str | None:
    """Who made the content, as declared: the agent of the AI action, else the first agent, else the tool."""
    agents = [t.system for t in manifest.source_types if t.system and origin_of(t.uri)]
    return next(iter([*agents, *manifest.software_agents]), None) or manifest.generator


def _details(report: ManifestReport, active: Manifest) -> dict[str, Any]:
    return {
        **_summary(active),
        "issuer": active.signer.issuer,
        "signer_valid_until": _iso(active.signer.not_after),
        "actions": list(active.actions),
        "soft_bindings": [{"alg": b.alg, "value": b.value} for b in active.soft_bindings],
        "validation_codes": {
            severity.value: sorted({c.code for c in active.codes if c.severity is severity})
            for severity in Severity
        },
        "ingredients": [_summary(m) for m in report.manifests[1:]],
        "truncated": report.truncated,
    }


def _summary(manifest: Manifest) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "manifest_id": manifest.manifest_id,
        "integrity": manifest.integrity.value,
        "failures": list(manifest.failures()),
        "signer_trust": manifest.signer_trust.value,
        "signer": manifest.signer.name,
        "signed_time": _iso(manifest.signed_time),
        "time_trust": manifest.time_trust.value,
        "generator": manifest.generator,
        "source_types": [{"uri": t.uri, "action": t.action} for t in manifest.source_types],
    }
    if manifest.relationship is not Relationship.ACTIVE:
        summary |= {"relationship": manifest.relationship.value, "depth": manifest.depth}
    return summary


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
