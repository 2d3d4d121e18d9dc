"""What others publish about marks that cannot run here, with where each figure stands.

Nothing here was measured by us. A figure that we could not find is None and printed as "not found"; no figure is
worked out from another. `seen` says how we came to it, since few papers were at hand whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.common import table

NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class Source:
    """A publication and the part of it that was at hand."""

    title: str
    where: str
    seen: str


SOURCES: dict[str, Source] = {
    "wam": Source(
        "Sander et al., Watermark Anything with Localized Messages, ICLR 2025",
        "arXiv 2411.07231, tables 1, 2 and 7",
        "the tables as copied into a public review of the paper",
    ),
    "chunky": Source(
        "We Can Hide More Bits: The Unused Watermarking Capacity in Theory and in Practice, Oxford and Meta, 2025",
        "arXiv 2510.12812, table 3",
        "the paper's text",
    ),
    "vine": Source(
        "Lu et al., Robust Watermarking Using Generative Priors Against Image Editing (VINE and W-Bench), ICLR 2025",
        "arXiv 2410.18775, table 1",
        "the table as copied into a public review of the paper",
    ),
    "vine data": Source(
        "the VINE authors' released results of W-Bench",
        "repository Shilin-LU/VINE, data_release, 'Distortion Measure' and 'Regeneration'",
        "the files themselves",
    ),
    "trustmark": Source(
        "Bui et al., TrustMark, arXiv 2311.18297 and ICCV 2025",
        "repository adobe/trustmark, CONFIG.md and FAQ.md",
        "the documentation; the paper's tables were not at hand",
    ),
    "invismark": Source(
        "Xu et al., InvisMark, WACV 2025",
        "arXiv 2411.07795, abstract",
        "the abstract alone; its tables were not at hand",
    ),
    "synthid": Source(
        "Gowal et al., SynthID-Image: Image watermarking at internet scale, 2025",
        "arXiv 2510.09263, as tabulated in wiltodelta/remove-ai-watermarks, docs/synthid.md",
        "second hand; the table's number is not given there",
    ),
    "pixelseal": Source(
        "Souček et al., Pixel Seal, 2025",
        "arXiv 2512.16874, abstract",
        "the abstract alone; its tables were not at hand",
    ),
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """One mark in its own and others' words.

    Attributes:
        bits: the payload measured.
        psnr_db: mean, as published.
        measured: what counts as success, and on what.
        figures: the figures themselves.
        sources: keys of `SOURCES`.
    """

    name: str
    bits: str
    psnr_db: str | None
    measured: str
    figures: tuple[str, ...]
    sources: tuple[str, ...]


SCHEMES: tuple[Scheme, ...] = (
    Scheme(
        "TrustMark",
        "100 raw; 40 to 75 with its error correction",
        "40.3 (COCO), 39.1 (DIV2K), 41.3 (W-Bench); variants 38-39 to 48-50",
        "mean accuracy of raw bits and detection rate, not whole messages; COCO, 10,000 pictures; W-Bench at 512 x 512",
        (
            "bits right: none 99.9 %, JPEG 50 99.8 %, crop 50 % 60.9 %, crop 20 % 50.3 %, rotation 10 degrees 56.4 %",
            "variant C in W-Bench, bits right: JPEG 10 82.2 %, JPEG 25 97.6 %, JPEG 40 99.1 %",
            "detected at 0.1 % false alarms after regeneration: 59.3 % (60 noise steps), 1.0 % (240)",
        ),
        ("wam", "vine", "vine data", "trustmark"),
    ),
    Scheme(
        "Watermark Anything (WAM)",
        "32",
        "38.3 (COCO), 38.8 (DIV2K)",
        "mean accuracy of bits; detection at 0.04 % false alarms measured; COCO, 10,000 pictures",
        (
            "bits right: none 100 %, JPEG 50 99.0 %, crop 50 % 95.9 %, crop 20 % 88.8 %, rotation 10 degrees 77.0 %",
            "detected: JPEG 50 99.9 %, crop 50 % 99.6 %, rotation 10 degrees 97.7 %",
            "JPEG 80 with brightness 1.5 and crop 50 %: detected 99.2 %, bits right 87.2 %",
        ),
        ("wam",),
    ),
    Scheme(
        "Video Seal, on images",
        "256",
        "44.4 (SA-1B at its own size)",
        "mean accuracy of bits, without error correction",
        (
            "bits right: none 99.9 %, JPEG 50 to 80 99.7 %, rotation up to 10 degrees 98.8 %, crop 77-95 % 98.0 %",
            "over all of its attacks 99.3 %",
        ),
        ("chunky",),
    ),
    Scheme(
        "Chunky Seal",
        "1024",
        "45.3 (SA-1B at its own size)",
        "mean accuracy of bits, without error correction",
        (
            "bits right: none 99.7 %, JPEG 50 to 80 98.8 %, rotation up to 10 degrees 98.3 %, crop 77-95 % 98.3 %",
            "over all of its attacks 99.2 %",
        ),
        ("chunky",),
    ),
    Scheme("Pixel Seal", "256", None, "not found", (), ("pixelseal",)),
    Scheme(
        "InvisMark",
        "100 and 256",
        "about 51",
        "mean accuracy of bits over its manipulations, whole messages with an error-correcting code",
        ("bits right: more than 97 % over its manipulations", "by attack: not found"),
        ("invismark",),
    ),
    Scheme(
        "SynthID-Image, variant O",
        "136",
        None,
        "detection rate at 0.1 % false alarms (not messages), 30 transformations, 512 x 512",
        (
            "SynthID-O: none 100 %, all transformations 99.98 %, quality 99.99 %, spatial 99.97 %, combined 99.96 %",
            "WAM in the same table: all 90.62 %, spatial 76.04 %, combined 96.08 %",
        ),
        ("synthid",),
    ),
    Scheme(
        "VINE-R",
        "100",
        "37.3 (W-Bench)",
        "detection rate at 0.1 % false alarms, 512 x 512, 5,000 pictures an editing method, 1,000 a distortion",
        (
            "after regeneration by diffusion: stochastic 99.7 %, deterministic 100.0 %; 97.8 % at 240 steps",
            "JPEG 10: detected 99.9 %, bits right 96.5 %",
        ),
        ("vine", "vine data"),
    ),
    Scheme(
        "VINE-B",
        "100",
        "40.5 (W-Bench)",
        "as VINE-R",
        (
            "after regeneration by diffusion: stochastic 91.0 %, deterministic 99.3 %; 74.1 % at 240 steps",
            "JPEG 10: detected 98.8 %, bits right 92.0 %",
        ),
        ("vine", "vine data"),
    ),
)

READING = """These figures and ours do not measure the same thing. Most count bits, on average, where we count whole
ids; most state detection at one false alarm in a thousand pictures, where we answer at one in a million million; each
paper chose its own pictures, and names its attacks its own way. A message of 100 bits that are 99 % right comes back
whole only with an error-correcting code that mends the rest."""

REGENERATION = """**A loss of ours: regeneration by diffusion.** Adding noise to a picture and letting a diffusion model
paint it anew is expected to remove our mark. We have not tried it, since no such model runs here, and nothing in our
design resists it. In the VINE authors' data VINE, MBRS and StegaStamp withstand it (the last two at a PSNR under
30 dB), TrustMark falls from 59 to 1 % detection as the noise grows, dwtDctSvd starts at 12 % and dwtDct at nothing.
Whoever expects such attacks needs one of the former beside ours."""


def _cell(value: str | None) -> str:
    return NOT_FOUND if value is None else value


def markdown() -> str:
    """The section: figures by scheme, how to read them, regeneration, and every source."""
    numbers = {key: number for number, key in enumerate(SOURCES, 1)}
    rows = [
        [
            scheme.name,
            scheme.bits,
            _cell(scheme.psnr_db),
            scheme.measured,
            "<br>".join(scheme.figures) or NOT_FOUND,
            ", ".join(f"[{numbers[key]}]" for key in scheme.sources),
        ]
        for scheme in SCHEMES
    ]
    sources = "\n".join(f"{numbers[k]}. {s.title}: {s.where}. Seen: {s.seen}." for k, s in SOURCES.items())
    head = ["mark", "bits", "PSNR dB", "what was measured", "figures", "from"]
    return "\n\n".join(
        ["Published by others; not measured by us.", table(head, rows), READING, REGENERATION, sources]
    )
