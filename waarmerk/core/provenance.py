"""What a reader of C2PA manifests found, in neutral words.

Four things are reported apart, because files exist for every combination of them:

    integrity     has anything changed since it was signed
    signer trust  does a configured trust list know who signed
    time          is there a signed time, and is its authority trusted
    origin        what the claims say of the content (`source_types`, `generator`)

Everything in here that is text came out of the file: it is data of a stranger, cut to `MAX_TEXT` characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_TEXT = 256  # characters of any one text taken out of a file
MAX_DEPTH = 32  # steps from the active manifest into its ingredients; real chains measured: at most 3
MAX_MANIFESTS = 64  # manifests of one file that are reported
MAX_CODES = 200  # validation codes reported per manifest


class ReadState(StrEnum):
    """What became of reading a file's manifest store."""

    READ = "read"
    UNREADABLE = "unreadable"  # C2PA data is there, and does not make a manifest
    REMOTE = "remote"  # the file names a manifest elsewhere, which is not fetched
    NOT_CHECKED = "not_checked"  # the file itself could not be taken apart, so nobody can tell


class Integrity(StrEnum):
    INTACT = "intact"  # signature, assertions and content all match
    BROKEN = "broken"  # something of it was altered after signing, or is missing


class SignerTrust(StrEnum):
    TRUSTED = "trusted"  # the certificate chains to a configured trust list
    UNKNOWN = "unknown"  # no configured list knows the signer
    EXPIRED = "expired"  # the certificate's time is over and no trusted time says it was signed before
    REVOKED = "revoked"  # its issuer has withdrawn the certificate
    INVALID = "invalid"  # the certificate is none that may sign manifests


class TimeTrust(StrEnum):
    NONE = "none"
    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"  # a time is there, its authority is on no configured list


class Severity(StrEnum):
    SUCCESS = "success"
    INFORMATIONAL = "informational"
    FAILURE = "failure"


class Relationship(StrEnum):
    ACTIVE = "active"
    PARENT = "parentOf"
    COMPONENT = "componentOf"
    INPUT = "inputTo"


@dataclass(frozen=True, slots=True)
class ValidationCode:
    """One C2PA status code as the validator gave it (C2PA 2.4, "Validation status codes")."""

    code: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class SourceType:
    """A digital source type and the action that states it."""

    uri: str
    action: str
    system: str | None  # the action's software agent


@dataclass(frozen=True, slots=True)
class SoftBinding:
    """A ``c2pa.soft-binding`` block.

    Args:
        alg: whose mark or fingerprint.
        value: as written: base64 text for a value that is ours.
    """

    alg: str
    value: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed, as the certificate says. None where it says nothing."""

    name: str | None  # organisation, else common name
    issuer: str | None
    not_before: datetime | None
    not_after: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One manifest of the store.

    Args:
        manifest_id: its label, a URN.
        relationship: how the manifest above it refers to it; `ACTIVE` for the one that binds the content.
        depth: steps from the active manifest.
        lineage: every step from the active manifest to here is ``parentOf``: it tells of the content itself,
            not of a part or an input.
        integrity: of this manifest; for ingredients what their finder recorded counts too.
        signed_time: from the timestamp authority's token, None without one.
        actions: names of the actions, in order.
    """

    manifest_id: str
    relationship: Relationship
    depth: int
    lineage: bool
    integrity: Integrity
    signer_trust: SignerTrust
    signer: Signer
    signed_time: datetime | None
    time_trust: TimeTrust
    generator: str | None
    actions: tuple[str, ...]
    source_types: tuple[SourceType, ...]
    software_agents: tuple[str, ...]
    soft_bindings: tuple[SoftBinding, ...]
    codes: tuple[ValidationCode, ...]

    def failures(self) -> tuple[str, ...]:
        """Codes of what failed, in the validator's order, each once."""
        return tuple(dict.fromkeys(c.code for c in self.codes if c.severity is Severity.FAILURE))


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestReport:
    """What is known of a file's manifest store.

    Args:
        state: see `ReadState`; everything below but `reason` and `host` is empty unless it is `READ`.
        reason: stable code of what stood in the way.
        host: where a remote manifest would be found; the host only, a full URL can carry personal data.
        manifests: the active one first, then its ingredients by depth.
        signature_sha256: SHA-256 of the active manifest's claim signature (COSE_Sign1 bytes), None where it
            could not be cut out. A label can be rewritten, this cannot.
        truncated: the store holds more than the limits above let through.
    """

    state: ReadState
    reason: str | None = None
    host: str | None = None
    manifests: tuple[Manifest, ...] = ()
    signature_sha256: bytes | None = None
    truncated: bool = False

    @property
    def active(self) -> Manifest | None:
        return self.manifests[0] if self.manifests else None

    def lineage(self) -> Iterator[Manifest]:
        """The active manifest and its parents: what is said of this very content."""
        return (m for m in self.manifests if m.lineage)
