"""Which channel hands over what."""

from __future__ import annotations

import datetime as dt
import logging

from accounts.tenancy import tenant_scope
from alarms.delivery import chat, in_app, mail, push, webhook
from alarms.delivery.letter import reader, write
from alarms.delivery.outcome import Outcome, Send
from alarms.models import NotificationMessage, TargetKind
from energy.lib.sealing import CannotUnseal

logger = logging.getLogger(__name__)


def prepare(message: NotificationMessage, *, now: dt.datetime) -> Send:
    """Return what hands a message over: it is called in a thread and touches no database."""
    with tenant_scope(message.tenant_id):
        try:
            return _prepare(message, now)
        except CannotUnseal as error:
            return _never(f"The secret cannot be read: {error}")
        except (LookupError, TypeError, ValueError) as error:
            logger.exception("Message %s cannot be written", message.id)
            return _never(f"The message cannot be written: {error}")


def _prepare(message: NotificationMessage, now: dt.datetime) -> Send:
    kind = message.target.kind
    if kind == TargetKind.WEBHOOK:
        return webhook.prepare(message)
    letter = write(message)
    if kind == TargetKind.EMAIL:
        return mail.prepare(message, letter)
    if kind == TargetKind.APPRISE:
        return chat.prepare(message, letter)
    with reader(message.content):
        if kind == TargetKind.WEB_PUSH:
            return push.prepare(message, letter)
        in_app.write_notes(message, letter, now=now)
    return Outcome


def _never(error: str) -> Send:
    return lambda: Outcome(error=error, is_final=True)
