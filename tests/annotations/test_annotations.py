"""Notes on the time of a site: the API, the energy page, and who may write them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from accounts.tenancy import all_tenants
from devices.models import Site
from telemetry.annotations import services
from telemetry.models import Annotation
from tests.conftest import Team
from tests.factories import DeviceFactory, SiteFactory
from tests.metering.conftest import NOW
from tests.metering.energy_site import make_day_meters

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
DAY = "2026-11-12T"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def site(red: Team) -> Site:
    """A site in Berlin, one hour ahead of UTC, with a meter that counted in November."""
    site: Site = SiteFactory(tenant=red.tenant, name="Hamburg", timezone="Europe/Berlin")
    make_day_meters(red, site.id, 1, start=dt.date(2026, 11, 1), end=dt.date(2026, 11, 20))
    return site


def ask(client: Client, method: str, url: str, **body: Any) -> Any:
    return getattr(client, method)(url, data=json.dumps(body), content_type="application/json")


def address(site: Site) -> str:
    return f"/api/v1/sites/{site.id}/annotations"


def keep(site: Site, start: str, end: str | None = None, text: str = "boiler repaired") -> None:
    with all_tenants():
        services.add_annotation(
            site=site, device=None, start=dt.datetime.fromisoformat(start),
            end=dt.datetime.fromisoformat(end) if end else None, text=text, made_by=None, now=NOW,
        )  # fmt: skip


def test_a_note_is_added_read_changed_and_deleted(
    red: Team, site: Site, client_for: SignIn
) -> None:
    client = client_for(red.operator)

    made = ask(client, "post", address(site), start=DAY + "08:00:00Z", text=" boiler repaired ")
    assert made.status_code == 201
    note = made.json()
    assert (note["text"], note["end"], note["device"]) == ("boiler repaired", None, None)
    assert note["made_by_label"] == red.operator.email
    assert client.get(address(site)).json()["results"] == [note]

    one = reverse("api-annotation-detail", args=[note["id"]])
    changed = ask(client, "patch", one, end=DAY + "10:00:00Z")
    assert changed.json()["end"] == DAY + "10:00:00Z"
    assert client.delete(one).status_code == 204
    assert client.delete(one).status_code == 404
    assert client.get(address(site)).json()["results"] == []


@pytest.mark.parametrize(
    ("start", "end", "is_found"),
    [
        ("10:00", "12:00", True), ("08:59", "09:01", True), ("09:00", "09:30", True),
        ("11:00", "12:00", False), ("08:00", "09:00", False),
    ],
)  # fmt: skip
def test_notes_of_a_time_are_those_that_touch_it(
    red: Team, site: Site, client_for: SignIn, start: str, end: str, is_found: bool
) -> None:
    keep(site, DAY + "09:00Z", DAY + "11:00Z")

    span = {"start": f"{DAY}{start}Z", "end": f"{DAY}{end}Z"}
    rows = client_for(red.viewer).get(address(site), span).json()["results"]

    assert [row["text"] for row in rows] == (["boiler repaired"] if is_found else [])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"text": " "}, "invalid"),
        ({"text": "x" * 501}, "invalid"),
        ({"end": DAY + "08:00:00Z"}, "impossible_time"),
        ({"end": DAY + "07:00:00Z"}, "impossible_time"),
        ({"start": "1999-01-01T00:00:00Z"}, "impossible_time"),
        ({"start": "2040-01-01T00:00:00Z"}, "impossible_time"),
    ],
)
def test_what_is_no_note_is_refused(
    red: Team, site: Site, client_for: SignIn, changes: dict[str, str], code: str
) -> None:
    body = {"start": DAY + "08:00:00Z", "text": "boiler repaired"} | changes

    answer = ask(client_for(red.operator), "post", address(site), **body)

    assert answer.status_code == 400
    found = answer.json()
    assert code in {found["code"], *(one["code"] for one in found.get("errors", []))} or (
        code == "invalid" and "/text" in json.dumps(found)
    )
    with all_tenants():
        assert not Annotation.objects.exists()


def test_a_device_must_stand_at_the_site(red: Team, site: Site, client_for: SignIn) -> None:
    with red.scope():
        elsewhere = SiteFactory(tenant=red.tenant)
        device = DeviceFactory(tenant=red.tenant, site=elsewhere, gateway=None)
    body = {"start": DAY + "08:00:00Z", "text": "repaired", "device": str(device.id)}

    answer = ask(client_for(red.operator), "post", address(site), **body)

    assert (answer.status_code, answer.json()["code"]) == (400, "device_elsewhere")


def test_a_site_has_a_bound_of_notes(
    red: Team, site: Site, client_for: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_PER_SITE", 2)
    client = client_for(red.operator)
    codes = [
        ask(client, "post", address(site), start=f"{DAY}0{n}:00:00Z", text="x").status_code
        for n in range(3)
    ]
    assert codes == [201, 201, 400]


def test_strangers_find_nothing_and_viewers_write_nothing(
    red: Team, blue: Team, site: Site, client_for: SignIn
) -> None:
    keep(site, DAY + "09:00Z")
    with all_tenants():
        note = Annotation.objects.get()
    one = reverse("api-annotation-detail", args=[note.id])
    body = {"start": DAY + "08:00:00Z", "text": "x"}

    assert client_for(blue.owner).get(address(site)).status_code == 404
    assert client_for(blue.owner).delete(one).status_code == 404
    assert ask(client_for(blue.owner), "post", address(site), **body).status_code == 404
    assert client_for(red.viewer).delete(one).status_code == 403
    assert ask(client_for(red.viewer), "post", address(site), **body).status_code == 403
    with all_tenants():
        assert Annotation.objects.count() == 1


class TestPage:
    def test_a_note_stands_over_its_bars_and_below_them(
        self, red: Team, site: Site, client_for: SignIn
    ) -> None:
        keep(site, "2026-11-15T23:00Z", "2026-11-17T23:00Z", text="<b>line 2</b> stopped")
        keep(site, "2026-10-01T00:00Z", text="long ago")

        page = client_for(red.viewer).get(reverse("energy"), {"date": "2026-11"}).content.decode()

        assert "&lt;b&gt;line 2&lt;/b&gt; stopped" in page and "long ago" not in page
        # the 16th and 17th of thirty local days
        assert 'class="ebars__note" x="50.000%" y="0" width="6.667%"' in page
        assert "Add a note" not in page

    def test_a_note_is_written_in_the_clock_of_the_site(
        self, red: Team, site: Site, client_for: SignIn
    ) -> None:
        client = client_for(red.operator)
        form = {
            "site": str(site.id), "start": "2026-11-12T09:30", "text": "repaired",
            "back": "date=2026-11&period=month",
        }  # fmt: skip

        answer = client.post(reverse("energy-note-add"), form)

        assert answer["Location"] == reverse("energy") + "?date=2026-11&period=month"
        with all_tenants():
            note = Annotation.objects.get()
        assert note.start == dt.datetime(2026, 11, 12, 8, 30, tzinfo=dt.UTC)
        assert note.made_by == red.operator
        page = client.get(answer["Location"]).content.decode()
        assert "repaired" in page and red.operator.email in page
        client.post(reverse("energy-note-delete", args=[note.id]), {"back": "//evil.example"})
        with all_tenants():
            assert not Annotation.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "said"),
        [({"text": ""}, "What happened"), ({"end": "2026-11-12T09:00"}, "after the beginning")],
    )
    def test_what_is_no_note_is_said(
        self, red: Team, site: Site, client_for: SignIn, changes: dict[str, str], said: str
    ) -> None:
        form = {"site": str(site.id), "start": "2026-11-12T09:30", "text": "repaired"}
        page = client_for(red.operator).post(
            reverse("energy-note-add"), form | changes, follow=True
        )
        assert said in page.content.decode()
        with all_tenants():
            assert not Annotation.objects.exists()

    def test_more_notes_cost_no_more_queries(
        self, red: Team, site: Site, client_for: SignIn
    ) -> None:
        client = client_for(red.operator)

        def count() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(reverse("energy"), {"date": "2026-11"}).status_code == 200
            return len(queries)

        keep(site, DAY + "09:00Z")
        count()
        few = count()
        for n in range(60):
            keep(site, f"{DAY}10:{n:02}Z")
        assert count() <= few + 1  # how many more there are
        assert "11 older notes" in client.get(reverse("energy"), {"date": "2026-11"}).text
