"""A PNG file as chunks (PNG third edition, clause 5)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from waarmerk.core.errors import MalformedMedia, UnsupportedMedia
from waarmerk.core.headers import png_chunks

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CRITICAL = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND"))


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk; `written` computes its CRC."""

    kind: bytes
    data: bytes

    def written(self) -> bytes:
        crc = zlib.crc32(self.data, zlib.crc32(self.kind))
        return struct.pack(">I4s", len(self.data), self.kind) + self.data + struct.pack(">I", crc)


@dataclass(frozen=True, slots=True)
class Parts:
    """A PNG file taken apart.

    Args:
        header: data of IHDR.
        before, after: chunks before the first IDAT and behind it, IHDR and IEND left out.
        pixels: the joined data of all IDAT chunks.
        damaged: ancillary chunks whose CRC is wrong; left out.
        tail: bytes follow IEND.
    """

    header: bytes
    before: tuple[Chunk, ...]
    pixels: bytes = field(repr=False)
    after: tuple[Chunk, ...]
    damaged: int
    tail: bool

    @property
    def depth(self) -> int:
        return self.header[8]

    @property
    def colour(self) -> int:
        return self.header[9]

    def find(self, kind: bytes) -> bytes | None:
        return next((c.data for c in (*self.before, *self.after) if c.kind == kind), None)

    def bare(self, *, transparency: bool) -> bytes:
        """The file with its critical chunks only, and tRNS if wanted."""
        wanted = (b"PLTE", b"tRNS") if transparency else (b"PLTE",)
        chunks = [Chunk(b"IHDR", self.header), *(c for c in self.before if c.kind in wanted)]
        chunks += [Chunk(b"IDAT", self.pixels), Chunk(b"IEND", b"")]
        return SIGNATURE + b"".join(c.written() for c in chunks)


def take_apart(data: bytes) -> Parts:
    """Split a PNG file into its chunks.

    Raises:
        MalformedMedia: cut off, a critical chunk with a wrong CRC, no IHDR or no IDAT.
        UnsupportedMedia: ``png_critical_chunk``: a critical chunk PNG does not define.
    """
    before: list[Chunk] = []
    after: list[Chunk] = []
    pixels: list[bytes] = []
    damaged, end = 0, len(data)
    header = b""
    for kind, start, end in png_chunks(data):
        payload = data[start:end]
        sound = zlib.crc32(payload, zlib.crc32(kind)) == int.from_bytes(data[end : end + 4], "big")
        if not kind.isalpha() or (kind in _CRITICAL and not sound):
            raise MalformedMedia("A chunk of the PNG file is damaged: its checksum is wrong; send it again.")
        if kind not in _CRITICAL and kind[:1].isupper():
            raise UnsupportedMedia(
                f"The PNG file needs the private chunk {kind.decode('ascii')}; save it as standard PNG.",
                code="png_critical_chunk",
            )
        if kind == b"IDAT":
            pixels.append(payload)
        elif kind == b"IHDR":
            header = payload
        elif not sound:
            damaged += 1
        elif kind != b"IEND":
            (after if pixels else before).append(Chunk(kind, payload))
    if len(header) != 13 or not pixels:
        raise MalformedMedia("The PNG file holds no picture; send the file whole.")
    return Parts(header, tuple(before), b"".join(pixels), tuple(after), damaged, end + 4 < len(data))
