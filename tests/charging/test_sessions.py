"""Sessions: when they begin, go on, and end, and why."""

from __future__ import annotations

import uuid

import pytest

from charging.models import ChargePoint, ChargingSession
from charging.services import waiting
from charging.services.control import start_charging
from charging.services.observing import Link, note_link
from charging.services.waiting import end_late_permissions
from devices.models import Command, EmergencyStop
from tests.charging.places import Place, at
from tests.factories import ChargePointFactory, ConnectorFactory, DeviceFactory, IdTagFactory

pytestmark = pytest.mark.django_db


def commands(place: Place) -> list[str]:
    with place.red.scope():
        return list(Command.objects.order_by("requested_at").values_list("name", flat=True))


def test_a_pause_is_part_of_one_session(place: Place) -> None:
    place.go(1, 2, 3, 4, 5, 6, 4, 5, 7, 1, step=10)

    [session] = place.sessions()

    assert (session.state, session.end_reason) == ("ended", "vehicle")
    assert (session.charging_at, session.stopped_at, session.ended_at) == (at(40), at(80), at(90))
    assert session.energised_seconds == 20
    assert session.receipt_number == 1


def test_a_fault_while_charging_is_detected_and_ends_the_session(place: Place) -> None:
    """The seed's session manager never saw it: an earlier branch took the change."""
    place.go(1, 2, 3, 4, 5)

    found = place.look(60, 8, fault=2)

    assert found == ["FAULT_DETECTED"]
    [session] = place.sessions()
    assert (session.state, session.end_reason) == ("faulted", "fault")
    assert (session.ended_at, session.end_detail) == (at(60), "fault 2")
    assert session.energised_seconds == 56
    assert place.go(0, 1, 5, start=70) == ["STATE_CHANGED", "FAULT_CLEARED", "CHARGE_STARTED"]
    assert [one.state for one in place.sessions()] == ["faulted", "charging"]


@pytest.mark.parametrize(
    ("states", "seen", "reason"),
    [
        ((5, 7, 1), {}, "vehicle"),
        ((5, 1), {}, "unplugged"),
        ((5, 6, 1), {}, "unplugged"),
        ((5, 1), {"is_rebooted": True}, "reboot"),
        ((5, 8), {}, "fault"),
    ],
)
def test_why_it_ended(
    place: Place, states: tuple[int, ...], seen: dict[str, bool], reason: str
) -> None:
    place.go(1, 2, 3, 4, *states[:-1])
    place.look(100, states[-1], **seen)

    [session] = place.sessions()

    assert (session.end_reason, session.ended_at) == (reason, at(100))


def test_a_vehicle_that_stays_keeps_its_session_until_it_leaves(place: Place) -> None:
    place.go(1, 2, 3, 4, 5, 7)

    [session] = place.sessions()
    assert (session.stopped_at, session.ended_at) == (at(5), None)
    place.look(600, 1)

    [session] = place.sessions()
    assert (session.stopped_at, session.ended_at) == (at(5), at(600))


def test_charging_again_without_unplugging_is_another_session(place: Place) -> None:
    place.go(1, 2, 3, 4, 5, 7, step=10)

    place.look(100, 5)  # nobody saw it unplugged

    assert [(one.state, one.end_reason) for one in place.sessions()] == [
        ("ended", "vehicle"), ("charging", "")
    ]  # fmt: skip


def test_a_session_that_nobody_saw_begin_begins_with_the_first_look(place: Place) -> None:
    assert place.look(0, 5) == ["(CHARGE_STARTED)"]

    [session] = place.sessions()
    assert (session.state, session.charging_at) == ("charging", at(0))


def test_receipts_are_numbered_without_gaps(place: Place) -> None:
    for number in range(3):
        place.go(1, 2, 3, 5, 7, 1, start=number * 100)
    place.go(2, 3, 4, 1, start=400)  # nothing charged: no receipt

    assert [one.receipt_number for one in place.sessions()] == [1, 2, 3, None]


def test_the_price_of_the_beginning_holds(place: Place) -> None:
    place.go(1, 2, 3, 5)
    with place.red.scope():
        price = place.connector.charge_point.price
        assert price is not None
        price.energy_price = 99
        price.save()
    place.go(7, 1, start=100)

    [session] = place.sessions()
    assert session.price["energy_price"] == "7.50000"
    assert session.currency == "TRY"


def test_a_vehicle_that_waits_without_permission_is_told_once(place: Place) -> None:
    place.go(1, 2, 3)
    assert end_late_permissions(now=at(40)) == 0

    assert end_late_permissions(now=at(70)) == 1
    assert end_late_permissions(now=at(80)) == 0

    assert place.kinds()[-1] == "AUTH_TIMEOUT"
    assert place.sessions() == []


def test_a_permission_that_is_not_used_ends_and_is_taken_back(place: Place) -> None:
    place.go(1, 2, 3, 4)
    place.look(95, 4)

    assert end_late_permissions(now=at(100)) == 1

    [session] = place.sessions()
    assert (session.state, session.end_reason) == ("ended", "timeout")
    assert session.receipt_number is None
    assert commands(place) == ["charge_stop"]
    assert place.kinds()[-2:] == ["AUTH_TIMEOUT", "CHARGE_STOP_REQUESTED"]


def test_whoever_plugs_in_at_a_free_point_may_charge(place: Place) -> None:
    with place.red.scope():
        ChargePoint.objects.update(access=ChargePoint.Access.FREE)

    place.go(1, 2, 3)

    assert commands(place) == ["charge_start"]
    [session] = place.sessions()
    assert (session.state, session.principal) == ("authorised", "system:charging")
    place.go(4, 5, start=10)
    assert [one.state for one in place.sessions()] == ["charging"]


def test_a_vehicle_that_was_ready_already_is_not_permitted_again(place: Place) -> None:
    with place.red.scope():
        ChargePoint.objects.update(access=ChargePoint.Access.FREE)
    place.look(0, 1)

    place.look(5, 4)  # the controller permits by itself; nobody saw it connected

    assert commands(place) == []
    assert "COMMAND_REJECTED" not in place.kinds()


def refuse_at_a_free_point(place: Place) -> EmergencyStop:
    """Let a vehicle come to a free point that an emergency stop holds."""
    with place.red.scope():
        ChargePoint.objects.update(access=ChargePoint.Access.FREE)
        stop = EmergencyStop.objects.create(
            scope="device", target_id=place.connector.charge_point.device_id, target_label="x",
            pressed_at=at(0), pressed_by="a", reason="smoke",
        )  # fmt: skip
    place.go(1, 2, 3)
    assert place.kinds()[-1] == "COMMAND_REJECTED"
    assert place.sessions() == []
    return stop


def test_a_vehicle_at_a_free_point_is_tried_again_after_a_refusal(place: Place) -> None:
    stop = refuse_at_a_free_point(place)
    place.look(8, 3)
    end_late_permissions(now=at(8))
    assert place.kinds().count("COMMAND_REJECTED") == 1
    with place.red.scope():
        EmergencyStop.objects.filter(id=stop.id).update(released_at=at(9))

    place.look(15, 3)
    end_late_permissions(now=at(15))
    end_late_permissions(now=at(16))

    assert [one.state for one in place.sessions()] == ["authorised"]
    assert commands(place) == ["charge_start", "charge_start"]
    assert "AUTH_TIMEOUT" not in place.kinds()


def test_a_vehicle_at_a_free_point_is_not_tried_for_ever(place: Place) -> None:
    refuse_at_a_free_point(place)

    for second in range(5, 120, 5):
        place.look(second, 3)
        end_late_permissions(now=at(second))

    assert place.kinds().count("COMMAND_REJECTED") == 3
    assert place.kinds()[-1] == "AUTH_TIMEOUT"


def test_a_vehicle_at_a_free_point_is_tried_when_the_link_is_back(place: Place) -> None:
    stop = refuse_at_a_free_point(place)
    with place.red.scope():
        EmergencyStop.objects.filter(id=stop.id).update(released_at=at(9))
        note_link(connector_id=place.connector.id, link=Link.CONNECTED, at=at(60), now=at(60))

    place.look(61, 3)
    place.look(62, 3)

    assert [one.state for one in place.sessions()] == ["authorised"]
    assert commands(place) == ["charge_start", "charge_start"]


def test_the_permission_of_a_person_is_not_given_again_when_the_link_is_back(
    place: Place,
) -> None:
    place.go(1, 2, 3)
    with place.red.scope():
        start_charging(
            actor=place.red.operator, connector=place.fresh(), idempotency_key="a", now=at(3)
        )
        Command.objects.update(state="expired", finished_at=at(8))
        note_link(connector_id=place.connector.id, link=Link.CONNECTED, at=at(20), now=at(20))

    place.look(21, 3)

    assert commands(place) == ["charge_start"]


def test_a_tag_at_the_reader_permits_and_ends(place: Place) -> None:
    tag = IdTagFactory(tenant=place.red.tenant, uid="AB12")
    place.go(1, 2, 3)

    place.look(10, 3, rfid="ab12")
    place.go(4, 5, start=11)
    place.look(20, 5, rfid="ab12")

    assert commands(place) == ["charge_start", "charge_stop"]
    [session] = place.sessions()
    assert (session.id_tag, session.tag_uid) == (tag, "AB12")
    place.go(7, 1, start=21)
    [session] = place.sessions()
    assert session.end_reason == "stopped"


def test_a_tag_may_come_before_the_vehicle(place: Place) -> None:
    IdTagFactory(tenant=place.red.tenant, uid="AB12")
    place.look(0, 1, rfid="ab12")
    assert commands(place) == []

    place.go(2, 3, start=20)

    assert commands(place) == ["charge_start"]
    place.go(5, 7, 1, start=30)
    [session] = place.sessions()
    assert (session.tag_uid, session.end_reason) == ("AB12", "vehicle")


def test_a_tag_whose_vehicle_does_not_come_ends(place: Place) -> None:
    IdTagFactory(tenant=place.red.tenant, uid="AB12")
    place.look(0, 1, rfid="ab12")

    assert end_late_permissions(now=at(61)) == 1

    assert place.kinds()[-1] == "PLUGIN_TIMEOUT"
    assert [one.end_reason for one in place.sessions()] == ["timeout"]


def test_a_tag_that_waited_too_long_permits_nothing_though_nobody_ended_it(place: Place) -> None:
    IdTagFactory(tenant=place.red.tenant, uid="AB12")
    place.look(0, 1, rfid="ab12")

    place.look(600, 3)

    assert commands(place) == []
    assert place.kinds()[-1] == "PLUGIN_TIMEOUT"
    assert [one.end_reason for one in place.sessions()] == ["timeout"]


def test_who_waits_in_front_does_not_keep_others_from_their_turn(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is due counts, and what nobody hears comes last."""
    monkeypatch.setattr(waiting, "ROWS", 1)
    points = [
        ChargePointFactory(device=DeviceFactory(tenant=place.red.tenant), connection_timeout_s=3600)
        for _ in range(3)
    ]
    with place.red.scope():
        for number, point in enumerate(points):
            ConnectorFactory(
                id=uuid.UUID(int=number),
                charge_point=point,
                state=3,
                state_since=at(0),
                seen_at=at(99),
            )
    place.go(1, 2, 3)

    assert end_late_permissions(now=at(100)) == 1

    assert place.kinds()[-1] == "AUTH_TIMEOUT"


def test_a_permission_is_not_taken_back_while_nobody_sees_whether_it_is_used(
    place: Place,
) -> None:
    place.go(1, 2, 3, 4)

    assert end_late_permissions(now=at(100)) == 0
    place.look(101, 5)

    [session] = place.sessions()
    assert (session.state, session.charging_at) == ("charging", at(101))
    assert commands(place) == []


def test_a_permission_that_left_is_not_ended_before_the_next_look(place: Place) -> None:
    place.go(1, 2, 3)
    with place.red.scope():
        start_charging(
            actor=place.red.operator, connector=place.fresh(), idempotency_key="a", now=at(3)
        )
        Command.objects.update(state="sent", sent_at=at(3.1))

    assert end_late_permissions(now=at(100)) == 0
    place.look(101, 3)
    assert end_late_permissions(now=at(102)) == 1

    assert [one.end_reason for one in place.sessions()] == ["timeout"]


def test_an_unknown_tag_permits_nothing_and_is_kept(place: Place) -> None:
    place.go(1, 2, 3)

    place.look(10, 3, rfid="dead")

    assert commands(place) == []
    assert place.sessions() == []
    with place.red.scope():
        rows = place.connector.events.filter(kind="RFID_PRESENTED")
        assert [row.detail for row in rows] == [{"tag": "DEAD", "result": "tag_unknown"}]


def test_a_connector_has_one_open_session(place: Place) -> None:
    place.go(1, 2, 3, 5, 6, 5, 6, 5)

    with place.red.scope():
        assert ChargingSession.objects.filter(ended_at=None).count() == 1
