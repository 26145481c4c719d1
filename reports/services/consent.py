"""Whether an address wants reports: strangers confirm by a link, everybody can end them.

The link that confirms holds 256 random bits and works once, for seven days; the database holds
their SHA-256 only. The link that ends reports stands in each mail and is signed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Iterable, Mapping

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.services.audit import record_event
from accounts.services.mails import send_mail
from accounts.services.refusals import MailNotSent
from accounts.tenancy import all_tenants, tenant_scope
from reports.models import Recipient, ReportTemplate
from reports.services.refusals import RecipientGone

LIFETIME = dt.timedelta(days=7)
FIRST_PAUSE = dt.timedelta(minutes=2)  # doubles with each try
MAX_TRIES = 6
_SALT = "reports.recipient"


def find_recipient(tenant_id: uuid.UUID, address: str) -> Recipient:
    """Return what is known about an address; it is not confirmed if nothing was."""
    found, _made = Recipient.objects.get_or_create(tenant_id=tenant_id, address=address.lower())
    return found


def ask_addresses(tenant_id: uuid.UUID, addresses: Iterable[str], *, now: dt.datetime) -> None:
    """Have those asked that were not, or did not answer in time; nobody who said no."""
    for address in addresses:
        found = find_recipient(tenant_id, address)
        is_open = found.ask_at is not None or (found.expires_at and found.expires_at > now)
        if not (found.confirmed_at or found.unsubscribed_at or is_open):
            Recipient.objects.filter(id=found.id).update(ask_at=now, tries=0)


def claim_question(*, now: dt.datetime) -> Recipient | None:
    """Take the next address that is to be asked; None when there is none."""
    with all_tenants(), transaction.atomic():
        due = Recipient.objects.filter(ask_at__lte=now, tenant__is_active=True)
        due = due.select_related("tenant").order_by("ask_at", "id")
        found = due.select_for_update(skip_locked=True, of=("self",)).first()
        if found is None:
            return None
        found.ask_at = now + FIRST_PAUSE * 2**found.tries if found.tries < MAX_TRIES - 1 else None
        found.tries += 1
        found.save(update_fields=["ask_at", "tries", "updated_at"])
    return found


def ask(recipient: Recipient, *, now: dt.datetime) -> bool:
    """Mail the link to an address that this process has claimed; tell whether it went out."""
    token = secrets.token_urlsafe(32)
    with tenant_scope(recipient.tenant_id):
        recipient.token_hash, recipient.expires_at = _hash(token), now + LIFETIME
        recipient.save(update_fields=["token_hash", "expires_at", "updated_at"])
        try:
            with override(_language_of(recipient)):
                _send(recipient, token)
        except MailNotSent:
            return False
        Recipient.objects.filter(id=recipient.id).update(ask_at=None, asked_at=now)
        _record("report_recipient.asked", recipient, now)
    return True


def find_asked(token: str, *, now: dt.datetime) -> Recipient:
    """Return the address that a link asks, with its tenant.

    Raises: RecipientGone: the same for every reason.
    """
    with all_tenants():  # the link names the tenant
        found = (
            Recipient.objects.filter(
                token_hash=_hash(token), expires_at__gt=now, tenant__is_active=True
            )
            .select_related("tenant")
            .first()
        )
    if found is None:
        raise RecipientGone
    return found


def confirm(token: str, *, now: dt.datetime) -> Recipient:
    """Note that the owner of an address wants reports; the link is used up.

    Raises: RecipientGone.
    """
    found = find_asked(token, now=now)
    with tenant_scope(found.tenant_id), transaction.atomic():
        # of two who use a link at once the second finds it used
        used = Recipient.objects.filter(id=found.id, token_hash=_hash(token)).update(
            token_hash="", expires_at=None, ask_at=None, confirmed_at=now, unsubscribed_at=None
        )
        if not used:
            raise RecipientGone
        _record("report_recipient.confirmed", found, now)
    return found


def find_named(signed: str) -> Recipient:
    """Return the address of a link to end reports, with its tenant.

    Raises: RecipientGone.
    """
    try:
        id_ = uuid.UUID(signing.loads(signed, salt=_SALT))
    except (signing.BadSignature, ValueError, TypeError):
        raise RecipientGone from None
    with all_tenants():  # the link names the tenant
        found = Recipient.objects.filter(id=id_).select_related("tenant").first()
    if found is None:
        raise RecipientGone
    return found


def end_reports(signed: str, *, now: dt.datetime) -> Recipient:
    """Send no more reports of this organisation to the address of a link.

    Raises: RecipientGone.
    """
    found = find_named(signed)
    with tenant_scope(found.tenant_id), transaction.atomic():
        ended = Recipient.objects.filter(id=found.id, unsubscribed_at=None).update(
            unsubscribed_at=now, token_hash="", expires_at=None, ask_at=None
        )
        if ended:
            _record("report_recipient.unsubscribed", found, now)
    return found


def resume_reports(signed: str, *, now: dt.datetime) -> Recipient:
    """Send reports again to an address that ended them; having the link confirms it.

    Raises: RecipientGone.
    """
    found = find_named(signed)
    with tenant_scope(found.tenant_id), transaction.atomic():
        ended = Recipient.objects.filter(id=found.id, unsubscribed_at__isnull=False)
        if ended.update(unsubscribed_at=None, confirmed_at=now):
            _record("report_recipient.confirmed", found, now)
    return found


def link_to_end(recipient: Recipient) -> str:
    """Return the address by which a recipient ends reports, without sign-in."""
    signed = signing.dumps(str(recipient.id), salt=_SALT)
    return settings.PUBLIC_URL + reverse("report-unsubscribe", args=[signed])


def describe_addresses(template: ReportTemplate, *, now: dt.datetime) -> list[tuple[str, str]]:
    """Return each outside address of a template with confirmed, unsubscribed, asked or expired."""
    rows = {row.address: row for row in Recipient.objects.filter(address__in=template.addresses)}
    return [(address, _state(rows.get(address), now)) for address in template.addresses]


def _state(row: Recipient | None, now: dt.datetime) -> str:
    if row is None:
        return "asked"
    if row.unsubscribed_at:
        return "unsubscribed"
    if row.confirmed_at:
        return "confirmed"
    is_over = row.expires_at is not None and row.expires_at <= now and row.ask_at is None
    return "expired" if is_over else "asked"


def _language_of(recipient: Recipient) -> str:
    """Return the language of a report that is to go there."""
    found = ReportTemplate.objects.filter(addresses__contains=[recipient.address])
    return found.values_list("language", flat=True).first() or settings.LANGUAGE_CODE


def _send(recipient: Recipient, token: str) -> None:
    name = recipient.tenant.name
    send_mail(
        to=recipient.address,
        subject=_("Reports of %(organisation)s") % {"organisation": name},
        folder="reports/mail", template="confirm",
        context={
            "link": settings.PUBLIC_URL + reverse("report-confirm", args=[token]),
            "end": link_to_end(recipient), "tenant": recipient.tenant, "days": LIFETIME.days,
        },
    )  # fmt: skip


def unsubscribe_headers(end: str) -> Mapping[str, str]:
    """Return the headers by which mail programs offer to end reports (RFC 8058)."""
    return {"List-Unsubscribe": f"<{end}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _record(action: str, recipient: Recipient, now: dt.datetime) -> None:
    record_event(
        action=action, now=now, tenant_id=recipient.tenant_id, obj=recipient,
        label=recipient.address,
    )  # fmt: skip
