"""Why a schedule cannot be used."""

from __future__ import annotations


class BadSchedule(ValueError):
    """A schedule that cannot be used.

    `field` is the place, such as `when.to`; `code` one of bad_shape, too_large, twice,
    empty_window, never, bad_cron, no_country, unknown_country. `message` says what to do.
    """

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message
