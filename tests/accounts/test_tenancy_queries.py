"""The tenant condition reaches every form of query and binds when SQL is compiled."""

from __future__ import annotations

import pytest
from django import forms
from django.db.models import Count, Exists, F, OuterRef, Subquery

from accounts.models import User
from accounts.tenancy import TenantScopeMissing, all_tenants
from devices.models import Device, DeviceProfile, Gateway, Site
from tests.accounts.conftest import Fleet
from tests.factories import ChannelFactory, UserFactory

pytestmark = pytest.mark.django_db


class GatewayForm(forms.ModelForm):
    """A form whose choices are declared at import."""

    class Meta:
        model = Gateway
        fields = ("site", "uid", "name")


class SiteForm(forms.Form):
    """A form field with a queryset declared at import."""

    site = forms.ModelChoiceField(queryset=Site.objects.all())


CLASS_LEVEL = Site.objects.order_by("name")


@pytest.fixture
def users(db: None) -> list[User]:
    """Users whose e-mail addresses equal device identifiers."""
    return [UserFactory(email="red-1"), UserFactory(email="blue-1")]


def test_subqueries_from_a_table_without_tenants(users, red_fleet: Fleet, blue_fleet: Fleet):
    with red_fleet.team.scope():
        by_in = User.objects.filter(email__in=Device.objects.values("uid"))
        by_exists = User.objects.filter(Exists(Device.objects.filter(uid=OuterRef("email"))))
        uids = Device.objects.filter(uid=OuterRef("email")).values("uid")[:1]
        annotated = User.objects.annotate(uid=Subquery(uids)).exclude(uid=None)

        assert [user.email for user in by_in] == ["red-1"]
        assert [user.email for user in by_exists] == ["red-1"]
        assert [user.email for user in annotated] == ["red-1"]


def test_set_operations_and_slices(red_fleet: Fleet, blue_fleet: Fleet):
    objects = Device.objects
    with red_fleet.team.scope():
        assert objects.all().union(objects.all()).count() == 1
        assert len(objects.all().union(objects.all(), all=True)) == 2
        assert len(objects.all().intersection(objects.all())) == 1
        assert len(objects.all().difference(objects.filter(uid="nope"))) == 1
        assert (objects.all() | objects.filter(uid="blue-1")).count() == 1
        assert (objects.all() & objects.filter(uid="blue-1")).count() == 0
        assert objects.all()[:5].count() == 1
        assert len(objects.order_by("uid")[:1]) == 1
        assert objects.order_by("-uid").first().uid == "red-1"
        assert objects.filter(pk__in=objects.order_by("uid")[:1]).count() == 1


def test_aggregates_annotations_and_joins(red_fleet: Fleet, blue_fleet: Fleet):
    ChannelFactory(device=red_fleet.device)
    ChannelFactory(device=blue_fleet.device)
    objects = Device.objects
    with red_fleet.team.scope():
        assert objects.aggregate(n=Count("id"))["n"] == 1
        assert objects.values("site").annotate(n=Count("id")).count() == 1
        assert objects.values("site").annotate(n=Count("id")).filter(n=1).count() == 1
        assert objects.distinct().count() == 1
        assert objects.exclude(uid="nope").count() == 1
        assert objects.exclude(channels__name="nope").count() == 1
        assert objects.exclude(channels__unit="kW").count() == 0
        assert Site.objects.exclude(devices__channels__unit="kW").count() == 0
        assert objects.filter(site__name__contains="site").count() == 1
        assert objects.annotate(place=F("site__name")).get().place == "red-site"
        assert Site.objects.annotate(n=Count("devices__channels")).get().n == 1
        assert objects.select_related("site", "gateway").get().site == red_fleet.site


def test_writes_of_many_rows(red_fleet: Fleet, blue_fleet: Fleet):
    objects = Device.objects
    with red_fleet.team.scope():
        assert objects.bulk_update([objects.get()], ["uid"]) == 1
        assert objects.bulk_update([blue_fleet.device], ["uid"]) == 0
        assert objects.all().update(uid="red-9") == 1
        assert objects.in_bulk([blue_fleet.device.pk]) == {}
        assert objects.all()._raw_delete("default") == 1

    with all_tenants():
        assert [device.uid for device in objects.all()] == ["blue-1"]


def test_reverse_relations_and_prefetch(red_fleet: Fleet, blue_fleet: Fleet):
    with red_fleet.team.scope():
        assert red_fleet.site.devices.count() == 1
        assert blue_fleet.site.devices.count() == 0
        assert len(Site.objects.prefetch_related("devices")[0].devices.all()) == 1


def test_a_table_without_tenants_does_not_lead_to_tenants_rows(red_fleet: Fleet):
    """A profile is shared: its devices would be those of every tenant."""
    with red_fleet.team.scope():
        assert not hasattr(DeviceProfile.objects.first(), "devices")


def test_querysets_and_forms_declared_at_import_bind_late(red_fleet: Fleet, blue_fleet: Fleet):
    for own, other in ((red_fleet, blue_fleet), (blue_fleet, red_fleet)):
        with own.team.scope():
            assert list(CLASS_LEVEL.all()) == [own.site]
            assert list(CLASS_LEVEL.filter(name__contains="site")) == [own.site]
            for form in (GatewayForm(), SiteForm()):
                assert own.site.name in str(form)
                assert other.site.name not in str(form)
            assert SiteForm({"site": own.site.pk}).is_valid()
            assert not SiteForm({"site": other.site.pk}).is_valid()

    with pytest.raises(TenantScopeMissing):
        str(SiteForm())


def test_a_queryset_built_in_one_scope_does_not_leak_into_another(
    red_fleet: Fleet, blue_fleet: Fleet
):
    with red_fleet.team.scope():
        stale = Device.objects.filter(uid__contains="1")

    with blue_fleet.team.scope():
        assert [device.uid for device in stale.all()] == ["blue-1"]
    with pytest.raises(TenantScopeMissing):
        list(stale.all())
