"""Answers `user.has_perm` from memberships; it stands before guardian's backend."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.backends import BaseBackend

from accounts.models import Tenant
from accounts.rbac.access import access_of
from accounts.rbac.registry import code_of
from accounts.tenancy import current_tenant_id


class TenantRoleBackend(BaseBackend):
    """A permission is judged in the tenant of the object, without one in the acting tenant."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Tell whether the person's role in the tenant has the permission."""
        code = code_of(perm)
        if code is None or not user_obj.is_active or user_obj.is_anonymous:
            return False
        tenant_id = current_tenant_id() if obj is None else tenant_of(obj)
        return code in access_of(user_obj).codes_in(tenant_id)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Let the admin show an app; its models are asked one by one."""
        if not user_obj.is_active or user_obj.is_anonymous:
            return False
        return bool(access_of(user_obj).codes_in(current_tenant_id()))


def tenant_of(obj: Any) -> uuid.UUID | None:
    """Return the tenant that owns an object; None for objects that belong to nobody."""
    if isinstance(obj, Tenant):
        return obj.id
    return getattr(obj, "tenant_id", None)
