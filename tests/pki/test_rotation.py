"""S23: the next certificate takes over from the last, and who is warned before the end."""

from __future__ import annotations

import datetime as dt

import pytest

from devices.inbound.message import Inbound
from devices.inbound.presence import handle_heartbeat, handle_status
from devices.inbound.topics import match_message
from devices.models import (
    BrokerChange,
    DeviceCertificate,
    DeviceEvent,
    RevocationReason,
)
from devices.queries_certificates import certificate_section
from devices.services.certificates import (
    note_certificate_seen,
    renew_certificate,
    warn_of_ends,
)
from devices.services.revocation import (
    revoke_certificate,
    revoke_replaced,
)
from tests.pki.rows import issue, request_of_a_box

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def test_a_renewed_certificate_retires_the_old_one_once_it_is_seen(gateway_box, now):
    old = issue(gateway_box, now)
    new = renew_certificate(serial=old.serial, now=now, csr_pem=request_of_a_box()).certificate

    assert revoke_replaced(now=now + DAY) == 0
    assert note_certificate_seen(device=gateway_box, serial=new.serial, now=now + DAY)
    assert not note_certificate_seen(device=gateway_box, serial=new.serial, now=now + 2 * DAY)
    BrokerChange.objects.all().delete()
    assert revoke_replaced(now=now + DAY) == 1

    old.refresh_from_db()
    assert (old.revoked_at, old.reason) == (now + DAY, RevocationReason.SUPERSEDED)
    assert not BrokerChange.objects.exists()  # the box is on the new one: no need to cut


def test_without_a_sight_the_old_one_ends_after_the_grace(gateway_box, now):
    old = issue(gateway_box, now)
    new = renew_certificate(serial=old.serial, now=now, csr_pem=request_of_a_box()).certificate
    DeviceCertificate.objects.filter(id=new.id).update(created_at=now)

    assert revoke_replaced(now=now + 29 * DAY) == 0
    assert revoke_replaced(now=now + 30 * DAY) == 1

    assert BrokerChange.objects.get().must_cut


def test_nobody_goes_back_two_steps(gateway_box, now):
    first = issue(gateway_box, now)
    second = renew_certificate(serial=first.serial, now=now, csr_pem=request_of_a_box()).certificate
    third = renew_certificate(serial=second.serial, now=now, csr_pem=request_of_a_box()).certificate
    note_certificate_seen(device=gateway_box, serial=third.serial, now=now)

    revoke_replaced(now=now)

    left = DeviceCertificate.objects.filter(revoked_at=None)
    assert [row.serial for row in left] == [third.serial]
    assert revoke_replaced(now=now) == 0


def test_a_revoked_successor_retires_nothing(gateway_box, now):
    old = issue(gateway_box, now)
    new = renew_certificate(serial=old.serial, now=now, csr_pem=request_of_a_box()).certificate
    note_certificate_seen(device=gateway_box, serial=new.serial, now=now)
    revoke_certificate(serial=new.serial, reason=RevocationReason.KEY_COMPROMISE, now=now)

    assert revoke_replaced(now=now + 40 * DAY) == 0


@pytest.mark.parametrize("shape", ["{}", "0{}", "upper", "colons"])
def test_the_serial_is_recognised_as_boxes_write_it(gateway_box, now, shape):
    serial = issue(gateway_box, now).serial
    padded = serial.zfill(len(serial) + len(serial) % 2)
    written = {
        "upper": serial.upper(),
        "colons": ":".join(padded[at : at + 2] for at in range(0, len(padded), 2)),
    }.get(shape) or shape.format(serial)

    assert note_certificate_seen(device=gateway_box, serial=written, now=now)


def test_a_box_does_not_speak_for_another(gateway_box, direct_box, now):
    serial = issue(gateway_box, now).serial

    assert not note_certificate_seen(device=direct_box, serial=serial, now=now)


@pytest.mark.parametrize("word", ["status", "heartbeat"])
def test_status_and_heartbeat_tell_the_serial(gateway_box, now, word):
    serial = issue(gateway_box, now).serial
    topic = f"tenant/{gateway_box.tenant_id}/gw/gw-one/reported/{word}"
    route = match_message(topic.split("/"))
    payload = f'{{"status": "online", "cert_serial": "{serial}"}}'.encode()
    message = Inbound(
        route=route, payload=payload, received_at=now, tenant_id=gateway_box.tenant_id,
        gateway=gateway_box.gateway, device=gateway_box if word == "heartbeat" else None,
    )  # fmt: skip

    (handle_status if word == "status" else handle_heartbeat)(message, now)

    assert DeviceCertificate.objects.get(serial=serial).first_seen_at == now


def test_warns_once_at_each_threshold(direct_box, now):
    certificate = issue(direct_box, now)
    end = certificate.not_after

    seen = []
    for days in (40, 30, 29, 20, 14, 7, 6, 1, 0.5):
        warn_of_ends(now=end - dt.timedelta(days=days))
        seen.append(DeviceEvent.objects.count())

    assert seen == [0, 1, 1, 1, 2, 3, 3, 4, 4]
    codes = DeviceEvent.objects.order_by("at").values_list("code", flat=True)
    assert list(codes) == [f"CERTIFICATE_ENDS_{days}D" for days in (30, 14, 7, 1)]


def test_does_not_warn_of_one_that_is_replaced(direct_box, now):
    old = issue(direct_box, now)
    renew_certificate(serial=old.serial, now=now + 340 * DAY, csr_pem=request_of_a_box())

    assert warn_of_ends(now=old.not_after - DAY) == 0


def test_a_section_shows_the_state_of_each(direct_box, now):
    old = issue(direct_box, now)
    renew_certificate(serial=old.serial, now=now + DAY, csr_pem=request_of_a_box())

    states = [row.state for row in certificate_section(device=direct_box, now=now + DAY).rows]
    late = [row.state for row in certificate_section(device=direct_box, now=now + 350 * DAY).rows]

    assert states == ["valid", "replaced"]
    assert late == ["ending", "replaced"]
