"""Commands, as a careful box obeys them: once, in time, and only from who may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from devices.signature import BadSignature, verify
from devices.simulators.faults import Faults
from devices.simulators.hardware import Hardware, InEmergency

_ON = {"switch_on", "on", "start", "run", "run_pump", "dose", "actuator_on"}
_OFF = {"switch_off", "off", "stop", "actuator_off"}
_READ = {"report_state", "test_sensor", "read"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the box answers; `wants_restart`: it does so after the answer has left."""

    answers: tuple[dict[str, Any], ...]
    wants_restart: bool = False


class Remembers(Protocol):
    """Keeps what became of commands; `state.commands` has it by the id."""

    state: Any

    def remember_command(self, command_id: str, told: dict[str, Any]) -> None:
        """Keep what a command came to."""


class Orders:
    """Obeys the commands of one box."""

    def __init__(
        self, memory: Remembers, hardware: Hardware, faults: Faults, *, secret: str = ""
    ) -> None:
        self._memory = memory
        self._hardware = hardware
        self._faults = faults
        self._secret = secret

    def obey(self, payload: bytes, *, now: float) -> Outcome:
        """Do what a message says, unless it was done; return the answers. `now` since 1970.

        A message that names no command is not answered: nobody could tell to what.
        """
        try:
            order = msgspec.json.decode(payload, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError):
            return Outcome(())
        command_id = str(order.get("cmd_id") or order.get("req_id") or "")
        if not command_id:
            return Outcome(())
        if command_id in self._memory.state.commands:
            return Outcome((self._repeat(command_id),))
        refusal = self._refuse(order, now)
        if refusal:
            return Outcome(({"cmd_id": command_id, **refusal},))
        return self._do(command_id, order)

    def interrupted(self) -> tuple[dict[str, Any], ...]:
        """Return the answers to commands that a power cut interrupted; they are not begun again."""
        found = tuple(
            self._repeat(command_id)
            for command_id, told in self._memory.state.commands.items()
            if told["status"] == "begun"
        )
        for answer in found:
            told = {name: answer[name] for name in ("status", "detail")}
            self._memory.remember_command(answer["cmd_id"], told)
        return found

    def _repeat(self, command_id: str) -> dict[str, Any]:
        """Answer as before."""
        known = self._memory.state.commands[command_id]
        if known["status"] == "begun":
            known = {"status": "error", "detail": "interrupted by a restart"}
        return {"cmd_id": command_id, **known, "actuators": self._hardware.states()}

    def _refuse(self, order: Mapping[str, Any], now: float) -> dict[str, Any] | None:
        if self._secret:
            try:
                verify(order, secret=self._secret, now=now)
            except BadSignature as error:
                return {"status": error.code, "detail": str(error)}
        expires_at = order.get("expires_at")
        if isinstance(expires_at, int | float) and now > expires_at:
            return {"status": "expired", "detail": f"{now - expires_at:.0f} s late"}
        return None

    def _do(self, command_id: str, order: Mapping[str, Any]) -> Outcome:
        self._memory.remember_command(command_id, {"status": "begun"})
        self._faults.reach("command-begun")
        told = self._act(str(order.get("cmd", "")).lower(), order)
        self._memory.remember_command(command_id, told)
        self._faults.reach("command-done")
        accepted = {"cmd_id": command_id, "status": "accepted"}
        done = {"cmd_id": command_id, **told, "actuators": self._hardware.states()}
        is_restart = order.get("cmd") in ("restart", "reboot") and told["status"] == "done"
        return Outcome((accepted, done) if told["status"] == "done" else (done,), is_restart)

    def _act(self, name: str, order: Mapping[str, Any]) -> dict[str, Any]:
        params = order.get("params") or {}
        actuator = _actuator(order, params)
        if name in _ON:
            try:
                self._hardware.switch_on(actuator, seconds=_seconds(order, params))
            except InEmergency:
                return {"status": "busy", "detail": "emergency stop is pressed at the box"}
        elif name in _OFF:
            self._hardware.switch_off(actuator)
        elif name == "emergency_stop":
            self._hardware.press_emergency()
        elif name == "clear_emergency":
            self._hardware.clear_emergency()
        elif name not in _READ | {"restart", "reboot"}:
            return {"status": "unsupported", "detail": f"{name!r:.60} is nothing this box can do"}
        return {"status": "done"}


def _actuator(order: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """Return what a command is about; a box with one output has no name for it."""
    found = order.get("actuator") or params.get("channel") or params.get("actuator")
    return str(found or "output")


def _seconds(order: Mapping[str, Any], params: Mapping[str, Any]) -> float | None:
    longest = order.get("max_runtime_ms")
    if isinstance(longest, int | float):
        return float(longest) / 1000
    asked = params.get("runtime_s", params.get("seconds"))
    return float(asked) if isinstance(asked, int | float) else None
