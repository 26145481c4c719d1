"""Keys of programs."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from accounts.queries.keys import list_keys
from accounts.queries.roles import permission_groups
from accounts.rbac.registry import CODES
from accounts.services.keys import (
    DEVICE_KEY_CODES,
    KeyGone,
    NewKey,
    create_key,
    revoke_key,
    rotate_key,
)
from accounts.services.refusals import Refusal
from accounts.sudo import requires_sudo

LIFETIMES = (
    ("30", gettext_lazy("30 days")),
    ("90", gettext_lazy("90 days")),
    ("365", gettext_lazy("One year")),
    ("", gettext_lazy("No end")),
)
OVERLAPS = (
    ("0", gettext_lazy("at once")),
    ("24", gettext_lazy("after a day")),
    ("168", gettext_lazy("after a week")),
)


class KeyForm(forms.Form):
    """A key to be made; the permissions are drawn by the page, in groups."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        help_text=gettext_lazy('The program that uses it, such as "Billing export".'),
    )
    days = forms.ChoiceField(
        label=gettext_lazy("Valid for"), choices=LIFETIMES, required=False, initial="90"
    )
    device = forms.UUIDField(
        label=gettext_lazy("Device"),
        required=False,
        help_text=gettext_lazy(
            "Id of the only device that the program sends measurements for. Blank: the "
            "permissions below count for all devices."
        ),
    )
    codes = forms.MultipleChoiceField(
        choices=[(code, code) for code in sorted(CODES)], required=False
    )

    def groups(self, editable: frozenset[str]) -> list[Any]:
        """Return the permissions by resource with what is ticked."""
        chosen = frozenset(self["codes"].value() or ())
        return permission_groups([chosen], editable=editable)

    def chosen_codes(self) -> list[str]:
        """Return the permissions of the key; the key of a device has but one."""
        if self.cleaned_data["device"]:
            return sorted(DEVICE_KEY_CODES)
        chosen: list[str] = self.cleaned_data["codes"]
        return chosen

    def expires_at(self, now: dt.datetime) -> dt.datetime | None:
        """Return the end of the key; None for no end."""
        days = self.cleaned_data["days"]
        return now + dt.timedelta(days=int(days)) if days else None


@require_safe
@requires("read:key")
def keys(request: HttpRequest) -> HttpResponse:
    """Show the keys."""
    codes = acting_of(request).codes
    context = {
        "section": "settings-keys",
        "now": timezone.now(),
        "keys": list(list_keys()),
        "overlaps": OVERLAPS,
        "may_write": "write:key" in codes,
        "may_delete": "delete:key" in codes,
    }
    return render(request, "accounts/keys.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:key")
@requires_sudo
@never_cache
@sensitive_variables("new")
def key_new(request: HttpRequest) -> HttpResponse:
    """Make a key and show its secret once."""
    acting, now = acting_of(request), timezone.now()
    form = KeyForm(request.POST or None, initial={"device": request.GET.get("device", "")})
    if request.method == "POST" and form.is_valid():
        try:
            new = create_key(
                name=form.cleaned_data["name"],
                codes=form.chosen_codes(),
                expires_at=form.expires_at(now),
                created_by=person_of(request),
                editor_codes=acting.codes,
                now=now,
                device_id=form.cleaned_data["device"],
            )
        except Refusal as error:
            form.add_error(None, str(error))
        else:
            return _show_secret(request, new)
    context = {"section": "settings-keys", "form": form, "groups": form.groups(acting.codes)}
    return render(request, "accounts/key_new.html", context)


@require_POST
@requires("write:key")
@requires_sudo
@never_cache
@sensitive_variables("new")
def key_rotate(request: HttpRequest, key_id: uuid.UUID) -> HttpResponse:
    """Replace a key and show the new secret once."""
    hours = request.POST.get("overlap", "24")
    if hours not in dict(OVERLAPS):
        raise Http404
    try:
        new = rotate_key(
            key_id=key_id,
            overlap=dt.timedelta(hours=int(hours)),
            created_by=person_of(request),
            editor_codes=acting_of(request).codes,
            now=timezone.now(),
        )
    except KeyGone as error:
        raise Http404 from error
    except Refusal as error:
        messages.error(request, str(error))
        return redirect("settings-keys")
    return _show_secret(request, new)


@require_POST
@requires("delete:key")
def key_revoke(request: HttpRequest, key_id: uuid.UUID) -> HttpResponse:
    """End a key at once."""
    try:
        revoke_key(key_id=key_id, now=timezone.now())
    except KeyGone as error:
        raise Http404 from error
    messages.success(request, _("The key is revoked."))
    return redirect("settings-keys")


def _show_secret(request: HttpRequest, new: NewKey) -> HttpResponse:
    context = {"section": "settings-keys", "key": new.key, "secret": new.secret.text}
    return render(request, "accounts/key_secret.html", context)
