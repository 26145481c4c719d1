"""Who may publish and receive what on the broker.

Every gateway and every direct device has an account and a role of its own; the role
names its own topics only. The account works with a password on the local listener and
with a certificate whose common name is the user name on the TLS listener.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from accounts.tenancy import tenant_scope
from devices.models import Device, Gateway
from devices.services.gateways import BOOTSTRAP_USERNAME, check_identifier
from devices.wires.broker import BrokerControl, Command, connect_control

Connect = Callable[[], AbstractContextManager[BrokerControl]]

_ALREADY = ("Client already exists", "Role already exists")
_ABSENT = ("Client not found", "Role not found")
TOLERATED = (*_ALREADY, *_ABSENT)
PAGE = 100  # accounts in an answer, which must stay below a max_packet_size of 64 kB


# what a box that nobody claimed may say and hear; every one of them shares the account
_BOOTSTRAP_PUBLISH = (
    "/bootstrap/+/hello", "/bootstrap/+/claim_ready", "bootstrap/+/hello",
    "bootstrap/+/claim_ready", "hydro/node_hello",
)  # fmt: skip
_BOOTSTRAP_RECEIVE = ("/bootstrap/+/claim", "bootstrap/+/claim")
_GATEWAY_PUBLISH = (
    "data/#", "telemetry", "telemetry/#", "reported/#", "evt/#", "zigbee2mqtt/#", "ext/#",
)  # fmt: skip


class NotDirect(ValueError):
    """A device behind a gateway has no account: its gateway speaks for it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An account and the topic filters in which it may publish and receive.

    Without password it serves a certificate; a password that it has already stays.
    """

    username: str
    password: str | None
    publish: tuple[str, ...]
    receive: tuple[str, ...]


def gateway_topics(gateway: Gateway) -> str:
    """Return the prefix of a gateway's topics."""
    return f"tenant/{gateway.tenant_id}/gw/{gateway.uid}"


def device_topics(device: Device) -> str:
    """Return the prefix of a direct device's topics."""
    return f"devices/{device.id}"


def gateway_grant(
    gateway: Gateway, password: str | None, *, own_device_id: uuid.UUID | None = None
) -> Grant:
    """Describe the account of a gateway.

    Args: own_device_id: the device that stands for the gateway; read if it is not given.

    Raises:
        UnusableIdentifier: its identifier could be another client's name or a wildcard.
    """
    uid = gateway.uid
    check_identifier(uid)
    prefix = gateway_topics(gateway)
    others = (f"kaiser/{uid}/#", f"hydro/{uid}/#")
    own = own_device_id or _own_device_id(gateway)
    events = () if own is None else (f"zeus/devices/{own}/events/#",)
    return Grant(
        username=uid,
        password=password,
        publish=(
            *(f"{prefix}/{end}" for end in _GATEWAY_PUBLISH),
            *others,
            "hydro/time/request",
            *events,
        ),
        receive=(
            f"{prefix}/down/#",
            f"{prefix}/zigbee2mqtt/#",
            f"{prefix}/ext/#",
            *others,
            "hydro/time/response",
        ),
    )


def device_grant(device: Device, password: str | None) -> Grant:
    """Describe the account of a direct device.

    Raises:
        NotDirect: the device is behind a gateway.
    """
    if device.gateway_id is not None:
        raise NotDirect(f"{device.uid} is behind a gateway: grant the gateway instead.")
    prefix = device_topics(device)
    return Grant(
        username=str(device.id),
        password=password,
        publish=(
            f"{prefix}/+",
            f"{prefix}/reported/+",
            f"{prefix}/evt/+",
            f"{prefix}/ext/#",
            f"zeus/{prefix}/events/+",
        ),
        receive=(f"{prefix}/down/#", f"{prefix}/commands/+", f"{prefix}/ext/#"),
    )


def box_grant(device: Device, password: str | None = None) -> Grant:
    """Describe the account of a box; `device` is direct, or a gateway's own.

    Raises:
        NotDirect: the device is behind a gateway.
        UnusableIdentifier: see `gateway_grant`.
    """
    if device.gateway is not None and device.is_box:
        return gateway_grant(device.gateway, password, own_device_id=device.id)
    return device_grant(device, password)


def bootstrap_grant(password: str) -> Grant:
    """Describe the account that all unclaimed boxes share; nothing secret travels there."""
    return Grant(BOOTSTRAP_USERNAME, password, _BOOTSTRAP_PUBLISH, _BOOTSTRAP_RECEIVE)


def grant_bootstrap(*, connect: Connect = connect_control) -> bool:
    """Make the account of unclaimed boxes, by BOOTSTRAP_MQTT_PASSWORD; False without one.

    Raises:
        BrokerError: the broker did not do it.
    """
    if not settings.BOOTSTRAP_MQTT_PASSWORD:
        return False
    apply_grants(grants=[bootstrap_grant(settings.BOOTSTRAP_MQTT_PASSWORD)], connect=connect)
    return True


def grant_gateway(*, gateway: Gateway, password: str, connect: Connect = connect_control) -> None:
    """Give a gateway its account, or set its password and topics anew.

    Raises:
        BrokerError: the broker did not do it.
        UnusableIdentifier: see `gateway_grant`.
    """
    apply_grants(grants=[gateway_grant(gateway, password)], connect=connect)


def grant_device(*, device: Device, password: str, connect: Connect = connect_control) -> None:
    """Give a direct device its account, or set its password and topics anew.

    Raises:
        BrokerError: the broker did not do it.
        NotDirect: the device is behind a gateway.
    """
    apply_grants(grants=[device_grant(device, password)], connect=connect)


def apply_grants(*, grants: Sequence[Grant], connect: Connect = connect_control) -> None:
    """Make many accounts in few messages; those that exist get the new password and topics."""
    commands = [command for grant in grants for command in _grant_commands(grant)]
    with connect() as control:
        control.run(commands, tolerate=_ALREADY)


def revoke(username: str, *, connect: Connect = connect_control) -> None:
    """Take the account of a client away and end its session; one that is gone is fine.

    A client with a certificate can still connect, without any right, until the certificate
    is on the revocation list: revoke that first.
    """
    revoke_many([username], connect=connect)


def revoke_many(usernames: Sequence[str], *, connect: Connect = connect_control) -> None:
    """Take the accounts of many clients away in few messages; see `revoke`."""
    commands = [command for username in usernames for command in removal_commands(username)]
    with connect() as control:
        control.run(commands, tolerate=_ABSENT)


def ensure_commands(grant: Grant) -> list[Command]:
    """Create what is missing and leave the rest, with its session, alone."""
    role, account = _role_of(grant), _account_of(grant)
    return [{"command": "createRole", **role}, {"command": "createClient", **account}]


def strip_commands(username: str) -> list[Command]:
    """Take the role away: the session goes on, or begins again, without any right."""
    return [{"command": "removeClientRole", "username": username, "rolename": _role(username)}]


def removal_commands(username: str) -> list[Command]:
    """Take the account away, which ends its session."""
    return [
        {"command": "deleteClient", "username": username},
        {"command": "deleteRole", "rolename": _role(username)},
    ]


def readmit_commands(grant: Grant) -> list[Command]:
    """End the session, then give the role back; a password stays."""
    return [
        {"command": "disableClient", "username": grant.username},
        *_grant_commands(grant),
    ]


def set_commands(grant: Grant) -> list[Command]:
    """Create what is missing and set the topics anew, which ends the session."""
    return _grant_commands(grant)


def find_accounts(control: BrokerControl) -> set[str]:
    """Return the accounts of boxes at the broker: those that have a role of our making."""
    found: set[str] = set()
    offset, total = 0, 1
    while offset < total:
        page = {"command": "listClients", "verbose": True, "count": PAGE, "offset": offset}
        [answer] = control.run([page])
        total = answer["data"]["totalCount"]
        found |= {name for client in answer["data"]["clients"] if (name := _name_of_ours(client))}
        offset += PAGE
    return found - {BOOTSTRAP_USERNAME}


def _name_of_ours(client: Mapping[str, Any]) -> str | None:
    name: str = client["username"]
    roles = {role["rolename"] for role in client.get("roles", [])}
    return name if _role(name) in roles else None


def _own_device_id(gateway: Gateway) -> uuid.UUID | None:
    with tenant_scope(gateway.tenant_id):
        own = Device.objects.filter(gateway=gateway, uid=gateway.uid)
        return own.order_by("id").values_list("id", flat=True).first()


def _grant_commands(grant: Grant) -> list[Command]:
    """Create what is missing, then set it: right in both cases, without asking first."""
    role, account = _role_of(grant), _account_of(grant)
    return [
        {"command": "createRole", **role},
        {"command": "modifyRole", **role},
        {"command": "createClient", **account},
        {"command": "modifyClient", **account},
        {"command": "enableClient", "username": grant.username},
    ]


def _role_of(grant: Grant) -> Command:
    return {"rolename": _role(grant.username), "acls": _rules(grant)}


def _account_of(grant: Grant) -> Command:
    secret = {} if grant.password is None else {"password": grant.password}
    return {
        "username": grant.username,
        **secret,
        "roles": [{"rolename": _role(grant.username)}],
    }


def _rules(grant: Grant) -> list[Mapping[str, object]]:
    pairs = [
        *(("publishClientSend", topic) for topic in grant.publish),
        *(("publishClientReceive", topic) for topic in grant.receive),
        *(("subscribePattern", topic) for topic in grant.receive),
    ]
    return [{"acltype": kind, "topic": topic, "allow": True} for kind, topic in pairs]


def _role(username: str) -> str:
    return f"client:{username}"
