"""Pages of schedules: the week, the editor without JSON, and what buttons do."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from accounts.models import User
from automation.models import Execution, Schedule
from automation.pages.week import make_week
from automation.schedules.definition import read_schedule
from automation.schedules.place import Place
from devices.models import Device, Site
from tests.automation.test_schedules_services import make, pump
from tests.conftest import Team
from tests.factories import NOW

__all__ = ["pump"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
SignIn = Callable[[User], Client]
PAGE = "/automation/schedules/"


@pytest.fixture
def client(red: Team, client_for: SignIn) -> Client:
    return client_for(red.owner)


def filled(device: Device, **changes: Any) -> dict[str, Any]:
    """Return the editor as somebody fills it in."""
    return {
        "name": "Morning water", "site": str(device.site_id), "kind": "times", "at": "6:00 18:30",
        "days": ["1", "5"], "holidays": "skip", "country": "DE", "subdivision": "by",
        "except_days": "2026-12-24", "missed": "last", "late": "10",
        "actions-rows": "3", "actions-0-kind": "command",
        "actions-0-command": f"{device.id}|pump_on", "actions-0-p_duration_s": "60",
        "actions-0-wait": "on", "actions-1-kind": "", "actions-2-kind": "delay",
        "actions-2-seconds": "30", "actions-3-kind": "", "end_actions-rows": "1",
        "do": "enable",
    } | changes  # fmt: skip


def test_somebody_makes_a_schedule_without_json(red: Team, pump: Device, client: Client) -> None:
    answer = client.post(
        f"{PAGE}new",
        filled(pump, **{"actions-rows": "4", "actions-3-kind": "command",
                        "actions-3-command": f"{pump.id}|pump_off"}),
    )  # fmt: skip
    with red.scope():
        made = Schedule.objects.get()
    assert answer.headers["Location"] == f"{PAGE}{made.id}"
    assert made.is_enabled
    assert made.definition == {
        "when": {"kind": "times", "at": ["06:00", "18:30"]}, "days": [1, 5], "missed": "last",
        "late_seconds": 600, "holidays": "skip", "country": "DE", "subdivision": "BY",
        "except": ["2026-12-24"],
    }  # fmt: skip
    assert [one["kind"] for one in made.actions] == ["command", "delay", "command"]
    assert made.actions[0]["params"] == {"duration_s": 60}
    page = client.get(answer.headers["Location"]).content.decode()
    assert "06:00, 18:30 · Mon, Fri · not on public holidays (DE-BY)" in page


@pytest.mark.parametrize(
    ("fields", "when"),
    [
        ({"kind": "every", "every": "2", "unit": "3600"}, {"kind": "every", "seconds": 7200}),
        ({"kind": "window", "start": "22:00", "end": "06:00", "end_actions-0-kind": "delay",
          "end_actions-0-seconds": "5", "end_actions-rows": "2", "end_actions-1-kind": "command"},
         {"kind": "window", "from": "22:00", "to": "06:00"}),
        ({"kind": "once", "once": "2026-12-01T18:00"}, {"kind": "once", "at": "2026-12-01T18:00"}),
        ({"kind": "cron", "line": "0  6 * * 1-5"}, {"kind": "cron", "line": "0 6 * * 1-5"}),
        ({"kind": "sun", "event": "dusk", "offset": "-15"},
         {"kind": "sun", "event": "dusk", "offset": -15}),
    ],
)  # fmt: skip
def test_every_kind_of_time_can_be_chosen_and_changed(
    red: Team, pump: Device, client: Client, fields: dict[str, Any], when: dict[str, Any]
) -> None:
    with red.scope():
        Site.objects.filter(id=pump.site_id).update(latitude=38.4, longitude=27.1)
    given = filled(pump, **fields) | {"actions-rows": "1"}
    if "end_actions-1-kind" in fields:
        given["end_actions-1-command"] = f"{pump.id}|pump_off"
    answer = client.post(f"{PAGE}new", given)
    assert answer.status_code == 302, answer.content.decode()
    with red.scope():
        made = Schedule.objects.get()
    assert made.definition["when"] == when

    # what the editor shows is what is stored: kept as it stands, nothing changes
    shown = client.get(f"{PAGE}{made.id}/edit")
    form = shown.context["form"]
    again = {name: form[name].value() for name in form.fields}
    again = {name: value for name, value in again.items() if value is not None}
    for rows in (shown.context["actions"], shown.context["end_actions"]):
        again[f"{rows[0].place.rpartition('-')[0]}-rows"] = str(len(rows))
        for row in rows:
            again |= {row.add_prefix(name): row[name].value() or "" for name in row.fields}
    again = {name: value for name, value in again.items() if value not in (False, "")}
    kept = client.post(f"{PAGE}{made.id}/edit", _as_text(again) | {"do": "keep"})
    assert kept.status_code == 302
    with red.scope():
        after = Schedule.objects.get()
    assert (after.revision, after.definition, after.actions) == (
        1, made.definition, made.actions
    )  # fmt: skip


def test_next_runs_are_shown_and_nothing_is_kept(red: Team, pump: Device, client: Client) -> None:
    page = client.post(f"{PAGE}new", filled(pump, do="preview")).content.decode()
    assert "06:00, 18:30 · Mon, Fri" in page
    assert re.search(r"Fri\s[^<]*2026[^<]*18:30", page)
    with red.scope():
        assert Schedule.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"at": "99:00"}, "id_at_error"),
        ({"kind": "cron", "line": "0 0 31 2 *"}, "id_line_error"),
        ({"kind": "sun", "event": "dusk"}, "id_event_error"),
        ({"country": ""}, "id_country_error"),
        ({"actions-0-p_duration_s": "0"}, "id_actions-0-p_duration_s_error"),
        ({"actions-2-kind": "", "actions-0-kind": ""}, "Say what is done"),
    ],
)
def test_what_is_wrong_is_marked_where_it_is(
    red: Team, pump: Device, client: Client, change: dict[str, Any], shown: str
) -> None:
    page = client.post(f"{PAGE}new", filled(pump, **({"actions-2-kind": ""} | change)))
    assert page.status_code == 200
    assert shown in page.content.decode()
    with red.scope():
        assert Schedule.objects.count() == 0


def test_a_chosen_command_shows_its_fields_and_nothing_is_checked_yet(
    pump: Device, client: Client
) -> None:
    page = client.post(
        f"{PAGE}new",
        {"do": "look", "actions-rows": "1", "actions-0-kind": "command",
         "actions-0-command": f"{pump.id}|dose"},
    ).content.decode()  # fmt: skip
    assert "actions-0-p_ml" in page
    assert "not right yet" not in page


def test_buttons_switch_run_and_remove(red: Team, pump: Device, client: Client) -> None:
    with red.scope():
        made = make(pump, now=NOW)
    url = f"{PAGE}{made.id}"
    client.post(f"{url}/switch", {"enabled": "0"})
    ran = client.post(f"{url}/run", {"key": "abc"})
    with red.scope():
        made.refresh_from_db()
        assert not made.is_enabled
        assert ran.headers["Location"] == f"/automation/log/{Execution.objects.get().id}/"
    log = client.get(f"/automation/log/?schedule={made.id}").content.decode()
    assert "Morning water" in log
    detail = client.get(ran.headers["Location"]).content.decode()
    assert "by hand: owner@red.example" in detail
    client.post(f"{ran.headers['Location']}answer", {"do": "cancel"})
    client.post(f"{url}/remove")
    with red.scope():
        assert Execution.objects.get().state == "cancelled"
        assert Schedule.objects.count() == 0


def test_the_place_of_a_site_is_kept(red: Team, pump: Device, client: Client) -> None:
    url = f"{PAGE}places/{pump.site_id}"
    client.post(url, {"latitude": "38,42", "longitude": "27.14"})
    client.post(url, {"latitude": "north", "longitude": "27.14"})
    client.post(url, {"latitude": "91", "longitude": "27.14"})
    with red.scope():
        site = Site.objects.get(id=pump.site_id)
    assert (site.latitude, site.longitude) == (38.42, 27.14)
    assert "38.42" in client.get(f"{PAGE}?site={site.id}").content.decode()


def test_one_that_cannot_be_followed_says_so(red: Team, pump: Device, client: Client) -> None:
    with red.scope():
        made = make(pump, now=NOW)
        Schedule.objects.update(definition={"when": {"kind": "no"}})
    assert "cannot be followed" in client.get(PAGE).content.decode()
    assert "tried again every hour" in client.get(f"{PAGE}{made.id}").content.decode()


@pytest.mark.parametrize(
    ("zone", "monday", "day", "hours"),
    [("Europe/Berlin", "2026-10-19", 6, "25"), ("Europe/Berlin", "2026-03-23", 6, "23"),
     ("Australia/Lord_Howe", "2026-03-30", 6, "24.5")],
)  # fmt: skip
def test_a_week_says_when_clocks_change(zone: str, monday: str, day: int, hours: str) -> None:
    week = _week({"when": {"kind": "times", "at": ["06:00"]}}, zone, monday)
    assert [bool(one.notes) for one in week.days] == [n == day for n in range(7)]
    assert week.days[day].notes == [f"clocks change: {hours} hours"]
    assert [[bar.y for bar in one.bars] for one in week.days] == [[360]] * 7


def test_a_window_over_midnight_is_drawn_on_both_days() -> None:
    week = _week({"when": {"kind": "window", "from": "22:00", "to": "06:00"}, "days": [7, 1]})
    drawn = [[(bar.y, bar.height) for bar in day.bars] for day in week.days]
    assert drawn == [[(0, 360), (1320, 120)], [(0, 360)], [], [], [], [], [(1320, 120)]]
    assert week.days[0].entries[0].text == "22:00–06:00, 22:00–06:00"


def test_very_many_runs_are_one_block_and_holidays_are_named() -> None:
    often = _week(
        {"when": {"kind": "every", "seconds": 60}, "holidays": "skip", "country": "DE"},
        monday="2026-12-21",
    )
    assert [len(day.bars) for day in often.days] == [1, 1, 1, 1, 0, 0, 1]
    assert often.days[4].notes[0] == "Christmas Day"
    assert often.days[0].entries[0].text == "00:00–23:59: 1440 runs"


def _week(definition: dict[str, Any], zone: str = "Europe/Berlin", monday: str = "2026-11-16"):
    read_schedule(definition)
    schedule = Schedule(name="S", definition=definition)
    return make_week([schedule], Place(ZoneInfo(zone)), dt.date.fromisoformat(monday), NOW)


def _as_text(given: dict[str, Any]) -> dict[str, Any]:
    def text(value: Any) -> Any:
        if isinstance(value, dt.datetime):
            return f"{value:%Y-%m-%dT%H:%M}"
        return [str(one) for one in value] if isinstance(value, list | tuple) else str(value)

    return {name: text(value) for name, value in given.items()}
