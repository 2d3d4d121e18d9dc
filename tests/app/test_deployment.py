"""Development makes what is missing and says so; production refuses what anyone could make."""

from __future__ import annotations

import base64
import secrets
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from waarmerk.adapters import certificates, keystore
from waarmerk.app import deployment
from waarmerk.app.settings import Mode, Settings
from waarmerk.core.errors import ConfigurationError

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAARMERK_DATA_DIR", raising=False)


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(data_dir=folder / "data", **more)


def write_chain(folder: Path, now: datetime = NOW, **more: Any) -> dict[str, Path]:
    chain = certificates.make_development_chain(now, **more)
    folder.mkdir(exist_ok=True)
    (folder / "chain.pem").write_text(chain.chain_pem)
    (folder / "key.pem").write_text(chain.key_pem)
    return {"signing_chain_file": folder / "chain.pem", "signing_key_file": folder / "key.pem"}


def test_the_first_start_makes_keys_and_the_second_finds_them(tmp_path: Path) -> None:
    first = deployment.load_keys(settings(tmp_path))
    assert first.development
    assert deployment.load_keys(settings(tmp_path)) == first


def test_two_deployments_make_different_keys(tmp_path: Path) -> None:
    one = deployment.load_keys(settings(tmp_path / "one"))
    assert one != deployment.load_keys(settings(tmp_path / "other"))


def test_production_refuses_development_keys_and_says_what_to_run(tmp_path: Path) -> None:
    deployment.load_keys(settings(tmp_path))
    with pytest.raises(ConfigurationError, match="waarmerk keys new-epoch") as caught:
        deployment.load_keys(settings(tmp_path, mode=Mode.PRODUCTION))
    assert caught.value.code == "development_keys"


def test_production_makes_no_keys(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no key store"):
        deployment.load_keys(settings(tmp_path, mode=Mode.PRODUCTION))
    assert not (tmp_path / "data" / "keys.json").exists()


def test_a_named_key_store_that_is_missing_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no key store"):
        deployment.load_keys(settings(tmp_path, keys_file=tmp_path / "mounted" / "keys.json"))


def test_a_master_secret_from_the_environment_is_enough_for_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    monkeypatch.setenv("WAARMERK_MASTER_SECRET", secret)
    monkeypatch.setenv("WAARMERK_MODE", "production")
    read = settings(tmp_path)
    assert not deployment.load_keys(read).development
    assert secret not in repr(read)


def test_the_first_start_makes_a_chain_for_its_owner_only_and_the_second_finds_it(tmp_path: Path) -> None:
    first = deployment.load_signing(settings(tmp_path), NOW)
    assert first.info.is_development
    assert deployment.load_signing(settings(tmp_path), NOW) == first
    key = tmp_path / "data" / "development-certificates" / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert first.key_pem not in repr(first)


def test_an_expired_development_chain_is_made_anew_and_the_old_one_kept(tmp_path: Path) -> None:
    first = deployment.load_signing(settings(tmp_path), NOW)
    later = deployment.load_signing(settings(tmp_path), NOW + timedelta(days=400))
    assert later.info.not_after > NOW + timedelta(days=400)
    kept = [folder.name for folder in (tmp_path / "data").iterdir()]
    assert len(kept) == 2
    assert first.chain_pem != later.chain_pem


def test_production_wants_a_certificate_and_names_the_variables(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="WAARMERK_SIGNING_CHAIN_FILE"):
        deployment.load_signing(settings(tmp_path, mode=Mode.PRODUCTION), NOW)
    assert not (tmp_path / "data").exists()


def test_production_refuses_a_development_certificate_under_any_name(tmp_path: Path) -> None:
    files = write_chain(tmp_path / "installed")
    with pytest.raises(ConfigurationError) as caught:
        deployment.load_signing(settings(tmp_path, mode=Mode.PRODUCTION, **files), NOW)
    assert caught.value.code == "development_certificate"


def test_an_expired_certificate_stops_the_start_with_its_date(tmp_path: Path) -> None:
    files = write_chain(tmp_path / "installed", NOW - timedelta(days=30), leaf_life=timedelta(days=10))
    with pytest.raises(ConfigurationError, match=f"{NOW - timedelta(days=20):%Y-%m-%d}") as caught:
        deployment.load_signing(settings(tmp_path, **files), NOW)
    assert caught.value.code == "certificate_expired"


def test_half_a_signing_pair_is_refused(tmp_path: Path) -> None:
    files = write_chain(tmp_path / "installed")
    with pytest.raises(ConfigurationError, match="set both"):
        deployment.load_signing(settings(tmp_path, signing_chain_file=files["signing_chain_file"]), NOW)


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nothing.pem"
    with pytest.raises(ConfigurationError, match=r"nothing\.pem cannot be read"):
        deployment.load_signing(settings(tmp_path, signing_chain_file=missing, signing_key_file=missing), NOW)


def test_the_detector_trusts_the_operators_list_and_the_development_root(tmp_path: Path) -> None:
    authority = certificates.make_development_chain(NOW).root_pem
    (tmp_path / "list.pem").write_text("An authority\n" + authority)
    read = settings(tmp_path, trust_file=tmp_path / "list.pem")
    signing = deployment.load_signing(read, NOW)
    anchors = deployment.trust_anchors(read, signing)
    assert anchors.startswith("An authority\n-----BEGIN CERTIFICATE-----")
    assert authority.strip() in anchors
    assert signing.own_root_pem.strip() in anchors


def test_a_trust_list_without_a_certificate_is_named_and_stops_the_start(tmp_path: Path) -> None:
    """With the development root beside it, any text would pass and trust nobody."""
    signing = deployment.load_signing(settings(tmp_path), NOW)
    wrong = tmp_path / "trust.pem"
    wrong.write_text("root:x:0:0:root\n")
    with pytest.raises(ConfigurationError, match=r"trust\.pem.*WAARMERK_TRUST_FILE") as caught:
        deployment.trust_anchors(settings(tmp_path, trust_file=wrong), signing)
    assert caught.value.code == "bad_trust_list"


def test_an_unknown_tenant_stops_the_start(tmp_path: Path) -> None:
    read = settings(tmp_path, tenant="nobody")
    registry = deployment.open_registry(read)
    with pytest.raises(ConfigurationError, match="WAARMERK_TENANT"):
        deployment.key_ring(read, deployment.load_keys(read), registry)
    registry.close()


def test_what_is_for_development_is_told_and_nothing_else(tmp_path: Path) -> None:
    read = settings(tmp_path)
    stored, signing = deployment.load_keys(read), deployment.load_signing(read, NOW)
    own = keystore.keys_from_secret(secrets.token_bytes(32).hex())
    assert deployment.made_for_development(stored, signing) == ("keys", "certificates")
    assert deployment.made_for_development(own, signing) == ("certificates",)
