"""Pages of charging: who sees what, what they say, and what their buttons do."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from charging.models import ChargingEvent, ChargingPrice, ChargingSession, Connector, IdTag
from devices.models import Command
from tests.charging.places import Place
from tests.conftest import Team
from tests.factories import (
    ChannelFactory,
    ChargePointFactory,
    ChargingPriceFactory,
    ChargingSessionFactory,
    ConnectorFactory,
    IdTagFactory,
    LatestValueFactory,
)
from tests.telemetry.samples import store_samples

pytestmark = pytest.mark.django_db


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def boss(red: Team) -> Client:
    return sign_in(red.owner)


def show(place: Place, **fields: Any) -> Connector:
    """Let the controller have said something just now."""
    with place.red.scope():
        rows = Connector.objects.filter(id=place.connector.id)
        rows.update(**{"seen_at": timezone.now(), "state_since": timezone.now()} | fields)
    return place.fresh()


def meter(place: Place, *, kw: float, kwh: float) -> None:
    """Put a meter in front of the connector."""
    device = place.fresh().charge_point.device
    power = ChannelFactory(device=device, name="active_power_net", unit="kW")
    energy = ChannelFactory(device=device, name="active_energy_import", unit="kWh")
    now = timezone.now()
    LatestValueFactory(channel=power, value=kw, time=now)
    LatestValueFactory(channel=energy, value=kwh, time=now)
    with place.red.scope():
        Connector.objects.filter(id=place.connector.id).update(
            power_channel=power, energy_channel=energy
        )


def ended(place: Place, **fields: Any) -> ChargingSession:
    """Return a session of an hour with 12.345 kWh, that cost 93.59 TRY."""
    end = timezone.now() - dt.timedelta(minutes=5)
    begin = end - dt.timedelta(hours=1)
    price = {
        "name": "Staff", "currency": "TRY", "energy_price": "7.5", "session_fee": "1",
        "idle_fee": "0.5", "idle_grace_minutes": 10, "vat_percent": "20",
    }  # fmt: skip
    values = {
        "state": "ended", "since": end, "started_at": begin, "charging_at": begin,
        "stopped_at": end, "ended_at": end, "end_reason": "unplugged", "register_start": 100,
        "register_end": Decimal("112.345"), "energy_kwh": Decimal("12.345"),
        "energised_seconds": 3600, "cost": Decimal("93.59"), "currency": "TRY", "price": price,
        "receipt_number": 7, "settled_at": end, "tag_uid": "04AA",
    }  # fmt: skip
    found: ChargingSession = ChargingSessionFactory(
        connector=place.connector, tenant=place.red.tenant, **values | fields
    )
    return found


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_the_overview_shows_what_each_charge_point_does(place: Place, boss: Client) -> None:
    meter(place, kw=11.04, kwh=1234.5)
    show(place, state=5)
    now = timezone.now()
    ChargingSessionFactory(
        connector=place.connector, state="charging", since=now, started_at=now, charging_at=now,
        register_start=Decimal("1230.5"),
    )  # fmt: skip

    text = text_of(boss.get("/charging/"))

    assert "Charging" in text
    assert "11.0 kW" in text
    assert "4.00 kWh" in text


def test_an_empty_overview_says_what_to_do(boss: Client) -> None:
    assert "No charge point yet" in text_of(boss.get("/charging/"))


def test_the_overview_asks_no_more_of_the_database_with_more_charge_points(
    place: Place, boss: Client
) -> None:
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            boss.get("/charging/")
        return len(found)

    count()
    few = count()
    for _ in range(4):
        ConnectorFactory(charge_point=ChargePointFactory(tenant=place.red.tenant))

    assert 5 < count() <= few


@pytest.mark.parametrize(
    ("state", "fault", "said"),
    [(1, 0, "No vehicle is connected"), (8, 2, "Do not touch cable and vehicle"), (8, 1, "fuses")],
)
def test_a_connector_says_what_is_possible_and_what_is_wrong(
    place: Place, boss: Client, state: int, fault: int, said: str
) -> None:
    show(place, state=state, fault=fault)

    assert said in text_of(boss.get(f"/charging/connectors/{place.connector.id}"))


def test_a_silent_connector_can_only_be_stopped(place: Place, boss: Client) -> None:
    show(place, state=5, seen_at=timezone.now() - dt.timedelta(minutes=2))

    page = boss.get(f"/charging/connectors/{place.connector.id}").content.decode()

    assert "The charge point is silent" in page
    assert 'value="stop">' in page
    assert re.search(r'value="start" disabled', page)


def test_start_becomes_a_command_once_for_a_double_click(place: Place, boss: Client) -> None:
    show(place, state=3)
    url = f"/charging/connectors/{place.connector.id}/act"

    for _ in range(2):
        answer = boss.post(url, {"do": "start", "key": "abc"}, follow=True)

    assert "The charge point is being told" in text_of(answer)
    with place.red.scope():
        assert [one.name for one in Command.objects.all()] == ["charge_start"]


def test_a_refusal_is_told_in_words(place: Place, boss: Client) -> None:
    show(place, state=1)
    url = f"/charging/connectors/{place.connector.id}/act"

    answer = boss.post(url, {"do": "limit", "amps": "99", "key": "a"}, follow=True)
    assert "The limit must be between 6 A" in text_of(answer)

    answer = boss.post(url, {"do": "start", "key": "b"}, follow=True)
    assert "No vehicle is connected" in text_of(answer)


def test_who_may_only_look_has_no_buttons(place: Place) -> None:
    show(place, state=3)
    viewer = sign_in(place.red.viewer)

    page = viewer.get(f"/charging/connectors/{place.connector.id}")
    answer = viewer.post(f"/charging/connectors/{place.connector.id}/act", {"do": "start"})

    assert "Start charging" not in text_of(page)
    assert answer.status_code == 403


def test_strangers_find_nothing(place: Place, blue: Team) -> None:
    session, stranger = ended(place), sign_in(blue.owner)
    point = place.connector.charge_point_id

    for url in (
        f"/charging/connectors/{place.connector.id}", f"/charging/sessions/{session.id}",
        f"/charging/sessions/{session.id}/receipt", f"/charging/points/{point}/events",
        f"/charging/points/{point}/edit",
    ):  # fmt: skip
        assert stranger.get(url).status_code == 404, url
    act = stranger.post(f"/charging/connectors/{place.connector.id}/act", {"do": "start"})
    assert act.status_code == 404


def test_sessions_are_filtered_and_summed(place: Place, boss: Client) -> None:
    ended(place)
    old = timezone.now() - dt.timedelta(days=40)
    ended(place, receipt_number=8, started_at=old, tag_uid="04BB")

    text = text_of(boss.get("/charging/sessions"))
    assert "12.35 kWh" in text
    assert "04BB" not in text
    assert "04BB" in text_of(boss.get("/charging/sessions?period=90"))
    assert "Nothing matches" in text_of(boss.get("/charging/sessions?q=nobody"))


def test_the_table_to_take_away_is_safe_for_spreadsheets(place: Place, boss: Client) -> None:
    ended(place, tag_uid="=1+1")

    answer = boss.get("/charging/sessions.csv")
    lines = b"".join(answer).decode().splitlines()

    assert len(lines) == 2
    assert "'=1+1" in lines[1]
    assert "12.345" in lines[1]
    assert "private" in answer["Cache-Control"] or "no-store" in answer["Cache-Control"]


def test_a_session_shows_registers_price_lines_and_the_way_to_its_samples(
    place: Place, boss: Client
) -> None:
    meter(place, kw=0, kwh=112.345)
    session = ended(place)
    with place.red.scope():
        channel = Connector.objects.get(id=place.connector.id).power_channel
        assert channel is not None
        store_samples(
            channel, [(session.started_at + dt.timedelta(minutes=n), 11.0) for n in range(60)]
        )
        ChargingEvent.objects.create(
            connector=place.connector, session=session, kind="CHARGE_STARTED",
            at=session.started_at, from_state=3, to_state=5, is_inferred=True,
        )  # fmt: skip

    answer = boss.get(f"/charging/sessions/{session.id}")
    text = text_of(answer)

    assert "12.345 kWh" in text
    assert "92.59 TRY" in text  # energy
    assert "93.59 TRY" in text  # total
    assert "highest 11.0 kW" in text
    assert "Charging began" in text
    assert "concluded, nobody saw it" in text
    assert f"c={channel.id}" in answer.content.decode()


def test_an_estimate_says_so_and_why(place: Place, boss: Client) -> None:
    session = ended(place, is_estimated=True, estimate_note="no_meter")

    text = text_of(boss.get(f"/charging/sessions/{session.id}"))

    assert "The energy is an estimate." in text
    assert "there is no meter in front of the connector" in text


def test_a_tag_is_added_changed_and_removed(place: Place, boss: Client) -> None:
    given = {"uid": "04ab", "label": "Pool car", "max_active": 1, "kwh_quota": "50"}

    answer = boss.post("/charging/tags/new", given, follow=True)
    assert "Pool car" in text_of(answer)
    with place.red.scope():
        tag = IdTag.objects.get(uid="04AB")
    again = boss.post("/charging/tags/new", given)
    assert again.status_code == 422
    assert "There is one of this name already" in text_of(again)
    boss.post(f"/charging/tags/{tag.id}", {**given, "is_blocked": "on"})
    assert "Blocked" in text_of(boss.get("/charging/tags"))
    boss.post(f"/charging/tags/{tag.id}/remove")
    with place.red.scope():
        assert not IdTag.objects.exists()


def test_the_use_of_a_quota_is_shown(place: Place, boss: Client) -> None:
    tag = IdTagFactory(tenant=place.red.tenant, uid="04AA", kwh_quota=50)
    ended(place, id_tag=tag, started_at=timezone.now())

    text = text_of(boss.get("/charging/tags"))

    assert "12.3 kWh" in text
    assert "25 %" in text


def test_the_next_unknown_card_is_offered(place: Place, boss: Client) -> None:
    IdTagFactory(tenant=place.red.tenant, uid="04KNOWN")
    with place.red.scope():
        for uid in ("04NEW", "04KNOWN"):
            ChargingEvent.objects.create(
                connector=place.connector, kind="RFID_PRESENTED", at=timezone.now(),
                detail={"tag": uid},
            )  # fmt: skip

    text = text_of(boss.get(f"/charging/tags/learn?connector={place.connector.id}"))

    assert "04NEW" in text
    assert "04KNOWN" not in text


def test_a_price_in_use_stays(place: Place, boss: Client) -> None:
    with place.red.scope():
        used = ChargingPrice.objects.get()
    free = ChargingPriceFactory(tenant=place.red.tenant)

    answer = boss.post(f"/charging/prices/{used.id}/remove", follow=True)
    boss.post(f"/charging/prices/{free.id}/remove")

    assert "Charge points have this price" in text_of(answer)
    with place.red.scope():
        assert list(ChargingPrice.objects.values_list("id", flat=True)) == [used.id]


def test_the_rules_of_a_charge_point_are_changed(place: Place, boss: Client) -> None:
    point = place.connector.charge_point
    given = {"name": "Yard", "max_current_a": 16, "access": "free", "connection_timeout_s": 60}

    boss.post(f"/charging/points/{point.id}/edit", given)

    with place.red.scope():
        found = type(point).objects.get(id=point.id)
    assert (found.name, found.max_current_a, found.access, found.price) == (
        "Yard", 16, "free", None,
    )  # fmt: skip


def test_events_are_shown_in_words(place: Place, boss: Client) -> None:
    with place.red.scope():
        ChargingEvent.objects.create(
            connector=place.connector, kind="FAULT_DETECTED", at=timezone.now(), from_state=5,
            to_state=8, detail={"fault": 2},
        )  # fmt: skip
    url = f"/charging/points/{place.connector.charge_point_id}/events"

    text = text_of(boss.get(url))

    assert "Current flows to earth" in text
    assert "Charging → Fault" in text
    assert "Nothing happened yet" in text_of(boss.get(f"{url}?kind=OVERCURRENT"))
