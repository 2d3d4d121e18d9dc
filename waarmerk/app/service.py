"""The steps of marking and detecting behind one object. Every door (HTTP, command, library) calls it.

    service = Service.open(Settings())
    marked = service.mark(picture_bytes, MarkRequest(origin=Origin.GENERATED))
    detection = service.detect(marked.data)

Clock and chance are read here and handed down: `mark` draws a time, an id, a pattern and an offset and calls
`mark_at`, which does the same every time it is given the same ones (the signature's own chance apart).
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from waarmerk.adapters.manifests import ManifestReader, ManifestSigner
from waarmerk.adapters.registry import Registry
from waarmerk.app import deployment
from waarmerk.app.detect_steps import Detection, Seeker
from waarmerk.app.mark_steps import Defaults, Draw, Marked, Marker, MarkRequest
from waarmerk.app.settings import Settings
from waarmerk.app.specimen import specimen
from waarmerk.core.errors import SelfCheckFailed, Unavailable
from waarmerk.core.evidence import Origin, Status
from waarmerk.core.layout import PATTERNS, SUPER_TILE
from waarmerk.core.media import Limits
from waarmerk.core.records import MARK_ID_BITS
from waarmerk.detection.images import SCHEME

__all__ = ["Detection", "MarkRequest", "Marked", "Service"]

_TRIES = 3  # a taken id comes up once in 2^64 / marks draws; three in a row mean that chance is broken


class Service:
    """Marks and detects; safe to share between threads. `close` it, or use it as a context manager."""

    def __init__(self, marker: Marker, seeker: Seeker, registry: Registry) -> None:
        self._marker = marker
        self._seeker = seeker
        self._registry = registry
        self.for_development: tuple[str, ...] = ()
        """``keys``, ``certificates``, both or nothing: what proves nothing to anyone else. Say so at every start."""

    @classmethod
    def open(cls, settings: Settings) -> Service:
        """Set up everything the settings name; in development, make what is missing.

        Raises:
            ConfigurationError: the deployment cannot do this; the sentence says what to set.
            RegistryUnavailable: the database does not answer.
        """
        now = datetime.now(UTC)
        stored = deployment.load_keys(settings)
        signing = deployment.load_signing(settings, now)
        reader = ManifestReader(trust_anchors_pem=deployment.trust_anchors(settings, signing))
        signer = ManifestSigner(
            chain_pem=signing.chain_pem,
            key_pem=signing.key_pem,
            ta_url=settings.timestamp_url,
            timestamp_timeout_s=settings.timestamp_timeout_s,
        )
        registry = deployment.open_registry(settings)
        try:
            keys = deployment.key_ring(settings, stored, registry)
        except BaseException:
            registry.close()
            raise
        limits = Limits(max_bytes=settings.max_bytes, max_pixels=settings.max_pixels)
        marker = Marker(
            key_ring=keys,
            signer=signer,
            reader=reader,
            limits=limits,
            tenant=settings.tenant,
            defaults=_defaults(settings),
            bound=settings.soft_binding_registered,
        )
        seeker = Seeker(key_ring=keys, reader=reader, registry=registry, limits=limits)
        service = cls(marker, seeker, registry)
        service.for_development = deployment.made_for_development(stored, signing)
        return service

    @property
    def max_bytes(self) -> int:
        """Bytes of a file that are taken at most."""
        return self._marker.limits.max_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the registry."""
        self._registry.close()

    def mark(self, data: bytes, request: MarkRequest) -> Marked:
        """Mark a file and record the mark; it is committed when this returns. A mark that was kept has a row.

        Raises:
            WaarmerkError: see `mark_at`; also `RegistryUnavailable`. Nothing is returned then.
        """
        for _ in range(_TRIES):
            marked = self.mark_at(data, request, draw())
            if self._registry.add(marked.record) or marked.kept:
                return marked
        raise Unavailable("No free mark id was found; this should never happen, report it.")

    def mark_at(self, data: bytes, request: MarkRequest, drawn: Draw) -> Marked:
        """Mark a file with a given id at a given time, and record nothing; see `Marker.mark_at`."""
        return self._marker.mark_at(data, request, drawn)

    def detect(self, data: bytes, *, thorough: bool = False) -> Detection:
        """Look for marks and claims; see `Seeker.detect_at`. Nothing of the file is kept."""
        return self._seeker.detect_at(data, datetime.now(UTC), thorough=thorough)

    def self_test(self) -> Detection:
        """Mark a small picture and detect it, tell it from its unmarked twin, and ask the registry.

        Returns:
            What was found in the marked picture.

        Raises:
            SelfCheckFailed: marked and unmarked were not told apart.
            WaarmerkError: whatever else stands in the way of marking.
        """
        self._registry.ping()
        drawn = draw()
        marked = self.mark_at(specimen(), MarkRequest(origin=Origin.GENERATED), drawn)
        found = self.detect(marked.data)
        if marked.mark_id not in _mark_ids(found):
            raise SelfCheckFailed("A picture that was just marked is not detected")
        if _mark_ids(self.detect(specimen())):
            raise SelfCheckFailed("A picture that was never marked is detected")
        return found


def _defaults(settings: Settings) -> Defaults:
    return Defaults(
        system=settings.system or None,
        system_version=settings.system_version or None,
        model=settings.model or None,
        provider=settings.provider or None,
    )


def draw() -> Draw:
    """The time, and chance from the system's generator."""
    return Draw(
        now=datetime.now(UTC),
        mark_id=secrets.randbits(MARK_ID_BITS),
        pattern=secrets.randbelow(PATTERNS),
        offset=(secrets.randbelow(SUPER_TILE), secrets.randbelow(SUPER_TILE)),
    )


def _mark_ids(detection: Detection) -> set[str]:
    """Ids of our marks that were found."""
    return {
        item.mark_id
        for item in detection.evidence
        if item.scheme == SCHEME and item.status is Status.FOUND and item.mark_id is not None
    }
