"""Certificates of boxes: who gets one, and how they end."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connection

from accounts.models import AuditEvent
from accounts.tenancy import all_tenants
from devices.models import (
    BrokerChange,
    DeviceCertificate,
    DeviceEvent,
    Lifecycle,
    OutboundMessage,
    RevocationReason,
    RevokedCertificate,
    ShutOut,
)
from devices.queries_certificates import is_shut_out
from devices.services.authorities import NoAuthority
from devices.services.certificates import (
    BoxOnly,
    CertificateGone,
    Decommissioned,
    RequestRefused,
    TooMany,
    issue_certificate,
    warn_of_ends,
)
from devices.services.outbox import queue_message
from devices.services.removal import delete_device, delete_gateway
from devices.services.revocation import (
    keep_revoked,
    revoke_certificate,
    shut_out_box,
)
from devices.services.revocation_list import list_state, publish_list, warn_of_old_list
from tests.factories import DeviceFactory
from tests.pki.clients import request_for
from tests.pki.rows import issue, request_of_a_box

pytestmark = pytest.mark.django_db
HOSTILE = ["platform", "#", "+/+", "a/b", "x\0y", "gw-other ", "../..", ""]
DAY = dt.timedelta(days=1)


def actions():
    return list(AuditEvent.objects.order_by("number").values_list("action", flat=True))


def test_a_gateway_is_named_by_its_identifier_and_a_direct_device_by_its_id(
    gateway_box, direct_box, now
):
    assert issue(gateway_box, now).common_name == "gw-one"
    assert issue(direct_box, now).common_name == str(direct_box.id)


@pytest.mark.parametrize("subject", HOSTILE)
def test_the_name_in_the_request_does_not_matter(gateway_box, now, subject):
    key = ec.generate_private_key(ec.SECP256R1())
    csr = request_for(key, subject=subject)

    issued = issue_certificate(device=gateway_box, now=now, csr_pem=csr)

    found = x509.load_pem_x509_certificate(issued.certificate.pem.encode())
    assert found.subject.rfc4514_string() == "CN=gw-one"
    assert issued.key_pem is None


def test_a_key_of_our_making_is_handed_out_once_and_kept_nowhere(gateway_box, now):
    issued = issue_certificate(device=gateway_box, now=now)

    body = "".join((issued.key_pem or "").split("\n")[1:-2])
    assert len(body) > 100
    assert body[:40] not in repr(issued)
    with connection.cursor() as cursor:
        for table in ("devices_devicecertificate", "accounts_auditevent"):
            cursor.execute(f"SELECT string_agg(row_to_json(t)::text, '') FROM {table} t")
            assert body[:40] not in cursor.fetchone()[0]


def test_a_device_behind_a_gateway_gets_none(gateway_box, now):
    behind = DeviceFactory(gateway=gateway_box.gateway, uid="meter")

    with pytest.raises(BoxOnly):
        issue(behind, now)


def test_nothing_is_issued_without_an_authority(red, scope, now):
    with pytest.raises(NoAuthority):
        issue(DeviceFactory(tenant=red.tenant, gateway=None), now)


def test_a_decommissioned_box_gets_none(direct_box, now):
    direct_box.lifecycle = Lifecycle.DECOMMISSIONED
    direct_box.save()

    with pytest.raises(Decommissioned):
        issue(direct_box, now)


def test_five_are_enough(direct_box, now):
    for _number in range(5):
        issue(direct_box, now)

    with pytest.raises(TooMany):
        issue(direct_box, now)


def test_a_revoked_key_never_comes_back(direct_box, gateway_box, now):
    csr = request_of_a_box()
    issued = issue_certificate(device=direct_box, now=now, csr_pem=csr)
    revoke_certificate(
        serial=issued.certificate.serial, reason=RevocationReason.KEY_COMPROMISE, now=now
    )

    with pytest.raises(RequestRefused) as refused:
        issue_certificate(device=gateway_box, now=now, csr_pem=csr)

    assert refused.value.code == "revoked_key"


def test_issue_notes_the_account_and_the_event(direct_box, now):
    certificate = issue(direct_box, now)

    [change] = BrokerChange.objects.all()
    assert (change.username, change.is_wanted, change.must_cut) == (
        str(direct_box.id), True, False,
    )  # fmt: skip
    assert actions()[-1] == "certificate.issued"
    assert AuditEvent.objects.get(action="certificate.issued").detail["serial"] == (
        certificate.serial
    )


def test_revoking_the_last_one_shuts_the_box_out(direct_box, now):
    certificate = issue(direct_box, now)
    queue_message(
        topic=f"devices/{direct_box.id}/down/config", payload=b"{}", now=now,
        tenant_id=direct_box.tenant_id,
    )  # fmt: skip
    queue_message(topic="devices/another/down/config", payload=b"{}", now=now, tenant_id=None)

    revoke_certificate(serial=certificate.serial, reason=RevocationReason.PRIVILEGE, now=now)

    assert is_shut_out(direct_box)
    assert RevokedCertificate.objects.get(serial=certificate.serial).published_at is None
    assert [row.topic for row in OutboundMessage.objects.all()] == ["devices/another/down/config"]
    [change] = BrokerChange.objects.all()
    assert (change.is_wanted, change.must_cut) == (False, True)
    assert actions()[-1] == "certificate.revoked"


def test_revoking_twice_finds_nothing(direct_box, now):
    serial = issue(direct_box, now).serial
    revoke_certificate(serial=serial, reason=RevocationReason.PRIVILEGE, now=now)

    with pytest.raises(CertificateGone):
        revoke_certificate(serial=serial, reason=RevocationReason.PRIVILEGE, now=now)


def test_another_tenants_certificate_is_not_there(direct_box, blue, now):
    serial = issue(direct_box, now).serial

    with blue.scope(), pytest.raises(CertificateGone):
        revoke_certificate(serial=serial, reason=RevocationReason.PRIVILEGE, now=now)


def test_with_another_certificate_the_account_stays(direct_box, now):
    first, _second = issue(direct_box, now), issue(direct_box, now)

    revoke_certificate(serial=first.serial, reason=RevocationReason.KEY_COMPROMISE, now=now)

    assert not is_shut_out(direct_box)
    [change] = BrokerChange.objects.all()
    assert (change.is_wanted, change.must_cut) == (True, True)


def test_a_new_certificate_lets_a_shut_out_box_in_again(direct_box, now):
    issue(direct_box, now)
    assert shut_out_box(device=direct_box, reason=RevocationReason.PRIVILEGE, now=now) == 1

    issue(direct_box, now)

    assert not is_shut_out(direct_box)
    [change] = BrokerChange.objects.all()
    assert (change.is_wanted, change.must_cut) == (True, True)


def test_all_that_leads_to_a_gateway_is_dropped(gateway_box, now):
    tenant = gateway_box.tenant_id
    theirs = [f"tenant/{tenant}/gw/gw-one/down/config", "kaiser/gw-one/esp/d/config",
              "hydro/gw-one/z/d/config"]  # fmt: skip
    others = [f"tenant/{tenant}/gw/gw-one-2/down/config", "kaiser/gw-on%/esp/d/config"]
    for topic in theirs + others:
        queue_message(topic=topic, payload=b"{}", now=now, tenant_id=tenant)

    shut_out_box(device=gateway_box, reason=RevocationReason.PRIVILEGE, now=now)

    assert sorted(row.topic for row in OutboundMessage.objects.all()) == sorted(others)


@pytest.mark.parametrize("is_direct", [True, False])
def test_a_deleted_box_leaves_its_serial_on_the_list(direct_box, gateway_box, now, is_direct):
    box = direct_box if is_direct else gateway_box
    serial = issue(box, now).serial

    if is_direct:
        delete_device(device=box, now=now)
    else:
        delete_gateway(gateway=box.gateway, now=now)

    assert not DeviceCertificate.objects.filter(serial=serial).exists()
    assert RevokedCertificate.objects.get(serial=serial).reason == "cessation_of_operation"
    assert not BrokerChange.objects.get().is_wanted


def test_the_database_keeps_the_serial_even_when_a_row_is_deleted_by_hand(direct_box, now):
    serial = issue(direct_box, now).serial

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM devices_devicecertificate")

    assert RevokedCertificate.objects.get(serial=serial).published_at is None


def test_a_tenants_end_revokes_all(direct_box, gateway_box, now):
    serials = {issue(direct_box, now).serial, issue(gateway_box, now).serial}

    assert keep_revoked(now=now) == 2

    assert {row.serial for row in RevokedCertificate.objects.all()} == serials


def test_the_list_holds_what_was_revoked_until_it_would_have_ended(direct_box, now):
    certificate = issue(direct_box, now)
    revoke_certificate(serial=certificate.serial, reason=RevocationReason.PRIVILEGE, now=now)

    def serials(at):
        row = publish_list(now=at)
        crl = x509.load_pem_x509_crl(row.crl_pem.encode())
        return [f"{entry.serial_number:x}" for entry in crl], row.crl_number

    first, number = serials(now)
    again, next_number = serials(now)
    assert first == again == [certificate.serial]
    assert next_number > number
    assert serials(certificate.not_after + 3 * DAY)[0] == []


def test_warns_a_week_before_the_list_ends(authority, now):
    publish_list(now=now)

    assert not warn_of_old_list(now=now + 22 * DAY)
    assert warn_of_old_list(now=now + 23 * DAY)
    assert list_state().good_until == now + 30 * DAY


def test_boxes_of_all_tenants_are_looked_after_together(direct_box, blue, now):
    issue(direct_box, now)
    with blue.scope():
        theirs = DeviceFactory(tenant=blue.tenant, gateway=None)
        issue(theirs, now)

    with all_tenants():
        assert warn_of_ends(now=now + 360 * DAY) == 2
        assert set(DeviceEvent.objects.values_list("tenant_id", flat=True)) == {
            direct_box.tenant_id, blue.tenant.id,
        }  # fmt: skip


def test_shutting_out_may_be_repeated(direct_box, now):
    issue(direct_box, now)

    assert shut_out_box(device=direct_box, reason=RevocationReason.PRIVILEGE, now=now) == 1
    assert shut_out_box(device=direct_box, reason=RevocationReason.PRIVILEGE, now=now) == 0

    assert ShutOut.objects.count() == 1
