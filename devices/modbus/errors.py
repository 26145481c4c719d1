"""Why a request brought no answer, and what a device says when it refuses one."""

from __future__ import annotations

from enum import IntEnum


class ModbusError(Exception):
    """A request did not succeed; the text is for people."""


class NotConnected(ModbusError):
    """The address cannot be reached, or the connection is gone: connect anew."""


class PortBusy(NotConnected):
    """Another process holds the serial port."""


class NoAnswer(ModbusError):
    """Nothing came within the time. The connection stays usable."""


class Ambiguous(NoAnswer):
    """Not asked: on this line an old answer could be taken for the new one. Later it can be."""


class BadAnswer(ModbusError):
    """Something came that is not an answer to the question. The connection stays usable."""


class Code(IntEnum):
    """The exception codes of the protocol."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_ADDRESS = 2
    ILLEGAL_VALUE = 3
    DEVICE_FAILURE = 4
    ACKNOWLEDGE = 5
    BUSY = 6
    NEGATIVE_ACKNOWLEDGE = 7
    MEMORY_PARITY = 8
    GATEWAY_PATH = 10
    GATEWAY_TARGET = 11


class Refused(ModbusError):
    """The device answered with an exception code; see `Code`."""

    def __init__(self, code: int) -> None:
        self.code = code
        known = {int(member): member.name.lower().replace("_", " ") for member in Code}
        super().__init__(f"exception {code} ({known.get(code, 'unknown')})")


class GatewayRefused(Refused):
    """The gateway answered in the device's place: the device, not the bus, is unreachable."""


def refusal(code: int) -> Refused:
    """Return the error of an exception code."""
    return GatewayRefused(code) if code in {10, 11} else Refused(code)
