"""Pages about who is told of alarms: routes, targets, rotas, the log."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from alarms.models import (
    MessageState,
    NotificationMessage,
    NotificationRoute,
    NotificationTarget,
    OnCallRota,
)
from alarms.notify.weeks import zone_of
from alarms.pages.notify_forms import (
    RotaForm,
    RouteForm,
    TargetForm,
    initial_manners,
    initial_rota,
    initial_route,
    is_simple,
)
from alarms.queries import notify as queries
from alarms.services.duty import person_on_call
from alarms.services.notify_routes import (
    StandIn,
    remove_rota,
    remove_route,
    save_rota,
    save_route,
)
from alarms.services.notify_targets import remove_target, save_target
from alarms.services.people import members
from alarms.services.sending import queue_test, requeue

PAGE_ROWS = 25
CALENDAR_DAYS = 28
_EDIT = ["GET", "HEAD", "POST"]


@require_safe
@requires("read:alarm")
def overview(request: HttpRequest) -> HttpResponse:
    """Show who is told of what, as ladders, with targets and rotas."""
    now = timezone.now()
    rotas = list(queries.list_rotas())
    context = {
        "routes": list(queries.list_routes()), "targets": list(queries.list_targets()),
        "rotas": [(rota, person_on_call(rota, now)) for rota in rotas],
        "dead": NotificationMessage.objects.filter(state=MessageState.DEAD)[:100].count(),
    }  # fmt: skip
    return private(render(request, "alarms/notify.html", context))


@require_http_methods(_EDIT)
@requires("write:alarm")
def target_edit(request: HttpRequest, target_id: uuid.UUID | None = None) -> HttpResponse:
    """Make or change a target."""
    target = _shared(target_id) if target_id else None
    initial = initial_manners(target or NotificationTarget())
    form = TargetForm(request.POST or None, initial=initial)
    secret = ""
    if request.method == "POST" and form.is_valid():
        try:
            target, secret = save_target(form.wanted(), target=target)
        except ValidationError as error:
            put_errors(form, error)
        else:
            if not secret:
                messages.success(request, _("The target is saved."))
                return redirect("alarm-notify")
    context = {"form": form, "target": target, "secret": secret, "is_simple":
               target is None or is_simple(target.quiet)}  # fmt: skip
    return private(render(request, "alarms/notify_target.html", context, status=_status(form)))


@require_POST
@requires("write:alarm")
def target_test(request: HttpRequest, target_id: uuid.UUID) -> HttpResponse:
    """Send a test."""
    queue_test(_shared(target_id), now=timezone.now())
    messages.success(request, _("A test is on its way; the log says what came of it."))
    return redirect("alarm-notify-log")


target_test.sends_mail = True  # type: ignore[attr-defined]


@require_POST
@requires("delete:alarm")
def target_remove(request: HttpRequest, target_id: uuid.UUID) -> HttpResponse:
    """Remove a target."""
    remove_target(_shared(target_id).id)
    messages.success(request, _("The target is removed."))
    return redirect("alarm-notify")


@require_http_methods(_EDIT)
@requires("write:alarm")
def route_edit(request: HttpRequest, route_id: uuid.UUID | None = None) -> HttpResponse:
    """Make or change a route with its ladder."""
    route = find(queries.list_routes(), route_id) if route_id else None
    people = list(members(acting_of(request).tenant_id).order_by("name", "email", "id"))
    initial = initial_route(route) if route else None
    form = RouteForm(request.POST or None, initial=initial, people=people, route=route)
    if request.method == "POST" and form.is_valid():
        try:
            save_route(form.values(), form.steps(), route=route)
        except ValidationError as error:
            put_errors(form, error)
        else:
            messages.success(request, _("The route is saved."))
            return redirect("alarm-notify")
    context = {"form": form, "route": route, "is_simple": route is None or is_simple(route.slots)}
    return private(render(request, "alarms/notify_route.html", context, status=_status(form)))


@require_POST
@requires("delete:alarm")
def route_remove(request: HttpRequest, route_id: uuid.UUID) -> HttpResponse:
    """Remove a route."""
    remove_route(find(NotificationRoute.objects.all(), route_id).id)
    messages.success(request, _("The route is removed."))
    return redirect("alarm-notify")


@require_http_methods(_EDIT)
@requires("write:alarm")
def rota_edit(request: HttpRequest, rota_id: uuid.UUID | None = None) -> HttpResponse:
    """Make or change a rota; show who is on call in the coming weeks."""
    rota = find(queries.list_rotas(), rota_id) if rota_id else None
    people = list(members(acting_of(request).tenant_id).order_by("name", "email", "id"))
    initial = initial_rota(rota) if rota else {"timezone": "UTC"}
    form = RotaForm(request.POST or None, initial=initial, people=people)
    if request.method == "POST" and form.is_valid():
        try:
            rota = _save_rota(form, rota)
        except ValidationError as error:
            put_errors(form, error)
        else:
            messages.success(request, _("The rota is saved."))
            return redirect("alarm-notify-rota", rota.id)
    context: dict[str, Any] = {"form": form, "rota": rota}
    if rota is not None:
        zone = zone_of(rota.timezone)
        context["turns"] = queries.turns(rota, timezone.now(), days=CALENDAR_DAYS)
        context["zone"] = zone
    return private(render(request, "alarms/notify_rota.html", context, status=_status(form)))


@require_POST
@requires("delete:alarm")
def rota_remove(request: HttpRequest, rota_id: uuid.UUID) -> HttpResponse:
    """Remove a rota."""
    remove_rota(find(OnCallRota.objects.all(), rota_id).id)
    messages.success(request, _("The rota is removed."))
    return redirect("alarm-notify")


@require_safe
@requires("read:alarm")
def log(request: HttpRequest) -> HttpResponse:
    """Show what was sent, is tried, or was given up."""
    rows = queries.list_messages()
    state = request.GET.get("state", "")
    if state in MessageState.values:
        rows = rows.filter(state=state)
    context = {
        "page": Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page")),
        "states": MessageState.choices, "state": state,
    }  # fmt: skip
    return private(render(request, "alarms/notify_log.html", context))


@require_POST
@requires("write:alarm")
def message_retry(request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
    """Try a message again that was given up."""
    requeue(find(NotificationMessage.objects.all(), message_id), now=timezone.now())
    messages.success(request, _("It is tried again."))
    return redirect("alarm-notify-log")


def find(rows: QuerySet[Any], row_id: uuid.UUID) -> Any:
    """Return a row of the organisation. Raises: Http404."""
    found = rows.filter(id=row_id).first()
    if found is None:
        raise Http404
    return found


def private(response: HttpResponse) -> HttpResponse:
    """Let nobody keep a page."""
    patch_cache_control(response, private=True, no_store=True)
    return response


def put_errors(form: Form, error: ValidationError) -> None:
    """Say at the fields what services refuse; what the form does not show above it."""
    for name, texts in error.message_dict.items():
        for text in texts:
            form.add_error(name if name in form.fields else None, text)


def _shared(target_id: uuid.UUID) -> NotificationTarget:
    target: NotificationTarget = find(queries.list_targets(), target_id)
    return target


def _save_rota(form: RotaForm, rota: OnCallRota | None) -> OnCallRota:
    """Save a rota; those who stand in by now stay, the new one comes last."""
    known = (
        [StandIn(one.start, one.end, one.person) for one in rota.stand_ins.all()] if rota else []
    )
    values = form.values() | {"hours": rota.hours if rota else []}
    return save_rota(values, form.turns(), [*known, *form.stand_ins()], rota=rota)


def _status(form: Form) -> int:
    return 422 if form.errors else 200
