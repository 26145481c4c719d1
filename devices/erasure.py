"""What of a deleted tenant's fleet lives outside of the database: accounts on the broker."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from accounts.services.erasure import Erased
from accounts.tenancy import tenant_scope
from devices.models import Device, Gateway
from devices.services.broker_accounts import revoke_many


def erase_broker_accounts(tenant_id: uuid.UUID, has_broker: bool) -> Iterator[Erased]:
    """Take the accounts of all gateways and direct devices away, so that nothing arrives any more.

    Raises: BrokerError: the broker did not do it.
    """
    with tenant_scope(tenant_id):
        gateways = Gateway.objects.order_by("uid").values_list("uid", flat=True)
        direct = Device.objects.filter(gateway=None).order_by("id").values_list("id", flat=True)
        usernames = [*gateways, *map(str, direct)]
    if not usernames:
        return
    if has_broker:
        revoke_many(usernames)
        yield Erased("broker accounts", len(usernames))
    else:
        yield Erased("broker accounts", 0, note="left on the broker: " + ", ".join(usernames))
