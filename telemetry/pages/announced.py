"""The part "Announced" of a gateway's page: hardware that waits to be registered."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from redis.exceptions import RedisError

from accounts.pages.access import requires
from accounts.services.refusals import Refusal
from devices.models import Device, DeviceProfile, Gateway
from devices.queries_device_parts import Part
from devices.services.fleet_additions import add_device
from devices.services.presence import own_device
from telemetry.announced import Announced, read_announced

NAME_LENGTH = 100
DEFAULT_TYPE = "generic"


def announced_parts(device_id: uuid.UUID) -> list[Part]:
    """Return the part, if the device stands for a gateway."""
    device = Device.objects.select_related("gateway").filter(id=device_id).first()
    if device is None or device.gateway is None or device.uid != device.gateway.uid:
        return []
    return [ANNOUNCED]


@require_POST
@requires("provision:device")
def announced_register(request: HttpRequest, gateway_id: uuid.UUID) -> HttpResponse:
    """Register a device that was announced; what it sent meanwhile can be replayed."""
    gateway = Gateway.objects.select_related("site").filter(id=gateway_id).first()
    if gateway is None:
        raise Http404
    waiting = {one.uid for one in _waiting(gateway)}
    uid = request.POST.get("uid", "")
    profile = DeviceProfile.objects.filter(key=request.POST.get("profile", "")).first()
    if uid not in waiting or profile is None:
        messages.error(request, _("This device is not announced any more."))
        return redirect(_page(gateway))
    name = request.POST.get("name", "").strip()[:NAME_LENGTH] or uid
    try:
        device = add_device(
            site=gateway.site, gateway=gateway, zone=None, profile=profile,
            fields={"uid": uid, "name": name}, now=timezone.now(),
        )  # fmt: skip
    except (Refusal, ValidationError) as error:
        messages.error(request, " ".join(getattr(error, "messages", [str(error)])))
        return redirect(_page(gateway))
    messages.success(request, _("%(name)s is registered.") % {"name": device.name})
    return redirect("device", device.id)


def _read(device: Device, now: dt.datetime) -> dict[str, Any]:
    gateway = device.gateway
    try:
        waiting = _waiting(gateway) if gateway else []
    except RedisError:
        return {"announced": None, "announced_gateway": gateway}
    return {
        "announced": waiting,
        "announced_gateway": gateway,
        "profiles": list(DeviceProfile.objects.order_by("name").values_list("key", "name")),
        "default_type": DEFAULT_TYPE,
    }


def _waiting(gateway: Gateway) -> list[Announced]:
    """Return what was announced and is not registered."""
    found = read_announced(gateway.id)
    uids = [one.uid for one in found]
    known = set(Device.objects.filter(gateway=gateway, uid__in=uids).values_list("uid", flat=True))
    return [one for one in found if one.uid not in known]


def _page(gateway: Gateway) -> str:
    device = own_device(gateway=gateway)
    return reverse("device", args=[device.id]) + "?part=announced" if device else reverse("fleet")


ANNOUNCED = Part("announced", gettext_lazy("Announced"), ("provision:device",), _read)
