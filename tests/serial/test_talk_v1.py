"""A conversation in version 1 with the firmware and its traps."""

from __future__ import annotations

import pytest

from charging.esp32.facts import NoteKind, Verdict
from charging.esp32.talk_v1 import TalkV1
from tests.serial.desk import Desk


@pytest.fixture
def desk() -> Desk:
    """A controller without a vehicle."""
    made = Desk(TalkV1())
    made.run(2)
    return made


def lose(*words: bytes) -> object:
    """Return what loses the lines that hold one of the words."""
    return lambda data: [] if any(word in data for word in words) else [data]


def test_asks_once_a_second_and_five_times_after_a_command(desk: Desk) -> None:
    before = len(desk.written)
    desk.run(10)
    assert 9 <= len(desk.written) - before <= 11


def test_one_question_at_a_time_while_the_controller_stands_still(desk: Desk) -> None:
    before = len(desk.written)
    desk.be_deaf(5)
    desk.run(5)
    assert len(desk.written) - before <= 3  # one in three seconds, and one under way


def test_permits_limits_and_ends_charging(desk: Desk) -> None:
    desk.plug_in()
    assert desk.do("set_current_limit", amps=16).verdict == Verdict.DONE
    desk.run(3)
    assert desk.do("charge_start").verdict == Verdict.DONE
    desk.run(4)
    assert desk.state == 5
    assert desk.hardware.amps == 16
    assert desk.do("charge_stop").verdict == Verdict.DONE
    assert desk.state == 7
    assert not desk.hardware.is_relay_on


def test_a_limit_does_not_look_like_an_unplugging(desk: Desk) -> None:
    desk.plug_in()
    before = len(desk.looks)
    assert desk.do("set_current_limit", amps=10).verdict == Verdict.DONE
    desk.run(4)
    told = {look.state for look in desk.looks[before:]}
    assert told == {3}


def test_a_limit_is_refused_where_it_would_force_idle(desk: Desk) -> None:
    desk.charge()
    result = desk.do("set_current_limit", amps=10)
    assert (result.verdict, result.code) == (Verdict.REFUSED, "limit_while_charging")
    desk.do("charge_stop")
    result = desk.do("set_current_limit", amps=10)
    assert (result.verdict, result.code) == (Verdict.REFUSED, "wrong_state")
    assert not [command for command in desk.commands() if command[1] == 2]


def test_the_limit_that_there_is_is_not_set_again(desk: Desk) -> None:
    assert desk.do("set_current_limit", amps=32).verdict == Verdict.UNCHANGED
    assert desk.commands() == []


def test_without_a_vehicle_nothing_is_permitted(desk: Desk) -> None:
    result = desk.do("charge_start")
    assert (result.verdict, result.code) == (Verdict.REFUSED, "no_vehicle")
    desk.hardware.cable_amps = 32  # a cable alone; the firmware would remember the permission
    desk.run(2)
    assert desk.state == 2
    result = desk.do("charge_start")
    assert (result.verdict, result.code) == (Verdict.REFUSED, "no_vehicle")
    assert desk.commands() == []


def test_a_permission_that_is_there_is_not_given_again(desk: Desk) -> None:
    desk.charge()
    assert desk.do("charge_start").verdict == Verdict.UNCHANGED
    assert len(desk.commands()) == 1


def test_a_permission_without_an_answer_is_looked_for(desk: Desk) -> None:
    desk.plug_in()
    desk.up = lose(b"CMD=AUTH")
    assert desk.do("charge_start").verdict == Verdict.DONE
    assert len(desk.commands()) == 1


def test_a_permission_that_was_lost_is_not_written_again(desk: Desk) -> None:
    desk.plug_in()
    desk.down = lambda data: [] if data[1] == 1 else [data]
    result = desk.do("charge_start")
    assert (result.verdict, result.code) == (Verdict.NO_ANSWER, "no_answer")
    assert len(desk.commands()) == 1


def test_an_order_whose_time_is_over_is_never_written(desk: Desk) -> None:
    desk.plug_in()
    desk.be_deaf(20)
    desk.run(1)
    result = desk.result(desk.order("charge_start", life=5.0))
    assert (result.verdict, result.code) == (Verdict.REFUSED, "too_late")
    desk.run(30)
    assert desk.commands() == []
    assert desk.state == 3


def test_a_stop_that_was_lost_is_repeated_after_a_look(desk: Desk) -> None:
    desk.charge()
    lost: list[bytes] = []

    def lose_one(data: bytes) -> list[bytes]:
        if data[1] == 4 and not lost:
            lost.append(data)
            return []
        return [data]

    desk.down = lose_one
    assert desk.do("charge_stop").verdict == Verdict.DONE
    assert lost
    assert desk.state == 7


def test_a_stop_where_nothing_charges_writes_nothing(desk: Desk) -> None:
    assert desk.do("charge_stop").verdict == Verdict.UNCHANGED
    desk.plug_in()
    assert desk.do("charge_stop").verdict == Verdict.UNCHANGED
    assert desk.commands() == []


def test_a_stop_overtakes_a_permission(desk: Desk) -> None:
    desk.plug_in()
    desk.up = lose(b"CMD=AUTH")
    started = desk.order("charge_start")
    desk.run(0.5)
    stopped = desk.order("charge_stop")
    assert desk.result(started).code == "stopped"
    assert desk.result(stopped).verdict == Verdict.DONE
    desk.run(10)
    assert desk.state == 7
    assert not desk.hardware.is_relay_on


def test_locks_and_unlocks(desk: Desk) -> None:
    assert desk.do("lock").verdict == Verdict.DONE
    assert desk.hardware.is_locked
    again = desk.do("lock")  # the firmware answers a change of direction only
    assert (again.verdict, again.code) == (Verdict.UNCHANGED, "same_direction")
    assert desk.do("unlock").verdict == Verdict.DONE
    assert not desk.hardware.is_locked
    assert not desk.notes(NoteKind.LOCK_FAILED)


def test_a_lock_that_should_have_answered_has_failed(desk: Desk) -> None:
    assert desk.do("lock").verdict == Verdict.DONE
    desk.down = lambda data: [] if data[1] == 3 else [data]
    assert desk.do("unlock").verdict == Verdict.NO_ANSWER
    assert desk.notes(NoteKind.LOCK_FAILED)


def test_nothing_is_unlocked_while_it_charges(desk: Desk) -> None:
    desk.charge()
    result = desk.do("unlock")
    assert (result.verdict, result.code) == (Verdict.REFUSED, "wrong_state")


def test_waits_eight_seconds_for_an_answer_in_a_fault(desk: Desk) -> None:
    desk.hardware.board_fault = 1
    desk.run(5)
    assert desk.state == 8
    desk.be_deaf(5)
    began = desk.now
    result = desk.result(desk.order("read_status", life=20))
    assert result.verdict == Verdict.DONE
    assert desk.now - began > 3


def test_a_banner_is_told_once_with_its_version(desk: Desk) -> None:
    desk.charge()
    desk.be_deaf(desk.controller.reset())
    desk.run(3)
    assert len(desk.notes(NoteKind.REBOOTED)) == 1
    assert [note.text for note in desk.notes(NoteKind.FIRMWARE)] == ["4.8.0"]
    assert desk.state in {1, 2, 3}


def test_after_the_link_is_gone_nothing_of_an_order_is_left(desk: Desk) -> None:
    desk.plug_in()
    desk.be_deaf(60)
    waiting = desk.order("charge_start")
    desk.run(0.5)
    desk.talk.closed(desk.now, code="disconnected", detail="gone")
    desk.heard += desk.talk.take_heard()
    assert desk.result(waiting).code == "disconnected"
    assert desk.talk.is_idle
    assert desk.talk.take_outgoing() == b""
    desk.talk.opened(desk.now)
    desk.be_deaf(0)
    desk.run(10)
    assert desk.commands() == []
    assert desk.state == 3


def test_too_many_orders_are_refused(desk: Desk) -> None:
    desk.be_deaf(60)
    keys = [desk.order("read_status") for _ in range(30)]
    desk.run(0.1)
    refused = [one for one in desk.heard if getattr(one, "code", "") == "busy"]
    assert len(refused) == len(keys) - 17
    unknown = desk.order("self_destruct")
    assert desk.result(unknown).code == "unknown_command"


def test_a_stop_is_taken_however_many_orders_wait(desk: Desk) -> None:
    desk.charge()
    for _ in range(30):
        desk.order("read_status")
    assert desk.do("charge_stop").verdict == Verdict.DONE
    assert not desk.hardware.is_relay_on


@pytest.mark.parametrize("seed", range(8))
def test_orders_end_as_they_say_on_a_bad_line(seed: int) -> None:
    """What is told as done is so, and what is told as refused is not, whatever the line does."""
    import random

    from devices.simulators.evse_wire import LineFaults

    desk = Desk(TalkV1())
    faults = LineFaults(split=0.5, noise=0.3, lose=0.15, chance=random.Random(seed))
    desk.up = faults.spoil
    desk.run(3)
    desk.hardware.plug_in()
    desk.run(8)
    started = desk.do("charge_start", life=30)
    desk.run(5)
    assert (started.verdict == Verdict.DONE) == desk.hardware.is_relay_on
    stopped = desk.do("charge_stop", life=30)
    assert stopped.verdict in {Verdict.DONE, Verdict.UNCHANGED, Verdict.NO_ANSWER}
    desk.run(5)
    if stopped.verdict != Verdict.NO_ANSWER:
        assert not desk.hardware.is_relay_on
    assert len([command for command in desk.commands() if command[1] == 1]) <= 1
