"""Status reports of a herd are kept together; handlers take all others one by one."""

from __future__ import annotations

import uuid
from collections.abc import Container, Mapping, Sequence

from devices.inbound.message import MAX_PAYLOAD_BYTES, BadMessage
from devices.inbound.presence import read_status
from devices.models import ReportedStatus
from devices.services.presence_batch import StatusSaid, Thing, apply_status_reports, find_plain
from telemetry.ingest.batch import from_microseconds
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.source import Source

HERD = 20  # reports in a chunk
_WORDS = {ReportedStatus.ONLINE.value, ReportedStatus.OFFLINE.value}


def handle_statuses(
    envelopes: Sequence[Envelope], sources: Mapping[str, Source], skipped: Container[int]
) -> set[int]:
    """Keep the plain status reports of a chunk; return the indexes of those that are done.

    Few reports, unusable ones and those of devices that something else waits for are left to
    the handler.
    """
    said: dict[int, tuple[uuid.UUID | None, StatusSaid]] = {}
    for index, envelope in enumerate(envelopes):
        source = sources[envelope.topic]
        if index in skipped or source.error is not None or not source.says_status:
            continue
        report = _read(envelope, source)
        if report is not None:
            said[index] = (source.tenant_id, report)
    if len(said) < HERD:
        return set()
    plain = find_plain(
        {report.thing: tenant for tenant, report in said.values()},
        certificate_named={r.thing for _tenant, r in said.values() if r.names_certificate},
    )
    done = {index for index, (_tenant, report) in said.items() if report.thing in plain}
    apply_status_reports(reports=[said[index][1] for index in sorted(done)])
    return done


def _read(envelope: Envelope, source: Source) -> StatusSaid | None:
    """Return a report that says online or offline; None for anything unusual."""
    route = source.route.message if source.route else None
    is_gateway = route is not None and route.family == "tenant"
    thing_id = source.gateway_id if is_gateway else source.device_id
    if thing_id is None or envelope.is_retained or len(envelope.payload) > MAX_PAYLOAD_BYTES:
        return None
    try:
        report = read_status(envelope.payload)
    except BadMessage:
        return None
    status = report.status.lower()
    if status not in _WORDS:
        return None
    at = from_microseconds(envelope.received_at)
    thing = Thing(thing_id, is_gateway)
    return StatusSaid(thing, status, at, report.firmware_version, bool(report.cert_serial))
