"""Deletes gateways and devices together with what they could come in with."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from accounts.services.audit import record_event
from devices.models import Device, Gateway
from devices.services.broker_changes import ask_for_removal, carry_out_soon
from devices.services.revocation import shut_out_boxes_of


@transaction.atomic
def delete_device(*, device: Device, now: dt.datetime) -> None:
    """Delete a device and its history; a box loses account and certificates."""
    shut_out_boxes_of([device], now=now)
    record_event(
        action="device.deleted", now=now, tenant_id=device.tenant_id, obj=device, label=device.uid
    )
    device.delete()


@transaction.atomic
def delete_gateway(*, gateway: Gateway, now: dt.datetime) -> None:
    """Delete a gateway with the devices behind it, its account and its certificates."""
    own = Device.objects.filter(gateway=gateway, uid=gateway.uid)
    shut_out_boxes_of(own, now=now)
    if not own:
        ask_for_removal(username=gateway.uid, now=now)
        carry_out_soon(now=now)
    record_event(
        action="gateway.deleted",
        now=now,
        tenant_id=gateway.tenant_id,
        obj=gateway,
        label=gateway.uid,
    )
    gateway.delete()
