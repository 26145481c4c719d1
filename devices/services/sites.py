"""Places."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts.models import Tenant
from devices.models import Site


class SiteExists(Exception):
    """The tenant has a site of this name."""


def register_site(
    *, tenant: Tenant, name: str, timezone: str, currency: str = "EUR", address: str = "",
    latitude: float | None = None, longitude: float | None = None,
) -> Site:  # fmt: skip
    """Save a place of a tenant.

    Args: latitude, longitude: degrees north and east, for the sun; both or neither.

    Raises:
        SiteExists: the name is taken.
        ValidationError: no IANA time zone, no place on Earth, or another tenant is in scope.
    """
    site = Site(
        tenant=tenant, name=name, timezone=timezone, currency=currency, address=address,
        latitude=latitude, longitude=longitude,
    )  # fmt: skip
    site.clean_fields()
    try:
        with transaction.atomic():
            site.save()
    except IntegrityError as error:
        if "site_name_per_tenant" not in str(error):
            raise
        raise SiteExists(f"There is a site {name!r} already; choose another name.") from error
    return site
