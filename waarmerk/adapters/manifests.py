"""Signing and reading C2PA manifests: the only door to the C2PA SDK.

Rules of this door, each from something measured with the SDK (c2pa-python 0.38.1, c2pa-rs 0.91.3):

1.  No network. By default reading a file fetches the address its XMP names, and OCSP. Every Context here
    switches both off; a Reader or Builder without a Context is never made. The one call that is left goes to
    the timestamp authority the operator configured (``core.allowed_network_hosts`` does not govern it, in
    either direction).
2.  Thumbnails off: 50 times the processor time and 57 times the bytes.
3.  The extended key usages are listed on both sides, or good certificates are refused when signing and called
    invalid when reading.
4.  ``Valid`` is not trust, and ``Invalid`` is not tampered: states are taken apart in `core.crjson`.
5.  Native handles do not survive fork(). They are made anew in any process that did not make them.
6.  A manifest in the input is kept as the parent ingredient. Where the SDK cannot carry it (it does not
    parse, is elsewhere, or makes the store invalid) a bare ingredient records that there was one, and a
    warning says so.
7.  The SDK waits up to 30 seconds for a timestamp authority and cannot be told otherwise, so signing with
    one runs in a thread of its own and is given up after `timestamp_timeout_s`. The thread ends by itself
    within those 30.
8.  The SDK reads a file in small steps, one for each of its parts, and has no limit to them: a 4 MB MP4 of
    empty boxes takes it minutes (the time grows with their square), a 24 MB PNG of empty chunks 46 s. So
    every file it reads is a `Metered` stream that stops after a number of steps. How it ends then differs
    by format, from an error to "no manifest": the stream is asked, not the outcome.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import c2pa
from c2pa import C2paError

from waarmerk.adapters.bounds import TOO_MANY_PARTS, Metered, PerProcess, too_many_parts, within
from waarmerk.adapters.certificates import check_pair, check_trust_list, signing_algorithm
from waarmerk.core.crjson import report_from
from waarmerk.core.errors import (
    ConfigurationError,
    MalformedMedia,
    SelfCheckFailed,
    SigningUnavailable,
    UnsupportedMedia,
    WaarmerkError,
)
from waarmerk.core.jumbf import STORE_MAGIC, active_manifest_id, claim_signature, is_store
from waarmerk.core.manifest import PARENT_LABEL, SOFT_BINDING_ALG, mark_id_of
from waarmerk.core.mediatypes import MediaWarning
from waarmerk.core.provenance import Integrity, ManifestReport, ReadState

# What a signing certificate may be for: e-mail protection, document signing, timestamping, OCSP signing,
# C2PA claim signing, Microsoft's C2PA signing. The list of the SDK's own trust configuration.
EXTENDED_KEY_USAGES = (
    "1.3.6.1.5.5.7.3.4",
    "1.3.6.1.5.5.7.3.36",
    "1.3.6.1.5.5.7.3.8",
    "1.3.6.1.5.5.7.3.9",
    "1.3.6.1.4.1.62558.2.1",
    "1.3.6.1.4.1.311.76.59.1.9",
)

MAX_STORE = 4 * 1024 * 1024  # bytes of a manifest store we write; a parent that takes it over is not carried
MAX_JSON = 16 * 1024 * 1024  # characters of a store's JSON we look at; the largest in real files: 170,000
DEFAULT_TIMESTAMP_TIMEOUT_S = 10.0

_SVG, _SIDECAR = "image/svg+xml", "application/c2pa"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed file.

    Args:
        data: the whole file; nothing may change it any more.
        manifest: the manifest store in it.
        manifest_id: label of its active manifest, a URN.
        signature_sha256: SHA-256 of the claim signature (COSE_Sign1 bytes), 32 bytes.
        timestamp: the authority's time (ISO 8601, UTC), or ``none``.
        warnings: what could not be kept of a manifest in the input.
    """

    data: bytes
    manifest: bytes
    manifest_id: str
    signature_sha256: bytes
    timestamp: str
    warnings: tuple[MediaWarning, ...] = ()


class ManifestSigner:
    """Signs manifests with one certificate chain. Safe to share between threads and across fork().

    Args:
        chain_pem: certificate chain, leaf first.
        key_pem: the leaf's private key, unencrypted PEM. Kept in memory for rule 5; never shown.
        ta_url: RFC 3161 timestamp authority; None signs without a trusted time.
        timestamp_timeout_s: how long to wait for it, seconds.
        soft_binding_algorithms: further algorithms the SDK is to know beside ours.

    Raises:
        ConfigurationError: the chain, the key or the address is none (codes ``bad_certificate``,
            ``bad_signing_key``, ``key_mismatch``, ``bad_timestamp_url``).
    """

    def __init__(
        self,
        *,
        chain_pem: str,
        key_pem: str,
        ta_url: str | None = None,
        timestamp_timeout_s: float = DEFAULT_TIMESTAMP_TIMEOUT_S,
        soft_binding_algorithms: Sequence[str] = (),
    ) -> None:
        if ta_url is not None and urlsplit(ta_url).scheme not in ("http", "https"):
            raise ConfigurationError(
                "The timestamp authority's address must begin with http:// or https://.",
                code="bad_timestamp_url",
            )
        self._chain_pem, self._key_pem, self._ta_url = chain_pem, key_pem, ta_url
        check_pair(chain_pem, key_pem)
        self._algorithm = signing_algorithm(key_pem)
        self._timeout_s = timestamp_timeout_s
        self._algorithms = tuple(soft_binding_algorithms)
        self._handles = PerProcess(self._make)

    def __repr__(self) -> str:
        return f"ManifestSigner(timestamps={'on' if self._ta_url else 'off'})"

    def sign(
        self, data: bytes, media_type: str, definition: dict[str, Any], *, parent: bytes | None
    ) -> Signed:
        """Sign a file; the last step that changes its bytes.

        Args:
            data: the file as it is to be, watermark and XMP in it. A manifest in it would be dropped.
            media_type: MIME type of both files, canonical.
            definition: from `core.manifest.manifest_definition`.
            parent: the file as it came, where it carried a manifest (or named one); None where it did not.

        Raises:
            UnsupportedMedia: the SDK cannot embed into this kind of file.
            MalformedMedia: the file cannot be taken apart, or only in too many parts (``too_many_parts``).
            SigningUnavailable: no signature or no timestamp to be had (codes ``certificate_expired``,
                ``timestamp_unavailable``, ``signing_unavailable``).
            SelfCheckFailed: the SDK refused its own result.
        """
        handles = self._handles.get()
        if parent is None:
            return self._finish(self._attempt(handles, data, media_type, definition, None), ())
        try:
            if _names_remote_manifest(parent, media_type, handles.plain):
                raise _ParentNotKept("input_manifest_remote", "is not in the file but elsewhere")
            result = self._attempt(handles, data, media_type, definition, parent)
            if len(result.manifest) > MAX_STORE:
                raise _ParentNotKept("input_manifest_too_large", f"would take more than {MAX_STORE} bytes")
            return self._finish(result, ())
        except _ParentNotKept as lost:
            return self._sign_bare(data, media_type, definition, lost)

    def sign_without_parent(self, data: bytes, media_type: str, definition: dict[str, Any]) -> Signed:
        """Sign a file whose own manifest was carried over and did not read back well: only record it.

        Raises:
            As `sign` does.
        """
        return self._sign_bare(data, media_type, definition, _ParentNotKept(*_UNUSABLE))

    def _sign_bare(
        self, data: bytes, media_type: str, definition: dict[str, Any], lost: _ParentNotKept
    ) -> Signed:
        bare = {**definition, "ingredients": [_bare_ingredient(media_type, lost.reason)]}
        warning = MediaWarning(
            lost.code,
            f"The file's own C2PA manifest {lost.reason}; it could not be carried over and "
            "the new manifest records only that there was one.",
        )
        result = self._attempt(self._handles.get(), data, media_type, bare, None)
        return self._finish(result, (warning,))

    def _make(self) -> _SigningHandles:
        # verify_after_sign reads the result back but skips the content's hash. Our own check reads all of
        # it; the SDK's is wanted where a parent may have made the store invalid.
        plain = _context(
            {"builder": _BUILDER, "verify": {**_VERIFY, "verify_after_sign": False}}, self._algorithms
        )
        careful = _context(
            {"builder": _BUILDER, "verify": {**_VERIFY, "verify_after_sign": True}}, self._algorithms
        )
        try:
            info = c2pa.C2paSignerInfo(
                self._algorithm,
                self._chain_pem.encode(),
                self._key_pem.encode(),
                None if self._ta_url is None else self._ta_url.encode(),
            )
            signer = c2pa.Signer.from_info(info)
        except C2paError:
            # Without its cause: the SDK's message may quote what it was given.
            raise ConfigurationError(
                "The signing certificate and key cannot be used; check that the chain is PEM, "
                "leaf first, and the key its own.",
                code="bad_certificate",
            ) from None
        return _SigningHandles(plain, careful, signer)

    def _attempt(
        self,
        handles: _SigningHandles,
        data: bytes,
        media_type: str,
        definition: dict[str, Any],
        parent: bytes | None,
    ) -> _Result:
        def work() -> _Result:
            return _sign(handles, data, media_type, definition, parent)

        if self._ta_url is None:
            return work()
        late = _no_timestamp(f"did not answer within {self._timeout_s:g} s")
        return within(self._timeout_s, work, late)

    def _finish(self, result: _Result, warnings: tuple[MediaWarning, ...]) -> Signed:
        manifest_id = active_manifest_id(result.manifest)
        signature = None if manifest_id is None else claim_signature(result.manifest, manifest_id)
        if manifest_id is None or signature is None:
            raise SelfCheckFailed(
                "The signed file's manifest has no signature that can be found; nothing is returned."
            )
        timestamp = "none"
        if self._ta_url is not None:
            timestamp = _timestamp_of(result, self._handles.get().plain)
        return Signed(
            data=result.data,
            manifest=result.manifest,
            manifest_id=manifest_id,
            signature_sha256=hashlib.sha256(signature).digest(),
            timestamp=timestamp,
            warnings=warnings,
        )


class ManifestReader:
    """Reads manifests against one trust list. Safe to share between threads and across fork().

    Args:
        trust_anchors_pem: certificates of authorities to trust, signers' and timestamp authorities' alike;
        None or
            empty trusts nobody.
        soft_binding_algorithms: further algorithms the SDK is to know beside ours.

    Raises:
        ConfigurationError: the list is not PEM (code ``bad_trust_list``).
    """

    def __init__(
        self, *, trust_anchors_pem: str | None = None, soft_binding_algorithms: Sequence[str] = ()
    ) -> None:
        settings: dict[str, Any] = {"verify": _VERIFY}
        if trust_anchors_pem:
            check_trust_list(trust_anchors_pem)
            settings["trust"] = {"trust_anchors": trust_anchors_pem}
        algorithms = tuple(soft_binding_algorithms)
        self._handles = PerProcess(lambda: _context(settings, algorithms))

    def read(
        self, data: bytes, media_type: str | None, *, sidecar: bytes | None = None
    ) -> ManifestReport | None:
        """What a file's manifest store says; never raises for what is in the file.

        Args:
            data: the file. A bare manifest store (``.c2pa``) is read as one.
            media_type: MIME type if known; only SVG needs it, the SDK sniffs the others.
            sidecar: a manifest store that travelled beside the file.

        Returns:
            None where the file has no manifest and no trace of one.
        """
        context = self._handles.get()
        hint = _hint(data, media_type)
        stream = Metered(data, media_type)
        try:
            with c2pa.Reader(hint, stream, sidecar, context=context) as reader:
                report: ManifestReport | None = _report(reader)
        except C2paError as error:
            report = _outcome(error, data)
        except (ValueError, RecursionError):  # text that is not UTF-8, JSON too deep to parse
            report = ManifestReport(state=ReadState.UNREADABLE, reason="manifest_not_parsable")
        if stream.exhausted:
            return ManifestReport(state=ReadState.NOT_CHECKED, reason=TOO_MANY_PARTS)
        return report


def check_own_manifest(
    reader: ManifestReader, signed: Signed, media_type: str, mark_id: int
) -> ManifestReport:
    """Read a file back that is about to be handed out.

    Returns:
        The report, integrity intact, label, claim signature and soft binding those of this mark.

    Raises:
        SelfCheckFailed: any of it is not so.
    """
    report = reader.read(signed.data, media_type)
    active = None if report is None else report.active
    if report is None or active is None:
        raise SelfCheckFailed("The signed file's manifest cannot be read back; nothing is returned.")
    bound = [mark_id_of(b.value) for b in active.soft_bindings if b.alg == SOFT_BINDING_ALG]
    wrong = [
        name
        for name, right in (
            ("integrity", active.integrity is Integrity.INTACT),
            ("manifest id", active.manifest_id == signed.manifest_id),
            ("claim signature", report.signature_sha256 == signed.signature_sha256),
            ("soft binding", bound == [mark_id]),
        )
        if not right
    ]
    if wrong:
        codes = ", ".join(active.failures()) or "none"
        raise SelfCheckFailed(
            f"The signed file does not read back as it was signed ({', '.join(wrong)}; "
            f"validator's failures: {codes}); nothing is returned."
        )
    return report


# ---------------------------------------------------------------- native handles

_BUILDER = {
    "thumbnail": {"enabled": False},
    # The unversioned label: else an ingredient goes to the gathered assertions, which nobody vouches for.
    "created_assertion_labels": ["c2pa.ingredient"],
}
_VERIFY = {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False}


@dataclass(frozen=True, slots=True, repr=False)
class _SigningHandles:
    plain: c2pa.Context
    careful: c2pa.Context
    signer: c2pa.Signer


def _context(settings: dict[str, Any], algorithms: tuple[str, ...]) -> c2pa.Context:
    complete = {
        **settings,
        "trust": {"trust_config": "\n".join(EXTENDED_KEY_USAGES), **settings.get("trust", {})},
        "core": {"allowed_network_hosts": []},
        "soft_binding": {"soft_binding_algorithms": [SOFT_BINDING_ALG, *algorithms]},
    }
    try:
        return c2pa.Context.from_dict(complete)
    except C2paError as error:
        raise ConfigurationError(
            "The C2PA trust list is not a list of PEM certificates.", code="bad_trust_list"
        ) from error


# ---------------------------------------------------------------- signing


@dataclass(frozen=True, slots=True)
class _Result:
    data: bytes
    manifest: bytes
    media_type: str


_UNUSABLE = ("input_manifest_unusable", "does not hold together")


class _ParentNotKept(Exception):
    """The input's manifest cannot be carried as an ingredient."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code)
        self.code, self.reason = code, reason


def _sign(
    handles: _SigningHandles, data: bytes, media_type: str, definition: dict[str, Any], parent: bytes | None
) -> _Result:
    output = io.BytesIO()
    source = Metered(data, media_type)
    try:
        context = handles.plain if parent is None else handles.careful
        with c2pa.Builder(definition, context=context) as builder:
            if parent is not None:
                _add_parent(builder, parent, media_type)
            manifest = builder.sign(handles.signer, media_type, source, output)
    except C2paError as error:
        if source.exhausted:
            raise too_many_parts() from None
        refused = _translated(error)
        if parent is not None and isinstance(refused, SelfCheckFailed):
            raise _ParentNotKept(*_UNUSABLE) from error
        raise refused from None
    if source.exhausted:
        raise too_many_parts()
    return _Result(output.getvalue(), manifest, media_type)


def _add_parent(builder: c2pa.Builder, parent: bytes, media_type: str) -> None:
    ingredient = {"relationship": "parentOf", "label": PARENT_LABEL, "title": "input"}
    stream = Metered(parent, media_type)
    try:
        builder.add_ingredient(ingredient, media_type, stream)
    except C2paError as error:
        if stream.exhausted:
            raise too_many_parts() from None
        raise _ParentNotKept("input_manifest_unreadable", "cannot be read") from error


def _bare_ingredient(media_type: str, reason: str) -> dict[str, str]:
    return {
        "relationship": "parentOf",
        "label": PARENT_LABEL,
        "title": "input",
        "format": media_type,
        "description": f"The C2PA manifest it came with {reason} and is not included.",
    }


def _names_remote_manifest(data: bytes, media_type: str, context: c2pa.Context) -> bool:
    """Whether the file only names a manifest elsewhere.

    The SDK would record validation results without a manifest, which the conformance programme forbids.
    """
    try:
        with c2pa.Reader(_hint(data, media_type), Metered(data, media_type), context=context):
            return False
    except C2paError as error:
        return _is_remote(error)


def _translated(error: C2paError) -> WaarmerkError:
    """Our error for a failed signing. The SDK's text stays out: it may quote the authority's address."""
    text = str(error)
    if isinstance(error, C2paError.NotSupported):
        return UnsupportedMedia("C2PA manifests cannot be embedded in this kind of file.")
    if "could not be parsed" in text or "Could not parse" in text:
        return MalformedMedia("The file cannot be taken apart for signing; check that it is whole.")
    if not isinstance(error, C2paError.Signature):
        return SelfCheckFailed("The manifest could not be made; nothing is returned.", code="signing_failed")
    if "not valid at time of signing" in text:
        return SigningUnavailable(
            "The signing certificate has expired or is not valid yet; install a new one.",
            code="certificate_expired",
        )
    if "http" in text.lower() or "time stamp" in text.lower() or "timestamp" in text.lower():
        return _no_timestamp("does not answer as it should")
    return SigningUnavailable("The signature could not be made; check certificate and key.")


def _no_timestamp(what: str) -> SigningUnavailable:
    return SigningUnavailable(
        f"The timestamp authority {what}; nothing was signed. Try again later.", code="timestamp_unavailable"
    )


def _timestamp_of(result: _Result, context: c2pa.Context) -> str:
    """The authority's time in a file just signed, ISO 8601 in UTC."""
    try:
        stream = Metered(result.data, result.media_type)
        with c2pa.Reader(result.media_type, stream, context=context) as reader:
            time = reader.get_active_manifest()["signature_info"]["time"]
        return datetime.fromisoformat(time).astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (C2paError, KeyError, TypeError, ValueError):
        raise _no_timestamp("answered with a token that cannot be read") from None


# ---------------------------------------------------------------- reading


def _hint(data: bytes, media_type: str | None) -> str | None:
    """The type the SDK must be told; anything else it tells from the bytes, whatever the file is called."""
    if is_store(data):
        return _SIDECAR
    return _SVG if media_type == _SVG else None


def _report(reader: c2pa.Reader) -> ManifestReport:
    text = reader.crjson()
    if len(text) > MAX_JSON:
        return ManifestReport(state=ReadState.UNREADABLE, reason="manifest_too_large")
    active_id = json.loads(reader.json()).get("active_manifest")
    if not isinstance(active_id, str):
        return ManifestReport(state=ReadState.UNREADABLE, reason="no_active_manifest")
    report = report_from(json.loads(text), active_id, None)
    return replace(report, signature_sha256=_signature_sha256(reader, active_id))


def _signature_sha256(reader: c2pa.Reader, active_id: str) -> bytes | None:
    """Any URI into a manifest yields the whole store; the signature is cut out of it."""
    store = io.BytesIO()
    try:
        reader.resource_to_stream(f"self#jumbf=/c2pa/{active_id}/c2pa.signature", store)
    except C2paError:
        return None
    signature = claim_signature(store.getvalue(), active_id)
    return None if signature is None else hashlib.sha256(signature).digest()


def _is_remote(error: C2paError) -> bool:
    return isinstance(error, C2paError.RemoteManifest) or str(error).startswith("Remote:")


def _outcome(error: C2paError, data: bytes) -> ManifestReport | None:
    """The neutral form of an exception of the SDK while reading."""
    if _is_remote(error):
        return ManifestReport(state=ReadState.REMOTE, reason="remote_manifest", host=_host(str(error)))
    traces = STORE_MAGIC in data  # bytes that nothing but a manifest store begins with
    if isinstance(error, C2paError.ManifestNotFound):
        return _unreadable("manifest_out_of_place") if traces else None
    if isinstance(error, C2paError.NotSupported):
        return _unreadable("container_not_supported") if traces else None
    if "asset could not be parsed" in str(error):
        if traces:
            return _unreadable("file_not_parsable")
        return ManifestReport(state=ReadState.NOT_CHECKED, reason="file_not_parsable")
    return _unreadable("manifest_not_parsable")


def _unreadable(reason: str) -> ManifestReport:
    return ManifestReport(state=ReadState.UNREADABLE, reason=reason)


def _host(message: str) -> str | None:
    match = re.search(r"https?://\S+", message)
    try:
        host = urlsplit(match.group()).hostname if match else None
    except ValueError:
        return None
    return host[:255] if host else None
