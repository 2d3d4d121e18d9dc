"""XMP is found wherever a file keeps it, and nothing breaks where it does not."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from waarmerk.core.evidence import Origin
from waarmerk.core.media import MediaType, sniff
from waarmerk.core.xmp import digital_source_type, with_digital_source_type
from waarmerk.detection.packets import xmp_packet

PACKET = with_digital_source_type(None, Origin.GENERATED)
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def written(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, kind, **options)
    return out.getvalue()


def with_text_chunk(*, compressed: bool) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", PACKET.decode(), zip=compressed)
    return written("PNG", pnginfo=text)


@pytest.mark.parametrize(
    "data",
    [
        with_text_chunk(compressed=False),
        with_text_chunk(compressed=True),
        written("JPEG", xmp=PACKET),
        written("WEBP", xmp=PACKET),
        written("TIFF", tiffinfo={700: PACKET}),
        written("AVIF", xmp=PACKET),
        b"GIF89a" + bytes(20) + PACKET,
    ],
    ids=["png", "png_compressed", "jpeg", "webp", "tiff", "avif", "gif"],
)
def test_the_source_type_is_read_in_every_kind_of_picture(data: bytes) -> None:
    kind = sniff(data)
    assert kind is not None
    assert digital_source_type(xmp_packet(data, kind)) == SOURCE_TYPE


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF"])
def test_a_picture_without_a_packet_has_none(kind: str) -> None:
    data = written(kind)
    found = sniff(data)
    assert found is not None
    assert xmp_packet(data, found) is None


def test_a_packet_that_inflates_without_end_is_not_taken_out() -> None:
    bomb = zlib.compress(bytes(64 << 20), 9)
    chunk = b"iTXtXML:com.adobe.xmp\x00\x01\x00\x00\x00" + bomb
    data = (
        b"\x89PNG\r\n\x1a\n"
        + (len(chunk) - 4).to_bytes(4, "big")
        + chunk
        + zlib.crc32(chunk).to_bytes(4, "big")
        + b"\x00\x00\x00\x00IEND\xaeB`\x82"
    )
    assert xmp_packet(data, MediaType.PNG) is None


@given(st.sampled_from([b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n", b"<x:xmpmeta"]), st.binary(max_size=200))
def test_any_bytes_give_a_packet_or_none(head: bytes, rest: bytes) -> None:
    for kind in (MediaType.JPEG, MediaType.PNG, MediaType.TIFF):
        assert isinstance(xmp_packet(head + rest, kind), bytes | None)


def test_text_bombs_of_the_corpus_are_passed_over(corpus: Path) -> None:
    for name in ("made_ztxt_bomb_200MB.png", "png_text_decompression_dos.png"):
        xmp_packet((corpus / "odd-images" / name).read_bytes(), MediaType.PNG)
