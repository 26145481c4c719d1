"""Version 2 on the wire, and a conversation in it on lines that lose, repeat and reorder."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charging.esp32 import v2
from charging.esp32.facts import NoteKind, Verdict
from charging.esp32.talk_v2 import TalkV2
from devices.simulators.evse_v2 import FAILSAFE_AMPS
from devices.simulators.evse_wire import LineFaults
from tests.serial.desk import Desk
from tests.serial.rig import Ear, charger, wait_until
from tools.paths import ROOT

REFERENCE = ROOT / "docs/reference/esp32-charger-protocol.md"


@pytest.fixture
def desk() -> Desk:
    """A controller of version 2 without a vehicle."""
    made = Desk(TalkV2(), protocol="v2")
    made.run(2)
    return made


def commands(desk: Desk, kind: bytes) -> list[bytes]:
    """Return the frames of a kind that the host wrote."""
    lines = b"".join(desk.written).split(b"\n")
    return [line for line in lines if b"|%s|" % kind in line]


def test_the_checksum_is_the_known_one() -> None:
    assert v2.crc16(b"123456789") == 0x29B1
    assert v2.encode(7, "LIMIT", {"a": 16}) == b"~7|LIMIT|a=16|%04X\n" % v2.crc16(b"7|LIMIT|a=16")


def test_the_examples_of_the_reference_are_frames() -> None:
    lines = [line.strip() for line in REFERENCE.read_text().splitlines()]
    examples = [line.encode() for line in lines if re.match(r"~\d", line)]
    assert len(examples) >= 6
    assert all(v2.decode(example) for example in examples), examples


@given(st.integers(0, 65_535), st.integers(0, 65_535))
def test_numbers_begin_anew(number: int, ahead: int) -> None:
    later = (number + ahead) % v2.SEQUENCES
    assert v2.is_after(later, number) == (0 < ahead < 32_768)


def test_no_flipped_bit_goes_unseen() -> None:
    frame = v2.encode(41, "STAT", {"boot": 1, "state": 5, "max": 16})
    for bit in range(len(frame) * 8 - 8):  # the line end apart
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        for line in bytes(flipped).split(b"\n"):
            found = v2.decode(line)
            assert found is None or bit < 8, (bit, flipped)


@given(st.binary(max_size=3000), st.integers(1, 500))
def test_the_frame_after_any_garbage_is_read_and_nothing_is_piled_up(
    garbage: bytes, size: int
) -> None:
    splitter = v2.LineSplitter()
    for start in range(0, len(garbage), size):
        splitter.feed(garbage[start : start + size])
        assert len(splitter._kept) <= v2.MAX_LINE
    frame = v2.encode(3, "BEAT", {"re": 9})
    found = [one for line in splitter.feed(frame) if (one := v2.decode(line))]
    assert found == [v2.Frame(3, "BEAT", {"re": "9"})]


def test_charges_limits_and_stops(desk: Desk) -> None:
    desk.plug_in()
    assert desk.do("set_current_limit", amps=16).verdict == Verdict.DONE
    assert desk.do("charge_start").verdict == Verdict.DONE
    desk.run(3)
    assert (desk.state, desk.hardware.amps) == (5, 16)
    assert desk.do("set_current_limit", amps=10).verdict == Verdict.DONE  # also while it charges
    desk.run(1)
    assert (desk.state, desk.hardware.amps) == (5, 10)
    assert desk.do("unlock").code == "wrong_state"
    assert desk.do("charge_stop").verdict == Verdict.DONE
    desk.run(2)
    assert desk.state == 7
    assert not desk.hardware.is_relay_on


def test_changes_are_told_unasked(desk: Desk) -> None:
    desk.run(1)
    began, before = desk.now, len(desk.looks)
    desk.hardware.plug_in()
    desk.run(3, until=lambda: len(desk.looks) > before)
    assert desk.now - began < 0.2


def test_a_lost_answer_is_asked_for_again_and_done_once(desk: Desk) -> None:
    desk.plug_in()
    permitted = []
    firmware = desk.controller.firmware
    really = firmware.permit
    type(firmware).permit = lambda self: (permitted.append(1), really())
    try:
        faults = LineFaults(lost_acks=3)
        desk.up = faults.spoil
        assert desk.do("charge_start").verdict == Verdict.DONE
    finally:
        del type(firmware).permit
        type(firmware).permit = really.__func__
    assert permitted == [1]
    sent = commands(desk, b"AUTH")
    assert len(sent) == 4
    assert len(set(sent)) == 1  # the same number


def test_a_refusal_has_a_reason(desk: Desk) -> None:
    assert desk.do("charge_start").code == "no_vehicle"
    desk.hardware.is_lock_stuck = True
    refused = desk.do("lock")
    assert (refused.verdict, refused.code) == (Verdict.REJECTED, "lock")
    assert desk.notes(NoteKind.LOCK_FAILED)


def test_a_card_is_told_once_although_the_acknowledgement_is_lost(desk: Desk) -> None:
    lost: list[bytes] = []

    def lose_two(data: bytes) -> list[bytes]:
        if b"|ACK|" in data and len(lost) < 2:
            lost.append(data)
            return []
        return [data]

    desk.down = lose_two
    desk.controller.show_card("04a2b3c4")
    desk.run(8)
    assert len(lost) == 2
    assert [note.text for note in desk.notes(NoteKind.CARD)] == ["04A2B3C4"]


def test_a_reboot_is_noticed_and_greeted(desk: Desk) -> None:
    desk.charge()
    desk.be_deaf(desk.controller.reset())
    desk.run(5)
    assert len(desk.notes(NoteKind.REBOOTED)) == 1
    assert desk.state == 3
    assert desk.do("charge_start").verdict == Verdict.DONE


def test_without_a_host_it_falls_back_to_a_safe_current(desk: Desk) -> None:
    desk.charge()
    desk.down = lambda data: []
    desk.run(61)
    assert desk.hardware.amps == FAILSAFE_AMPS
    assert desk.hardware.is_relay_on
    desk.down = lambda data: [data]
    desk.run(5)
    assert desk.looks[-1].raw["fs"] == 1
    assert desk.do("set_current_limit", amps=FAILSAFE_AMPS).verdict == Verdict.DONE
    desk.run(1)
    assert desk.looks[-1].raw["fs"] == 0


def test_both_sides_give_signs_of_life(desk: Desk) -> None:
    before, frames = len(desk.written), desk.talk.frames
    desk.run(60)
    assert len(desk.written) - before >= 25
    assert desk.talk.frames - frames >= 30
    assert len(commands(desk, b"GET")) < 12  # no gap was seen where there was none


def test_a_late_state_does_not_overwrite_a_newer_one(desk: Desk) -> None:
    desk.run(1)
    said: list[bytes] = []
    desk.up = lambda data: (said.append(data), [])[1]
    desk.hardware.plug_in()
    desk.run(3)
    stats = [data for data in said if b"|STAT|" in data]
    assert len(stats) >= 2
    desk.talk.receive(stats[-1], desk.now)
    newest = desk.talk.look
    desk.talk.receive(stats[0], desk.now)
    desk.talk.receive(stats[-1], desk.now)
    assert desk.talk.look == newest


@pytest.mark.parametrize("seed", range(10))
def test_orders_end_as_they_say_on_a_bad_line(seed: int) -> None:
    chance = random.Random(seed)
    desk = Desk(TalkV2(), protocol="v2")
    for way in ("up", "down"):
        faults = LineFaults(split=0.3, noise=0.2, lose=0.2, twice=0.2, swap=0.2, chance=chance)
        setattr(desk, way, faults.spoil)
    desk.run(8)
    desk.hardware.plug_in()
    desk.run(8)
    started = desk.do("charge_start", life=10)
    desk.run(5)
    assert (started.verdict == Verdict.DONE) == desk.hardware.is_relay_on
    limited = desk.do("set_current_limit", amps=10, life=10)
    desk.run(3)
    if limited.verdict == Verdict.DONE:
        assert desk.controller.firmware.max_amps == 10
    stopped = desk.do("charge_stop", life=10)
    desk.run(5)
    assert (stopped.verdict == Verdict.DONE) == (not desk.hardware.is_relay_on)


def test_over_a_pseudo_terminal(tmp_path: Path) -> None:
    port = tmp_path / "usb-charger-if00"
    with charger(port, protocol="v2") as evse, Ear(str(port), TalkV2()) as ear:
        ear.wait_online()
        evse.tell("plug")
        ear.wait_for_state(3)
        assert ear.do("charge_start").verdict == Verdict.DONE
        ear.wait_for_state(5)
        evse.tell("cut 10")
        wait_until(lambda: ear.link.opens == 2, "opened again")
        ear.wait_online()
        assert ear.do("charge_stop").verdict == Verdict.DONE
        ear.wait_for_state(7)
