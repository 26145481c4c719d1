"""Keys on the pages and in the API."""

import datetime as dt
import re

import pytest
from django.urls import reverse

from accounts.credentials.api_key import credential_of_key
from accounts.models import ApiKey
from accounts.rbac.registry import SYSTEM_ROLES
from accounts.services.keys import create_key

API = "/api/v1/keys"


@pytest.fixture
def key(blue, now):
    """A key of the blue tenant."""
    with blue.scope():
        return create_key(
            name="Blue's export", codes=["read:device"], expires_at=None, created_by=None,
            editor_codes=SYSTEM_ROLES["admin"], now=now,
        ).key  # fmt: skip


@pytest.fixture
def in_sudo_mode(monkeypatch):
    """Let the person have authenticated just now."""
    monkeypatch.setattr("accounts.sudo.is_in_sudo_mode", lambda request, now: True)
    monkeypatch.setattr("accounts.sudo._record_once", lambda request, now: None)


def test_an_administrator_makes_a_key_and_sees_it_once(client_for, red, in_sudo_mode, now):
    browser = client_for(red.owner)
    answer = browser.post(
        reverse("settings-key-new"),
        {"name": "Billing", "days": "30", "codes": ["read:device", "read:telemetry"]},
    )
    [text] = set(re.findall(r"ek_[0-9a-f]+_[\w-]+", answer.content.decode()))

    with red.scope():
        key = ApiKey.objects.get()
    assert credential_of_key(text, now=dt.datetime.now(dt.UTC)).user.key_id == key.id
    page = browser.get(reverse("settings-keys")).content.decode()
    assert "Billing" in page
    assert text not in page
    assert "no-store" in answer["Cache-Control"]


def test_making_a_key_asks_for_the_password_again(client_for, red):
    answer = client_for(red.owner).get(reverse("settings-key-new"))

    assert answer.status_code == 302
    with red.scope():
        assert not ApiKey.objects.exists()


@pytest.mark.parametrize("person", ["operator", "viewer"])
def test_others_do_not_see_keys(client_for, red, person):
    browser = client_for(getattr(red, person))

    assert browser.get(reverse("settings-keys")).status_code == 403
    assert browser.get(API).status_code == 403


def test_another_tenants_key_does_not_exist(client_for, red, key, in_sudo_mode):
    browser = client_for(red.owner)
    for name in ("settings-key-rotate", "settings-key-revoke"):
        assert browser.post(reverse(name, args=[key.id])).status_code == 404
    assert browser.delete(f"{API}/{key.id}").status_code == 404
    assert browser.post(f"{API}/{key.id}/rotate", {}, "application/json").status_code == 404
    assert b"Blue" not in browser.get(reverse("settings-keys")).content
    assert browser.get(API).json() == {"results": []}


def test_the_api_makes_rotates_and_revokes(client_for, red, in_sudo_mode):
    browser = client_for(red.owner)
    made = browser.post(API, {"name": "x", "permissions": ["read:site"]}, "application/json")
    body = made.json()
    rotated = browser.post(f"{API}/{body['id']}/rotate", {"overlap_hours": 0}, "application/json")

    assert (made.status_code, rotated.status_code) == (201, 201)
    assert body["secret"].startswith(f"ek_{body['prefix']}_")
    assert "secret" not in browser.get(API).json()["results"][0]
    assert browser.delete(f"{API}/{rotated.json()['id']}").status_code == 204
    assert browser.delete(f"{API}/{rotated.json()['id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x", "permissions": ["read:nothing"]}, "unknown_permission"),
        ({"name": "x", "permissions": []}, "invalid_request"),
        ({"name": "x", "permissions": ["read:site"], "tenant": "y"}, "unknown_field"),
        ({"permissions": ["read:site"]}, "invalid_request"),
    ],
)
def test_the_api_says_what_is_wrong(client_for, red, in_sudo_mode, body, code):
    answer = client_for(red.owner).post(API, body, "application/json")

    found = answer.json()
    assert answer.status_code == 400
    assert code in {found["code"], *(error["code"] for error in found["errors"])}
