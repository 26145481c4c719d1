"""A conversation with firmware that speaks version 1, and its traps."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from charging.esp32 import v1
from charging.esp32.conversation import SILENT, TOO_LATE, Conversation, Ending, Order
from charging.esp32.facts import (
    CABLE_DETECT,
    CHARGE_START,
    CHARGE_STOP,
    EV_CONNECTED,
    FAULT_HARD,
    HIGHEST_AMPS,
    IDLE,
    LOCK,
    LOWEST_AMPS,
    PERMITTED,
    SET_CURRENT_LIMIT,
    UNLOCK,
    Ask,
    Look,
    Note,
    NoteKind,
    Verdict,
)
from charging.esp32.lines import Splitter

POLL_SECONDS = 1.0
SOON_SECONDS = 0.2  # after a command
# the firmware stands still for 0.4 s in STOPPED, 0.5 s for a lock and 5 s in a fault
ACK_SECONDS = 3.0
ACK_SECONDS_IN_FAULT = 8.0
STOP_TRIES = 3
BLIP_SECONDS = 3.0
DONE: Ending = (Verdict.DONE, "", "")
UNCHANGED: Ending = (Verdict.UNCHANGED, "", "")
NO_ANSWER: Ending = (Verdict.NO_ANSWER, "no_answer", "Nothing changed, and it said nothing.")


class TalkV1(Conversation):
    """Asks for the state once a second; every command is preceded by a look.

    A command without an answer is followed by one, too, and never written twice without.
    """

    def __init__(self) -> None:
        super().__init__()
        self._splitter = Splitter()
        self._poll_at = 0.0
        self._read_at: float | None = None  # an unanswered READSTAT was written then
        self._is_read_seen = False  # a state has come since
        self._answered = float("-inf")  # when the READSTAT was written that was answered last
        self._last_lock = ""  # what it acknowledged last
        self._blip: tuple[int, float] | None = None
        self._has_permission_to_undo = False

    def opened(self, now: float) -> None:
        super().opened(now)
        self._splitter.clear()
        self._poll_at, self._read_at = now, None
        self._last_lock = ""
        self._blip = None

    def receive(self, chunk: bytes, now: float) -> None:
        self._now = now
        dropped = self._splitter.dropped_bytes
        for piece in self._splitter.feed(chunk):
            found = v1.read(piece)
            if found is not None:
                self.frames += 1
                self._hear(found)
            elif piece.startswith(b"<") or not (piece.isascii() and piece.decode().isprintable()):
                self.damaged += 1
        self.damaged += self._splitter.dropped_bytes > dropped

    def tick(self, now: float) -> None:
        super().tick(now)
        if self._read_at is not None:
            waited = now - self._read_at
            if waited >= (POLL_SECONDS if self._is_read_seen else self._ack_seconds()):
                self._read_at = None
        if self._read_at is None and now >= self._poll_at:
            self._out += v1.READSTAT
            self._read_at, self._is_read_seen = now, False
            self._poll_at = now + POLL_SECONDS

    def next_tick(self) -> float:
        if self._read_at is None:
            return min(super().next_tick(), self._poll_at)
        patience = POLL_SECONDS if self._is_read_seen else self._ack_seconds()
        return min(super().next_tick(), self._read_at + patience)

    def _ack_seconds(self) -> float:
        is_faulty = self.look is not None and self.look.state == FAULT_HARD
        return ACK_SECONDS_IN_FAULT if is_faulty else ACK_SECONDS

    def _hear(self, found: Look | v1.Ack | Note) -> None:
        if isinstance(found, Look):
            self._see(found)
        elif isinstance(found, v1.Ack):
            self._take_ack(found)
        elif found.kind in {NoteKind.REBOOTED, NoteKind.FIRMWARE}:
            self._last_lock = ""
            if found.kind == NoteKind.FIRMWARE:
                self._tell(found)
            self._note_reboot(found.text)
        else:
            self._tell(found)
        self._offer(found)

    def _see(self, look: Look) -> None:
        self.look, self.is_synced = look, True
        self._is_read_seen = self._read_at is not None
        if self._blip is not None:
            before, until = self._blip
            if look.state < before and self._now < until:
                return  # it forgot its state for a moment, nobody unplugged
            self._blip = None
        self._tell(look)

    def _take_ack(self, ack: v1.Ack) -> None:
        if ack.command == "READSTAT" and self._read_at is not None:
            self._answered, self._read_at = self._read_at, None
        if ack.command in {"LOCK", "UNLOCK"} and ack.status == "OK":
            self._last_lock = ack.command

    def _order(self, ask: Ask) -> Order:
        match ask.name:
            case "charge_start":
                return self._permit(ask)
            case "charge_stop":
                return self._stop(ask)
            case "set_current_limit":
                return self._limit(ask)
            case "lock" | "unlock":
                return self._move_lock(ask)
        return self._read(ask)

    def _permit(self, ask: Ask) -> Order:
        look = yield from self._look_before(ask)
        if look is None:
            return TOO_LATE
        if look.state in PERMITTED:
            return UNCHANGED
        if look.state in {IDLE, CABLE_DETECT}:
            # in IDLE it is ignored without a word; in CABLE_DETECT it would outlive the cable
            return Verdict.REFUSED, "no_vehicle", "No vehicle is connected."
        if look.state != EV_CONNECTED:
            return _wrong_state(look)
        self._say(CHARGE_START, v1.AUTH)
        ack = yield from self._await_ack("AUTH", lambda seen: seen.state in PERMITTED)
        if isinstance(ack, v1.Ack) and ack.status != "OK":
            return Verdict.REJECTED, "rejected", f"It answered {ack.status}."
        if ack is not None:
            return DONE
        look = yield from self._look_again()
        if look is None:
            return SILENT
        return DONE if look.state in PERMITTED else NO_ANSWER

    def _stop(self, ask: Ask) -> Order:
        """Force STOPPED; there is no answer, so only its state says that it was heard."""
        for _ in range(STOP_TRIES):
            look = yield from self._look_again()
            if look is None:
                return SILENT
            has_begun = look.state in PERMITTED
            if not has_begun and not (self._has_permission_to_undo and look.state == EV_CONNECTED):
                self._has_permission_to_undo = False
                return UNCHANGED
            self._has_permission_to_undo = False
            self._say(CHARGE_STOP, v1.STOP)
            until = self._now + self._ack_seconds()
            ended = yield from self._watch(until, lambda seen: seen.state not in {3, *PERMITTED})
            if ended is not None:
                return DONE
        return NO_ANSWER

    def _stop_undoes(self, was_written: bool) -> None:
        self._has_permission_to_undo = was_written

    def _limit(self, ask: Ask) -> Order:
        if not LOWEST_AMPS <= ask.amps <= HIGHEST_AMPS:
            return Verdict.REFUSED, "bad_limit", f"{ask.amps} A"
        look = yield from self._look_before(ask)
        if look is None:
            return TOO_LATE
        if look.state not in {IDLE, CABLE_DETECT, EV_CONNECTED}:
            # it forces IDLE: what charges would go on with nobody watching it
            code = "limit_while_charging" if look.state in PERMITTED else "wrong_state"
            return Verdict.REFUSED, code, f"Its state is {look.state}; it would forget it."
        if look.current_limit_a == ask.amps:
            return UNCHANGED
        self._blip = (look.state, self._now + BLIP_SECONDS)
        self._say(SET_CURRENT_LIMIT, v1.set_max_amp(ask.amps))
        ack = yield from self._await_ack("SETMAXAMP", lambda seen: seen.current_limit_a == ask.amps)
        if isinstance(ack, v1.Ack) and ack.status != "OK":
            return Verdict.REJECTED, "rejected", f"It answered {ack.status}."
        if ack is not None:
            return DONE
        look = yield from self._look_again()
        if look is None:
            return SILENT
        return DONE if look.current_limit_a == ask.amps else NO_ANSWER

    def _move_lock(self, ask: Ask) -> Order:
        word, data = ("LOCK", v1.LOCK) if ask.name == LOCK else ("UNLOCK", v1.UNLOCK)
        look = yield from self._look_before(ask)
        if look is None:
            return TOO_LATE
        if ask.name == UNLOCK and look.state in PERMITTED:
            return _wrong_state(look)
        before = self._last_lock
        self._say(ask.name, data)
        ack = yield from self._await_ack(word, lambda seen: False)
        if ack is not None:
            return DONE
        if (yield from self._look_again()) is None:
            return SILENT
        if before == word:  # it answers a change of direction only
            return Verdict.UNCHANGED, "same_direction", f"{word} was its last order, too."
        if before:
            self._tell(Note(NoteKind.LOCK_FAILED, word))
        return NO_ANSWER

    def _read(self, ask: Ask) -> Order:
        return SILENT if (yield from self._look_before(ask)) is None else DONE

    def _say(self, name: str, data: bytes) -> None:
        self._write_for(name, data)
        self._poll_at = self._now + SOON_SECONDS

    def _look_before(self, ask: Ask) -> Generator[float, Any, Look | None]:
        """Ask for the state, and wait for it as long as the order may still be written."""
        look = yield from self._look_until(ask.deadline)
        return look if self._now < ask.deadline else None

    def _look_again(self) -> Generator[float, Any, Look | None]:
        """Ask for the state once more; a READSTAT before may still have to run out."""
        look = yield from self._look_until(self._now + 2 * self._ack_seconds())
        return look

    def _look_until(self, until: float) -> Generator[float, Any, Look | None]:
        asked = self._now
        self._poll_at = min(self._poll_at, asked)

        def is_answer(event: object) -> bool:
            is_ack = isinstance(event, v1.Ack) and event.command == "READSTAT"
            return is_ack and self._answered >= asked

        answer = yield from self._await(until, is_answer)
        return self.look if answer is not None else None

    def _await_ack(
        self, command: str, is_done: Callable[[Look], bool]
    ) -> Generator[float, Any, v1.Ack | Look | None]:
        """Wait for an answer, or for a state that says the same."""

        def is_it(event: object) -> bool:
            if isinstance(event, v1.Ack):
                return event.command == command
            return isinstance(event, Look) and is_done(event)

        found = yield from self._await(self._now + self._ack_seconds(), is_it)
        return found

    def _watch(
        self, until: float, is_it: Callable[[Look], bool]
    ) -> Generator[float, Any, Look | None]:
        """Look often until a state is seen."""
        while self._now < until:
            self._poll_at = min(self._poll_at, self._now + SOON_SECONDS)
            seen = yield from self._await(
                min(until, self._now + SOON_SECONDS), lambda e: isinstance(e, Look) and is_it(e)
            )
            if seen is not None:
                return seen
        return None


def _wrong_state(look: Look) -> Ending:
    return Verdict.REFUSED, "wrong_state", f"Its state is {look.state}."
