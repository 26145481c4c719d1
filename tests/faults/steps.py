"""`python -m tests.faults.steps STEP …`: what people do in the database, in its own process.

fleets N            save N gateways with devices, print them as JSON
register GW UID     give a gateway another device
replay TOPIC        send the rejected messages of a topic through the pipeline again
compute GW          make two virtual channels of each device that has values
meter GW DAY        make a meter of the first device with a flat tariff of 2 since a day; print
                    its ids, and a key that may do everything in the tenant
bill SITE DAY DAY   close a billing period of a site's tenant; print its id
key GW              make a key that may write to the gateway's tenant; print it and the devices
pack                pack the days that are older than a week
retain              delete what is past the retention
points GW START     print what was sent since a time in µs: device, metric, time, value
watch GW            raise alarms of all devices where the voltage is above 250, and where they
                    are silent
compare GW          print how many alarms the stored samples tell of, and those that are wrong
plan GW RATE        let the tenant's plan allow so many messages a second
"""

# ruff: noqa: E402 (Django must be set up before models are imported)

from __future__ import annotations

import datetime as dt
import json
import sys
import uuid
from collections.abc import Iterable

import django

django.setup()

from accounts.models import Plan, SystemRole, Tenant
from accounts.rbac.registry import SYSTEM_ROLES
from accounts.services.keys import create_key
from accounts.tenancy import all_tenants, tenant_scope
from devices.models import Channel, Device, DeviceProfile, Gateway, Site
from metering.services.costs import close_period, open_period
from metering.services.meters import Source, create_meter
from metering.services.meters import Wanted as Meant
from metering.services.tariffs import add_version, assign_tariff, create_tariff
from telemetry.ingest.batch import from_microseconds
from telemetry.models import Alignment, RejectedMessage
from telemetry.services.rejected import replay_rejected
from telemetry.services.virtual import Wanted, create_virtual_channel
from telemetry.storage.packer import pack_days
from telemetry.storage.reads import raw_samples
from telemetry.tasks import delete_expired_samples, maintain_partitions
from tests.factories import (
    DeviceFactory,
    DeviceProfileFactory,
    GatewayFactory,
    MembershipFactory,
    UserFactory,
)
from tests.faults.alarm_steps import compare, watch

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


def compute(gateway_uid: str) -> int:
    """Make `twice` (by quarter hours) and `both` (at each time) of each device with values."""
    made = 0
    for device in _devices(gateway_uid):
        with tenant_scope(device.tenant_id):
            channels = dict(device.channels.values_list("source", "id"))
            a, b = channels["active_power_import"], channels["power_active_total"]
            for name, wanted in (
                ("twice", Wanted("2 * a", {"a": a})),
                ("both", Wanted("a + b", {"a": a, "b": b}, Alignment.LATEST)),
            ):
                create_virtual_channel(
                    device_id=device.id, name=name, unit="kW", wanted=wanted, now=_now()
                )
                made += 1
    return made


def make_key(gateway_uid: str) -> dict[str, object]:
    """Make a key that may write."""
    devices = _devices(gateway_uid)
    key = _key_of_owner(devices[0], ("write:telemetry",))
    return {"key": key, "devices": {device.uid: str(device.id) for device in devices}}


def _key_of_owner(device: Device, codes: Iterable[str]) -> str:
    owner = UserFactory()
    MembershipFactory(user=owner, tenant=device.tenant, role=SystemRole.ADMIN)
    with tenant_scope(device.tenant_id):
        new = create_key(
            name="Faults", codes=tuple(codes), expires_at=None, created_by=owner,
            editor_codes=SYSTEM_ROLES["admin"], now=_now(),
        )  # fmt: skip
    return new.secret.text


def make_meter(gateway_uid: str, since: str) -> dict[str, object]:
    """Make a meter of the first device's counter, and a tariff of its site."""
    device, first = _devices(gateway_uid)[0], dt.date.fromisoformat(since)
    flat = {"components": [{"kind": "flat", "name": "energy", "price": "2"}]}
    with tenant_scope(device.tenant_id):
        channel = device.channels.get(source="active_energy_import")
        Site.objects.filter(id=device.site_id).update(timezone="UTC")
        meter = create_meter(
            site_id=device.site_id, wanted=Meant(name="Main", role="grid"),
            sources={"import": Source(channel.uuid)}, now=_now(),
        )  # fmt: skip
        tariff = create_tariff(name="Flat", currency="EUR", now=_now())
        add_version(tariff_id=tariff.id, definition=flat, valid_from=first, now=_now())
        assign_tariff(site_id=device.site_id, tariff_id=tariff.id, valid_from=first, now=_now())
    return {
        "meter": str(meter.id), "site": str(device.site_id), "device": str(device.id),
        "metric": channel.name, "key": _key_of_owner(device, SYSTEM_ROLES["admin"]),
    }  # fmt: skip


def bill(site_id: str, start: str, end: str) -> str:
    """Bill the local days [start, end)."""
    with all_tenants():
        tenant_id = Site.objects.get(id=site_id).tenant_id
    with tenant_scope(tenant_id):
        period = open_period(
            site_id=uuid.UUID(site_id), start=dt.date.fromisoformat(start),
            end=dt.date.fromisoformat(end), now=_now(),
        )  # fmt: skip
        return str(close_period(period_id=period.id, now=_now()).id)


def pack() -> int:
    """Pack what is older than a week; return how many samples."""
    return pack_days(now=_now(), after=dt.timedelta(days=7)).samples


def retain() -> int:
    """Run the jobs of the retention."""
    return len(maintain_partitions()["dropped"]) + delete_expired_samples()


def read_points(gateway_uid: str, start_us: str) -> list[tuple[str, str, int, float]]:
    """Return samples of two days, packed or not, as every reader of the product gets them."""
    names = {
        channel.id: (device.uid, channel.source)
        for device in _devices(gateway_uid)
        for channel in _channels(device)
    }
    start = from_microseconds(int(start_us))
    rows = raw_samples(
        sorted(names), start - dt.timedelta(days=1), start + dt.timedelta(days=2), tenant_id=None
    )
    return [(*names[channel], moment, value) for channel, moment, value, _ in rows.tolist()]


def set_plan(gateway_uid: str, rate: str) -> int:
    """Give the tenant a plan."""
    plan = Plan.objects.create(name=f"faults {gateway_uid}", messages_per_second=int(rate))
    tenant_id = _devices(gateway_uid)[0].tenant_id
    return Tenant.objects.filter(id=tenant_id).update(plan=plan)


def _channels(device: Device) -> list[Channel]:
    with tenant_scope(device.tenant_id):
        return list(Channel.objects.filter(device=device, virtual=None))


def _devices(gateway_uid: str) -> list[Device]:
    with all_tenants():
        devices = Device.objects.filter(gateway__uid=gateway_uid).select_related("tenant")
        return list(devices.order_by("uid"))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


STEPS = {
    "fleets": save_fleets,
    "register": register,
    "replay": replay,
    "compute": compute,
    "key": make_key,
    "meter": make_meter,
    "bill": bill,
    "pack": pack,
    "points": read_points,
    "retain": retain,
    "plan": set_plan,
    "watch": watch,
    "compare": compare,
}

if __name__ == "__main__":
    json.dump(STEPS[sys.argv[1]](*sys.argv[2:]), sys.stdout)
