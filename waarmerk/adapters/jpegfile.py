"""A JPEG file as segments, scans and tables (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from waarmerk.core.errors import MalformedMedia
from waarmerk.core.headers import jpeg_segments

MAX_SCANS = 100
"""Scans of one file. Each costs a pass over the whole picture however small it is; encoders write ten."""

APP0, APP1, APP2, APP11, APP14 = 0xE0, 0xE1, 0xE2, 0xEB, 0xEE
DQT, DHT, SOS, EOI, COM = 0xDB, 0xC4, 0xDA, 0xD9, 0xFE
_SOFS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")  # not FF00, not RSTn
# Coefficient k of the zigzag order stands at row order ZIGZAG[k] (T.81 figure A.6).
ZIGZAG = (
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Segment:
    """One marker segment: its marker byte and its payload without the length."""

    marker: int
    payload: bytes

    def written(self) -> bytes:
        return struct.pack(">BBH", 0xFF, self.marker, len(self.payload) + 2) + self.payload

    @property
    def is_metadata(self) -> bool:
        return 0xE0 <= self.marker <= 0xEF or self.marker == COM


@dataclass(frozen=True, slots=True)
class Parts:
    """A JPEG file taken apart.

    Args:
        coding: segments before the first scan's data that decoding needs, SOS last.
        metadata: every APPn and COM segment in file order, wherever it stood.
        body: entropy-coded data and the segments between scans, up to EOI.
        tail: what follows EOI.
    """

    coding: tuple[Segment, ...]
    metadata: tuple[Segment, ...]
    body: bytes = field(repr=False)
    tail: bytes = field(repr=False)

    def bare(self) -> bytes:
        """The file without metadata, save the two segments that say which colours the components are."""
        colour = [s for s in self.metadata if _is_jfif(s)][:1] + [s for s in self.metadata if _is_adobe(s)][
            :1
        ]
        return Parts(self.coding, tuple(colour), self.body, b"").written()

    def written(self) -> bytes:
        """The file: metadata in front, in order."""
        head = b"".join(s.written() for s in (*self.metadata, *self.coding))
        return b"".join((b"\xff\xd8", head, self.body, b"\xff\xd9", self.tail))


def _is_jfif(segment: Segment) -> bool:
    return segment.marker == APP0 and segment.payload.startswith(b"JFIF\x00")


def _is_adobe(segment: Segment) -> bool:
    return segment.marker == APP14 and segment.payload.startswith(b"Adobe") and len(segment.payload) >= 12


def take_apart(data: bytes) -> Parts:
    """Split a JPEG file into coded picture, metadata and tail.

    Raises:
        MalformedMedia: no scan, no EOI, or more than `MAX_SCANS` scans.
    """
    head: list[Segment] = []
    at = 2
    for marker, start, end in jpeg_segments(data):
        head.append(Segment(marker, data[start:end]))
        at = end
    pieces: list[bytes] = []
    metadata = [s for s in head if s.is_metadata]
    scans = 1
    for marker, begin, end in body_segments(data, at):
        if marker == EOI:
            pieces.append(data[at:begin])
            return Parts(
                tuple(s for s in head if not s.is_metadata), tuple(metadata), b"".join(pieces), data[end:]
            )
        scans += marker == SOS
        if scans > MAX_SCANS:
            raise MalformedMedia(f"The JPEG file has more than {MAX_SCANS} scans; save it again.")
        segment = Segment(marker, data[begin + 4 : end])
        if segment.is_metadata:
            pieces.append(data[at:begin])
            metadata.append(segment)
            at = end
    raise MalformedMedia("The JPEG file has no end marker: it is cut off; send the file whole.")


def body_segments(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Walk the segments among entropy-coded data from `at`: (marker, start of the segment, its end)."""
    while found := _MARKER.search(data, at):
        marker, at = found.group(1)[0], found.end()
        if marker in (EOI, 0xD8, 0x01):  # no length; a stray SOI or TEM is left to the decoder
            if marker == EOI:
                yield marker, at - 2, at
            continue
        (length,) = struct.unpack_from(">H", data.ljust(at + 2, b"\0"), at)
        if length < 2 or at + length > len(data):
            return
        yield marker, at - 2, at + length
        at += length


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame header (T.81 B.2.2) and the tables in force at the first scan.

    Args:
        progressive: scan mode.
        sampling: (horizontal, vertical) factor of each component.
        tables: quantisation table of each component, row order.
        rgb: the components are R, G, B.
    """

    progressive: bool
    sampling: tuple[tuple[int, int], ...]
    tables: tuple[tuple[int, ...], ...]
    rgb: bool

    @property
    def ratio(self) -> tuple[int, int] | None:
        """Luma samples to one of chroma, across and down; None where luma is not the finest."""
        if len(self.sampling) == 1:
            return 1, 1
        (h0, v0), (h1, v1), other = self.sampling
        if (h1, v1) != other or h0 % h1 or v0 % v1:
            return None
        return h0 // h1, v0 // v1


def read_frame(parts: Parts) -> Frame:
    """Read what the new file must have in common with the old."""
    tables: dict[int, tuple[int, ...]] = {}
    for segment in parts.coding:
        if segment.marker == DQT:
            tables.update(_tables(segment.payload))
    header = next((s for s in parts.coding if s.marker in _SOFS), None)
    if header is None:
        raise MalformedMedia("The JPEG file has no frame header; send the file whole.")
    entries = [header.payload[6 + 3 * i : 9 + 3 * i] for i in range(header.payload[5])]
    if any(len(e) < 3 or e[2] not in tables or not 0x11 <= e[1] <= 0x44 or not e[1] & 15 for e in entries):
        raise MalformedMedia("The frame header of the JPEG file is damaged; save it again.")
    return Frame(
        progressive=header.marker in (0xC2, 0xCA),
        sampling=tuple((e[1] >> 4, e[1] & 15) for e in entries),
        tables=tuple(tables[e[2]] for e in entries),
        rgb=_is_rgb(bytes(e[0] for e in entries), parts.metadata),
    )


def _tables(payload: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """(table number, 64 steps in row order) of each table in a DQT segment (T.81 B.2.4.1)."""
    at = 0
    while at < len(payload):
        wide, number = payload[at] >> 4, payload[at] & 15
        code = ">64H" if wide else ">64B"
        steps = struct.unpack_from(code, payload.ljust(at + 1 + 128, b"\0"), at + 1)
        table = [0] * 64
        for position, step in zip(ZIGZAG, steps, strict=True):
            table[position] = max(1, step)
        yield number, tuple(table)
        at += 1 + struct.calcsize(code)


def _is_rgb(ids: bytes, metadata: Sequence[Segment]) -> bool:
    """Whether three components are R, G, B: the decoder's own rule (libjpeg, jdapimin.c)."""
    if len(ids) != 3 or any(_is_jfif(s) for s in metadata):
        return False
    adobe = next((s for s in metadata if _is_adobe(s)), None)
    return ids == b"RGB" if adobe is None else adobe.payload[11] == 0
