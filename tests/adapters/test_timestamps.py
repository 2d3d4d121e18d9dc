"""The timestamp path, against a small RFC 3161 authority on loopback."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from waarmerk.adapters.certificates import DevelopmentChain, make_development_chain
from waarmerk.adapters.manifests import ManifestReader, ManifestSigner, Signed, check_own_manifest
from waarmerk.core.errors import SigningUnavailable
from waarmerk.core.evidence import Origin
from waarmerk.core.manifest import Claim, manifest_definition
from waarmerk.core.provenance import Manifest, SignerTrust, TimeTrust
from waarmerk.detection.metadata import evidence_from_manifest
from waarmerk.detection.verdict import Answer, decide

NOW = datetime.now(UTC).replace(microsecond=0)
MARK_ID = 42


class Authority:
    """Answers timestamp requests, as RFC 3161 2.4 says."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        root_key = ec.generate_private_key(ec.SECP256R1())
        root, leaf = self._name("Test TSA root"), self._name("Test TSA")
        self.root = (
            self._builder(root, root, root_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(self._usage(key_cert_sign=True), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        self.leaf = (
            self._builder(leaf, root, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(self._usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
            )
            .sign(root_key, hashes.SHA256())
        )
        self.root_pem = self.root.public_bytes(serialization.Encoding.PEM).decode()
        self.requests = 0

    @staticmethod
    def _name(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    @staticmethod
    def _builder(
        subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=3650))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )

    @staticmethod
    def _usage(**wanted: bool) -> x509.KeyUsage:
        every = [
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ]
        return x509.KeyUsage(**{name: wanted.get(name, False) for name in every})

    def answer(self, body: bytes) -> bytes:
        self.requests += 1
        request = tsp.TimeStampReq.load(body)
        info = {
            "version": "v1",
            "policy": "1.2.3.4.1",
            "message_imprint": request["message_imprint"],
            "serial_number": self.requests,
            "gen_time": NOW,
        }
        if request["nonce"].native is not None:
            info["nonce"] = request["nonce"].native
        content = tsp.TSTInfo(info).dump()
        leaf, root = (
            asn1_x509.Certificate.load(c.public_bytes(serialization.Encoding.DER))
            for c in (self.leaf, self.root)
        )
        ess = tsp.ESSCertIDv2({"cert_hash": hashlib.sha256(leaf.dump()).digest()})
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "signing_time", "values": [cms.Time({"utc_time": NOW})]},
                {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
                {"type": "signing_certificate_v2", "values": [tsp.SigningCertificateV2({"certs": [ess]})]},
            ]
        )
        signer = {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                {"issuer_and_serial_number": {"issuer": leaf.issuer, "serial_number": leaf.serial_number}}
            ),
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": self.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
        }
        signed_data = {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
            "certificates": [leaf, root],
            "signer_infos": [signer],
        }
        token = {"content_type": "signed_data", "content": cms.SignedData(signed_data)}
        return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump())


@contextmanager
def served(
    authority: Authority, *, status: int = 200, delay_s: float = 0, garbage: bool = False
) -> Iterator[str]:
    """The authority's address while it listens."""
    leaving = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            leaving.wait(delay_s)
            answer = b"\x30\x03\x02\x01\x00" if garbage else authority.answer(body)
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:  # a client that gave up is part of the test
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsa"
        finally:
            leaving.set()
            server.shutdown()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def chain() -> DevelopmentChain:
    return make_development_chain(NOW)


def signer_for(chain: DevelopmentChain, url: str, timeout_s: float = 5.0) -> ManifestSigner:
    return ManifestSigner(
        chain_pem=chain.chain_pem, key_pem=chain.key_pem, ta_url=url, timestamp_timeout_s=timeout_s
    )


def sign(signer: ManifestSigner) -> Signed:
    output = io.BytesIO()
    Image.new("RGB", (64, 64), (9, 99, 199)).save(output, "JPEG")
    claim = Claim(
        media_type="image/jpeg",
        origin=Origin.GENERATED,
        system="Painter",
        when=NOW,
        mark_id=MARK_ID,
        generator_version="0.1.0",
    )
    return signer.sign(output.getvalue(), "image/jpeg", manifest_definition(claim), parent=None)


def active(reader: ManifestReader, signed: Signed) -> Manifest:
    report = check_own_manifest(reader, signed, "image/jpeg", MARK_ID)
    assert report.active is not None
    return report.active


def test_a_timestamp_is_in_the_file_and_in_the_answer(authority: Authority, chain: DevelopmentChain) -> None:
    with served(authority) as url:
        signed = sign(signer_for(chain, url))
    assert signed.timestamp == NOW.isoformat().replace("+00:00", "Z")
    read = active(ManifestReader(trust_anchors_pem=chain.root_pem + authority.root_pem), signed)
    assert (read.signed_time, read.time_trust) == (NOW, TimeTrust.TRUSTED)
    assert read.signer_trust is SignerTrust.TRUSTED


def test_a_timestamp_of_an_unknown_authority_is_reported_as_such(
    authority: Authority, chain: DevelopmentChain
) -> None:
    with served(authority) as url:
        signed = sign(signer_for(chain, url))
    read = active(ManifestReader(trust_anchors_pem=chain.root_pem), signed)
    assert (read.signed_time, read.time_trust) == (NOW, TimeTrust.UNTRUSTED)
    assert read.signer_trust is SignerTrust.TRUSTED  # its certificate is still good today


def test_a_mark_outlives_its_certificate_by_a_trusted_timestamp_only(authority: Authority) -> None:
    short = make_development_chain(NOW, leaf_life=datetime.now(UTC) - NOW + timedelta(seconds=2))
    with served(authority) as url:
        signed = sign(signer_for(short, url))
    time.sleep(3.2)
    trusting = ManifestReader(trust_anchors_pem=short.root_pem + authority.root_pem)
    doubting = ManifestReader(trust_anchors_pem=short.root_pem)
    kept = evidence_from_manifest(trusting.read(signed.data, "image/jpeg"))
    lost = evidence_from_manifest(doubting.read(signed.data, "image/jpeg"))
    assert decide(kept).verdict is Answer.AI_GENERATED
    assert (lost[0].code, decide(lost).verdict) == ("manifest_expired_signer", Answer.DECLARED_AI)


def test_an_authority_that_is_not_there_is_unavailable(chain: DevelopmentChain) -> None:
    with pytest.raises(SigningUnavailable) as caught:
        sign(signer_for(chain, "http://user:secret@127.0.0.1:9/tsa"))
    assert caught.value.code == "timestamp_unavailable"
    assert "secret" not in caught.value.sentence
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("status", [400, 503])
def test_an_authority_that_refuses_is_unavailable(
    status: int, authority: Authority, chain: DevelopmentChain
) -> None:
    with served(authority, status=status) as url, pytest.raises(SigningUnavailable) as caught:
        sign(signer_for(chain, url))
    assert caught.value.code == "timestamp_unavailable"


def test_an_authority_that_answers_nonsense_is_unavailable(
    authority: Authority, chain: DevelopmentChain
) -> None:
    with served(authority, garbage=True) as url, pytest.raises(SigningUnavailable) as caught:
        sign(signer_for(chain, url))
    assert caught.value.code in ("timestamp_unavailable", "signing_unavailable")


def test_an_authority_that_hangs_is_given_up_in_time(authority: Authority, chain: DevelopmentChain) -> None:
    with served(authority, delay_s=20) as url:
        started = time.perf_counter()
        with pytest.raises(SigningUnavailable, match=r"within 0\.5 s") as caught:
            sign(signer_for(chain, url, timeout_s=0.5))
        assert time.perf_counter() - started < 2
    assert caught.value.code == "timestamp_unavailable"


def test_a_slow_authority_holds_up_nobody_else(authority: Authority, chain: DevelopmentChain) -> None:
    """The signer's handle is shared: one request that waits must not make the others wait."""
    with served(authority, delay_s=0.4) as url:
        signer = signer_for(chain, url)
        started = time.perf_counter()
        threads = [threading.Thread(target=sign, args=(signer,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.perf_counter() - started < 1.4
