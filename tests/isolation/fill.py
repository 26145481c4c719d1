"""Saves a row in each table of a tenant, every text and number in it a canary.

Tables come from the registry of models, so a new one is filled without being named here.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import DatabaseError, models, transaction
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from accounts.tenancy import is_tenant_owned, tenant_scope
from devices.models import Device, Site, Zone
from metering.models import Meter
from telemetry.imports.plan import Plan, PlanColumn
from tests.factories import (
    NOW,
    ChannelFactory,
    DeviceFactory,
    DeviceProfileFactory,
    GatewayFactory,
    MeterFactory,
    TenantFactory,
    UserFactory,
)

# Values that a field's type does not tell; "*" is for a field of this name in any table.
GIVEN: dict[str, Any] = {
    "*.is_active": True,
    "devices.CertificateAuthority.is_active": False,  # one of all may be
    "devices.FirmwareSigner.is_active": False,
    "devices.FirmwareRelease.version": "2.0.0",  # their order is asked for
    "devices.FirmwareRelease.min_version": "",
    "devices.PublishedRelease.version": "2.0.0",
    "*.expires_at": NOW + dt.timedelta(days=365),
    "devices.ZigbeeBridge.is_online": True,
    "devices.PendingZigbeeClaim.interview": "successful",
    "devices.GatewayShareToken.revoked_at": None,
    "*.minimum": None,
    "telemetry.ImportJob.state": "ready",
    "telemetry.ImportJob.cursor": {},
    "telemetry.VirtualChannel.tolerance_seconds": 60,
    "metering.Meter.accuracy_percent": 1,
    "metering.MeterTerm.factor": 1,
    "metering.MeterInstallation.removed_at": None,
    "metering.MeterInstallation.ct_ratio": 1,
    "metering.MeterInstallation.vt_ratio": 1,
    "metering.MeterInstallation.multiplier": 1,
    "metering.LedgerDecision.superseded_at": None,
    "metering.LedgerBooking.end": NOW + dt.timedelta(hours=1),
    "telemetry.Annotation.end": NOW + dt.timedelta(hours=1),
    "telemetry.DeviceSequence.received": Multirange([Range(1, 5)]),
    "telemetry.SequenceGap.lost": Multirange([Range(1, 5)]),
    "metering.TariffVersion.valid_to": None,
    "metering.TariffAssignment.valid_to": None,
    "metering.BillingPeriod.end": NOW.date() + dt.timedelta(days=1),
    "metering.BillingPeriod.closed_at": None,
    "metering.BillingPeriod.shares": None,
    "metering.Price.superseded_at": None,
    "metering.AllocationShare.percent": 100,
    "metering.CostState.due_at": NOW,
    "metering.Budget.amounts": [7_000_000] * 12,
    "metering.Budget.measure": "cost",
    "metering.Budget.year": 2026,
    "metering.Baseline.end": NOW.date() + dt.timedelta(days=1),
    "metering.Baseline.counted_from": NOW.date() + dt.timedelta(days=1),
    "alarms.Alarm.cleared_at": None,
    "alarms.Alarm.ending": "",
    "alarms.Alarm.severity": "warning",
    "alarms.MaintenanceWindow.start": NOW,
    "alarms.MaintenanceWindow.end": NOW + dt.timedelta(days=365),
    "alarms.Shelving.until": NOW + dt.timedelta(days=365),
    "alarms.NotificationTarget.person": None,
    "alarms.NotificationTarget.kind": "webhook",
    "alarms.NotificationTarget.address": "https://example.com/hook",
    "alarms.NotificationTarget.quiet": [],
    "alarms.NotificationTarget.digest_at": None,
    "alarms.NotificationTarget.paused_until": None,
    "alarms.NotificationTarget.gather_seconds": 60,
    "alarms.NotificationTarget.most_per_hour": 20,
    "alarms.NotificationRoute.slots": [],
    "alarms.OnCallRota.hours": [],
    "alarms.OnCallRota.turn_days": 7,
    "alarms.OnCallStandIn.start": NOW,
    "alarms.OnCallStandIn.end": NOW + dt.timedelta(days=365),
    "alarms.EscalationStep.after_seconds": 900,
    "alarms.NotificationMessage.state": "sent",
    "alarms.NotificationMessage.next_try_at": None,
    "alarms.NotificationMessage.content": {"notes": []},
    "alarms.NotificationMessage.reached": [],
    "alarms.Notification.state": "handed",
    "charging.ChargingPrice.vat_percent": 20,
    "charging.IdTag.valid_until": NOW + dt.timedelta(days=365),
    "charging.ChargingSession.state": "ended",
    "charging.ChargingSession.receipt_number": 1,
    "automation.Schedule.control": None,
    "automation.Schedule.is_enabled": False,
    "automation.Schedule.definition": {"when": {"kind": "times", "at": ["06:00"]}},
    "automation.Execution.state": "proposed",
    "automation.Execution.finished_at": None,
    "automation.Execution.next_at": NOW + dt.timedelta(days=365),
    "automation.Execution.chain": [],
    "automation.AutomationRule.quarantine": "failures",
    "automation.DemandGuard.margin_kw": 0,
    "automation.SheddableLoad.min_off_seconds": 120,
    "automation.SheddableLoad.max_off_seconds": 900,
    "automation.SheddableLoad.shed_params": {},
    "automation.SheddableLoad.restore_params": {},
    "automation.ZoneControl.mode_until": NOW + dt.timedelta(days=3650),
    "automation.RecipePhase.hours": 24,
    "automation.ZoneControl.recipe_state": "running",
    "automation.ZoneControl.phase": 0,
    "automation.ZoneControl.phase_until": NOW + dt.timedelta(days=3650),
    "automation.ZoneController.kind": "dose",
    "automation.DemandGuard.warn_minutes": 8,
    "*.timezone": "Europe/Istanbul",
    "*.currency": "TRY",
    "reports.ReportTemplate.weekday": 0,
    "reports.ReportTemplate.month_day": 1,
    "reports.ReportTemplate.next_due_at": NOW + dt.timedelta(days=3650),
    "*.codes": ["read:device"],
}
# Values that are made anew for each row, or of which pages read single keys.
SHAPED: dict[str, Callable[[str], Any]] = {
    # computed from the first channel, so it is another one
    "telemetry.VirtualChannel.channel": lambda word: ChannelFactory(
        device=Device.objects.first(), name="computed", label=f"{word} computed"
    ),
    "metering.Register.meter": lambda word: _meter(word),
    "metering.MeterInstallation.meter": lambda word: _meter(word),
    "metering.MeterTerm.virtual": lambda word: MeterFactory(
        site=Site.objects.first(), name=f"{word} computed", is_virtual=True
    ),
    "metering.MeterTerm.meter": lambda word: MeterFactory(
        site=Site.objects.first(), name=f"{word} part"
    ),
    "devices.DeviceCertificate.serial": lambda _word: uuid.uuid4().hex,  # stands in addresses
    "telemetry.ImportJob.plan": lambda word: Plan(
        columns=(PlanColumn(1, "power", header=word),)
    ).as_json(),
    "telemetry.ImportJob.notes": lambda word: [["note", word]],
    "telemetry.ImportJob.headers": lambda word: ["time", word],
    "charging.ChargingSession.price": lambda word: {
        "name": word,
        "currency": "TRY",
        "energy_price": "7.5",
        "session_fee": "1",
        "idle_fee": "0",
        "idle_grace_minutes": 0,
        "vat_percent": "20",
    },
    # a device of its own: others are deleted by those who may
    "charging.ChargePoint.device": lambda word: DeviceFactory(
        site=Site.objects.first(), gateway=None, name=f"{word} charger", uid=f"{word}-evse"
    ),
    "devices.ModbusUnit.register_map": lambda word: {"notes": word},
    "devices.ModbusUnit.identity": lambda word: {"serial": word},
    "metering.TariffVersion.definition": lambda word: {
        "components": [{"kind": "flat", "name": word[:60], "price": "1"}]
    },
    "automation.Schedule.actions": lambda word: [
        {"kind": "notify", "targets": [str(uuid.uuid4())], "text": word}
    ],
    "automation.Execution.trigger": lambda word: {"kind": "hand", "by": word},
    "automation.Execution.seen": lambda word: [
        {"what": word, "value": 7.5, "unit": "Cel", "at": None, "holds": True}
    ],
    "automation.ExecutionStep.action": lambda word: {
        "kind": "notify",
        "targets": [str(uuid.uuid4())],
        "text": word,
    },
    "automation.Schedule.end_actions": lambda _word: [],
    "alarms.AlarmRule.metric": lambda word: word.replace("-", "_")[:60],
    "alarms.AlarmRuleVersion.definition": lambda _word: {
        "when": {"kind": "threshold", "above": 7_000_000.0}
    },
    "automation.RecipePhase.definition": lambda word: {
        "targets": [{"metric": _letters(word), "value": 7_000_000}]
    },
    "automation.ZoneControl.plan": lambda word: [
        {"name": word, "targets": [{"metric": _letters(word), "value": 7_000_000}]}
    ],
    "automation.ZoneRole.params": lambda word: {"note": word},
    "automation.ZoneRole.stop_params": lambda word: {"note": word},
    "automation.AutomationRuleVersion.definition": lambda word: {
        "when": [{"kind": "webhook"}],
        "if": {"kind": "payload", "path": "state", "equals": word},
        "then": [{"kind": "mode", "zone": _zone(), "mode": "auto"}],
    },
    "automation.AutomationRule.listens": lambda _word: [],
    "automation.AutomationRule.channels": lambda _word: [],
    "alarms.WatchState.states": lambda _word: {},
    "metering.Baseline.model": lambda word: _MODEL | {"note": word},
    "charging.EventSubscriber.skipped": lambda _word: [],
    "devices.Command.verdict": lambda word: [{"check": word, "code": word, "values": {}}],
    "reports.ReportRun.question": lambda word: {
        "title": word,
        "kind": "quality",
        "site_id": str(uuid.uuid4()),
        "meter_ids": [],
        "first_day": "2026-11-01",
        "last_day": "2026-11-02",
        "step": "auto",
        "compare": "none",
        "format": "pdf",
        "separator": "comma",
        "decimal_mark": ".",
        "language": "en",
    },
    "devices.Command.history": lambda word: [
        {"state": "done", "at": NOW.isoformat(), "by": word, "code": word, "detail": word}
    ],
}


# use of 10 kWh a day and 1 for each K below 15 °C
_MODEL = {
    "shape": "heating", "base": 10.0, "heating_slope": 1.0, "heating_point": 15.0,
    "cooling_slope": 0.0, "cooling_point": None,
    "fit": {
        "observations": 365, "parameters": 2, "mean": 15.0, "r2": 0.9, "adjusted_r2": 0.9,
        "rmse": 1.0, "autocorrelation": 0.0,
    },
}  # fmt: skip


def _letters(word: str) -> str:
    """Return a word as the name of a metric."""
    return f"m_{word.lower().replace('-', '_')}"[:60]


def _zone() -> str:
    zone = Zone.objects.first()
    return str(zone.id if zone else uuid.uuid4())


def _meter(word: str) -> Meter:
    """Return the meter of this name, which others stand beside."""
    name = f"{word}-name"
    found = Meter.objects.filter(name=name).first()
    return found or MeterFactory(site=Site.objects.first(), name=name)


# References that may be null but for a constraint: one of two is there.
ONE_OF_TWO = {
    "alarms.Alarm.channel",  # else there is no chart of it
    "alarms.EscalationStep.target", "alarms.Notification.target",
    "automation.DemandGuard.channel",
}  # fmt: skip
# Rows of tables that belong to nobody, where one made up of words would not do.
SHARED: dict[str, Callable[[Any, str], Any]] = {
    "accounts.User": lambda _, word: UserFactory(email=f"{word}-{uuid.uuid4().hex}@{word}.example"),
    "accounts.Tenant": lambda _, word: TenantFactory(name=f"{word} partner"),
    "auth.Permission": lambda field, _: _permission_on(field.model),
    "devices.DeviceProfile": lambda _field, _word: DeviceProfileFactory(),  # everybody may see it
}
SMALL = 2**15


def tenant_models() -> list[Any]:
    """Return every table of tenants, those that others point to first."""
    owned = [m for m in apps.get_models() if is_tenant_owned(m) and m._meta.managed]
    ordered: list[Any] = []
    while owned:
        ready = [m for m in owned if not _needs(m) & (set(owned) - {m})] or owned[:1]
        ordered += ready
        owned = [m for m in owned if m not in ready]
    return ordered


def fill_all(word: str, number: int) -> dict[str, Any]:
    """Return a row of each table of the tenant in scope by label; make those that are missing."""
    return {m._meta.label: m.objects.first() or _save(m, word, number)
            for m in tenant_models()}  # fmt: skip


def make_row(model: Any) -> Any:
    """Save a row of any table; a tenant's belongs to a tenant of its own with a small fleet."""
    word = uuid.uuid4().hex[:12]
    number = 100_000 + uuid.uuid4().int % 1_000_000
    if not is_tenant_owned(model):
        return _save(model, word, number)
    tenant = TenantFactory()
    with tenant_scope(tenant.id):
        gateway = GatewayFactory(tenant=tenant)
        ChannelFactory(device=DeviceFactory(gateway=gateway))
        return _save(model, word, number)


def _needs(model: Any) -> set[Any]:
    links = [f for f in model._meta.concrete_fields if f.is_relation and not f.null]
    return {f.related_model for f in links}


def _save(model: Any, word: str, number: int) -> Any:
    values = {
        field.name: value_for(field, word, number)
        for field in model._meta.concrete_fields
        if field.name != "tenant" and _is_wanted(field)
    }
    row = model(**values)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except (DatabaseError, ValidationError, ValueError, TypeError) as error:
        raise AssertionError(
            f"No row of {model._meta.label} could be made up: {error}\nGive the field a value "
            f'in GIVEN of tests/isolation/fill.py: "{model._meta.label}.<field>": <value>,'
        ) from error
    return row


def _is_wanted(field: Any) -> bool:
    if field.is_relation:
        return not field.null or f"{field.model._meta.label}.{field.name}" in ONE_OF_TWO
    return not (field.primary_key or getattr(field, "auto_now", 0) or field.unique and field.null)


def value_for(field: Any, word: str, number: int) -> Any:
    """Return a value that can be recognised, of the field's type."""
    for name in (f"{field.model._meta.label}.{field.name}", f"*.{field.name}"):
        if name in GIVEN:
            return GIVEN[name]
    shape = SHAPED.get(f"{field.model._meta.label}.{field.name}")
    if shape is not None:
        return shape(word)
    if field.is_relation:
        return _row_for(field, word, number)
    if field.choices:
        return field.get_default() or field.choices[0][0]
    return _plain(field, word, number)


def _row_for(field: Any, word: str, number: int) -> Any:
    """Return a row to point to; shared tables get one of the tenant's own name."""
    model = field.related_model
    found = model._default_manager.first() if is_tenant_owned(model) else None
    if found is not None:
        return found
    make = SHARED.get(model._meta.label)
    if make is not None:
        return make(field, word)
    return _save(model, word, number)


def _permission_on(share: Any) -> Permission:
    target = share._meta.get_field("content_object").related_model
    permission, _is_new = Permission.objects.get_or_create(
        codename="read:device",
        content_type=ContentType.objects.get_for_model(target),
        defaults={"name": "read"},
    )
    return permission


# by type, the first that fits; a SlugField is a CharField too
_BY_TYPE: tuple[tuple[Any, Callable[[Any, str, int], Any]], ...] = (
    (ArrayField, lambda f, word, number: [value_for(f.base_field, word, number)]),
    (models.BooleanField, lambda f, word, number: bool(f.get_default())),
    (models.JSONField, lambda f, word, number: {"note": f"{word} {f.name}", "number": number}),
    (models.DateTimeField, lambda f, word, number: NOW),
    (models.DateField, lambda f, word, number: NOW.date()),
    (models.TimeField, lambda f, word, number: dt.time(6)),
    (models.UUIDField, lambda f, word, number: uuid.uuid4()),
    (models.BinaryField, lambda f, word, number: f"{word} {f.name}".encode()),
    (models.SmallIntegerField, lambda f, word, number: number % SMALL),
    (models.PositiveSmallIntegerField, lambda f, word, number: number % SMALL),
    (models.IntegerField, lambda f, word, number: number),
    ((models.FloatField, models.DecimalField), lambda f, word, number: number + 0.4375),
    (models.DurationField, lambda f, word, number: dt.timedelta(seconds=number)),
    (models.GenericIPAddressField, lambda f, word, number: "192.0.2.1"),
    (models.EmailField, lambda f, word, number: f"{word}-{f.name}@{word}.example"),
    ((models.CharField, models.TextField), lambda f, word, number: _text(f, word)),
)


def _plain(field: Any, word: str, number: int) -> Any:
    for kind, make in _BY_TYPE:
        if isinstance(field, kind):
            return make(field, word, number)
    raise AssertionError(
        f"{field} is of a type that tests/isolation/fill.py does not know: add it to _BY_TYPE."
    )


def _text(field: Any, word: str) -> str:
    text = f"{word}-{field.name}"
    if field.unique:
        text = f"{text}-{uuid.uuid4().hex}"
    return text[: field.max_length or None]
