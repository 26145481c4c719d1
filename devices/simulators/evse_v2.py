"""Version 2 of the serial line, as a controller speaks it.

Written from docs/reference/esp32-charger-protocol.md alone, so that a mistake in the codec of
the bridge is not made here, too.
"""

from __future__ import annotations

import binascii
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from devices.simulators.evse_firmware import (
    CHARGING,
    PAUSED,
    READY,
    STOPPED,
    VEHICLE,
    Firmware,
    Permission,
)
from devices.simulators.evse_hardware import Hardware

STATUS_SECONDS = 5.0
FAILSAFE_SECONDS = 60.0
FAILSAFE_AMPS = 6
REMEMBERED = 16
EVENT_WAITS = (0.4, 0.8, 1.6, 3.2, 3.2)
VERSION, SERIAL = "2.0.0", "SIM-0001"


@dataclass(slots=True)
class _Unheard:
    """An event that the host has not acknowledged."""

    frame: bytes
    at: float
    tries: int = 0


class ControllerV2:
    """A controller: bytes in through `receive`, bytes out through `send`, one pass at a time."""

    def __init__(self, hardware: Hardware, send: Callable[[bytes], None]) -> None:
        self.hardware = hardware
        self._send = send
        self._boot = 0
        self._now = 0.0
        self._received = bytearray()
        self._told: dict[str, object] = {}
        self._told_at = 0.0
        self._start()

    def receive(self, data: bytes) -> None:
        """Take bytes of the line."""
        self._received = (self._received + data)[-1024:]

    def loop(self, now: float) -> float:
        """Do one pass of the loop; return for how long it hears nothing."""
        self._now = now
        busy = self.firmware.loop(now)
        while b"\n" in self._received:
            line, _, rest = bytes(self._received).partition(b"\n")
            self._received = bytearray(rest)
            busy += self._take(line)
        self._watch_host()
        self._repeat_events()
        facts = self._facts()
        if facts != self._told or now - self._told_at >= STATUS_SECONDS:
            self._told, self._told_at = facts, now
            self._say("STAT", facts)
        return busy

    def reset(self) -> float:
        """Start again: the plug is unlocked, and nothing is remembered."""
        self.hardware.is_relay_on = False
        self.hardware.move_lock(to_locked=False)
        self._start()
        self._send(b"ets Jul 29 2019 12:21:46\r\n")
        self._say("HELLO", self._names())
        return 1.0

    def show_card(self, uid: str) -> None:
        """Hold a card to the reader."""
        self._tell_event({"kind": "CARD", "uid": uid})

    def _start(self) -> None:
        self._boot += 1
        self._received.clear()
        self._sequence = 0
        self._host = ""
        self._done: OrderedDict[str, bytes] = OrderedDict()
        self._events: dict[int, _Unheard] = {}
        self._heard_at = self._now
        self._is_failsafe = False
        self._told, self._told_at = {}, 0.0
        # what this version says of itself is not told in its predecessor's words
        self.firmware = Firmware(self.hardware, lambda text: None)

    def _take(self, line: bytes) -> float:
        """Read a frame and answer it; what is damaged is not answered."""
        found = line.rpartition(b"~")[2].strip().split(b"|")
        if len(found) != 4 or b"%04X" % _crc(b"|".join(found[:3])) != found[3]:
            return 0.0
        self._heard_at = self._now
        sequence, kind, words = (part.decode("ascii", "replace") for part in found[:3])
        fields = dict(word.split("=", 1) for word in words.split(",") if "=" in word)
        if kind == "ACK":
            self._events.pop(int(fields.get("re", "-1")), None)
            return 0.0
        if kind == "HELLO":
            if fields.get("link", "") != self._host:
                self._host = fields.get("link", "")
                self._done.clear()
            self._say("HELLO", {"re": sequence, **self._names()})
            return 0.0
        if not self._host:
            self._say("NAK", {"re": sequence, "reason": "hello"})
            return 0.0
        return self._answer(sequence, kind, fields)

    def _answer(self, sequence: str, kind: str, fields: dict[str, str]) -> float:
        """Do a command once; the same number again gets the same answer."""
        if kind == "GET":
            self._say("STAT", {"re": sequence, **self._facts()})
        elif kind == "BEAT":
            self._say("BEAT", {"re": sequence})
        elif sequence in self._done:
            self._send(self._done[sequence])
        else:
            reason, busy = self._do(kind, fields)
            said = {"re": sequence, "reason": reason} if reason else {"re": sequence}
            self._done[sequence] = self._say("NAK" if reason else "ACK", said)
            if len(self._done) > REMEMBERED:
                self._done.popitem(last=False)
            return busy
        return 0.0

    def _do(self, kind: str, fields: dict[str, str]) -> tuple[str, float]:
        """Do a command; return why not, and how long it takes."""
        one = self.firmware
        begun = one.state in {READY, CHARGING, PAUSED}
        match kind:
            case "AUTH":
                if one.state == VEHICLE:
                    one.permit()
                return "" if begun or one.state == VEHICLE else "state", 0.0
            case "STOP":
                if begun or one.permission is Permission.GIVEN:
                    one.force(STOPPED)
                return "", 0.0
            case "LIMIT":
                return self._limit(fields.get("a", "")), 0.0
            case "LOCK" | "UNLOCK":
                if begun:
                    return "state", 0.0
                moved = self.hardware.move_lock(to_locked=kind == "LOCK")
                return "" if moved else "lock", 0.5
        return "unknown", 0.0

    def _limit(self, text: str) -> str:
        if not text.isdigit() or not 6 <= int(text) <= 32:
            return "range"
        self.firmware.max_amps, self._is_failsafe = int(text), False
        return ""

    def _watch_host(self) -> None:
        """Fall back to a current that is safe when nobody has spoken for a minute."""
        if self._is_failsafe or self._now - self._heard_at < FAILSAFE_SECONDS:
            return
        self._is_failsafe = True
        self.firmware.max_amps = min(self.firmware.max_amps, FAILSAFE_AMPS)
        self._host = ""
        self._tell_event({"kind": "FAILSAFE", "a": self.firmware.max_amps})

    def _tell_event(self, fields: Mapping[str, object]) -> None:
        frame = self._say("EVENT", fields)
        self._events[self._sequence] = _Unheard(frame, self._now)
        while len(self._events) > REMEMBERED:
            del self._events[min(self._events)]

    def _repeat_events(self) -> None:
        for number, event in list(self._events.items()):
            if self._now - event.at < EVENT_WAITS[event.tries]:
                continue
            event.at, event.tries = self._now, event.tries + 1
            if event.tries >= len(EVENT_WAITS):
                del self._events[number]
            else:
                self._send(event.frame)

    def _names(self) -> dict[str, object]:
        return {"proto": 2, "fw": VERSION, "serial": SERIAL, "boot": self._boot,
                "failsafe": FAILSAFE_AMPS}  # fmt: skip

    def _facts(self) -> dict[str, object]:
        one, hardware = self.firmware, self.hardware
        return {
            "boot": self._boot, "state": one.state, "cp": hardware.vehicle.pilot,
            "pb": hardware.board_fault, "max": one.max_amps, "cable": hardware.cable_amps,
            "lock": int(hardware.is_locked), "relay": int(hardware.is_relay_on),
            "auth": int(one.permission is Permission.GIVEN),
            "duty": 100 if one.pulse_width == 255 else round(one.pulse_width / 2.55),
            "fs": int(self._is_failsafe),
        }  # fmt: skip

    def _say(self, kind: str, fields: Mapping[str, object]) -> bytes:
        self._sequence = (self._sequence + 1) % 65536
        words = ",".join(f"{name}={value}" for name, value in fields.items())
        body = f"{self._sequence}|{kind}|{words}".encode()
        frame = b"~%s|%04X\n" % (body, _crc(body))
        self._send(frame)
        return frame


def _crc(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 1021, begins with FFFF, nothing reflected."""
    return binascii.crc_hqx(data, 0xFFFF)
