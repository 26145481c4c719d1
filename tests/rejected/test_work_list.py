"""From a refused message to a replayed one: pages, API, background, tenants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent
from accounts.tenancy import all_tenants
from telemetry.ingest.buffer import BufferFull
from telemetry.models import RejectedMessage, RejectedState
from telemetry.queries_rejected import list_groups, sender_of
from telemetry.services.replays import progress_of, run_replay, start_replay
from tests.conftest import Team
from tests.factories import DeviceFactory, RejectedMessageFactory
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., Client]


def post(client: Client, path: str) -> Any:
    return client.post(path, b"{}", content_type="application/json")


def refuse_some(bench: Bench, number: int = 3) -> str:
    """Send readings of a device that is not there; return the key of their group."""
    topic = f"{bench.prefix}/data/device/late-1"
    for n in range(number):
        bench.send({"ts": int(START.timestamp()) - n, "values": {"power": n}}, topic=topic)
    bench.drain()
    [group] = list_groups(tenant_id=bench.team.tenant.id)
    return group.key


def register(bench: Bench) -> None:
    with bench.team.scope():
        gateway = bench.device.gateway
        DeviceFactory(
            tenant=bench.team.tenant, site=bench.device.site, gateway=gateway, uid="late-1"
        )
    bench.worker.close()
    bench.worker = bench.make_worker("worker-2")


def test_messages_are_grouped_by_reason_pattern_and_sender(bench: Bench) -> None:
    topic = f"{bench.prefix}/data/device/late-1"
    bench.send({"values": {"power": 1}}, {"values": {"power": 2}}, topic=topic)
    bench.send({"values": {"power": 1}}, topic=topic)
    bench.send({"values": {"power": 1}}, topic=f"{bench.prefix}/data/device/late-2")
    bench.send(b"{", topic=f"{bench.prefix}/data/device/{bench.device.uid}")
    bench.drain()

    groups = list_groups(tenant_id=bench.team.tenant.id)

    assert sorted((g.reason, g.sender, g.count, g.different) for g in groups) == [
        ("bad_payload", "gw-1 / meter-1", 1, 1),
        ("unknown_device", "gw-1 / late-1", 3, 2),
        ("unknown_device", "gw-1 / late-2", 1, 1),
    ]
    assert {g.pattern for g in groups} == {"tenant/+/gw/+/data/device/+"}
    assert all(g.detail for g in groups)


def test_a_group_is_replayed_in_the_background(
    bench: Bench, client_for: SignIn, at_once: None
) -> None:
    key = refuse_some(bench)
    register(bench)

    page = client_for(bench.team.owner).post(f"/rejected/{key}/replay", follow=True)
    bench.drain()

    assert "Replayed: 3 of 3." in page.content.decode()
    assert len(bench.samples()) == 3
    assert list_groups(tenant_id=bench.team.tenant.id) == []
    with all_tenants():
        [event] = AuditEvent.objects.filter(action="rejected.replayed")
    assert event.detail["count"] == 3


def test_replaying_twice_stores_once(bench: Bench, at_once: None) -> None:
    key = refuse_some(bench)
    register(bench)

    for _ in range(2):
        start_replay(tenant_id=bench.team.tenant.id, key=key, now=bench.now)
        bench.drain()
        RejectedMessage.objects.update(state=RejectedState.OPEN)

    assert len(bench.samples()) == 3


def test_what_is_refused_again_comes_back(bench: Bench, at_once: None) -> None:
    key = refuse_some(bench)

    start_replay(tenant_id=bench.team.tenant.id, key=key, now=bench.now)
    bench.drain()

    [group] = list_groups(tenant_id=bench.team.tenant.id)
    assert (group.key, group.different) == (key, 3)


def test_a_full_pipeline_leaves_the_rest_open_and_is_continued(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = refuse_some(bench)
    tenant_id = bench.team.tenant.id
    monkeypatch.setattr("telemetry.services.replays.REPLAY_CHUNK", 1)
    register(bench)
    calls: list[int] = []
    append = type(bench.buffer).append

    def full_once(self: Any, envelopes: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise BufferFull("full")
        append(self, envelopes)

    monkeypatch.setattr(type(bench.buffer), "append", full_once)
    with pytest.raises(BufferFull):
        run_replay(tenant_id=tenant_id, key=key, until=bench.now, now=bench.now)
    progress = progress_of(tenant_id, key)
    assert progress is not None
    assert (progress.total, progress.done, progress.state) == (3, 1, "running")

    run_replay(tenant_id=tenant_id, key=key, until=bench.now, now=bench.now)
    bench.drain()

    progress = progress_of(tenant_id, key)
    assert progress is not None
    assert (progress.total, progress.done, progress.state) == (3, 3, "done")
    assert len(bench.samples()) == 3


def test_nobody_sees_or_touches_another_tenants_messages(
    bench: Bench, blue: Team, client_for: SignIn, at_once: None
) -> None:
    key = refuse_some(bench)
    client = client_for(blue.owner)

    assert "late-1" not in client.get("/rejected").content.decode()
    assert client.get("/api/v1/rejected").json()["results"] == []
    for path in (f"/rejected/{key}", f"/rejected/{key}/progress", f"/api/v1/rejected/{key}"):
        assert client.get(path).status_code == 404
    for path in (f"/api/v1/rejected/{key}/replay", f"/api/v1/rejected/{key}/discard"):
        assert post(client, path).status_code == 404
    client.post(f"/rejected/{key}/discard")
    client.post(f"/rejected/{key}/replay")
    assert set(RejectedMessage.objects.values_list("state", flat=True)) == {RejectedState.OPEN}


def test_messages_of_nobody_are_for_staff_alone(red: Team, client_for: SignIn) -> None:
    message = RejectedMessageFactory()
    client = client_for(red.owner)

    assert client.get(f"/rejected/{message.group_key}").status_code == 404
    assert client.get(f"/api/v1/rejected/{message.group_key}").status_code == 404


@pytest.mark.parametrize(
    ("who", "read", "replay", "discard"),
    [("owner", 200, 202, 200), ("operator", 200, 202, 403), ("viewer", 403, 403, 403)],
)
def test_permissions(
    red: Team, client_for: SignIn, at_once: None, who: str, read: int, replay: int, discard: int
) -> None:
    keys = [
        RejectedMessageFactory(tenant=red.tenant, reason=reason).group_key
        for reason in ("bad_payload", "empty")
    ]
    client = client_for(getattr(red, who))

    assert client.get("/rejected").status_code == read
    assert client.get(f"/rejected/{keys[0]}").status_code == read
    assert client.get("/api/v1/rejected").status_code == read
    assert post(client, f"/api/v1/rejected/{keys[1]}/discard").status_code == discard
    assert post(client, f"/api/v1/rejected/{keys[0]}/replay").status_code == replay


def test_the_api_shows_groups_and_masked_messages(red: Team, client_for: SignIn) -> None:
    message = RejectedMessageFactory(
        tenant=red.tenant,
        topic="tenant/x/gw/gw-1/telemetry",
        payload=b'{"wifi_password": "hunter2", "v": "x"}',
    )
    client = client_for(red.owner)

    listed = client.get("/api/v1/rejected", {"reason": "bad_payload"}).json()
    detail = client.get(f"/api/v1/rejected/{message.group_key}").json()

    assert [row["id"] for row in listed["results"]] == [message.group_key]
    assert listed["reasons"] == {"bad_payload": 1}
    assert detail["sender"] == "gw-1"
    assert detail["replay"] is None
    assert "hunter2" not in detail["messages"][0]["payload"]
    assert '"v": "x"' in detail["messages"][0]["payload"]
    assert client.get("/api/v1/rejected", {"state": "lost"}).status_code == 400


def test_the_page_escapes_and_masks(red: Team, client_for: SignIn) -> None:
    message = RejectedMessageFactory(
        tenant=red.tenant,
        topic="<img src=x>",
        payload=b'<script>alert(1)</script>{"token": "hunter2"}',
        detail="<b>d</b>",
    )
    client = client_for(red.owner)

    pages = [
        client.get(path).content.decode()
        for path in ("/rejected", "/rejected?q=img", f"/rejected/{message.group_key}")
    ]

    for page in pages:
        assert "<img src=x>" not in page
        assert "<script>alert" not in page
    assert "hunter2" not in pages[2]
    assert "&lt;script&gt;alert(1)" in pages[2]


def test_discarding_takes_a_group_off_the_list(red: Team, client_for: SignIn) -> None:
    messages = [
        RejectedMessageFactory(tenant=red.tenant, topic="tenant/x/gw/gw-1/telemetry")
        for _ in range(2)
    ]
    client = client_for(red.owner)

    page = client.post(f"/rejected/{messages[0].group_key}/discard", follow=True)

    assert "2 messages discarded." in page.content.decode()
    assert list_groups(tenant_id=red.tenant.id) == []
    [group] = list_groups(tenant_id=red.tenant.id, state=RejectedState.DISCARDED)
    assert group.different == 2
    assert post(client, f"/api/v1/rejected/{group.key}/replay").status_code == 404


def test_names_the_device_that_sent(bench: Bench) -> None:
    bench.send(b"{")
    bench.send(b"{", topic=f"devices/{bench.device.id}/status")
    bench.drain()

    with bench.team.scope():
        found = {
            sender_of(message)
            for message in RejectedMessage.objects.filter(topic__contains="data/device")
        }
    assert found == {bench.device}
