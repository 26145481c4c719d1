"""Alarms by e-mail."""

from __future__ import annotations

from functools import partial
from smtplib import SMTPRecipientsRefused
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import translation

from accounts.services.mails import send_mail
from accounts.services.refusals import MailNotSent
from alarms.delivery.letter import Letter
from alarms.delivery.outcome import NotTaken, Outcome, Refused, Send
from alarms.models import NotificationMessage
from devices.models import Severity


def prepare(message: NotificationMessage, letter: Letter) -> Send:
    """Return what hands the mail to the mail server; it touches no database."""
    target = message.target
    address = target.person.email if target.person else target.address
    return partial(_send, address, letter)


def message_id(letter: Letter) -> str:
    """Return the Message-ID, the same at each try, so that a repetition is known as one."""
    return f"<alarm-{letter.id}@{_host()}>"


def _send(address: str, letter: Letter) -> Outcome:
    try:
        with translation.override(letter.language):
            send_mail(
                to=address, subject=letter.subject, template="alarms", folder="alarms/mail",
                context={"letter": letter}, message_id=message_id(letter),
                headers=_headers(letter),
            )  # fmt: skip
    except MailNotSent as error:
        cause = error.__cause__
        if isinstance(cause, SMTPRecipientsRefused) and _is_final(cause):
            raise Refused(f"{address} is refused: {cause}") from error
        raise NotTaken(f"{type(cause).__name__}: {cause}") from error
    return Outcome()


def _headers(letter: Letter) -> dict[str, str]:
    found = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
    if letter.thread:  # beginning, reminders and end of an alarm stand together
        found["References"] = found["In-Reply-To"] = f"<alarm-{letter.thread}@{_host()}>"
    if letter.severity == Severity.CRITICAL:
        found |= {"Importance": "high", "X-Priority": "1"}
    return found


def _is_final(refused: SMTPRecipientsRefused) -> bool:
    return all(code >= 500 for code, _text in refused.recipients.values())


def _host() -> str:
    return urlsplit(settings.PUBLIC_URL).hostname or "localhost"
