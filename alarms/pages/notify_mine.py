"""Pages about how somebody is told: bell, personal settings, the browser."""

from __future__ import annotations

from typing import Any

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import person_of
from alarms.delivery.push import application_key
from alarms.models import NotificationTarget, PushSubscription, TargetKind
from alarms.pages.notify import PAGE_ROWS, private, put_errors
from alarms.pages.notify_forms import MineForm, initial_manners, is_simple
from alarms.queries.notify import count_unread, list_notes
from alarms.services import notify_reading
from alarms.services.notify_targets import save_mine
from devices.models import Site

MOST_UNREAD = 99


# a service worker is registered by a text, which the policy of other pages refuses
@csp_replace({"trusted-types": ["push-worker"]})
@require_http_methods(["GET", "HEAD", "POST"])
@requires("read:alarm")
def mine(request: HttpRequest) -> HttpResponse:
    """Show and change how I am told."""
    person = person_of(request)
    targets = list(NotificationTarget.objects.filter(person=person).order_by("created_at", "id"))
    form = MineForm(request.POST or None, initial=_initial(targets))
    if request.method == "POST" and form.is_valid():
        try:
            save_mine(person, form.manners(), set(form.cleaned_data["kinds"]))
        except ValidationError as error:
            put_errors(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("alarm-notify-mine")
    context = {
        "form": form, "key": application_key(),
        "browsers": PushSubscription.objects.filter(person=person).order_by("created_at", "id"),
        "is_simple": not targets or is_simple(targets[0].quiet),
    }  # fmt: skip
    status = 422 if form.errors else 200
    return private(render(request, "alarms/notify_mine.html", context, status=status))


@require_POST
@requires("read:alarm")
def subscribe(request: HttpRequest) -> HttpResponse:
    """Let this browser be pushed to."""
    given = request.POST
    try:
        notify_reading.subscribe(
            person_of(request), endpoint=given.get("endpoint", ""), auth=given.get("auth", ""),
            p256dh=given.get("p256dh", ""), label=request.headers.get("User-Agent", ""),
        )  # fmt: skip
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("Alarms are pushed to this browser."))
    return redirect("alarm-notify-mine")


@require_POST
@requires("read:alarm")
def unsubscribe(request: HttpRequest, subscription_id: Any) -> HttpResponse:
    """Push no more to a browser."""
    if not notify_reading.unsubscribe(person_of(request), subscription_id):
        raise Http404
    messages.success(request, _("Nothing is pushed to it any more."))
    return redirect("alarm-notify-mine")


@require_safe
@requires("read:alarm")
def notes(request: HttpRequest) -> HttpResponse:
    """Show what stands behind my bell."""
    rows = list_notes(person_of(request))
    page = Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page"))
    return private(render(request, "alarms/notify_notes.html", {"page": page}))


@require_POST
@requires("read:alarm")
def notes_read(request: HttpRequest) -> HttpResponse:
    """Mark all of it as read."""
    notify_reading.mark_read(person_of(request), now=timezone.now())
    return redirect("alarm-notes")


@require_safe
def push_worker(request: HttpRequest) -> HttpResponse:
    """Return the script that shows pushes; at the root, for it to open any page of ours."""
    text = (settings.BASE_DIR / "static/alarms/push-worker.js").read_text(encoding="utf-8")
    return private(HttpResponse(text, content_type="text/javascript; charset=utf-8"))


def bell(request: HttpRequest) -> dict[str, Any]:
    """Offer the number of unread notes as text, "" for none; a context processor."""
    return {"bell_count": SimpleLazyObject(lambda: _unread(request))}


def _unread(request: HttpRequest) -> str:
    acting = getattr(request, "acting", None)
    user = getattr(request, "user", None)
    if acting is None or user is None or "read:alarm" not in acting.codes:
        return ""
    number = count_unread(user, most=MOST_UNREAD)
    return f"{MOST_UNREAD}+" if number > MOST_UNREAD else str(number or "")


def _initial(targets: list[NotificationTarget]) -> dict[str, Any]:
    if targets:
        kinds = [target.kind for target in targets if target.is_active]
        return initial_manners(targets[0]) | {"kinds": kinds}
    site = Site.objects.order_by("created_at", "id").first()
    fresh = NotificationTarget(
        language=get_language() or settings.LANGUAGE_CODE,
        timezone=site.timezone if site else settings.TIME_ZONE,
    )
    return initial_manners(fresh) | {"kinds": [TargetKind.EMAIL, TargetKind.IN_APP]}
