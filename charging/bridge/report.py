"""Tells the services what was heard on a line."""

from __future__ import annotations

import datetime as dt
import re

from accounts.tenancy import tenant_scope
from charging.bridge.lines import LineFacts
from charging.bridge.readings import Readings
from charging.esp32.facts import PERMITTED, Look, Note, NoteKind
from charging.observation import Observation
from charging.services.observing import Link, note_link, observe
from devices.models import Device, SerialLine, Severity, WireState
from devices.services.command_answers import note_actuator
from devices.services.device_events import record_device_event
from devices.wires.serial.link import LinkChanged, LinkState

AGAIN = dt.timedelta(seconds=2)  # how often a connector is said to be as it was
SAME_TEXT = dt.timedelta(minutes=1)
_CODE = re.compile(r"MSG=([A-Z0-9_ ]+)")
# words of a link that need somebody, and not just time
_CONFIGURATION = frozenset({"address_refused", "bad_port", "port_forbidden", "failed"})
_LINKS = {
    WireState.ONLINE: Link.CONNECTED,
    WireState.STALE: Link.STALE,
    WireState.FAILING: Link.LOST,
    WireState.OFFLINE: Link.LOST,
}


class Report:
    """Knows what was told before, so that only what is new is written."""

    def __init__(self, line: LineFacts, readings: Readings) -> None:
        self.line = line
        self.readings = readings
        self._look: Look | None = None
        self._look_at: dt.datetime | None = None
        self._wire: tuple[WireState, str] | None = None
        self._is_charging: bool | None = None
        self._texts: dict[str, dt.datetime] = {}

    def tell(self, heard: object, *, at: dt.datetime, now: dt.datetime) -> None:
        """Keep one thing that was heard. Raises: django.db.Error: nothing of it was kept."""
        with tenant_scope(self.line.tenant_id):
            if isinstance(heard, Look):
                self._tell_look(heard, at, now)
            elif isinstance(heard, Note):
                self._tell_note(heard, at, now)
            elif isinstance(heard, LinkChanged):
                self._tell_link(heard, at, now)

    def tell_wire(
        self, state: WireState, code: str, detail: str, *, at: dt.datetime, now: dt.datetime
    ) -> None:
        """Keep how the wire is, when that is new."""
        if self._wire == (state, code):
            return
        is_other = self._wire is None or self._wire[0] != state
        changed = {"state": state, "state_code": code[:64], "state_detail": detail[:500]}
        with tenant_scope(self.line.tenant_id):
            rows = SerialLine.objects.filter(id=self.line.id)
            rows.update(**changed, **({"state_at": at} if is_other else {}))
            if is_other and self.line.connector_id:
                note_link(
                    connector_id=self.line.connector_id, link=_LINKS[state], at=at, now=now,
                    detail=detail,
                )  # fmt: skip
        self._wire = state, code

    def _tell_link(self, changed: LinkChanged, at: dt.datetime, now: dt.datetime) -> None:
        wire = _wire_of(changed)
        if wire is not None:
            self.tell_wire(wire, changed.code, changed.detail, at=at, now=now)

    def _tell_look(self, look: Look, at: dt.datetime, now: dt.datetime) -> None:
        is_new = look != self._look
        if is_new or self._look_at is None or at - self._look_at >= AGAIN:
            self._observe(_observation(look, at), now)
            self._note_charging(look.state in PERMITTED, at)
            self._look, self._look_at = look, at
        self.readings.add(look, at)

    def _tell_note(self, note: Note, at: dt.datetime, now: dt.datetime) -> None:
        match note.kind:
            case NoteKind.REBOOTED:
                self._observe(Observation(at=at, is_rebooted=True, raw={"said": note.text}), now)
            case NoteKind.CARD:
                self._observe(Observation(at=at, rfid=note.text), now)
            case NoteKind.LOCK_FAILED:
                self._observe(Observation(at=at, is_lock_failed=True), now)
            case NoteKind.FIRMWARE:
                SerialLine.objects.filter(id=self.line.id).update(firmware=note.text[:64])
            case NoteKind.TOLD:
                self._keep_text(note.text, at)

    def _observe(self, seen: Observation, now: dt.datetime) -> None:
        if self.line.connector_id is not None:
            observe(connector_id=self.line.connector_id, seen=seen, now=now)

    def _note_charging(self, is_charging: bool, at: dt.datetime) -> None:
        if is_charging == self._is_charging:
            return
        device = Device.objects.get(id=self.line.device_id)
        note_actuator(device=device, actuator="charging", is_on=is_charging, at=at)
        self._is_charging = is_charging

    def _keep_text(self, text: str, at: dt.datetime) -> None:
        """Keep a warning with the device, the same one once a minute; of the rest only cards."""
        if not text.startswith(("WARN", "ERR", "CARD", "NOCARD")):
            return
        if (before := self._texts.get(text)) is not None and at - before < SAME_TEXT:
            return
        found = _CODE.search(text)
        record_device_event(
            device=Device.objects.get(id=self.line.device_id),
            kind="charger",
            code=found[1] if found else text,
            at=at,
            severity=Severity.WARNING if text.startswith(("WARN", "ERR")) else Severity.INFO,
            message=text,
        )
        self._texts = {text: at} if len(self._texts) > 50 else {**self._texts, text: at}


def _wire_of(changed: LinkChanged) -> WireState | None:
    """Return what people see; None: it may be on its way back, so nothing new is known."""
    match changed.state:
        case LinkState.ONLINE:
            return WireState.ONLINE
        case LinkState.STALE:
            return WireState.STALE
        case LinkState.BACKOFF if changed.code == "silent":
            return WireState.STALE
        case LinkState.BACKOFF:
            return WireState.FAILING if changed.code in _CONFIGURATION else WireState.OFFLINE
        case LinkState.CLOSED:
            return WireState.OFFLINE
    return None


def _observation(look: Look, at: dt.datetime) -> Observation:
    return Observation(
        at=at,
        state=look.state,
        pilot=look.pilot,
        fault=look.fault,
        current_limit_a=look.current_limit_a,
        cable_a=look.cable_a,
        is_locked=look.is_locked,
        is_relay_on=look.is_relay_on,
        is_authorised=look.is_authorised,
        raw=look.raw,
    )
