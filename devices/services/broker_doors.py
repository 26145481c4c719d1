"""Answers a broker that asks who may come in and use which topic (EMQX)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.utils.crypto import constant_time_compare

from accounts.tenancy import all_tenants
from devices.boxes import username_of
from devices.models import Device, DeviceCertificate
from devices.services.broker_accounts import Grant, bootstrap_grant, box_grant
from devices.services.gateways import BOOTSTRAP_USERNAME
from devices.topic_filters import may_publish, may_subscribe


@dataclass(frozen=True, slots=True)
class Caller:
    """Who wants in, in the broker's words; `common_name` is that of a checked certificate."""

    username: str
    client_id: str = ""
    common_name: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer; a superuser is asked for no topic."""

    is_allowed: bool
    is_superuser: bool = False


DENIED = Verdict(is_allowed=False)


def judge_connection(caller: Caller, *, now: dt.datetime) -> Verdict:
    """Let in the platform and unclaimed boxes by password, boxes by certificate.

    A box is its certificate's common name, in its user name and in its client id.
    """
    if caller.username == settings.MQTT_USERNAME:
        is_right = _is_password(caller.password, settings.MQTT_PASSWORD)
        return Verdict(is_right, is_superuser=is_right)
    if caller.username == BOOTSTRAP_USERNAME:
        return Verdict(_is_password(caller.password, settings.BOOTSTRAP_MQTT_PASSWORD))
    if not caller.username == caller.common_name == caller.client_id:
        return DENIED
    return Verdict(_find_box(caller.username, now) is not None)


def judge_topic(*, username: str, action: str, topic: str, now: dt.datetime) -> Verdict:
    """Tell whether a client that is in may publish to a topic, or subscribe to a filter."""
    if username == settings.MQTT_USERNAME:
        return Verdict(is_allowed=True)
    grant = _grant_of(username, now)
    if grant is None:
        return DENIED
    if action == "publish":
        return Verdict(may_publish(topic, grant.publish))
    return Verdict(action == "subscribe" and may_subscribe(topic, grant.receive))


def _grant_of(username: str, now: dt.datetime) -> Grant | None:
    if username == BOOTSTRAP_USERNAME:
        return bootstrap_grant("")
    box = _find_box(username, now)
    return box_grant(box) if box else None


def _find_box(username: str, now: dt.datetime) -> Device | None:
    """Return the box of an account if it has a valid certificate and is not shut out."""
    with all_tenants():
        valid = DeviceCertificate.objects.filter(
            common_name=username, revoked_at=None, not_after__gt=now
        )
        boxes = Device.objects.select_related("gateway").filter(
            id__in=valid.values("device_id"), shut_out=None
        )
        found = boxes.order_by("id").first()
    return found if found and found.is_box and username_of(found) == username else None


def _is_password(given: str, expected: str) -> bool:
    return bool(expected) and constant_time_compare(given, expected)
