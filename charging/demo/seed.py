"""Makes a charge point with a price and a tag for the demo."""

from __future__ import annotations

from decimal import Decimal

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from charging.models import ChargePoint, ChargingPrice, Connector, IdTag
from devices.demo.lines import CHARGER, CHARGER_METER, SITE, TENANT
from devices.models import Channel, Device, Site

TAG = "04A2B3C4D5E680"


def seed_charging() -> None:
    """Make what is missing. The devices are there: see `seed_lines`."""
    tenant = Tenant.objects.get(slug=TENANT)
    with tenant_scope(tenant.id):
        site = Site.objects.get(name=SITE)
        price, _ = ChargingPrice.objects.get_or_create(
            name="Staff",
            defaults={
                "currency": site.currency or "TRY",
                "energy_price": Decimal("8.90"),
                "idle_fee": Decimal("0.50"),
                "vat_percent": Decimal(20),
            },
        )
        point, _ = ChargePoint.objects.get_or_create(
            name="Parking 1",
            defaults={
                "site": site,
                "device": Device.objects.get(site=site, uid=CHARGER, gateway=None),
                "price": price,
            },
        )
        channels = Channel.objects.filter(device__site=site, device__uid=CHARGER_METER)
        Connector.objects.get_or_create(
            charge_point=point,
            number=1,
            defaults={
                "energy_channel": channels.get(name="active_energy_import"),
                "power_channel": channels.get(name="active_power_net"),
            },
        )
        IdTag.objects.get_or_create(uid=TAG, defaults={"label": "Pool car"})
