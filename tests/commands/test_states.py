"""Which state may follow which, whatever the order of events."""

from __future__ import annotations

import itertools
import random

import pytest

from devices.command_states import (
    ENDED,
    NEXT,
    OPEN,
    PUBLIC_STATES,
    State,
    before,
    may_follow,
    public_state,
    read_word,
)


def test_what_has_ended_never_changes():
    assert not any(may_follow(ended, new) for ended, new in itertools.product(ENDED, State))


def test_an_early_answer_is_never_overwritten_by_sent():
    assert before(State.SENT) == ["queued"]
    assert not may_follow(State.ACK, State.SENT)


def test_every_walk_ends_and_stays():
    dice = random.Random(7)
    for _ in range(1000):
        state, seen = State.QUEUED, 0
        for wanted in dice.choices(list(State), k=30):
            if may_follow(state, wanted):
                state, seen = wanted, seen + 1
        assert seen <= 3, "queued, sent, acknowledged, ended"


@pytest.mark.parametrize(
    ("word", "state", "code"),
    [
        ("ok", State.DONE, ""), ("Success", State.DONE, ""), ("done", State.DONE, ""),
        ("nack", State.ERROR, ""), ("FAILED", State.ERROR, ""), ("busy", State.BUSY, ""),
        ("accepted", State.ACK, ""), ("received", State.ACK, "received"),
        ("No Effect", State.NO_EFFECT, ""), ("invalid-signature", State.INVALID, ""),
        ("expired", State.EXPIRED, ""),
    ],
)  # fmt: skip
def test_words_of_devices_are_normalised(word, state, code):
    assert read_word(word) == (state, code)


@pytest.mark.parametrize("word", ["", "perhaps", None, 3.5])
def test_other_words_say_nothing(word):
    assert read_word(word) is None


def test_every_state_has_a_public_name():
    names = {public_state(state.value, "") for state in State}

    assert names | {"delivered"} == set(PUBLIC_STATES)
    assert public_state("ack", "received") == "delivered"
    assert NEXT.keys() == OPEN
