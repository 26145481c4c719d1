"""What boxes say about their certificates."""

from __future__ import annotations

import datetime as dt

import msgspec

from accounts.services.refusals import Refusal
from devices.inbound.message import BadMessage, Inbound
from devices.services.certificate_requests import NothingToRenew, answer_certificate_request
from devices.services.presence import own_device


class CertificateRequest(msgspec.Struct, frozen=True):
    """`{"csr": "-----BEGIN CERTIFICATE REQUEST-----…"}`: PEM, of a new key."""

    csr: str


def handle_certificate_request(message: Inbound, now: dt.datetime) -> None:
    """Send a box the successor of its certificate."""
    said = message.read(CertificateRequest)
    device = message.device
    if device is None and message.gateway is not None:
        device = own_device(gateway=message.gateway)
    if device is None:
        device = message.known_device()
    try:
        answer_certificate_request(device=device, csr_pem=said.csr, now=now)
    except NothingToRenew as error:
        raise BadMessage("no_certificate", str(error)) from error
    except Refusal as error:
        raise BadMessage(error.code, str(error)) from error
