"""What a request brings, before anybody has judged it. Pure: no ORM, no Django."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MAX_READINGS = 10_000
MAX_VALUES = 100_000


class DeviceName(NamedTuple):
    """How a request names a device: by `id`, or by `uid`, with the gateway's where it has one."""

    id: uuid.UUID | None = None
    gateway: str = ""
    uid: str = ""

    def __str__(self) -> str:
        """Return it as the sender wrote it."""
        return str(self.id) if self.id else "/".join(filter(None, (self.gateway, self.uid)))


@dataclass(frozen=True, slots=True)
class Refused:
    """A value that is not taken, or a whole item or line when `metric` is empty."""

    index: int
    code: str
    detail: str
    metric: str = ""


@dataclass(slots=True)
class GivenReading:
    """Values of one instant of one device, as sent.

    index: of the item, or number of the line. device: None means the device of the key.
    raw_time: what `read_time` reads; None means the time of receipt.
    """

    index: int
    device: DeviceName | None
    raw_time: Any
    values: dict[str, Any]


@dataclass(slots=True)
class Given:
    """All readings of a request, and what its form alone made impossible."""

    readings: list[GivenReading] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def refuse(self, index: int, code: str, detail: str, metric: str = "") -> None:
        """Note that something is not taken."""
        self.refused.append(Refused(index, code, detail, metric))

    def check_size(self) -> None:
        """Raise: TooMuch: more readings or values than one request may bring."""
        if len(self.readings) > MAX_READINGS:
            raise TooMuch(f"Send at most {MAX_READINGS} readings in one request; split the data.")
        if sum(len(reading.values) for reading in self.readings) > MAX_VALUES:
            raise TooMuch(f"Send at most {MAX_VALUES} values in one request; split the data.")


class BadBody(ValueError):
    """A body that cannot be understood at all; `code` is for the client."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class TooMuch(BadBody):
    """A body with more in it than one request may bring."""

    def __init__(self, detail: str) -> None:
        super().__init__("body_too_large", detail)


def device_named(text: str, gateway: str = "") -> DeviceName:
    """Read a name: a UUID is the id of a device, anything else its identifier."""
    try:
        return DeviceName(id=uuid.UUID(text))
    except ValueError:
        return DeviceName(gateway=gateway, uid=text)
