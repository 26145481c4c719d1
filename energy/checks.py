"""System checks: `manage.py check`, with `--deploy` and `--database default` for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.db import connections
from django.db.models import Model

from accounts.tenancy import is_tenant_owned
from energy.lib.env import is_local_host
from telemetry.storage.tiers import find_policies

# Tables that belong to no tenant, and why.
GLOBAL_TABLES = {
    "accounts.Tenant": "is the owner itself",
    "accounts.Plan": "what the platform sells",
    "accounts.AuditEvent": "outlives the tenant it names; read through accounts.queries.audit",
    "accounts.PlanChange": "is history of what the platform sells",
    "accounts.TenantChange": "tells of the owner itself; read through accounts.queries.history",
    "accounts.User": "a person may be a member of several tenants",
    "accounts.UserChange": "is history of people, for platform staff only",
    "accounts.Membership": "is read to find out which tenant is in scope",
    "accounts.MembershipChange": "names its tenant; read through accounts.queries.history",
    "devices.DeviceProfile": "types of device are the same for everybody",
    "devices.DeviceProfileChange": "is history of what is the same for everybody",
    "devices.ProfileChannel": "is part of a profile",
    "devices.ProfileChannelChange": "is history of what is the same for everybody",
    "devices.PendingDevice": "is what an unclaimed box said; the claims of it belong to tenants",
    "devices.CertificateAuthority": "signs for all tenants",
    "devices.RevokedCertificate": "a stolen key outlives its device and tenant; names neither",
    "devices.BrokerChange": "is work for the broker, which knows no tenants; gone when done",
    "devices.FirmwareSigner": "signs what is offered to the devices of all tenants",
    "devices.PublishedRelease": "is offered to all tenants by platform staff",
    "devices.OutboundMessage": "is read by its sender only; an unclaimed box has no tenant",
    "telemetry.Sample": "carries no tenant to stay small; read through its channel only",
    "telemetry.SamplePartition": "describes tables",
    "telemetry.PackedDay": "is samples, many in a row; read through its channel only",
    "telemetry.Rollup15m": "is figures of samples; read through its channel only",
    "telemetry.RollupDay": "is figures of samples; read through its channel only",
    "telemetry.DirtyMark": "is work for the rollups; gone when done",
    "telemetry.RollupZone": "tells how days were cut; read through its channel only",
    "telemetry.DeletedChannel": "is work for a job that removes rows; gone when done",
    "telemetry.WatchedChannel": "names channels whose changes are passed on",
    "telemetry.ChangedWindow": "is work for layers above; gone when done",
    "telemetry.StorageJob": "tells how far jobs over all tenants have come",
    "metering.IntervalReading": "carries no tenant to stay small; read through its register only",
    "metering.PastReading": "is what intervals were; read through its register only",
    "metering.RegisterDay": "is sums of intervals; read through its register only",
    "metering.LedgerState": "tells how far a register was built",
    "metering.Checkpoint": "tells from where a register can be built again",
    "metering.LedgerMark": "is work for the ledger; gone when done",
    "alarms.AlarmCheck": "the platform's own checks are the same for everybody",
    "alarms.AlarmCheckChange": "is history of what is the same for everybody",
    "alarms.DeviceEventNote": "is work for alarms; gone when done",
    "devices.PortLease": "names ports of this machine and who holds them",
    "charging.EventSubscriber": "tells how far parts of the product have come",
    "automation.AutomationEventNote": "is work for rules; gone when done",
    "telemetry.RejectedMessage": "its tenant is often unknown; for platform staff only",
}
CONNECTIONS_OF_OTHERS = 10  # superuser's reserve, replication, backups, psql


@register(Tags.models)
def check_tables(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E016: each of our tables belongs to a tenant or is listed as global.

    E017: a tenant's rows cannot be reached by joins from a table that belongs to nobody,
    where no condition would limit them.
    """
    return [message for model in own_models() for message in _problems_of(model)]


def own_models() -> Iterable[type[Model]]:
    """Return the models of the apps in this repository, tables of many-to-many included."""
    for config in apps.get_app_configs():
        if Path(config.path).parent == settings.BASE_DIR:
            yield from config.get_models(include_auto_created=True)


def _problems_of(model: type[Model]) -> Iterator[CheckMessage]:
    if not is_tenant_owned(model):
        if not _is_listed(model):
            yield Error(
                f"{model._meta.label} is neither TenantOwned nor listed as global.",
                hint="Inherit accounts.tenancy.TenantOwned, or give a reason in GLOBAL_TABLES.",
                obj=model,
                id="energy.E016",
            )
        return
    for field in model._meta.concrete_fields:
        link = field.remote_field
        if link and not is_tenant_owned(link.model) and not link.hidden:
            yield Error(
                f"{model._meta.label}.{field.name} can be joined from a table without tenants.",
                hint='Set related_name="+" and query this model instead.',
                obj=model,
                id="energy.E017",
            )


def _is_listed(model: type[Model]) -> bool:
    """A table that Django made for a many-to-many field is what its owner is."""
    owner: Any = model._meta.auto_created or model
    return owner._meta.label in GLOBAL_TABLES


@register(Tags.database)
def check_connections(databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """E002: the pool leaves room for other processes within max_connections."""
    problems: list[CheckMessage] = []
    for alias in databases or ():
        pool = connections[alias].settings_dict["OPTIONS"].get("pool") or {}
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT current_setting('max_connections')::int")
            limit = cursor.fetchone()[0] - CONNECTIONS_OF_OTHERS
        if pool and pool.get("max_size", 0) > limit:
            problems.append(
                Error(
                    f"The pool may open {pool['max_size']} connections, {limit} are free.",
                    hint="Lower DATABASE_POOL_MAX or raise max_connections.",
                    id="energy.E002",
                )
            )
    return problems


@register
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E001, E002, E009: settings that work at first and fail under load."""
    problems: list[CheckMessage] = []
    for alias, database in settings.DATABASES.items():
        if database.get("CONN_MAX_AGE") != 0:
            problems.append(
                Error(
                    f"Database {alias!r} keeps connections per thread (CONN_MAX_AGE is not 0).",
                    hint="Under ASGI they pile up; leave it 0, the pool keeps connections open.",
                    id="energy.E001",
                )
            )
        if not database.get("OPTIONS", {}).get("pool"):
            problems.append(
                Error(
                    f"Database {alias!r} has no connection pool.",
                    hint='Set OPTIONS["pool"] with min_size and max_size.',
                    id="energy.E002",
                )
            )
    if "InMemory" in settings.CHANNEL_LAYERS["default"]["BACKEND"]:
        problems.append(
            Error(
                "The channel layer lives in the memory of one process.",
                hint="Live values reach no browser through it; use channels_redis.",
                id="energy.E009",
            )
        )
    return problems


@register(Tags.security, deploy=True)
def check_exposure(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E005, W012: what others on the network may read."""
    problems: list[CheckMessage] = []
    if not settings.MQTT_TLS and not is_local_host(settings.MQTT_HOST):
        problems.append(
            Error(
                f"MQTT to {settings.MQTT_HOST} is not encrypted.",
                hint="Set MQTT_TLS=true and MQTT_CA_FILE.",
                id="energy.E005",
            )
        )
    if not settings.METRICS_TOKEN:
        problems.append(
            Warning(
                "/metrics answers every request from this machine without a token.",
                hint="A proxy without X-Forwarded-For would open it to all: set METRICS_TOKEN.",
                id="energy.W012",
            )
        )
    return problems


@register(Tags.database, deploy=True)
def check_timescale(databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """W010: without TimescaleDB the product makes and drops the tables of each week itself.

    Nothing to act on: `check --deploy --fail-level WARNING` passes.
    """
    return [
        Info(
            f"Database {alias!r} has no TimescaleDB: samples are kept in plain partitions.",
            hint="Nothing is missing: old days are packed, and take the same disk, in every tier.",
            id="energy.W010",
        )
        for alias in databases or ()
        if not getattr(connections[alias], "has_timescale", False)
    ]


@register(Tags.database, deploy=True)
def check_policies(databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """W019: TimescaleDB deletes or compresses samples that the product packs and drops itself."""
    return [
        Warning(
            f"Policies of TimescaleDB work on the samples of {alias!r}: {', '.join(found)}.",
            hint="Remove them (remove_retention_policy, remove_compression_policy): retention "
            "would delete days that are not packed yet, and packing would unpack their chunks.",
            id="energy.W019",
        )
        for alias in databases or ()
        if (found := find_policies(connections[alias]))
    ]


@register(deploy=True)
def check_retention(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """W011: samples are deleted before they would be packed."""
    kept = {"SAMPLE_RETENTION_DAYS": settings.SAMPLE_RETENTION_DAYS}
    for kind, days in sorted(settings.SAMPLE_RETENTION_KINDS.items()):
        kept[f"SAMPLE_RETENTION_KINDS of {kind}"] = days
    return [
        Warning(
            f"{name} is {days} days, SAMPLE_PACK_AFTER_DAYS {settings.SAMPLE_PACK_AFTER_DAYS}.",
            hint="These samples are deleted before they are packed: they take a hundred times "
            "the disk for as long as they are kept. Pack sooner.",
            id="energy.W011",
        )
        for name, days in kept.items()
        if days <= settings.SAMPLE_PACK_AFTER_DAYS
    ]
