"""`python -m tests.live.seed_site N`: save two tenants, print keys and N sessions as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import django

DEVICES = 10
CHANNELS = 10


def seed_tenant(name: str, sessions: int) -> dict[str, Any]:
    """Save a tenant with devices and people; return what clients and publishers need."""
    from tests.factories import ChannelFactory, DeviceFactory, LatestValueFactory, SiteFactory

    site = SiteFactory(tenant__name=name, tenant__slug=name)
    devices = []
    for _ in range(DEVICES):
        device = DeviceFactory(site=site)
        channels = {}
        for number in range(CHANNELS):
            channel = ChannelFactory(device=device, name=f"metric_{number}")
            LatestValueFactory(channel=channel)
            channels[channel.name] = channel.id
        devices.append({"id": str(device.id), "channels": channels})
    cookies = [make_session(site.tenant) for _ in range(sessions)]
    return {"tenant": str(site.tenant.id), "devices": devices, "cookies": cookies}


def make_session(tenant: Any) -> str:
    """Save a signed-in member; return the session's key."""
    from django.test import Client

    from tests.factories import MembershipFactory

    client = Client()
    # hashing a password on purpose takes long
    client.force_login(
        MembershipFactory(tenant=tenant, user__password=None).user,
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client.cookies["sessionid"].value


def main() -> None:
    """Print the two tenants."""
    sessions = int(sys.argv[1])
    json.dump({name: seed_tenant(name, sessions) for name in ("red", "blue")}, sys.stdout)


if __name__ == "__main__":
    django.setup()
    main()
