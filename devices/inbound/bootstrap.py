"""What boxes say on their way to an owner."""

from __future__ import annotations

import datetime as dt

import msgspec

from devices.inbound.message import BadMessage, Inbound
from devices.services.bootstrap import BadHello, Hello, hear_hello
from devices.services.claim_delivery import NoOpenClaim, note_ownership, note_ready
from devices.services.nodes import hear_node


class HelloForm(msgspec.Struct, frozen=True):
    """`{"model": "grid-meter", "fw": "1.4.0", "serial": "A12", "code_sha256": "…", "csr": "…"}`.

    `code_sha256`: hexadecimal, of the code that the box shows, new for each hello. Nothing
    secret may stand here: all unclaimed boxes share one account.
    """

    code_sha256: str
    model: str = ""
    profile: str = ""
    fw: str = ""
    serial: str = ""
    csr: str = ""


class NodeHelloForm(msgspec.Struct, frozen=True):
    """`{"hardware_id": "esp32-6f28aa", "node_type": "ph", "fw_version": "5.1"}`.

    A node that nobody hears but the broker needs `code_sha256` and may send `csr`.
    """

    hardware_id: str
    node_type: str = ""
    fw_version: str = ""
    serial: str = ""
    code_sha256: str = ""
    csr: str = ""


class OwnershipForm(msgspec.Struct, frozen=True):
    """`{"status": "accepted"}`, or `{"status": "rejected", "reason": "wrong tenant"}`."""

    status: str = "accepted"
    reason: str = ""


_REFUSING = {"rejected", "refused", "error", "failed"}


def handle_hello(message: Inbound, now: dt.datetime) -> None:
    """Remember a box that nobody owns yet."""
    mac = message.route.captures["mac"]
    said = message.read(HelloForm)
    _hear(
        Hello(
            hardware_id=mac,
            model=said.model or said.profile,
            serial_number=said.serial,
            firmware_version=said.fw,
            code_sha256=said.code_sha256,
            csr=said.csr,
            answer_prefix=f"/bootstrap/{mac}",
        ),
        now,
    )


def handle_claim_ready(message: Inbound, now: dt.datetime) -> None:
    """Deliver an identity to a claimed box that waits for it."""
    note_ready(spelling=message.route.captures["mac"], now=now)


def handle_ownership_ack(message: Inbound, now: dt.datetime) -> None:
    """Close a claim on the word of the box, which it can only give with its identity."""
    device = message.known_device()
    said = message.read(OwnershipForm)
    try:
        note_ownership(device=device, is_accepted=said.status.lower() not in _REFUSING, now=now)
    except NoOpenClaim as error:
        raise BadMessage("no_open_claim", str(error)) from error


def handle_node_hello(message: Inbound, now: dt.datetime) -> None:
    """Remember a node; a person binds it."""
    said = message.read(NodeHelloForm)
    hello = Hello(
        hardware_id=said.hardware_id,
        model=said.node_type,
        serial_number=said.serial,
        firmware_version=said.fw_version,
        code_sha256=said.code_sha256,
        csr=said.csr,
        answer_prefix="" if message.gateway else f"/bootstrap/{said.hardware_id}",
        gateway_uid=message.gateway.uid if message.gateway else "",
    )
    _hear(hello, now)
    if message.gateway is not None:
        hear_node(gateway=message.gateway, hardware_id=said.hardware_id, now=now)


def _hear(hello: Hello, now: dt.datetime) -> None:
    try:
        hear_hello(hello=hello, now=now)
    except BadHello as error:
        raise BadMessage(error.code, str(error)) from error
