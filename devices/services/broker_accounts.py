"""Who may publish and receive what on the broker.

Every gateway and every direct device has an account and a role of its own; the role
names its own topics only. The account works with a password on the local listener and
with a certificate whose common name is the user name on the TLS listener.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from devices.models import Device, Gateway
from devices.services.gateways import check_identifier
from devices.wires.broker import BrokerControl, Command, connect_control

Connect = Callable[[], AbstractContextManager[BrokerControl]]

_ALREADY = ("Client already exists", "Role already exists")
_ABSENT = ("Client not found", "Role not found")


class NotDirect(ValueError):
    """A device behind a gateway has no account: its gateway speaks for it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An account and the topic filters in which it may publish and receive."""

    username: str
    password: str
    publish: tuple[str, ...]
    receive: tuple[str, ...]


def gateway_topics(gateway: Gateway) -> str:
    """Return the prefix of a gateway's topics."""
    return f"tenant/{gateway.tenant_id}/gw/{gateway.uid}"


def device_topics(device: Device) -> str:
    """Return the prefix of a direct device's topics."""
    return f"devices/{device.id}"


def gateway_grant(gateway: Gateway, password: str) -> Grant:
    """Describe the account of a gateway.

    Raises:
        UnusableIdentifier: its identifier could be another client's name or a wildcard.
    """
    check_identifier(gateway.uid)
    prefix = gateway_topics(gateway)
    ends = ("data/#", "telemetry", "telemetry/#", "reported/#", "evt/#")
    return Grant(
        username=gateway.uid,
        password=password,
        publish=tuple(f"{prefix}/{end}" for end in ends),
        receive=(f"{prefix}/down/#",),
    )


def device_grant(device: Device, password: str) -> Grant:
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
        publish=(f"{prefix}/+",),
        receive=(f"{prefix}/down/#",),
    )


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
    commands: list[Command] = []
    for username in usernames:
        commands.append({"command": "deleteClient", "username": username})
        commands.append({"command": "deleteRole", "rolename": _role(username)})
    with connect() as control:
        control.run(commands, tolerate=_ABSENT)


def _grant_commands(grant: Grant) -> list[Command]:
    """Create what is missing, then set it: right in both cases, without asking first."""
    role = {"rolename": _role(grant.username), "acls": _rules(grant)}
    account = {
        "username": grant.username,
        "password": grant.password,
        "roles": [{"rolename": _role(grant.username)}],
    }
    return [
        {"command": "createRole", **role},
        {"command": "modifyRole", **role},
        {"command": "createClient", **account},
        {"command": "modifyClient", **account},
        {"command": "enableClient", "username": grant.username},
    ]


def _rules(grant: Grant) -> list[Mapping[str, object]]:
    pairs = [
        *(("publishClientSend", topic) for topic in grant.publish),
        *(("publishClientReceive", topic) for topic in grant.receive),
        *(("subscribePattern", topic) for topic in grant.receive),
    ]
    return [{"acltype": kind, "topic": topic, "allow": True} for kind, topic in pairs]


def _role(username: str) -> str:
    return f"client:{username}"
