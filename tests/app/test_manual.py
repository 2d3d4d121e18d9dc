"""docs/operations.md knows every code and variable there is."""

from __future__ import annotations

import re
from pathlib import Path

import waarmerk
from waarmerk.app.settings import Settings

PACKAGE = Path(waarmerk.__file__).parent
MANUAL = (PACKAGE.parent / "docs" / "operations.md").read_text(encoding="utf-8")
SOURCE = "".join(file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py"))


def test_every_warning_is_explained() -> None:
    codes = set(re.findall(r'(?:MediaWarning|_ParentNotKept)\(\s*"(\w+)"', SOURCE))
    codes |= set(re.findall(r'"(input_manifest_\w+)"', SOURCE))
    assert len(codes) >= 15
    assert {code for code in codes if f"`{code}`" not in MANUAL} == set()


def test_every_setting_is_listed_and_no_other() -> None:
    named = set(re.findall(r"^\| (`WAARMERK_.*?) \|", MANUAL, re.MULTILINE))
    listed = {name for line in named for name in re.findall(r"WAARMERK_(\w+)", line)}
    assert listed == {field.upper() for field in Settings.model_fields}
