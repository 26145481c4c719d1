"""Why a rule is not saved, in words for people and with a code for programs."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from accounts.services.refusals import DetailedRefusal
from alarms.rules.definition import BadRule

# what the pure parts say, so that it is translated
_KNOWN = frozenset({
    _("Give a limit: above, below, or both."),
    _("Give the limit above as well."),
    _("Give the limit below as well."),
    _("A value is right again before it is wrong: swap the two."),
    _("No value is right: the lower limit lies above the upper one."),
    _("Write a number."),
    _("This slot is empty."),
})  # fmt: skip


class RuleRefused(DetailedRefusal):
    """What was asked for cannot be; `code` says why and `field` where."""


def refusal_of(error: BadRule) -> RuleRefused:
    """Return what is wrong with a definition, in the active language where we know the words."""
    detail = gettext(error.message) if error.message in _KNOWN else error.message
    return RuleRefused(error.code, detail, f"definition.{error.field}".rstrip("."))
