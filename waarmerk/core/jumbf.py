"""Just enough of JUMBF to cut a claim signature out of a manifest store.

    box       := u32 length (all of it, header included) || 4-byte type || payload
    superbox  := box of type "jumb" whose first child is a description box "jumd"
    jumd      := 16-byte UUID || u8 toggles || label, NUL-ended (when toggles & 0x02)

A store is the superbox ``c2pa``; its children are manifests labelled by their URN; the child
``c2pa.signature`` of a manifest holds one ``cbor`` box: the COSE_Sign1 structure.

References:
    ISO/IEC 19566-5 (JUMBF), sections B.1 and B.3. C2PA 2.4, "Claim signature".
"""

from __future__ import annotations

from collections.abc import Iterator

# Description box of a C2PA manifest store up to its UUID: no other data begins like this.
STORE_MAGIC = b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x008\x9bq"

_SUPERBOX, _DESCRIPTION, _CBOR = b"jumb", b"jumd", b"cbor"
_HAS_LABEL = 0x02
_MAX_BOXES = 4096  # children looked at in one superbox; real stores have fewer than thirty


def is_store(data: bytes) -> bool:
    """Whether some bytes are a manifest store on their own (a ``.c2pa`` sidecar)."""
    return data[4:8] == _SUPERBOX and data.find(STORE_MAGIC, 8, 64) == 12


def claim_signature(store: bytes, manifest_id: str) -> bytes | None:
    """The COSE_Sign1 bytes of a manifest's claim signature.

    Args:
        store: a manifest store, as embedded or as signing returned it.
        manifest_id: label of the manifest.

    Returns:
        The bytes as stored, padding included; None where the store has no such manifest or is no store.
    """
    outer = next(_boxes(memoryview(store)), None)
    if outer is None or outer[0] != _SUPERBOX:
        return None
    manifest = _child(outer[1], manifest_id)
    signature = None if manifest is None else _child(manifest, "c2pa.signature")
    if signature is None:
        return None
    return next((bytes(payload) for kind, payload in _boxes(signature) if kind == _CBOR), None)


def active_manifest_id(store: bytes) -> str | None:
    """Label of the active manifest: the last one of the store (C2PA 2.4, "Active manifest")."""
    outer = next(_boxes(memoryview(store)), None)
    if outer is None or outer[0] != _SUPERBOX:
        return None
    labels = [_label(payload) for kind, payload in _boxes(outer[1]) if kind == _SUPERBOX]
    return labels[-1].decode("utf-8", "replace") if labels and labels[-1] else None


def _child(payload: memoryview, label: str) -> memoryview | None:
    """Payload of the first child superbox of that label."""
    wanted = label.encode()
    for kind, inner in _boxes(payload):
        if kind == _SUPERBOX and _label(inner) == wanted:
            return inner
    return None


def _label(payload: memoryview) -> bytes | None:
    first = next(_boxes(payload), None)
    if first is None or first[0] != _DESCRIPTION or len(first[1]) < 18 or not first[1][16] & _HAS_LABEL:
        return None
    return bytes(first[1][17:]).split(b"\0", 1)[0]


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """(type, payload) of each box, ending at the first that does not fit."""
    at = 0
    for _ in range(_MAX_BOXES):
        if at + 8 > len(data):
            return
        length = int.from_bytes(data[at : at + 4], "big")
        if length < 8 or at + length > len(data):  # 0 and 1 (to the end; 64 bit) have no place in a store
            return
        yield bytes(data[at + 4 : at + 8]), data[at + 8 : at + length]
        at += length
