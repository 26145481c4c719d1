"""S30: whatever people write into a name stays text, in pages, the admin, answers and mails."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import DatabaseError, models, transaction
from django.template.loader import get_template
from django.test import Client
from django.urls import reverse

from accounts.models import SystemRole
from accounts.tenancy import all_tenants
from energy.checks import own_models
from tests.factories import (
    NOW,
    PASSWORD,
    ChannelFactory,
    DeviceFactory,
    DeviceProfileFactory,
    LatestValueFactory,
    MembershipFactory,
    ProfileChannelFactory,
    RejectedMessageFactory,
)
from tests.security.surfaces import all_surfaces

pytestmark = pytest.mark.django_db

CANARY = "x7f3"
PAYLOADS = (
    f"\"'><script>{CANARY}()</script><img src=x onerror={CANARY}()>{{{{7*7}}}}</textarea>",
    f'"><script>{CANARY}()</script>',
    f"<b onclick={CANARY}>",
    f"<i {CANARY}>",
)
MAILS = sorted(
    path
    for path in (settings.BASE_DIR / "templates" / "accounts" / "mail").glob("*.html")
    if path.name != "layout.html"
)
# these mean something to code: another text breaks the row, not the page
MEANINGFUL = {"timezone", "currency", "language", "unit", "source_unit", "kind", "hash",
              "previous_hash", "hashed", "password", "action", "actor_kind", "key"}  # fmt: skip


class Reader(HTMLParser):
    """Collects what a browser would take for ours: elements and attributes with the canary."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        self.found += [f"<{tag} {name}>" for name, _ in attrs if CANARY in name]
        self.found += [
            f"<{tag} {name}={value}>"
            for name, value in attrs
            if value
            and CANARY in value
            and (name.startswith("on") or "javascript:" in value.lower())
        ]

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and CANARY in data and "<" in data:
            self.found.append(f"script: {data[:80]}")


def live_scripts(html: str) -> list[str]:
    """Return what of the canary is alive in a page, and not only text."""
    reader = Reader()
    reader.feed(html)
    raw = re.findall(rf"<(?:script|img|b|i)\b[^>]{{0,40}}{CANARY}|<script>{CANARY}", html)
    return reader.found + raw


def poison(row: models.Model) -> list[str]:
    """Write the payload into every text of a row, as the database lets it."""
    done = []
    for field in row._meta.concrete_fields:
        if not isinstance(field, (models.CharField, models.TextField)) or field.choices:
            continue
        if field.primary_key or field.name in MEANINGFUL:
            continue
        text = next((p for p in PAYLOADS if len(p) <= (field.max_length or 10_000)), None)
        if text and _write(row, field.name, text):
            done.append(f"{row._meta.label}.{field.name}")
    return done


def _write(row: models.Model, name: str, text: str) -> bool:
    try:
        with transaction.atomic(), all_tenants():
            type(row)._base_manager.filter(pk=row.pk).update(**{name: text})
    except DatabaseError:
        return False
    return True


@pytest.fixture
def poisoned(red, staff) -> dict[str, models.Model]:
    """Return a row of each model that has one, every text of it hostile."""
    profile = DeviceProfileFactory()
    ProfileChannelFactory(profile=profile)
    with red.scope():
        device = DeviceFactory(tenant=red.tenant, profile=profile)
        LatestValueFactory(channel=ChannelFactory(device=device))
    RejectedMessageFactory(payload=PAYLOADS[0].encode())
    MembershipFactory(user=staff, tenant=red.tenant, role=SystemRole.ADMIN)
    rows: dict[str, models.Model] = {}
    written: list[str] = []
    with all_tenants():
        for model in own_models():
            row = model._base_manager.order_by("pk").first()
            if row is None:
                continue
            written += [name for each in model._base_manager.all()[:20] for name in poison(each)]
            rows[model._meta.label] = row
    assert {"devices.Device.name", "devices.Site.name", "accounts.Tenant.name",
            "accounts.User.name"} <= set(written)  # fmt: skip
    return rows


def check(path: str, answer) -> list[str]:
    if answer.status_code >= 500:
        return [f"{path}: {answer.status_code}"]
    if not answer.get("Content-Type", "").startswith("text/html"):
        safe = answer.get("X-Content-Type-Options") == "nosniff"
        return [] if safe else [f"{path}: {answer['Content-Type']} may be sniffed"]
    found = [f"{path}: {text}" for text in live_scripts(answer.content.decode())]
    policy = answer.get("Content-Security-Policy", "")
    script = re.search(r"script-src ([^;]*)", policy)
    if script is None or "unsafe-inline" in script[1]:
        found.append(f"{path}: {policy}")
    return found


def test_the_reader_sees_a_live_script():
    assert live_scripts(f"<p>{PAYLOADS[0]}</p>")
    assert live_scripts(f"<a onclick='{CANARY}()'>")
    assert not live_scripts(f"<p>&lt;script&gt;{CANARY}()</p><a title='{CANARY}'>")


def test_customers_pages_show_text(poisoned, red, client_for):
    client = client_for(red.owner)
    client.raise_request_exception = False
    device = poisoned["devices.Device"]
    paths = [f"/devices/{device.pk}", f"/api/v1/devices/{device.pk}", "/?q=%3Cscript%3Ex7f3"]
    paths += [s.path for s in all_surfaces() if not s.path.startswith("/admin/")]

    pages = {path: client.get(path) for path in paths if "logout" not in path}

    assert [text for path, page in pages.items() for text in check(path, page)] == []
    shown = [
        path
        for path, page in pages.items()
        if not page.streaming and CANARY.encode() in page.content
    ]
    assert {"/", f"/devices/{device.pk}"} <= set(shown)


def test_the_admin_shows_text(poisoned, staff, client_for):
    client = client_for(staff)
    client.raise_request_exception = False
    problems, shown = [], 0
    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = poisoned.get(model._meta.label)
        paths = [reverse(f"{base}_changelist"), reverse(f"{base}_changelist") + f"?q=<{CANARY}>"]
        if row is not None:
            paths += [
                reverse(f"{base}_{name}", args=[row.pk]) for name in ("change", "history", "delete")
            ]
        for path in paths:
            page = client.get(path)
            problems += check(path, page)
            shown += CANARY.encode() in page.content

    assert problems == []
    assert shown > 10


def test_pages_for_nobody_show_text(client: Client):
    for path in ("/accounts/login/?next=", "/accounts/password/reset/?x=", "/nothing/"):
        page = client.get(f"{path}%22%3E%3Cscript%3E{CANARY}()%3C/script%3E")
        assert check(path, page) == []


def test_next_leads_to_our_pages_only(red):
    for target in (
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
    ):
        answer = Client().post(
            "/accounts/login/",
            {"login": red.viewer.email, "password": PASSWORD, "next": target},
        )
        assert "evil" not in answer.get("Location", "")
        assert "javascript" not in answer.get("Location", "")


class Hostile:
    """Answers the payload to whatever a template asks of it."""

    def __getattr__(self, name: str) -> Hostile:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __str__(self) -> str:
        return PAYLOADS[0]


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_mails_show_text(path):
    source = path.read_text()
    tags = " ".join(re.findall(r"{[{%](.*?)[}%]}", source))
    words = set(re.findall(r"[a-z_]+", tags))
    values = dict.fromkeys(words, Hostile()) | {"days": 2, "expires_at": NOW}

    html = get_template(f"accounts/mail/{path.name}").render(values | {"subject": Hostile()})

    assert CANARY in html
    assert live_scripts(html) == []
