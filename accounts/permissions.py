"""Who may call the API."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import Role


class IsTenantMember(BasePermission):
    """Members of an active tenant read; only operators and administrators write."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the acting membership allows the method."""
        membership = getattr(request, "membership", None)
        if membership is None:
            return False
        return request.method in {"GET", "HEAD", "OPTIONS"} or membership.role != Role.VIEWER
