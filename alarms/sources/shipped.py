"""The checks of the platform as they are shipped: what is watched, and from when it is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alarms.engine import incidents
from devices.models.event import Severity

DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `text` may name {value}, {limit}, {unit} and {subject}.

    It is raised when the value was above `limit` (below, for what runs out) for `for_seconds`;
    `limit` is None where there is only right and wrong.
    """

    code: str
    title: str | Promise
    text: str | Promise
    advice: str | Promise
    severity: Severity
    limit: float | None = None
    unit: str = ""
    for_seconds: int = 0
    is_enabled: bool = True


OF_TENANTS = (
    Check(
        incidents.GATEWAY_OFFLINE, _("Gateway offline"), _("Nothing is heard of it."),
        _("Check its power and its network. Its devices cannot be heard while it is away."),
        Severity.ERROR,
    ),
    Check(
        incidents.DEVICE_OFFLINE, _("Device offline"), _("Nothing is heard of it."),
        _("Check its power, its wiring and its radio. Its gateway is heard."),
        Severity.WARNING,
    ),
    Check(
        "certificate", _("Certificate ends soon"),
        _("The certificate with which it connects ends in {value} days."),
        _("Renew it. After its end the broker refuses the device."),
        Severity.WARNING, limit=30, unit="d",
    ),
    Check(
        "sequence_gap", _("Readings are missing"),
        _("{value} readings did not come; the device is asked for them."),
        _("Wait for the device to send them again. What it no longer has stays missing."),
        Severity.WARNING, for_seconds=300,
    ),
    Check(
        "rejected_rate", _("Many messages are rejected"),
        _("{value} messages a minute cannot be stored; the limit is {limit}."),
        _("Look at the rejected messages: they name the reason and can be stored afterwards."),
        Severity.WARNING, limit=60, unit="/min", for_seconds=300,
    ),
    Check(
        "demand_peak", _("Demand limit at risk"),
        _("{value} kW are expected for this window; the limit is {limit} kW."),
        _("Switch off what can wait, or let the demand guard shed it."),
        Severity.WARNING, unit="kW",
    ),
    Check(
        "automation_stopped", _("Automation rule stopped"),
        _("It does nothing until somebody arms it again."),
        _("Look at its latest executions, mend it, and arm it again."),
        Severity.ERROR,
    ),
    Check(
        "zones_failing", _("Zones are not controlled"),
        _("{value} {unit} of the zones failed when they were looked at last."),
        _("Open the zones with errors: they name what went wrong."),
        Severity.ERROR, limit=10, unit="%",
    ),
    Check(
        "charger_silent", _("Charging controller silent"),
        _("It has said nothing for {value} s; the limit is {limit} s."),
        _("Look at its cable, its power and the serial bridge. Charging goes on meanwhile."),
        Severity.ERROR, limit=30, unit="s",
    ),
    Check(
        "charger_fault", _("Charging point has a fault"), _("The controller reports a fault."),
        _("Unplug the vehicle. If the fault stays, have an electrician look at it."),
        Severity.ERROR,
    ),
    Check(
        "contactor_mismatch", _("Contactor is not where it should be"),
        _("The contactor does not follow the state of the charging point, or it is welded."),
        _("Switch the charging point off at its fuse: its socket may be live."),
        Severity.CRITICAL,
    ),
    Check(
        "charging_overcurrent", _("Vehicle draws too much current"),
        _("{value} A flow, more than the limit that was set and 10 %."),
        _("Lower the limit or end charging, and look at the meter and the vehicle."),
        Severity.ERROR, unit="A",
    ),
    Check(
        "undelivered", _("Notifications were given up"),
        _("{value} messages about alarms reached nobody within the last day."),
        _("Look at the notifications: correct the address, and send them again."),
        Severity.ERROR, limit=0,
    ),
)  # fmt: skip

OF_THE_PLATFORM = (
    Check(
        incidents.BROKER_DOWN, _("Message broker down"),
        _("No listener has been connected to it for {value} s."),
        _("Look at the broker and at the listeners. Devices keep their readings meanwhile."),
        Severity.CRITICAL, unit="s", for_seconds=60,
    ),
    Check(
        incidents.SERVICE_DOWN, _("Service down"), _("It has not reported for {value} s."),
        _("Start it again and read its log."),
        Severity.CRITICAL, unit="s", for_seconds=120,
    ),
    Check(
        "queue_depth", _("Too much waits to be stored"),
        _("{value} packets wait in the queue; the limit is {limit}."),
        _("Look at the ingest worker and the database. Nothing is lost while they wait."),
        Severity.CRITICAL, limit=10_000, for_seconds=300,
    ),
    Check(
        "queue_age", _("What is received waits too long"),
        _("The oldest packet has waited for {value} s; the limit is {limit} s."),
        _("Look at the ingest worker and the database. Nothing is lost while they wait."),
        Severity.CRITICAL, limit=300, unit="s",
    ),
    Check(
        "ledger_lag", _("The energy ledger is behind"),
        _("It is {value} s behind the samples; the limit is {limit} s."),
        _("Look at the reactor of the ledger. Costs and reports follow it."),
        Severity.ERROR, limit=900, unit="s", for_seconds=60,
    ),
    Check(
        "reactor_lag", _("A reactor is behind"),
        _("It is {value} s behind the samples; the limit is {limit} s."),
        _("Look at the reactor: is it running, is the database busy?"),
        Severity.WARNING, limit=300, unit="s", for_seconds=60,
    ),
    Check(
        "outbox_age", _("Messages to devices wait"),
        _("The oldest has waited for {value} s; the limit is {limit} s."),
        _("Look at the listener: it sends what waits as soon as it is connected."),
        Severity.ERROR, limit=300, unit="s", for_seconds=60,
    ),
    Check(
        "dead_letters", _("Many messages are kept as rejected"),
        _("{value} rejected messages wait for a decision; the limit is {limit}."),
        _("Look at them by reason: store them again, or drop them."),
        Severity.WARNING, limit=1000, for_seconds=60,
    ),
    Check(
        "revocation_list", _("The revocation list ends"),
        _("It ends in {value} days; afterwards the broker refuses every device."),
        _("Is beat running? Run `manage.py pki_crl`."),
        Severity.CRITICAL, limit=7, unit="d",
    ),
    Check(
        "web_slow", _("Pages and answers are slow"),
        _("An answer takes {value} ms on average; the limit is {limit} ms."),
        _("Look at the database and at the load of the machine."),
        Severity.WARNING, limit=100, unit="ms", for_seconds=300,
    ),
    Check(
        "web_errors", _("Many requests fail"),
        _("{value} % of the requests end with an error of the server; the limit is {limit} %."),
        _("Read the log of the web server: each error stands there with its request."),
        Severity.ERROR, limit=5, unit="%", for_seconds=60,
    ),
    Check(
        "disk", _("A disk fills up"), _("{value} % are in use; the limit is {limit} %."),
        _("Free space or grow the disk before the database has to stop."),
        Severity.CRITICAL, limit=85, unit="%", for_seconds=60,
    ),
    Check(
        "memory", _("Memory is short"), _("{value} % are in use; the limit is {limit} %."),
        _("See which process grows; give the machine more."),
        Severity.WARNING, limit=80, unit="%", for_seconds=300,
    ),
    Check(
        "threads", _("A process has many threads"),
        _("{value} threads run in it; the limit is {limit}."),
        _("Start it again, and tell us: something in it does not end."),
        Severity.WARNING, limit=100, for_seconds=300,
    ),
    Check(
        "cpu", _("The processors are busy"), _("{value} % are in use; the limit is {limit} %."),
        _("See which process is busy; give the machine more."),
        Severity.WARNING, limit=80, unit="%", for_seconds=300,
    ),
)  # fmt: skip

# no alarm itself: how long an alarm that its device never ends stays open
UNSAID = Check(
    "device_alarm_unsaid", _("Alarms of devices that are not said again"), "",
    _("After this time such an alarm ends; 0: never."),
    Severity.INFO, unit="s", for_seconds=DAY_SECONDS,
)  # fmt: skip

SHIPPED = {check.code: check for check in (*OF_TENANTS, *OF_THE_PLATFORM, UNSAID)}
