"""Why a rule is not saved, in words for people and with a code for programs."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from accounts.services.refusals import DetailedRefusal
from automation.rules.definition import BadRule

# what the pure parts say, so that it is translated
_KNOWN = frozenset({
    _("Give `above` or `below`."),
    _("With two limits there is none."),
    _("It is not above the limit."),
    _("It is not below the limit."),
    _("Write a number."),
    _("It is empty."),
    _("It stands with samples only."),
    _("Give it beside `that`."),
    _("Only values and times; put it under `if`."),
    _("Name a channel; for times alone use a time."),
    _("Nothing follows this delay; remove it."),
    _("A time stands there twice."),
    _("A day stands there twice."),
    _("The only day is among those left out."),
    _("With `each` it is at least 10 s."),
    _("The window has no length."),
    _("The last day is before the first one."),
    _("There is no such day or time."),
    _("That day of the week is not among the days."),
})  # fmt: skip


class RuleRefused(DetailedRefusal):
    """What was asked for cannot be; `code` says why and `field` where.

    A field of the definition is its place, such as `then[0].params.runtime_s`.
    """


def refusal_of(error: BadRule) -> RuleRefused:
    """Return what is wrong with a definition, in the active language where we know the words."""
    detail = gettext(error.message) if error.message in _KNOWN else error.message
    return RuleRefused(error.code, detail, error.field or "definition")
