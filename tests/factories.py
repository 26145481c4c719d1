"""Makes rows for tests; the rows of one call all belong to one tenant."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, ClassVar

import factory
from factory.django import DjangoModelFactory

from accounts.models import Membership, SystemRole, Tenant, User
from accounts.tenancy import tenant_scope
from alarms.models import Alarm, AlarmRule, AlarmRuleVersion, Source
from automation.models import AutomationRule
from charging.models import ChargePoint, ChargingPrice, ChargingSession, Connector, IdTag
from devices.models import (
    Channel,
    Device,
    DeviceProfile,
    Gateway,
    ProfileChannel,
    Severity,
    Site,
    Zone,
)
from metering.models import Meter, MeterInstallation, Register, RegisterFeed
from telemetry.models import LatestValue, RejectedMessage
from telemetry.quality import Quality
from telemetry.services.rejected import group_key
from telemetry.topic_patterns import topic_pattern

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
PASSWORD = "correct horse battery staple"


class TenantFactory(DjangoModelFactory):
    """A customer organisation."""

    class Meta:
        model = Tenant

    name = factory.Sequence(lambda n: f"Tenant {n}")
    slug = factory.Sequence(lambda n: f"tenant-{n}")


class UserFactory(DjangoModelFactory):
    """A person who can sign in with `PASSWORD`."""

    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"user{n}@example.com")
    name = factory.Sequence(lambda n: f"User {n}")
    password = PASSWORD

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        return model_class.objects.create_user(*args, **kwargs)


class MembershipFactory(DjangoModelFactory):
    """A role of a person in a tenant."""

    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    tenant = factory.SubFactory(TenantFactory)
    role = SystemRole.VIEWER


class TenantOwnedFactory(DjangoModelFactory):
    """Saves inside the scope of the object's tenant.

    A parent given by the caller decides the tenant, so `ChannelFactory(device=device)`
    and `SiteFactory(tenant=tenant)` are both enough.
    """

    class Meta:
        abstract = True

    # parents by nearness: which of their fields a new child shares
    _shared: ClassVar[dict[str, tuple[str, ...]]] = {}

    tenant = factory.SubFactory(TenantFactory)

    @classmethod
    def _generate(cls, strategy: Any, params: dict[str, Any]) -> Any:
        for parent, fields in cls._shared.items():
            given = params.get(parent)
            if given is not None:
                with tenant_scope(given.tenant_id):
                    params = {name: getattr(given, name) for name in fields} | params
        return super()._generate(strategy, params)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        with tenant_scope(kwargs["tenant"].id):
            return super()._create(model_class, *args, **kwargs)


class SiteFactory(TenantOwnedFactory):
    """A place in Istanbul's time zone."""

    class Meta:
        model = Site

    name = factory.Sequence(lambda n: f"Site {n}")
    timezone = "Europe/Istanbul"
    currency = "TRY"


class ZoneFactory(TenantOwnedFactory):
    """A part of a site."""

    class Meta:
        model = Zone

    _shared = {"site": ("tenant",)}

    site = factory.SubFactory(SiteFactory, tenant=factory.SelfAttribute("..tenant"))
    name = factory.Sequence(lambda n: f"Zone {n}")
    uid = factory.Sequence(lambda n: f"zone-{n}")


class GatewayFactory(TenantOwnedFactory):
    """A gateway that was never heard."""

    class Meta:
        model = Gateway

    _shared = {"site": ("tenant",)}

    site = factory.SubFactory(SiteFactory, tenant=factory.SelfAttribute("..tenant"))
    uid = factory.Sequence(lambda n: f"gw-{n}")
    name = factory.Sequence(lambda n: f"Gateway {n}")


class DeviceProfileFactory(DjangoModelFactory):
    """A type of device that reports every 10 s; without channels of its own."""

    class Meta:
        model = DeviceProfile

    key = factory.Sequence(lambda n: f"profile-{n}")
    name = factory.Sequence(lambda n: f"Profile {n}")
    expected_interval_seconds = 10


class ProfileChannelFactory(DjangoModelFactory):
    """A power channel of a profile: payload in W, stored in kW."""

    class Meta:
        model = ProfileChannel

    profile = factory.SubFactory(DeviceProfileFactory)
    name = factory.Sequence(lambda n: f"power_{n}")
    source = factory.SelfAttribute("name")
    source_unit = "W"
    unit = "kW"


class DeviceFactory(TenantOwnedFactory):
    """A device behind a gateway of its own; `gateway=None` makes a direct one."""

    class Meta:
        model = Device

    _shared = {"gateway": ("tenant", "site"), "site": ("tenant",)}

    site = factory.SubFactory(SiteFactory, tenant=factory.SelfAttribute("..tenant"))
    gateway = factory.SubFactory(
        GatewayFactory,
        tenant=factory.SelfAttribute("..tenant"),
        site=factory.SelfAttribute("..site"),
    )
    profile = factory.SubFactory(DeviceProfileFactory)
    uid = factory.Sequence(lambda n: f"dev-{n}")
    name = factory.Sequence(lambda n: f"Device {n}")


class ChannelFactory(TenantOwnedFactory):
    """A power channel: payload and store in kW."""

    class Meta:
        model = Channel

    _shared = {"device": ("tenant",)}

    device = factory.SubFactory(DeviceFactory, tenant=factory.SelfAttribute("..tenant"))
    name = factory.Sequence(lambda n: f"power_{n}")
    source = factory.SelfAttribute("name")
    source_unit = "kW"
    unit = "kW"


class LatestValueFactory(TenantOwnedFactory):
    """The newest value of a channel, measured and received at `NOW`."""

    class Meta:
        model = LatestValue

    _shared = {"channel": ("tenant",)}

    channel = factory.SubFactory(ChannelFactory, tenant=factory.SelfAttribute("..tenant"))
    time = NOW
    value = 1.25
    quality = Quality.GOOD.value
    received_at = NOW


class MeterFactory(TenantOwnedFactory):
    """A meter of electricity without anything installed."""

    class Meta:
        model = Meter

    _shared = {"site": ("tenant",)}

    site = factory.SubFactory(SiteFactory, tenant=factory.SelfAttribute("..tenant"))
    name = factory.Sequence(lambda n: f"Meter {n}")


class RegisterFactory(TenantOwnedFactory):
    """The import of a meter."""

    class Meta:
        model = Register

    _shared = {"meter": ("tenant",)}

    meter = factory.SubFactory(MeterFactory, tenant=factory.SelfAttribute("..tenant"))


class MeterInstallationFactory(TenantOwnedFactory):
    """Hardware that was installed a year ago."""

    class Meta:
        model = MeterInstallation

    _shared = {"meter": ("tenant",)}

    meter = factory.SubFactory(MeterFactory, tenant=factory.SelfAttribute("..tenant"))
    installed_at = NOW - dt.timedelta(days=365)


class RegisterFeedFactory(TenantOwnedFactory):
    """A channel of a device that feeds a register; give all three."""

    class Meta:
        model = RegisterFeed

    _shared = {"register": ("tenant",)}


class AlarmRuleFactory(TenantOwnedFactory):
    """An enabled rule for the power of all devices; it looks for nothing without a version."""

    class Meta:
        model = AlarmRule

    _shared = {"channel": ("tenant",), "device": ("tenant",), "site": ("tenant",)}

    name = factory.Sequence(lambda n: f"Rule {n}")
    is_enabled = True
    metric = factory.LazyAttribute(lambda o: "" if getattr(o, "channel", None) else "power")


class AlarmRuleVersionFactory(TenantOwnedFactory):
    """The first version of a rule: above 30 for five minutes, until below 28."""

    class Meta:
        model = AlarmRuleVersion

    _shared = {"rule": ("tenant",)}

    rule = factory.SubFactory(AlarmRuleFactory, tenant=factory.SelfAttribute("..tenant"))
    number = 1
    definition = factory.LazyFunction(
        lambda: {
            "when": {"kind": "threshold", "above": 30.0, "clear_above": 28.0}, "for_seconds": 300,
        }
    )  # fmt: skip


class AutomationRuleFactory(TenantOwnedFactory):
    """An automation rule that is on; it does nothing without a version."""

    class Meta:
        model = AutomationRule

    _shared = {"site": ("tenant",)}

    name = factory.Sequence(lambda n: f"Automation {n}")
    is_enabled = True


class AlarmFactory(TenantOwnedFactory):
    """An open alarm that a device has sent, about itself; with a channel it is of its device."""

    class Meta:
        model = Alarm

    _shared = {
        "channel": ("tenant", "device"),
        "device": ("tenant", "site", "gateway"),
        "gateway": ("tenant", "site"),
        "rule": ("tenant",),
    }

    source = factory.LazyAttribute(
        lambda o: Source.RULE if getattr(o, "rule", None) else Source.DEVICE
    )
    key = factory.Sequence(lambda n: f"device:{n}:alarm:OVER_TEMPERATURE")
    device = factory.SubFactory(DeviceFactory, tenant=factory.SelfAttribute("..tenant"))
    gateway = factory.LazyAttribute(lambda o: o.device.gateway if o.device else None)
    site = factory.LazyAttribute(lambda o: o.device.site if o.device else None)
    title = factory.Sequence(lambda n: f"Too hot {n}")
    subject = factory.LazyAttribute(lambda o: o.device.name if o.device else "Platform")
    severity = Severity.WARNING
    raised_at = NOW


class ChargingPriceFactory(TenantOwnedFactory):
    """7.50 TRY a kWh, 1.00 a session and 0.50 for an idle minute after ten; VAT of 20 %."""

    class Meta:
        model = ChargingPrice

    name = factory.Sequence(lambda n: f"Price {n}")
    currency = "TRY"
    energy_price = Decimal("7.5")
    session_fee = Decimal(1)
    idle_fee = Decimal("0.5")
    idle_grace_minutes = 10
    vat_percent = Decimal(20)


class ChargePointFactory(TenantOwnedFactory):
    """A charge point of 32 A on three phases for known tags, with an active direct device."""

    class Meta:
        model = ChargePoint

    _shared = {"device": ("tenant", "site"), "site": ("tenant",), "price": ("tenant",)}

    site = factory.SubFactory(SiteFactory, tenant=factory.SelfAttribute("..tenant"))
    device = factory.SubFactory(
        DeviceFactory,
        tenant=factory.SelfAttribute("..tenant"),
        site=factory.SelfAttribute("..site"),
        gateway=None,
        lifecycle="active",
    )
    name = factory.Sequence(lambda n: f"Parking {n}")


class ConnectorFactory(TenantOwnedFactory):
    """A connector that was never seen and has no meter."""

    class Meta:
        model = Connector

    _shared = {"charge_point": ("tenant",)}

    charge_point = factory.SubFactory(ChargePointFactory, tenant=factory.SelfAttribute("..tenant"))


class IdTagFactory(TenantOwnedFactory):
    """A tag that may charge everywhere, once at a time."""

    class Meta:
        model = IdTag

    uid = factory.Sequence(lambda n: f"04A2B3C4{n:04X}")


class ChargingSessionFactory(TenantOwnedFactory):
    """A permission since `NOW`."""

    class Meta:
        model = ChargingSession

    _shared = {"connector": ("tenant",)}

    connector = factory.SubFactory(ConnectorFactory, tenant=factory.SelfAttribute("..tenant"))
    since = NOW
    started_at = NOW


class RejectedMessageFactory(DjangoModelFactory):
    """A message of no known tenant whose payload is no JSON."""

    class Meta:
        model = RejectedMessage

    fingerprint = factory.Sequence(lambda n: n.to_bytes(32, "big"))
    transport = "mqtt"
    topic = factory.Sequence(lambda n: f"tenant/unknown/gw/gw-{n}/telemetry")
    payload = b"not json"
    reason = "bad_payload"
    pattern = factory.LazyAttribute(lambda o: topic_pattern(o.topic).pattern)
    sender = factory.LazyAttribute(lambda o: topic_pattern(o.topic).sender)
    group_key = factory.LazyAttribute(lambda o: group_key(o.reason, topic_pattern(o.topic)))
    first_received_at = NOW
    last_received_at = NOW
    last_entry = "0-0"
