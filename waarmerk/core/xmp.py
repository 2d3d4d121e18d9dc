"""IPTC's digital source type in an XMP packet, with everything else in the packet left as it is.

An XMP packet is RDF/XML: ``rdf:RDF`` holds top-level descriptions, whose attributes and children are
properties of the file. The packet is parsed to find byte positions and then edited as bytes: a value that is
there is replaced, a missing one comes in as one more ``rdf:Description`` before ``</rdf:RDF>`` (XMP allows
many, all about the same resource). No other byte changes, so no other property can.

A packet is somebody else's data. It is parsed by expat with DOCTYPE refused, so that no entity can be
declared (billion laughs, external entities), and only up to `MAX_PACKET` bytes. A packet that cannot be
parsed carries no property anyone could read: marking starts a fresh one in its place and `packet_warning`
says so.

References:
    ISO 16684-1 (XMP), sections 7.3.3 (packet), 7.4 (one rdf:RDF), 7.9 (properties as attributes).
    IPTC Photo Metadata Standard 2025.1, "Digital Source Type": a single full URI.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from waarmerk.core.evidence import Origin
from waarmerk.core.mediatypes import MediaWarning
from waarmerk.core.sourcetypes import SOURCE_TYPE_OF

MAX_PACKET = (
    16 * 1024 * 1024
)  # bytes; the largest real packets (embedded thumbnails and histories) stay below
MAX_VALUE = 256  # characters of a value that is reported

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_NAME = "DigitalSourceType"
_RDF_ROOT, _ABOUT, _RESOURCE = f"{_RDF} RDF", f"{_RDF} about", f"{_RDF} resource"
_PROPERTY = f"{_IPTC} {_NAME}"

_FRESH = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="%s">\n</rdf:RDF></x:xmpmeta>\n'
    b'<?xpacket end="w"?>' % _RDF.encode()
)


class _Unreadable(Exception):
    """The packet is not XML, not XMP, too large or declares a document type."""


def with_digital_source_type(xmp: bytes | None, origin: Origin) -> bytes:
    """The packet with IPTC's digital source type set.

    Args:
        xmp: the file's packet; None where it has none.
        origin: what to declare.

    Returns:
        A packet whose other properties are the input's, or a fresh one where the input cannot be read
        (see `packet_warning`).
    """
    value = SOURCE_TYPE_OF[origin].encode()
    try:
        packet = _normalised(xmp) if xmp else _FRESH
        found = _scan(packet)
    except _Unreadable:
        packet, found = _FRESH, _scan(_FRESH)
    if found.spots:
        return _replaced(packet, found.spots, value)
    return _inserted(packet, found, value)


def digital_source_type(xmp: bytes | None) -> str | None:
    """The digital source type a packet declares for its file, as written, at most `MAX_VALUE` characters.

    None where there is none or the packet cannot be read. Values inside structures (ingredients, images
    within images) are not the file's and do not count.
    """
    if not xmp:
        return None
    try:
        found = _scan(_normalised(xmp))
    except _Unreadable:
        return None
    values = [spot.value.strip()[:MAX_VALUE] for spot in found.spots]
    return next((value for value in values if value), None)


def packet_warning(xmp: bytes | None) -> MediaWarning | None:
    """What marking does to a packet that it cannot keep; None where it keeps it."""
    if not xmp:
        return None
    try:
        _scan(_normalised(xmp))
    except _Unreadable as error:
        return MediaWarning("xmp_replaced", f"The file's XMP packet {error}; a fresh one took its place.")
    return None


@dataclass(slots=True)
class _Spot:
    """One place where the property stands, as byte positions in the packet."""

    start: int
    end: int
    prefix: bytes
    is_attribute: bool
    value: str = ""


@dataclass(slots=True)
class _Found:
    """What a scan knows of a packet."""

    rdf_start: int = -1  # of the rdf:RDF start tag
    rdf_close: int = -1  # of </rdf:RDF>, or of the end of <rdf:RDF/>
    about: str | None = None  # the first description's rdf:about
    spots: list[_Spot] = field(default_factory=list)


def _normalised(xmp: bytes) -> bytes:
    """The packet as UTF-8 without padding around it.

    XMP in pictures is UTF-8. UTF-16 is read by its byte order mark; bytes that are not UTF-8 are taken as
    Latin-1, as Adobe's toolkit does, so that a badly encoded caption does not cost the rest of the packet.
    """
    if len(xmp) > MAX_PACKET:
        raise _Unreadable(f"is larger than {MAX_PACKET} bytes")
    try:
        text = xmp.decode("utf-16" if xmp[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    except UnicodeDecodeError:
        text = xmp.decode("latin-1")
    packet = text.encode("utf-8", "surrogatepass").strip(b"\0 \t\r\n")
    # A declaration could name the encoding the packet had before; UTF-8 needs none.
    return packet if packet in xmp else re.sub(rb"\A(?:\xef\xbb\xbf)?<\?xml\s[^>]*\?>", b"", packet)


def _scan(packet: bytes) -> _Found:
    """Find the property and where it could go. Positions come from expat; nothing is interpreted twice."""
    scanner = _Scanner(packet)
    try:
        scanner.parser.Parse(packet, True)
    except expat.ExpatError as error:
        raise _Unreadable("is not well-formed XML") from error
    if scanner.found.rdf_close < 0:
        raise _Unreadable("holds no RDF")
    return scanner.found


class _Scanner:
    """Expat handlers; depth is counted from rdf:RDF: 1 a description, 2 a property."""

    def __init__(self, packet: bytes) -> None:
        self.packet = packet
        self.found = _Found()
        self.depth: int | None = None
        self.open: _Spot | None = None
        self.parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        self.parser.namespace_prefixes = True
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _refuse(self, *_: object) -> None:
        raise _Unreadable("declares a document type, which XMP never does")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        at = self.parser.CurrentByteIndex
        if self.depth is None:
            if _qualified(name) == _RDF_ROOT and self.found.rdf_close < 0:
                self.depth, self.found.rdf_start = 0, at
            return
        self.depth += 1
        if self.depth == 1:
            self._description(at, attributes)
        elif self.depth == 2 and _qualified(name) == _PROPERTY:
            resource = next((v for k, v in attributes.items() if _qualified(k) == _RESOURCE), "")
            self.open = _Spot(at, -1, _prefix(name), is_attribute=False, value=resource)

    def _description(self, at: int, attributes: dict[str, str]) -> None:
        for key, value in attributes.items():
            if _qualified(key) == _ABOUT and self.found.about is None:
                self.found.about = value
            if _qualified(key) == _PROPERTY:
                end = _tag_end(self.packet, at)
                self.found.spots.append(_Spot(at, end, _prefix(key), is_attribute=True, value=value))

    def _text(self, text: str) -> None:
        if self.open is not None and len(self.open.value) < MAX_PACKET:
            self.open.value += text

    def _end(self, _name: str) -> None:
        if self.depth is None:
            return
        if self.depth == 0:
            self.found.rdf_close = self._closing(self.found.rdf_start)
            self.depth = None
            return
        if self.depth == 2 and self.open is not None:
            self.open.end = self._after(self.open.start)
            self.found.spots.append(self.open)
            self.open = None
        self.depth -= 1

    def _closing(self, start: int) -> int:
        """Where the end tag of the element just ended begins; after ``/>`` for an empty element."""
        end = _tag_end(self.packet, start)
        return end if self.packet[end - 2 : end] == b"/>" else self.parser.CurrentByteIndex

    def _after(self, start: int) -> int:
        """The first byte after the element just ended."""
        end = _tag_end(self.packet, start)
        if self.packet[end - 2 : end] == b"/>":
            return end
        return self.packet.index(b">", self.parser.CurrentByteIndex) + 1


def _qualified(name: str) -> str:
    """``uri local`` of expat's ``uri local prefix``."""
    return " ".join(name.split(" ")[:2])


def _prefix(name: str) -> bytes:
    """The prefix of expat's ``uri local prefix``; empty for the default namespace."""
    return [*name.split(" "), ""][2].encode()


_TAG = re.compile(rb"""<[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>""")


def _tag_end(packet: bytes, start: int) -> int:
    """The first byte after the tag that begins at `start`; expat has already found it well-formed."""
    match = _TAG.match(packet, start)
    if match is None:
        raise _Unreadable("is not well-formed XML")
    return match.end()


def _replaced(packet: bytes, spots: list[_Spot], value: bytes) -> bytes:
    """Set every place where the property stands, last first so that positions stay true."""
    for spot in sorted(spots, key=lambda s: s.start, reverse=True):
        raw = packet[spot.start : spot.end]
        name = spot.prefix + b":" + _NAME.encode() if spot.prefix else _NAME.encode()
        if spot.is_attribute:
            pattern = rb"""(\s%s\s*=\s*)(?:"[^"]*"|'[^']*')""" % re.escape(name)
            new = re.sub(pattern, lambda m: m.group(1) + b'"' + value + b'"', raw, count=1)
        else:
            # A default namespace declared on the element itself would go with its start tag.
            declared = b"" if spot.prefix else b' xmlns="%s"' % _IPTC.encode()
            binding = b' xmlns:%s="%s"' % (spot.prefix, _IPTC.encode()) if spot.prefix else declared
            new = b"<%s%s>%s</%s>" % (name, binding, value, name)
        packet = packet[: spot.start] + new + packet[spot.end :]
    return packet


def _inserted(packet: bytes, found: _Found, value: bytes) -> bytes:
    """One more description at the end of rdf:RDF."""
    about = (found.about or "").replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").encode()
    description = (
        b'<rdf:Description rdf:about="%s" xmlns:rdf="%s" xmlns:Iptc4xmpExt="%s">\n'
        b"<Iptc4xmpExt:DigitalSourceType>%s</Iptc4xmpExt:DigitalSourceType>\n</rdf:Description>\n"
    ) % (about, _RDF.encode(), _IPTC.encode(), value)
    end = _tag_end(packet, found.rdf_start)
    if found.rdf_close == end and packet[end - 2 : end] == b"/>":  # <rdf:RDF .../>: open it up
        tag = packet[found.rdf_start : end - 2]
        name = re.match(rb"<([^\s/>]+)", tag).group(1)  # type: ignore[union-attr]  # a start tag has a name
        return packet[: found.rdf_start] + tag + b">" + description + b"</" + name + b">" + packet[end:]
    return packet[: found.rdf_close] + description + packet[found.rdf_close :]
