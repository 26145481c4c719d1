"""Everything secret that is given away: each maker is listed, each secret bound to its purpose."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core import mail, signing
from django.test import Client
from django.utils import timezone

from accounts.models import Membership
from accounts.queries.roles import RoleChoice
from accounts.rbac.registry import CODES
from accounts.services.invitations import invite
from telemetry.live.tickets import take_ticket
from tests.isolation import state
from tests.isolation.people import bearer, token_of

pytestmark = pytest.mark.django_db

# Modules that make or read secrets, and what keeps those to one tenant and one purpose.
MAKERS = {
    "accounts/api/pagination.py": "cursors: signed for paging; rows are still limited by scope",
    "accounts/credentials/secrets.py": "API keys: hashed, of one tenant, ended by rotation",
    "accounts/services/invitations.py": "links: hashed, once, 7 days, for one address",
    "accounts/services/keys.py": "API keys, see credentials/secrets.py",
    "accounts/signin/tokens.py": "tokens of apps: type, version and session in each",
    "alarms/services/notify_targets.py": "of webhooks: sealed, of one target; sign, open nothing",
    "automation/services/rule_hooks.py": "addresses of webhooks: hashed, set off one rule",
    "devices/claim_codes.py": "codes of boxes: hashed, once, few tries, minutes",
    "devices/demo/passwords.py": "passwords of the demo only",
    "devices/services/firmware_offers.py": "addresses of images: signed, one device's try, 10 min",
    "devices/simulators/image.py": "plays boxes from outside, with images of their own",
    "devices/simulators/memory.py": "plays boxes from outside, with secrets of their own",
    "devices/services/command_wire.py": "nonces of commands: sent to one box, once",
    "energy/checks_security.py": "measures the secret key",
    "energy/lib/env.py": "makes no secret of a person",
    "reports/services/consent.py": "links: hashed, once, 7 days; those that end: signed, one row",
    "telemetry/exports/service.py": "links to files: signed, name owner and export, 10 min",
    "telemetry/live/tickets.py": "tickets: hashed, once, 30 s, carry the tenant",
}
SECRETS = re.compile(
    r"django\.core\.signing|signing\.(loads|dumps)|token_urlsafe|token_hex|make_secret\("
    r"|default_token_generator|jwt\.encode|secrets\.(choice|token)"
)
APPS = ("accounts", "devices", "telemetry", "metering", "alarms", "automation", "charging",
        "energy", "reports")  # fmt: skip


def test_every_maker_of_secrets_is_listed():
    root = Path(settings.BASE_DIR)
    found = {
        str(path.relative_to(root))
        for app in APPS
        for path in (root / app).rglob("*.py")
        if "migrations" not in path.parts and SECRETS.search(path.read_text())
    }
    unknown = sorted(found - set(MAKERS))

    assert unknown == [], (
        "Add to MAKERS of tests/isolation/test_links.py what binds its secrets to one tenant and "
        f'one purpose, and a test of it below: "{unknown[0]}": "<what>: <what binds it>",'
    )
    assert sorted(set(MAKERS) - found) == []


def test_a_cursor_of_one_tenant_shows_another_nothing(worlds, everybody):
    a, b = worlds
    with a.scope():
        for number in range(3):
            a.rows["accounts.Role"].__class__.objects.create(
                name=f"{a.word} {number}", codes=["read:site"]
            )
    page = everybody["A admin"].client.get("/api/v1/members?limit=1").json()
    cursor = re.search(r"cursor=([^&\"]+)", str(page))
    assert cursor, page

    answer = everybody["B admin"].client.get(f"/api/v1/members?limit=1&cursor={cursor[1]}")

    assert a.word.encode() not in answer.content
    for other in (signing.dumps(["name", "n", "x", "y"], salt="other"), cursor[1] + "x"):
        refused = everybody["B admin"].client.get("/api/v1/members", {"cursor": other})
        assert refused.status_code == 400


def test_an_invitation_opens_its_own_tenant_once(worlds, everybody):
    a, b = worlds
    with a.scope():
        invite(
            tenant=a.tenant, email=b.people["viewer"].email, choice=RoleChoice("viewer"),
            invited_by=a.people["admin"], editor_codes=CODES, now=timezone.now(),
        )  # fmt: skip
    link = re.search(r"/invitations/(\S+)", mail.outbox[-1].body)
    assert link
    before = state.fingerprint(b.tenant.id)

    client = everybody["B admin"].client  # not who was invited
    client.get(f"/invitations/{link[1]}")
    client.post("/invitations/accept")

    assert not Membership.objects.filter(tenant=a.tenant, user=b.people["admin"]).exists()
    assert state.changed(before, state.fingerprint(b.tenant.id)) == []


def test_a_ticket_is_of_one_tenant_and_works_once(worlds, everybody, redis):
    a, _b = worlds
    ticket = everybody["A viewer"].client.post("/api/v1/live/ticket").json()["ticket"]

    identity = take_ticket(ticket)

    assert identity is not None
    assert a.tenant.id.hex in repr(identity) or str(a.tenant.id) in repr(identity)
    assert take_ticket(ticket) is None


def test_no_secret_serves_as_another(worlds, everybody, redis):
    a, _b = worlds
    assert a.key is not None
    access = token_of(a.people["admin"])
    ticket = everybody["A admin"].client.post("/api/v1/live/ticket").json()["ticket"]
    session = everybody["A admin"].client.cookies["sessionid"].value
    for secret in (ticket, session, a.key.secret.text, a.key.secret.secret):
        assert bearer(secret).get("/api/v1/me").status_code == 401
    for secret in (ticket, session, access):
        client = Client(headers={"X-API-Key": secret})
        assert client.get("/api/v1/me").status_code == 401
    for secret in (ticket, access, a.key.secret.text):
        assert take_ticket(secret) is None or secret == ticket
        client = Client()
        client.cookies["sessionid"] = secret
        assert client.get("/api/v1/me").status_code == 401
        assert Client().get(f"/invitations/{secret}").status_code in {200, 302, 404, 410}
        assert Client().get(f"/accounts/password/reset/key/1-{secret}/").status_code in {200, 302}
        refreshed = Client().post(
            "/api/v1/auth/refresh", {"refresh_token": secret}, content_type="application/json"
        )
        assert refreshed.status_code in {400, 401}


def test_a_link_for_a_password_is_of_one_person_and_goes_to_our_address(worlds):
    a, _b = worlds
    Client().post("/accounts/password/reset/", {"email": a.people["viewer"].email})
    assert mail.outbox, "no mail was sent"
    text = mail.outbox[-1].body
    assert mail.outbox[-1].to == [a.people["viewer"].email]
    link = re.search(r"https?://\S+/accounts/password/reset/key/\S+", text)
    assert link and link[0].startswith(settings.PUBLIC_URL), text
