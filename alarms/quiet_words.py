"""Why an alarm was quiet, in the active language; events hold `because: detail`."""

from __future__ import annotations

from django.utils.translation import gettext as _

from alarms.models import Suppression
from devices.models import Severity


def suppression_text(text: str) -> str:
    """Return the reason of an event SUPPRESSED as people read it.

    >>> suppression_text("maintenance: New fuse")
    'Maintenance: New fuse'
    """
    because, colon, detail = text.partition(": ")
    if because not in Suppression.values or not because:
        return text
    return f"{Suppression(because).label}{colon}{detail}"


def change_text(text: str) -> str:
    """Return what changed about an open alarm: that it got worse, or as it is stored.

    >>> change_text("severity: critical")
    'Now: Critical'
    """
    name, _colon, severity = text.partition(": ")
    if name != "severity" or severity not in Severity.values:
        return text
    return _("Now: %(severity)s") % {"severity": Severity(severity).label}
