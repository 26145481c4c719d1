"""Tells whether a register that fell was reset, or belongs to another meter since."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Max
from django.utils.translation import gettext as _

from energy.lib.units import symbol
from metering.ledger.kinds import Method
from metering.models import IntervalReading, LedgerDecision, RegisterFeed
from metering.series import to_decimal
from metering.words import shown

WEEK = dt.timedelta(days=7)
QUARTER = dt.timedelta(minutes=15)
_SPARE = 2  # quarters: the busiest one of a week is no limit


@dataclass(frozen=True, slots=True)
class Fall:
    """A register that fell. after: where it went on, millionths. serials: blank if unknown.

    peak: the most in a quarter of the week before, None if nothing is known. quarters: since
    the last of them.
    """

    after: int
    peak: int | None
    quarters: int
    serial_installed: str
    serial_of_device: str


def is_other_meter(fall: Fall) -> bool:
    """Return whether another meter hangs there, by its serial number or else its register.

    A register that was reset cannot have counted more than what flows meanwhile.
    """
    if fall.serial_installed and fall.serial_of_device:
        return fall.serial_installed != fall.serial_of_device
    return fall.after > (fall.peak or 0) * (fall.quarters + _SPARE)


def explain_fall(decision: LedgerDecision) -> tuple[bool, str]:
    """Return whether a reset looks like another meter, and why."""
    fall = find_fall(decision)
    if not is_other_meter(fall):
        return False, _(
            "The register began again from zero on the same device: probably a restart. "
            "Nothing needs to be done."
        )
    if fall.serial_installed and fall.serial_of_device:
        return True, _("The device has another serial number, %(new)s instead of %(old)s.") % {
            "new": fall.serial_of_device, "old": fall.serial_installed,
        }  # fmt: skip
    after = f"{shown(to_decimal(fall.after))} {symbol(decision.register.meter.unit)}"
    return True, _("It went on at %s: a register that is reset begins at zero.") % after


def scale_hint() -> str:
    """Return what to do about a register that is sent in another unit."""
    return _(
        "Correct the unit that the device sends, or note a change of the meter with a multiplier "
        "that makes up for it; what was withheld is then counted from the stored readings."
    )


def find_fall(decision: LedgerDecision) -> Fall:
    """Return what is known about a reset; `decision` with its register and meter."""
    counted = IntervalReading.objects.filter(
        register=decision.register, start__gte=decision.time - WEEK,
        start__lt=decision.time - QUARTER, method__lt=Method.ROLLOVER,
    ).aggregate(peak=Max("amount"), last=Max("start"))  # fmt: skip
    last = counted["last"] or decision.time
    installed, of_device = _serials(decision)
    return Fall(
        after=decision.after, peak=counted["peak"],
        quarters=(decision.time - last) // QUARTER,
        serial_installed=installed, serial_of_device=of_device,
    )  # fmt: skip


def _serials(decision: LedgerDecision) -> tuple[str, str]:
    """Return the serial number of the meter that hung there, and what its device says now."""
    feeds = RegisterFeed.objects.filter(
        register=decision.register, channel__isnull=False,
        installation__installed_at__lte=decision.time,
    )  # fmt: skip
    feed = (
        feeds.select_related("installation", "channel__device")
        .order_by("-installation__installed_at")
        .first()
    )
    if feed is None or feed.channel is None:
        return "", ""
    return feed.installation.serial, feed.channel.device.serial_number
