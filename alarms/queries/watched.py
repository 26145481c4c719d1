"""Which channels rules watch."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection

# A rule of one channel and one of a metric are found by different keys, so in two statements.
_CHANNELS = """
SELECT rule.id AS rule, channel.id AS channel
FROM alarms_alarmrule AS rule
JOIN devices_channel AS channel ON channel.id = rule.channel_id
WHERE {chosen}
UNION ALL
SELECT rule.id, channel.id
FROM alarms_alarmrule AS rule
JOIN devices_channel AS channel ON channel.tenant_id = rule.tenant_id
    AND channel.name = rule.metric
JOIN devices_device AS device ON device.id = channel.device_id
WHERE rule.channel_id IS NULL AND {chosen}
    AND (rule.device_id IS NULL OR device.id = rule.device_id)
    AND (rule.site_id IS NULL OR device.site_id = rule.site_id)
    AND (rule.profile_id IS NULL OR device.profile_id = rule.profile_id)
    AND (rule.tag = '' OR rule.tag = ANY (device.tags))
"""
_WATCHED = """
SELECT watched.rule, version.id, version.number, version.definition::text, version.text,
    version.advice, rule.tenant_id, rule.name, channel.id,
    channel.name, channel.label, channel.unit,
    channel.expected_interval_seconds, device.id, device.name, device.gateway_id, site.id,
    site.name, site.timezone, profile.expected_interval_seconds, profile.offline_after_seconds
FROM ({channels}) AS watched
JOIN alarms_alarmrule AS rule ON rule.id = watched.rule
JOIN LATERAL (
    SELECT id, number, definition, text, advice FROM alarms_alarmruleversion
    WHERE rule_id = rule.id ORDER BY number DESC LIMIT 1
) AS version ON true
JOIN devices_channel AS channel ON channel.id = watched.channel
JOIN devices_device AS device ON device.id = channel.device_id
JOIN devices_site AS site ON site.id = device.site_id
JOIN devices_deviceprofile AS profile ON profile.id = device.profile_id
ORDER BY watched.rule, channel.id
"""
_MARK = """
SELECT (SELECT array[count(*)::text, max(updated_at)::text] FROM alarms_alarmrule),
    (SELECT array[count(*)::text, max(created_at)::text] FROM alarms_alarmruleversion),
    (SELECT array[count(*)::text, max(updated_at)::text] FROM devices_channel),
    (SELECT array[count(*)::text,
        sum(hashtextextended(concat(id, site_id, gateway_id, profile_id, name, tags), 0))::text]
        FROM devices_device),
    (SELECT array[max(updated_at)::text] FROM devices_site),
    (SELECT array[max(updated_at)::text] FROM devices_deviceprofile)
"""


class WatchedRow(NamedTuple):
    """A rule in its newest version, and one channel that it watches. definition: JSON."""

    rule: uuid.UUID
    version: uuid.UUID
    number: int
    definition: str
    text: str
    advice: str
    tenant: uuid.UUID
    name: str
    channel: int
    channel_name: str
    channel_label: str
    unit: str
    channel_interval: int | None
    device: uuid.UUID
    device_name: str
    gateway: uuid.UUID | None
    site: uuid.UUID
    site_name: str
    zone: str
    interval: int
    offline_after: int | None


def watched_rows() -> list[WatchedRow]:
    """Return what all enabled rules of all tenants watch, by rule and channel."""
    with connection.cursor() as cursor:
        channels = _CHANNELS.format(chosen="rule.is_enabled")
        cursor.execute(_WATCHED.format(channels=channels))
        rows = cursor.fetchall()
    return [WatchedRow(*row) for row in rows]


def channels_of_rules(
    rules: Sequence[uuid.UUID], *, tenant_id: uuid.UUID
) -> dict[uuid.UUID, list[int]]:
    """Return the keys of the channels that each rule watches, enabled or not."""
    chosen = "rule.tenant_id = %(tenant)s AND rule.id = ANY (%(rules)s)"
    found: dict[uuid.UUID, list[int]] = {rule: [] for rule in rules}
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_CHANNELS.format(chosen=chosen)} ORDER BY 1, 2",
            {"tenant": tenant_id, "rules": list(rules)},
        )
        for rule, channel in cursor.fetchall():
            found[rule].append(channel)
    return found


def watched_mark() -> tuple[Any, ...]:
    """Return what is different after anything changed that decides what is watched."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK)
        return tuple(tuple(part) for part in cursor.fetchone())
