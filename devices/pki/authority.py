"""An authority that signs certificates of devices and the list of revoked ones."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devices.pki.keys import PublicKey, fingerprint_of_key
from devices.topic_segments import is_safe_segment

AUTHORITY_DAYS = 3650
RSA_BITS = 4096
# clocks of brokers are not all right
BACKDATED = dt.timedelta(hours=1)

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class UnusableAuthority(ValueError):
    """A certificate and a key that cannot sign certificates of devices."""


class UnsafeName(ValueError):
    """The common name would not be safe as an account and in topics."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate with its key, which is in nobody's repr."""

    certificate: x509.Certificate
    key: SigningKey = field(repr=False)

    @property
    def certificate_pem(self) -> str:
        """The certificate as text."""
        return pem_of(self.certificate)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, hexadecimal."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def key_pem(self) -> str:
        """Return the key as text, to be sealed at once."""
        return key_pem_of(self.key)


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a certificate of a device says; `crl_url` tells where the revocation list is."""

    common_name: str
    device_id: uuid.UUID
    public_key: PublicKey
    not_before: dt.datetime
    not_after: dt.datetime
    crl_url: str = ""


def make_authority(*, name: str, algorithm: str, now: dt.datetime) -> Authority:
    """Make a self-signed authority; `algorithm` is `ec` (P-256) or `rsa` (4096 bits)."""
    key: SigningKey
    if algorithm == "rsa":
        key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + dt.timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def load_authority(certificate_pem: str, key_pem: str, *, password: str | None = None) -> Authority:
    """Read an authority and check that its parts belong together.

    Raises: UnusableAuthority.
    """
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        key = serialization.load_pem_private_key(
            key_pem.encode(), password.encode() if password else None
        )
    except (ValueError, TypeError) as error:
        raise UnusableAuthority(f"Certificate or key cannot be read: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise UnusableAuthority("The key must be an elliptic curve or an RSA key.")
    if fingerprint_of_key(key.public_key()) != fingerprint_of_key(certificate.public_key()):
        raise UnusableAuthority("The key is not the key of the certificate.")
    _check_signs(certificate)
    return Authority(certificate, key)


def issue_leaf(authority: Authority, leaf: Leaf) -> x509.Certificate:
    """Sign a client certificate; it never ends after its authority.

    Raises: UnsafeName.
    """
    if not is_safe_segment(leaf.common_name):
        raise UnsafeName(f"{leaf.common_name!r} cannot be the name of an account.")
    identity = x509.UniformResourceIdentifier(f"urn:uuid:{leaf.device_id}")
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(leaf.common_name))
        .issuer_name(authority.certificate.subject)
        .public_key(leaf.public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(leaf.not_before)
        .not_valid_after(min(leaf.not_after, authority.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([identity]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(leaf.public_key), critical=False)
        .add_extension(issuer_identifier(authority), critical=False)
    )
    if leaf.crl_url:
        builder = builder.add_extension(_distribution(leaf.crl_url), critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def issuer_identifier(authority: Authority) -> x509.AuthorityKeyIdentifier:
    """Return what names the authority's key: its own subject key identifier where it has one."""
    try:
        found = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


def pem_of(certificate: x509.Certificate) -> str:
    """Return a certificate as text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem_of(key: SigningKey) -> str:
    """Return a private key as PKCS #8 text without a passphrase."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _check_signs(certificate: x509.Certificate) -> None:
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise UnusableAuthority(
            "The certificate must say that it is an authority and may sign certificates "
            "and revocation lists."
        ) from error
    if not (basic.ca and usage.key_cert_sign and usage.crl_sign):
        raise UnusableAuthority("The certificate may not sign certificates and revocation lists.")
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature) as error:
        # the broker's cafile would need the whole chain, and the list one for each link
        raise UnusableAuthority("The authority must be self-signed.") from error


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _distribution(url: str) -> x509.CRLDistributionPoints:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return x509.CRLDistributionPoints([point])
