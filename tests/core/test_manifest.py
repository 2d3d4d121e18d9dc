"""What a mark's manifest says, pinned."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waarmerk.core.errors import BadParameter
from waarmerk.core.evidence import Origin
from waarmerk.core.manifest import (
    SOFT_BINDING_ALG,
    Claim,
    Parent,
    manifest_definition,
    mark_id_of,
    soft_binding_value,
)

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CLAIM = Claim(
    media_type="image/png",
    origin=Origin.GENERATED,
    system="Painter",
    system_version="3",
    model="painter-xl",
    provider="Painter Ltd",
    when=datetime(2026, 11, 30, 13, 0, 0, 987654, tzinfo=timezone(timedelta(hours=1))),
    mark_id=0x0123456789ABCDEF,
    generator_version="0.1.0",
)


def actions(claim: Claim) -> list[dict[str, Any]]:
    listed = manifest_definition(claim)["assertions"][0]["data"]["actions"]
    assert isinstance(listed, list)
    return listed


def test_the_definition_for_a_generated_file_is_exactly_this() -> None:
    assert manifest_definition(CLAIM) == {
        "claim_generator_info": [{"name": "Waarmerk", "version": "0.1.0", "specVersion": "2.4.0"}],
        "format": "image/png",
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "created": True,
                "data": {
                    "allActionsIncluded": True,
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "when": "2026-11-30T12:00:00Z",
                            "digitalSourceType": IPTC + "trainedAlgorithmicMedia",
                            "softwareAgent": {"name": "Painter", "version": "3"},
                            "parameters": {"eu.waarmerk.provider": "Painter Ltd"},
                        },
                        {"action": "c2pa.watermarked.unbound", "when": "2026-11-30T12:00:00Z"},
                    ],
                },
            },
            {
                "label": "c2pa.ai-disclosure",
                "created": True,
                "data": {"modelType": "c2pa.types.model", "modelName": "painter-xl"},
            },
            {
                "label": "c2pa.soft-binding",
                "created": True,
                "data": {
                    "alg": "eu.waarmerk.image.1",
                    "name": "Waarmerk mark id in the pixels",
                    "blocks": [{"scope": {}, "value": "ASNFZ4mrze8="}],
                    "pad": [],
                },
            },
        ],
    }


def test_what_is_not_known_is_left_out() -> None:
    bare = replace(CLAIM, system_version=None, model=None, provider=None)
    assert actions(bare)[0]["softwareAgent"] == {"name": "Painter"}
    assert "parameters" not in actions(bare)[0]
    labels = [a["label"] for a in manifest_definition(bare)["assertions"]]
    assert labels == ["c2pa.actions.v2", "c2pa.soft-binding"]


def test_manipulated_without_a_source_is_created_as_a_composite() -> None:
    first = actions(replace(CLAIM, origin=Origin.MANIPULATED))[0]
    assert first["action"] == "c2pa.created"
    assert first["digitalSourceType"] == IPTC + "compositeWithTrainedAlgorithmicMedia"


def test_the_watermark_action_is_bound_by_setting_only() -> None:
    assert actions(CLAIM)[-1]["action"] == "c2pa.watermarked.unbound"
    assert actions(replace(CLAIM, bound=True))[-1]["action"] == "c2pa.watermarked.bound"


@pytest.mark.parametrize(
    ("origin", "parent", "expected"),
    [
        (Origin.GENERATED, Parent.DECLARES_AI, ["c2pa.opened", "c2pa.watermarked.unbound"]),
        (Origin.GENERATED, Parent.OTHER, ["c2pa.opened", "c2pa.edited", "c2pa.watermarked.unbound"]),
        (Origin.MANIPULATED, Parent.DECLARES_AI, ["c2pa.opened", "c2pa.edited", "c2pa.watermarked.unbound"]),
        (Origin.MANIPULATED, Parent.OTHER, ["c2pa.opened", "c2pa.edited", "c2pa.watermarked.unbound"]),
    ],
)
def test_a_parent_is_opened_and_our_own_source_type_is_always_stated(
    origin: Origin, parent: Parent, expected: list[str]
) -> None:
    listed = actions(replace(CLAIM, origin=origin, parent=parent))
    assert [a["action"] for a in listed] == expected
    assert listed[0] == {
        "action": "c2pa.opened",
        "when": "2026-11-30T12:00:00Z",
        "parameters": {"ingredientIds": ["parent"]},
    }
    stated = [a["digitalSourceType"] for a in listed if "digitalSourceType" in a]
    assert len(stated) == 1


def test_a_naive_time_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="aware"):
        manifest_definition(replace(CLAIM, when=datetime(2026, 11, 30)))


@pytest.mark.parametrize("bad", ["", "   ", "x" * 257, "a\nb", "a\x00b", "a\ud800b", "line\u2028break"])
@pytest.mark.parametrize("parameter", ["system", "system_version", "model", "provider"])
def test_names_that_are_not_plain_text_are_refused_by_name(parameter: str, bad: str) -> None:
    with pytest.raises(BadParameter) as caught:
        manifest_definition(replace(CLAIM, **{parameter: bad}))
    assert caught.value.code == f"bad_{parameter}"
    assert parameter in caught.value.sentence


def test_names_in_any_script_are_taken_as_they_are() -> None:
    name = "絵師 <script>'\"; DROP TABLE marks;--"
    assert actions(replace(CLAIM, system=name))[0]["softwareAgent"]["name"] == name


@given(st.integers(0, 2**64 - 1))
def test_the_soft_binding_value_gives_the_mark_id_back(mark_id: int) -> None:
    assert mark_id_of(soft_binding_value(mark_id)) == mark_id


@given(st.text())
def test_any_other_value_is_no_mark_id_or_eight_bytes_of_base64(value: str) -> None:
    mark_id = mark_id_of(value)
    assert mark_id is None or 0 <= mark_id < 2**64


def test_the_algorithm_name_is_of_the_form_the_c2pa_list_takes() -> None:
    assert re.fullmatch(r"[a-zA-Z0-9]+\.[a-zA-Z0-9\.]+", SOFT_BINDING_ALG)
