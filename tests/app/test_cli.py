"""The command: what people type, what scripts rely on."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.app.pictures import decoded, encoded
from waarmerk.app import cli, detect_steps
from waarmerk.app.cli import app
from waarmerk.core.evidence import Status
from waarmerk.detection import images
from waarmerk.detection.images import ImageReading

COMMAND = str(Path(sys.executable).with_name("waarmerk"))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    for name in [name for name in os.environ if name.startswith("WAARMERK_") and name != "WAARMERK_CORPUS"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WAARMERK_DATA_DIR", str(data_dir))


@pytest.fixture
def folder(tmp_path: Path, png: bytes) -> Path:
    (tmp_path / "in.png").write_bytes(png)
    return tmp_path


def run(*arguments: str | Path, data: bytes | None = None) -> Any:
    return CliRunner().invoke(app, [str(a) for a in arguments], input=data)


def mark(folder: Path, *more: str) -> Any:
    return run("mark", folder / "in.png", "-o", folder / "out.png", "--origin", "generated", *more)


def test_mark_and_detect_a_file(folder: Path) -> None:
    marked = mark(folder, "--json", "--system", "Painter")
    assert marked.exit_code == 0
    said = json.loads(marked.stdout)
    assert said["layers"] == ["metadata", "watermark"]
    assert said["manifest_id"].startswith("urn:c2pa:")
    assert len(said["mark_id"]) == 16
    assert "with development keys and certificates" in marked.stderr

    found = run("detect", folder / "out.png", "--json")
    assert found.exit_code == 0
    answer = json.loads(found.stdout)
    assert answer["verdict"] == "ai_generated"
    assert answer["media"]["file"] == str(folder / "out.png")
    watermark = next(item for item in answer["evidence"] if item["basis"] == "watermark")
    assert watermark["mark_id"] == said["mark_id"]
    assert watermark["private"]["log10_p"] < -12


def test_without_json_it_speaks_to_people(folder: Path) -> None:
    marked = mark(folder)
    assert marked.stdout.startswith("marked ")
    found = run("detect", folder / "out.png")
    assert "ai_generated: AI-generated, marked by" in found.stdout
    assert "mark_verified" in found.stdout


def test_the_exit_status_of_detect_follows_the_gravest_file(folder: Path) -> None:
    mark(folder)
    marked, unmarked, missing = folder / "out.png", folder / "in.png", folder / "none.png"
    broken = folder / "broken.jpg"
    broken.write_bytes(_altered_manifest())
    assert run("detect", marked).exit_code == 0
    assert run("detect", unmarked).exit_code == 1
    assert run("detect", missing).exit_code == 2
    assert run("detect", broken).exit_code == 3
    assert run("detect", unmarked, marked).exit_code == 0
    assert run("detect", marked, broken).exit_code == 3
    assert run("detect", marked, broken, missing).exit_code == 2


def test_traces_of_a_mark_are_inconclusive_and_name_no_id(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces = ImageReading(Status.INCONCLUSIVE, log10_p=-7.3, epoch=1)
    monkeypatch.setattr(detect_steps, "read", lambda luma, ring, *, thorough: traces)
    found = run("detect", folder / "in.png", "--json")
    assert found.exit_code == 3
    answer = json.loads(found.stdout)
    watermark = next(item for item in answer["evidence"] if item["basis"] == "watermark")
    assert answer["verdict"] == "inconclusive"
    assert (watermark["code"], watermark["status"]) == ("mark_inconclusive", "inconclusive")
    assert watermark["details"] == {"false_alarm": "below_1e-6"}
    assert not {"mark_id", "ai"} & watermark.keys()
    assert "too weak" in run("detect", folder / "in.png").stdout


def _altered_manifest() -> bytes:
    """A signed file whose pixels and declarations were replaced: no mark, and a manifest that does not fit."""
    marked = run(
        "mark", "-", "-o", "-", "--origin", "generated", data=encoded("JPEG", quality=90)
    ).stdout_bytes
    marked = marked.replace(b"trainedAlgorithmicMedia", b"thisSaysNothingAboutIt_")
    at = marked.index(b"\xff\xda") + 200
    return marked[:at] + bytes(len(marked) - at - 2) + b"\xff\xd9"


def test_several_files_give_a_list_in_their_order_and_errors_stand_in_it(folder: Path) -> None:
    mark(folder)
    found = run("detect", folder / "out.png", folder / "none.png", folder / "in.png", "--json")
    answers = json.loads(found.stdout)
    assert [answer["media"]["file"] for answer in answers] == [
        str(folder / name) for name in ("out.png", "none.png", "in.png")
    ]
    assert [answer.get("verdict") for answer in answers] == ["ai_generated", None, "no_mark_found"]
    assert answers[1]["error"]["code"] == "unreadable_file"


def test_standard_input_and_output_are_written_as_a_dash(folder: Path, png: bytes) -> None:
    marked = run("mark", "-", "-o", "-", "--origin", "generated", "--json", data=png)
    assert marked.exit_code == 0
    assert decoded(marked.stdout_bytes).size == (320, 320)
    assert '"mark_id"' in marked.stderr
    assert run("detect", "-", data=marked.stdout_bytes).exit_code == 0


def test_the_input_is_never_written_over(folder: Path, png: bytes) -> None:
    (folder / "link.png").symlink_to(folder / "in.png")
    for output in ("in.png", "link.png"):
        refused = run("mark", folder / "in.png", "-o", folder / output, "--origin", "generated")
        assert refused.exit_code == 2
        assert "same_file" in refused.stderr
    assert (folder / "in.png").read_bytes() == png


def test_an_older_output_is_replaced_keeping_its_mode_and_leaving_nothing_beside_it(folder: Path) -> None:
    (folder / "out.png").write_bytes(b"old")
    (folder / "out.png").chmod(0o640)
    assert mark(folder).exit_code == 0
    assert decoded((folder / "out.png").read_bytes()).size == (320, 320)
    assert stat.S_IMODE((folder / "out.png").stat().st_mode) == 0o640
    assert sorted(f.name for f in folder.iterdir()) == ["in.png", "out.png"]


def test_a_new_output_has_the_mode_the_umask_gives(folder: Path) -> None:
    mask = os.umask(0o022)
    mark(folder)
    os.umask(mask)
    assert stat.S_IMODE((folder / "out.png").stat().st_mode) == 0o644


def test_a_refused_file_leaves_no_output_and_says_why(folder: Path) -> None:
    (folder / "in.png").write_bytes(b"no picture")
    refused = mark(folder)
    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[-1].startswith("waarmerk: ")
    assert refused.stderr.splitlines()[-1].endswith("(unsupported_media)")
    assert not (folder / "out.png").exists()


def test_an_output_that_cannot_be_written_is_named(folder: Path) -> None:
    refused = run("mark", folder / "in.png", "-o", folder / "no" / "out.png", "--origin", "generated")
    assert refused.exit_code == 2
    assert "unwritable_file" in refused.stderr
    assert run("mark", folder / "in.png", "-o", "/dev/null", "--origin", "generated").exit_code == 0
    assert Path("/dev/null").is_char_device()


def test_a_folder_in_place_of_a_file_is_an_error_and_no_traceback(folder: Path) -> None:
    refused = run("detect", folder)
    assert refused.exit_code == 2
    assert "Is a directory" in refused.stderr


def test_a_file_over_the_limit_is_not_read_to_its_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAARMERK_MAX_BYTES", "1000")
    refused = run("detect", folder / "in.png")
    assert refused.exit_code == 2
    assert "too_many_bytes" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["mark", "in.png", "-o", "out.png"],
        ["mark", "in.png", "--origin", "generated"],
        ["mark", "in.png", "-o", "out.png", "--origin", "human"],
        ["detect"],
        ["nonsense"],
    ],
)
def test_a_wrong_command_line_ends_with_status_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_wrong_setting_is_named_by_its_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAARMERK_MAX_PIXELS", "many")
    refused = run("detect", folder / "in.png")
    assert refused.exit_code == 2
    assert "WAARMERK_MAX_PIXELS" in refused.stderr


def test_production_refuses_what_development_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mark(folder).exit_code == 0
    monkeypatch.setenv("WAARMERK_MODE", "production")
    refused = mark(folder)
    assert refused.exit_code == 2
    assert "development_keys" in refused.stderr
    for command in (["serve"], ["detect", str(folder / "out.png")]):
        assert run(*command).exit_code == 2


def test_keys_are_listed_without_secrets_and_a_new_epoch_keeps_old_marks_readable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAARMERK_DATA_DIR", str(folder / "data"))
    mark(folder)
    grown = run("keys", "new-epoch")
    assert grown.exit_code == 0
    assert "epoch 2 is active" in grown.stdout
    listed = json.loads(run("keys", "list", "--json").stdout)
    assert listed == [
        {"epoch": 1, "state": "active", "development": True},
        {"epoch": 2, "state": "active", "development": True},
    ]
    assert "epoch 1  active  (development)" in run("keys", "list").stdout
    assert run("detect", folder / "out.png").exit_code == 0


def test_the_first_epoch_of_a_new_key_store_is_fit_for_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAARMERK_MODE", "production")
    monkeypatch.setenv("WAARMERK_KEYS_FILE", str(tmp_path / "keys.json"))
    assert run("keys", "new-epoch").exit_code == 0
    assert json.loads(run("keys", "list", "--json").stdout) == [
        {"epoch": 1, "state": "active", "development": False}
    ]


def test_what_a_file_says_cannot_move_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    cli._say_answer(
        {"verdict": "declared_ai", "sentence": "by \x1b[2J\x9bevil", "evidence": [], "media": {"file": "a"}}
    )
    assert "\x1b" not in (said := capsys.readouterr().out)
    assert "\x9b" not in said


def test_the_installed_command_runs_and_tells_its_version() -> None:
    said = subprocess.run([COMMAND, "--version"], capture_output=True, check=True, text=True)
    assert said.stdout.startswith("waarmerk 0.")


def test_a_reader_that_stops_early_gets_no_traceback(folder: Path) -> None:
    command = f"{COMMAND} mark {folder / 'in.png'} -o - --origin generated | head -c 10 | wc -c"
    said = subprocess.run(["bash", "-c", command], capture_output=True, check=True, text=True)
    assert said.stdout.strip() == "10"
    assert "Traceback" not in said.stderr


def test_thorough_is_handed_on_to_the_search_in_the_pixels(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def read(luma: Any, ring: Any, *, thorough: bool = False) -> ImageReading:
        asked.append(thorough)
        return images.read(luma, ring, thorough=thorough)

    monkeypatch.setattr("waarmerk.app.detect_steps.read", read)
    assert run("detect", folder / "in.png").exit_code == 1
    assert run("detect", folder / "in.png", "--thorough").exit_code == 1
    assert asked == [False, True]


def test_a_missing_file_is_named_once(folder: Path) -> None:
    answer = run("detect", folder / "nosuch.png")
    assert answer.exit_code == 2
    assert answer.stderr.count("nosuch.png") == 1


def test_a_file_name_that_is_no_utf_8_is_shown_as_far_as_it_can_be(folder: Path, png: bytes) -> None:
    name = os.fsencode(folder) + b"/\xff\x1b.png"
    Path(os.fsdecode(name)).write_bytes(png)
    said = subprocess.run([COMMAND, "detect", name], capture_output=True, timeout=60)
    assert said.returncode == 1
    assert b"/??.png: no_mark_found" in said.stdout
    assert b"Traceback" not in said.stderr


@pytest.mark.parametrize("arguments", [(), ("--host", "256.0.0.1")])
def test_a_place_where_nothing_can_listen_is_said_in_one_line(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WAARMERK_DATA_DIR", str(tmp_path / "never-made"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = run("serve", "--port", str(taken.getsockname()[1]), *arguments)
    assert answer.exit_code == 2
    assert "(cannot_listen)" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert not (tmp_path / "never-made").exists()


def test_a_log_level_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAARMERK_LOG_LEVEL", "loud")
    answer = run("serve", "--port", "0")
    assert answer.exit_code == 2
    assert "WAARMERK_LOG_LEVEL" in answer.stderr


@pytest.fixture
def served(data_dir: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A real server process on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The options outweigh the variables.
    environment = {
        **os.environ,
        "WAARMERK_PORT": "1",
        "WAARMERK_HOST": "192.0.2.1",
        "WAARMERK_DATA_DIR": str(data_dir),
    }
    arguments = [COMMAND, "serve", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(address + "/healthz", timeout=1).close()
            break
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    yield address, server
    if server.poll() is None:
        server.kill()
    server.communicate()


def test_a_served_process_marks_detects_and_ends_in_good_order(
    served: tuple[str, subprocess.Popen[str]], png: bytes
) -> None:
    address, server = served
    with urllib.request.urlopen(address + "/readyz", timeout=20) as ready:
        assert ready.status == 200
    with urllib.request.urlopen(address + "/v1/mark?origin=generated", data=png, timeout=20) as response:
        mark_id, marked = response.headers["Waarmerk-Mark-Id"], response.read()
    with urllib.request.urlopen(address + "/v1/detect", data=marked, timeout=20) as response:
        assert mark_id in response.read().decode()
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as rude:
        rude.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert rude.recv(100).startswith(b"HTTP/1.1 400")
    server.send_signal(signal.SIGTERM)
    _, said = server.communicate(timeout=20)
    assert server.returncode in {0, -signal.SIGTERM}
    assert "DEVELOPMENT KEYS" in said
    banner_end = said.rindex("***") + 4
    events = [json.loads(line)["event"] for line in said[banner_end:].splitlines()]  # JSON, every line
    assert events[0] == "start"
    assert events.count("request") == 2  # health checks are not worth a line
    assert "Traceback" not in said
