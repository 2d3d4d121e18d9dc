"""The log says what happened and not whose it was."""

from __future__ import annotations

import json
import logging

import pytest

from waarmerk.app import log


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("testclient", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_address_is_cut_to_its_network(address: str | None, network: str) -> None:
    assert log.network_of(address) == network


def test_an_event_is_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info")
    log.event("info", "start", threads=2)
    log.event("debug", "not shown")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    said = json.loads(lines[0])
    assert said["event"] == "start"
    assert said["level"] == "info"
    assert said["threads"] == 2
    assert said["timestamp"].endswith("Z")


def test_what_libraries_say_is_a_json_line_too_and_quotes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info")
    log.configure("info")  # a second time adds no second line
    logging.getLogger("uvicorn.error").warning("Invalid %s received.", "content of a file")
    logging.getLogger("PIL.Image").error(f"cannot read {'content of a file'}")
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["level"], line["logger"]) for line in said] == [
        ("library", "warning", "uvicorn.error"),
        ("library", "error", "PIL.Image"),
    ]
    assert said[0]["message"] == "Invalid %s received."
    assert "content" not in json.dumps(said)


def test_the_places_of_a_fault_do_not_quote_it() -> None:
    try:
        int("content of a file")
    except ValueError as error:
        places = log.places_of(error)
    assert any(place.startswith(__name__) for place in places)
    assert "content" not in "".join(places)
