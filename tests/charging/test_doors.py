"""Who may command the device of a charge point past the services of charging."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Role, User
from accounts.rbac.registry import CODES, SYSTEM_ROLES
from charging.services.control import start_charging
from devices.command_states import State
from devices.models import Command, Device
from devices.services.batches import preview_batch
from devices.services.command_refusals import MayNotControl
from devices.services.commanders import OnBehalf, Robot
from devices.services.commands import queue_command
from devices.services.emergency_stop import press_emergency_stop
from devices.services.shares import share_with_user
from tests.charging.places import Place, at
from tests.conftest import Team
from tests.factories import NOW, DeviceFactory, UserFactory

pytestmark = pytest.mark.django_db

PARAMS: dict[str, dict[str, Any]] = {"set_current_limit": {"amps": 10}}
GUARDED = ["charge_start", "set_current_limit", "lock", "unlock"]


@pytest.fixture
def gardener(red: Team) -> User:
    """A member of red who may do all that operators may, but for chargers."""
    person: User = UserFactory(email="gardener@red.example")
    with red.scope():
        codes = sorted(SYSTEM_ROLES["operator"] - {"control:charger"})
        role = Role.objects.create(name="Gardener", codes=codes)
    Membership.objects.create(user=person, tenant=red.tenant, role="", custom_role=role)
    return person


def device_of(place: Place) -> Device:
    return place.fresh().charge_point.device


def order(place: Place, actor: Any, name: str, device: Device | None = None) -> Command:
    with place.red.scope():
        return queue_command(
            actor=actor, device=device or device_of(place), name=name,
            params=PARAMS.get(name, {}), idempotency_key=name, now=NOW,
        ).command  # fmt: skip


@pytest.mark.parametrize("name", GUARDED)
def test_who_may_control_devices_alone_charges_nothing(
    place: Place, gardener: User, name: str
) -> None:
    with pytest.raises(MayNotControl):
        order(place, gardener, name)
    with place.red.scope():
        assert not Command.objects.exists()


@pytest.mark.parametrize("name", GUARDED)
def test_who_may_control_chargers_does_it_there_too(place: Place, name: str) -> None:
    assert order(place, place.red.operator, name).state == State.QUEUED


@pytest.mark.parametrize("name", ["charge_stop", "read_status"])
def test_everybody_who_may_control_the_device_may_end_charging(
    place: Place, gardener: User, name: str
) -> None:
    assert order(place, gardener, name).state == State.QUEUED


def test_a_device_that_no_charge_point_uses_is_free(place: Place, gardener: User) -> None:
    other = DeviceFactory(
        tenant=place.red.tenant, gateway=None, lifecycle="active",
        profile=device_of(place).profile,
    )  # fmt: skip
    assert order(place, gardener, "charge_start", other).state == State.QUEUED


@pytest.mark.parametrize("actor", [Robot("rule"), OnBehalf("user:1", "asked before")])
def test_parts_of_the_product_pass(place: Place, actor: Any) -> None:
    assert order(place, actor, "charge_start").state == State.QUEUED


def test_the_services_of_charging_and_an_emergency_stop_pass(place: Place, gardener: User) -> None:
    place.go(1, 2, 3)
    with place.red.scope():
        queued = start_charging(
            actor=place.red.operator, connector=place.fresh(), idempotency_key="k", now=at(3)
        )
        assert queued.command.state == State.QUEUED
        pressed = press_emergency_stop(
            actor=gardener, target=device_of(place), reason="smoke", now=at(4)
        )
    assert pressed.cancelled == 1
    assert pressed.off_commands == 1


def test_a_batch_skips_what_may_not_be_charged_with(place: Place, gardener: User) -> None:
    with place.red.scope():
        devices = [device_of(place)]

        def codes(actor: User, name: str) -> list[str]:
            found = preview_batch(actor=actor, devices=devices, name=name, params={}, now=NOW)
            return [candidate.code for candidate in found]

        assert codes(gardener, "charge_start") == ["permission_denied"]
        assert codes(gardener, "charge_stop") == [""]
        assert codes(place.red.operator, "charge_start") == [""]


def test_a_guest_of_the_device_charges_nothing(
    place: Place, red: Team, blue: Team, client_for: Any
) -> None:
    device = device_of(place)
    with red.scope():
        share_with_user(
            target=device, email=blue.owner.email, codes=["control:device"], valid_from=NOW,
            expires_at=timezone.now() + dt.timedelta(days=1), shared_by=red.owner,
            editor_codes=CODES, now=NOW,
        )  # fmt: skip
    guest = client_for(blue.owner)
    guest.post(reverse("tenant-switch"), {"tenant": str(red.tenant.id)})

    def send(name: str) -> int:
        answer = guest.post(
            reverse("api-device-commands", args=[device.id]),
            {"name": name, "params": PARAMS.get(name, {})}, content_type="application/json",
            headers={"Idempotency-Key": name},
        )  # fmt: skip
        return int(answer.status_code)

    assert [send(name) for name in GUARDED] == [403] * 4
    assert send("charge_stop") == 202
