"""The C2PA manifest a mark carries, unsigned.

What it says (C2PA 2.4, conformance programme 0.2):

    no manifest in the input           c2pa.created (+ source type), c2pa.watermarked.*
    one, generated, it declares AI     c2pa.opened, c2pa.watermarked.* (+ source type)
    one, generated, it says no AI      c2pa.opened, c2pa.edited (+ source type), c2pa.watermarked.*
    one, manipulated                   c2pa.opened, c2pa.edited (+ source type), c2pa.watermarked.*

So every manifest states the source type in an action of its own, and a manifest found in the input stays as
the ``parentOf`` ingredient. A generator that signs first and is marked after did not edit anything: there
the source type stands on the watermark action, and no edit is made up.
`compositeWithTrainedAlgorithmicMedia` on ``c2pa.created`` is the right form for manipulated content whose
source file is not at hand.

Every assertion is ``created``: the SDK would file it under gathered assertions, where the C2PA rubric does
not count it. Names of people, prompts and content have no place here.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from waarmerk.core.errors import BadParameter
from waarmerk.core.evidence import Origin
from waarmerk.core.provenance import ManifestReport
from waarmerk.core.sourcetypes import SOURCE_TYPE_OF, origin_of

# Chosen once: docs/adr/0002-soft-binding-alg.md. The last part is the format version of the image mark.
SOFT_BINDING_ALG = "eu.waarmerk.image.1"

SPEC_VERSION = "2.4.0"
GENERATOR_NAME = "Waarmerk"
PARENT_LABEL = "parent"  # what the opened action calls its ingredient until it is signed
MAX_NAME = 256  # characters of a name a caller may put into a manifest
MARK_ID_BYTES = 8

_PROVIDER_PARAMETER = (
    "eu.waarmerk.provider"  # parameters that are not the standard's need a dot in their name
)


class Parent(StrEnum):
    """Whether the input came with a manifest of its own, and what that says."""

    NONE = "none"
    DECLARES_AI = "declares_ai"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one manifest is to say.

    Args:
        media_type: MIME type of the marked file.
        origin: generated or manipulated.
        system: name of the generative system.
        system_version: its version.
        model: name of the model behind it.
        provider: name of the company that offers it.
        when: when the content was made or marked, aware; written in UTC to the second.
        mark_id: 64-bit id of the mark in the pixels.
        bound: the soft-binding algorithm is registered, so the action may say ``bound``.
        parent: see `Parent`.
        generator_version: version of Waarmerk.
    """

    media_type: str
    origin: Origin
    system: str
    system_version: str | None = None
    model: str | None = None
    provider: str | None = None
    when: datetime
    mark_id: int
    bound: bool = False
    parent: Parent = Parent.NONE
    generator_version: str


def manifest_definition(claim: Claim) -> dict[str, Any]:
    """The manifest definition of a claim, in the SDK's JSON form.

    Raises:
        BadParameter: a name is empty, too long or holds control characters (code ``bad_<parameter>``).
        ValueError: `when` is naive or `mark_id` is not 64 bits (a programming error).
    """
    assertions = [_assertion("c2pa.actions.v2", {"allActionsIncluded": True, "actions": _actions(claim)})]
    if claim.model is not None:
        # C2PA 2.4 "AI disclosure": modelType is an asset type, c2pa.types.model the general one.
        disclosure = {"modelType": "c2pa.types.model", "modelName": _name("model", claim.model)}
        assertions.append(_assertion("c2pa.ai-disclosure", disclosure))
    assertions.append(_assertion("c2pa.soft-binding", _soft_binding(claim.mark_id)))
    generator = {"name": GENERATOR_NAME, "version": claim.generator_version, "specVersion": SPEC_VERSION}
    return {"claim_generator_info": [generator], "format": claim.media_type, "assertions": assertions}


def parent_of(report: ManifestReport | None) -> Parent:
    """What to say of the manifest an input came with (None: it came with none)."""
    if report is None:
        return Parent.NONE
    types = [t.uri for manifest in report.lineage() for t in manifest.source_types]
    return Parent.DECLARES_AI if any(map(origin_of, types)) else Parent.OTHER


def soft_binding_value(mark_id: int) -> str:
    """A mark id as the soft binding carries it: base64 text of its 8 bytes, most significant first.

    The SDK's JSON interface stores ``value`` as CBOR text, not as the ``bstr`` of the standard's CDDL;
    base64 text is also what C2PA's Soft Binding Resolution API takes.
    """
    return base64.b64encode(mark_id.to_bytes(MARK_ID_BYTES, "big")).decode("ascii")


def mark_id_of(value: str) -> int | None:
    """Inverse of `soft_binding_value`; None where the text is no such value."""
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return int.from_bytes(raw, "big") if len(raw) == MARK_ID_BYTES else None


def _assertion(label: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "created": True, "data": data}


def _actions(claim: Claim) -> list[dict[str, Any]]:
    """Inception first (C2PA 2.4, "Actions"): a file whose history is known is opened, any other created."""
    when = _timestamp(claim.when)
    made = {"when": when, "digitalSourceType": SOURCE_TYPE_OF[claim.origin], "softwareAgent": _agent(claim)}
    if claim.provider is not None:
        made["parameters"] = {_PROVIDER_PARAMETER: _name("provider", claim.provider)}
    marked = {"action": "c2pa.watermarked.bound" if claim.bound else "c2pa.watermarked.unbound", "when": when}
    if claim.parent is Parent.NONE:
        return [{"action": "c2pa.created", **made}, marked]
    opened = {"action": "c2pa.opened", "when": when, "parameters": {"ingredientIds": [PARENT_LABEL]}}
    if claim.origin is Origin.GENERATED and claim.parent is Parent.DECLARES_AI:
        return [opened, {**made, **marked}]
    return [opened, {"action": "c2pa.edited", **made}, marked]


def _agent(claim: Claim) -> dict[str, str]:
    agent = {"name": _name("system", claim.system)}
    if claim.system_version is not None:
        agent["version"] = _name("system_version", claim.system_version)
    return agent


def _soft_binding(mark_id: int) -> dict[str, Any]:
    return {
        "alg": SOFT_BINDING_ALG,
        "name": "Waarmerk mark id in the pixels",
        "blocks": [{"scope": {}, "value": soft_binding_value(mark_id)}],
        "pad": [],
    }


def _timestamp(when: datetime) -> str:
    if when.tzinfo is None:
        raise ValueError("when must be aware")
    return when.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _name(parameter: str, text: str) -> str:
    """A caller's name, checked: it is signed as it is and shown to strangers later."""
    cleaned = text.strip()
    if not cleaned.strip(_JOINERS) or len(cleaned) > MAX_NAME or not all(map(_may_be_signed, cleaned)):
        raise BadParameter(
            f"The name given as {parameter} must be 1 to {MAX_NAME} characters of plain text in UTF-8, without "
            f"control characters or invisible ones; it has {len(cleaned)} characters.",
            code=f"bad_{parameter}",
        )
    return cleaned


# Control and format characters, lone surrogates, line and paragraph separators. Format characters turn the
# reading direction of what follows, or hide; two of them join letters, in Persian and in emoji.
_REFUSED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
_REPLACEMENT = "\ufffd"  # stands where bytes were no UTF-8: the caller meant something else


def _may_be_signed(character: str) -> bool:
    code = ord(character)
    noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    refused = unicodedata.category(character) in _REFUSED and character not in _JOINERS
    return not (noncharacter or refused or character == _REPLACEMENT)
