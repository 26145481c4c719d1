"""Keys of the tenant in scope."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import ApiKey


def list_keys() -> QuerySet[ApiKey]:
    """Return the keys that were not revoked, expired ones too; by name, the newest first."""
    keys = ApiKey.objects.filter(revoked_at__isnull=True).select_related("created_by", "device")
    return keys.order_by("name", "-created_at", "id")
