"""The state machine of the simulated controller, with the pauses in which it hears nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from devices.simulators.evse_hardware import CONNECTED, NO_VEHICLE, Hardware

END_OF_FAULT, IDLE, CABLE, VEHICLE, READY, CHARGING, PAUSED, STOPPED, FAULT = range(9)
DEFAULT_AMPS = 32
PASS_SECONDS = 0.02
FAULTS_IN_A_ROW = 10
FAULT_MASK_SECONDS = 2.0
BOARD_SECONDS = 0.1
PASSES_AFTER_FAULT = 100


class Permission(Enum):
    """Whether charging is permitted."""

    AWAITED = auto()
    GIVEN = auto()
    TAKEN_BACK = auto()


@dataclass(slots=True)
class Firmware:
    """One pass of its loop at a time: `loop` returns for how long it hears nothing after it.

    The flags are those that it reports: notes to itself rather than the truth.
    """

    hardware: Hardware
    say: Callable[[str], None]
    state: int = IDLE
    max_amps: int = DEFAULT_AMPS
    permission: Permission = Permission.AWAITED
    is_cable_broken: bool = False
    lock_flag: bool = False
    motor_flag: bool = False
    relay_flag: bool = False
    auth_flag: bool = False
    pulse_width: int = 255
    now: float = 0.0
    _has_waited: bool = False
    _faults: int = 0
    _board_at: float = 0.0
    _switched_at: float = -10.0
    _passes_after_fault: int = 0
    _pauses: list[float] = field(default_factory=list)

    def loop(self, now: float) -> float:
        """Do one pass; return its length in seconds."""
        self.now = now
        self._pauses = [PASS_SECONDS]
        self._hear_board()
        self._offer_current()
        self._step()
        return sum(self._pauses)

    def force(self, state: int) -> None:
        """Go to a state without a question, as the serial line may demand."""
        self.state = state
        self.lock_flag = self.relay_flag = False

    def permit(self) -> None:
        """Take a permission."""
        self.auth_flag = True
        self.permission = Permission.GIVEN
        self.lock_flag = self.relay_flag = False

    def pause(self, seconds: float) -> None:
        """Stand still."""
        self._pauses.append(seconds)

    @property
    def has_cable(self) -> bool:
        """Tell whether a cable with a known resistor is plugged in."""
        return self.hardware.cable_amps > 0

    def _step(self) -> None:
        match self.state:
            case 1:
                self._idle()
            case 2:
                self._wait_for_vehicle()
            case 3:
                self._wait_for_permission()
            case 4:
                self._get_ready()
            case 5:
                self._charge()
            case 6:
                self._wait_for_wish()
            case 7:
                self._finish()
            case 8:
                self._fail()
            case 0:
                self._recover()

    def _idle(self) -> None:
        self.lock_flag = self.motor_flag = self._has_waited = False
        if self.has_cable:
            self.state = CABLE

    def _wait_for_vehicle(self) -> None:
        if not self._has_waited:
            self.pause(0.4)
            self._has_waited = True
        if self.hardware.vehicle.pilot == CONNECTED or self._wants:
            self.state = VEHICLE
        if not self.has_cable:
            self.state = IDLE

    def _wait_for_permission(self) -> None:
        if self.permission is Permission.GIVEN:
            self.state = READY
        if self._is_gone or not self.has_cable:
            self.state = IDLE

    def _get_ready(self) -> None:
        if not self.lock_flag:
            self.hardware.move_lock(to_locked=True)
            self.lock_flag = True
            self._switch(on=True)
            self.relay_flag = True
            self.pause(0.75)
        if self._is_gone:
            self.state = FAULT
        elif self._wants:
            self.state = CHARGING

    def _charge(self) -> None:
        if self.hardware.vehicle.pilot == CONNECTED:
            self._switch(on=False)
            self.lock_flag = False
            self.state = PAUSED
        elif self.permission is Permission.TAKEN_BACK or self._is_gone:
            self.state = STOPPED

    def _wait_for_wish(self) -> None:
        if self.permission is Permission.TAKEN_BACK or self._is_gone:
            self.state = STOPPED
        elif self._wants:
            self.state = READY

    def _finish(self) -> None:
        self.pulse_width, self.auth_flag = 255, False
        self._switch(on=False)
        self.relay_flag = False
        self.pause(0.4)
        if not self.lock_flag:
            self.hardware.move_lock(to_locked=False)
            self.lock_flag = True
            self.pause(0.52)
        if not self.has_cable:
            self.say("<INFO;MSG=FINISHING_EXIT_STATION_CABLE_DISCONNECTED;>\r\n")
            self.state, self.permission = IDLE, Permission.AWAITED

    def _fail(self) -> None:
        self.permission = Permission.AWAITED
        self.relay_flag = self.lock_flag = False
        self.pulse_width = 255
        if not self.motor_flag:
            self._switch(on=False)
            self.hardware.move_lock(to_locked=False)
            self.motor_flag = True
            self.pause(0.92)
        if self.is_cable_broken:
            self.pause(5.0)
            self.state, self.motor_flag, self.is_cable_broken = IDLE, False, False
        elif self.hardware.board_fault == 0:
            self.state, self._passes_after_fault = END_OF_FAULT, 0

    def _recover(self) -> None:
        self._passes_after_fault += 1
        if self._passes_after_fault > PASSES_AFTER_FAULT:
            self.state = IDLE

    @property
    def _wants(self) -> bool:
        return self.hardware.vehicle.pilot not in {NO_VEHICLE, CONNECTED}

    @property
    def _is_gone(self) -> bool:
        return self.hardware.vehicle.pilot == NO_VEHICLE

    def _switch(self, *, on: bool) -> None:
        if self.hardware.is_relay_on != on:
            self._switched_at = self.now
        self.hardware.is_relay_on = on

    def _offer_current(self) -> None:
        """Set the pulses: 255 is no offer."""
        has_offer = self.hardware.vehicle.is_connected and self.has_cable
        if not has_offer or self.state in {STOPPED, FAULT}:
            self.pulse_width, self.hardware.offered_amps = 255, 0.0
            return
        amps = min(self.hardware.cable_amps, self.max_amps)
        self.pulse_width = amps * 100 // 60 * 255 // 100
        self.hardware.offered_amps = float(amps)

    def _hear_board(self) -> None:
        """Believe the power board after ten bad reports, and none just after switching."""
        if self.now - self._board_at < BOARD_SECONDS:
            return
        self._board_at = self.now
        fault = self.hardware.board_fault
        if not fault:
            if self._faults:
                self.say("<INFO;MSG=FAULT_CLEARED;>\r\n")
            self._faults = 0
            return
        name = "GF" if fault == 2 else "PF"
        if self.now - self._switched_at < FAULT_MASK_SECONDS:
            self.say(f"<WARN;MSG={name}_IGNORED_RELAY_MASK;>\r\n")
            return
        self._faults += 1
        self.say(f"<INFO;MSG={name}_COUNT;VAL={self._faults};>\r\n")
        if self._faults >= FAULTS_IN_A_ROW:
            self.say(f"<WARN;MSG={name}_CONFIRMED;>\r\n")
            self.state, self._faults = FAULT, 0
