"""Certificates that sign manifests: making a development chain, and looking at any chain.

A leaf that may sign manifests needs key usage digitalSignature and an allowed extended key usage. The
development leaf carries emailProtection and C2PA's own claim signing, which every reader takes (a leaf with
claim signing and documentSigning, though allowed, is refused by readers that were not told of the OID).

A development chain is made here, in the open, by a small authority nobody trusts. It says so in its
subject, and `is_development` recognises it, so that a production service can refuse it.

References:
    C2PA 2.4, "X.509 certificates". C2PA Certificate Policy (OIDs 1.3.6.1.4.1.62558.*). RFC 5280, 4.2.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from waarmerk.core.errors import ConfigurationError

CLAIM_SIGNING = "1.3.6.1.4.1.62558.2.1"  # c2pa-kp-claimSigning

DEVELOPMENT_ORGANISATION = "Waarmerk development, not for production"
_ROOT_LIFE = timedelta(days=3650)
_LEAF_LIFE = timedelta(days=366)  # the C2PA policy's longest, assurance level 1
_BACKDATED = timedelta(hours=1)  # clocks of readers may be behind


@dataclass(frozen=True, slots=True)
class DevelopmentChain:
    """A signing chain for development.

    Args:
        root_pem: the small authority's certificate: what a detector must trust.
        chain_pem: leaf, then root.
        key_pem: the leaf's private key, PKCS #8. Never logged.
    """

    root_pem: str
    chain_pem: str
    key_pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CertificateInfo:
    """What an operator needs to know of a signing certificate.

    Args:
        subject: RFC 4514 text.
        issuer: RFC 4514 text.
        not_before: aware.
        not_after: aware.
        is_development: made by `make_development_chain`, or by its authority.
    """

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    is_development: bool


def make_development_chain(now: datetime, *, leaf_life: timedelta = _LEAF_LIFE) -> DevelopmentChain:
    """A fresh authority and a leaf that may sign manifests, valid from an hour before `now` (aware)."""
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, leaf_name = _name("Waarmerk development root"), _name("Waarmerk development signer")
    root = (
        _builder(root_name, root_name, root_key.public_key(), now, _ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    purposes = [ExtendedKeyUsageOID.EMAIL_PROTECTION, ObjectIdentifier(CLAIM_SIGNING)]
    leaf = (
        _builder(leaf_name, root_name, leaf_key.public_key(), now, leaf_life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True, content_commitment=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    root_pem, leaf_pem = (
        cert.public_bytes(serialization.Encoding.PEM).decode("ascii") for cert in (root, leaf)
    )
    key_pem = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")
    return DevelopmentChain(root_pem=root_pem, chain_pem=leaf_pem + root_pem, key_pem=key_pem)


def inspect(chain_pem: str) -> CertificateInfo:
    """What the leaf of a PEM chain says.

    Raises:
        ConfigurationError: it is no PEM chain (code ``bad_certificate``).
    """
    certificates = _load(chain_pem)
    leaf = certificates[0]
    return CertificateInfo(
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        is_development=any(_is_development(name) for c in certificates for name in (c.subject, c.issuer)),
    )


def check_signing_chain(chain_pem: str, key_pem: str, now: datetime) -> CertificateInfo:
    """Refuse, before the first request, what cannot sign.

    Args:
        chain_pem: leaf first.
        key_pem: the leaf's private key, unencrypted PEM.
        now: aware.

    Raises:
        ConfigurationError: no chain or no key (``bad_certificate``, ``bad_signing_key``), they do not belong
            together (``key_mismatch``), or the certificate's time is over or not yet come
            (``certificate_expired``, ``certificate_not_yet_valid``); the sentence gives the date.
    """
    info = inspect(chain_pem)
    check_pair(chain_pem, key_pem)
    if now >= info.not_after:
        raise ConfigurationError(
            f"The signing certificate expired on {info.not_after:%Y-%m-%d %H:%M} UTC; install a new one.",
            code="certificate_expired",
        )
    if now < info.not_before:
        raise ConfigurationError(
            f"The signing certificate is valid from {info.not_before:%Y-%m-%d %H:%M} UTC, "
            "which is still to come; check the clock of this machine.",
            code="certificate_not_yet_valid",
        )
    return info


def check_pair(chain_pem: str, key_pem: str) -> None:
    """Refuse a key that is not the leaf's: the SDK signs with it all the same.

    Raises:
        ConfigurationError: codes ``bad_certificate``, ``bad_signing_key``, ``key_mismatch``.
    """
    leaf, key = _load(chain_pem)[0], _load_key(key_pem)
    if _public_bytes(key.public_key()) != _public_bytes(leaf.public_key()):
        raise ConfigurationError(
            "The signing key does not belong to the first certificate of the chain; "
            "put the leaf first and give its own key.",
            code="key_mismatch",
        )


def check_trust_list(pem: str) -> int:
    """Count the certificates of a trust list; the SDK takes anything for one and then trusts nobody.

    Raises:
        ConfigurationError: it holds none, or one that cannot be parsed (code ``bad_trust_list``).
    """
    try:
        return len(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError as error:
        raise ConfigurationError(
            "The C2PA trust list is not a list of PEM certificates.", code="bad_trust_list"
        ) from error


def signing_algorithm(key_pem: str) -> str:
    """COSE algorithm for a private key: ``es256``, ``es384``, ``es512``, ``ps256`` or ``ed25519``.

    Raises:
        ConfigurationError: no key, or of a kind C2PA does not allow (code ``bad_signing_key``).
    """
    key = _load_key(key_pem)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _BY_CURVE:
        return _BY_CURVE[key.curve.name]
    raise ConfigurationError(
        "The signing key is of a kind C2PA does not allow; "
        "use P-256, P-384, P-521, Ed25519 or RSA from 2048 bits.",
        code="bad_signing_key",
    )


_BY_CURVE = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}

_PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def _load(chain_pem: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(chain_pem.encode())
    except ValueError as error:
        raise ConfigurationError(
            "The certificate chain is not PEM; give the leaf first, then what signed it.",
            code="bad_certificate",
        ) from error


def _load_key(key_pem: str) -> _PrivateKey:
    try:
        key = serialization.load_pem_private_key(key_pem.encode(), password=None)
    except (ValueError, TypeError):
        # The cause stays out: a parser's message may quote what it was given.
        raise ConfigurationError(
            "The signing key is not an unencrypted PEM private key.", code="bad_signing_key"
        ) from None
    if not isinstance(key, _PrivateKey):
        raise ConfigurationError(
            "The signing key is of a kind C2PA does not allow; use P-256, P-384, P-521, Ed25519 or RSA.",
            code="bad_signing_key",
        )
    return key


def _public_bytes(key: object) -> bytes:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.DER, spki)  # type: ignore[attr-defined, no-any-return]


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, DEVELOPMENT_ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _is_development(name: x509.Name) -> bool:
    organisations = name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return any(attribute.value == DEVELOPMENT_ORGANISATION for attribute in organisations)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(**wanted: bool) -> x509.KeyUsage:
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in every})
