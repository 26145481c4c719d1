"""Who may start, stop and limit charging, and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from charging.models import ChargingEvent
from charging.services import refusals
from charging.services.control import (
    lock_connector,
    set_current_limit,
    start_charging,
    stop_charging,
    unlock_connector,
)
from charging.services.observing import Outcome, note_command
from devices.command_states import State
from devices.models import Command, EmergencyStop, OutboundMessage, SerialLine
from devices.services.command_refusals import BadKey, KeyReused
from devices.services.commands import Queued
from devices.services.emergency_stop import press_emergency_stop
from tests.charging.places import Place, at
from tests.conftest import Team
from tests.factories import IdTagFactory

pytestmark = pytest.mark.django_db


def ask(
    place: Place,
    what: Callable[..., Queued],
    seconds: float = 3,
    *,
    actor: User | None = None,
    key: str = "one",
    **more: Any,
) -> Queued:
    with place.red.scope():
        return what(
            actor=actor or place.red.operator, connector=place.fresh(), idempotency_key=key,
            now=at(seconds), **more,
        )  # fmt: skip


def commands() -> list[str]:
    return list(Command.objects.order_by("requested_at", "id").values_list("name", flat=True))


def test_start_goes_through_the_door_to_hardware_for_five_seconds(place: Place) -> None:
    place.go(1, 2, 3)

    queued = ask(place, start_charging)

    command = queued.command
    assert (command.name, command.state) == ("charge_start", State.QUEUED)
    assert command.expires_at - command.requested_at == dt.timedelta(seconds=5)
    assert command.principal == f"user:{place.red.operator.pk}"
    with place.red.scope():
        assert OutboundMessage.objects.get().wire == "serial"
    [session] = place.sessions()
    assert (session.state, session.principal_label) == ("authorised", place.red.operator.email)
    assert place.kinds()[-1] == "CHARGE_START_REQUESTED"
    place.go(4, 5, start=4)
    assert [one.state for one in place.sessions()] == ["charging"]


@pytest.mark.parametrize("what", [start_charging, stop_charging, lock_connector, unlock_connector])
def test_a_viewer_may_look_only_and_a_stranger_sees_nothing(
    place: Place, blue: Team, what: Callable[..., Queued]
) -> None:
    place.go(1, 2, 3)

    with pytest.raises(refusals.MayNotCharge):
        ask(place, what, actor=place.red.viewer)
    with pytest.raises(refusals.NoSuchConnector):
        ask(place, what, actor=blue.owner)
    with place.red.scope():
        assert commands() == []


def test_a_stranger_cannot_set_a_limit(place: Place, blue: Team) -> None:
    place.go(1, 2, 3)

    with pytest.raises(refusals.NoSuchConnector):
        ask(place, set_current_limit, actor=blue.owner, amps=10)


@pytest.mark.parametrize("states", [(1,), (1, 2), (1, 2, 3, 4), (1, 2, 3, 5), (5, 7), (8,)])
def test_it_starts_only_where_a_vehicle_waits(place: Place, states: tuple[int, ...]) -> None:
    place.go(*states)

    with pytest.raises(refusals.NoVehicle):
        ask(place, start_charging, len(states))


def test_it_starts_only_what_was_heard_just_now(place: Place) -> None:
    with pytest.raises(refusals.NotFresh):
        ask(place, start_charging)
    place.go(1, 2, 3)

    with pytest.raises(refusals.NotFresh):
        ask(place, start_charging, 12.5)
    assert ask(place, start_charging, 11.9).command.state == State.QUEUED


def test_the_same_key_gives_the_same_answer(place: Place) -> None:
    IdTagFactory(tenant=place.red.tenant, uid="AB12")
    place.go(1, 2, 3)
    first = ask(place, start_charging, tag_uid="ab12")
    place.go(4, 5, start=4)

    again = ask(place, start_charging, 60, tag_uid="ab12")

    assert again.is_replay
    assert again.command.id == first.command.id
    with place.red.scope():
        assert commands() == ["charge_start"]
        assert ChargingEvent.objects.filter(kind="CHARGE_START_REQUESTED").count() == 1
    with pytest.raises(KeyReused):
        ask(place, start_charging, 60, tag_uid="other")
    with pytest.raises(KeyReused):
        ask(place, stop_charging, 60)


def test_a_second_permission_waits_for_a_fresh_look(place: Place) -> None:
    """The seed sent a permission again when its answer was lost, and started twice."""
    place.go(1, 2, 3)
    first = ask(place, start_charging, 3).command
    place.look(4, 3)
    with pytest.raises(refusals.AlreadyPermitted):
        ask(place, start_charging, 4, key="two")
    with place.red.scope():
        Command.objects.filter(id=first.id).update(
            state=State.TIMEOUT.value, sent_at=at(3), finished_at=at(8)
        )

    with pytest.raises(refusals.NotFresh):
        ask(place, start_charging, 9, key="three")
    place.look(9, 3)
    assert ask(place, start_charging, 9, key="four").command.state == State.QUEUED
    assert len(place.sessions()) == 1


def test_what_the_safety_check_refuses_begins_no_session(place: Place) -> None:
    place.go(1, 2, 3)
    device = place.connector.charge_point.device
    with place.red.scope():
        EmergencyStop.objects.create(
            scope="device", target_id=device.id, target_label="x", pressed_at=at(0),
            pressed_by="a", reason="smoke",
        )  # fmt: skip

    queued = ask(place, start_charging)

    assert queued.command.state == State.INVALID
    assert place.sessions() == []


def test_a_permission_that_the_controller_refuses_ends_its_session(place: Place) -> None:
    place.go(1, 2, 3)
    ask(place, start_charging)
    with place.red.scope():
        note_command(
            connector_id=place.connector.id, name="charge_start", outcome=Outcome.REJECTED,
            at=at(4), now=at(4), code="nak",
        )  # fmt: skip

    [session] = place.sessions()
    assert (session.state, session.end_detail) == ("ended", "nak")


def test_stop_works_while_nothing_is_heard(place: Place) -> None:
    place.go(1, 2, 3, 4, 5)

    queued = ask(place, stop_charging, 300)

    assert (queued.command.name, queued.command.state) == ("charge_stop", State.QUEUED)
    place.go(7, 1, start=301)
    assert [one.end_reason for one in place.sessions()] == ["stopped"]


def test_a_stop_of_what_was_only_ready_invents_no_charging(place: Place) -> None:
    place.go(1, 2, 3, 4)
    ask(place, stop_charging, 4)

    found = place.look(5, 7)

    assert found == ["STATE_CHANGED"]
    assert place.fresh().anomalies == 0
    [session] = place.sessions()
    assert (session.charging_at, session.end_reason) == (None, "stopped")


def test_an_emergency_stop_of_what_was_only_ready_invents_no_charging(place: Place) -> None:
    place.go(1, 2, 3, 4)
    device = place.fresh().charge_point.device
    press_emergency_stop(actor=place.red.owner, target=device, reason="smoke", now=at(4))

    found = place.look(45, 7)  # the bridge was away meanwhile

    assert found == ["STATE_CHANGED"]
    [session] = place.sessions()
    assert (session.charging_at, session.receipt_number) == (None, None)
    assert session.end_reason == "stopped"


@pytest.mark.parametrize("state", [State.EXPIRED, State.CANCELLED, State.INVALID])
def test_a_stop_that_was_never_done_stopped_nothing(place: Place, state: State) -> None:
    place.go(1, 2, 3, 4, 5)
    ask(place, stop_charging, 5)
    with place.red.scope():
        Command.objects.update(state=state.value)

    place.look(6, 7)

    assert [one.end_reason for one in place.sessions()] == ["vehicle"]


def test_a_stop_under_a_key_that_cannot_be_takes_no_number_of_an_event(place: Place) -> None:
    place.go(1, 2, 3, 4, 5)
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM charging_event_order")
        before = cursor.fetchone()
        with pytest.raises(BadKey):
            ask(place, stop_charging, 5, key="")
        cursor.execute("SELECT last_value FROM charging_event_order")
        assert cursor.fetchone() == before
    with place.red.scope():
        assert commands() == []


def test_there_must_be_something_to_stop(place: Place) -> None:
    place.go(1, 2, 3)

    with pytest.raises(refusals.NotCharging):
        ask(place, stop_charging)


@pytest.mark.parametrize(("amps", "is_fine"), [(5, False), (6, True), (32, True), (33, False)])
def test_a_limit_is_within_what_the_place_bears(place: Place, amps: int, is_fine: bool) -> None:
    place.go(1, 2, 3)

    if not is_fine:
        with pytest.raises(refusals.BadLimit):
            ask(place, set_current_limit, amps=amps)
    else:
        assert ask(place, set_current_limit, amps=amps).command.params == {"amps": amps}


@pytest.mark.parametrize("state", [5, 6, 7, 8])
def test_firmware_1_takes_no_limit_while_charging(place: Place, state: int) -> None:
    place.go(1, 2, 3, 4, 5)
    place.look(6, state)

    with pytest.raises(refusals.LimitWhileCharging):
        ask(place, set_current_limit, 6, amps=10)


def test_firmware_2_takes_a_limit_while_charging(place: Place) -> None:
    with place.red.scope():
        SerialLine.objects.update(protocol=SerialLine.Protocol.ESP32_V2)
    place.go(1, 2, 3, 4, 5)

    assert ask(place, set_current_limit, 5, amps=10).command.state == State.QUEUED


def test_nothing_is_unlocked_under_current(place: Place) -> None:
    place.go(1, 2, 3, 4, 5)
    with pytest.raises(refusals.WrongState):
        ask(place, unlock_connector, 5)
    place.look(6, 7)

    queued = ask(place, unlock_connector, 6)

    assert queued.command.expires_at - queued.command.requested_at == dt.timedelta(seconds=5)
    assert ask(place, lock_connector, 6, key="two").command.name == "lock"
