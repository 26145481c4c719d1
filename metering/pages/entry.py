"""What people enter about meters: new ones, changes of hardware, bookings."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.pages.access import requires
from devices.models import Channel, Device
from metering.ledger.kinds import SCALES, Judgement
from metering.models import Meter, MeterInstallation
from metering.pages.forms import NewMeterForm, ReplaceForm, refuse
from metering.pages.guess import FEEDING, UNITS, feeding, guess_meter
from metering.pages.views import meter_of
from metering.queries.meters import list_decisions, list_installations, list_meters
from metering.series import to_decimal
from metering.services.meters import (
    MeterRefused,
    create_meter,
    remove_meter,
    replace_installation,
)
from metering.words import plain

MAX_DEVICES = 500


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:meter")
def meter_new(request: HttpRequest) -> HttpResponse:
    """Choose a device, then look over what its channels propose."""
    chosen = request.GET.get("device", "")
    if not chosen:
        devices = list(_counting().select_related("site").order_by("name", "id")[:MAX_DEVICES])
        has_any = bool(devices) or Device.objects.exists()
        return render(request, "metering/new.html", {"devices": devices, "has_any": has_any})
    device = _device(chosen)
    if not _counting().filter(id=device.id).exists():
        return render(request, "metering/new.html", {"silent": device})
    form = _new_form(request, device)
    if request.method == "POST" and form.is_valid():
        made = _create(device, form)
        if made is not None:
            messages.success(request, _("It counts; its past follows within a minute."))
            return redirect("meter", meter_id=made.id)
    return render(request, "metering/new.html", {"device": device, "form": form})


def _counting() -> QuerySet[Device]:
    """Return the devices that send something a meter can count."""
    channels = Channel.objects.filter(device=OuterRef("pk"), kind__in=FEEDING, unit__in=UNITS)
    return Device.objects.filter(Exists(channels))


def _device(text: str) -> Device:
    """Return a device of the organisation. Raises: Http404."""
    try:
        return Device.objects.select_related("site").get(id=uuid.UUID(text))
    except (ValueError, Device.DoesNotExist) as error:
        raise Http404 from error


def _new_form(request: HttpRequest, device: Device) -> NewMeterForm:
    channels = list(Channel.objects.filter(device=device).select_related("device").order_by("name"))
    guess = guess_meter(device.name, channels)
    return NewMeterForm(
        request.POST if request.method == "POST" else None,
        channels=feeding(channels),
        meters=list(list_meters(device.site_id).filter(is_virtual=False).order_by("name")),
        initial={
            "name": guess.name,
            "commodity": guess.commodity,
            "role": guess.role,
            "main": guess.main and guess.main.uuid,
            "export": guess.export and guess.export.uuid,
        },
    )


def _create(device: Device, form: NewMeterForm) -> Meter | None:
    try:
        return create_meter(
            site_id=device.site_id,
            wanted=form.wanted(),
            sources=form.sources(),
            hardware=form.hardware(),
            now=timezone.now(),
        )
    except MeterRefused as error:
        refuse(form, error, {"import": "main"})
        return None


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:meter")
def meter_replace(request: HttpRequest, meter_id: uuid.UUID) -> HttpResponse:
    """Note that the hardware was changed; a reset that looks like it fills the form."""
    found = meter_of(meter_id)
    timezone.activate(ZoneInfo(found.site.timezone))
    current = list_installations(found.id).filter(removed_at=None).first()
    if current is None:
        raise Http404
    form = _replace_form(request, found, current)
    if request.method == "POST" and form.is_valid() and _replace(found, form):
        messages.success(request, _("The change is noted; the ledger follows within a minute."))
        return redirect("meter", meter_id=found.id)
    context = {"meter": found, "form": form, "current": current}
    return render(request, "metering/replace.html", context)


def _replace_form(request: HttpRequest, found: Meter, current: MeterInstallation) -> ReplaceForm:
    channels = Channel.objects.filter(device__site_id=found.site_id).select_related("device")
    initial: dict[str, Any] = {
        f"channel_{feed.register.quantity}": feed.channel.uuid
        for feed in current.feeds.all()
        if feed.channel is not None
    }
    names = ("ct_ratio", "vt_ratio", "multiplier", "digits")
    initial |= {name: _short(getattr(current, name)) for name in names}
    initial |= _from_decision(found, current, request.GET.get("decision", ""))
    return ReplaceForm(
        request.POST if request.method == "POST" else None,
        registers=[feed.register for feed in current.feeds.all()],
        channels=feeding(list(channels.order_by("device__name", "name"))),
        initial=initial,
    )


def _from_decision(found: Meter, current: MeterInstallation, text: str) -> dict[str, Any]:
    """Propose what a reset showed: the display stood there before and after.

    Of a register in another unit: a multiplier that makes up for it, and no break between.
    """
    rows = list_decisions(found.id).filter(kind__in=[Judgement.RESET, Judgement.SCALE])
    decision = rows.filter(id=int(text)).first() if text.isdecimal() and len(text) < 18 else None
    if decision is None:
        return {"removed_at": None}
    quantity, factor = decision.register.quantity, current.factor
    after, more = decision.after, {}
    if decision.kind == Judgement.SCALE:
        fitting = [scale for scale in SCALES if 0 < scale * decision.before <= decision.after]
        scale = max(fitting, default=SCALES[0])
        after = decision.before * scale
        more = {"multiplier": _short(current.multiplier / scale)}
    return more | {
        "removed_at": timezone.localtime(decision.time),
        f"final_{quantity}": _shown(decision.before, factor),
        f"initial_{quantity}": _shown(after, factor),
    }


def _short(value: Decimal | int | None) -> str:
    return "" if value is None else plain(Decimal(value))


def _shown(register: int, factor: Decimal) -> Decimal:
    return (to_decimal(register) / factor).quantize(Decimal("0.001"))


def _replace(found: Meter, form: ReplaceForm) -> bool:
    said = form.cleaned_data
    try:
        replace_installation(
            meter_id=found.id,
            removed_at=said["removed_at"].astimezone(dt.UTC),
            installed_at=said["installed_at"] and said["installed_at"].astimezone(dt.UTC),
            finals=form.finals(),
            hardware=form.hardware(),
            sources=form.sources(),
            now=timezone.now(),
        )
    except MeterRefused as error:
        refuse(form, error, {name: f"channel_{name}" for name in ("import", "export")})
        return False
    return True


@require_POST
@requires("delete:meter")
def meter_remove(request: HttpRequest, meter_id: uuid.UUID) -> HttpResponse:
    """Delete a meter with what it counted, if its name is given."""
    found = meter_of(meter_id)
    if request.POST.get("name", "").strip() != found.name:
        messages.error(request, _("The name is another one; nothing was deleted."))
        return redirect("meter", meter_id=found.id)
    try:
        remove_meter(meter_id=found.id, now=timezone.now())
    except MeterRefused as error:
        messages.error(request, str(error))
        return redirect("meter", meter_id=found.id)
    messages.success(request, _("It is deleted."))
    return redirect("meters")
