"""docs/verdict.md and the code say the same."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from waarmerk.core.evidence import Basis, Evidence, Origin, Status
from waarmerk.detection import verdict
from waarmerk.detection.verdict import Answer, decide

PAGE = Path(__file__).parents[2] / "docs" / "verdict.md"
IDS = {"A": "00000000000000aa", "B": "00000000000000bb"}

# The codes of docs/verdict.md, "Findings", that allow one status only.
STATUS = {
    "mark_verified": Status.FOUND,
    "mark_unverified": Status.UNVERIFIED,
    "mark_inconclusive": Status.INCONCLUSIVE,
    "no_mark": Status.NOT_FOUND,
    "too_small": Status.NOT_CHECKED,
    "not_an_image": Status.NOT_CHECKED,
    "pixels_unreadable": Status.NOT_CHECKED,
    "manifest_trusted": Status.FOUND,
    "manifest_unknown_signer": Status.UNVERIFIED,
    "manifest_expired_signer": Status.UNVERIFIED,
    "manifest_revoked_signer": Status.UNVERIFIED,
    "manifest_invalid_signer": Status.UNVERIFIED,
    "manifest_broken": Status.BROKEN,
    "manifest_unreadable": Status.BROKEN,
    "manifest_remote": Status.NOT_CHECKED,
    "manifest_not_checked": Status.NOT_CHECKED,
    "no_manifest": Status.NOT_FOUND,
    "unsigned_metadata": Status.UNVERIFIED,
    "no_source_type": Status.NOT_FOUND,
}
WATERMARK = {
    "mark_verified",
    "mark_unverified",
    "mark_inconclusive",
    "no_mark",
    "too_small",
    "not_an_image",
    "pixels_unreadable",
}
IPTC = {"unsigned_metadata", "no_source_type"}


def finding(token: str) -> Evidence:
    """The finding a table cell names, e.g. ``mark_verified id=A ai=generated``."""
    code, *rest = token.split()
    given = dict(part.partition("=")[::2] for part in rest)
    watermark = code in WATERMARK
    return Evidence(
        basis=Basis.WATERMARK if watermark else Basis.METADATA,
        scheme="waarmerk.image" if watermark else "iptc" if code in IPTC else "c2pa",
        code=code,
        status=Status(given["status"]) if "status" in given else STATUS[code],
        ai=Origin(given["ai"]) if "ai" in given else None,
        capture="capture" in given,
        mark_id=IDS[given["id"]] if "id" in given else None,
        system="Painter" if watermark else None,
        signer="Signer Ltd" if code.startswith("manifest_") or "status" in given else None,
        details=(
            {"false_alarm": "below_1e-12"}
            if code == "mark_verified"
            else {"registered": True}
            if "registered" in given
            else {}
        ),
    )


def table() -> list[tuple[str, str, str]]:
    section = PAGE.read_text(encoding="utf-8").split("## The table")[1]
    rows = [line.strip().strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [(cells[0].strip(), cells[1].strip().strip("`"), cells[2].strip().strip("`")) for cells in rows]


def test_the_table_is_there_and_reaches_every_answer() -> None:
    assert len(table()) >= 50
    assert {answer for _, answer, _ in table()} == set(Answer)


@pytest.mark.parametrize(("findings", "answer", "code"), table())
def test_every_row_of_the_table_holds_in_any_order(findings: str, answer: str, code: str) -> None:
    tokens = re.findall(r"`([^`]+)`", findings)
    for order in permutations([finding(token) for token in tokens]):
        decided = decide(order)
        assert (decided.verdict, decided.code) == (answer, code)
        assert decided.sentence.endswith(".")
        assert decided.sentence[0].isupper()


def test_no_findings_at_all_is_no_mark_found() -> None:
    assert decide([]).verdict is Answer.NO_MARK_FOUND


def test_the_sentence_of_a_good_mark_names_system_id_and_false_alarm() -> None:
    decided = decide([finding("mark_verified id=A ai=generated")])
    assert decided.sentence == (
        "AI-generated, marked by Painter, mark id 00000000000000aa, chance of a false alarm below 1 in 10^12."
    )
    assert decided.mark_id == IDS["A"]


def test_a_mark_without_a_system_is_called_ours_and_not_by_a_tenants_name() -> None:
    mark = Evidence(
        basis=Basis.WATERMARK,
        scheme="waarmerk.image",
        code="mark_verified",
        status=Status.FOUND,
        ai=Origin.GENERATED,
        mark_id=IDS["A"],
        details={"tenant": "default"},
    )
    assert "marked by this service (tenant default), mark id" in decide([mark]).sentence
    unregistered = replace(mark, details={"registered": False})
    assert "marked by this service, mark id" in decide([unregistered]).sentence
    unprintable = replace(mark, system="\u202e\uffff")
    assert "marked by this service (tenant default), mark id" in decide([unprintable]).sentence


@pytest.mark.parametrize("signer", ["Adobe Inc.", "Adobe"])
def test_every_sentence_ends_in_one_full_stop_whatever_a_name_ends_in(signer: str) -> None:
    for findings, _, _ in table():
        named = [
            replace(finding(t), signer=signer, system=signer) for t in re.findall(r"`([^`]+)`", findings)
        ]
        sentence = decide(named).sentence
        assert ".." not in sentence
        assert "Inc. does" not in sentence
        assert "Inc. declares" not in sentence


def test_pixels_that_could_not_be_read_are_told() -> None:
    decided = decide([finding("pixels_unreadable"), finding("no_manifest")])
    assert "pixels could not be read" in decided.sentence


def test_no_mark_found_never_sounds_like_made_by_a_person() -> None:
    for findings, answer, _ in table():
        decided = decide([finding(token) for token in re.findall(r"`([^`]+)`", findings)])
        if answer == "no_mark_found":
            assert verdict.LIMITS in decided.sentence


def test_trust_changes_the_degree_and_never_whether_it_is_ai() -> None:
    """Every row without our mark, with each kind of signer in place of the trusted one."""
    ai = {Answer.AI_GENERATED, Answer.AI_MANIPULATED, Answer.DECLARED_AI}
    for findings, answer, _ in table():
        if "mark_verified" in findings or "status=" in findings:
            continue
        for signer in ("trusted", "unknown_signer", "expired_signer", "revoked_signer", "invalid_signer"):
            other = re.sub(r"manifest_(trusted|\w+_signer)", f"manifest_{signer}", findings)
            decided = decide([finding(token) for token in re.findall(r"`([^`]+)`", other)])
            assert (decided.verdict in ai) == (answer in ai), other


def test_traces_never_make_content_ai_and_name_no_mark() -> None:
    """Every row, with traces in place of no mark: whether it is AI stays as it was."""
    ai = {Answer.AI_GENERATED, Answer.AI_MANIPULATED, Answer.DECLARED_AI}
    for findings, answer, _ in table():
        if "`no_mark`" not in findings:
            continue
        other = findings.replace("`no_mark`", "`mark_inconclusive`")
        decided = decide([finding(token) for token in re.findall(r"`([^`]+)`", other)])
        assert (decided.verdict in ai) == (answer in ai), other
        assert decided.verdict is not Answer.NO_MARK_FOUND, other
        assert decided.mark_id is None


def test_a_strangers_text_stays_one_short_printable_line() -> None:
    nasty = Evidence(
        basis=Basis.METADATA,
        scheme="c2pa",
        code="manifest_unknown_signer",
        status=Status.UNVERIFIED,
        ai=Origin.GENERATED,
        signer="{host}\n\x1b[31m" + "x" * 10_000,
    )
    sentence = decide([nasty]).sentence
    assert sentence.isprintable()
    assert len(sentence) < 500


def test_an_expired_signer_is_told_with_its_date() -> None:
    expired = Evidence(
        basis=Basis.METADATA,
        scheme="c2pa",
        code="manifest_expired_signer",
        status=Status.UNVERIFIED,
        ai=Origin.GENERATED,
        signer="OpenAI",
        details={"signer_valid_until": "2026-01-13T20:36:45+00:00"},
    )
    assert "signed by OpenAI, whose certificate expired on 2026-01-13" in decide([expired]).sentence
