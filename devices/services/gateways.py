"""Gateways."""

from __future__ import annotations

import re

from django.db import IntegrityError, transaction

from devices.builtin_profiles import GATEWAY_HEALTH
from devices.models import Gateway, Site
from devices.services.devices import register_device
from devices.services.profiles import ensure_profile
from devices.topic_segments import RESERVED_SEGMENTS, is_safe_segment

# accounts of the product itself on the broker
RESERVED_USERNAMES = frozenset({"admin", "platform"})
_DEVICE_USERNAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class GatewayExists(Exception):
    """A gateway with this identifier is registered, perhaps by somebody else."""


class UnusableIdentifier(ValueError):
    """The identifier cannot be a topic segment and a name on the broker."""


@transaction.atomic
def register_gateway(*, site: Site, uid: str, name: str) -> Gateway:
    """Save a gateway and the device that stands for its own readings.

    Raises:
        UnusableIdentifier: not usable in topics or as a name on the broker.
        GatewayExists: the identifier is taken; identifiers are unique over all tenants.
        ValidationError: the site belongs to another tenant.
    """
    check_identifier(uid)
    gateway = Gateway(tenant_id=site.tenant_id, site=site, uid=uid, name=name)
    try:
        with transaction.atomic():
            gateway.save()
    except IntegrityError as error:
        if "uid" not in str(error):
            raise
        raise GatewayExists(
            f"A gateway {uid!r} is registered already. Check the identifier on its label."
        ) from error
    register_device(
        site=site, gateway=gateway, uid=uid, name=name, profile=ensure_profile(key=GATEWAY_HEALTH)
    )
    return gateway


def check_identifier(uid: str) -> None:
    """Refuse an identifier that a gateway must not have.

    A UUID could be the broker name of somebody's direct device.

    Raises:
        UnusableIdentifier: unsafe in topics, reserved, or a UUID.
    """
    if not is_safe_segment(uid) or uid in RESERVED_SEGMENTS:
        raise UnusableIdentifier(
            f"{uid!r} cannot stand in topics: use 1 to 64 letters, digits, '.', ':', '_' or '-'."
        )
    if uid in RESERVED_USERNAMES or _DEVICE_USERNAME.fullmatch(uid):
        raise UnusableIdentifier(f"{uid!r} is reserved on the broker: use the serial number.")
