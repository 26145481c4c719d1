"""Which handler takes which kind of message."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from django.db import transaction

from accounts.tenancy import all_tenants, tenant_scope
from devices.inbound import (
    bootstrap,
    certificates,
    clock,
    commands,
    configuration,
    firmware,
    presence,
    zigbee,
)
from devices.inbound.message import MAX_PAYLOAD_BYTES, MAX_ZIGBEE_BYTES, BadMessage, Inbound
from devices.inbound.topics import Kind

Handler = Callable[[Inbound, dt.datetime], None]

# Handlers are repeatable: after a crash a message comes again.
HANDLERS: Mapping[Kind, Handler] = {
    Kind.HELLO: bootstrap.handle_hello,
    Kind.CLAIM_READY: bootstrap.handle_claim_ready,
    Kind.OWNERSHIP_ACK: bootstrap.handle_ownership_ack,
    Kind.NODE_HELLO: bootstrap.handle_node_hello,
    Kind.STATUS: presence.handle_status,
    Kind.HEARTBEAT: presence.handle_heartbeat,
    Kind.COMMAND_ANSWER: commands.handle_answer,
    Kind.ACTUATOR_STATUS: commands.handle_actuator_status,
    Kind.ALERT: commands.handle_alert,
    Kind.ERROR: commands.handle_error,
    Kind.REPORTED_CONFIG: configuration.handle_reported,
    Kind.REPORTED_RAW_CONFIG: configuration.handle_raw,
    Kind.CONFIG_RESPONSE: configuration.handle_response,
    Kind.CERTIFICATE_REQUEST: certificates.handle_certificate_request,
    Kind.FIRMWARE: firmware.handle_firmware,
    Kind.TIME_REQUEST: clock.handle_time_request,
    Kind.ZIGBEE: zigbee.handle_zigbee,
}


def handle(message: Inbound, *, now: dt.datetime) -> None:
    """Give a message to its handler, in its tenant's scope and one transaction.

    Raises:
        BadMessage: it cannot be used; to be kept with its code.
    """
    handler = HANDLERS.get(message.route.kind)
    if handler is None:
        raise BadMessage("no_handler", f"Nothing handles {message.route.kind} yet.")
    most = MAX_ZIGBEE_BYTES if message.route.kind is Kind.ZIGBEE else MAX_PAYLOAD_BYTES
    if len(message.payload) > most:
        raise BadMessage("too_large", f"{len(message.payload)} bytes; {most} are allowed.")
    scope = tenant_scope(message.tenant_id) if message.tenant_id else all_tenants()
    with scope, transaction.atomic():
        handler(message, now)
