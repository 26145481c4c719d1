"""Boxes out of the carton."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis import Redis

from devices.claim_codes import make_code
from devices.models import PendingDevice
from devices.services.authorities import create_authority
from devices.services.bootstrap import Hello, hear_hello
from tests.factories import NOW


@dataclass
class Box:
    """A box with a key of its own and the code that it shows now."""

    mac: str = "246F28AABBCC"
    code: str = field(default_factory=make_code)
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def hardware_id(self) -> str:
        """How the platform writes the MAC."""
        return ":".join(self.mac[at : at + 2] for at in range(0, 12, 2)).lower()

    @property
    def code_sha256(self) -> str:
        """What the hello tells of the code."""
        return hashlib.sha256(self.code.encode()).hexdigest()

    @property
    def csr(self) -> str:
        """A signing request; its name is ignored."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.mac)])
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        request = builder.sign(self.key, hashes.SHA256())
        return request.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self) -> str:
        """The private key, for a TLS client."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def renew(self) -> None:
        """Show a new code and make a new key, as with each hello."""
        self.code = make_code()
        self.key = ec.generate_private_key(ec.SECP256R1())

    def say_hello(self, now: dt.datetime = NOW, *, with_csr: bool = True) -> PendingDevice:
        """Be heard."""
        return hear_hello(
            hello=Hello(
                hardware_id=self.mac,
                model="meter-x",
                serial_number="SN-1",
                firmware_version="1.4.0",
                code_sha256=self.code_sha256,
                csr=self.csr if with_csr else "",
                answer_prefix=f"/bootstrap/{self.mac}",
            ),
            now=now,
        )


@pytest.fixture(autouse=True)
def no_guesses(redis: Redis) -> None:
    """Count guesses from nothing: all tests come from one address."""


@pytest.fixture
def authority(db: None) -> None:
    """Make the authority that signs certificates of devices."""
    create_authority(now=NOW)


@pytest.fixture
def box(authority: None) -> Box:
    """Return a box that nobody has heard yet."""
    return Box()
