"""Detecting, step by step; the numbers stand again at the code.

 1. What is it, and is it within the limits? From the header, before anything is decoded.
 2. What do its metadata say: a C2PA manifest, else a source type in XMP?
 3. What do its pixels say? A file whose pixels cannot be read is told so, and keeps what 2 found.
 4. What does the registry know of the mark that was found?
 5. The verdict, from a written table.

Nothing of the file is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from waarmerk.adapters import images
from waarmerk.adapters.manifests import ManifestReader
from waarmerk.adapters.registry import Registry
from waarmerk.app.mark_steps import too_many_bytes
from waarmerk.core.errors import InputError, MalformedMedia, MediaTooLarge, UnsupportedMedia
from waarmerk.core.evidence import Basis, Evidence, Status
from waarmerk.core.keys import KeyRing
from waarmerk.core.media import (
    DECODABLE,
    Limits,
    MediaInfo,
    MediaType,
    check_limits,
    name_list,
    read_header,
    sniff,
)
from waarmerk.core.provenance import ManifestReport
from waarmerk.core.records import mark_id_from_text, mark_id_text
from waarmerk.core.xmp import digital_source_type
from waarmerk.detection import metadata, verdict
from waarmerk.detection.images import SCHEME, evidence_of, read
from waarmerk.detection.packets import xmp_packet


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What became of a detection.

    Args:
        verdict: stable code, see docs/verdict.md.
        sentence: the verdict in words.
        evidence: what it rests on.
        media_type: MIME type by the file's bytes.
        n_bytes: of the file.
        width, height: pixels as stored; None where the header does not say.
        time: when, UTC.
    """

    verdict: str
    sentence: str
    evidence: tuple[Evidence, ...] = field(repr=False)
    media_type: str
    n_bytes: int
    width: int | None
    height: int | None
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeker:
    """Everything detecting needs beside the file."""

    key_ring: KeyRing
    reader: ManifestReader
    registry: Registry
    limits: Limits

    def detect_at(self, data: bytes, now: datetime, *, thorough: bool = False) -> Detection:
        """Look for marks and claims.

        Args:
            thorough: look longer where the quick search of the pixels finds nothing. For few files that
                matter: on unmarked ones, which most are, it takes several times as long.

        Raises:
            MediaTooLarge: over a limit.
            UnsupportedMedia: no kind of file known here: an answer would only sound like one.
            RegistryUnavailable: a mark was found and what it stands for cannot be looked up now.
        """
        kind, info = self._header(data)  # 1
        found = [*self._metadata(data, kind), self._pixels(data, kind, thorough)]  # 2, 3
        known = [self._looked_up(item) for item in found]  # 4
        decided = verdict.decide(known)  # 5
        return Detection(
            verdict=str(decided.verdict),
            sentence=decided.sentence,
            evidence=tuple(known),
            media_type=kind.value,
            n_bytes=len(data),
            width=info.width if info else None,
            height=info.height if info else None,
            time=now,
        )

    def _header(self, data: bytes) -> tuple[MediaType, MediaInfo | None]:
        if len(data) > self.limits.max_bytes:
            raise too_many_bytes(len(data), self.limits)
        kind = sniff(data)
        if kind is None:
            raise UnsupportedMedia(
                f"These bytes are no kind of file known here; send a {name_list(DECODABLE)} picture, or a PDF, "
                "video or sound file to have its metadata read."
            )
        try:
            info = read_header(data)
        except (MalformedMedia, UnsupportedMedia):
            return kind, None
        check_limits(info, self.limits)
        return kind, info

    def _metadata(self, data: bytes, kind: MediaType) -> list[Evidence]:
        report = self.reader.read(data, kind.value)
        found = [self._registered(item, report) for item in metadata.evidence_from_manifest(report)]
        if kind.is_image:
            found += metadata.evidence_from_xmp(digital_source_type(xmp_packet(data, kind)))
        return found

    def _registered(self, item: Evidence, report: ManifestReport | None) -> Evidence:
        """Tell a manifest of this deployment by the digest of its signature: it proves that this very file was
        marked here with the id it names. A label can be rewritten, this cannot."""
        digest = None if report is None else report.signature_sha256
        if digest is None or item.mark_id is None or item.code == "parent_soft_binding":
            return item
        record = self.registry.by_signature_sha256(digest)
        ours = record is not None and mark_id_text(record.mark_id) == item.mark_id
        return replace(item, details={**item.details, "registered": ours})

    def _pixels(self, data: bytes, kind: MediaType, thorough: bool) -> Evidence:
        if not kind.is_image:
            return _not_checked("not_an_image", kind.value)
        try:
            luma = images.decode_luma(data, self.limits)
        except MediaTooLarge:
            raise
        except InputError as error:
            return _not_checked("pixels_unreadable", error.code)
        return evidence_of(read(luma, self.key_ring, thorough=thorough))

    def _looked_up(self, item: Evidence) -> Evidence:
        """Add what the registry knows of a mark of ours."""
        if item.scheme != SCHEME or item.status is not Status.FOUND or item.mark_id is None:
            return item
        record = self.registry.by_mark_id(mark_id_from_text(item.mark_id))
        if record is None:
            return replace(item, details={**item.details, "registered": False})
        known = {
            "registered": True,
            "marked_at": record.created_at.isoformat(timespec="seconds"),
            "tenant": record.tenant,
        }
        return replace(
            item, ai=record.origin, system=record.system or None, details={**item.details, **known}
        )


def _not_checked(code: str, reason: str) -> Evidence:
    return Evidence(
        basis=Basis.WATERMARK,
        scheme=SCHEME,
        code=code,
        status=Status.NOT_CHECKED,
        details={"reason": reason},
    )
