"""More meters for a demo under load."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction

from accounts.tenancy import tenant_scope
from devices.models import Device, Gateway
from devices.services.devices import register_device
from devices.services.profiles import ensure_profile

PROFILE = "three-phase-meter"
SHAPES = ("shifts", "cycling", "lighting", "building")


@transaction.atomic
def add_extra_meters(demo: dict[str, Any], *, count: int) -> dict[str, Any]:
    """Register `count` meters, spread over the gateways, and return the demo with them.

    Meters `extra-0001` and so on that exist are used again.
    """
    gateways = [{**gateway, "devices": list(gateway["devices"])} for gateway in demo["gateways"]]
    profile = ensure_profile(key=PROFILE)
    for number in range(1, count + 1):
        entry = gateways[number % len(gateways)]
        with tenant_scope(uuid.UUID(entry["tenant"])):
            gateway = Gateway.objects.select_related("site").get(id=entry["id"])
            uid = f"extra-{number:04}"
            device = Device.objects.filter(gateway=gateway, uid=uid).first() or register_device(
                site=gateway.site,
                gateway=gateway,
                uid=uid,
                name=f"Extra meter {number}",
                profile=profile,
            )
        model = {"shape": SHAPES[number % len(SHAPES)], "rated_kw": 5 + number % 40}
        entry["devices"].append(
            {"id": str(device.id), "uid": uid, "name": device.name, "profile": PROFILE,
             "model": model, "apart": True}
        )  # fmt: skip
    return {**demo, "gateways": gateways}
