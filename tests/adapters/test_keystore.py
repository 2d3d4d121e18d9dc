"""The key store keeps secrets whole, once, and to itself."""

from __future__ import annotations

import base64
import errno
import json
import stat
import threading
from pathlib import Path

import pytest

from waarmerk.adapters.keystore import (
    StoredKeys,
    add_epoch,
    keys_from_secret,
    make_keys,
    read_keys,
    write_folder_once,
    write_once,
)
from waarmerk.core.errors import ConfigurationError
from waarmerk.core.keys import EpochState, KeyRing, MasterSecret

RAW = bytes(range(32))
SECRET = MasterSecret(RAW)


def secret(number: int) -> MasterSecret:
    return MasterSecret(bytes([number]) * 32)


def test_made_keys_read_back_and_build_a_key_ring(tmp_path: Path) -> None:
    made = make_keys(tmp_path / "new" / "keys.json", SECRET, development=True)
    assert made == read_keys(tmp_path / "new" / "keys.json")
    assert made.development
    assert made.epochs[0].secret == SECRET
    assert KeyRing.build(made.epochs, ["default"]).current.epoch == 1


def test_only_the_owner_may_read_the_file_and_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "new" / "keys.json"
    make_keys(file, SECRET, development=True)
    add_epoch(file, secret(2))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in file.parent.iterdir()] == ["keys.json"]


def test_making_keys_twice_keeps_the_first(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys.json", secret(1), development=False)
    again = make_keys(tmp_path / "keys.json", secret(2), development=True)
    assert again.epochs[0].secret == secret(1)
    assert not again.development


def test_keys_that_are_there_are_read_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_keys(tmp_path / "keys.json", SECRET, development=True)

    def never(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("waarmerk.adapters.keystore.tempfile.mkstemp", never)
    assert make_keys(tmp_path / "keys.json", SECRET, development=True) == made


def test_starters_that_race_all_end_up_with_the_same_keys(tmp_path: Path) -> None:
    together = threading.Barrier(8)
    got: list[StoredKeys] = []

    def start(number: int) -> None:
        together.wait()
        got.append(make_keys(tmp_path / "keys.json", secret(number), development=True))

    threads = [threading.Thread(target=start, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert all(keys == got[0] for keys in got)


def test_a_new_epoch_is_the_one_that_marks_and_the_fourth_retires_the_first(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    make_keys(file, secret(1), development=False)
    for number in (2, 3, 4):
        add_epoch(file, secret(number))
    kept = read_keys(file)
    assert [(e.epoch, e.state) for e in kept.epochs] == [
        (1, EpochState.RETIRED),
        (2, EpochState.ACTIVE),
        (3, EpochState.ACTIVE),
        (4, EpochState.ACTIVE),
    ]
    assert [e.secret for e in kept.epochs] == [secret(n) for n in (1, 2, 3, 4)]
    assert KeyRing.build(kept.epochs, ["default"]).current.epoch == 4


def test_epochs_added_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    make_keys(file, secret(1), development=False)
    threads = [threading.Thread(target=add_epoch, args=(file, secret(number))) for number in range(2, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = read_keys(file).epochs
    assert [e.epoch for e in kept] == list(range(1, 10))
    assert {e.secret for e in kept} == {secret(n) for n in range(1, 10)}


def test_a_new_epoch_leaves_the_development_marker_and_the_files_mode(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    make_keys(file, SECRET, development=True)
    file.chmod(0o640)
    assert add_epoch(file, secret(2)).development
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "text", [base64.b64encode(RAW).decode(), RAW.hex(), RAW.hex().upper(), f" {RAW.hex()}\n"]
)
def test_a_master_secret_is_taken_in_base64_or_hex(text: str) -> None:
    keys = keys_from_secret(text)
    assert keys.epochs[0].secret == SECRET
    assert not keys.development


@pytest.mark.parametrize(
    "text",
    ["", "changeme", "x" * 64, RAW[:31].hex(), base64.b64encode(RAW + b"1").decode(), "00" * 32, "ab" * 32],
)
def test_a_placeholder_or_a_wrong_length_stops_the_start_and_is_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        keys_from_secret(text)
    assert "openssl rand" in caught.value.sentence
    assert not text or text not in caught.value.sentence


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"format": "waarmerk-keys/2", "development": false, "epochs": []}',
        '{"format": "waarmerk-keys/1", "development": false, "epochs": [{"epoch": 1, "state": "active"}]}',
        json.dumps(
            {
                "format": "waarmerk-keys/1",
                "development": False,
                "epochs": [{"epoch": -1, "state": "active", "secret": RAW.hex()}],
            }
        ),
        json.dumps(
            {
                "format": "waarmerk-keys/1",
                "development": False,
                "epochs": [{"epoch": 1, "state": "sleeping", "secret": RAW.hex()}],
            }
        ),
    ],
)
def test_a_file_that_is_no_key_store_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"keys\.json"):
        read_keys(tmp_path / "keys.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"keys\.json cannot be read"):
        read_keys(tmp_path / "keys.json")
    with pytest.raises(ConfigurationError):
        add_epoch(tmp_path / "none" / "keys.json", SECRET)


def test_keys_show_no_secret(tmp_path: Path) -> None:
    shown = repr(make_keys(tmp_path / "keys.json", SECRET, development=True))
    assert "development" in shown
    assert repr(RAW) not in shown
    assert base64.b64encode(RAW).decode() not in shown


def test_write_once_never_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    write_once(tmp_path / "a", b"first")
    with pytest.raises(FileExistsError):
        write_once(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_folder_is_written_whole_and_the_first_one_stays(tmp_path: Path) -> None:
    write_folder_once(tmp_path / "certificates", {"chain.pem": b"1", "key.pem": b"2"})
    write_folder_once(tmp_path / "certificates", {"chain.pem": b"3"})
    kept = tmp_path / "certificates"
    assert {f.name: f.read_bytes() for f in kept.iterdir()} == {"chain.pem": b"1", "key.pem": b"2"}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert stat.S_IMODE((kept / "key.pem").stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["certificates"]


def test_a_place_that_cannot_be_written_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match="WAARMERK_DATA_DIR"):
        make_keys(tmp_path / "file" / "keys.json", SECRET, development=True)
    with pytest.raises(ConfigurationError, match="WAARMERK_DATA_DIR"):
        write_folder_once(tmp_path / "file" / "certificates", {})
