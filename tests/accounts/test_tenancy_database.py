"""The database refuses references across tenants, also to SQL that skips the filter."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from accounts.models.history import OwnedChange
from accounts.tenancy import all_tenants, is_tenant_owned
from devices.models import Channel, Device, Gateway
from telemetry.models import LatestValue
from tests.accounts.conftest import Fleet
from tests.factories import ChannelFactory, LatestValueFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_update_to_a_foreign_row_fails_at_commit(red_fleet: Fleet, blue_fleet: Fleet):
    """`update(fk=…)` calls no `save()`, so only the database can refuse it."""
    ChannelFactory(device=red_fleet.device)
    updates = {
        "gateway's site": lambda: Gateway.objects.update(site=blue_fleet.site),
        "device's site": lambda: Device.objects.update(site=blue_fleet.site),
        "device's gateway": lambda: Device.objects.update(gateway=blue_fleet.gateway),
        "channel's device": lambda: Channel.objects.update(device=blue_fleet.device),
    }
    for update in updates.values():
        with (
            red_fleet.team.scope(),
            pytest.raises(IntegrityError, match="same_tenant"),
            transaction.atomic(),
        ):
            assert update() == 1


def test_raw_sql_fails_at_commit(red_fleet: Fleet, blue_fleet: Fleet):
    statements = {
        "UPDATE devices_gateway SET site_id = %s WHERE id = %s": [
            blue_fleet.site.id,
            red_fleet.gateway.id,
        ],
        "UPDATE devices_device SET tenant_id = %s WHERE id = %s": [
            blue_fleet.team.tenant.id,
            red_fleet.device.id,
        ],
    }
    for sql, params in statements.items():
        with (
            pytest.raises(IntegrityError, match="same_tenant"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql, params)


def test_a_latest_value_keeps_to_its_channels_tenant(red_fleet: Fleet, blue_fleet: Fleet):
    LatestValueFactory(channel=ChannelFactory(device=red_fleet.device))

    with (
        all_tenants(),
        pytest.raises(IntegrityError, match="same_tenant"),
        transaction.atomic(),
    ):
        LatestValue.objects.update(tenant=blue_fleet.team.tenant)


def test_every_reference_between_tenants_tables_has_a_wall():
    """A new relation needs a constraint like those in devices/migrations/0002."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint "
            "WHERE contype = 'f' AND array_length(conkey, 1) = 2"
        )
        walls = set(cursor.fetchall())
    references = {
        (model._meta.db_table, field.related_model._meta.db_table)
        for model in apps.get_models()
        if is_tenant_owned(model) and not issubclass(model, OwnedChange)  # triggers copy rows
        for field in model._meta.concrete_fields
        if field.is_relation and is_tenant_owned(field.related_model)
    }

    assert references <= walls


def test_every_row_of_a_tenants_table_has_a_tenant():
    """S04: the database itself refuses a row of nobody."""
    tables = {model._meta.db_table for model in apps.get_models() if is_tenant_owned(model)}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND column_name = 'tenant_id' AND is_nullable = 'NO'"
        )
        assert tables <= {name for (name,) in cursor.fetchall()}
