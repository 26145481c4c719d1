from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tools.embedded.pki import Authority

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, now=NOW)


def read(path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_gateway_is_named_in_its_certificate(authority):
    certificate_file, key_file = authority.issue_client("gw-1")

    certificate = read(certificate_file)
    [name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "gw-1"
    certificate.verify_directly_issued_by(authority.certificate)
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_the_broker_is_reached_as_localhost_and_by_address(authority, tmp_path):
    authority.issue_server()

    names = read(tmp_path / "server.crt").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(ip) for ip in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_a_second_start_keeps_ca_and_certificates(authority, tmp_path):
    first, _ = authority.issue_client("gw-1")
    before = first.read_bytes()

    again = Authority(tmp_path, now=NOW + dt.timedelta(days=300))
    second, _ = again.issue_client("gw-1")

    assert second.read_bytes() == before


def test_a_certificate_is_renewed_in_its_last_month(authority, tmp_path):
    first, _ = authority.issue_client("gw-1")
    before = read(first).serial_number

    later = Authority(tmp_path, now=NOW + dt.timedelta(days=340))
    second, _ = later.issue_client("gw-1")

    assert read(second).serial_number != before


def test_the_revocation_list_is_good_for_a_month(authority, tmp_path):
    crl = x509.load_pem_x509_crl(authority.revocation_list(tmp_path / "ca.crl").encode())

    assert crl.next_update_utc == NOW + dt.timedelta(days=30)
    assert list(crl) == []


@pytest.mark.parametrize(("days", "is_kept"), [(22, True), (24, False), (400, False)])
def test_a_later_start_revokes_what_was_revoked(authority, tmp_path, days, is_kept):
    (tmp_path / "ca.crl").write_text(authority.sign_crl((7,)))

    later = Authority(tmp_path, now=NOW + dt.timedelta(days=days))
    text = later.revocation_list(tmp_path / "ca.crl")

    crl = x509.load_pem_x509_crl(text.encode())
    assert [revoked.serial_number for revoked in crl] == [7]
    assert (crl.next_update_utc == NOW + dt.timedelta(days=30)) is is_kept


def test_the_list_of_another_authority_is_not_kept(authority, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "ca.crl").write_text(Authority(other, now=NOW).sign_crl((7,)))

    assert (
        list(x509.load_pem_x509_crl(authority.revocation_list(tmp_path / "ca.crl").encode())) == []
    )
