"""IPTC digital source types: which of them say AI, and which say camera.

References:
    IPTC NewsCodes, Digital Source Type vocabulary, ``http://cv.iptc.org/newscodes/digitalsourcetype/``.
    C2PA 2.4, section "Digital source type", adds two terms under ``http://c2pa.org/digitalsourcetype/``.
    C2PA asset rubrics (conformance programme 0.2): the four terms that count as generative AI.
"""

from __future__ import annotations

import re

from waarmerk.core.evidence import Origin

IPTC_BASE = "http://cv.iptc.org/newscodes/digitalsourcetype/"

SOURCE_TYPE_OF: dict[Origin, str] = {
    Origin.GENERATED: IPTC_BASE + "trainedAlgorithmicMedia",
    Origin.MANIPULATED: IPTC_BASE + "compositeWithTrainedAlgorithmicMedia",
}

_ORIGIN_OF_TERM = {
    "trainedalgorithmicmedia": Origin.GENERATED,
    "trainedalgorithmicdata": Origin.GENERATED,
    "compositewithtrainedalgorithmicmedia": Origin.MANIPULATED,
    "compositesynthetic": Origin.MANIPULATED,
}
# `algorithmicMedia` (fractals, gradients), `algorithmicallyEnhanced`, `digitalArt`, `composite` and
# `virtualRecording` are left out on purpose: none of them says that a trained model made the content.

_CAPTURE_TERMS = frozenset(
    {"digitalcapture", "computationalcapture", "compositecapture", "negativefilm", "positivefilm", "print"}
)

_BASES = re.compile(r"\A(?:https?://(?:cv\.iptc\.org/newscodes|c2pa\.org)/digitalsourcetype/|digsrctype:)?")


def _term(source_type: str) -> str:
    """The bare term, lower case; empty where the URI belongs to another vocabulary.

    A term without its base is a common slip of writers; what it means is not in doubt.
    """
    text = source_type.strip().rstrip("/").lower()
    rest = text[_BASES.match(text).end() :]  # type: ignore[union-attr]  # the pattern also matches nothing
    return "" if "/" in rest or ":" in rest else rest


def origin_of(source_type: str) -> Origin | None:
    """What a digital source type says of AI; None where it says nothing of it."""
    return _ORIGIN_OF_TERM.get(_term(source_type))


def is_capture(source_type: str) -> bool:
    """Whether a digital source type says that a camera or a scanner took the content from the world."""
    return _term(source_type) in _CAPTURE_TERMS
