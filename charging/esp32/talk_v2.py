"""A conversation in version 2: numbered, checked, answered, and told of changes unasked."""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Generator, Mapping
from functools import partial
from typing import Any

from charging.esp32 import v2
from charging.esp32.conversation import SILENT, TOO_LATE, Conversation, Ending, Order
from charging.esp32.facts import (
    HIGHEST_AMPS,
    LOWEST_AMPS,
    PERMITTED,
    STATES,
    Ask,
    Look,
    Note,
    NoteKind,
    Verdict,
)

HELLO_SECONDS = 1.0
BEAT_SECONDS = 2.0
GET_SECONDS = 10.0
# how long each try waits; the controller does one number once, so trying again is harmless
WAITS = (0.4, 0.8, 1.6, 3.2, 3.2)
REMEMBERED = 64
DONE: Ending = (Verdict.DONE, "", "")
_KINDS = {
    "charge_start": "AUTH", "charge_stop": "STOP", "set_current_limit": "LIMIT",
    "lock": "LOCK", "unlock": "UNLOCK",
}  # fmt: skip
_FIELDS = ("state", "cp", "pb", "max", "cable", "lock", "relay", "auth", "duty", "fs", "boot")


class TalkV2(Conversation):
    """Greets, listens, and repeats an order under its number until it is answered."""

    def __init__(self) -> None:
        super().__init__()
        self._splitter = v2.LineSplitter()
        self._numbers = itertools.count(1)
        self._link = 0
        self._is_greeted = False
        self._boot = ""
        self._firmware = ""
        self._newest = -1  # number of the newest frame that was not an answer alone
        self._newest_look = -1
        self._seen: deque[int] = deque(maxlen=REMEMBERED)
        self._hello_at = self._beat_at = self._get_at = 0.0

    def opened(self, now: float) -> None:
        super().opened(now)
        self._splitter.clear()
        self._forget_controller()

    def receive(self, chunk: bytes, now: float) -> None:
        self._now = now
        dropped = self._splitter.dropped_bytes
        for line in self._splitter.feed(chunk):
            frame = v2.decode(line)
            if frame is None:
                self.damaged += 1
            else:
                self.frames += 1
                self._hear(frame)
        self.damaged += self._splitter.dropped_bytes > dropped

    def tick(self, now: float) -> None:
        super().tick(now)
        if not self._is_greeted:
            if now >= self._hello_at:
                self._hello_at = now + HELLO_SECONDS
                self._send("HELLO", {"proto": 2, "link": self._link})
        elif now >= self._get_at:
            self._get_at = now + GET_SECONDS
            self._send("GET", {})
        elif now >= self._beat_at:
            self._send("BEAT", {})

    def next_tick(self) -> float:
        due = min(self._get_at, self._beat_at) if self._is_greeted else self._hello_at
        return min(super().next_tick(), due)

    def _forget_controller(self) -> None:
        """Begin anew: it does not know what was said to it before, and counts from one."""
        self._is_greeted = False
        self._link = random.getrandbits(32)  # not a secret
        self._newest = self._newest_look = -1
        self._seen.clear()
        self._hello_at = self._now

    def _hear(self, frame: v2.Frame) -> None:
        match frame.kind:
            case "HELLO":
                self._take_hello(frame)
            case "NAK" if frame.fields.get("reason") == "hello":
                self._hello_again()
            case _ if not self._is_greeted:
                return  # of another conversation
            case "STAT":
                self._see(frame)
            case "EVENT":
                self._take_event(frame)
        if self._is_greeted:
            self._note_gap(frame)
        self._offer(frame)

    def _hello_again(self) -> None:
        if self._is_greeted:
            self._forget_controller()

    def _take_hello(self, frame: v2.Frame) -> None:
        boot = frame.fields.get("boot", "")
        if self._boot and boot != self._boot:
            self._forget_controller()
            self._note_reboot(f"boot {boot}")
        self._boot = boot
        if (firmware := frame.fields.get("fw", "")) != self._firmware:
            self._firmware = firmware
            self._tell(Note(NoteKind.FIRMWARE, firmware))
        if frame.answers is not None and not self._is_greeted:
            self._is_greeted = True
            self._get_at = self._now

    def _note_gap(self, frame: v2.Frame) -> None:
        """Ask for the state when frames are missing: one of them may have told it."""
        if self._newest >= 0 and v2.is_after(frame.sequence, (self._newest + 1) % v2.SEQUENCES):
            self._get_at = min(self._get_at, self._now)
        if self._newest < 0 or v2.is_after(frame.sequence, self._newest):
            self._newest = frame.sequence

    def _see(self, frame: v2.Frame) -> None:
        """Take a state unless a newer one is known: frames may come twice, or late."""
        if self._newest_look >= 0 and not v2.is_after(frame.sequence, self._newest_look):
            return
        look = _look(frame)
        if look is None:
            self.damaged += 1
            return
        self._newest_look = frame.sequence
        self.look, self.is_synced = look, True
        self._tell(look)

    def _take_event(self, frame: v2.Frame) -> None:
        self._send("ACK", {"re": frame.sequence})
        if frame.sequence in self._seen:
            return  # our acknowledgement was lost
        self._seen.append(frame.sequence)
        kind, fields = frame.fields.get("kind", ""), dict(frame.fields)
        if kind == "CARD":
            self._tell(Note(NoteKind.CARD, fields.get("uid", "").upper()))
        elif kind == "LOCK":
            self._tell(Note(NoteKind.LOCK_FAILED, "LOCK"))
        else:
            words = ";".join(f"{name}={value}" for name, value in fields.items() if name != "kind")
            self._tell(Note(NoteKind.TOLD, f"WARN;MSG={kind};{words}".rstrip(";")))

    def _order(self, ask: Ask) -> Order:
        if not self._is_greeted:
            return TOO_LATE if ask.deadline <= self._now else SILENT
        if ask.name == "set_current_limit" and not LOWEST_AMPS <= ask.amps <= HIGHEST_AMPS:
            return Verdict.REFUSED, "bad_limit", f"{ask.amps} A"
        look = yield from self._look_now(ask.deadline)
        if look is None:
            return TOO_LATE
        if ask.name == "read_status":
            return DONE
        if (ending := _refusal(ask, look)) is not None:
            return ending
        fields = {"a": ask.amps} if ask.name == "set_current_limit" else {}
        answer = yield from self._request(ask, _KINDS[ask.name], fields)
        if answer is None:
            return (yield from self._look_for(ask))
        if answer.kind == "NAK":
            reason = answer.fields.get("reason", "")
            if reason == "lock":
                self._tell(Note(NoteKind.LOCK_FAILED, ask.name))
            return Verdict.REJECTED, reason or "rejected", f"It refused: {reason}."
        return DONE

    def _request(
        self, ask: Ask, kind: str, fields: Mapping[str, object]
    ) -> Generator[float, Any, v2.Frame | None]:
        """Send a command under one number, again and again; None when nobody answers in time."""
        number = next(self._numbers) % v2.SEQUENCES
        data = v2.encode(number, kind, fields)
        for wait in WAITS:
            if self._now >= ask.deadline and ask.name != "charge_stop":
                return None
            self._write_for(ask.name, data)
            self._beat_at = self._now + BEAT_SECONDS
            patience = self._now + wait
            answer = yield from self._await(patience, partial(_is_answer, ("ACK", "NAK"), number))
            if answer is not None:
                return answer
        return None

    def _look_now(self, until: float) -> Generator[float, Any, Look | None]:
        """Ask for the state, and wait for an answer to just that question."""
        while self._now < until:
            number = self._send("GET", {})
            patience = min(until, self._now + WAITS[1])
            answer = yield from self._await(patience, partial(_is_answer, ("STAT",), number))
            if answer is not None:
                return _look(answer)
        return None

    def _look_for(self, ask: Ask) -> Order:
        """Find out whether an order was done whose answer did not come."""
        look = yield from self._look_now(self._now + sum(WAITS[:3]))
        if look is None:
            return SILENT
        is_done = {
            "charge_start": look.state in PERMITTED,
            "charge_stop": look.state not in PERMITTED,
            "set_current_limit": look.current_limit_a == ask.amps,
            "lock": look.is_locked is True,
            "unlock": look.is_locked is False,
        }[ask.name]
        return DONE if is_done else (Verdict.NO_ANSWER, "no_answer", "It did not answer.")

    def _send(self, kind: str, fields: Mapping[str, object]) -> int:
        number = next(self._numbers) % v2.SEQUENCES
        self._out += v2.encode(number, kind, fields)
        self._beat_at = self._now + BEAT_SECONDS
        return number


def _is_answer(kinds: tuple[str, ...], number: int, event: object) -> bool:
    return isinstance(event, v2.Frame) and event.kind in kinds and event.answers == number


def _refusal(ask: Ask, look: Look) -> Ending | None:
    """Say why an order makes no sense in a state; None: it does."""
    match ask.name:
        case "charge_start" if look.state in PERMITTED:
            return Verdict.UNCHANGED, "", ""
        case "charge_start" if look.state in {1, 2}:
            return Verdict.REFUSED, "no_vehicle", "No vehicle is connected."
        case "charge_start" if look.state != 3:
            return Verdict.REFUSED, "wrong_state", f"Its state is {look.state}."
        case "unlock" | "lock" if look.state in PERMITTED:
            return Verdict.REFUSED, "wrong_state", f"Its state is {look.state}."
        case "set_current_limit" if look.current_limit_a == ask.amps and not look.raw.get("fs"):
            return Verdict.UNCHANGED, "", ""
    return None


def _look(frame: v2.Frame) -> Look | None:
    """Read a state; None when a field is missing or out of range."""
    tops = {"state": STATES.stop - 1, "cp": 4, "pb": 2, "max": 80, "cable": 63, "duty": 100}
    said = {name: frame.number(name, 0, tops.get(name, 1)) for name in _FIELDS[:-1]}
    if any(value is None for value in said.values()):
        return None
    raw = {name: int(value or 0) for name, value in said.items()}
    return Look(
        state=raw["state"],
        pilot=raw["cp"],
        fault=raw["pb"],
        current_limit_a=float(raw["max"]),
        cable_a=float(raw["cable"]),
        is_locked=bool(raw["lock"]),
        is_relay_on=bool(raw["relay"]),
        is_authorised=bool(raw["auth"]),
        pilot_pwm=float(raw["duty"]),
        raw=raw,
    )
