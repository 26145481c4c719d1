"""What the bodies of the fleet's endpoints speak of: boxes, codes, a stop, a batch."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from accounts.models import User
from devices.claim_codes import make_code
from devices.models import (
    Campaign,
    Command,
    CommandBatch,
    Device,
    EmergencyStop,
    FirmwareKey,
    FirmwareRelease,
    PublishedRelease,
)
from devices.services.authorities import create_authority
from devices.services.bootstrap import Hello, hear_hello
from devices.services.certificates import issue_certificate
from devices.services.claims import Placement, claim_box
from devices.services.commands import queue_command
from devices.services.configuration import set_configuration
from devices.services.onboarding import create_token
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    DeviceProfileFactory,
    ZoneFactory,
)
from tests.isolation.chargers import add_charger
from tests.isolation.world import World, measure

_COMMANDS = [
    {"name": "restart"},
    {"name": "pump_on", "effect": "on", "actuator": "pump"},
    {"name": "pump_off", "effect": "off", "actuator": "pump"},
]
_PARAMETERS = [{"name": "interval_s", "type": "integer", "min": 5, "max": 3600}]


@dataclass(frozen=True, slots=True)
class Carton:
    """A box that said hello, and the code that it shows."""

    hardware_id: str
    code: str


def unpack() -> Carton:
    """Switch a new box on."""
    mac, code = f"02{secrets.token_hex(5)}", make_code()
    pending = hear_hello(
        hello=Hello(
            hardware_id=mac, model="meter", serial_number="1", firmware_version="1.0",
            code_sha256=hashlib.sha256(code.encode()).hexdigest(), csr="",
        ),
        now=timezone.now(),
    )  # fmt: skip
    return Carton(pending.hardware_id, code)


def equip(worlds: tuple[World, World]) -> None:
    """Give tenants what the bodies of the API speak of; their device is a box from now on."""
    now = timezone.now()
    create_authority(now=now)
    for world in worlds:
        with world.scope():
            _equip(world, now)


def _equip(world: World, now: dt.datetime) -> None:
    boss, site_id = world.people["admin"], world.objects["site_id"]
    assert world.device is not None and world.device.gateway is not None
    profile = DeviceProfileFactory(commands=_COMMANDS, parameters=_PARAMETERS)
    site = world.device.site
    zone = ZoneFactory(tenant=world.tenant, site=site, name=f"{world.word} bench", uid="bench")
    box = DeviceFactory(
        tenant=world.tenant, site=site, gateway=None, zone=zone, profile=profile,
        lifecycle="active", name=f"{world.word} box", uid=f"{world.word}-direct",
    )  # fmt: skip
    for seconds in (10, 20):
        set_configuration(
            device=box, body={"interval_s": seconds}, reason=world.word, author=boss, now=now
        )
    certificate = issue_certificate(device=box, csr_pem=None, now=now).certificate
    world.objects |= {
        "device_id": box.id, "zone_id": zone.id, "site_id": site_id,
        "serial": certificate.serial, **_commanded(world, box, boss, now),
        **_rolled_out(world, box, now), **add_charger(site, world.word, now),
    }  # fmt: skip
    claimed = unpack()
    claim_box(
        hardware_id=claimed.hardware_id, code=claimed.code, claimed_by=boss, guesser=[], now=now,
        placement=Placement(site=site, name=f"{world.word} meter", profile=profile, zone=zone),
    )  # fmt: skip
    measured = ChannelFactory(
        device=box, name="active_power_net", source="active_power_net", label=world.word
    )
    measure(measured.id, world.number, now)
    world.facts = {
        "claimed": claimed, "measured_at": now - dt.timedelta(minutes=9),
        "published": _published(profile).id, "profile": profile.key, "spare": unpack(),
        "token": create_token(device_id=box.id, now=now).text,
    }  # fmt: skip


def _commanded(world: World, box: Any, boss: User, now: dt.datetime) -> dict[str, Any]:
    """Return a command that waits, a halted batch with a failure, and a stop elsewhere."""
    assert world.device is not None
    waiting = queue_command(
        actor=boss, device=box, name="restart", params={}, idempotency_key="waiting", now=now,
        expires_in=600, not_before=now + dt.timedelta(seconds=300),
    ).command  # fmt: skip
    batch = CommandBatch.objects.create(
        name="restart", principal=f"user:{boss.pk}", principal_label=boss.email,
        idempotency_key="halted", body_hash="x", stage_size=1, state="halted", requested_at=now,
    )  # fmt: skip
    failed = queue_command(
        actor=boss, device=box, name="restart", params={}, idempotency_key="failed", now=now,
        expires_in=30,
    ).command  # fmt: skip
    Command.objects.filter(id=failed.id).update(
        batch=batch, state="error", finished_at=now, detail=world.word
    )
    stop = EmergencyStop.objects.create(
        scope="device", target_id=world.device.id, target_label=world.device.name,
        pressed_by=boss.email, pressed_at=now,
    )  # fmt: skip
    return {"command_id": waiting.id, "batch_id": batch.id, "stop_id": stop.id}


_IMAGE = {"size": 1, "sha256": "0" * 64, "manifest": "{}", "key_fingerprint": "0" * 64}


def _rolled_out(world: World, box: Any, now: dt.datetime) -> dict[str, Any]:
    """Return firmware for the box, its vendor's key, and a paused campaign without devices."""
    Device.objects.filter(id=box.id).update(firmware_version="1.0.0")
    release = FirmwareRelease.objects.create(
        profile=box.profile, version="2.0.0", stored_as=f"{world.word}.bin", **_IMAGE
    )
    key = FirmwareKey.objects.create(name=world.word, public_key="", fingerprint=world.word)
    campaign = Campaign.objects.create(
        name=world.word, kind="firmware", profile=box.profile, release=release, state="paused",
        wave_sizes=[1], started_at=now,
    )  # fmt: skip
    return {"release_id": release.id, "vendor_key_id": key.id, "campaign_id": campaign.id}


def _published(profile: Any) -> PublishedRelease:
    """Return firmware that the platform offers."""
    return PublishedRelease.objects.create(
        profile=profile, version="3.0.0", stored_as="published.bin", **_IMAGE
    )
