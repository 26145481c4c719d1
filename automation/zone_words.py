"""What controllers of zones do and why not, in the active language."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from automation.control.law import Why

WHY: Mapping[Why, Promise] = {
    Why.DEVIATION: _("Off the target: acts"),
    Why.AT_TARGET: _("At the target: switches off"),
    Why.NEW_TARGET: _("Passes a new target on"),
    Why.NO_TARGET: _("No target at present"),
    Why.NO_VALUE: _("No value yet"),
    Why.TOO_OLD: _("The value is too old"),
    Why.NOT_NEWER: _("Waits for a value from after the last action"),
    Why.IN_BAND: _("Within the band"),
    Why.NO_ROLE: _("Nobody in the zone can do this"),
    Why.BUSY: _("The last action is not over"),
    Why.PAUSE: _("Pauses after the last action"),
    Why.HOUR_CAP: _("The most of an hour is reached"),
    Why.DAY_CAP: _("The most of 24 hours is reached"),
    Why.NO_DOSE: _("The dose would be nothing"),
    Why.IS_SO: _("Runs, or was told already"),
}
OFF = _("Switched off")
# what people should look at
TROUBLE = frozenset({Why.NO_VALUE, Why.TOO_OLD, Why.NO_ROLE, Why.HOUR_CAP, Why.DAY_CAP})
