"""Gateways."""

from __future__ import annotations

import contextlib
import re
import uuid

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.refusals import Refusal
from devices.builtin_profiles import GATEWAY_HEALTH
from devices.models import Gateway, Site
from devices.services.devices import register_device
from devices.services.profiles import ensure_profile
from devices.topic_segments import RESERVED_SEGMENTS, is_safe_segment

# accounts of the product itself on the broker, and words that stand after hydro/ for all
BOOTSTRAP_USERNAME = "bootstrap"
RESERVED_USERNAMES = frozenset({"admin", "platform", BOOTSTRAP_USERNAME, "time", "node_hello"})
_DEVICE_USERNAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


# The same for names of the product and of other tenants, which nobody shall tell apart.
NOT_AVAILABLE = _("This identifier is not available. Use the serial number on the label.")
REFUSALS_AN_HOUR = 30
_HOUR_SECONDS = 3600


class GatewayExists(Exception):
    """The identifier is not available: perhaps somebody else has registered it."""


class UnusableIdentifier(ValueError):
    """The identifier cannot be a topic segment and a name on the broker."""


class ReservedIdentifier(UnusableIdentifier):
    """The identifier is the product's own; people are told what `GatewayExists` tells."""


class TooManyNames(Refusal):
    """An organisation tried so many identifiers of others that it seems to look for them."""

    code = "too_many_names"
    message = _("Too many identifiers were not available. Try again in an hour.")


@transaction.atomic
def register_gateway(*, site: Site, uid: str, name: str) -> Gateway:
    """Save a gateway and the device that stands for its own readings.

    Raises:
        UnusableIdentifier: not usable in topics or as a name on the broker.
        TooManyNames: too many were refused within the hour.
        GatewayExists: the identifier is taken; identifiers are unique over all tenants.
        ValidationError: the site belongs to another tenant.
    """
    check_names_tried(site.tenant_id)
    try:
        check_identifier(uid)
    except ReservedIdentifier:
        note_refused_name(site.tenant_id)
        raise
    gateway = Gateway(tenant_id=site.tenant_id, site=site, uid=uid, name=name)
    try:
        with transaction.atomic():
            gateway.save()
    except IntegrityError as error:
        if "uid" not in str(error):
            raise
        note_refused_name(site.tenant_id)
        raise GatewayExists(NOT_AVAILABLE) from error
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
    if not is_safe_segment(uid):
        raise UnusableIdentifier(
            f"{uid!r} cannot stand in topics: use 1 to 64 letters, digits, '.', ':', '_' or '-'."
        )
    is_ours = uid in RESERVED_USERNAMES or uid in RESERVED_SEGMENTS
    if is_ours or _DEVICE_USERNAME.fullmatch(uid):
        raise ReservedIdentifier(NOT_AVAILABLE)


def check_names_tried(tenant_id: uuid.UUID) -> None:
    """Refuse to judge one more identifier after thirty refusals within an hour.

    Raises: TooManyNames.
    """
    if cache.get(_tried(tenant_id), 0) >= REFUSALS_AN_HOUR:
        raise TooManyNames


def note_refused_name(tenant_id: uuid.UUID) -> None:
    """Count an identifier that was not available; without Redis nothing is counted."""
    cache.add(_tried(tenant_id), 0, _HOUR_SECONDS)
    with contextlib.suppress(ValueError):  # it ended in between
        cache.incr(_tried(tenant_id))


def _tried(tenant_id: uuid.UUID) -> str:
    return f"names:{tenant_id}"
