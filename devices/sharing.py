"""Answers `user.has_perm` from shares; stands behind the backend of roles.

guardian's own look-up knows no end of a share and reads through `auth.Permission`, past
the tenant filter; so its tables are used and its queries are not.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q
from django.utils import timezone
from guardian.backends import ObjectPermissionBackend

from accounts.models import Tenant
from accounts.rbac.access import access_of
from accounts.rbac.registry import code_of
from accounts.tenancy import all_tenants, current_tenant_id, tenant_scope
from devices.live_types import GUEST_TYPES
from devices.models import Channel, Device, Site
from devices.models.share import (
    DeviceTenantPermission,
    DeviceUserPermission,
    SiteTenantPermission,
    SiteUserPermission,
)

# what may be shared at all; every share brings reading
SHAREABLE = ("read:site", "read:device", "read:telemetry", "control:device")
_SITE_SHARES = (SiteUserPermission, SiteTenantPermission)
_DEVICE_SHARES = (DeviceUserPermission, DeviceTenantPermission)


class ShareBackend(ObjectPermissionBackend):
    """Permissions on single objects of tenants that one is no member of."""

    def has_perm(self, user_obj: Any, perm: str, obj: Model | None = None) -> bool:
        """Tell whether a share that is valid now covers the object."""
        code = code_of(perm)
        tenant_id = getattr(obj, "tenant_id", None)
        if code not in SHAREABLE or tenant_id is None or not _can_be_guest(user_obj):
            return False
        with tenant_scope(tenant_id):
            site_id, device_id = _place_of(obj)
            return _is_shared(user_obj, code, _SITE_SHARES, site_id) or _is_shared(
                user_obj, code, _DEVICE_SHARES, device_id
            )

    def get_all_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """Return the codes that are shared on an object."""
        return {code for code in SHAREABLE if self.has_perm(user_obj, code, obj)}

    def get_group_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """Return nothing: groups are for platform staff."""
        return set()

    def shared_tenants(self, user: Any) -> list[Tenant]:
        """Return the active tenants that share something with the person now, by name."""
        with all_tenants():  # a guest is no member: no scope is known yet
            ids = {
                tenant_id
                for model in _SITE_SHARES + _DEVICE_SHARES
                for tenant_id in model.objects.filter(_granted_to(user, model))
                .values_list("tenant_id", flat=True)
                .distinct()
            }
        return list(Tenant.objects.filter(id__in=ids, is_active=True).order_by("name", "id"))

    def guest_rows(self, user: Any, tenant_id: uuid.UUID) -> Mapping[str, Q]:
        """Return what a guest may read in a tenant, by model label."""
        with tenant_scope(tenant_id):
            shares = _read_shares(user)
            return {
                "devices.LiveEvent": _events(shares),
            } | {
                label: shares.rows(code, path)
                for label, code, path in (
                    ("devices.Site", "read:site", None),
                    ("devices.Device", "read:device", ""),
                    ("devices.Channel", "read:device", "device__"),
                    ("telemetry.LatestValue", "read:telemetry", "channel__device__"),
                )
            }

    def explain(self, user: Any, code: str, obj: Model) -> list[tuple[str, str]]:
        """Return each share of the object with the person: "yes" or why not, and what it is."""
        tenant_id = getattr(obj, "tenant_id", None)
        if code not in SHAREABLE or tenant_id is None:
            return []
        site_id, device_id = _place_of(obj)
        with tenant_scope(tenant_id):
            return [
                found
                for models, object_id in ((_SITE_SHARES, site_id), (_DEVICE_SHARES, device_id))
                for model in models
                if object_id is not None
                for found in _explain_shares(user, code, model, object_id)
            ]

    def knows(self, user: Any, tenant_id: uuid.UUID) -> bool:
        """Tell whether a tenant shares something with the person, now or at another time."""
        direct = [key for key, grant in access_of(user).grants.items() if grant.is_direct]
        with tenant_scope(tenant_id):
            return any(
                model.objects.filter(
                    Q(user_id=user.pk) if hasattr(model, "user") else Q(grantee_id__in=direct)
                ).exists()
                for model in _SITE_SHARES + _DEVICE_SHARES
            )

    def shared_rows(self, user: Any, code: str, model: type[Model]) -> Q | None:
        """Return the condition for rows of the acting tenant that are shared with the person."""
        paths = {Site: None, Device: "", Channel: "device__"}
        if code not in SHAREABLE or model not in paths or not _can_be_guest(user):
            return None
        tenant_id = current_tenant_id()
        if tenant_id is None:
            return None
        with tenant_scope(tenant_id):
            return _read_shares(user).rows(code, paths[model])


@dataclass(frozen=True, slots=True)
class _Shares:
    """The sites and devices of a tenant that are shared with a person now, by permission."""

    sites: Mapping[str, set[uuid.UUID]]
    devices: Mapping[str, set[uuid.UUID]]

    def rows(self, code: str, path: str | None) -> Q:
        """Return the condition; `path` leads to the device, None means a model of sites."""
        sites = self.sites.get(code, set())
        if path is None:
            return Q(pk__in=sites)
        own_key = f"{path}id__in" if path else "pk__in"
        devices = self.devices.get(code, set())
        return Q(**{own_key: devices}) | Q(**{f"{path}site_id__in": sites})


def _read_shares(user: Any) -> _Shares:
    """Read all shares at once: a guest's every request needs them."""
    return _Shares(_shared_ids(user, _SITE_SHARES), _shared_ids(user, _DEVICE_SHARES))


def _shared_ids(user: Any, models: tuple[Any, ...]) -> Mapping[str, set[uuid.UUID]]:
    found: defaultdict[str, set[uuid.UUID]] = defaultdict(set)
    for model in models:
        rows = model.objects.filter(_granted_to(user, model))
        for code, object_id in rows.values_list("permission__codename", "content_object_id"):
            found[code].add(object_id)
    return found


def _events(shares: _Shares) -> Q:
    """Return the condition for what guests hear: the presence of devices shared with them."""
    devices = Device.objects.filter(shares.rows("read:device", ""))
    return Q(device_id__in=set(devices.values_list("pk", flat=True)), type__in=GUEST_TYPES)


def _is_shared(user: Any, code: str, models: tuple[Any, ...], object_id: uuid.UUID | None) -> bool:
    return object_id is not None and any(
        model.objects.filter(
            _granted_to(user, model), permission__codename=code, content_object_id=object_id
        ).exists()
        for model in models
    )


def _explain_shares(
    user: Any, code: str, model: Any, object_id: uuid.UUID
) -> Iterator[tuple[str, str]]:
    grants = access_of(user).grants
    mine = (
        Q(user_id=user.pk)
        if hasattr(model, "user")
        else Q(grantee_id__in=[key for key, grant in grants.items() if grant.is_direct])
    )
    now = timezone.now()
    rows = model.objects.filter(mine, permission__codename=code, content_object_id=object_id)
    for row in rows.select_related("content_object").order_by("id"):
        if row.valid_from > now:
            verdict = "later"
        elif row.expires_at <= now:
            verdict = "expired"
        elif hasattr(row, "grantee_id") and code not in grants[row.grantee_id].codes:
            verdict = "role"
        else:
            verdict = "yes"
        yield verdict, str(row.content_object)


def _granted_to(user: Any, model: Any) -> Q:
    now = timezone.now()
    valid = Q(valid_from__lte=now, expires_at__gt=now, tenant__is_active=True)
    if hasattr(model, "user"):
        return valid & Q(user_id=user.pk)
    grants = access_of(user).grants
    members = {tenant_id for tenant_id, grant in grants.items() if grant.is_direct}
    allowed = Q(pk__in=[])
    for tenant_id in members:
        allowed |= Q(grantee_id=tenant_id, permission__codename__in=grants[tenant_id].codes)
    return valid & allowed


def _place_of(obj: Any) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """Return the site and the device that an object belongs to."""
    if isinstance(obj, Site):
        return obj.pk, None
    if isinstance(obj, Device):
        return obj.site_id, obj.pk
    device = getattr(obj, "device", None)
    return (device.site_id, device.pk) if isinstance(device, Device) else (None, None)


def _can_be_guest(user: Any) -> bool:
    return bool(user.is_active and user.is_authenticated and hasattr(user, "email"))
