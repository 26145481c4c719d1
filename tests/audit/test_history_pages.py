"""The history of an object on its page, in the API and in the admin."""

import pghistory
import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actor import Actor, _facts
from accounts.models import Role
from accounts.services.audit import record_event
from devices.models import Site
from telemetry.models import LatestValue
from tests.factories import ChannelFactory, DeviceFactory, LatestValueFactory, SiteFactory

API = "/api/v1/audit/history"
PAGE = "/settings/audit/history"

# fixed, because workers must collect the same names
NOBODY = "0191f0d2-0000-7000-8000-00000000dead"


@pytest.fixture
def site(red):
    with red.scope():
        return SiteFactory(tenant=red.tenant, name="Izmir plant")


def rename(team, site, count=1):
    with team.scope():
        for number in range(count):
            Site.objects.filter(pk=site.pk).update(name=f"Name {number}")


def ask(browser, where, obj, **query):
    return browser.get(where, {"object": f"{obj._meta.model_name}:{obj.pk}"} | query)


def test_the_page_tells_old_and_new(client_for, red, site):
    rename(red, site)

    page = ask(client_for(red.owner), PAGE, site).content.decode()

    assert "Izmir plant</del>" in page
    assert "Name 0</ins>" in page
    assert "database" in page


def test_the_page_goes_back_in_time(client_for, red, site):
    rename(red, site, 60)
    browser = client_for(red.owner)

    first = ask(browser, PAGE, site)
    second = ask(browser, PAGE, site, before=first.context["before"])

    steps = [e.fields[0].new for a in (first, second) for e, _kind in a.context["entries"][:60]]
    assert steps[:60] == [f"Name {number}" for number in reversed(range(60))]
    assert second.context["before"] is None


def test_the_api_lists_the_same(client_for, red, site):
    rename(red, site, 3)
    browser = client_for(red.owner)

    body = ask(browser, API, site, limit=2, count=True).json()
    rest = browser.get(body["next"]).json()
    back = browser.get(rest["previous"]).json()

    assert body["count"] == 4
    found = body["results"] + rest["results"]
    assert [entry["kind"] for entry in found] == ["update", "update", "update", "insert"]
    names = [(e["changes"][0]["old"], e["changes"][0]["new"]) for e in found[:3]]
    assert names == [("Name 1", "Name 2"), ("Name 0", "Name 1"), ("Izmir plant", "Name 0")]
    assert found[0]["origin"]["kind"] == "database"
    assert back["results"] == body["results"]
    oldest = ask(browser, API, site, ordering="number").json()["results"]
    assert oldest == list(reversed(found))


@pytest.mark.parametrize("where", [PAGE, API])
def test_another_tenants_administrator_finds_nothing(client_for, red, blue, site, where):
    theirs = [site, red.tenant, red.owner.memberships.get()]
    with red.scope():
        Site.objects.filter(pk=site.pk).delete()
    for obj in theirs:
        assert ask(client_for(red.owner), where, obj).status_code == 200
        assert ask(client_for(blue.owner), where, obj).status_code == 404


@pytest.mark.parametrize("where", [PAGE, API])
@pytest.mark.parametrize("person", ["operator", "viewer"])
def test_others_may_not_read_it(client_for, red, site, where, person):
    assert ask(client_for(getattr(red, person)), where, site).status_code == 403


@pytest.mark.parametrize("where", [PAGE, API])
@pytest.mark.parametrize(
    "name",
    [
        "site", "site:", "site:x", f"site:{NOBODY}", "nothing:1", "latestvalue:1",
        f"user:{NOBODY}", "plan:1", "\x00", "devices.Site:\x00",
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(client_for, red, where, name):
    answer = client_for(red.owner).get(where, {"object": name})

    assert answer.status_code == 404 or (answer.status_code == 400 and where == API)


def test_people_and_types_are_no_tenants_business(client_for, red):
    with red.scope():
        device = DeviceFactory(tenant=red.tenant)
    for obj in (red.owner, device.profile):
        assert ask(client_for(red.owner), API, obj).status_code == 404


def test_channels_go_by_their_uuid(client_for, red):
    with red.scope():
        channel = ChannelFactory(device=DeviceFactory(tenant=red.tenant))
    answer = client_for(red.owner).get(API, {"object": f"devices.Channel:{channel.uuid}"})

    assert [entry["kind"] for entry in answer.json()["results"]] == ["insert"]


@pytest.mark.parametrize("where", [PAGE, API])
def test_the_number_of_queries_does_not_grow(client_for, red, site, where):
    browser = client_for(red.owner)
    rename(red, site, 2)
    ask(browser, where, site)

    with CaptureQueriesContext(connection) as few:
        ask(browser, where, site)
    rename(red, site, 45)
    with CaptureQueriesContext(connection) as many:
        ask(browser, where, site)

    assert len(many) == len(few)


@pytest.fixture
def changed_by_staff(red, site, staff, client_for):
    answer = client_for(staff).post(
        f"/admin/devices/site/{site.id}/change/",
        {"name": "By staff", "timezone": "UTC", "currency": "TRY", "address": ""},
    )
    assert answer.status_code == 302


@pytest.mark.parametrize("where", [PAGE, API, "admin"])
def test_tenants_read_platform_staff(client_for, red, site, staff, changed_by_staff, where):
    browser = client_for(red.owner)
    if where == "admin":
        answer = browser.get(f"/admin/devices/site/{site.id}/history/")
    else:
        answer = ask(browser, where, site)

    assert answer.status_code == 200
    assert "platform staff" in answer.content.decode()
    assert staff.email not in answer.content.decode()


def test_staff_read_who_it_was(client_for, site, staff, changed_by_staff):
    page = client_for(staff).get(f"/admin/devices/site/{site.id}/history/").content.decode()

    assert staff.email in page
    assert "Izmir plant → By staff" in page


def test_the_admin_keeps_the_log_of_what_is_not_tracked(client_for, red, staff):
    with red.scope():
        latest = LatestValueFactory(channel=ChannelFactory(device=DeviceFactory(tenant=red.tenant)))
    LogEntry.objects.create(
        user=staff, content_type=ContentType.objects.get_for_model(LatestValue),
        object_id=str(latest.pk), object_repr="x", action_flag=CHANGE, change_message="Checked",
    )  # fmt: skip
    page = client_for(red.owner).get(f"/admin/telemetry/latestvalue/{latest.pk}/history/")

    assert page.status_code == 200
    assert "Checked" in page.content.decode()
    assert "platform staff" in page.content.decode()
    assert staff.email not in page.content.decode()


def test_impersonation_shows_both(client_for, red, staff):
    with red.scope():
        role = Role.objects.create(tenant=red.tenant, name="Agronomist", codes=["read:site"])
    actor = Actor("user", red.owner.pk, red.owner.email, staff.pk, staff.email, None, "r-9")
    request = type("Request", (), {"acting": None})()
    with pghistory.context(**_facts(actor, request)), red.scope():
        Role.objects.filter(pk=role.pk).update(name="Agronomist 2")

    entry = ask(client_for(red.owner), API, role).json()["results"][0]
    assert entry["origin"] == {
        "kind": "user", "who": red.owner.email, "through": "platform staff", "what": "",
        "request_id": "r-9",
    }  # fmt: skip


@pytest.mark.parametrize(("person", "is_shown"), [("owner", True), ("viewer", False)])
def test_the_devices_page_links_to_it(client_for, red, person, is_shown):
    with red.scope():
        device = DeviceFactory(tenant=red.tenant)
    answer = client_for(getattr(red, person)).get(f"/devices/{device.id}?part=changes")
    page = answer.content.decode()

    assert (f"{PAGE}?object=device:{device.id}" in page) is is_shown


def test_the_audit_trail_links_to_it(client_for, red, now, site):
    record_event(action="site.changed", now=now, tenant_id=red.tenant.id, obj=site)

    page = client_for(red.owner).get(reverse("settings-audit")).content.decode()
    assert f"{PAGE}?object=devices.Site:{site.pk}" in page
