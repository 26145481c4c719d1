"""Signing requests: the key is taken when it is strong and proven, nothing else ever is."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from devices.pki.csr import BadRequest, WeakKey, read_request
from devices.pki.keys import fingerprint_of_key
from tests.pki.clients import request_for


def der_of(pem):
    return base64.b64decode("".join(pem.split("\n")[1:-2]))


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    "curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda c: c.name
)
def test_takes_the_key_of_a_good_curve(curve):
    key = ec.generate_private_key(curve)

    found = read_request(request_for(key))

    assert fingerprint_of_key(found) == fingerprint_of_key(key.public_key())


def test_takes_rsa_from_2048_bits(rsa_key):
    assert read_request(request_for(rsa_key)).key_size == 2048


@pytest.mark.parametrize(
    "make",
    [
        lambda: rsa.generate_private_key(65537, 1024),
        lambda: rsa.generate_private_key(3, 2048),
        lambda: ec.generate_private_key(ec.SECP192R1()),
        lambda: ec.generate_private_key(ec.SECP224R1()),
        lambda: dsa.generate_private_key(2048),
    ],
    ids=["rsa-1024", "rsa-e3", "p-192", "p-224", "dsa"],
)
def test_refuses_weak_keys(make):
    try:
        request = request_for(make())
    except ValueError:
        pytest.skip("this version of OpenSSL does not make such a key")

    with pytest.raises((WeakKey, BadRequest)):
        read_request(request)


def test_refuses_a_kind_of_key_that_brokers_do_not_take():
    key = ed25519.Ed25519PrivateKey.generate()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    pem = builder.sign(key, None).public_bytes(serialization.Encoding.PEM).decode()

    with pytest.raises(WeakKey):
        read_request(pem)


def test_refuses_a_weak_digest(rsa_key):
    try:
        request = request_for(rsa_key, digest=hashes.SHA1())
    except Exception:  # noqa: BLE001
        pytest.skip("this version of OpenSSL signs nothing with SHA-1")

    with pytest.raises(BadRequest):
        read_request(request)


def test_refuses_a_request_whose_key_was_exchanged():
    """Whoever asks must hold the key; a copied request with another key proves nothing."""
    one, other = (der_of(request_for(ec.generate_private_key(ec.SECP256R1()))) for _ in "ab")
    at = one.index(b"\x03\x42\x00\x04")
    forged = one[:at] + other[at : at + 68] + one[at + 68 :]
    text = base64.encodebytes(forged).decode()

    with pytest.raises(BadRequest):
        read_request(
            f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n"
        )


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE REQUEST-----", "\0" * 20, "é"])
def test_refuses_what_is_no_request(text):
    with pytest.raises(BadRequest):
        read_request(text)


def test_refuses_a_huge_request_before_reading_it():
    with pytest.raises(BadRequest, match="16384"):
        read_request("x" * 20_000)
