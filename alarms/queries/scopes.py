"""Which channels a rule would watch, also before there is the rule."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models import QuerySet

from alarms.models import AlarmRule
from devices.models import Channel


@dataclass(frozen=True, slots=True)
class Scope:
    """A channel, or a metric of the devices that fit all of what is given.

    channel: the short key. The rules that are stored and enabled are resolved all at once by
    `watched`.
    """

    channel: int | None = None
    metric: str = ""
    device: uuid.UUID | None = None
    profile: uuid.UUID | None = None
    site: uuid.UUID | None = None
    tag: str = ""


def scope_of(rule: AlarmRule) -> Scope:
    """Return what a rule watches."""
    return Scope(
        rule.channel_id, rule.metric, rule.device_id, rule.profile_id, rule.site_id, rule.tag
    )


def channels_in(scope: Scope) -> QuerySet[Channel]:
    """Return the channels of the tenant in scope that fit, by device, name and key."""
    channels = Channel.objects.select_related("device__site", "device__profile")
    if scope.channel is not None:
        channels = channels.filter(id=scope.channel)
    else:
        channels = channels.filter(name=scope.metric)
    if scope.device is not None:
        channels = channels.filter(device=scope.device)
    if scope.profile is not None:
        channels = channels.filter(device__profile=scope.profile)
    if scope.site is not None:
        channels = channels.filter(device__site=scope.site)
    if scope.tag:
        channels = channels.filter(device__tags__contains=[scope.tag])
    return channels.order_by("device__name", "name", "id")
