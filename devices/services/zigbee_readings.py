"""States of Zigbee devices: whose they are, and which readings they hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.refusals import Refusal
from devices.canonical import distinct_name
from devices.models import (
    Channel,
    Device,
    Gateway,
    Lifecycle,
    ReportedStatus,
    ZigbeeBridge,
    ZigbeeNode,
)
from devices.services.channels import MAXIMUM_CHANNELS
from devices.services.command_answers import finish_by_state, note_actuator
from devices.services.presence import apply_status_report, touch_last_seen
from devices.zigbee.catalogue import describe, guess, is_known
from devices.zigbee.exposes import Ability
from devices.zigbee.names import split_attribute
from devices.zigbee.network import load_abilities
from devices.zigbee.payload import Timed, read_state, switch_states

# how often "last seen" is written; see the ingest worker
TOUCH_EVERY = dt.timedelta(seconds=10)
_STATE = "state"


class UnknownNode(Refusal):
    """The gateway has no such Zigbee device, or nobody accepted it yet."""

    code = "unknown_device"
    message = _("The gateway has no accepted Zigbee device of this name; accept it, then replay.")


@dataclass(frozen=True, slots=True)
class StateMessage:
    """A message on a device's topic; `name` is what stands behind the base topic."""

    name: str
    payload: bytes
    at: dt.datetime
    is_retained: bool = False


@transaction.atomic
def take_state(*, gateway: Gateway, message: StateMessage) -> list[dict[str, Any]]:
    """Return the readings of a device's state, in the form of the pipeline; make channels.

    A retained state without a time of its own is no measurement: nobody knows when it was.
    Empty messages, groups and what holds no number give none.

    Raises: UnknownNode, BadPayload.
    """
    if not message.payload.strip() or _is_group(gateway, message.name):
        return []
    node, attribute = find_node(gateway, message.name)
    device = node.device if node is not None else None
    if node is None or device is None or device.lifecycle == Lifecycle.DECOMMISSIONED:
        raise UnknownNode
    abilities = load_abilities(node.exposes)
    timed = read_state(message.payload, attribute=attribute, abilities=abilities)
    if message.is_retained:
        timed = [values for values in timed if values.time is not None]
    else:
        _note_presence(device, message.at)
        _note_switches(device, switch_states(message.payload, attribute=attribute), message.at)
    make_channels(device=device, abilities=abilities, timed=timed)
    return [_reading(device, values) for values in timed]


@transaction.atomic
def note_availability(
    *, gateway: Gateway, name: str, is_available: bool, at: dt.datetime, is_retained: bool
) -> None:
    """Keep whether Zigbee2MQTT reaches a device. A retained word that is known is no news."""
    node = ZigbeeNode.objects.select_for_update(of=("self",)).filter(
        gateway=gateway, friendly_name=name, left_at=None
    ).first()  # fmt: skip
    if node is None or (node.availability_at is not None and node.availability_at >= at):
        return
    if is_retained and node.is_available is is_available:
        return
    node.is_available, node.availability_at = is_available, at
    node.save(update_fields=["is_available", "availability_at", "updated_at"])
    if node.device is not None:
        status = ReportedStatus.ONLINE if is_available else ReportedStatus.OFFLINE
        apply_status_report(thing=node.device, status=status, at=at)


def find_node(gateway: Gateway, name: str) -> tuple[ZigbeeNode | None, str]:
    """Return the radio that a topic names, and the attribute when the topic names one."""
    shorter, attribute = split_attribute(name)
    nodes = ZigbeeNode.objects.select_related("device__gateway", "device__profile").filter(
        gateway=gateway, friendly_name__in=[name, shorter], left_at=None
    )
    found = {node.friendly_name: node for node in nodes.order_by("updated_at")}
    if name in found:
        return found[name], ""
    return found.get(shorter), attribute


def make_channels(
    *, device: Device, abilities: Mapping[str, Ability], timed: Sequence[Timed] = ()
) -> None:
    """Give a device a channel for each ability and each value of well-known meaning.

    Other values get one from the pipeline, as those of any device do. What is more than 256
    channels is left to the pipeline too, which says so.
    """
    told = {key: value for values in timed for key, value in values.values.items()}
    wanted = dict(abilities) if not timed else {}
    for key, value in told.items():
        if key in abilities or is_known(key):
            wanted[key] = abilities.get(key) or guess(key, value, told)
    existing = dict(Channel.objects.filter(device=device).values_list("source", "name"))
    missing = [ability for key, ability in sorted(wanted.items()) if key not in existing]
    names = set(existing.values())
    rows = []
    for ability in missing[: max(0, MAXIMUM_CHANNELS - len(existing))]:
        template = describe(ability, {*abilities, *told})
        if template is None:
            continue
        if template.name in names:
            template = replace(template, name=distinct_name(template.name, ability.key))
        names.add(template.name)
        rows.append(Channel(tenant_id=device.tenant_id, device=device, **asdict(template)))
    if rows:
        Channel.objects.bulk_create(rows, ignore_conflicts=True)


def _reading(device: Device, timed: Timed) -> dict[str, Any]:
    time = {} if timed.time is None else {"ts": timed.time}
    return {"device": device.uid, **time, "values": timed.values}


def _is_group(gateway: Gateway, name: str) -> bool:
    bridges = ZigbeeBridge.objects.filter(gateway=gateway)
    groups: list[str] = bridges.values_list("groups", flat=True).first() or []
    return name in groups or split_attribute(name)[0] in groups


def _note_presence(device: Device, at: dt.datetime) -> None:
    """The topic is the gateway's, so the pipeline does not see which device spoke."""
    if device.last_seen_at is None or at - device.last_seen_at >= TOUCH_EVERY:
        touch_last_seen(gateway_ids={}, device_ids={device.id: at})


def _note_switches(device: Device, states: Mapping[str, bool], at: dt.datetime) -> None:
    for key, is_on in states.items():
        actuator = _STATE if key == _STATE else key.removeprefix(f"{_STATE}_")
        note_actuator(device=device, actuator=actuator[:64], is_on=is_on, at=at)
        finish_by_state(device=device, actuator=actuator[:64], is_on=is_on, at=at)
