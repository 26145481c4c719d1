"""What a device says of itself over ThingsBoard's `attributes`: kept as an event when it is new."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from accounts.tenancy import tenant_scope
from devices.models import Device, DeviceEvent
from devices.services.device_events import record_device_event
from energy.lib.masking import mask_values
from telemetry.doors.given import BadBody

KIND, CODE = "attributes", "ATTRIBUTES"
MAX_ATTRIBUTES = 100
MAX_TEXT = 500


def keep_attributes(
    *, tenant_id: uuid.UUID, device_id: uuid.UUID, document: Any, now: dt.datetime
) -> None:
    """Keep the attributes of a device unless it said the same last time; secrets are masked.

    Raises: BadBody: no object, too many attributes, or one too long.
    """
    if not isinstance(document, dict) or not document:
        raise BadBody("bad_body", "Attributes are an object.")
    if len(document) > MAX_ATTRIBUTES or any(len(str(v)) > MAX_TEXT for v in document.values()):
        raise BadBody("too_many_values", f"Up to {MAX_ATTRIBUTES} attributes of {MAX_TEXT} each.")
    detail = mask_values(document)
    with tenant_scope(tenant_id):
        events = DeviceEvent.objects.filter(device_id=device_id, kind=KIND).order_by("-at", "-id")
        last = events.values_list("detail", flat=True).first()
        if last != detail:
            device = Device.objects.get(id=device_id)
            record_device_event(device=device, kind=KIND, code=CODE, at=now, detail=detail)
