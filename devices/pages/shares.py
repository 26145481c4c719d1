"""What is shared with people and organisations outside."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from accounts.queries.roles import permission_name
from accounts.services.refusals import MailNotSent, Refusal
from devices.models import Device, Site
from devices.queries_shares import list_shares
from devices.services.shares import (
    extend_share,
    revoke_all_shares,
    revoke_share,
    share_with_tenant,
    share_with_user,
)
from devices.sharing import SHAREABLE

LISTED_DEVICES = 500  # others are shared from a link that names them
BASIC = ("read:site", "read:device")  # every share brings them


class ShareForm(forms.Form):
    """What to share, with whom, and for how long."""

    target = forms.ChoiceField(label=gettext_lazy("What"))
    grantee = forms.CharField(
        label=gettext_lazy("With whom"),
        max_length=254,
        help_text=gettext_lazy(
            "The e-mail address of a person, or the short name of an organisation that it told you."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    codes = forms.MultipleChoiceField(
        label=gettext_lazy("They may also"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    valid_from = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Empty: from now on."),
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day"), widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, codes: frozenset[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        more = [c for c in SHAREABLE if c not in BASIC and c in codes]
        fields: dict[str, Any] = self.fields
        fields["codes"].choices = [(c, permission_name(c)) for c in more]
        chosen = self.data.get("target") or self.initial.get("target", "")
        fields["target"].choices = _targets(chosen)

    def clean_target(self) -> Site | Device:
        """Find the site or device in the tenant in scope."""
        kind, _colon, key = self.cleaned_data["target"].partition(":")
        model: type[Any] = Site if kind == "site" else Device
        found: Site | Device = model.objects.select_related("tenant").get(id=key)
        return found


@require_safe
@requires("write:share")
def shares(request: HttpRequest) -> HttpResponse:
    """List everything that is shared."""
    found = list_shares(now=timezone.now())
    lines = [(share, [permission_name(code) for code in share.codes]) for share in found]
    context = {"section": "settings-shares", "shares": lines}
    return render(request, "accounts/shares.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:share")
def share_new(request: HttpRequest) -> HttpResponse:
    """Share a site or a device."""
    form = ShareForm(
        request.POST or None,
        codes=acting_of(request).codes,
        initial={"codes": ["read:telemetry"], "target": request.GET.get("target", "")},
    )
    if request.method == "POST" and form.is_valid():
        try:
            _share(request, form.cleaned_data)
        except MailNotSent as error:
            messages.warning(request, str(error))
            return redirect("settings-shares")
        except Refusal as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Shared."))
            return redirect("settings-shares")
    context = {"section": "settings-shares", "form": form}
    return render(request, "accounts/share.html", context, status=400 if form.is_bound else 200)


@require_POST
@requires("write:share")
def share_extend(request: HttpRequest, share_id: uuid.UUID) -> HttpResponse:
    """Move the end of a share."""
    try:
        last_day = dt.date.fromisoformat(request.POST.get("last_day", ""))
    except ValueError:
        messages.error(request, _("Enter a date."))
        return redirect("settings-shares")
    now = timezone.now()
    end = end_of_day(last_day)
    return _do(
        request,
        lambda: extend_share(share_id=share_id, expires_at=end, now=now),
        _("The end of the share is changed."),
    )


@require_POST
@requires("write:share")
def share_revoke(request: HttpRequest, share_id: uuid.UUID) -> HttpResponse:
    """End a share at once."""
    return _do(
        request,
        lambda: revoke_share(share_id=share_id, now=timezone.now()),
        _("The share has ended."),
    )


@require_POST
@requires("write:share")
def shares_revoke_all(request: HttpRequest) -> HttpResponse:
    """End all shares at once."""
    tenant_id = acting_of(request).tenant_id
    return _do(
        request,
        lambda: revoke_all_shares(tenant_id=tenant_id, now=timezone.now()),
        _("All shares have ended."),
    )


def start_of_day(day: dt.date) -> dt.datetime:
    """Return midnight at the start of a day in the current time zone."""
    zone = timezone.get_current_timezone()
    return dt.datetime.combine(day, dt.time.min, tzinfo=ZoneInfo(str(zone)))


def end_of_day(day: dt.date) -> dt.datetime:
    """Return midnight at the end of a day in the current time zone."""
    return start_of_day(day + dt.timedelta(days=1))


def _share(request: HttpRequest, wanted: dict[str, Any]) -> None:
    now = timezone.now()
    start = start_of_day(wanted["valid_from"]) if wanted["valid_from"] else now
    common = {
        "target": wanted["target"],
        "codes": wanted["codes"],
        "valid_from": max(start, now),
        "expires_at": end_of_day(wanted["last_day"]),
        "shared_by": person_of(request),
        "editor_codes": acting_of(request).codes,
        "now": now,
    }
    if "@" in wanted["grantee"]:
        share_with_user(email=_email(wanted["grantee"]), **common)
    else:
        share_with_tenant(slug=wanted["grantee"].strip().lower(), **common)


class _BadAddress(Refusal):
    code = "bad_address"
    message = gettext_lazy("Enter a valid e-mail address.")


def _email(text: str) -> str:
    try:
        return forms.EmailField().clean(text).lower()  # type: ignore[no-any-return]
    except forms.ValidationError as error:
        raise _BadAddress from error


def _do(request: HttpRequest, call: Callable[[], object], done: str) -> HttpResponse:
    try:
        call()
    except Refusal as error:
        if error.code == "share_gone":
            raise Http404 from error
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return redirect("settings-shares")


def _targets(chosen: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return all sites and the first devices; the chosen device too, wherever it stands."""
    sites = Site.objects.order_by("name", "id")
    devices = Device.objects.select_related("site").order_by("site__name", "name", "id")
    listed = {device.id: device for device in devices[:LISTED_DEVICES]}
    with contextlib.suppress(ValueError):
        key = uuid.UUID(chosen.removeprefix("device:"))
        listed |= {device.id: device for device in devices.filter(id=key)}
    return [
        (_("Sites with all their devices"), [(f"site:{s.id}", s.name) for s in sites]),
        (
            _("Single devices"),
            [(f"device:{d.id}", f"{d.name} · {d.site.name}") for d in listed.values()],
        ),
    ]
