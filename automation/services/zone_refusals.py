"""Why a zone or a recipe is not changed, in words for people and with a code for programs."""

from __future__ import annotations

from typing import Protocol

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from accounts.services.refusals import DetailedRefusal

# what the pure parts say, so that it is translated
_KNOWN = frozenset({
    _("Write a number."),
    _("This stands there twice."),
    _("Choose who raises or lowers the value."),
    _("The zone has no such role."),
    _("One role does not raise and lower."),
    _("Choose what is measured."),
    _("The role does not say which parameter is the amount."),
    _("The role does not say which command stops it."),
    _("Give the largest dose."),
    _("It is below the smallest dose."),
    _("Give an amount for a deviation of 1."),
    _("Give the most in 24 hours."),
    _("A time stands there twice."),
    _("The window has no length."),
})  # fmt: skip


class ZoneRefused(DetailedRefusal):
    """What was asked for cannot be; `code` says why and `field` where."""


class Misfit(Protocol):
    """What the pure parts raise."""

    code: str
    field: str
    message: str


def refusal_of(error: Misfit) -> ZoneRefused:
    """Return what is wrong with a document, in the active language where we know the words."""
    known = error.message in _KNOWN
    return ZoneRefused(error.code, gettext(error.message) if known else error.message, error.field)
