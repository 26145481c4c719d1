"""Sharing a site or a device with somebody outside of the tenant, for a time."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Tenant, User
from accounts.services.audit import record_event
from accounts.services.mails import send_mail
from accounts.services.platform_tenant import PLATFORM_TENANT_ID
from accounts.services.refusals import Refusal, RoleTooStrong
from devices.models import Device, Site
from devices.models.share import (
    DeviceTenantPermission,
    DeviceUserPermission,
    SiteTenantPermission,
    SiteUserPermission,
)
from devices.sharing import SHAREABLE

# the row with this permission stands for the whole share: every share has it
HANDLE = "read:device"
LONGEST = dt.timedelta(days=366)
SHARE_MODELS: dict[str, type[Any]] = {
    "site-user": SiteUserPermission,
    "site-tenant": SiteTenantPermission,
    "device-user": DeviceUserPermission,
    "device-tenant": DeviceTenantPermission,
}


class UnknownGrantee(Refusal):
    """No such organisation, or one that cannot be shared with; never said which."""

    code = "unknown_grantee"
    message = gettext_lazy("There is no organisation of this short name to share with.")


class NotShareable(Refusal):
    """The permission is none of those that a share may give."""

    code = "not_shareable"
    message = gettext_lazy("This permission cannot be shared.")


class BadPeriod(Refusal):
    """The share would end before it starts, in the past, or after more than a year."""

    code = "bad_period"
    message = gettext_lazy("A share ends in the future, after its start, within a year.")


class AlreadyShared(Refusal):
    """There is a share of the object with the same person or organisation."""

    code = "already_shared"
    message = gettext_lazy("This is shared with them already. Extend that share, or revoke it.")


class ShareGone(Refusal):
    """The tenant has no such share."""

    code = "share_gone"
    message = gettext_lazy("There is no such share.")


def shareable_codes(model: type[Model]) -> tuple[str, ...]:
    """Return what may be shared on a site or on a device."""
    return tuple(c for c in SHAREABLE if model is Site or c != "read:site")


def share_with_user(
    *,
    target: Site | Device,
    email: str,
    codes: Collection[str],
    valid_from: dt.datetime,
    expires_at: dt.datetime,
    shared_by: User | None,
    editor_codes: frozenset[str],
    now: dt.datetime,
) -> uuid.UUID:
    """Share with a person; return the id of the share.

    Somebody without an account gets one without a password, so that the answer, the list
    and the mail tell nobody who has an account.

    Raises: NotShareable, RoleTooStrong, BadPeriod, AlreadyShared.
    """
    with transaction.atomic():
        granted = _checked_codes(target, codes, editor_codes)
        _check_period(valid_from, expires_at, now)
        user = User.objects.filter(email__iexact=email).first() or User.objects.create_user(email)
        share_id = _save(
            _model(target, "user"), target, granted,
            user=user, valid_from=valid_from, expires_at=expires_at, shared_by=shared_by,
        )  # fmt: skip
        _record("share.created", target, user.email, now, granted, expires_at)
    send_mail(
        to=user.email,
        subject=_("%(name)s is shared with you") % {"name": target.name},
        template="share",
        context={"target": target, "tenant": target.tenant, "expires_at": expires_at},
    )
    return share_id


@transaction.atomic
def share_with_tenant(
    *,
    target: Site | Device,
    slug: str,
    codes: Collection[str],
    valid_from: dt.datetime,
    expires_at: dt.datetime,
    shared_by: User | None,
    editor_codes: frozenset[str],
    now: dt.datetime,
) -> uuid.UUID:
    """Share with everybody of another tenant whose role there has the permission.

    Raises: UnknownGrantee, NotShareable, RoleTooStrong, BadPeriod, AlreadyShared.
    """
    granted = _checked_codes(target, codes, editor_codes)
    _check_period(valid_from, expires_at, now)
    others = Tenant.objects.filter(slug=slug, is_active=True).exclude(
        id__in=(target.tenant_id, PLATFORM_TENANT_ID)
    )
    grantee = others.first()
    if grantee is None:
        raise UnknownGrantee
    share_id = _save(
        _model(target, "tenant"), target, granted,
        grantee=grantee, valid_from=valid_from, expires_at=expires_at, shared_by=shared_by,
    )  # fmt: skip
    _record("share.created", target, grantee.slug, now, granted, expires_at)
    return share_id


@transaction.atomic
def extend_share(*, share_id: uuid.UUID, expires_at: dt.datetime, now: dt.datetime) -> None:
    """Move the end of a share of the tenant in scope, later or sooner.

    Raises: ShareGone, BadPeriod.
    """
    handle, rows = find_share(share_id)
    _check_period(handle.valid_from, expires_at, now)
    rows.update(expires_at=expires_at, updated_at=now)
    codes = sorted(rows.values_list("permission__codename", flat=True))
    _record("share.extended", handle.content_object, grantee_label(handle), now, codes, expires_at)


@transaction.atomic
def revoke_share(*, share_id: uuid.UUID, now: dt.datetime) -> None:
    """End a share of the tenant in scope at once.

    Raises: ShareGone.
    """
    handle, rows = find_share(share_id)
    codes = sorted(rows.values_list("permission__codename", flat=True))
    _record("share.revoked", handle.content_object, grantee_label(handle), now, codes, None)
    rows.delete()


@transaction.atomic
def revoke_all_shares(*, tenant_id: uuid.UUID, now: dt.datetime) -> int:
    """End every share of the tenant in scope at once; return how many there were."""
    count = 0
    for model in SHARE_MODELS.values():
        count += model.objects.filter(permission__codename=HANDLE).count()
        model.objects.all().delete()
    record_event(
        action="share.revoked", now=now, tenant_id=tenant_id, detail={"all": True, "shares": count}
    )
    return count


def find_share(share_id: uuid.UUID) -> tuple[Any, QuerySet[Any]]:
    """Return the row that stands for a share, and all its rows.

    Raises: ShareGone: the tenant in scope has no such share.
    """
    for model in SHARE_MODELS.values():
        grantee = "user" if hasattr(model, "user") else "grantee"
        handle = (
            model.objects.filter(id=share_id, permission__codename=HANDLE)
            .select_related("content_object", grantee)
            .first()
        )
        if handle is not None:
            same = {grantee: getattr(handle, grantee), "content_object": handle.content_object}
            return handle, model.objects.filter(**same)
    raise ShareGone


def grantee_label(row: Any) -> str:
    """Return the address of the person, or the short name of the organisation."""
    return str(row.user.email) if hasattr(row, "user") else str(row.grantee.slug)


def ensure_share_permissions() -> int:
    """Make the rows of `auth.Permission` that shares refer to; return how many were missing."""
    missing = 0
    for model in (Site, Device):
        content_type = ContentType.objects.get_for_model(model)
        for code in shareable_codes(model):
            _row, is_new = Permission.objects.get_or_create(
                content_type=content_type, codename=code, defaults={"name": code}
            )
            missing += is_new
    return missing


def _model(target: Site | Device, grantee: str) -> type[Any]:
    return SHARE_MODELS[f"{'site' if isinstance(target, Site) else 'device'}-{grantee}"]


def _checked_codes(
    target: Site | Device, codes: Collection[str], editor_codes: frozenset[str]
) -> list[str]:
    """Return the permissions to store; to see the object belongs to every share."""
    possible = shareable_codes(type(target))
    if not set(codes) <= set(possible):
        raise NotShareable
    basic = {HANDLE, "read:site"} if isinstance(target, Site) else {HANDLE}
    granted = basic | set(codes)
    if not granted <= editor_codes:
        raise RoleTooStrong
    return [code for code in possible if code in granted]


def _check_period(valid_from: dt.datetime, expires_at: dt.datetime, now: dt.datetime) -> None:
    if not max(valid_from, now) < expires_at <= now + LONGEST:
        raise BadPeriod


def _save(model: type[Any], target: Site | Device, codes: list[str], **fields: Any) -> uuid.UUID:
    """Save a row for each permission; an earlier share that has ended gives way."""
    ensure_share_permissions()
    grantee = {name: fields[name] for name in ("user", "grantee") if name in fields}
    earlier = model.objects.filter(content_object=target, **grantee)
    earlier.filter(expires_at__lte=fields["valid_from"]).delete()
    if earlier.exists():
        raise AlreadyShared
    permissions = Permission.objects.filter(
        content_type=ContentType.objects.get_for_model(type(target)), codename__in=codes
    )
    rows = {
        permission.codename: model.objects.create(
            tenant_id=target.tenant_id, content_object=target, permission=permission, **fields
        )
        for permission in permissions.order_by("codename")
    }
    share_id: uuid.UUID = rows[HANDLE].id
    return share_id


def _record(
    action: str,
    target: Site | Device,
    grantee: str,
    now: dt.datetime,
    codes: list[str],
    expires_at: dt.datetime | None,
) -> None:
    detail: dict[str, Any] = {"with": grantee, "codes": codes}
    if expires_at is not None:
        detail["until"] = expires_at.isoformat()
    record_event(
        action=action, now=now, tenant_id=target.tenant_id, obj=target, label=target.name,
        detail=detail,
    )  # fmt: skip
