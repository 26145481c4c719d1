"""Chats through Apprise: what is taken, and that nothing reaches what is not public."""

from __future__ import annotations

import json

import pytest

from alarms.delivery.chat import ChatRefused, check_chat, shown_chat
from alarms.delivery.notifier import Notifier
from alarms.models import NotificationMessage
from energy.lib.sealing import Purpose, seal
from tests.alarms.making import open_alarm
from tests.alarms.receivers import Receiver
from tests.alarms.test_notify_planning import route, target
from tests.factories import NOW

pytestmark = pytest.mark.django_db
TELEGRAM = "tgram://123456789:abcdefghijklmnopqrstuvwxyz0123456789/12345678/"


@pytest.mark.parametrize(
    "url",
    [
        TELEGRAM, "slack://TokenA12345/TokenB12345/tokenC1234567890123456/#ch", "ntfy://topic",
        "ntfys://chat.example.com/topic", "gotifys://chat.example.com/token12345678",
    ],
)  # fmt: skip
def test_services_and_servers_that_are_allowed_are_taken(settings, url):
    settings.NOTIFY_CHAT_HOSTS = {"chat.example.com"}

    check_chat(url)


@pytest.mark.parametrize(
    "url",
    [
        "json://127.0.0.1/", "jsons://example.com", "xml://127.0.0.1", "form://127.0.0.1",
        "ntfys://127.0.0.1/topic", "ntfys://other.example.com/topic", "ntfy://127.0.0.1/topic",
        "gotify://chat.example.com/token", "mailto://user:pw@example.com", "dbus://", "syslog://",
        "file:///etc/passwd", "http://127.0.0.1/", "ntfy://topic?mode=private", "", "tgram://",
        "matrixs://user:pw@[::1]/#room", "ntfys://chat.example.com@127.0.0.1/topic",
        "tgram://a\nb", "schan://x", "apprise://127.0.0.1/token",
    ],
)  # fmt: skip
def test_everything_else_is_refused(settings, url):
    settings.NOTIFY_CHAT_HOSTS = {"chat.example.com"}

    with pytest.raises(ChatRefused):
        check_chat(url)


def test_tokens_are_not_shown():
    assert shown_chat(TELEGRAM) == "tgram://…"
    assert shown_chat("ntfys://user:pw@chat.example.com/topic") == "ntfys://chat.example.com/…"


def chat(team, url):
    sealed = seal(url, purpose=Purpose.NOTIFICATION_TARGET)
    return target(team, "Chat", kind="apprise", address="…", secret=sealed)


def run():
    notifier = Notifier()
    while notifier.round(now=NOW, wait_seconds=40) or notifier.is_sending:
        pass
    notifier.close(seconds=0)


def sent(team):
    with team.scope():
        return NotificationMessage.objects.get(kind="alarms")


@pytest.fixture
def plain_ntfy(monkeypatch):
    """ntfy without TLS, on any port of this machine: what a name could resolve to."""
    monkeypatch.setattr("alarms.delivery.chat.check_chat", lambda _url: None)


def test_a_chat_server_gets_the_alarm(red, settings, plain_ntfy):
    settings.NOTIFY_NETWORKS = ["127.0.0.0/8"]
    with Receiver() as server:
        route(red, (0, chat(red, f"ntfy://127.0.0.1:{server.port}/topic")))
        open_alarm(red, "a", title="Too hot", text="253 V", advice="Call somebody")

        run()

        assert sent(red).state == "sent", sent(red).error
        told = json.loads(server.posts[0].body)
    assert told["topic"] == "topic"
    assert told["title"] == "Warning: Too hot – a"
    assert "253 V" in told["message"]
    assert "Call somebody" in told["message"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1"])
def test_the_process_connects_to_nothing_that_is_not_public(red, plain_ntfy, host):
    with Receiver() as server:
        route(red, (0, chat(red, f"ntfy://{host}:{server.port}/topic")))
        open_alarm(red, "a")

        run()

        assert server.posts == []
    assert sent(red).state != "sent"


def test_a_url_that_is_not_allowed_any_more_is_given_up(red, settings):
    settings.NOTIFY_CHAT_HOSTS = set()
    route(red, (0, chat(red, "ntfys://chat.example.com/topic")))
    open_alarm(red, "a")

    run()

    assert sent(red).state == "dead"
    assert "allows" in sent(red).error
