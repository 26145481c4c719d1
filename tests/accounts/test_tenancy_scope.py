"""A query outside a scope raises; inside, it reaches one tenant's rows."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Subquery

from accounts.models import User
from accounts.tenancy import TenantScopeMissing, all_tenants, current_tenant_id, tenant_scope
from devices.models import Channel, Device, Gateway, Site
from telemetry.models import LatestValue
from tests.accounts.conftest import Fleet
from tests.factories import ChannelFactory, LatestValueFactory

pytestmark = pytest.mark.django_db

objects = Device.objects
QUERIES: dict[str, Callable[[Device], Any]] = {
    "all": lambda device: list(objects.all()),
    "count": lambda device: objects.count(),
    "exists": lambda device: objects.exists(),
    "first": lambda device: objects.first(),
    "latest": lambda device: objects.latest("uid"),
    "filter": lambda device: list(objects.filter(uid="x")),
    "get": lambda device: objects.get(uid="red-1"),
    "values": lambda device: list(objects.values("id")),
    "values_list": lambda device: list(objects.values_list("id")),
    "dates": lambda device: list(objects.datetimes("created_at", "day")),
    "update": lambda device: objects.update(uid="x"),
    "delete": lambda device: objects.all().delete(),
    "iterator": lambda device: list(objects.iterator()),
    "in_bulk": lambda device: objects.in_bulk(),
    "aggregate": lambda device: objects.aggregate(n=Count("id")),
    "get_or_create": lambda device: objects.get_or_create(uid="x"),
    "update_or_create": lambda device: objects.update_or_create(uid="x"),
    "slice": lambda device: list(objects.all()[:1]),
    "index": lambda device: objects.all()[0],
    "or": lambda device: list(objects.all() | objects.all()),
    "union": lambda device: list(objects.union(objects.all())),
    "bool": lambda device: bool(objects.all()),
    "len": lambda device: len(objects.all()),
    "repr": lambda device: repr(objects.all()),
    "lock": lambda device: list(objects.select_for_update()),
    "contains": lambda device: objects.filter(uid="a").contains(device),
    "distinct": lambda device: list(objects.distinct()),
    "explain": lambda device: objects.all().explain(),
    "in": lambda device: list(User.objects.filter(email__in=objects.values("uid"))),
    "exists subquery": lambda device: list(
        User.objects.filter(Exists(objects.filter(uid=OuterRef("email"))))
    ),
    "subquery": lambda device: list(User.objects.annotate(uid=Subquery(objects.values("uid")[:1]))),
    "bulk_update": lambda device: objects.bulk_update([device], ["uid"]),
    "bulk_create": lambda device: objects.bulk_create([Device(uid="z")]),
    "create": lambda device: Site.objects.create(name="z"),
    "save": lambda device: device.save(),
    "delete object": lambda device: device.delete(),
    "reverse relation": lambda device: device.channels.count(),
    "raw delete": lambda device: objects.all()._raw_delete("default"),
}


@pytest.mark.parametrize("name", QUERIES)
def test_raises_without_a_scope(name: str, red_fleet: Fleet):
    with pytest.raises(TenantScopeMissing):
        QUERIES[name](red_fleet.device)


def test_an_empty_queryset_needs_no_scope():
    assert list(Device.objects.none()) == []
    assert Device.objects.none().count() == 0


def test_raw_sql_is_refused(red_fleet: Fleet):
    with red_fleet.team.scope(), pytest.raises(TypeError, match="skips the tenant filter"):
        Device.objects.raw("select * from devices_device")


def test_a_scope_takes_only_a_uuid():
    with pytest.raises(TypeError, match="needs a UUID"), tenant_scope("red"):  # type: ignore[arg-type]
        pass


def test_scopes_nest_and_end_also_after_an_error():
    outer, inner = uuid.uuid4(), uuid.uuid4()
    with tenant_scope(outer):
        with pytest.raises(RuntimeError), tenant_scope(inner):
            assert current_tenant_id() == inner
            raise RuntimeError
        assert current_tenant_id() == outer
        with all_tenants():
            assert current_tenant_id() is None

    assert current_tenant_id() is None


def test_limits_reading_and_writing(red_fleet: Fleet, blue_fleet: Fleet):
    with red_fleet.team.scope():
        foreign = Device.objects.filter(uid="blue-1")
        assert [device.uid for device in Device.objects.all()] == ["red-1"]
        assert foreign.count() == 0
        assert foreign.update(uid="hijacked") == 0
        assert foreign.delete()[0] == 0
        assert foreign._raw_delete("default") == 0
        assert not Device.objects.filter(pk=blue_fleet.device.pk).exists()

    with all_tenants():
        assert Device.objects.count() == 2


def test_a_new_object_gets_the_tenant_in_scope(red_fleet: Fleet):
    with red_fleet.team.scope():
        site = Site.objects.create(name="new")
        (many,) = Site.objects.bulk_create([Site(name="many")])

    assert site.tenant == many.tenant == red_fleet.team.tenant


def test_relations_to_another_tenant_are_refused(red_fleet: Fleet, blue_fleet: Fleet):
    red, blue = red_fleet, blue_fleet
    with red.team.scope():
        with pytest.raises(ValidationError, match="another tenant"):
            Gateway.objects.create(site=blue.site, uid="x")
        with pytest.raises(ValidationError, match="another tenant"):
            Gateway.objects.bulk_create([Gateway(site=blue.site, uid="y")])
        with pytest.raises(ValidationError, match="another tenant"):
            Gateway.objects.create(site_id=blue.site.id, uid="z")


def test_objects_of_another_tenant_cannot_be_saved_or_deleted(red_fleet: Fleet, blue_fleet: Fleet):
    with red_fleet.team.scope():
        with pytest.raises(ValidationError, match="another tenant"):
            blue_fleet.device.save()
        with pytest.raises(ValidationError, match="another tenant"):
            blue_fleet.device.delete()

    with all_tenants():
        assert Device.objects.filter(pk=blue_fleet.device.pk).exists()


def test_a_guessed_key_does_not_overwrite_another_tenants_row(red_fleet: Fleet, blue_fleet: Fleet):
    victim = ChannelFactory(device=blue_fleet.device, name="power")

    with red_fleet.team.scope():
        attack = Channel(id=victim.id, device=red_fleet.device, name="stolen", source="stolen")
        attack.created_at = victim.created_at  # nothing else is wrong with the row
        with pytest.raises(IntegrityError, match="devices_channel_pkey"), transaction.atomic():
            attack.save()

    with all_tenants():
        victim.refresh_from_db()
    assert victim.name == "power"
    assert victim.tenant == blue_fleet.team.tenant


def test_an_object_never_moves_to_another_tenant(red_fleet: Fleet, blue_fleet: Fleet):
    with all_tenants():
        site = Site.objects.get(pk=red_fleet.site.pk)
        site.tenant = blue_fleet.team.tenant
        with pytest.raises(IntegrityError), transaction.atomic():
            site.save()


def test_an_upsert_names_the_tenant(red_fleet: Fleet, blue_fleet: Fleet):
    with red_fleet.team.scope():
        thief = Gateway(site=red_fleet.site, uid="blue-gw", name="stolen")
        with pytest.raises(TypeError, match="needs `tenant`"):
            Gateway.objects.bulk_create(
                [thief], update_conflicts=True, unique_fields=["uid"], update_fields=["name"]
            )
        Site.objects.bulk_create(
            [Site(name="red-site", address="here")],
            update_conflicts=True,
            unique_fields=["tenant", "name"],
            update_fields=["address"],
        )
        assert Site.objects.get().address == "here"


def test_everything_may_be_saved_under_all_tenants_except_a_row_of_nobody(red_fleet: Fleet):
    with all_tenants():
        red_fleet.device.save()
        with pytest.raises(ValidationError, match="another tenant"):
            Gateway(site=red_fleet.site, uid="q").save()


def test_tables_with_other_keys_are_limited_too(red_fleet: Fleet, blue_fleet: Fleet):
    LatestValueFactory(channel=ChannelFactory(device=red_fleet.device))
    LatestValueFactory(channel=ChannelFactory(device=blue_fleet.device))

    with red_fleet.team.scope():
        assert Channel.objects.get().device == red_fleet.device
        assert LatestValue.objects.get().channel.device == red_fleet.device
