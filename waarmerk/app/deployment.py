"""Settings -> the secrets, certificates and registry a service works with.

In development, what is missing is made, once, in the data folder, and said loudly. In production nothing is
made, and what was made for development is refused: anyone could make the same.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from waarmerk.adapters import certificates, keystore
from waarmerk.adapters.registry import Registry, sqlite_url
from waarmerk.app.settings import Mode, Settings
from waarmerk.core.errors import ConfigurationError
from waarmerk.core.keys import SECRET_BYTES, KeyRing, MasterSecret

KEYS_NAME = "keys.json"
CERTIFICATES_NAME = "development-certificates"
REGISTRY_NAME = "registry.sqlite3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What manifests are signed with.

    Args:
        chain_pem: leaf first.
        key_pem: the leaf's private key.
        own_root_pem: the development authority; empty where an operator brought a chain.
        info: what the leaf says.
    """

    chain_pem: str
    key_pem: str = field(repr=False)
    own_root_pem: str
    info: certificates.CertificateInfo


def keys_file(settings: Settings) -> Path:
    """Where the key store is."""
    return settings.keys_file or settings.data_dir / KEYS_NAME


def fresh_secret() -> MasterSecret:
    """32 bytes from the system's generator."""
    return MasterSecret(secrets.token_bytes(SECRET_BYTES))


def load_keys(settings: Settings) -> keystore.StoredKeys:
    """The master secrets.

    Raises:
        ConfigurationError: there are none, or production would use development ones.
    """
    if settings.master_secret is not None:
        return keystore.keys_from_secret(settings.master_secret.get_secret_value())
    file = keys_file(settings)
    if settings.mode is Mode.DEVELOPMENT and settings.keys_file is None:
        return keystore.make_keys(file, fresh_secret(), development=True)
    if not file.exists():
        raise ConfigurationError(
            f"There is no key store at {file}; make one with: waarmerk keys new-epoch, "
            "or set WAARMERK_KEYS_FILE or WAARMERK_MASTER_SECRET."
        )
    stored = keystore.read_keys(file)
    if stored.development and settings.mode is Mode.PRODUCTION:
        raise ConfigurationError(
            f"The keys in {file} were made for development; move it away, then run: waarmerk keys new-epoch.",
            code="development_keys",
        )
    return stored


def load_signing(settings: Settings, now: datetime) -> Signing:
    """The signing chain, checked.

    Raises:
        ConfigurationError: there is none, it is out of its time, or production would use a development one.
    """
    if settings.signing_chain_file is None and settings.signing_key_file is None:
        if settings.mode is Mode.PRODUCTION:
            raise ConfigurationError(
                "Production needs a signing certificate: set WAARMERK_SIGNING_CHAIN_FILE and "
                "WAARMERK_SIGNING_KEY_FILE."
            )
        return _development_signing(settings.data_dir / CERTIFICATES_NAME, now)
    if settings.signing_chain_file is None or settings.signing_key_file is None:
        raise ConfigurationError(
            "Only one of WAARMERK_SIGNING_CHAIN_FILE and WAARMERK_SIGNING_KEY_FILE is set; set both."
        )
    signing = _signing(settings.signing_chain_file, settings.signing_key_file, None, now)
    if signing.info.is_development and settings.mode is Mode.PRODUCTION:
        raise ConfigurationError(
            f"The certificate in {settings.signing_chain_file} was made for development; install one from a "
            "certificate authority.",
            code="development_certificate",
        )
    return signing


def trust_anchors(settings: Settings, signing: Signing) -> str:
    """PEM of every authority whose manifests are believed: the operator's list and our development root."""
    listed = _trust_list(settings.trust_file) if settings.trust_file else ""
    return "\n".join(part.strip() for part in (listed, signing.own_root_pem) if part.strip())


def _trust_list(file: Path) -> str:
    # By itself: together with our own root any text would pass for a list, and trust nobody.
    listed = _read(file)
    try:
        certificates.check_trust_list(listed)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{file} is no list of PEM certificates; point WAARMERK_TRUST_FILE at one, or unset it.",
            code=error.code,
        ) from error
    return listed


def open_registry(settings: Settings) -> Registry:
    """The registry, migrated."""
    if settings.database_url is not None:
        return Registry.open(settings.database_url.get_secret_value())
    return Registry.open(sqlite_url(keystore.ensure_folder(settings.data_dir) / REGISTRY_NAME))


def key_ring(settings: Settings, stored: keystore.StoredKeys, registry: Registry) -> KeyRing:
    """Every key of every tenant."""
    tenants = [tenant.name for tenant in registry.tenants()]
    if settings.tenant not in tenants:
        raise ConfigurationError(
            f"The registry has no tenant {settings.tenant!r}; set WAARMERK_TENANT to one it has."
        )
    return KeyRing.build(stored.epochs, tenants)


def made_for_development(stored: keystore.StoredKeys, signing: Signing) -> tuple[str, ...]:
    """What of a deployment is for development: ``keys``, ``certificates``, both or nothing."""
    made = (("keys", stored.development), ("certificates", signing.info.is_development))
    return tuple(what for what, is_development in made if is_development)


def _development_signing(folder: Path, now: datetime) -> Signing:
    if not folder.exists():
        _make_development_chain(folder, now)
    files = (folder / "chain.pem", folder / "key.pem", folder / "root.pem")
    if certificates.inspect(_read(files[0])).not_after <= now:
        keystore.set_aside(folder, f"expired-{now:%Y%m%dT%H%M%S}")
        _make_development_chain(folder, now)
    return _signing(*files, now)


def _make_development_chain(folder: Path, now: datetime) -> None:
    chain = certificates.make_development_chain(now)
    keystore.write_folder_once(
        folder,
        {
            "root.pem": chain.root_pem.encode(),
            "chain.pem": chain.chain_pem.encode(),
            "key.pem": chain.key_pem.encode(),
        },
    )


def _signing(chain_file: Path, key_file: Path, root_file: Path | None, now: datetime) -> Signing:
    chain, key = _read(chain_file), _read(key_file)
    return Signing(
        chain_pem=chain,
        key_pem=key,
        own_root_pem=_read(root_file) if root_file else "",
        info=certificates.check_signing_chain(chain, key, now),
    )


def _read(file: Path) -> str:
    return keystore.read_text(file)
