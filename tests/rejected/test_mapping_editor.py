"""The mapping editor in the admin: preview, errors with their place, save and replay."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.models import DeviceProfile
from telemetry.mapping_preview import preview_mapping, read_spec, write_spec
from telemetry.models import RejectedMessage
from tests.conftest import Team
from tests.factories import DeviceProfileFactory, RejectedMessageFactory, UserFactory

SPEC = """
topics:
  - topic: "plant/{device}/power"
    values:
      - {path: p.total, channel: active_power_net, unit: W}
    time: {path: t, format: s}
"""
TOPIC = "plant/meter-1/power"
UTC = dt.UTC
NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)


def form(**more: str) -> dict[str, str]:
    return {"spec": SPEC, "topic": TOPIC, "payload": '{"t": 1763600000, "p": {"total": 1500}}',
            "encoding": "text", "zone": "UTC", **more}  # fmt: skip


def editor(profile: DeviceProfile) -> str:
    return f"/admin/devices/deviceprofile/{profile.pk}/mapping/"


def test_shows_what_would_be_stored() -> None:
    found = preview_mapping(
        SPEC, topic=TOPIC, payload=b'{"t": 1763600000, "p": {"total": 1500}}', zone=UTC, now=NOW
    )

    [row] = found.rows
    assert (row.device, row.channel, row.value, row.unit) == (
        "meter-1", "active_power_net", 1.5, "kW",
    )  # fmt: skip
    assert (row.time, row.quality) == (dt.datetime.fromtimestamp(1763600000, dt.UTC), "good")
    assert found.captures == {"device": "meter-1"}


@pytest.mark.parametrize(
    ("spec", "topic", "payload", "path", "code"),
    [
        (SPEC.replace("unit: W", "unit: Wx"), TOPIC, b"{}", "topics[0].values[0].unit", "bad_unit"),
        ("topics: [", TOPIC, b"{}", "", "bad_shape"),
        ("- 1", TOPIC, b"{}", "", "bad_shape"),
        (SPEC, "plant/x", b"{}", "", "unknown_topic"),
        (SPEC, TOPIC, b"{", "", "bad_payload"),
    ],
)
def test_names_the_place_of_an_error(
    spec: str, topic: str, payload: bytes, path: str, code: str
) -> None:
    found = preview_mapping(spec, topic=topic, payload=payload, zone=UTC, now=NOW)

    assert (found.troubles[0].path, found.troubles[0].code) == (path, code)
    assert found.rows == []


# the first text of a run waits for a table of all characters
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=300), st.text(max_size=40), st.binary(max_size=200))
def test_any_text_is_tried_or_refused(spec: str, topic: str, payload: bytes) -> None:
    preview_mapping(spec, topic=topic, payload=payload, zone=UTC, now=NOW)
    preview_mapping(SPEC, topic=topic, payload=payload, zone=UTC, now=NOW)


def test_a_mapping_comes_back_as_it_was_written() -> None:
    assert read_spec(write_spec(read_spec(SPEC))) == read_spec(SPEC)


@pytest.fixture
def profile(db: None) -> DeviceProfile:
    return DeviceProfileFactory(mapping={})


def test_previews_while_somebody_types(admin_client: Client, profile: DeviceProfile) -> None:
    part = admin_client.post(editor(profile), form(preview="part")).content.decode()

    assert "active_power_net" in part
    assert "<html" not in part
    profile.refresh_from_db()
    assert profile.mapping == {}


def test_saves_and_tells_a_mistake(admin_client: Client, profile: DeviceProfile) -> None:
    wrong = form(spec=SPEC.replace("unit: W", "unit: Wx"), save="1")
    page = admin_client.post(editor(profile), wrong).content.decode()
    assert "topics[0].values[0].unit" in page
    profile.refresh_from_db()
    assert profile.mapping == {}

    admin_client.post(editor(profile), form(save="1"))

    before = profile.version
    profile.refresh_from_db()
    assert profile.mapping == read_spec(SPEC)
    assert profile.version == before + 1


def test_leaves_what_comes_with_the_product(admin_client: Client) -> None:
    profile = DeviceProfileFactory(is_builtin=True)

    assert admin_client.post(editor(profile), form(preview="part")).status_code == 200
    assert admin_client.get(editor(profile)).status_code == 200
    assert admin_client.post(editor(profile), form(save="1")).status_code == 403


def captured(red: Team, payload: bytes = b'{"t": 1, "token": "hunter2"}') -> RejectedMessage:
    topic = f"tenant/{red.tenant.id}/gw/gw-1/ext/{TOPIC}"
    return RejectedMessageFactory(tenant=red.tenant, topic=topic, payload=payload, reason="no_rule")


def test_begins_with_a_captured_message(
    admin_client: Client, profile: DeviceProfile, red: Team
) -> None:
    page = admin_client.get(f"{editor(profile)}?rejected={captured(red).id}").content.decode()

    assert TOPIC in page
    assert f"/ext/{TOPIC}" not in page
    assert "hunter2" not in page
    assert "Save and replay" in page


def test_shows_captured_bytes_as_hex(
    admin_client: Client, profile: DeviceProfile, red: Team
) -> None:
    message = captured(red, b"\x1b\x1b\xff")

    page = admin_client.get(f"{editor(profile)}?rejected={message.id}").content.decode()

    assert "1b 1b ff" in page


def test_reads_the_hidden_parts_of_an_unchanged_message(
    admin_client: Client, profile: DeviceProfile, red: Team
) -> None:
    spec = SPEC.replace("p.total", "serial")
    message = captured(red, b'{"t": 1763600000, "serial": 1500}')
    address = f"{editor(profile)}?rejected={message.id}"
    shown = form(spec=spec, payload='{"t": 1763600000, "serial": ****}', preview="part")

    part = admin_client.post(address, shown).content.decode()

    assert "1.5" in part


def test_saves_and_replays_the_group(
    admin_client: Client, profile: DeviceProfile, red: Team, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    from telemetry.tasks import replay_group

    queued: list[dict[str, Any]] = []
    monkeypatch.setattr(replay_group, "apply_async", lambda **given: queued.append(given))
    message = captured(red)
    address = f"{editor(profile)}?rejected={message.id}"

    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_client.post(address, form(replay="1"))

    assert answer.status_code == 302
    profile.refresh_from_db()
    assert profile.mapping == read_spec(SPEC)
    [given] = queued
    assert given["kwargs"]["key"] == message.group_key
    assert given["kwargs"]["tenant_id"] == str(red.tenant.id)
    assert given["countdown"] >= 30


def test_who_may_not_see_messages_gets_none(profile: DeviceProfile, red: Team) -> None:
    looker = UserFactory(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_deviceprofile"))
    client = Client()
    client.force_login(looker, backend="django.contrib.auth.backends.ModelBackend")

    page = client.get(f"{editor(profile)}?rejected={captured(red).id}")

    assert page.status_code == 200
    assert TOPIC not in page.content.decode()
    assert client.post(editor(profile), form(save="1")).status_code == 403


def test_tenant_administrators_do_not_reach_it(
    profile: DeviceProfile, red: Team, client_for: Any
) -> None:
    assert client_for(red.owner).get(editor(profile)).status_code == 403
    assert client_for(red.owner).get(editor(DeviceProfile(id=uuid.uuid4()))).status_code == 403
