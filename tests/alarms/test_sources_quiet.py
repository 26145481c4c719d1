"""People say when nobody is to be told."""

import datetime as dt

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from alarms.models import Alarm, MaintenanceWindow, Shelving, Suppression
from alarms.quiet_words import change_text, suppression_text
from alarms.services import quiet
from alarms.services.quiet import (
    ImpossiblePeriod,
    NameMissing,
    NoSuchAlarm,
    PlacesDiffer,
    QuietGone,
    TooManyQuiet,
    change_maintenance,
    end_maintenance,
    plan_maintenance,
    shelve,
    unshelve,
)
from alarms.services.suppression import suppress
from tests.alarms.making import open_alarm
from tests.factories import NOW, DeviceFactory, GatewayFactory, SiteFactory

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def device(red):
    return DeviceFactory(tenant=red.tenant)


@pytest.fixture
def plan(red):
    def plan_it(**fields):
        wanted = {
            "name": "New fuse", "start": NOW, "end": NOW + HOUR, "made_by": red.owner, "now": NOW,
        }  # fmt: skip
        with red.scope():
            return plan_maintenance(**(wanted | fields))

    return plan_it


def raised(red, device, at=NOW):
    alarm = open_alarm(
        red, f"device:{device.id}:alarm:LEAK", at=at, code="LEAK", device=device,
        gateway=device.gateway, site=device.site,
    )  # fmt: skip
    with red.scope():
        suppress([alarm], now=at)
    return alarm


def because(red, alarm):
    with red.scope():
        return Alarm.objects.get(id=alarm.id).suppressed_because


class TestMaintenance:
    def test_names_all_places_above_the_chosen(self, plan, device):
        window = plan(device=device)

        assert (window.gateway, window.site) == (device.gateway, device.site)
        assert AuditEvent.objects.filter(action="maintenance.planned").exists()

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"name": "  "}, NameMissing),
            ({"end": NOW}, ImpossiblePeriod),
            ({"start": NOW - 2 * HOUR, "end": NOW - HOUR}, ImpossiblePeriod),
            ({"end": NOW + dt.timedelta(days=91)}, ImpossiblePeriod),
            (
                {"start": NOW + dt.timedelta(days=367), "end": NOW + dt.timedelta(days=368)},
                ImpossiblePeriod,
            ),
        ],
    )
    def test_refuses_what_cannot_be(self, plan, fields, error):
        with pytest.raises(error):
            plan(**fields)

    def test_refuses_places_that_do_not_belong_together(self, red, plan, device):
        other = GatewayFactory(tenant=red.tenant, site=SiteFactory(tenant=red.tenant))

        with pytest.raises(PlacesDiffer):
            plan(device=device, gateway=other)
        with pytest.raises(PlacesDiffer):
            plan(gateway=other, site=device.site)

    def test_refuses_a_flood(self, plan, monkeypatch):
        monkeypatch.setattr(quiet, "MAX_OPEN", 2)
        plan()
        plan()

        with pytest.raises(TooManyQuiet):
            plan()

    def test_what_is_still_wrong_is_told_when_it_is_ended(self, red, plan, device):
        window = plan(site=device.site)
        alarm = raised(red, device)
        assert because(red, alarm) == Suppression.MAINTENANCE

        with red.scope():
            end_maintenance(window_id=window.id, now=NOW + HOUR / 2)

        assert because(red, alarm) == ""
        with red.scope():
            kinds = list(alarm.events.order_by("id").values_list("kind", flat=True))
        assert kinds == ["raised", "suppressed", "released"]

    def test_one_that_has_not_begun_is_deleted(self, red, plan):
        window = plan(start=NOW + HOUR, end=NOW + 2 * HOUR)

        with red.scope():
            end_maintenance(window_id=window.id, now=NOW)
            assert not MaintenanceWindow.objects.exists()

    def test_one_that_is_over_stays_as_it_was(self, red, plan):
        window = plan()

        with red.scope(), pytest.raises(QuietGone):
            end_maintenance(window_id=window.id, now=NOW + HOUR)
        with red.scope(), pytest.raises(QuietGone):
            change_maintenance(window_id=window.id, changes={"name": "x"}, now=NOW + HOUR)

    def test_a_longer_one_stays_quiet(self, red, plan, device):
        window = plan(device=device)
        alarm = raised(red, device)

        with red.scope():
            change_maintenance(window_id=window.id, changes={"end": NOW + 3 * HOUR}, now=NOW)

        assert because(red, alarm) == Suppression.MAINTENANCE


class TestShelving:
    def test_keeps_this_alarm_and_later_ones_quiet(self, red, device):
        alarm = raised(red, device)

        with red.scope():
            shelve(
                alarm_id=alarm.id, until=NOW + HOUR, reason="Ordered", made_by=red.owner, now=NOW
            )

        assert because(red, alarm) == Suppression.SHELVED
        with red.scope():
            Alarm.objects.filter(id=alarm.id).update(cleared_at=NOW, ending="cleared")
            assert Shelving.objects.get().reason == "Ordered"
        assert because(red, raised(red, device, NOW + HOUR / 2)) == Suppression.SHELVED

    def test_shelved_again_holds_as_said_last(self, red, device):
        alarm = raised(red, device)
        with red.scope():
            for hours in (1, 5):
                shelve(
                    alarm_id=alarm.id, until=NOW + hours * HOUR, reason="", made_by=None, now=NOW
                )

            assert Shelving.objects.get().until == NOW + 5 * HOUR

    def test_is_told_when_it_is_ended(self, red, device):
        alarm = raised(red, device)
        with red.scope():
            row = shelve(alarm_id=alarm.id, until=NOW + HOUR, reason="", made_by=None, now=NOW)
            unshelve(shelving_id=row.id, now=NOW)

        assert because(red, alarm) == ""

    def test_refuses_what_is_not_there_or_cannot_be(self, red, blue, device):
        alarm = raised(red, device)
        wanted = {"reason": "", "made_by": None, "now": NOW}

        with blue.scope(), pytest.raises(NoSuchAlarm):
            shelve(alarm_id=alarm.id, until=NOW + HOUR, **wanted)
        with red.scope(), pytest.raises(ImpossiblePeriod):
            shelve(alarm_id=alarm.id, until=NOW, **wanted)
        with red.scope(), pytest.raises(ImpossiblePeriod):
            shelve(alarm_id=alarm.id, until=NOW + dt.timedelta(days=91), **wanted)
        with blue.scope(), pytest.raises(QuietGone):
            unshelve(shelving_id=alarm.id, now=NOW)


def test_says_reasons_in_words():
    assert suppression_text("maintenance: New fuse") == "Maintenance: New fuse"
    assert suppression_text("flapping") == "Comes and goes"
    assert suppression_text("anything: else") == "anything: else"
    assert change_text("severity: error") == "Now: Error"
    assert change_text("as it was") == "as it was"


@pytest.mark.usefixtures("at_noon")
class TestPage:
    @pytest.fixture
    def browser(self, client_for, red):
        return client_for(red.operator)

    def test_shows_what_is_quiet(self, browser, red, plan, device):
        plan(device=device)
        plan(name="Later", start=NOW + HOUR, end=NOW + 2 * HOUR)
        raised(red, device)

        page = browser.get(reverse("alarm-quiet")).content.decode()

        for text in ("New fuse", "Later", "Everywhere", device.name, "Something is wrong"):
            assert text in page

    def test_plans_by_the_clock_of_the_site(self, browser, red):
        site = SiteFactory(tenant=red.tenant, timezone="Asia/Tokyo")

        answer = browser.post(
            reverse("alarm-window-new"),
            {
                "name": "Inspection", "place": f"site:{site.id}", "start": "2026-11-21T09:00",
                "hours": "4", "end": "",
            },
        )  # fmt: skip

        assert answer.status_code == 302
        with red.scope():
            window = MaintenanceWindow.objects.get()
        assert window.start == dt.datetime(2026, 11, 21, 0, 0, tzinfo=dt.UTC)
        assert window.end == window.start + 4 * HOUR
        assert (window.site_id, window.made_by) == (site.id, red.operator)

    def test_says_what_is_wrong_and_keeps_what_was_entered(self, browser, red):
        answer = browser.post(
            reverse("alarm-window-new"), {"name": "Old", "end": "2020-01-01T00:00", "hours": "1"}
        )

        assert answer.status_code == 422
        assert "The end must be after" in answer.content.decode()
        assert 'value="Old"' in answer.content.decode()

    def test_another_tenants_place_is_none(self, browser, blue, red):
        site = SiteFactory(tenant=blue.tenant)

        answer = browser.post(
            reverse("alarm-window-new"),
            {"name": "x", "place": f"site:{site.id}", "hours": "1"},
        )

        assert answer.status_code == 422
        with red.scope():
            assert not MaintenanceWindow.objects.exists()

    def test_a_link_prepares_the_place(self, browser, device):
        page = browser.get(reverse("alarm-quiet"), {"place": f"device:{device.id}"})

        assert f'value="device:{device.id}" selected' in page.content.decode()

    @pytest.mark.parametrize("place", ["device:", "x", "device:1:2", "tenant:5", "\0"])
    def test_a_senseless_link_prepares_nothing(self, browser, place):
        assert browser.get(reverse("alarm-quiet"), {"place": place}).status_code == 200

    def test_a_link_prepares_the_alarm(self, browser, red, device, monkeypatch):
        monkeypatch.setattr("alarms.pages.quiet_forms.MAX_ALARMS", 0)
        alarm = raised(red, device)

        page = browser.get(reverse("alarm-quiet"), {"alarm": str(alarm.id)}).content.decode()

        assert f'value="{alarm.id}" selected' in page
        assert browser.get(reverse("alarm-quiet"), {"alarm": "x"}).status_code == 200

    def test_ends_and_unshelves(self, browser, red, plan, device):
        window = plan(device=device)
        alarm = raised(red, device)
        browser.post(
            reverse("alarm-shelving-new"), {"alarm": str(alarm.id), "hours": "1", "reason": "x"}
        )
        with red.scope():
            shelving = Shelving.objects.get()

        browser.post(reverse("alarm-window-end", args=[window.id]))
        assert because(red, alarm) == Suppression.SHELVED
        browser.post(reverse("alarm-shelving-end", args=[shelving.id]))

        assert because(red, alarm) == ""
        assert browser.post(reverse("alarm-shelving-end", args=[shelving.id])).status_code == 404

    def test_viewers_look_and_change_nothing(self, client_for, red, blue, plan, device):
        window = plan(device=device)
        viewer, stranger = client_for(red.viewer), client_for(blue.owner)

        assert "New window" not in viewer.get(reverse("alarm-quiet")).content.decode()
        assert viewer.post(reverse("alarm-window-end", args=[window.id])).status_code == 403
        assert stranger.post(reverse("alarm-window-end", args=[window.id])).status_code == 404
        assert "New fuse" not in stranger.get(reverse("alarm-quiet")).content.decode()

    def test_costs_the_same_with_more(self, browser, red, plan, device):
        def count():
            from django.db import connection
            from django.test.utils import CaptureQueriesContext

            with CaptureQueriesContext(connection) as queries:
                browser.get(reverse("alarm-quiet"))
            return len(queries)

        plan(device=device)
        raised(red, device)
        browser.get(reverse("alarm-quiet"))
        few = count()
        for _n in range(5):
            other = DeviceFactory(tenant=red.tenant)
            plan(device=other)
            raised(red, other)

        assert count() == few
