"""The one oracle that is accepted: gateways' names are the broker's, so unique over all tenants."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from devices.services.gateways import NOT_AVAILABLE, REFUSALS_AN_HOUR
from tests.isolation import state
from tests.isolation.outlets import bytes_of, found_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
API = "/api/v1/gateways"
ADD = "/admin/devices/gateway/add/"


@pytest.fixture(autouse=True)
def no_tries(redis):
    """Count from nothing."""
    cache.clear()


def ask(client, world, uid):
    """Try to register a gateway over the API."""
    body = {"uid": uid, "name": "new", "site": str(world.objects["site_id"])}
    return client.post(API, body, content_type="application/json")


def test_names_of_others_and_of_the_product_are_refused_alike(worlds, everybody, ear):
    a, b = worlds
    who, before = everybody["A admin"], state.fingerprint()
    answers = []
    for uid in (f"{b.word}-gw", "platform", "admin", "raw", "0190f0e2-1111-7abc-8def-0123456789ab"):
        answer = ask(who.client, a, uid)
        problem = answer.json()
        problem.pop("request_id")
        answers.append((answer.status_code, problem))
        words = [word for word in who.forbidden(b) if word not in uid]
        assert found_in(bytes_of(answer) + ear.take(), words) == []

    assert answers == answers[:1] * len(answers)
    assert answers[0][1]["detail"] == str(NOT_AVAILABLE)
    assert state.changed(before, state.fingerprint()) == []


def test_the_admin_says_the_same(worlds, everybody):
    a, b = worlds
    for uid in (f"{b.word}-gw", "platform"):
        form = {"uid": uid, "name": "new", "site": str(a.objects["site_id"]), "_save": "1"}
        page = everybody["A admin"].client.post(ADD, form)

        assert page.status_code == 200
        assert str(NOT_AVAILABLE) in page.content.decode()


def test_who_tries_many_is_not_answered_any_more(worlds, everybody):
    a, b = worlds
    client = everybody["A admin"].client
    for number in range(REFUSALS_AN_HOUR):
        assert ask(client, a, "platform").json()["code"] != "too_many_names", number

    taken, free = ask(client, a, f"{b.word}-gw").json(), ask(client, a, "free-name").json()

    assert taken["code"] == free["code"] == "too_many_names"
    form = {"uid": "free-name", "name": "new", "site": str(a.objects["site_id"]), "_save": "1"}
    assert "Try again in an hour" in client.post(ADD, form).content.decode()
