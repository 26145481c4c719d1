"""Rejected messages are shown harmlessly, replayed and discarded."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from telemetry.ingest.buffer import BufferFull
from telemetry.models import RejectedMessage, RejectedState
from telemetry.payload_view import as_hex, as_text
from tests.factories import RejectedMessageFactory, UserFactory

pytestmark = pytest.mark.django_db

LIST = "/admin/telemetry/rejectedmessage/"


def run(client: Client, action: str, *rejected: RejectedMessage):
    form = {"action": action, "_selected_action": [str(message.pk) for message in rejected]}
    return client.post(LIST, form, follow=True)


def said(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b'{"ts": 1}', '{"ts": 1}'),
        ("çay\n\t☕".encode(), "çay\n\t☕"),
        (b"\xff\x00\x1b[31m", r"\xff\x00\x1b[31m"),
        ("a\u202eb".encode(), r"a\u202eb"),
        (b"", ""),
    ],
)
def test_bytes_become_readable_text(payload: bytes, text: str):
    assert as_text(payload) == text


def test_bytes_become_a_hex_dump():
    first, second = as_hex(b"<script>\x00 more than a row").splitlines()

    assert first == "000000  3c 73 63 72 69 70 74 3e 00 20 6d 6f 72 65 20 74  <script>. more t"
    assert second.startswith("000010  68 61 6e")
    assert as_hex(b"x" * 5000).endswith("… 2952 more")


def test_a_payload_is_never_markup(admin_client: Client):
    payload = b"<script>alert(1)</script>\xff"
    message = RejectedMessageFactory(payload=payload, topic="<img src=x>", detail="<b>d</b>")

    page = admin_client.get(f"{LIST}{message.pk}/change/").content.decode()
    overview = admin_client.get(LIST).content.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\xff" in page
    assert "3c 73 63 72 69 70 74" in page
    for html in (page, overview):
        assert "<script>alert" not in html
        assert "<img src=x>" not in html
        assert "<b>d</b>" not in html


def test_a_list_does_not_load_payloads(admin_client: Client):
    RejectedMessageFactory()

    with CaptureQueriesContext(connection) as queries:
        admin_client.get(LIST)

    assert not [query for query in queries if '"payload"' in query["sql"]]


def test_replays_what_is_selected(admin_client: Client, redis):
    wanted, unwanted = RejectedMessageFactory(), RejectedMessageFactory()
    discarded = RejectedMessageFactory(state=RejectedState.DISCARDED)

    response = run(admin_client, "replay", wanted, discarded)

    assert said(response)[0] == "1 message is on its way again."
    assert said(response)[1].startswith("1 message was skipped")
    wanted.refresh_from_db()
    unwanted.refresh_from_db()
    assert (wanted.state, unwanted.state) == (RejectedState.REPLAYED, RejectedState.OPEN)


def test_says_when_the_pipeline_is_full(admin_client: Client, monkeypatch):
    def refuse(**kwargs):
        raise BufferFull("20000 entries wait")

    monkeypatch.setattr("telemetry.admin.replay_rejected", refuse)

    response = run(admin_client, "replay", RejectedMessageFactory())

    assert "20000 entries wait" in said(response)[0]


def test_discards_what_is_selected(admin_client: Client):
    wanted, before = RejectedMessageFactory(), RejectedMessageFactory(state="discarded")

    response = run(admin_client, "discard", wanted, before)

    assert said(response)[0] == "1 message is discarded."
    assert said(response)[1].startswith("1 message was skipped")
    wanted.refresh_from_db()
    assert wanted.state == RejectedState.DISCARDED


def test_handling_needs_its_permission(client_for):
    looker: User = UserFactory(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_rejectedmessage"))
    client = client_for(looker)
    message = RejectedMessageFactory()

    assert client.get(LIST).status_code == 200
    run(client, "discard", message)

    message.refresh_from_db()
    assert message.state == RejectedState.OPEN
    assert client.get(reverse("admin:telemetry_rejectedmessage_add")).status_code == 403
