"""The notifier as a process: killed while it sends, two at once, an orderly end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections import Counter

import pytest
from django.db import connection

from alarms.models import MessageState, NotificationMessage
from energy.lib.sealing import Purpose, seal
from tests.alarms.making import open_alarm
from tests.alarms.receivers import Mailbox, Receiver
from tests.alarms.test_notify_planning import route, target
from tests.pace import assert_within
from tools.paths import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 120.0


class Notifiers:
    """Real processes against the test's database; other sides are on this machine."""

    def __init__(self, folder, mail_port):
        self.running = []
        self.log = folder / "notifiers.log"
        server = os.environ["DATABASE_URL"].rpartition("/")[0]
        self.env = os.environ | {
            "DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
            "NOTIFY_WEBHOOK_SCHEMES": "http", "NOTIFY_NETWORKS": "127.0.0.0/8",
            "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
        }  # fmt: skip

    def start(self):
        command = [sys.executable, "manage.py", "run_notifier", "--instance", uuid.uuid4().hex[:8]]
        with self.log.open("ab") as log:
            started = subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdout=log, stderr=subprocess.STDOUT
            )
        self.running.append(started)
        return started

    def stop(self):
        for one in self.running:
            if one.poll() is None:
                one.kill()
                one.wait()


@pytest.fixture
def mailbox():
    with Mailbox() as box:
        yield box


@pytest.fixture
def receiver():
    with Receiver() as found:
        yield found


@pytest.fixture
def notifiers(tmp_path, mailbox):
    made = Notifiers(tmp_path, mailbox.port)
    yield made
    made.stop()


def hooks(team, receiver, number):
    secret = seal("s", purpose=Purpose.NOTIFICATION_TARGET)
    return [
        target(team, f"Hook {n}", kind="webhook", address=receiver.url, secret=secret)
        for n in range(number)
    ]


def wait_until(happens, log):
    deadline = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)


def states(team):
    with team.scope():
        return Counter(NotificationMessage.objects.values_list("state", flat=True))


def ids(team):
    with team.scope():
        return {str(id_) for id_ in NotificationMessage.objects.values_list("id", flat=True)}


def test_a_notifier_killed_while_it_sends_loses_nothing(red, notifiers, receiver, mailbox):
    receiver.hang = mailbox.hang = 0.2
    route(red, *((0, one) for one in hooks(red, receiver, 6)), (0, target(red)))
    first = notifiers.start()
    for number in range(3):
        open_alarm(red, f"early {number}")
    wait_until(lambda: receiver.posts, notifiers.log)

    first.kill()  # requests are on their way, and nobody notes what comes of them
    first.wait()
    open_alarm(red, "late")
    notifiers.start()
    wait_until(lambda: len(receiver.posts) > 6 and set(states(red)) == {"sent"}, notifiers.log)

    deliveries = {post.headers["x-energy-delivery"]: post.body for post in receiver.posts}
    mails = {str(mail["Message-ID"])[len("<alarm-") :].partition("@")[0] for mail in mailbox.mails}
    assert deliveries.keys() | mails == ids(red)
    assert all(deliveries[p.headers["x-energy-delivery"]] == p.body for p in receiver.posts)
    with red.scope():
        messages = NotificationMessage.objects.all()
        told = Counter(
            (message.target_id, note["alarm"])
            for message in messages for note in message.content["notes"]
        )  # fmt: skip
    assert len(told) == 7 * 4
    assert set(told.values()) == {1}


def test_two_notifiers_at_once_send_once(red, notifiers, receiver, mailbox):
    route(red, *((0, one) for one in hooks(red, receiver, 8)), (0, target(red)))
    for _ in range(2):
        notifiers.start()
    for number in range(20):
        open_alarm(red, str(number))
        time.sleep(0.1)
    wait_until(lambda: told_alarms(red) == 9 * 20 and set(states(red)) == {"sent"}, notifiers.log)

    sent = Counter(post.headers["x-energy-delivery"] for post in receiver.posts)
    sent += Counter(str(mail["Message-ID"]) for mail in mailbox.mails)
    assert set(sent.values()) == {1}
    assert len(sent) == len(ids(red))


def told_alarms(team):
    with team.scope():
        messages = NotificationMessage.objects.filter(state=MessageState.SENT)
        return sum(len(message.content["notes"]) for message in messages)


def test_a_mail_is_handed_over_soon_after_the_alarm(red, notifiers, mailbox):
    route(red, (0, target(red)))
    notifiers.start()
    open_alarm(red, "first")
    wait_until(lambda: mailbox.mails, notifiers.log)

    began = time.monotonic()
    open_alarm(red, "second")
    wait_until(lambda: len(mailbox.mails) == 2, notifiers.log)

    assert_within(time.monotonic() - began, 2)


def test_it_ends_in_order_while_the_other_side_hangs(red, notifiers, receiver):
    receiver.hang = 60
    route(red, *((0, one) for one in hooks(red, receiver, 3)))
    notifier = notifiers.start()
    open_alarm(red, "a")
    wait_until(lambda: receiver.posts, notifiers.log)

    began = time.monotonic()
    notifier.terminate()
    notifier.wait(60)

    assert_within(time.monotonic() - began, 10)
    assert set(states(red)) <= {"sending", "waiting"}  # another takes them up
