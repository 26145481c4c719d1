"""System checks: `manage.py check`, with `--deploy` and `--database default` for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.db.models import Model

from accounts.tenancy import is_tenant_owned
from energy.lib.env import is_local_host

# Tables that belong to no tenant, and why.
GLOBAL_TABLES = {
    "accounts.Tenant": "is the owner itself",
    "accounts.Plan": "what the platform sells",
    "accounts.AuditEvent": "outlives the tenant it names; read through accounts.queries.audit",
    "accounts.User": "a person may be a member of several tenants",
    "accounts.Membership": "is read to find out which tenant is in scope",
    "devices.DeviceProfile": "types of device are the same for everybody",
    "devices.ProfileChannel": "is part of a profile",
    "telemetry.Sample": "carries no tenant to stay small; read through its channel only",
    "telemetry.SamplePartition": "describes tables",
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
    """W010: without TimescaleDB old samples are not compressed."""
    return [
        Warning(
            f"Database {alias!r} has no TimescaleDB: samples are kept in plain partitions.",
            hint="Everything works; old samples take about ten times the disk.",
            id="energy.W010",
        )
        for alias in databases or ()
        if not getattr(connections[alias], "has_timescale", False)
    ]
