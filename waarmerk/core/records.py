"""Rows of the registry: what is remembered of a mark, and no more.

No content, no prompt, no person: a mark id is random, and what it points at says how a file came to be, not
who asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .errors import BadParameter
from .evidence import Origin

DEFAULT_TENANT = "default"
MARK_ID_BITS = 64
MARK_ID_DIGITS = MARK_ID_BITS // 4


def mark_id_text(mark_id: int) -> str:
    """How a mark id is shown everywhere: 16 lower-case hex digits.

    Args:
        mark_id: 0 .. 2^64 - 1.
    """
    if not 0 <= mark_id < 1 << MARK_ID_BITS:
        raise BadParameter("a mark id is a number of 64 bits")
    return f"{mark_id:0{MARK_ID_DIGITS}x}"


def mark_id_from_text(text: str) -> int:
    """Inverse of `mark_id_text`; upper case is forgiven.

    Raises:
        BadParameter: not 16 hex digits.
    """
    if len(text) != MARK_ID_DIGITS or not all(c in "0123456789abcdefABCDEF" for c in text):
        raise BadParameter("a mark id is written as 16 hex digits, as in the Waarmerk-Mark-Id header")
    return int(text, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How a mark lies in the picture it was made for: drawn by chance, and said nowhere else.

    Args:
        pattern, offset: as drawn, see docs/format.md.
        height, width: of the picture, pixels as stored.
    """

    pattern: int
    offset: tuple[int, int]
    height: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRecord:
    """One mark.

    Args:
        mark_id: 64-bit random number the pixels carry; unique.
        manifest_id: label (urn) of the manifest; unique here, but anyone can rewrite a label in a copy.
        signature_sha256: SHA-256 of the manifest's claim signature, 32 bytes: decides on integrity.
        manifest: the manifest store as embedded, JUMBF bytes.
        tenant: on whose behalf.
        created_at: when, UTC.
        origin: generated or manipulated, as declared.
        system: the generating system, as declared; empty when it was not.
        place: None where it was not kept.
    """

    mark_id: int
    manifest_id: str
    signature_sha256: bytes = field(repr=False)
    manifest: bytes = field(repr=False)
    tenant: str
    created_at: datetime
    origin: Origin
    system: str
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """On whose behalf marks are made.

    Args:
        name: 1 to 64 characters; derives the tenant's tag key, so it never changes.
        settings: JSON-ready settings of this tenant alone.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
