"""A background job works for the tenant it was given, or for none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from celery import Celery

from accounts.tasks import TenantTask
from accounts.tenancy import TenantScopeMissing, current_tenant_id
from devices.models import Device
from tests.accounts.conftest import Fleet

pytestmark = pytest.mark.django_db

app = Celery("probe", set_as_current=False, broker="memory://")
app.conf.task_store_eager_result = False


@app.task(base=TenantTask, name="probe.list_uids")
def list_uids(**kwargs: Any) -> list[str]:
    """Return the identifiers of all devices the task can see."""
    return list(Device.objects.values_list("uid", flat=True))


def test_enters_the_tenants_scope(red_fleet: Fleet, blue_fleet: Fleet):
    for fleet in (red_fleet, blue_fleet):
        answer = list_uids.apply(kwargs={"tenant_id": fleet.team.tenant.id})
        assert answer.get() == [fleet.device.uid]

    assert current_tenant_id() is None


def test_takes_the_tenant_as_json_carries_it(red_fleet: Fleet):
    kwargs = json.loads(json.dumps({"tenant_id": str(red_fleet.team.tenant.id)}))

    assert list_uids.apply(kwargs=kwargs).get() == ["red-1"]


def test_raises_without_a_tenant(red_fleet: Fleet):
    with pytest.raises(TenantScopeMissing):
        list_uids.apply(kwargs={}).get()


def test_refuses_what_is_no_tenant_id():
    with pytest.raises(ValueError, match="badly formed"):
        list_uids.apply(kwargs={"tenant_id": "red"}).get()
