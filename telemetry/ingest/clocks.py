"""What time a reading gets whose device has a wrong clock, or none."""

from __future__ import annotations

from collections.abc import Iterable

from devices.models import ClockPolicy
from telemetry.ingest.times import TimeError, parse_time, read_time

# What a device without a clock can have kept; more is no distance but another error.
MAX_KEPT_US = 31 * 86_400 * 1_000_000
_WRONG = {"time_in_future", "time_too_old"}


class MessageClock:
    """Settles the times of the readings of one message.

    A wrong clock still counts the seconds between readings: under the policy `receive_time`
    the newest reading of the message gets the time of receipt, the others their distance
    from it.

    Args: raw_times: as in the payload. received_at: µs UTC. is_retained: the broker had kept
        the message, so the time of its receipt says nothing about its age.
    """

    def __init__(self, raw_times: Iterable[object], *, received_at: int, is_retained: bool) -> None:
        self._raw_times = list(raw_times)
        self._received_at = received_at
        self._is_retained = is_retained
        self._newest_wrong: int | None = None

    def settle(self, raw: object, policy: str) -> tuple[int, bool]:
        """Return the time in µs UTC, and whether it is exact.

        Receipt is exact for a reading without time: devices without a clock send at once.

        Raises:
            TimeError: as `read_time`, or retained_without_time.
        """
        if raw is None and self._is_retained:
            raise self._no_age()
        try:
            return read_time(raw, received_at=self._received_at), True
        except TimeError as error:
            if policy != ClockPolicy.RECEIVE_TIME or error.code not in _WRONG:
                raise
            if self._is_retained:
                raise self._no_age() from error
            return self._shift(raw, error), False

    def _shift(self, raw: object, error: TimeError) -> int:
        if self._newest_wrong is None:
            self._newest_wrong = max(map(self._wrong_time, self._raw_times))
        distance = self._newest_wrong - parse_time(raw)
        if distance > MAX_KEPT_US:
            raise error
        return self._received_at - distance

    def _wrong_time(self, raw: object) -> int:
        """Return a time that is wrong; -1 for any other."""
        if raw is None:
            return -1
        try:
            read_time(raw, received_at=self._received_at)
        except TimeError as error:
            return parse_time(raw) if error.code in _WRONG else -1
        return -1

    def _no_age(self) -> TimeError:
        detail = "The broker had kept this message and it names no usable time: its age is unknown."
        return TimeError("retained_without_time", detail)
