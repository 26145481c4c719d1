"""S22: a revoked box is cut within two seconds and stays out; others never notice."""

from __future__ import annotations

import time

import pytest
from django.conf import settings

from devices.models import BrokerChange, Gateway, RevocationReason, RevokedCertificate
from devices.services.broker_accounts import apply_grants, box_grant
from devices.services.broker_accounts import revoke as revoke_account
from devices.services.broker_changes import carry_out, carry_out_due
from devices.services.broker_sync import SyncReport, sync_accounts
from devices.services.removal import delete_gateway
from devices.services.revocation import revoke_certificate, shut_out_box
from devices.wires.broker import connect_control
from tests.devices.mqtt_clients import Refused as PasswordRefused
from tests.devices.mqtt_clients import TestClient
from tests.pace import assert_within
from tests.pki.clients import Refused
from tests.pki.conftest import give_files

pytestmark = pytest.mark.django_db
OLD_PASSWORD = "a password of old"


@pytest.fixture
def revoke(soon, django_capture_on_commit_callbacks):
    """Return a function that revokes a certificate and tells when it began and was done."""

    def run(team, box, reason=RevocationReason.KEY_COMPROMISE):
        began = time.monotonic()
        with team.scope(), django_capture_on_commit_callbacks(execute=True):
            revoke_certificate(serial=box.serial, reason=reason, now=soon)
        return began, time.monotonic()

    return run


@pytest.fixture
def shut_out(soon, django_capture_on_commit_callbacks):
    """Return a function that takes a box everything."""

    def run(team, box):
        with team.scope(), django_capture_on_commit_callbacks(execute=True):
            shut_out_box(device=box.device, reason=RevocationReason.PRIVILEGE, now=soon)

    return run


def test_a_box_connects_with_its_certificate_and_its_own_name(red, make_box, connect):
    box = make_box(red)

    client = connect(box)
    own = f"tenant/{red.tenant.id}/gw/{box.username}"
    with TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD) as platform:
        platform.subscribe(f"{own}/#")
        client.publish(f"{own}/telemetry")

        assert platform.take_until(f"{own}/telemetry") == []


def test_a_revoked_box_is_cut_within_two_seconds_and_stays_out(
    red, make_box, connect, revoke, record_property
):
    stolen, other = make_box(red), make_box(red)
    thief, neighbour = connect(stolen), connect(other)

    began, done = revoke(red, stolen)

    assert thief.disconnected.wait(60)
    assert_within(thief.cut_at - began, 2)
    assert_within(done - began, 2)
    for _attempt in range(3):
        with pytest.raises(Refused):
            connect(stolen)
    assert not neighbour.disconnected.is_set()
    assert not BrokerChange.objects.exists()
    record_property("cut_seconds", round(thief.cut_at - began, 3))
    record_property("done_seconds", round(done - began, 3))


def test_a_shut_out_box_has_no_password_left_either(red, make_box, connect, shut_out):
    box = make_box(red, is_direct=True)
    with red.scope():
        apply_grants(grants=[box_grant(box.device, OLD_PASSWORD)])
    client = connect(box)

    shut_out(red, box)

    assert client.disconnected.wait(60)
    with pytest.raises(PasswordRefused), TestClient(box.username, OLD_PASSWORD):
        pass


def test_the_other_certificate_of_a_box_goes_on_and_so_does_its_password(
    red, make_box, connect, revoke, tmp_path, django_capture_on_commit_callbacks
):
    stolen = make_box(red)
    with red.scope(), django_capture_on_commit_callbacks(execute=True):
        apply_grants(grants=[box_grant(stolen.device, OLD_PASSWORD)])
        kept = give_files(tmp_path, stolen.device)
    thief = connect(stolen)

    revoke(red, stolen)

    assert thief.disconnected.wait(60)
    with pytest.raises(Refused):
        connect(stolen)
    own = f"tenant/{red.tenant.id}/gw/{stolen.username}"
    with platform_client() as platform:
        platform.subscribe(f"{own}/#")
        connect(kept).publish(f"{own}/telemetry")
        assert platform.take_until(f"{own}/telemetry") == []
    with TestClient(stolen.username, OLD_PASSWORD):
        pass


def test_a_new_certificate_does_not_disturb_the_session(
    red, make_box, connect, tmp_path, django_capture_on_commit_callbacks
):
    box = make_box(red)
    client = connect(box)

    with red.scope(), django_capture_on_commit_callbacks(execute=True):
        give_files(tmp_path, box.device)

    assert not client.disconnected.wait(0.5)


def test_a_deleted_gateway_is_out(red, make_box, connect, soon, django_capture_on_commit_callbacks):
    box = make_box(red)
    client = connect(box)

    with red.scope(), django_capture_on_commit_callbacks(execute=True):
        delete_gateway(gateway=box.device.gateway, now=soon)

    assert client.disconnected.wait(60)
    with pytest.raises(Refused):
        connect(box)


class Crash(BaseException):
    """The process dies here."""


STEPS = {
    "before the broker is asked": "devices.services.broker_changes._strip_roles",
    "after the role is gone": "devices.services.broker_changes._publish",
    "before the list is in place": "devices.services.revocation_list.place_list",
    "before the broker reads the list": "devices.services.revocation_list.reload_broker",
    "before the account is deleted": "devices.services.broker_changes._apply",
    "before it is noted as done": "devices.services.broker_changes._forget",
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("has_other", [False, True], ids=["last", "one of two"])
def test_a_crash_at_any_step_is_mended_by_the_sweep(
    step, has_other, red, make_box, connect, revoke, soon, monkeypatch, tmp_path,
    django_capture_on_commit_callbacks,
):  # fmt: skip
    box = make_box(red)
    if has_other:
        with red.scope(), django_capture_on_commit_callbacks(execute=True):
            kept = give_files(tmp_path, box.device)
    thief = connect(box)

    with monkeypatch.context() as patch:
        patch.setattr(STEPS[step], _die)
        with pytest.raises(Crash):
            revoke(red, box)
    left = carry_out_due(now=soon)

    assert left == 0
    assert thief.disconnected.wait(60)
    with pytest.raises(Refused):
        connect(box)
    assert not RevokedCertificate.objects.filter(published_at=None).exists()
    if has_other:
        assert not connect(kept).disconnected.wait(0.3)


def test_without_the_broker_the_list_is_signed_and_the_rest_follows(
    red, make_box, connect, soon, settings
):
    box = make_box(red)
    thief = connect(box)
    with red.scope():
        shut_out_box(device=box.device, reason=RevocationReason.PRIVILEGE, now=soon)

    port, settings.MQTT_PORT = settings.MQTT_PORT, 1
    assert carry_out_due(now=soon) == 1
    assert BrokerChange.objects.get().error
    with pytest.raises(Refused):
        connect(box)
    settings.MQTT_PORT = port

    assert carry_out_due(now=soon) == 0
    assert thief.disconnected.wait(60)


def test_without_a_list_in_force_nobody_gets_a_role_back(
    red, make_box, connect, revoke, soon, settings, tmp_path, django_capture_on_commit_callbacks
):
    box = make_box(red)
    with red.scope(), django_capture_on_commit_callbacks(execute=True):
        give_files(tmp_path, box.device)
    thief = connect(box)
    own = f"tenant/{red.tenant.id}/gw/{box.username}"
    settings.BROKER_RELOAD, how = "pid:/nowhere/at/all.pid", settings.BROKER_RELOAD

    revoke(red, box)

    assert thief.disconnected.wait(60)
    with platform_client() as platform:
        platform.subscribe("tenant/#")
        connect(box).publish(f"{own}/telemetry", "forged")  # TLS still lets it in
        platform.publish("tenant/sentinel")
        assert f"{own}/telemetry" not in platform.take_until("tenant/sentinel")
    settings.BROKER_RELOAD = how
    assert carry_out_due(now=soon) == 0
    with pytest.raises(Refused):
        connect(box)


def test_a_wish_that_came_in_between_waits_for_its_own_list(red, make_box, connect, soon):
    box, later = make_box(red), make_box(red)
    client = connect(later)
    with red.scope():
        shut_out_box(device=box.device, reason=RevocationReason.PRIVILEGE, now=soon)

    def connect_late():
        noted.append(True)
        with red.scope():
            shut_out_box(device=later.device, reason=RevocationReason.PRIVILEGE, now=soon)
        return connect_control()

    noted = []
    assert carry_out(now=soon, connect=connect_late) == 1  # the late one is left
    assert not client.disconnected.is_set()
    assert carry_out(now=soon) == 0
    assert noted
    assert client.disconnected.wait(60)


def test_the_sweep_takes_accounts_of_boxes_that_are_gone(red, make_box, connect, soon, broker):
    gone, kept, lost = make_box(red), make_box(red), make_box(red)
    client = connect(kept)
    with red.scope():
        Gateway.objects.get(uid=gone.username).delete()  # past every service
    revoke_account(lost.username)

    report = sync_accounts(now=soon)

    assert gone.username in report.removed
    assert lost.username in report.added
    assert {kept.username, "platform"}.isdisjoint({*report.removed, *report.added})
    assert not client.disconnected.is_set()
    assert sync_accounts(now=soon) == SyncReport((), ())


def platform_client():
    return TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD)


def _die(*args, **kwargs):
    raise Crash
