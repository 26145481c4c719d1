"""What of a deleted tenant's fleet lives outside of the database: accounts, and images.

Certificates first: a box that comes back before it has no account would stay connected.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.utils import timezone

from accounts.services.erasure import Erased
from accounts.tenancy import tenant_scope
from devices.models import Device, Gateway
from devices.services.broker_accounts import revoke_many
from devices.services.firmware import delete_images
from devices.services.revocation import keep_revoked
from devices.services.revocation_list import publish_if_due


def erase_broker_accounts(tenant_id: uuid.UUID, has_broker: bool) -> Iterator[Erased]:
    """Take the accounts of all gateways and direct devices away, so that nothing arrives any more.

    Raises: BrokerError: the broker did not do it.
    """
    with tenant_scope(tenant_id):
        gateways = Gateway.objects.order_by("uid").values_list("uid", flat=True)
        direct = Device.objects.filter(gateway=None).order_by("id").values_list("id", flat=True)
        usernames = [*gateways, *map(str, direct)]
        now = timezone.now()
        certificates = keep_revoked(now=now)
    if certificates:
        yield Erased("certificates revoked", certificates)
    if not usernames:
        return
    if has_broker:
        publish_if_due(now=now)
        revoke_many(usernames)
        yield Erased("broker accounts", len(usernames))
    else:
        yield Erased("broker accounts", 0, note="left on the broker: " + ", ".join(usernames))


def erase_images(tenant_id: uuid.UUID, has_broker: bool) -> Iterator[Erased]:
    """Delete the firmware that the tenant has uploaded."""
    number = delete_images(tenant_id=tenant_id)
    if number:
        yield Erased("firmware images", number)
