"""Development chains, and what start-up refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from waarmerk.adapters.certificates import (
    CLAIM_SIGNING,
    check_signing_chain,
    inspect,
    make_development_chain,
    signing_algorithm,
)
from waarmerk.core.errors import ConfigurationError

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def test_the_leaf_may_sign_claims_and_chains_to_the_root() -> None:
    chain = make_development_chain(NOW)
    leaf, root = x509.load_pem_x509_certificates(chain.chain_pem.encode())
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    purposes = [p.dotted_string for p in leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value]
    assert usage.critical
    assert usage.value.digital_signature
    assert purposes == [ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string, CLAIM_SIGNING]
    leaf.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    assert chain.root_pem in chain.chain_pem


def test_an_independent_verifier_accepts_the_chain() -> None:
    chain = make_development_chain(NOW)
    leaf, root = x509.load_pem_x509_certificates(chain.chain_pem.encode())
    policies = x509.verification.ExtensionPolicy
    verifier = (
        PolicyBuilder()
        .store(Store([root]))
        .time(NOW)
        .extension_policies(ca_policy=policies.webpki_defaults_ca(), ee_policy=policies.permit_all())
        .build_client_verifier()
    )
    assert len(verifier.verify(leaf, []).chain) == 2


def test_a_development_chain_is_recognised_and_says_when_it_ends() -> None:
    info = inspect(make_development_chain(NOW, leaf_life=timedelta(days=30)).chain_pem)
    assert info.is_development
    assert "not for production" in info.subject
    assert info.not_before < NOW
    assert info.not_after == NOW + timedelta(days=30)


def test_a_chain_of_another_authority_is_not_taken_for_development() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Painter Ltd")])
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = cert.public_bytes(serialization.Encoding.PEM).decode()
    assert not inspect(pem).is_development


def test_two_chains_share_nothing() -> None:
    assert make_development_chain(NOW).key_pem != make_development_chain(NOW).key_pem


def test_the_key_is_in_no_repr() -> None:
    chain = make_development_chain(NOW)
    assert "PRIVATE KEY" not in repr(chain)


def test_a_good_chain_passes_with_its_dates() -> None:
    chain = make_development_chain(NOW)
    assert check_signing_chain(chain.chain_pem, chain.key_pem, NOW).not_after > NOW


def test_an_expired_certificate_is_refused_with_its_date() -> None:
    chain = make_development_chain(NOW, leaf_life=timedelta(minutes=1))
    with pytest.raises(ConfigurationError, match="expired on 2026-11-30 12:01 UTC") as caught:
        check_signing_chain(chain.chain_pem, chain.key_pem, NOW + timedelta(minutes=1))
    assert caught.value.code == "certificate_expired"


def test_a_certificate_of_the_future_is_refused_with_its_date() -> None:
    chain = make_development_chain(NOW)
    with pytest.raises(ConfigurationError, match="valid from 2026-11-30 11:00 UTC") as caught:
        check_signing_chain(chain.chain_pem, chain.key_pem, NOW - timedelta(days=1))
    assert caught.value.code == "certificate_not_yet_valid"


def test_another_ones_key_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_signing_chain(make_development_chain(NOW).chain_pem, make_development_chain(NOW).key_pem, NOW)
    assert caught.value.code == "key_mismatch"


@pytest.mark.parametrize(
    "bad", ["", "nonsense", "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_or_key_is_refused_and_not_quoted(bad: str) -> None:
    chain = make_development_chain(NOW)
    with pytest.raises(ConfigurationError) as caught:
        check_signing_chain(bad, chain.key_pem, NOW)
    assert caught.value.code == "bad_certificate"
    with pytest.raises(ConfigurationError) as caught:
        check_signing_chain(chain.chain_pem, bad + "secret", NOW)
    assert caught.value.code == "bad_signing_key"
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def test_the_algorithm_follows_the_key() -> None:
    assert signing_algorithm(pem(ec.generate_private_key(ec.SECP256R1()))) == "es256"
    assert signing_algorithm(pem(ec.generate_private_key(ec.SECP384R1()))) == "es384"
    assert signing_algorithm(pem(ec.generate_private_key(ec.SECP521R1()))) == "es512"
    assert signing_algorithm(pem(ed25519.Ed25519PrivateKey.generate())) == "ed25519"
    assert signing_algorithm(pem(rsa.generate_private_key(65537, 2048))) == "ps256"


def test_a_key_c2pa_does_not_allow_is_refused() -> None:
    for key in (ec.generate_private_key(ec.SECP256K1()), rsa.generate_private_key(65537, 1024)):  # noqa: S505
        with pytest.raises(ConfigurationError) as caught:
            signing_algorithm(pem(key))
        assert caught.value.code == "bad_signing_key"
