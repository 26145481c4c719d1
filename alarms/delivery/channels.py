"""Which channel hands over what."""

from __future__ import annotations

import datetime as dt

from accounts.tenancy import tenant_scope
from alarms.delivery import in_app, mail, webhook
from alarms.delivery.letter import reader, write
from alarms.delivery.outcome import Outcome, Send
from alarms.models import NotificationMessage, TargetKind
from energy.lib.sealing import CannotUnseal


def prepare(message: NotificationMessage, *, now: dt.datetime) -> Send:
    """Return what hands a message over: it is called in a thread and touches no database."""
    with tenant_scope(message.tenant_id):
        if message.target.kind == TargetKind.WEBHOOK:
            try:
                return webhook.prepare(message)
            except CannotUnseal as error:
                return _never(f"The secret cannot be read: {error}")
        letter = write(message)
        if message.target.kind == TargetKind.IN_APP:
            with reader(message.content):
                in_app.write_notes(message, letter, now=now)
            return Outcome
        return mail.prepare(message, letter)


def _never(error: str) -> Send:
    return lambda: Outcome(error=error, is_final=True)
