"""Places."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts.models import Tenant
from devices.models import Site


class SiteExists(Exception):
    """The tenant has a site of this name."""


def register_site(
    *, tenant: Tenant, name: str, timezone: str, currency: str = "EUR", address: str = ""
) -> Site:
    """Save a place of a tenant.

    Raises:
        SiteExists: the name is taken.
        ValidationError: no IANA time zone, or another tenant is in scope.
    """
    site = Site(tenant=tenant, name=name, timezone=timezone, currency=currency, address=address)
    site.clean_fields()
    try:
        with transaction.atomic():
            site.save()
    except IntegrityError as error:
        if "site_name_per_tenant" not in str(error):
            raise
        raise SiteExists(f"There is a site {name!r} already; choose another name.") from error
    return site
