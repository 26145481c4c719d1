"""The tenant of the platform itself: what concerns no customer, or all of them."""

from __future__ import annotations

import uuid

from django.db import IntegrityError, transaction

from accounts.models import Tenant

# known by its id, because a customer may have taken the short name before
PLATFORM_TENANT_ID = uuid.UUID("7f000000-0000-4000-8000-000000000001")
_SLUG, _OTHER_SLUG = "platform", "platform-7f000000"


def platform_tenant() -> Tenant:
    """Return the tenant of the platform; the first call makes it."""
    known = Tenant.objects.filter(id=PLATFORM_TENANT_ID).first()
    if known is not None:
        return known
    for slug in (_SLUG, _OTHER_SLUG):
        try:
            with transaction.atomic():
                tenant, _is_new = Tenant.objects.get_or_create(
                    id=PLATFORM_TENANT_ID, defaults={"name": "Platform", "slug": slug}
                )
                return tenant
        except IntegrityError:  # somebody has this short name
            continue
    return Tenant.objects.get(id=PLATFORM_TENANT_ID)
