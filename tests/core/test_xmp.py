"""The digital source type in XMP: set without touching anything else, read wherever it may stand."""

from __future__ import annotations

import time
import tracemalloc
from xml.etree import ElementTree  # for canonical text; parsing is defusedxml's

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from waarmerk.core.evidence import Origin
from waarmerk.core.xmp import MAX_PACKET, digital_source_type, packet_warning, with_digital_source_type

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED = IPTC + "trainedAlgorithmicMedia"
MANIPULATED = IPTC + "compositeWithTrainedAlgorithmicMedia"
EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def packet(description: str, about: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Some Toolkit 1.0">'
        f'<rdf:RDF xmlns:rdf="{RDF}">'
        f'<rdf:Description rdf:about="{about}" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'xmlns:Iptc4xmpExt="{EXT}" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3">'
        "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>A &lt;title&gt; &#233;</rdf:li></rdf:Alt></dc:title>"
        f"{description}</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()


def properties(xmp: bytes) -> list[tuple[str, str]]:
    """Every property of every top-level description but ours, by an independent parser."""
    root = fromstring(xmp)
    descriptions = root.findall(f".//{{{RDF}}}RDF/{{{RDF}}}Description")
    found = []
    for d in descriptions:
        found += [(k, v) for k, v in d.attrib.items() if not k.endswith(("}about", "}DigitalSourceType"))]
        found += [
            (c.tag, ElementTree.canonicalize(ElementTree.tostring(c)).strip())
            for c in d
            if not c.tag.endswith("}DigitalSourceType")
        ]
    return sorted(found)


FORMS = {
    "absent": packet(""),
    "element": packet(f"<Iptc4xmpExt:DigitalSourceType>{IPTC}digitalCapture</Iptc4xmpExt:DigitalSourceType>"),
    "empty element": packet("<Iptc4xmpExt:DigitalSourceType/>"),
    "resource": packet(f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{IPTC}digitalCapture"/>'),
    "attribute": packet("").replace(
        b'xmp:Rating="3"', b"xmp:Rating='3' Iptc4xmpExt:DigitalSourceType = 'a>b'"
    ),
    "other prefix": packet(f'<e:DigitalSourceType xmlns:e="{EXT}">x</e:DigitalSourceType>'),
    "default namespace": packet(f'<DigitalSourceType xmlns="{EXT}">x</DigitalSourceType>'),
    "next tag": packet("<Iptc4xmpExt:DigitalSourceType/>").replace(b"><dc:title>", b"><dc:title>"),
    "twice": packet(
        "<Iptc4xmpExt:DigitalSourceType/><Iptc4xmpExt:DigitalSourceType>y</Iptc4xmpExt:DigitalSourceType >"
    ),
    "cdata": packet("<Iptc4xmpExt:DigitalSourceType><![CDATA[x>]]></Iptc4xmpExt:DigitalSourceType>"),
    "comment": packet("<!-- </rdf:RDF> <Iptc4xmpExt:DigitalSourceType> -->"),
    "about": packet("", about="uuid:a&amp;b"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("origin", list(Origin))
def test_the_source_type_is_set_and_every_other_property_kept(form: str, origin: Origin) -> None:
    before = FORMS[form]
    after = with_digital_source_type(before, origin)
    expected = GENERATED if origin is Origin.GENERATED else MANIPULATED
    assert digital_source_type(after) == expected
    assert properties(after) == properties(before)
    assert after.count(b"digitalsourcetype/") == max(1, after.count(expected.encode()))
    assert packet_warning(before) is None


@pytest.mark.parametrize("form", ["absent", "comment", "about"])
def test_adding_only_inserts_bytes(form: str) -> None:
    before = FORMS[form]
    after = with_digital_source_type(before, Origin.GENERATED)
    at = after.index(b"</rdf:RDF></x:xmpmeta>") - (len(after) - len(before))
    assert after[:at] == before[:at]
    assert after.endswith(before[at:])


def test_what_is_added_is_about_the_same_resource() -> None:
    root = fromstring(with_digital_source_type(FORMS["about"], Origin.GENERATED))
    abouts = {d.attrib[f"{{{RDF}}}about"] for d in root.iter(f"{{{RDF}}}Description")}
    assert abouts == {"uuid:a&b"}


def test_setting_twice_is_setting_once() -> None:
    once = with_digital_source_type(None, Origin.GENERATED)
    again = with_digital_source_type(with_digital_source_type(once, Origin.MANIPULATED), Origin.GENERATED)
    assert digital_source_type(again) == GENERATED
    assert with_digital_source_type(again, Origin.GENERATED) == again


@pytest.mark.parametrize("missing", [None, b""])
def test_a_file_without_a_packet_gets_a_whole_one(missing: bytes | None) -> None:
    fresh = with_digital_source_type(missing, Origin.GENERATED)
    assert fresh.startswith(b"<?xpacket begin=")
    assert fresh.rstrip().endswith(b'<?xpacket end="w"?>')
    assert digital_source_type(fresh) == GENERATED
    assert packet_warning(missing) is None


def test_an_empty_rdf_element_is_opened_up() -> None:
    empty = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="%s" /></x:xmpmeta>' % RDF.encode()
    after = with_digital_source_type(empty, Origin.GENERATED)
    assert digital_source_type(after) == GENERATED
    fromstring(after)


def test_utf16_and_latin1_packets_keep_their_text() -> None:
    text = packet("<dc:creator>Zoë</dc:creator>").decode()
    for encoded in (
        text.encode("utf-16"),
        text.replace("\ufeff", "").encode("latin-1"),
        text.encode() + b"\0\0",
    ):
        after = with_digital_source_type(encoded, Origin.GENERATED)
        assert packet_warning(encoded) is None
        assert "Zoë" in after.decode("utf-8")
        assert digital_source_type(after) == GENERATED


def test_a_value_inside_a_structure_is_not_the_files_own() -> None:
    nested = packet(
        "<Iptc4xmpExt:PersonInImageWDetails rdf:parseType='Resource'>"
        f"<Iptc4xmpExt:DigitalSourceType>{GENERATED}</Iptc4xmpExt:DigitalSourceType>"
        "</Iptc4xmpExt:PersonInImageWDetails>"
    )
    assert digital_source_type(nested) is None
    after = with_digital_source_type(nested, Origin.MANIPULATED)
    assert digital_source_type(after) == MANIPULATED
    assert GENERATED.encode() in after


LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9)
    ) + b"]>"
)  # fmt: skip

HOSTILE = {
    "not xml": b"\x00\x01\x02 not xml at all",
    "cut off": FORMS["absent"][:200],
    "billion laughs": LAUGHS + FORMS["absent"].replace(b"A &lt;", b"&j; &lt;"),
    "external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + FORMS["absent"],
    "no rdf": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
    "unbound prefix": FORMS["absent"].replace(b"xmlns:dc=", b"xmlns:dd="),
    "too large": FORMS["absent"] + b" " * MAX_PACKET,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_packet_nobody_can_read_is_replaced_and_said_so(kind: str) -> None:
    started = time.perf_counter()
    assert digital_source_type(HOSTILE[kind]) is None
    after = with_digital_source_type(HOSTILE[kind], Origin.GENERATED)
    assert after == with_digital_source_type(None, Origin.GENERATED)
    warning = packet_warning(HOSTILE[kind])
    assert warning is not None
    assert warning.code == "xmp_replaced"
    assert time.perf_counter() - started < 2


def test_a_deep_packet_needs_no_stack_and_little_memory() -> None:
    deep = FORMS["absent"].replace(
        b"</rdf:Description>", b"<a>" * 100_000 + b"</a>" * 100_000 + b"</rdf:Description>"
    )
    tracemalloc.start()
    with_digital_source_type(deep, Origin.GENERATED)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * 1024 * 1024


@given(st.binary(max_size=400))
def test_any_bytes_give_a_packet_that_says_what_was_asked(noise: bytes) -> None:
    assert digital_source_type(with_digital_source_type(noise, Origin.GENERATED)) == GENERATED


@given(st.integers(0, len(FORMS["attribute"])), st.binary(max_size=3))
def test_a_damaged_packet_gives_one_that_says_what_was_asked(at: int, noise: bytes) -> None:
    damaged = FORMS["attribute"][:at] + noise + FORMS["attribute"][at:]
    assert digital_source_type(with_digital_source_type(damaged, Origin.GENERATED)) == GENERATED
