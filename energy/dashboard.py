"""The admin's first page."""

from typing import Any

from django.http import HttpRequest


def fleet_overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the fleet's figures to the admin index."""
    return context
