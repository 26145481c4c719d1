"""How commands find the box or certificate that they are told."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from accounts.tenancy import all_tenants, tenant_scope
from devices.models import Device, DeviceCertificate


@contextmanager
def box_named(text: str) -> Iterator[Device]:
    """Yield a box by its id, or by its gateway's identifier, in its tenant's scope.

    Raises: CommandError.
    """
    with all_tenants():
        rows = Device.objects.select_related("gateway")
        found = rows.filter(gateway__uid=text, uid=text).first()
        found = found or (rows.filter(id=text).first() if _is_uuid(text) else None)
    if found is None:
        raise CommandError(f"There is no gateway and no device {text!r}.")
    with tenant_scope(found.tenant_id):
        yield found


@contextmanager
def certificate_scope(serial: str) -> Iterator[DeviceCertificate]:
    """Yield a certificate in its tenant's scope.

    Raises: CommandError.
    """
    with all_tenants():
        found = DeviceCertificate.objects.filter(serial=serial.lower()).first()
    if found is None:
        raise CommandError(f"There is no certificate {serial!r}.")
    with tenant_scope(found.tenant_id):
        yield found


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
