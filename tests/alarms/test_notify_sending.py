"""Messages handed over to real servers, tried again, given up."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import time
from email.header import decode_header, make_header

import pytest
from django.core import mail
from django.utils import timezone

from alarms.delivery.notifier import Notifier
from alarms.models import (
    Alarm,
    DeliveryAttempt,
    InAppNote,
    Notification,
    NotificationMessage,
    NotificationTarget,
)
from alarms.services.planning import plan_events
from alarms.services.sending import FAILURES_BEFORE_REST, LEASE, MAX_TRIES, RETRIES, requeue
from devices.models import Severity
from energy.lib.sealing import Purpose, seal
from tests.alarms.making import end_alarm, open_alarm
from tests.alarms.receivers import Mailbox, Receiver
from tests.alarms.test_notify_planning import route, target
from tests.factories import NOW, SiteFactory
from tests.pace import assert_within

pytestmark = pytest.mark.django_db

SECOND, MINUTE, HOUR = (dt.timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours"))


@pytest.fixture
def notifier():
    made = Notifier()
    yield made
    made.close(seconds=0)


@pytest.fixture
def mailbox(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "127.0.0.1", False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    with Mailbox() as box:
        settings.EMAIL_PORT = box.port
        yield box


@pytest.fixture
def receiver(settings):
    settings.NOTIFY_WEBHOOK_SCHEMES = ("http",)
    settings.NOTIFY_NETWORKS = ["127.0.0.0/8"]
    with Receiver() as found:
        yield found


def hook(team, url, name="Hook", secret="s3cret"):
    sealed = seal(secret, purpose=Purpose.NOTIFICATION_TARGET)
    return target(team, name, kind="webhook", address=url, secret=sealed)


def run(notifier, now=NOW):
    """Do rounds until nothing is on its way."""
    while notifier.round(now=now, wait_seconds=5) or notifier.is_sending:
        pass


def messages(team):
    with team.scope():
        return list(NotificationMessage.objects.order_by("made_at", "id"))


def test_a_mail_says_what_is_wrong_what_to_do_and_where(red, notifier, mailbox):
    site = SiteFactory(tenant=red.tenant, name="Izmir plant")
    route(red, (0, target(red, timezone="Europe/Istanbul")))
    alarm = open_alarm(
        red, "a", title="Supply voltage too high", subject="Pump 3", severity=Severity.CRITICAL,
        text="253 V for five minutes", advice="Call the grid operator.", value=253.4, limit=250.0,
        unit="V", site=site,
    )  # fmt: skip

    run(notifier)

    (found,) = mailbox.mails
    text, html = (part.get_payload(decode=True).decode() for part in found.get_payload())
    assert mailbox.recipients == ["night.shift@x.example"]
    subject = str(make_header(decode_header(found["Subject"])))
    assert subject == "Critical: Supply voltage too high – Pump 3"
    assert found["Message-ID"] == f"<alarm-{messages(red)[0].id}@127.0.0.1>"
    assert found["References"] == f"<alarm-{alarm.id}@127.0.0.1>"
    assert found["Importance"] == "high"
    for part in (text, html):
        for words in (
            "Supply voltage too high – Pump 3", "253 V for five minutes", "Call the grid operator.",
            "Izmir plant", "Value: 253.4 V, limit: 250 V", "15:00", f"/alarms/{alarm.id}/",
        ):  # fmt: skip
            assert words in part
    assert messages(red)[0].state == "sent"


def test_a_mail_is_in_the_language_of_its_reader(red, notifier, mailbox):
    route(red, (0, target(red, language="tr")))
    open_alarm(red, "a", severity=Severity.CRITICAL, advice="Aç", text="x")

    run(notifier)

    text = mailbox.mails[0].get_payload()[0].get_payload(decode=True).decode()
    assert "Kritik" in text
    assert "Ne yapmalı: Aç" in text


def test_names_with_line_breaks_do_not_become_headers(red, notifier, mailbox):
    route(red, (0, target(red)))
    open_alarm(red, "a", title="Too hot\r\nBcc: victim@x.example", subject="<b>Pump</b>\n")

    run(notifier)

    (found,) = mailbox.mails
    assert mailbox.recipients == ["night.shift@x.example"]
    assert found["Bcc"] is None
    html = found.get_payload()[1].get_payload(decode=True).decode()
    assert "<b>Pump" not in html
    assert "&lt;b&gt;Pump" in html


def test_a_mail_is_handed_over_within_two_seconds(red, notifier, mailbox):
    route(red, (0, target(red)))
    open_alarm(red, "a")

    began = time.monotonic()
    run(notifier)

    assert_within(time.monotonic() - began, 2)
    assert len(mailbox.mails) == 1


def test_a_mail_that_was_not_taken_is_tried_again_with_the_same_id(
    red, notifier, mailbox, settings
):
    route(red, (0, target(red)))
    open_alarm(red, "a")
    settings.EMAIL_PORT = 1
    run(notifier)
    run(notifier, NOW + RETRIES[0] - SECOND)
    assert [m.state for m in messages(red)] == ["waiting"]

    settings.EMAIL_PORT = mailbox.port
    run(notifier, NOW + RETRIES[0])

    (message,) = messages(red)
    assert (message.state, message.tries, message.error) == ("sent", 2, "")
    assert mailbox.mails[0]["Message-ID"] == f"<alarm-{message.id}@127.0.0.1>"
    with red.scope():
        tries = list(DeliveryAttempt.objects.order_by("id").values_list("number", "is_ok"))
    assert tries == [(1, False), (2, True)]


def test_a_refused_recipient_is_given_up_and_the_administrators_hear_of_it(red, notifier, mailbox):
    mailbox.refuse = "550 no such person"
    route(red, (0, target(red)))
    open_alarm(red, "a")

    run(notifier)

    (first,) = [m for m in messages(red) if m.kind == "alarms"]
    assert (first.state, first.tries) == ("dead", 1)
    assert "550" in first.error
    with red.scope():
        notes = list(InAppNote.objects.all())
    assert [note.person_id for note in notes] == [red.owner.id]
    assert "Night shift could not be told" in notes[0].text


def test_a_webhook_is_signed_and_tells_all_that_is_known(red, notifier, receiver):
    route(red, (0, hook(red, receiver.url)))
    alarm = open_alarm(red, "a", title="Too hot", value=99.5, unit="Cel")

    run(notifier)

    (post,) = receiver.posts
    timestamp = post.headers["x-energy-timestamp"]
    expected = hmac.new(
        b"s3cret", timestamp.encode() + b"." + post.body, hashlib.sha256
    ).hexdigest()
    assert post.headers["x-energy-signature"] == f"sha256={expected}"
    assert abs(time.time() - int(timestamp)) < 60
    body = json.loads(post.body)
    assert post.headers["x-energy-delivery"] == body["id"] == str(messages(red)[0].id)
    assert body["tenant"]["id"] == str(red.tenant.id)
    (told,) = body["alarms"]
    assert (told["id"], told["what"], told["title"]) == (str(alarm.id), "raised", "Too hot")
    assert (told["value"], told["unit"]) == (99.5, "Cel")
    assert told["url"].endswith(f"/alarms/{alarm.id}/")


def test_a_webhook_is_tried_until_it_is_given_up_and_can_be_queued_again(red, notifier, receiver):
    receiver.status = 503
    route(red, (0, hook(red, receiver.url)))
    open_alarm(red, "a")
    now = NOW
    for _ in range(60):
        run(notifier, now)
        now += HOUR
    (message,) = [m for m in messages(red) if m.kind == "alarms"]
    assert (message.state, message.tries) == ("dead", MAX_TRIES)
    assert len({post.headers["x-energy-delivery"] for post in receiver.posts}) == 1
    assert len({post.body for post in receiver.posts}) == 1
    assert len(receiver.posts) == MAX_TRIES

    receiver.status = 204
    with red.scope():
        requeue(message, now=now)
    run(notifier, now)

    assert next(m for m in messages(red) if m.kind == "alarms").state == "sent"
    assert len(receiver.posts) == MAX_TRIES + 1
    with red.scope():
        assert NotificationTarget.objects.get(name="Hook").failures == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x", "https://[::1]/x", "https://169.254.169.254/latest",
        "https://10.0.0.1/", "https://0x7f.1/", "https://127.1/", "https://[::ffff:127.0.0.1]/",
        "http://example.com/", "file:///etc/passwd", "gopher://127.0.0.1/",
        "https://localhost/", "https://user:pw@example.com/",
    ],
)  # fmt: skip
def test_a_webhook_never_reaches_what_is_not_public(red, notifier, url):
    route(red, (0, hook(red, url)))
    open_alarm(red, "a")

    run(notifier)

    (message,) = [m for m in messages(red) if m.kind == "alarms"]
    assert (message.state, message.tries) == ("dead", 1)


def test_a_target_that_fails_rests_and_does_not_hold_up_others(red, notifier, receiver, mailbox):
    receiver.status = 500
    broken = hook(red, receiver.url)
    route(red, (0, broken), (0, target(red)))
    for number in range(FAILURES_BEFORE_REST + 3):
        open_alarm(red, str(number), at=NOW + number * 2 * SECOND)
        run(notifier, NOW + number * 2 * SECOND)

    assert len(mailbox.mails) == FAILURES_BEFORE_REST + 3
    assert len(receiver.posts) == FAILURES_BEFORE_REST
    with red.scope():
        broken.refresh_from_db()
    assert broken.failures == FAILURES_BEFORE_REST
    assert broken.paused_until is not None


def test_a_receiver_that_hangs_holds_up_nobody_else(red, blue, notifier, receiver, mailbox):
    receiver.hang = 3.0
    for number in range(20):
        hooked = hook(red, receiver.url, name=f"Hook {number}")
        route(red, (0, hooked), name=f"Route {number}")
    open_alarm(red, "a")
    with Receiver() as quick:
        route(blue, (0, hook(blue, quick.url)), (0, target(blue)))
        open_alarm(blue, "b")

        began = time.monotonic()
        while not (quick.posts and mailbox.mails):
            notifier.round(now=NOW, wait_seconds=0.05)

    assert_within(time.monotonic() - began, 2)
    assert len(receiver.posts) <= 8  # a quarter of the threads for webhooks


def test_what_a_dead_process_was_sending_is_taken_up_with_the_same_id(red, receiver):
    receiver.hang = 0.5
    route(red, (0, hook(red, receiver.url)))
    open_alarm(red, "a")
    dead = Notifier()
    dead.round(now=NOW)  # it sends, and never notes what came of it
    assert [m.state for m in messages(red)] == ["sending"]

    living = Notifier()
    run(living, NOW + LEASE - SECOND)
    assert [m.state for m in messages(red)] == ["sending"]
    run(living, NOW + LEASE)

    assert [m.state for m in messages(red)] == ["sent"]
    assert len(receiver.posts) == 2
    assert len({post.headers["x-energy-delivery"] for post in receiver.posts}) == 1
    dead.round(now=NOW + LEASE, wait_seconds=5)  # too late: it is another's now
    with red.scope():
        assert DeliveryAttempt.objects.count() == 1
    for one in (dead, living):
        one.close(seconds=0)


def test_what_takes_long_stays_with_who_sends_it(red, receiver, notifier):
    receiver.hang = 1.0
    route(red, (0, hook(red, receiver.url)))
    open_alarm(red, "a")
    notifier.round(now=NOW)
    notifier.round(now=NOW + LEASE - SECOND)

    other = Notifier()
    run(other, NOW + LEASE)
    other.close(seconds=0)
    run(notifier, NOW + LEASE)

    assert len(receiver.posts) == 1


def test_the_bell_gets_a_note_for_each_alarm(red, notifier):
    mine = target(red, "Bell", kind="in_app", person=red.owner, address="")
    route(red, (0, mine))
    first, second = open_alarm(red, "a", title="A"), open_alarm(red, "b", title="B")

    run(notifier)
    end_alarm(red, first, at=NOW + MINUTE)
    run(notifier, NOW + MINUTE)

    with red.scope():
        notes = list(InAppNote.objects.order_by("at", "number"))
    assert [(note.alarm_id, note.title.split(" – ")[0]) for note in notes] == [
        (first.id, "Warning: A"), (second.id, "Warning: B"), (first.id, "Over: A"),
    ]  # fmt: skip
    assert {note.person_id for note in notes} == {red.owner.id}


def test_a_secret_that_cannot_be_read_is_given_up(red, notifier):
    broken = target(red, "Broken", kind="webhook", address="https://example.com/", secret="v1.x.y")
    route(red, (0, broken))
    open_alarm(red, "a")

    run(notifier)

    (message,) = [m for m in messages(red) if m.kind == "alarms"]
    assert message.state == "dead"
    assert "secret" in message.error


def test_nothing_is_mailed_beside_the_backend_that_is_set(red, notifier):
    route(red, (0, target(red)))
    open_alarm(red, "a")

    run(notifier)

    assert [m.to for m in mail.outbox] == [["night.shift@x.example"]]


def test_what_the_platform_says_is_in_the_language_of_the_reader(red, notifier, mailbox):
    route(red, (0, target(red, language="tr")))
    open_alarm(
        red, "a", source="system", code="disk", title="A disk fills up", value=91.0, limit=85.0
    )

    run(notifier)

    text = mailbox.mails[0].get_payload()[0].get_payload(decode=True).decode()
    assert "Bir disk doluyor" in text
    assert "%91 kullanımda; sınır %85." in text


def test_what_was_sent_long_ago_is_forgotten(red, notifier, settings):
    settings.NOTIFY_LOG_DAYS = 30
    route(red, (0, target(red)))
    open_alarm(red, "a")
    run(notifier)

    run(notifier, NOW + dt.timedelta(days=29))
    assert len(messages(red)) == 1
    run(notifier, NOW + dt.timedelta(days=31))

    assert messages(red) == []


def test_staff_have_what_was_given_up_tried_again(red, notifier, receiver, staff, client_for):
    receiver.status = 404
    route(red, (0, hook(red, receiver.url)))
    open_alarm(red, "a")
    run(notifier)
    (dead,) = [m for m in messages(red) if m.kind == "alarms"]
    assert dead.state == "dead"

    client_for(staff).post(
        "/admin/alarms/notificationmessage/",
        {"action": "try_again", "_selected_action": [str(m.id) for m in messages(red)]},
    )
    receiver.status = 200
    run(notifier, timezone.now())

    assert {m.state for m in messages(red)} == {"sent"}


def test_a_target_that_cannot_be_written_to_holds_up_no_other(red, notifier, mailbox, caplog):
    broken, whole = target(red, "Broken"), target(red)
    route(red, (0, broken), (0, whole))
    alarm = open_alarm(red, "a")
    plan_events(now=NOW)
    with red.scope():  # as no service leaves it: a severity that nobody knows
        Alarm.objects.filter(id=alarm.id).update(severity="unheard of")
        Notification.objects.filter(target=whole).delete()
    open_alarm(red, "b")

    notifier.round(now=NOW, wait_seconds=5)
    run(notifier)

    assert mailbox.recipients == ["night.shift@x.example"]
    assert "Nothing can be written" in caplog.text
