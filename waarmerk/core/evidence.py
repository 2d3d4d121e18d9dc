"""What a detector found, in one vocabulary for every technique.

An ``Evidence`` is one finding of one mechanism; ``waarmerk.detection.verdict`` weighs them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Basis(StrEnum):
    """The technique a finding rests on (Code of Practice, measure 2.3)."""

    METADATA = "metadata"
    WATERMARK = "watermark"
    FINGERPRINT = "fingerprint"
    OTHER = "other"


class Status(StrEnum):
    """What became of one mechanism."""

    FOUND = "found"  # the mark or claim is there and its own check holds
    UNVERIFIED = "unverified"  # something is there, its author or integrity is not vouched for
    INCONCLUSIVE = "inconclusive"  # traces that chance could have made; nothing is concluded from them
    BROKEN = "broken"  # it was there and has been altered
    NOT_FOUND = "not_found"  # looked for, nothing there
    NOT_CHECKED = "not_checked"  # could not be looked for; the code says why


class Origin(StrEnum):
    """How the content came to be, as its maker declares it."""

    GENERATED = "generated"
    MANIPULATED = "manipulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One finding.

    Args:
        basis: technique.
        scheme: whose mechanism, e.g. ``waarmerk.image``, ``c2pa``, ``iptc``.
        code: stable machine name of the finding, e.g. ``mark_verified``, ``manifest_trusted``.
        status: see `Status`.
        ai: what the finding says of the content: an `Origin` where it declares AI, None where it is silent.
        capture: the finding declares a camera capture.
        mark_id: 16 hex digits of the mark the finding names, None where it names none.
        system: name of the generating system, as declared.
        signer: who vouches, as the certificate names it.
        details: JSON-ready extras (validation codes, signed time, geometry...). Attacker's text stays data.
        private: JSON-ready extras for the command and the library only (exact p-values, geometry): a public
            score is a ladder for attackers.
    """

    basis: Basis
    scheme: str
    code: str
    status: Status
    ai: Origin | None = None
    capture: bool = False
    mark_id: str | None = None
    system: str | None = None
    signer: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    private: dict[str, Any] = field(default_factory=dict)
