"""Version 1 of the serial line, as the firmware speaks it, with its faults."""

from __future__ import annotations

from collections.abc import Callable

from devices.simulators.evse_firmware import DEFAULT_AMPS, IDLE, PAUSED, Firmware, Permission
from devices.simulators.evse_hardware import Hardware

STATUS_SECONDS = 7.5
BUFFER_BYTES = 256  # what does not fit while it stands still is lost
VERSION = "4.8.0"


class ControllerV1:
    """A controller: bytes in through `receive`, bytes out through `send`, one pass at a time."""

    def __init__(self, hardware: Hardware, send: Callable[[bytes], None]) -> None:
        self.hardware = hardware
        self._send = send
        self._received = bytearray()
        self._status_at = 0.0
        self._last_lock: int | None = None
        self.firmware = self._boot()

    def receive(self, data: bytes) -> None:
        """Take bytes of the line."""
        self._received += data[: max(0, BUFFER_BYTES - len(self._received))]

    def loop(self, now: float) -> float:
        """Do one pass of the loop; return for how long it hears nothing."""
        busy = self.firmware.loop(now)
        busy += self._take_command()
        if now - self._status_at >= STATUS_SECONDS:
            self._status_at = now
            self._say_status()
        return busy

    def reset(self) -> float:
        """Start again: the plug is unlocked, and nothing is remembered."""
        self._received.clear()
        self._last_lock = None
        self.hardware.is_relay_on = False
        self.hardware.move_lock(to_locked=False)
        self.firmware = self._boot()
        self._say("ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13\r\n")
        self._say(f"CSRPI Charging Station v{VERSION} - Dual UART\r\n")
        self._say("USB: Monitoring | GPIO: Commands\r\n")
        self._say("This code scan the MIFARE Classsic NUID.\r\n")
        for number in range(10):
            self._say(f"Kart {number} Valid=255 ID=0;\r\n")
        return 1.8

    def show_card(self, uid: str) -> None:
        """Hold a card to the reader: this version tells nobody which."""
        self._say("of3\n")

    def _boot(self) -> Firmware:
        return Firmware(self.hardware, self._say)

    def _say(self, text: str) -> None:
        self._send(text.encode())

    def _take_command(self) -> float:
        """Do one command of five bytes; return how long it takes. The last byte is not read."""
        while self._received and self._received[0] != 0x41:
            del self._received[0]
        if len(self._received) < 5:
            return 0.0
        _, command, comma, value, _ = self._received[:5]
        del self._received[:5]
        if comma != 0x2C:
            self._say("<ERR;INVALID_COMMA>\r\n")
            return 0.0
        match command:
            case 0:
                self._say_status()
                self._acknowledge("READSTAT", "OK")
            case 1:
                self._take_permission(value)
            case 2:
                self._take_limit(value)
            case 3:
                return self._take_lock(value)
            case 4:
                self.firmware.force(value)
            case _:
                self._acknowledge("UNKNOWN", "ERR")
        return 0.0

    def _take_permission(self, value: int) -> None:
        if value == 1:
            if self.firmware.state != IDLE:
                self.firmware.permit()
                self._acknowledge("AUTH", "OK")
            return
        # an assignment where a comparison was meant
        self.firmware.state = PAUSED
        self.firmware.auth_flag = False
        self.firmware.permission = Permission.TAKEN_BACK
        self.firmware.lock_flag = self.firmware.relay_flag = False
        self._acknowledge("AUTH", "CLEARED")

    def _take_limit(self, value: int) -> None:
        self.firmware.state = IDLE  # the same mistake
        if 6 <= value <= DEFAULT_AMPS:
            self.firmware.max_amps = value
            self._acknowledge("SETMAXAMP", "OK")
        else:
            self._acknowledge("SETMAXAMP", "ERR")

    def _take_lock(self, value: int) -> float:
        wanted = min(value, 1)
        if self._last_lock == wanted:
            return 0.0
        self._last_lock = wanted
        self.hardware.move_lock(to_locked=bool(wanted))
        self._acknowledge("LOCK" if wanted else "UNLOCK", "OK")
        return 0.5

    def _acknowledge(self, command: str, status: str) -> None:
        self._say(f"<ACK;CMD={command};STATUS={status};>\r\n")

    def _say_status(self) -> None:
        one, hardware = self.firmware, self.hardware
        self._say(
            f"<STAT;CP={hardware.vehicle.pilot};CPV={hardware.pilot_counts}"
            f";PP={int(one.has_cable)};PPV={hardware.cable_counts};RL={int(one.relay_flag)}"
            f";LOCK={int(one.lock_flag)};MOTOR={int(one.motor_flag)};PWM={one.pulse_width}"
            f";MAX={one.max_amps};CABLE={hardware.cable_amps};AUTH={int(one.auth_flag)}"
            f";STATE={one.state};PB={hardware.board_fault};STOP=0;>\r\n"
        )
