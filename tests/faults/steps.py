"""`python -m tests.faults.steps STEP …`: what people do in the database, in its own process.

fleets N            save N gateways with devices, print them as JSON
register GW UID     give a gateway another device
replay TOPIC        send the rejected messages of a topic through the pipeline again
"""

# ruff: noqa: E402 (Django must be set up before models are imported)

from __future__ import annotations

import datetime as dt
import json
import sys

import django

django.setup()

from accounts.tenancy import all_tenants
from devices.models import DeviceProfile, Gateway
from telemetry.models import RejectedMessage
from telemetry.services.rejected import replay_rejected
from tests.factories import DeviceFactory, DeviceProfileFactory, GatewayFactory

DEVICES = 10
PROFILE = "faults"


def save_fleets(number: str) -> list[dict[str, object]]:
    """Save gateways, each of a tenant of its own, with ten devices of one profile."""
    profile = DeviceProfileFactory(key=PROFILE)
    fleets: list[dict[str, object]] = []
    for _ in range(int(number)):
        gateway = GatewayFactory()
        devices = [DeviceFactory(gateway=gateway, profile=profile).uid for _ in range(DEVICES)]
        fleets.append(
            {"tenant": str(gateway.tenant_id), "gateway": gateway.uid, "devices": devices}
        )
    return fleets


def register(gateway_uid: str, uid: str) -> str:
    """Save another device of a gateway."""
    with all_tenants():
        gateway = Gateway.objects.select_related("site").get(uid=gateway_uid)
        profile = DeviceProfile.objects.get(key=PROFILE)
    return str(DeviceFactory(gateway=gateway, profile=profile, uid=uid).id)


def replay(topic: str) -> int:
    """Replay all messages that were rejected on a topic."""
    ids = list(RejectedMessage.objects.filter(topic=topic).values_list("id", flat=True))
    return replay_rejected(ids=ids, now=dt.datetime.now(dt.UTC)).replayed


STEPS = {"fleets": save_fleets, "register": register, "replay": replay}

if __name__ == "__main__":
    json.dump(STEPS[sys.argv[1]](*sys.argv[2:]), sys.stdout)
