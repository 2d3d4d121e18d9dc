"""From the validator's crJSON to a `ManifestReport`.

crJSON is C2PA's JSON view of a whole manifest store: per manifest its claim, assertions, certificate,
timestamp and validation codes. It is made from a stranger's file, so nothing is taken for granted: every
value is looked at with its type, every text is cut, and the walk into the ingredients is bounded.

How integrity is told from trust. C2PA's one state, ``Invalid``, mixes "altered" with "signed by a
certificate that has expired since". Here a manifest is broken when a failure code is about anything but the
credential, the time or identity assertions of third parties, or when no code says that its signature was
validated.

For an ingredient the validator lists only where its result differs from what the manifests above recorded, so
both lists count: a failure in either stands, and a trust code in the new list overrides the recorded one. A
manifest records its parent's results in ``activeManifest`` and those further down in ``ingredientDeltas``, so
the one word that a grandparent was validated may stand two manifests up; where it no longer holds, the new
list has the failure.

References:
    C2PA 2.4, "Validation status codes". C2PA crJSON, ``https://c2pa.org/crjson``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, TypeAlias

from waarmerk.core.provenance import (
    MAX_CODES,
    MAX_DEPTH,
    MAX_MANIFESTS,
    MAX_TEXT,
    Integrity,
    Manifest,
    ManifestReport,
    ReadState,
    Relationship,
    Severity,
    Signer,
    SignerTrust,
    SoftBinding,
    SourceType,
    TimeTrust,
    ValidationCode,
)

# Failures that are not about the content or the claim: who signed, when, and what third parties added.
_NOT_INTEGRITY = ("signingCredential.", "timeStamp.", "cawg.", "claimSignature.outsideValidity")
_SIGNATURE_HOLDS = (
    "claimSignature.validated",
    "ingredient.claimSignature.validated",
    "ingredient.manifest.validated",
)
_VALIDATED = ValidationCode("ingredient.manifest.validated", Severity.SUCCESS)
_MAX_ITEMS = 64  # actions, bindings or agents of one manifest that are reported

_LABEL = re.compile(r"self#jumbf=/?c2pa/([^/]+)")

_Deltas: TypeAlias = Mapping[str, tuple[ValidationCode, ...]]
"""URI of an ingredient assertion -> codes recorded for the manifest it names."""


def report_from(store: Mapping[str, Any], active_id: str, signature_sha256: bytes | None) -> ManifestReport:
    """The report of a store that could be read.

    Args:
        store: parsed crJSON.
        active_id: label of the active manifest.
        signature_sha256: of the active claim signature, 32 bytes, None where it could not be cut out.
    """
    by_id = {_text(m.get("label")): m for m in _dicts(store.get("manifests"))}
    found: list[Manifest] = []
    seen = {active_id}
    queue: deque[_Step] = deque([_Step(active_id, Relationship.ACTIVE, 0, True, (), False, {})])
    truncated = False
    while queue:
        step = queue.popleft()
        raw = by_id.get(step.manifest_id)
        if raw is None:
            continue
        if len(found) == MAX_MANIFESTS or step.depth > MAX_DEPTH:
            truncated = True
            break
        found.append(_manifest(raw, step))
        for child in _ingredients(raw, step):
            if child.manifest_id not in seen:  # a store can refer in circles
                seen.add(child.manifest_id)
                queue.append(child)
    if not found:
        return ManifestReport(state=ReadState.UNREADABLE, reason="no_active_manifest")
    return ManifestReport(
        state=ReadState.READ,
        manifests=tuple(found),
        signature_sha256=signature_sha256,
        truncated=truncated,
    )


class _Step:
    """One reference into the store that is still to be followed.

    Args:
        recorded: what the manifests above found of it.
        validated: a manifest two or more steps above found that it holds, so the new list may be silent.
        deltas: what the manifests above found further down.
    """

    __slots__ = ("deltas", "depth", "lineage", "manifest_id", "recorded", "relationship", "validated")

    def __init__(
        self,
        manifest_id: str,
        relationship: Relationship,
        depth: int,
        lineage: bool,
        recorded: tuple[ValidationCode, ...],
        validated: bool,
        deltas: _Deltas,
    ) -> None:
        self.manifest_id = manifest_id
        self.relationship = relationship
        self.depth = depth
        self.lineage = lineage
        self.recorded = recorded
        self.validated = validated
        self.deltas = deltas


def _ingredients(raw: Mapping[str, Any], step: _Step) -> Iterator[_Step]:
    for label, assertion in _assertions(raw):
        if not label.startswith("c2pa.ingredient"):
            continue
        reference = _dict(assertion.get("activeManifest")) or _dict(assertion.get("c2pa_manifest"))
        match = _LABEL.match(_text(reference.get("url")) or "")
        if match is None:
            continue
        relationship = _relationship(assertion.get("relationship"))
        results = _dict(assertion.get("validationResults"))
        recorded = _codes(_dict(results.get("activeManifest")))
        recorded += tuple(  # ingredient.v1 and v2 keep a flat list, of failures
            ValidationCode(code, Severity.FAILURE)
            for entry in _dicts(assertion.get("validationStatus"))
            if (code := _text(entry.get("code"))) and entry.get("success") is not True
        )
        further_up = step.deltas.get(f"self#jumbf=/c2pa/{step.manifest_id}/c2pa.assertions/{label}", ())
        yield _Step(
            match.group(1),
            relationship,
            step.depth + 1,
            step.lineage and relationship is Relationship.PARENT,
            recorded + further_up,
            _VALIDATED in further_up,
            {**step.deltas, **_deltas(results, step.deltas)},
        )


def _deltas(results: Mapping[str, Any], known: _Deltas) -> _Deltas:
    """What an ingredient assertion records of the manifests below its own, beside what is known of them."""
    found: dict[str, tuple[ValidationCode, ...]] = {}
    for entry in islice(_dicts(results.get("ingredientDeltas")), MAX_MANIFESTS):
        uri = _text(entry.get("ingredientAssertionURI"))
        if uri:
            before = found.get(uri, known.get(uri, ()))
            codes = dict.fromkeys(before + _codes(_dict(entry.get("validationDeltas"))))
            # Failures first again: none may fall behind the limit.
            found[uri] = tuple(sorted(codes, key=lambda c: c.severity is not Severity.FAILURE))[:MAX_CODES]
    return found


def _relationship(value: object) -> Relationship:
    try:
        return Relationship(str(value))
    except ValueError:
        return Relationship.COMPONENT  # what it is not: a statement about this very content


def _manifest(raw: Mapping[str, Any], step: _Step) -> Manifest:
    codes = _codes(_dict(raw.get("validationResults")))
    actions = list(_actions(raw))
    signature = _dict(raw.get("signature"))
    signed_time = _time(_dict(signature.get("timeStampInfo")).get("timestamp"))
    return Manifest(
        manifest_id=step.manifest_id[:MAX_TEXT],
        relationship=step.relationship,
        depth=step.depth,
        lineage=step.lineage,
        integrity=_integrity(codes, step),
        signer_trust=_trust(codes, step.recorded),
        signer=_signer(_dict(signature.get("certificateInfo"))),
        signed_time=signed_time,
        time_trust=_time_trust(signed_time, codes + step.recorded),
        generator=_generator(raw),
        actions=tuple(_text(a.get("action")) or "" for a in actions),
        source_types=tuple(
            SourceType(uri, _text(a.get("action")) or "", _agent(a))
            for a in actions
            if (uri := _text(a.get("digitalSourceType")))
        ),
        software_agents=tuple(dict.fromkeys(agent for a in actions if (agent := _agent(a)))),
        soft_bindings=tuple(_soft_bindings(raw)),
        codes=codes or step.recorded,
    )


def _integrity(codes: tuple[ValidationCode, ...], step: _Step) -> Integrity:
    every = codes + step.recorded
    broken = any(c.severity is Severity.FAILURE and not c.code.startswith(_NOT_INTEGRITY) for c in every)
    # What the manifest right above recorded can only count against: the validator repeats what holds.
    holds = step.validated or any(
        c.severity is Severity.SUCCESS and c.code in _SIGNATURE_HOLDS for c in codes
    )
    return Integrity.INTACT if holds and not broken else Integrity.BROKEN


def _trust(codes: tuple[ValidationCode, ...], recorded: tuple[ValidationCode, ...]) -> SignerTrust:
    now, then = {c.code for c in codes}, {c.code for c in recorded}
    if "signingCredential.trusted" in now:
        known = True
    elif "signingCredential.untrusted" in now:
        known = False
    else:
        known = "signingCredential.trusted" in then and "signingCredential.untrusted" not in then
    every = now | then
    if every & {"signingCredential.ocsp.revoked", "signingCredential.revoked"}:
        return SignerTrust.REVOKED
    if now & {"signingCredential.expired", "claimSignature.outsideValidity"}:
        return SignerTrust.EXPIRED
    if "signingCredential.invalid" in now:
        return SignerTrust.INVALID
    if not known and "signingCredential.expired" in then:
        return SignerTrust.EXPIRED
    return SignerTrust.TRUSTED if known else SignerTrust.UNKNOWN


def _time_trust(signed_time: datetime | None, codes: tuple[ValidationCode, ...]) -> TimeTrust:
    if signed_time is None:
        return TimeTrust.NONE
    names = {c.code for c in codes}
    trusted = "timeStamp.trusted" in names and "timeStamp.untrusted" not in names
    return TimeTrust.TRUSTED if trusted else TimeTrust.UNTRUSTED


def _codes(results: Mapping[str, Any]) -> tuple[ValidationCode, ...]:
    """Failures first, so that a long list of successes cannot push one over the limit."""
    codes = [
        ValidationCode(code, severity)
        for severity in (Severity.FAILURE, Severity.INFORMATIONAL, Severity.SUCCESS)
        for entry in _dicts(results.get(severity.value))
        if (code := _text(entry.get("code")))
    ]
    return tuple(dict.fromkeys(codes))[:MAX_CODES]


def _assertions(raw: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for label, assertion in _dict(raw.get("assertions")).items():
        if isinstance(assertion, dict):
            yield str(label), assertion


def _actions(raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    count = 0
    for label, assertion in _assertions(raw):
        if not label.startswith("c2pa.actions"):
            continue
        for action in _dicts(assertion.get("actions")):
            # A source type beyond the limit still counts: it is what the report is for.
            if count < _MAX_ITEMS or action.get("digitalSourceType"):
                yield action
            count += 1


def _soft_bindings(raw: Mapping[str, Any]) -> Iterator[SoftBinding]:
    count = 0
    for label, assertion in _assertions(raw):
        if not label.startswith("c2pa.soft-binding"):
            continue
        for block in _dicts(assertion.get("blocks")):
            alg, value = _text(assertion.get("alg")), _text(block.get("value"))
            if alg and value and count < _MAX_ITEMS:
                count += 1
                yield SoftBinding(alg, _unwrapped(value))


def _unwrapped(value: str) -> str:
    """crJSON prints a CBOR byte string as ``b64'...'``; other makers' bindings are such."""
    match = re.fullmatch(r"b64'(.*)'?", value)
    return match.group(1).rstrip("'") if match else value


def _signer(certificate: Mapping[str, Any]) -> Signer:
    subject, validity = _dict(certificate.get("subject")), _dict(certificate.get("validity"))
    return Signer(
        name=_name(subject),
        issuer=_name(_dict(certificate.get("issuer"))),
        not_before=_time(validity.get("notBefore")),
        not_after=_time(validity.get("notAfter")),
    )


def _name(distinguished: Mapping[str, Any]) -> str | None:
    return _text(distinguished.get("O")) or _text(distinguished.get("CN"))


def _generator(raw: Mapping[str, Any]) -> str | None:
    claim = _dict(raw.get("claim.v2")) or _dict(raw.get("claim"))
    info = claim.get("claim_generator_info")
    named = _text(_dict(info[0] if isinstance(info, list) and info else info).get("name"))
    return named or _text(claim.get("claim_generator"))


def _agent(action: Mapping[str, Any]) -> str | None:
    agent = action.get("softwareAgent")  # a string up to v1, a map in v2
    return _text(agent) or _text(_dict(agent).get("name"))


def _time(value: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time if time is not None and time.tzinfo is not None else None


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> Iterator[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _text(value: object) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) and value else None
