"""The menu beside the pages about access."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext_lazy as _

# URL name, label, and the permission that shows it; "" for everybody who is signed in
_ENTRIES: tuple[tuple[str, Promise, str], ...] = (
    ("settings-people", _("People"), "read:member"),
    ("settings-roles", _("Roles"), "read:member"),
    ("settings-keys", _("API keys"), "read:key"),
    ("settings-shares", _("Shares"), "write:share"),
    ("settings-why", _("Why can somebody?"), "read:member"),
    ("settings-audit", _("Audit trail"), "read:audit"),
    ("usersessions_list", _("Signed-in devices"), ""),
    ("mfa_index", _("Second factor"), ""),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu."""

    name: str
    url: str
    label: Promise


def settings_menu(request: HttpRequest) -> dict[str, Any]:
    """Offer the entries that the person may open; a context processor."""
    return {"settings_menu": SimpleLazyObject(lambda: _entries(request))}


def _entries(request: HttpRequest) -> list[Entry]:
    acting = getattr(request, "acting", None)
    codes = acting.codes if acting else frozenset()
    found = []
    for name, label, code in _ENTRIES:
        if code and code not in codes:
            continue
        try:
            found.append(Entry(name, reverse(name), label))
        except NoReverseMatch:
            continue
    return found
