"""`python -m tests.faults.seed_fleets N`: save N gateways with devices, print them as JSON."""

from __future__ import annotations

import json
import sys

import django

DEVICES = 10


def main() -> None:
    """Each fleet belongs to a tenant of its own."""
    from tests.factories import DeviceFactory, DeviceProfileFactory, GatewayFactory

    profile = DeviceProfileFactory()
    fleets = []
    for _ in range(int(sys.argv[1])):
        gateway = GatewayFactory()
        devices = [DeviceFactory(gateway=gateway, profile=profile).uid for _ in range(DEVICES)]
        fleets.append(
            {"tenant": str(gateway.tenant_id), "gateway": gateway.uid, "devices": devices}
        )
    json.dump(fleets, sys.stdout)


if __name__ == "__main__":
    django.setup()
    main()
