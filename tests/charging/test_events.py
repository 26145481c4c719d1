"""Which events looks at a connector make."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from accounts.tenancy import tenant_scope
from charging.models import Connector
from charging.observation import Observation
from charging.services.observing import Link, Outcome, note_command, note_link, observe
from devices.live_types import EventType
from devices.models import LiveEvent
from tests.charging.places import Place, at
from tests.conftest import Team

pytestmark = pytest.mark.django_db


def test_the_events_of_a_whole_charge(place: Place) -> None:
    found = place.go(1, 2, 3, 4, 5, 6, 4, 5, 7, 1)

    assert found == [
        "CABLE_CONNECTED", "EV_CONNECTED", "CHARGE_READY", "CHARGE_STARTED", "CHARGE_PAUSED",
        "STATE_CHANGED", "CHARGE_RESUMED", "CHARGE_STOPPED", "CABLE_DISCONNECTED",
    ]  # fmt: skip
    assert place.kinds() == found


@pytest.mark.parametrize(
    ("states", "wanted"),
    [
        ((1, 2, 1), ["CABLE_CONNECTED", "CABLE_DISCONNECTED"]),
        ((3, 5), ["CHARGE_STARTED"]),
        ((1, 5), ["CHARGE_STARTED"]),
        ((3, 1), ["CABLE_DISCONNECTED"]),
        ((5, 1), ["CHARGE_STOPPED"]),
        ((5, 6, 7), ["CHARGE_PAUSED", "CHARGE_STOPPED"]),
        ((5, 6, 1), ["CHARGE_PAUSED", "CHARGE_STOPPED"]),
        ((5, 6, 5), ["CHARGE_PAUSED", "CHARGE_RESUMED"]),
        ((1, 8, 0, 1), ["FAULT_DETECTED", "STATE_CHANGED", "FAULT_CLEARED"]),
        ((1, 8, 1), ["FAULT_DETECTED", "FAULT_CLEARED"]),
        ((1, 3), ["(CABLE_CONNECTED)", "EV_CONNECTED"]),
        ((3, 7), ["(CHARGE_STARTED)", "CHARGE_STOPPED"]),
    ],
)
def test_the_events_of_some_ways(place: Place, states: tuple[int, ...], wanted: list[str]) -> None:
    place.look(-1, states[0])

    assert place.go(*states[1:]) == wanted


def test_transitions_between_two_looks_are_not_missed(place: Place) -> None:
    """The seed sampled a cache of 7.5 s and lost what happened within."""
    place.look(0, 1)

    found = place.look(7.5, 4)

    assert found == ["(CABLE_CONNECTED)", "(EV_CONNECTED)", "CHARGE_READY"]


def test_an_unknown_change_is_kept_and_counted(place: Place) -> None:
    found = place.go(1, 2, 3, 4, 2)

    assert found[-1] == "STATE_CHANGED"
    assert place.fresh().anomalies == 1
    assert place.look(9, 77) == ["STATE_CHANGED"]
    assert place.fresh().anomalies == 2
    assert place.fresh().state == 77


def test_the_same_look_twice_is_one(place: Place) -> None:
    place.go(1, 2)

    assert place.look(1, 2) == []
    assert place.look(1, 3) == []
    assert place.fresh().state == 2


def test_it_never_goes_back_in_time(place: Place) -> None:
    place.go(1, 2, 3)

    assert place.look(1.5, 1) == []
    assert (place.fresh().state, place.fresh().seen_at) == (3, at(2))


def test_a_look_that_does_not_show_the_state_keeps_it(place: Place) -> None:
    place.look(0, 5)

    assert place.look(1, current_limit_a=16.0) == []
    assert place.look(2, current_limit_a=10.0) == ["CURRENT_LIMIT_CHANGED"]
    assert (place.fresh().state, place.fresh().current_limit_a) == (5, 10.0)


def test_signals_are_told_when_they_begin(place: Place) -> None:
    place.look(0, 1, pilot=0, cable_a=20)

    assert place.look(1, 1, pilot=3, cable_a=20) == ["VENTILATION_REQUESTED"]
    assert place.look(2, 1, pilot=3, cable_a=32) == ["PP_CHANGED"]
    assert place.look(3, 1, pilot=4, cable_a=32) == ["CONTROL_PILOT_ERROR"]
    assert place.look(4, 1, pilot=4, is_lock_failed=True) == ["LOCK_FAILED"]
    assert place.look(5, 1, is_rebooted=True) == ["DEVICE_REBOOTED"]


def test_a_contactor_that_does_not_follow_is_told_once(place: Place) -> None:
    place.look(0, 5)

    found = [place.look(second, 5, is_relay_on=False) for second in (1, 2, 3)]

    assert found == [[], ["CONTACTOR_MISMATCH"], []]
    assert place.look(4, 5) == []
    assert place.look(5, 1, is_relay_on=True) == ["CHARGE_STOPPED"]
    assert place.look(6, 1, is_relay_on=True) == ["CONTACTOR_MISMATCH"]


def test_the_link_and_commands_are_told(place: Place) -> None:
    place.look(0, 1)
    with place.red.scope():
        for number, link in enumerate(Link):
            note_link(connector_id=place.connector.id, link=link, at=at(number), now=at(number))
        for outcome in Outcome:
            note_command(
                connector_id=place.connector.id, name="lock", outcome=outcome, at=at(9),
                now=at(9), code="nak",
            )  # fmt: skip

    assert place.kinds() == [
        "BRIDGE_CONNECTED", "BRIDGE_STALE", "BRIDGE_LOST", "COMMAND_TIMEOUT", "COMMAND_REJECTED"
    ]  # fmt: skip


def test_a_session_goes_on_after_the_bridge_came_back(place: Place) -> None:
    place.go(1, 2, 3, 4, 5)
    with place.red.scope():
        note_link(connector_id=place.connector.id, link=Link.CONNECTED, at=at(60), now=at(60))

    found = place.look(61, 5)

    assert found == ["SESSION_RESUMED"]
    assert place.look(62, 5) == []
    [session] = place.sessions()
    assert (session.state, session.charging_at) == ("charging", at(4))


def test_a_look_that_shows_nothing_new_costs_two_statements_and_a_savepoint(
    place: Place, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    place.go(1, 2, 3)

    with django_assert_num_queries(4):
        assert place.look(4, 3) == []


def test_each_event_is_told_live(place: Place) -> None:
    place.go(1, 2, 3)

    with place.red.scope():
        told = LiveEvent.objects.filter(type=EventType.CHARGING).order_by("id")
        assert [one.payload["kind"] for one in told] == ["CABLE_CONNECTED", "EV_CONNECTED"]
        assert told[0].payload["connector"] == str(place.connector.id)
        assert told[0].device_id == place.connector.charge_point.device_id


def test_a_connector_of_another_tenant_is_not_there(place: Place, blue: Team) -> None:
    with tenant_scope(blue.tenant.id), pytest.raises(Connector.DoesNotExist):
        observe(connector_id=place.connector.id, seen=Observation(at=at(0), state=1), now=at(0))
