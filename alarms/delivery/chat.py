"""Alarms to chats and telephones through Apprise, in a process of its own.

Customers choose the URL, and Apprise calls whatever it names. So only schemes of services with
an address of their own are taken, servers of chats only where the operator allows the host; and
the process that calls cannot connect to anything that is not public, whatever a name resolves
to and wherever an answer leads (`chat_process`). It knows none of our secrets, and it is ended
when it takes too long.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import translation

from alarms.delivery.letter import Letter
from alarms.delivery.outcome import NotTaken, Outcome, Refused, Send
from alarms.models import NotificationMessage
from energy.lib.sealing import Purpose, unseal

TIMEOUT_SECONDS = 25.0
MAX_URL = 1000
# of services whose address Apprise knows
SERVICES = frozenset(
    {"tgram", "slack", "discord", "gchat", "wxteams", "pover", "pbul", "twilio", "vonage",
     "msgbird", "sinch", "clickatell", "opsgenie", "pagerduty", "splunk", "signl4", "line",
     "threema", "ntfy"}
)  # fmt: skip
# of servers that somebody runs; by TLS alone
SERVERS = frozenset({"ntfys", "gotifys", "mmosts", "matrixs", "rockets"})
_TYPES = {"critical": "failure", "error": "failure", "warning": "warning"}


class ChatRefused(ValueError):
    """The URL is of no chat that may be called."""


def check_chat(url: str) -> None:
    """Refuse a URL of Apprise that leads where it may not. Raises: ChatRefused."""
    if len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise ChatRefused("The URL is too long or has characters that no URL has.")
    scheme, mark, rest = url.partition("://")
    scheme = scheme.lower()
    if not mark or not rest or scheme not in SERVICES | SERVERS:
        raise ChatRefused(f"Only these are taken: {', '.join(sorted(SERVICES | SERVERS))}.")
    if "?" in url:
        raise ChatRefused("Options after a question mark are not taken.")
    if scheme == "ntfy" and "/" in rest.strip("/"):
        raise ChatRefused("A server of ntfy is named with ntfys://.")
    if scheme in SERVERS and _host(url) not in settings.NOTIFY_CHAT_HOSTS:
        raise ChatRefused(f"{_host(url)} is no chat server that the operator allows.")


def shown_chat(url: str) -> str:
    """Return the part of a URL that is no secret."""
    scheme = url.partition("://")[0].lower()
    return f"{scheme}://{_host(url)}/…" if scheme in SERVERS else f"{scheme}://…"


def prepare(message: NotificationMessage, letter: Letter) -> Send:
    """Return what hands the message to Apprise; it touches no database. Raises: CannotUnseal."""
    url = unseal(message.target.secret, purpose=Purpose.NOTIFICATION_TARGET)
    return partial(_send, url, letter)


def _send(url: str, letter: Letter) -> Outcome:
    try:
        check_chat(url)  # what is allowed may have changed since
    except ChatRefused as refused:
        raise Refused(str(refused)) from refused
    with translation.override(letter.language):
        body = letter.as_text()
    asked = {
        "url": url, "title": letter.subject, "body": body or letter.subject,
        "type": _TYPES.get(letter.severity, "info"), "networks": list(settings.NOTIFY_NETWORKS),
    }  # fmt: skip
    answer = _run(json.dumps(asked))
    if answer.get("ok"):
        return Outcome()
    error = str(answer.get("error") or "The service did not take it.")
    if answer.get("is_final"):
        raise Refused(error)
    raise NotTaken(error)


def _run(asked: str) -> dict[str, object]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "alarms.delivery.chat_process"],
            input=asked.encode(), capture_output=True, timeout=TIMEOUT_SECONDS, check=False,
            cwd=settings.BASE_DIR, env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotTaken(f"No answer in {TIMEOUT_SECONDS:g} seconds.") from error
    try:
        answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise NotTaken("Apprise ended without an answer.") from error
    return answer


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError as error:
        raise ChatRefused("The URL cannot be read.") from error
