"""One verdict from all findings. The table it follows is docs/verdict.md; a test holds the two together.

Order of the steps, first that applies:

    1. conflict        findings that cannot both be true of an honest file
    2. our mark        in the content itself: survives loss of metadata, and cannot be made without our keys
    3. trusted claim   an intact manifest of a trusted signer that declares AI
    4. declared        any other claim of AI
    5. inconclusive    something was there and can no longer be told
    6. nothing

Trust moves a claim between 3 and 4 and nowhere else: whether a file counts as AI never hangs on
configuration.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from waarmerk.core.evidence import Basis, Evidence, Origin, Status


class Answer(StrEnum):
    AI_GENERATED = "ai_generated"
    AI_MANIPULATED = "ai_manipulated"
    DECLARED_AI = "declared_ai"
    INCONCLUSIVE = "inconclusive"
    CONFLICT = "conflict"
    NO_MARK_FOUND = "no_mark_found"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the findings come to.

    Args:
        verdict: see `Answer`.
        code: stable machine name of the reason: the code of the finding that decided, or of the conflict.
        sentence: plain English for a person, with what it does not say.
        mark_id: 16 hex digits of our mark, where one was read and verified.
    """

    verdict: Answer
    code: str
    sentence: str
    mark_id: str | None = None


LIMITS = (
    "That does not mean that a person made it: marks can be missing, removed or of a kind this detector does "
    "not read."
)


def decide(evidence: Sequence[Evidence]) -> Verdict:
    """Weigh all findings about one file.

    Args:
        evidence: in any order; order decides only between findings of the same weight.
    """
    marks = [e for e in evidence if e.code == "mark_verified" and e.status is Status.FOUND]
    mark_id = marks[0].mark_id if marks else None
    conflict = _conflict(marks, evidence)
    if conflict is not None:
        return Verdict(Answer.CONFLICT, *conflict, mark_id)
    if marks:
        origin = _origin_of_mark(marks[0], evidence)
        return Verdict(_answer(origin), "mark_verified", _mark_sentence(marks[0], origin, evidence), mark_id)
    claims = [e for e in evidence if e.basis is Basis.METADATA and e.ai is not None]
    for e in claims:
        if e.status is Status.FOUND and e.ai is not None:
            return Verdict(_answer(e.ai), e.code, _trusted_sentence(e, e.ai))
    for e in claims:
        if e.status is Status.UNVERIFIED and e.ai is not None:
            return Verdict(Answer.DECLARED_AI, e.code, _declared_sentence(e, e.ai, evidence))
    for code, sentence in _OPEN_QUESTIONS.items():
        for e in evidence:
            if e.code == code:
                return Verdict(Answer.INCONCLUSIVE, code, _filled(sentence, e))
    return Verdict(Answer.NO_MARK_FOUND, *_nothing(evidence))


def _conflict(marks: list[Evidence], evidence: Sequence[Evidence]) -> tuple[str, str] | None:
    if not marks:
        return None
    read = {e.mark_id for e in marks}
    naming = [e for e in evidence if e.basis is Basis.METADATA and e.mark_id is not None]
    named = {e.mark_id for e in naming if e.mark_id is not None}
    # A registered manifest is ours and binds this very content: it was marked here more than once.
    registered = any(e.details.get("registered") is True for e in naming)
    if named and not read & named and not registered:
        return (
            "mark_id_differs",
            f"The mark in the content has id {marks[0].mark_id}, but the file's intact C2PA manifest names "
            f"{sorted(named)[0]}: mark and manifest do not belong together, so neither is relied on.",
        )
    if len({e.ai for e in marks if e.ai is not None}) > 1:
        return (
            "marks_disagree",
            "Two of our marks are in this content, one declared as AI-generated and one as AI-manipulated; "
            "it was put together from several marked works or marked more than once.",
        )
    for e in evidence:
        if e.scheme == "c2pa" and e.capture and e.ai is None and e.status is Status.FOUND:
            return (
                "capture_but_marked",
                f"An intact C2PA manifest signed by {_signer(e)}, whom this detector trusts, declares a "
                f"camera capture, but the content carries our mark {marks[0].mark_id} for AI content. It may "
                "be a photograph of marked content, or the mark was copied onto it.",
            )
    return None


def _answer(origin: Origin) -> Answer:
    return Answer.AI_GENERATED if origin is Origin.GENERATED else Answer.AI_MANIPULATED


def _origin_of_mark(mark: Evidence, evidence: Sequence[Evidence]) -> Origin:
    """The registry's word; without a row that of an intact manifest with the same id; else generated."""
    if mark.ai is not None:
        return mark.ai
    named = [e.ai for e in evidence if e.basis is Basis.METADATA and e.mark_id == mark.mark_id and e.ai]
    return named[0] if named else Origin.GENERATED


_WORD = {Origin.GENERATED: "AI-generated", Origin.MANIPULATED: "AI-manipulated"}


def _mark_sentence(mark: Evidence, origin: Origin, evidence: Sequence[Evidence]) -> str:
    sentence = f"{_WORD[origin]}, marked by {_marker(mark)}, mark id {mark.mark_id}{_false_alarm(mark)}."
    if any(e.code in _DAMAGED for e in evidence):
        sentence += " Its C2PA manifest is damaged, which does not touch the mark in the content."
    return sentence


def _marker(mark: Evidence) -> str:
    """The system that was declared; without one, whose mark it is: a tenant's name is no system's."""
    named = _plain(mark.system or "")
    tenant = _plain(str(mark.details.get("tenant") or ""))
    return named or (f"this service (tenant {tenant})" if tenant else "this service")


_DAMAGED = ("manifest_broken", "manifest_unreadable")


def _false_alarm(mark: Evidence) -> str:
    """``below_1e-12`` in words; the class is all that is told in public."""
    match = re.fullmatch(r"below_1e-(\d+)", str(mark.details.get("false_alarm", "")))
    return f", chance of a false alarm below 1 in 10^{match.group(1)}" if match else ""


def _trusted_sentence(e: Evidence, origin: Origin) -> str:
    what = "according to its C2PA manifest"
    if e.code == "ingredient_declares_ai":
        what = "according to an earlier C2PA manifest in this file's history"
    elif e.code == "generator_known_ai":
        what = f"by its generator ({_system(e)}, which makes nothing else) according to its C2PA manifest"
    return (
        _closed(f"{_WORD[origin]} {what}, signed by {_signer(e)}")
        + " The manifest is intact and its signer is on this detector's trust list."
    )


def _declared_sentence(e: Evidence, origin: Origin, evidence: Sequence[Evidence]) -> str:
    sentence = _closed(f"Declared as {_WORD[origin]} {_declared_by(e)}")
    sentence += " Nobody this detector trusts vouches for that."
    if any(other.code == "mark_unverified" for other in evidence):
        sentence += " There are also signs of a mark in the content, but its id could not be verified."
    if any(other.code == "mark_inconclusive" for other in evidence):
        sentence += " There may also be traces of a mark in the content, too weak to conclude anything from."
    if any(other.code in _DAMAGED for other in evidence):
        sentence += " Its C2PA manifest is damaged."
    return sentence


def _declared_by(e: Evidence) -> str:
    signer = _signer(e)
    if e.code == "unsigned_metadata":
        return "in unsigned metadata (IPTC digital source type), which anyone can write or change"
    if e.code == "ingredient_declares_ai":
        return f"by an earlier C2PA manifest in this file's history, signed by {signer}"
    if e.code == "generator_known_ai":
        return f"by its generator: its C2PA manifest, signed by {signer}, names {_system(e)}"
    return f"by its intact C2PA manifest, signed by {signer}, {_why_not_trusted(e)}"


def _why_not_trusted(e: Evidence) -> str:
    if e.code == "manifest_expired_signer":
        until = e.details.get("signer_valid_until")
        on = f" on {until[:10]}" if isinstance(until, str) else ""
        return f"whose certificate expired{on}, and no trusted time says it was signed before"
    return {
        "manifest_unknown_signer": "who is on no trust list of this detector",
        "manifest_revoked_signer": "whose certificate was revoked",
        "manifest_invalid_signer": "whose certificate is not one that may sign manifests",
    }.get(e.code, "who is not trusted")


# What stays open, most telling first, with its sentence.
_OPEN_QUESTIONS = {
    "manifest_broken": (
        "The file carries a C2PA manifest signed by {signer}, but file or manifest was altered after it was "
        "signed ({failures}). What it says can no longer be relied on, and nothing else was found."
    ),
    "mark_unverified": (
        "There are signs of a mark in the content, but its id cannot be read or is not one of ours. It may "
        "be a damaged mark, or something made to look like one."
    ),
    "mark_inconclusive": (
        "There may be traces of a mark in the content, but they are too weak to conclude anything from: a picture "
        "that was never marked shows such traces less than once in 10^6. A larger or less altered copy may tell."
    ),
    "manifest_unreadable": (
        "The file carries C2PA data that cannot be read as a manifest, so what it said is not known."
    ),
    "manifest_remote": (
        "The file's C2PA manifest is not in it but at {host}; this detector does not fetch it, so what it "
        "says is not known."
    ),
}


def _filled(sentence: str, e: Evidence) -> str:
    failures = e.details.get("failures")
    return sentence.format(
        signer=_signer(e),
        failures=_plain(", ".join(failures)) if isinstance(failures, list) and failures else "no code given",
        host=_plain(str(e.details.get("host") or "another place")),
    )


_UNCHECKED = {
    "too_small": " The picture is too small to hold our mark, so the pixels tell nothing.",
    "not_an_image": " This detector reads marks in pictures only, so nothing but metadata was looked at.",
    "pixels_unreadable": " The pixels could not be read, so a mark in them would not have been seen.",
    "manifest_not_checked": " The file could not be taken apart, so its metadata was not fully looked at.",
}


def _nothing(evidence: Sequence[Evidence]) -> tuple[str, str]:
    unchecked = "".join(_UNCHECKED[e.code] for e in evidence if e.code in _UNCHECKED)
    for e in evidence:
        if e.scheme == "c2pa" and e.code.startswith("manifest_") and e.status in _INTACT:
            trusted = "" if e.status is Status.FOUND else " whom this detector does not trust,"
            what = "declares a camera capture" if e.capture else "does not say that AI made it"
            sentence = f"No AI mark found. Its intact C2PA manifest, signed by {_signer(e)},{trusted} {what}."
            return (
                "capture_declared" if e.capture else "manifest_without_ai"
            ), f"{sentence} {LIMITS}{unchecked}"
    return (
        "not_checked" if unchecked else "nothing_found"
    ), f"No AI mark or claim found. {LIMITS}{unchecked}"


_INTACT = (Status.FOUND, Status.UNVERIFIED)


def _signer(e: Evidence) -> str:
    return _plain(e.signer or "") or "a signer without a name"


def _system(e: Evidence) -> str:
    return _plain(e.system or "") or "a known AI system"


def _closed(text: str) -> str:
    """A sentence with one full stop, also behind "Inc."."""
    return text if text.endswith(".") else text + "."


def _plain(text: str) -> str:
    """A stranger's text as part of one line of prose: printable and short."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:_MAX_IN_PROSE]


_MAX_IN_PROSE = 120  # characters
