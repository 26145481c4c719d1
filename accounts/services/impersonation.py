"""Acting as a customer, for support: who may, for how long, and what the audit trail keeps."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership, User
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal

LONGEST = dt.timedelta(minutes=30)
SHORTEST_REASON = 5
PERMISSION = "accounts.impersonate"


class NotImpersonable(Refusal):
    """The person may not act as this user."""

    code = "not_impersonable"
    message = _("You cannot act as this person.")


class ReasonMissing(Refusal):
    """Nobody acts as somebody else without saying why."""

    code = "reason_missing"
    message = _("Say why, such as the number of the support case.")


def may_impersonate(*, hijacker: User, hijacked: User | None) -> bool:
    """Tell whether somebody may act as a user: staff as customers, never as staff."""
    if hijacked is None or not hijacked.is_active or hijacked.is_staff or hijacked.is_superuser:
        return False
    if not (hijacker.is_active and hijacker.is_staff) or hijacker.pk == hijacked.pk:
        return False
    return bool(hijacker.is_superuser or hijacker.has_perm(PERMISSION))


@transaction.atomic
def start_impersonation(*, staff: User, user: User, reason: str, now: dt.datetime) -> dt.datetime:
    """Write that staff begin to act as a user, in each of the user's tenants; return the end.

    Raises: ReasonMissing, NotImpersonable.
    """
    if len(reason.strip()) < SHORTEST_REASON:
        raise ReasonMissing
    if not may_impersonate(hijacker=staff, hijacked=user):
        raise NotImpersonable
    until = now + LONGEST
    detail = {"reason": reason.strip(), "until": until.isoformat(), "impersonator": str(staff.pk)}
    _record("impersonation.started", user=user, detail=detail, now=now)
    return until


@transaction.atomic
def end_impersonation(*, staff_id: str, user: User, cause: str, now: dt.datetime) -> None:
    """Write that it is over. `cause` is button, time, sign_out or rights."""
    detail = {"cause": cause, "impersonator": staff_id}
    _record("impersonation.ended", user=user, detail=detail, now=now)


def _record(action: str, *, user: User, detail: dict[str, str], now: dt.datetime) -> None:
    memberships = Membership.objects.filter(user=user).order_by("tenant_id")
    tenants: list[uuid.UUID | None] = list(memberships.values_list("tenant_id", flat=True))
    for tenant_id in tenants or [None]:
        record_event(
            action=action, now=now, tenant_id=tenant_id, obj=user, label=user.email, detail=detail
        )
