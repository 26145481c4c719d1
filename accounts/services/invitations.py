"""Invitations by e-mail link.

The link holds 256 random bits; the database holds their SHA-256 only.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Invitation, Membership, Tenant, User
from accounts.queries.roles import RoleChoice, choice_of
from accounts.rbac.access import forget_access
from accounts.services.audit import record_event
from accounts.services.mails import send_mail
from accounts.services.refusals import (
    AlreadyInvited,
    AlreadyMember,
    HasAccount,
    InvitationGone,
    OtherAddress,
    RoleTooStrong,
    SentJustNow,
)
from accounts.tenancy import all_tenants, tenant_scope

LIFETIME = dt.timedelta(days=7)
PAUSE = dt.timedelta(minutes=1)  # between two mails to the same address


def invite(
    *,
    tenant: Tenant,
    email: str,
    choice: RoleChoice,
    invited_by: User | None,
    editor_codes: frozenset[str],
    now: dt.datetime,
) -> Invitation:
    """Offer somebody a role and mail the link; it works once, for seven days.

    Raises:
        RoleTooStrong, AlreadyMember, AlreadyInvited.
        MailNotSent: the invitation stands; send it again.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        Tenant.objects.select_for_update(no_key=True).get(id=tenant.id)
        _check_offer(tenant, email, choice, editor_codes, now)
        invitation = Invitation.objects.create(
            tenant=tenant,
            email=email.lower(),
            invited_by=invited_by,
            token_hash=hash_token(token),
            expires_at=now + LIFETIME,
            **choice.fields,
        )
        _record("member.invited", invitation, now, {"role": choice.name})
    _send(invitation, tenant, token)
    return invitation


def resend(
    *, invitation_id: uuid.UUID, editor_codes: frozenset[str], now: dt.datetime
) -> Invitation:
    """Mail a new link, good for another seven days; the old one is dead.

    Raises:
        InvitationGone: used or revoked, or of another tenant than the one in scope.
        RoleTooStrong, SentJustNow, MailNotSent.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        invitation = _lock_open(invitation_id)
        if not choice_of(invitation).codes <= editor_codes:
            raise RoleTooStrong
        if now < invitation.expires_at - LIFETIME + PAUSE:
            raise SentJustNow
        invitation.token_hash = hash_token(token)
        invitation.expires_at = now + LIFETIME
        invitation.save()
        _record("member.invited", invitation, now, {"again": True})
    _send(invitation, invitation.tenant, token)
    return invitation


@transaction.atomic
def revoke_invitation(*, invitation_id: uuid.UUID, now: dt.datetime) -> None:
    """Withdraw an invitation of the tenant in scope.

    Raises: InvitationGone: it is used or revoked, or another tenant's.
    """
    invitation = _lock_open(invitation_id)
    invitation.revoked_at = now
    invitation.save()
    _record("member.invitation_revoked", invitation, now, {})


def find_invitation(*, token: str, now: dt.datetime) -> Invitation:
    """Return the invitation of a link, with tenant, role and inviter.

    Raises: InvitationGone: the same for every reason.
    """
    with all_tenants():  # the link names the tenant
        found = (
            Invitation.objects.filter(
                token_hash=hash_token(token),
                accepted_at__isnull=True,
                revoked_at__isnull=True,
                expires_at__gt=now,
                tenant__is_active=True,
            )
            .select_related("tenant", "custom_role", "invited_by")
            .first()
        )
    if found is None:
        raise InvitationGone
    return found


def accept(*, token: str, user: User, now: dt.datetime) -> Membership:
    """Make somebody with an account a member; who is one already keeps the role.

    Raises: InvitationGone, OtherAddress.
    """
    tenant_id = find_invitation(token=token, now=now).tenant_id
    with tenant_scope(tenant_id), transaction.atomic():
        return _accept(token, user, now)


def accept_as_new(
    *, token: str, name: str, password: str, now: dt.datetime
) -> tuple[User, Membership]:
    """Make an account for the invited address, and the person a member.

    The link proves the address. Who was only ever named as somebody to share with has an
    account without a password, and takes it over.

    Raises: InvitationGone, HasAccount.
    """
    tenant_id = find_invitation(token=token, now=now).tenant_id
    with tenant_scope(tenant_id), transaction.atomic():
        email = _lock_by_token(token, now).email
        user = User.objects.select_for_update().filter(email__iexact=email).first()
        if user is not None and not is_unclaimed(user):
            raise HasAccount
        user = user or User(email=email)
        user.name = name
        user.set_password(password)
        user.save()
        EmailAddress.objects.update_or_create(
            user=user, email=email, defaults={"verified": True, "primary": True}
        )
        return user, _accept(token, user, now)


def is_unclaimed(user: User) -> bool:
    """Tell whether nobody has ever been able to sign in to an account."""
    return user.is_active and user.last_login is None and not user.has_usable_password()


def hash_token(token: str) -> str:
    """Return what the database keeps of a link's secret."""
    return hashlib.sha256(token.encode()).hexdigest()


def _accept(token: str, user: User, now: dt.datetime) -> Membership:
    invitation = _lock_by_token(token, now)
    if invitation.email.lower() != user.email.lower():
        raise OtherAddress
    membership, is_new = Membership.objects.get_or_create(
        user=user, tenant_id=invitation.tenant_id, defaults=choice_of(invitation).fields
    )
    invitation.accepted_at = now
    invitation.save()
    if is_new:
        record_event(
            action="member.joined",
            now=now,
            tenant_id=invitation.tenant_id,
            obj=membership,
            label=user.email,
            detail={"role": membership.role_name},
        )
    forget_access(user)
    return membership


def _check_offer(
    tenant: Tenant, email: str, choice: RoleChoice, editor_codes: frozenset[str], now: dt.datetime
) -> None:
    if not choice.codes <= editor_codes:
        raise RoleTooStrong
    if Membership.objects.filter(tenant=tenant, user__email__iexact=email).exists():
        raise AlreadyMember
    unused = Invitation.objects.filter(
        tenant=tenant, email__iexact=email, accepted_at__isnull=True, revoked_at__isnull=True
    )
    unused.filter(expires_at__lte=now).update(revoked_at=now)
    if unused.exists():
        raise AlreadyInvited


def _lock_open(invitation_id: uuid.UUID) -> Invitation:
    found = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("tenant", "custom_role")
        .filter(id=invitation_id, accepted_at__isnull=True, revoked_at__isnull=True)
        .first()
    )
    if found is None:
        raise InvitationGone
    return found


def _lock_by_token(token: str, now: dt.datetime) -> Invitation:
    """Return the invitation; of two who use a link at once the second finds it used."""
    found = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("custom_role")
        .filter(
            token_hash=hash_token(token),
            accepted_at__isnull=True,
            revoked_at__isnull=True,
            expires_at__gt=now,
            tenant__is_active=True,
        )
        .first()
    )
    if found is None:
        raise InvitationGone
    return found


def _record(
    action: str, invitation: Invitation, now: dt.datetime, detail: dict[str, object]
) -> None:
    record_event(
        action=action,
        now=now,
        tenant_id=invitation.tenant_id,
        obj=invitation,
        label=invitation.email,
        detail=detail,
    )


def _send(invitation: Invitation, tenant: Tenant, token: str) -> None:
    link = settings.PUBLIC_URL + reverse("invitation", args=[token])
    send_mail(
        to=invitation.email,
        subject=_("Invitation to %(organisation)s") % {"organisation": tenant.name},
        template="invitation",
        context={
            "link": link,
            "invitation": invitation,
            "tenant": tenant,
            "role": choice_of(invitation).name,
            "days": LIFETIME.days,
        },
    )
