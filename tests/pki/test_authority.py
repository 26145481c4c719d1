"""S24 and the certificates themselves: what they say, whom they never name."""

from __future__ import annotations

import datetime as dt
import io
import logging
import uuid

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from devices.models import CertificateAuthority
from devices.pki.authority import (
    Leaf,
    UnsafeName,
    UnusableAuthority,
    issue_leaf,
    key_pem_of,
    load_authority,
    make_authority,
    pem_of,
)
from devices.pki.crl import Entry, merge_list, sign_list, split_lists
from devices.services.authorities import (
    AuthorityExists,
    create_authority,
    import_authority,
    open_authority,
)
from energy.lib.sealing import is_sealed
from tests.factories import NOW

HOSTILE = ["a+b", "#", "+", "a/b", "../x", "a..b", "x ", " x", "x\0y", "", "x" * 65, "ö", "a\nb",
           "$SYS", "-", "a,b", "CN=a"]  # fmt: skip


@pytest.fixture(scope="module")
def authority():
    return make_authority(name="Test authority", algorithm="ec", now=NOW)


def leaf(**fields):
    return Leaf(
        **{
            "common_name": "gw-1",
            "device_id": uuid.UUID(int=7),
            "public_key": ec.generate_private_key(ec.SECP256R1()).public_key(),
            "not_before": NOW,
            "not_after": NOW + dt.timedelta(days=365),
            "crl_url": "https://example.com/pki/ca.crl",
            **fields,
        }
    )


def test_a_certificate_is_for_a_client_with_this_name_only(authority):
    found = issue_leaf(authority, leaf())

    names = [name.value for name in found.subject]
    extensions = found.extensions
    san = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names == ["gw-1"]
    assert found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "gw-1"
    assert [str(name.value) for name in san] == [f"urn:uuid:{uuid.UUID(int=7)}"]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    found.verify_directly_issued_by(authority.certificate)


def test_serials_are_long_and_never_the_same(authority):
    serials = {issue_leaf(authority, leaf()).serial_number for _ in range(20)}

    assert len(serials) == 20
    assert all(serial.bit_length() > 64 for serial in serials)


@pytest.mark.parametrize("name", HOSTILE)
def test_refuses_names_that_are_no_topic_segment(authority, name):
    with pytest.raises(UnsafeName):
        issue_leaf(authority, leaf(common_name=name))


def test_no_certificate_outlives_its_authority(authority):
    late = NOW + dt.timedelta(days=9000)

    found = issue_leaf(authority, leaf(not_after=late))

    assert found.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_the_key_is_in_no_repr(authority):
    assert "PRIVATE" not in repr(authority)
    assert "key" not in repr(authority)


def test_a_key_of_another_certificate_is_not_imported(authority):
    other = make_authority(name="Other", algorithm="ec", now=NOW)

    with pytest.raises(UnusableAuthority, match="not the key"):
        load_authority(authority.certificate_pem, other.key_pem())


def test_a_certificate_of_a_device_is_no_authority(authority):
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = issue_leaf(authority, leaf(public_key=key.public_key()))

    with pytest.raises(UnusableAuthority, match="may not sign"):
        load_authority(pem_of(certificate), key_pem_of(key))


def test_a_list_names_serials_and_reasons(authority):
    entry = Entry(f"{2**150 + 9:x}", NOW, "key_compromise")

    [found] = split_lists(sign_list(authority, [entry], number=5, now=NOW))

    assert found.is_signature_valid(authority.key.public_key())
    assert found.next_update_utc == NOW + dt.timedelta(days=30)
    assert [row.serial_number for row in found] == [2**150 + 9]


def test_a_file_keeps_the_lists_of_other_authorities(authority):
    other = make_authority(name="Test authority", algorithm="ec", now=NOW)  # of the same name
    mine, newer = (sign_list(authority, [], number=number, now=NOW) for number in (1, 2))
    theirs = sign_list(other, [], number=9, now=NOW)

    merged = merge_list(merge_list(mine, theirs), newer)

    numbers = [
        found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        for found in split_lists(merged)
    ]
    assert sorted(numbers) == [2, 9]


@pytest.mark.django_db
def test_the_key_is_sealed_in_the_database_and_in_nothing_that_leaves_it(
    staff, client_for, caplog, now
):
    caplog.set_level(logging.DEBUG)
    row = create_authority(now=now)
    plain = open_authority(row).key_pem()
    body = "".join(plain.split("\n")[1:-2])

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(a)::text FROM devices_certificateauthority a")
        [[stored]] = cursor.fetchall()
    client = client_for(staff)
    pages = [
        client.get(reverse("admin:devices_certificateauthority_changelist")),
        client.get(reverse("admin:devices_certificateauthority_change", args=[row.id])),
    ]

    assert is_sealed(row.sealed_key)
    for text in (stored, caplog.text, repr(row), str(row.__dict__)):
        assert body[:40] not in text
        assert "PRIVATE KEY" not in text
    for page in pages:
        assert page.status_code == 200
        assert row.sealed_key not in page.content.decode()
        assert body[:40] not in page.content.decode()


@pytest.mark.django_db
def test_a_key_that_was_moved_to_another_row_signs_nothing(now):
    row = create_authority(now=now)
    other = create_authority(now=now, name="Other", replace=True)
    row.sealed_key = other.sealed_key

    with pytest.raises(UnusableAuthority):
        open_authority(row)


@pytest.mark.django_db
def test_one_authority_is_active(now):
    first = create_authority(now=now)

    with pytest.raises(AuthorityExists):
        create_authority(now=now)
    second = create_authority(now=now, name="Second", replace=True)

    active = CertificateAuthority.objects.filter(is_active=True)
    assert [row.id for row in active] == [second.id]
    assert CertificateAuthority.objects.filter(id=first.id).exists()


@pytest.mark.django_db
def test_importing_twice_changes_nothing(now, authority):
    parts = {"certificate_pem": authority.certificate_pem, "key_pem": authority.key_pem()}

    first = import_authority(**parts, now=now)
    second = import_authority(**parts, now=now)

    assert first.id == second.id


@pytest.mark.django_db
def test_init_makes_one_and_says_where_it_is(tmp_path, authority):
    out = io.StringIO()
    (tmp_path / "ca.crt").write_text(authority.certificate_pem)
    (tmp_path / "ca.key").write_text(authority.key_pem())

    call_command(
        "pki_init",
        import_certificate=str(tmp_path / "ca.crt"),
        import_key=str(tmp_path / "ca.key"),
        stdout=out,
    )

    row = CertificateAuthority.objects.get()
    assert row.fingerprint in out.getvalue()
    assert "PRIVATE" not in out.getvalue()
    assert row.crl_pem.startswith("-----BEGIN X509 CRL")
    with pytest.raises(CommandError):
        call_command("pki_init", stdout=out)
