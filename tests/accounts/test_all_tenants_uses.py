"""Lifting the tenant limit is allowed in listed places only."""

from __future__ import annotations

import ast
from pathlib import Path

from django.conf import settings

# Each file that may use `all_tenants`, and why.
ALLOWED = {
    "accounts/admin_base.py": "a form for staff finds what is unique over all tenants",
    "accounts/credentials/api_key.py": "the key tells the tenant",
    "accounts/middleware.py": "platform staff see all tenants in the admin",
    "accounts/services/erasure.py": "a deleted person's shares lie with other tenants",
    "alarms/services/reasons.py": "alarms of the platform explain those of all tenants",
    "alarms/sources/device_events.py": "events of the devices of all tenants wait in one queue",
    "alarms/sources/findings.py": "what the platform notices is compared for all tenants at once",
    "alarms/sources/system_presence.py": "devices of all tenants go silent by the same clock",
    "alarms/sources/system_tenant.py": "the platform looks at all tenants together",
    "alarms/services/suppression.py": "quiet alarms of all tenants are looked at together",
    "accounts/services/invitations.py": "the secret of a link tells the tenant",
    "alarms/services/planning.py": "events of all tenants are planned in one batch",
    "alarms/services/gathering.py": "what is due is gathered, whosever it is",
    "alarms/services/duty.py": "steps to people on call are due by the same clock",
    "automation/running/zones.py": "zones of all tenants are read in one batch",
    "automation/services/zone_cycle.py": "zones of all tenants are handed out by the same clock",
    "alarms/services/sending.py": "one notifier sends the messages of all tenants",
    "automation/reactor.py": "one reactor follows the samples of all tenants",
    "automation/watching.py": "one reactor follows the rules of all tenants",
    "automation/running/events.py": "what rules of all tenants wait for is one queue",
    "automation/running/executor.py": "what is due is taken up, whosever it is",
    "automation/services/forgetting.py": "what is old is removed, whosever it was",
    "automation/services/calling.py": "the secret in an address tells whose rule it is",
    "automation/running/clock.py": "schedules and times of rules of all tenants are due alike",
    "automation/running/guards.py": "one process looks after the guards of all tenants",
    "charging/bridge/lines.py": "the name of a port or a charger tells the tenant",
    "charging/queries/pages_health.py": "one process tells the events of all: how many wait",
    "charging/services/alarms.py": "connectors of all tenants fail and fall silent alike",
    "charging/services/currents.py": "one process looks at the meters of all connectors",
    "charging/services/settling.py": "what is not final is computed, whosever it is",
    "charging/services/subscribers.py": "one process tells the events of all tenants in order",
    "charging/services/waiting.py": "permissions of all tenants end by the same clock",
    "devices/services/presence_batch.py": "devices of all tenants report in one batch",
    "devices/inbound/routes.py": "a message of an unclaimed box belongs to nobody",
    "devices/services/bootstrap.py": "an unclaimed box belongs to nobody",
    "devices/services/claim_delivery.py": "the code of a claimed box tells the tenant",
    "devices/services/claim_ends.py": "the open claims of all tenants end in time",
    "devices/services/campaign_steps.py": "campaigns of all tenants move on together",
    "devices/services/firmware.py": "what the platform withdraws was adopted by many tenants",
    "devices/services/firmware_offers.py": "the signed address of an image tells the tenant",
    "devices/services/configuration.py": "trials of all tenants end in time",
    "devices/services/onboarding.py": "the token of a device tells the tenant",
    "devices/services/command_sweep.py": "time is over for commands of all tenants alike",
    "devices/services/sent.py": "one sender sends the commands of all tenants",
    "devices/services/rbac_sync.py": "the roles of all tenants follow the registry",
    "devices/box_lookup.py": "staff name a box or a certificate of any tenant",
    "devices/queries_certificates.py": "the broker knows one set of accounts for all tenants",
    "devices/services/broker_changes.py": "the broker knows one set of accounts for all tenants",
    "devices/services/broker_doors.py": "the broker asks about a box of any tenant",
    "devices/services/broker_sync.py": "the broker knows one set of accounts for all tenants",
    "devices/tasks_pki.py": "certificates of all tenants are looked after together",
    "devices/services/transfer.py": "the code of an offer tells the giver",
    "devices/queries_modbus.py": "one poller drives the buses of all tenants",
    "devices/services/zigbee.py": "the open claims of all tenants end in time",
    "devices/services/zigbee_sharing.py": "the code of a pairing token tells the owner",
    "devices/services/wire_commands.py": "a process drives wires of all tenants",
    "devices/services/wires.py": "a port or an address has one owner, whosever it is",
    "devices/sharing.py": "a guest's shares tell for which tenants the guest may act",
    "energy/management/commands/claim_list.py": "staff look at the claims of all tenants",
    "energy/management/commands/ledger_rebuild.py": "staff build the ledger of all tenants",
    "energy/management/commands/rbac_explain.py": "staff ask about an object of any tenant",
    "reports/services/asking.py": "reports of all tenants end by their age",
    "reports/services/consent.py": "a link names the tenant; a worker asks the next address",
    "reports/services/making.py": "a worker takes the next report, whosever it is",
    "reports/services/scheduling.py": "the reports of all tenants are due by the same clock",
    "reports/services/sending.py": "a worker sends the next mail, whosever it is",
    "telemetry/truth/backfill.py": "gaps of the devices of all tenants are asked for together",
    "telemetry/truth/receipts.py": "devices of all tenants count in one batch",
    "alarms/reactor.py": "one reactor follows the rules of all tenants",
    "alarms/watching/loading.py": "one reactor follows the rules of all tenants",
    "metering/reactor.py": "one reactor builds the ledger of all tenants",
    "telemetry/exports/runner.py": "a worker takes the next export, whosever it is",
    "telemetry/exports/service.py": "exports of all tenants end by their age",
    "telemetry/imports/runner.py": "a worker takes the next import, whosever it is",
    "telemetry/virtual/definitions.py": "one reactor computes the channels of all tenants",
    "telemetry/virtual/history.py": "one reactor computes the channels of all tenants",
    "telemetry/ingest/directory.py": "the pipeline learns from a topic whose message it is",
    "telemetry/ingest/slots.py": "the pipeline reads the channels of devices it has found",
    "telemetry/ingest/foreign.py": "the pipeline learns from a topic whose mappings are meant",
    "telemetry/ingest/sensors.py": "the pipeline reads the sensors of nodes it has found",
    "telemetry/live/signin.py": "sockets of all tenants are looked after together",
    "telemetry/live/reactor.py": "one reactor feeds the rooms of all tenants",
}
IGNORED = {"tests", ".venv", "var", "bench", "docs"}


def uses_all_tenants(path: Path) -> bool:
    """Tell whether a file names `all_tenants` other than to define or import it."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = [node.id for node in nodes if isinstance(node, ast.Name)]
    names += [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    return "all_tenants" in names


def test_every_use_is_listed():
    paths = (path.relative_to(settings.BASE_DIR) for path in settings.BASE_DIR.rglob("*.py"))
    sources = [path for path in paths if path.parts[0] not in IGNORED]

    found = {path.as_posix() for path in sources if uses_all_tenants(settings.BASE_DIR / path)}

    assert found == ALLOWED.keys()
