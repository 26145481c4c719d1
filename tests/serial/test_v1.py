"""Version 1 on the wire."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charging.esp32 import v1
from charging.esp32.facts import Look, Note, NoteKind
from charging.esp32.lines import MAX_FRAME, Splitter

STAT = (
    b"<STAT;CP=2;CPV=1800;PP=1;PPV=1000;RL=1;LOCK=1;MOTOR=0;PWM=68;MAX=16;CABLE=32"
    b";AUTH=1;STATE=5;PB=0;STOP=0;>"
)


def test_commands_are_five_bytes_whatever_is_in_them() -> None:
    assert v1.READSTAT.hex(" ") == "41 00 2c 00 10"
    assert v1.AUTH.hex(" ") == "41 01 2c 01 10"
    assert v1.STOP.hex(" ") == "41 04 2c 07 10"
    assert v1.set_max_amp(16).hex(" ") == "41 02 2c 10 10"  # the value looks like the end
    assert {len(v1.set_max_amp(amps)) for amps in range(6, 33)} == {5}


@pytest.mark.parametrize("amps", [5, 33, 0, -1, 256])
def test_a_limit_outside_its_range_is_never_encoded(amps: int) -> None:
    with pytest.raises(ValueError, match="A is not between"):
        v1.set_max_amp(amps)


def test_nothing_can_be_encoded_that_forces_another_state_or_clears_a_permission() -> None:
    fixed = {name: value for name, value in vars(v1).items() if isinstance(value, bytes)}
    assert {value.hex() for value in fixed.values()} == {
        "41002c0010", "41012c0110", "41032c0110", "41032c0010", "41042c0710",
    }  # fmt: skip


def test_reads_a_state() -> None:
    look = v1.read(STAT)
    assert isinstance(look, Look)
    assert (look.state, look.pilot, look.fault, look.current_limit_a, look.cable_a) == (
        5, 2, 0, 16.0, 32.0,
    )  # fmt: skip
    assert (look.is_relay_on, look.is_locked, look.is_authorised) == (True, True, True)
    assert look.raw["CPV"] == 1800
    assert v1.read(STAT.replace(b"STAT;", b"STAT;ID=12;")) == look


def test_flags_that_are_not_so_are_not_told() -> None:
    paused = v1.read(STAT.replace(b"STATE=5", b"STATE=6").replace(b"CP=2", b"CP=1"))
    stopped = v1.read(STAT.replace(b"STATE=5", b"STATE=7"))
    left_over = v1.read(STAT.replace(b"STATE=5", b"STATE=3"))
    assert isinstance(paused, Look)
    assert isinstance(stopped, Look)
    assert isinstance(left_over, Look)
    assert paused.is_relay_on is None
    assert stopped.is_locked is None
    assert left_over.is_authorised is False


@pytest.mark.parametrize(
    "damaged",
    [
        STAT.replace(b"STATE=5", b"STATE=9"),
        STAT.replace(b"STATE=5", b"STATE=65"),
        STAT.replace(b"STATE=5;", b""),
        STAT.replace(b"PB=0;STOP=0;", b"STOP=0;PB=0;"),
        STAT.replace(b"CP=2", b"CP=7"),
        STAT.replace(b"MAX=16", b"MAX=1\xb6"),
        STAT.replace(b"MAX=16", b"MAX=-6"),
        STAT[:-1],
        b"<STAT;>",
        b"<ACK;CMD=AUTH>",
        b"<ACK;CMD=AUTH;STATUS=OK;><",
        b"\xff\xfe",
        b"of3",
        b"",
    ],
)
def test_what_is_damaged_or_says_nothing_is_nothing(damaged: bytes) -> None:
    assert v1.read(damaged) is None


def test_reads_answers_and_what_is_told() -> None:
    assert v1.read(b"<ACK;CMD=READSTAT;STATUS=OK;>") == v1.Ack("READSTAT", "OK")
    assert v1.read(b"<ACK;CMD=SETMAXAMP;STATUS=ERR;>") == v1.Ack("SETMAXAMP", "ERR")
    for told in (b"<WARN;MSG=GF_CONFIRMED;>", b"<INFO;MSG=GF_COUNT;VAL=3;>", b"<CARDADDED=1;>",
                 b"<ERR;INVALID_COMMA>"):  # fmt: skip
        note = v1.read(told)
        assert isinstance(note, Note)
        assert note.kind == NoteKind.TOLD
    assert v1.read(b"CSRPI Charging Station v4.8.0 - Dual UART") == Note(NoteKind.FIRMWARE, "4.8.0")
    for line in (b"rst:0x1 (POWERON_RESET),boot:0x13", b"Kart 0 Valid=255 ID=0;"):
        note = v1.read(line)
        assert isinstance(note, Note)
        assert note.kind == NoteKind.REBOOTED


@given(st.lists(st.integers(1, 60), max_size=20))
def test_frames_are_found_however_they_are_split(cuts: list[int]) -> None:
    stream = b"of3\r\n" + STAT + b"\r\n<CARDADDED=1;>" + STAT + b"\r\n"
    splitter, found, start = Splitter(), [], 0
    for cut in [*cuts, len(stream)]:
        found += splitter.feed(stream[start : start + cut])
        start += cut
    assert found == [b"of3", STAT, b"<CARDADDED=1;>", STAT]


@given(st.binary(max_size=2000), st.integers(1, 500))
def test_the_frame_after_any_garbage_is_read_and_nothing_is_piled_up(
    garbage: bytes, size: int
) -> None:
    splitter = Splitter()
    for start in range(0, len(garbage), size):
        splitter.feed(garbage[start : start + size])
        assert len(splitter._kept) <= MAX_FRAME
    found = splitter.feed(b"\r\n" + STAT + b"\r\n")
    assert found[-1] == STAT


def test_a_cut_frame_does_not_swallow_the_next() -> None:
    splitter = Splitter()
    assert splitter.feed(STAT[:40] + STAT) == [STAT]
    assert splitter.feed(STAT[:40] + b"\n" + STAT) == [STAT]
    assert splitter.feed(b"<" * 5000 + STAT) == [STAT]
    assert splitter.feed(b"<" + b"x" * 5000 + STAT)[-1] == STAT
    assert splitter.dropped_bytes > 9_000


def test_one_flipped_bit_is_either_seen_or_changes_one_field_only() -> None:
    """There is no checksum: what can be known of a frame is only its form."""
    chance = random.Random(1)
    unseen = 0
    for _ in range(2000):
        flipped = bytearray(STAT)
        flipped[chance.randrange(len(STAT))] ^= 1 << chance.randrange(8)
        found = v1.read(bytes(flipped))
        if isinstance(found, Look):
            unseen += 1
            before = v1.read(STAT)
            assert isinstance(before, Look)
            assert sum(found.raw[name] != before.raw[name] for name in found.raw) <= 1
    assert unseen < 600
