"""Mails about access, as text and as HTML."""

from __future__ import annotations

from smtplib import SMTPException
from typing import Any

from anymail.exceptions import AnymailError
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts.services.refusals import MailNotSent


def send_mail(*, to: str, subject: str, template: str, context: dict[str, Any]) -> None:
    """Send `accounts/mail/<template>.txt` and `.html` in the current language.

    Raises: MailNotSent: the mail server cannot be reached or refuses.
    """
    values = context | {"public_url": settings.PUBLIC_URL}
    message = EmailMultiAlternatives(
        " ".join(subject.split()),  # names in it may hold line breaks
        render_to_string(f"accounts/mail/{template}.txt", values),
        to=[to],
    )
    html = render_to_string(f"accounts/mail/{template}.html", values | {"subject": subject})
    message.attach_alternative(html, "text/html")
    try:
        message.send()
    except (OSError, SMTPException, AnymailError) as error:
        raise MailNotSent from error
