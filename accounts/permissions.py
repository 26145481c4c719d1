"""Who may call the API."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class HasPermission(BasePermission):
    """The caller needs the permission that the view names for the method.

    `view.permission` is a code such as "read:device", or a code for each method. Without
    one nobody may call. Guests hold no codes: they pass, and `scope()` decides which rows
    they see, only where the view says so with `is_open_to_guests`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the caller may use the method in the acting tenant."""
        acting = getattr(request, "acting", None)
        if acting is None:
            return False
        needed = view.permission
        code = needed.get(request.method) if isinstance(needed, dict) else needed
        if code is None and not hasattr(view, str(request.method).lower()):
            return True  # REST framework answers 405
        if acting.kind == "guest":
            return code is not None and getattr(view, "is_open_to_guests", False)
        return code in acting.codes
