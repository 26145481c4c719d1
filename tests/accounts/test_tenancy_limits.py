"""What the tenant filter does not do, and what it costs."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from accounts.tenancy import all_tenants
from devices.models import Device, Gateway, Site
from tests.accounts.conftest import Fleet
from tests.conftest import Team
from tests.factories import SiteFactory

pytestmark = pytest.mark.django_db


def test_validation_does_not_see_what_is_unique_over_all_tenants(
    red_fleet: Fleet, blue_fleet: Fleet
):
    """Only the database refuses it, with an IntegrityError."""
    with red_fleet.team.scope():
        twin = Gateway(site=red_fleet.site, uid="blue-gw", name="x", tenant=red_fleet.team.tenant)
        twin.full_clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            twin.save()


def test_dumpdata_needs_all(red_fleet: Fleet):
    with pytest.raises(CommandError, match=r"outside tenant_scope"):
        call_command("dumpdata", "devices", stdout=io.StringIO())

    call_command("dumpdata", "devices", use_base_manager=True, stdout=io.StringIO())


def test_save_costs_one_query_for_each_relation_not_loaded(
    red_fleet: Fleet, django_assert_num_queries
):
    with red_fleet.team.scope():
        device = Device.objects.get()
        with django_assert_num_queries(3):
            device.save()
        device = Device.objects.select_related("site", "gateway").get()
        with django_assert_num_queries(1):
            device.save()


def test_a_tenant_with_devices_is_protected(red_fleet: Fleet):
    with pytest.raises(ProtectedError):
        red_fleet.team.tenant.delete()


def test_deleting_an_empty_tenant_cascades_without_a_scope(red: Team):
    SiteFactory(tenant=red.tenant)

    red.tenant.delete()

    with all_tenants():
        assert not Site.objects.exists()
