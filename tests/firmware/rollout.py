"""A clock, and devices that say something, for tests of campaigns."""

import datetime as dt
import json
from collections import Counter

from devices.inbound.message import Inbound
from devices.inbound.routes import handle
from devices.inbound.topics import match_message
from devices.models import (
    Campaign,
    OutboundMessage,
)
from tests.factories import NOW


def after(**time):
    return NOW + dt.timedelta(**time)


def states(rows):
    return dict(Counter(row.state for row in rows))


def fresh(red, campaign):
    with red.scope():
        return Campaign.objects.get(id=campaign.id)


def say(device, now=NOW, topic="reported/firmware", **content):
    """Publish as the device."""
    route = match_message(f"devices/{device.id}/{topic}".split("/"))
    handle(
        Inbound(
            route=route, payload=json.dumps(content).encode(), received_at=now,
            tenant_id=device.tenant_id, device=device,
        ),
        now=now,
    )  # fmt: skip


def offers():
    return [json.loads(bytes(row.payload)) for row in OutboundMessage.objects.order_by("id")]


def install(target, now=NOW, version="2.0.0"):
    """Be a device that does everything right."""
    for state in ("downloading", "downloaded", "installing"):
        say(target.device, now, state=state)
    say(target.device, now, topic="reported/status", status="online", fw=version)
