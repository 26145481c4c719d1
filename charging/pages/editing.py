"""Tags, prices and the rules of charge points: looked at and changed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from accounts.services.refusals import Refusal
from charging.models import ChargingPrice, Connector, IdTag
from charging.pages.forms import PointForm, PriceForm, TagForm
from charging.pages.rows import TEXT, read_uuid
from charging.queries.pages_learn import cards_presented
from charging.queries.pages_points import find_point
from charging.queries.pages_tags import (
    find_price,
    find_prices,
    find_tag,
    find_tags,
    points_of_prices,
    read_uses,
)
from charging.services import edits
from charging.services.edits import EditRefused
from devices.services.fleet_edits import RowGone

TAGS, PRICES = "charging-tags", "charging-prices"
PAGE = 50
_EDIT = ["GET", "HEAD", "POST"]


@require_safe
@never_cache
@requires("read:charger")
def tags(request: HttpRequest) -> HttpResponse:
    """List the tags with what they took this month."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:TEXT]
    page = Paginator(find_tags(text=text).order_by("label", "uid", "id"), PAGE).get_page(
        request.GET.get("page")
    )
    month = timezone.localtime().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    context = {
        "section": TAGS, "page": page, "q": text, "now": timezone.now(),
        "uses": read_uses(list(page), month_start=month),
        "may_edit": "write:charger" in acting_of(request).codes,
    }  # fmt: skip
    return render(request, "charging/tags.html", context)


@require_http_methods(_EDIT)
@never_cache
@requires("write:charger")
def tag_edit(request: HttpRequest, id_tag_id: uuid.UUID | None = None) -> HttpResponse:
    """Add or change a tag."""
    tag = _found(find_tag(id_tag_id)) if id_tag_id else None
    initial = {"uid": request.GET.get("uid", "").replace("\0", "")[:64], "max_active": 1}
    form = TagForm(
        request.POST or None, tag=tag, tenant_id=acting_of(request).tenant_id,
        **({} if tag else {"initial": initial}),
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        now, given = timezone.now(), form.cleaned_data
        if _keep(form, lambda: edits.change_tag(id_tag_id=tag.id, changes=given, now=now)
                 if tag else edits.create_tag(fields=given, now=now)):  # fmt: skip
            messages.success(request, _("The tag is kept."))
            return redirect(_after(request, TAGS))
    return _form(request, form, TAGS, tag=tag)


@require_POST
@requires("delete:charger")
def tag_remove(request: HttpRequest, id_tag_id: uuid.UUID) -> HttpResponse:
    """Remove a tag."""
    _found(find_tag(id_tag_id))
    edits.remove_tag(id_tag_id=id_tag_id, now=timezone.now())
    messages.success(request, _("The tag is removed; its sessions stay."))
    return redirect(_after(request, TAGS))


@require_safe
@never_cache
@requires("write:charger")
def learn(request: HttpRequest) -> HttpResponse:
    """Wait for an unknown card at a connector, and offer to add it."""
    rows = Connector.objects.select_related("charge_point__site")
    places = list(rows.order_by("charge_point__name", "number", "id")[:500])
    chosen_id = read_uuid(request.GET.get("connector", ""))
    chosen = next((one for one in places if one.id == chosen_id), None)
    if chosen is not None:
        timezone.activate(ZoneInfo(chosen.charge_point.site.timezone))
    context = {
        "section": TAGS, "places": places, "chosen": chosen, "now": timezone.now(),
        "cards": cards_presented(chosen, now=timezone.now()) if chosen else [],
    }  # fmt: skip
    return render(request, "charging/learn.html", context)


@require_safe
@never_cache
@requires("read:charger")
def prices(request: HttpRequest) -> HttpResponse:
    """List the prices and where they hold."""
    rows = list(find_prices().order_by("name", "id")[: edits.MAX_PRICES])
    used = points_of_prices(rows)
    context = {
        "section": PRICES, "rows": [(one, used.get(one.id, [])) for one in rows],
        "may_edit": "write:charger" in acting_of(request).codes,
    }  # fmt: skip
    return render(request, "charging/prices.html", context)


@require_http_methods(_EDIT)
@never_cache
@requires("write:charger")
def price_edit(request: HttpRequest, charging_price_id: uuid.UUID | None = None) -> HttpResponse:
    """Add or change a price."""
    price = _found(find_price(charging_price_id)) if charging_price_id else None
    form = PriceForm(request.POST or None, price=price)
    if request.method == "POST" and form.is_valid():
        now, given = timezone.now(), form.cleaned_data
        if _keep(form, lambda: edits.change_price(
            charging_price_id=price.id, changes=given, now=now
        ) if price else edits.create_price(fields=given, now=now)):  # fmt: skip
            messages.success(request, _("The price is kept; sessions that run keep theirs."))
            return redirect(_after(request, PRICES))
    return _form(request, form, PRICES, price=price)


@require_POST
@requires("delete:charger")
def price_remove(request: HttpRequest, charging_price_id: uuid.UUID) -> HttpResponse:
    """Remove a price that no charge point has."""
    _found(find_price(charging_price_id))
    try:
        edits.remove_price(charging_price_id=charging_price_id, now=timezone.now())
    except EditRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The price is removed."))
    return redirect(_after(request, PRICES))


@require_http_methods(_EDIT)
@never_cache
@requires("write:charger")
def point_edit(request: HttpRequest, charge_point_id: uuid.UUID) -> HttpResponse:
    """Change the rules of a charge point."""
    point = _found(find_point(charge_point_id))
    form = PointForm(request.POST or None, point=point)
    if request.method == "POST" and form.is_valid():
        now, given = timezone.now(), form.cleaned_data
        if _keep(form, lambda: edits.change_point(
            charge_point_id=point.id, changes=given, now=now
        )):  # fmt: skip
            messages.success(request, _("The charge point is changed."))
            return redirect(_after(request, "charging"))
    return _form(request, form, "charging", point=point)


def _keep(form: Any, do: Callable[[], Any]) -> bool:
    """Keep what the form says, or put the reason at its field."""
    try:
        do()
    except EditRefused as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    except RowGone as error:
        raise Http404 from error
    except Refusal as refusal:
        form.add_error(None, str(refusal))
    else:
        return True
    return False


def _form(
    request: HttpRequest, form: Any, section: str, *, tag: IdTag | None = None,
    price: ChargingPrice | None = None, point: Any = None,
) -> HttpResponse:  # fmt: skip
    context = {
        "section": section, "form": form, "tag": tag, "price": price, "point": point,
        "back": reverse(section), "may_delete": "delete:charger" in acting_of(request).codes,
    }  # fmt: skip
    return render(request, "charging/edit.html", context, status=422 if form.is_bound else 200)


def _after(request: HttpRequest, name: str) -> str:
    return reverse(name if "read:charger" in acting_of(request).codes else "home")


def _found(row: Any) -> Any:
    if row is None:
        raise Http404
    return row
