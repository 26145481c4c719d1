"""Targets, routes, rotas and what somebody is told, in the API."""

from __future__ import annotations

import pytest

from alarms.models import NotificationTarget
from energy.lib.sealing import Purpose, unseal
from tests.alarms.test_notify_planning import target

pytestmark = pytest.mark.django_db
BASE = "/api/v1/notifications"


@pytest.fixture
def api(red, client_for):
    return client_for(red.operator)


def send(client, method, path, body=None):
    call = getattr(client, method)
    return call(f"{BASE}/{path}", body or {}, content_type="application/json")


def pointers(answer):
    return [error["pointer"] for error in answer.json()["errors"]]


def test_a_webhook_comes_with_its_secret_once(red, api):
    made = send(api, "post", "targets", {
        "name": "Hook", "kind": "webhook", "address": "https://example.com/hook",
        "quiet": [{"from": "22:00", "to": "06:00"}],
    })  # fmt: skip

    assert made.status_code == 201, made.content
    body = made.json()
    assert len(body["secret"]) >= 40
    again = api.get(f"{BASE}/targets/{body['id']}").json()
    assert "secret" not in again
    assert again["quiet"] == [{"days": [], "from": "22:00", "to": "06:00"}]
    with red.scope():
        kept = NotificationTarget.objects.get(id=body["id"])
    assert body["secret"] not in kept.secret
    assert unseal(kept.secret, purpose=Purpose.NOTIFICATION_TARGET) == body["secret"]
    rotated = send(api, "post", f"targets/{body['id']}/secret").json()["secret"]
    assert rotated != body["secret"]


def test_a_blank_address_leaves_a_chat_as_it_is(red, api):
    url = "tgram://123456789:abcdefghijklmnopqrstuvwxyz0123456789/12345678/"
    made = send(api, "post", "targets", {"name": "Chat", "kind": "apprise", "address": url}).json()
    assert made["address"] == "tgram://…"

    changed = send(api, "put", f"targets/{made['id']}", {"name": "Chat 2", "kind": "apprise"})

    assert changed.status_code == 200
    with red.scope():
        kept = NotificationTarget.objects.get(id=made["id"])
    assert unseal(kept.secret, purpose=Purpose.NOTIFICATION_TARGET) == url


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("webhook", "http://example.com/"), ("webhook", "https://127.0.0.1/"), ("webhook", ""),
        ("email", "nobody"), ("apprise", "json://127.0.0.1/"),
    ],
)  # fmt: skip
def test_addresses_that_are_not_allowed_are_refused(api, kind, address):
    answer = send(api, "post", "targets", {"name": "X", "kind": kind, "address": address})

    assert answer.status_code == 400
    assert pointers(answer) == ["#/address"]


def test_quiet_hours_of_the_whole_week_are_refused(api):
    body = {"name": "X", "kind": "email", "address": "a@x.example", "quiet": [{}]}

    answer = send(api, "post", "targets", body)

    assert answer.status_code == 400
    assert pointers(answer) == ["#/quiet"]


def test_names_are_taken_once(red, api):
    target(red, "Night")

    answer = send(api, "post", "targets", {
        "name": "Night", "kind": "email", "address": "a@x.example",
    })  # fmt: skip

    assert pointers(answer) == ["#/name"]


def test_a_route_is_kept_with_its_ladder_and_changed_as_a_whole(red, api):
    night = target(red, "Night")
    rota = send(api, "post", "rotas", {
        "name": "Duty", "first_date": "2026-01-05", "people": [str(red.operator.id)],
    })  # fmt: skip
    assert rota.status_code == 201, rota.content
    assert rota.json()["on_call"] == str(red.operator.id)
    steps = [
        {"after_seconds": 0, "target": str(night.id), "rota": None},
        {"after_seconds": 900, "target": None, "rota": rota.json()["id"]},
    ]

    made = send(api, "post", "routes", {"name": "All", "tag": "cooling", "steps": steps})

    assert made.status_code == 201, made.content
    assert made.json()["steps"] == steps
    changed = send(api, "put", f"routes/{made.json()['id']}", {"name": "All", "steps": steps[:1]})
    assert (changed.json()["steps"], changed.json()["tag"]) == (steps[:1], "")


@pytest.mark.parametrize("steps", [[], [{"after_seconds": 0}]])
def test_a_route_that_tells_nobody_is_refused(api, steps):
    answer = send(api, "post", "routes", {"name": "None", "steps": steps})

    assert answer.status_code == 400
    assert pointers(answer) == ["#/steps"]


def test_viewers_look_and_choose_for_themselves(red, client_for):
    viewer = client_for(red.viewer)

    assert viewer.get(f"{BASE}/routes").json() == []
    assert send(viewer, "post", "routes", {"name": "X", "steps": []}).status_code == 403
    assert viewer.get(f"{BASE}/mine").json()["kinds"] == ["email", "in_app"]
    chosen = send(viewer, "put", "mine", {"kinds": ["in_app"], "language": "tr"})
    assert (chosen.json()["kinds"], chosen.json()["language"]) == (["in_app"], "tr")


def test_strangers_see_nothing_of_it(red, blue, client_for):
    night = target(red, "Night")
    stranger = client_for(blue.owner)

    assert stranger.get(f"{BASE}/targets").json() == []
    assert stranger.get(f"{BASE}/targets/{night.id}").status_code == 404
    assert send(stranger, "post", f"targets/{night.id}/test").status_code == 404


def test_a_test_is_queued_and_stands_in_the_log(red, api):
    night = target(red, "Night")

    sent = send(api, "post", f"targets/{night.id}/test")

    assert sent.status_code == 202
    rows = api.get(f"{BASE}/messages?target={night.id}").json()["results"]
    assert [(row["kind"], row["state"]) for row in rows] == [("test", "waiting")]
