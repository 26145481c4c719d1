"""The certificate authority of the embedded broker.

Keys are written without a passphrase: demo and tests only.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.embedded.state import write_private

AUTHORITY_DAYS = 3650
LEAF_DAYS = 365
RENEW_BEFORE = dt.timedelta(days=30)
# Past this date the broker refuses everybody, so each start signs a list that ends soon anew.
CRL_DAYS = 30
SIGN_BEFORE = dt.timedelta(days=7)


class Authority:
    """A CA in a folder: ca.crt and ca.key, and NAME.crt with NAME.key for each leaf.

    The platform takes it over as the authority of devices (`pki_init`), and from then on
    signs the list of revoked certificates with it.
    """

    def __init__(self, folder: Path, *, now: dt.datetime) -> None:
        self.folder = folder
        self._now = now
        if not (folder / "ca.crt").exists():
            self._create()
        self.certificate = self._read("ca")
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key

    def issue_server(self) -> None:
        """Keep a certificate for localhost and 127.0.0.1 in server.crt and server.key."""
        loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        names: list[x509.GeneralName] = [x509.DNSName("localhost"), loopback]
        self._keep("server", "localhost", ExtendedKeyUsageOID.SERVER_AUTH, names)

    def issue_client(self, common_name: str) -> tuple[Path, Path]:
        """Keep a certificate whose CN is the broker's user name; return (certificate, key)."""
        stem = f"client-{common_name}"
        uri = x509.UniformResourceIdentifier(f"urn:device:{common_name}")
        self._keep(stem, common_name, ExtendedKeyUsageOID.CLIENT_AUTH, [uri])
        return self.folder / f"{stem}.crt", self.folder / f"{stem}.key"

    def revocation_list(self, present: Path) -> str:
        """Return the list for the broker: the one in the file while it is good for a week.

        Else one for 30 days with the same serials: what was revoked stays revoked.
        """
        if not present.exists():
            return self.sign_crl()
        text = present.read_text()
        old = x509.load_pem_x509_crl(text.encode())
        if not old.is_signature_valid(self._key.public_key()):
            return self.sign_crl()
        until = old.next_update_utc
        if until is not None and until > self._now + SIGN_BEFORE:
            return text
        return self.sign_crl(tuple(revoked.serial_number for revoked in old))

    def sign_crl(self, revoked_serials: tuple[int, ...] = ()) -> str:
        """Return a list that is valid for 30 days."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(self._now - dt.timedelta(minutes=5))
            .next_update(self._now + dt.timedelta(days=CRL_DAYS))
            .add_extension(x509.CRLNumber(int(self._now.timestamp())), critical=False)
            .add_extension(self._issuer_id(), critical=False)
        )
        for serial in revoked_serials:
            revoked = x509.RevokedCertificateBuilder().serial_number(serial)
            builder = builder.add_revoked_certificate(revoked.revocation_date(self._now).build())
        crl = builder.sign(self._key, hashes.SHA256())
        return crl.public_bytes(serialization.Encoding.PEM).decode()

    def _keep(
        self,
        stem: str,
        common_name: str,
        usage: x509.ObjectIdentifier,
        names: list[x509.GeneralName],
    ) -> None:
        """Issue a certificate unless there is one that is good for another month."""
        path = self.folder / f"{stem}.crt"
        if path.exists() and self._read(stem).not_valid_after_utc > self._now + RENEW_BEFORE:
            return
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._start(_name(common_name), self.certificate.subject, key, LEAF_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(self._issuer_id(), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self._write(stem, key, certificate)

    def _create(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name("Embedded demo CA")
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            self._start(subject, subject, key, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_authority_usage(), critical=True)
            .add_extension(identifier, critical=False)
            .sign(key, hashes.SHA256())
        )
        self._write("ca", key, certificate)

    def _start(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - dt.timedelta(days=1))
            .not_valid_after(self._now + dt.timedelta(days=days))
        )

    def _issuer_id(self) -> x509.AuthorityKeyIdentifier:
        public_key = self._key.public_key()
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key)

    def _read(self, stem: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / f"{stem}.crt").read_bytes())

    def _write(
        self, stem: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        """Write the key first: a certificate that exists has its key."""
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(self.folder / f"{stem}.key", private.decode())
        public = certificate.public_bytes(serialization.Encoding.PEM)
        write_private(self.folder / f"{stem}.crt", public.decode())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _authority_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
