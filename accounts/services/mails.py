"""Mails, as text and as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from smtplib import SMTPException
from typing import Any

from anymail.exceptions import AnymailError
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts.services.refusals import MailNotSent


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    content: bytes
    media_type: str


def send_mail(
    *,
    to: str,
    subject: str,
    template: str,
    context: dict[str, Any],
    folder: str = "accounts/mail",
    attachment: Attachment | None = None,
    message_id: str = "",
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send `<folder>/<template>.txt` and `.html` in the current language.

    Args: message_id: the same for a mail that is sent again, so that it is known as such.

    Raises: MailNotSent: the mail server cannot be reached or refuses.
    """
    values = context | {"public_url": settings.PUBLIC_URL}
    given = dict(headers or {}) | ({"Message-ID": message_id} if message_id else {})
    message = EmailMultiAlternatives(
        " ".join(subject.split()),  # names in it may hold line breaks
        render_to_string(f"{folder}/{template}.txt", values),
        to=[to],
        headers=given or None,
    )
    html = render_to_string(f"{folder}/{template}.html", values | {"subject": subject})
    message.attach_alternative(html, "text/html")
    if attachment is not None:
        message.attach(attachment.name, attachment.content, attachment.media_type)
    try:
        message.send()
    except (OSError, SMTPException, AnymailError) as error:
        raise MailNotSent from error
