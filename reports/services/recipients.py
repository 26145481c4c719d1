"""To whom reports go: members who may export them, and addresses of others."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from accounts.models import Membership, User
from reports.models import Delivery, ReportRun

EXPORT = "export:report"


def members_who_may(tenant_id: uuid.UUID) -> list[Membership]:
    """Return the members that may export reports, by address."""
    rows = Membership.objects.filter(tenant_id=tenant_id, user__is_active=True)
    rows = rows.select_related("user", "custom_role").order_by("user__email", "id")
    return [row for row in rows if EXPORT in row.codes]


def may_receive(tenant_id: uuid.UUID, *, user_id: uuid.UUID | None, address: str) -> bool:
    """Tell whether a report may go to somebody now.

    An address of somebody from outside may; one of a member goes by the member's rights.
    """
    rows = Membership.objects.filter(tenant_id=tenant_id).select_related("user", "custom_role")
    if user_id is None:
        member = rows.filter(user__email__iexact=address).first()
        return member is None or (member.user.is_active and EXPORT in member.codes)
    member = rows.filter(user_id=user_id).first()
    return member is not None and member.user.is_active and EXPORT in member.codes


def split_addresses(
    tenant_id: uuid.UUID, addresses: Iterable[str]
) -> tuple[list[uuid.UUID], list[str]]:
    """Return the members whose addresses they are, and the addresses that are nobody's."""
    given = list(dict.fromkeys(address.strip().lower() for address in addresses))
    rows = Membership.objects.filter(tenant_id=tenant_id, user__email__in=given)
    members = {row.user.email: row.user_id for row in rows.select_related("user")}
    return list(members.values()), [address for address in given if address not in members]


def add_deliveries(run: ReportRun, *, now: dt.datetime) -> None:
    """Note the mails of a finished report, in the caller's transaction."""
    template = run.template
    if not run.is_sent or template is None:
        return
    # also those who left: the log says that they got nothing
    people = User.objects.filter(id__in=template.recipient_ids)
    wanted: dict[str, uuid.UUID | None] = dict.fromkeys(template.addresses)
    wanted |= {person.email: person.id for person in people}
    Delivery.objects.bulk_create(
        Delivery(
            tenant_id=run.tenant_id, run=run, address=address, user_id=user_id, next_try_at=now
        )
        for address, user_id in sorted(wanted.items())
    )  # fmt: skip
