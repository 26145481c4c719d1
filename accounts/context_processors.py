"""What every page knows."""

from typing import Any

from django.http import HttpRequest


def acting_tenant(request: HttpRequest) -> dict[str, Any]:
    """Offer the tenant the user acts for and the memberships to switch between; no query."""
    membership = getattr(request, "membership", None)
    return {
        "acting_tenant": membership.tenant if membership else None,
        "acting_role": membership.role if membership else None,
        "memberships": getattr(request, "memberships", []),
    }
