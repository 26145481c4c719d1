"""A box at work: reports, measures, obeys, keeps its settings and its certificate."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from devices.simulators.faults import Faults
from devices.simulators.firmware import Trust, Updater
from devices.simulators.hardware import Hardware
from devices.simulators.kept import KeptReadings
from devices.simulators.keys import ends_at, is_of_key, make_key, serial_of, signing_request
from devices.simulators.link import Endpoint, Event, Link, client_context
from devices.simulators.memory import Identity, Memory
from devices.simulators.orders import Orders
from devices.simulators.readings import Meter, encode_readings
from devices.simulators.settings import BadSettings, check_settings

logger = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 0.25
# the platform takes a trial back itself; the box does when nothing came
TRIAL_GRACE_SECONDS = 30.0
REQUEST_AGAIN_SECONDS = 60.0
CONFIRM_SECONDS = (1.0, 4.0, 15.0, 40.0)  # between the confirmations of a new box


class End(StrEnum):
    """Why a box stopped working."""

    STOPPED = "stopped"
    RESTART = "restart"
    REFUSED = "refused"  # the broker has not let it in for a while


@dataclass(frozen=True, slots=True)
class Habits:
    """How a box works. Times in seconds.

    secret: of signed commands; "" obeys unsigned ones. renew_before: how long before its end
    a certificate is renewed. give_up_after: without being let in; None never gives up.
    """

    report_seconds: float = 5.0
    heartbeat_seconds: float = 15.0
    secret: str = ""
    renew_before: float = 30 * 86_400
    trust: Trust = field(default_factory=Trust)
    give_up_after: float | None = None


class OwnedBox:
    """One stretch of work, from power-on to power-off."""

    def __init__(self, memory: Memory, identity: Identity, faults: Faults, habits: Habits) -> None:
        self.memory = memory
        self.identity = identity
        self.faults = faults
        self.habits = habits
        self.hardware = Hardware(self._note_stop)
        self._jobs: queue.Queue[Callable[[], None]] = queue.Queue()  # of other threads
        self._orders = Orders(memory, self.hardware, faults, secret=habits.secret)
        self._kept = KeptReadings(memory.state.boots)
        self._meter = Meter(memory.state.model, name=identity.username, now=self.now())
        self._updater = Updater(
            memory,
            identity,
            faults,
            habits.trust,
            tell=lambda report: self._jobs.put(partial(self.tell, "reported/firmware", report)),
            restart=lambda: self._jobs.put(self.restart),
        )
        self._is_booted = self._is_confirming = False
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._refused_since: float | None = None
        self._fallback: tuple[str, str] | None = None
        self._is_in = False
        self._wants_restart = False
        self._asked_at = -REQUEST_AGAIN_SECONDS
        self._apply_limits()
        self.link = self._open_link()

    def now(self) -> float:
        """Return what the clock of the box says, which may be wrong."""
        return time.time() + self.faults.clock_skew

    def work(self, stopping: threading.Event) -> End:
        """Work until stopped, restarted, or shut out."""
        self.hardware.start()
        self._every(lambda: self.habits.heartbeat_seconds, self._beat)
        self._every(self._report_seconds, self._report)
        try:
            while not stopping.is_set() and not self._wants_restart:
                self._turn()
                if self._is_given_up():
                    return End.REFUSED
            return End.RESTART if self._wants_restart else End.STOPPED
        finally:
            self.hardware.close()
            self._updater.close()
            self.link.close(last_words=self._status("offline"))

    def _turn(self) -> None:
        """Handle one event, then what is due."""
        event = self.link.next_event(min(self._seconds_to_next(), LONGEST_WAIT_SECONDS))
        if event is not None:
            self._handle(event)
        while not self._jobs.empty():
            self._jobs.get()()
        self._end_trial()
        self._keep_certificate()
        moment = time.monotonic()
        due = [entry for entry in self._due if entry[0] <= moment]
        self._due = [entry for entry in self._due if entry[0] > moment]
        for _at, action in due:
            action()

    def _handle(self, event: Event) -> None:
        if event.kind == "message":
            self._hear(event.topic, event.payload)
        elif event.kind == "connected":
            self._refused_since = self._fallback = None
            self.hardware.note_link(is_up=True)
            self._arrive()
        else:
            self.hardware.note_link(is_up=False)
            if self._is_in:
                logger.warning("%s lost its connection: %s", self.identity.username, event.detail)
            else:  # with TLS 1.3 a refused certificate looks like a connection that is lost
                self._note_refusal(event.detail)
            self._is_in = False
            if event.kind == "unreachable":  # the broker is away: that is no verdict on the box
                self._refused_since = None

    def _arrive(self) -> None:
        """Say that the box is there, whose it is, and what it measures."""
        self._is_in = True
        self.faults.reach("connected")
        state = self.memory.state
        self.publish(*self._status("online"))
        if not state.is_owned and not self._is_confirming:
            self._is_confirming = True
            self._confirm(CONFIRM_SECONDS)
            self.faults.reach("owned")
        if not self._is_booted:
            self._is_booted = True
            self.tell("reported/firmware", self._updater.boot_report())
        for answer in self._orders.interrupted():
            self._answer(answer)
        if state.revision:
            self._report_settings()
        self._report()
        logger.info("%s is connected", self.identity.username)

    def _confirm(self, seconds: Sequence[float]) -> None:
        """Say whose the box is, several times: a broker tells nobody that it dropped a message."""
        self.publish(self.identity.ownership_topic, json.dumps({"status": "accepted"}))
        if seconds:
            self.later(seconds[0], partial(self._confirm, seconds[1:]))
        else:
            self.memory.state.is_owned = True
            self.memory.save()

    def publish(self, topic: str, payload: str) -> None:
        """Send a message of the box."""
        self.link.publish(topic, payload)

    def tell(self, what: str, content: dict[str, Any]) -> None:
        """Send an object on one of the box's own topics, such as `reported/config`."""
        self.publish(f"{self.identity.prefix}/{what}", json.dumps(content))

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something after a while, in the box's own thread."""
        self._due.append((time.monotonic() + seconds, action))

    def restart(self) -> None:
        """Switch off and on again, soon."""
        self._wants_restart = True

    def _hear(self, topic: str, payload: bytes) -> None:
        word = topic.removeprefix(f"{self.identity.prefix}/")
        if word.startswith("commands/") or word == "down/command":
            self._obey(payload)
        elif word == "down/config":
            self._take_settings(payload)
        elif word == "down/certificate":
            self._take_certificate(payload)
        elif word == "down/firmware":
            self._updater.take(payload, now=self.now())
        elif word in {"down/receipt", "down/backfill"}:
            self._keep_or_send(word, payload)
        else:
            logger.info("%s: nothing to do about %s", self.identity.username, word)

    def _obey(self, payload: bytes) -> None:
        outcome = self._orders.obey(payload, now=self.now())
        for answer in outcome.answers:
            if self.faults.late_seconds:
                self.later(self.faults.late_seconds, partial(self._answer, answer))
            else:
                self._answer(answer)
        if outcome.wants_restart:
            self.later(0.5, self.restart)

    def _answer(self, answer: dict[str, Any]) -> None:
        if self.faults.lose_answer():
            return
        self.tell("evt/command" if self.identity.gateway_uid else "status", answer)

    def _take_settings(self, payload: bytes) -> None:
        """Apply a configuration, or say why not; one that came before is only confirmed."""
        try:
            told = json.loads(payload)
            revision, settings = int(told["revision"]), dict(told["config"])
        except (ValueError, KeyError, TypeError):
            return
        state = self.memory.state
        if revision < state.revision:
            return
        try:
            check_settings(settings)
        except BadSettings as error:
            refusal = {"error_code": error.code, "error": str(error)}
            self.tell("reported/rawconfig", {"ack": False, "revision": revision, **refusal})
            return
        if revision > state.revision:
            state.steady = state.configuration if state.live_until is None else state.steady
            live_until = told.get("live_until")
            state.live_until = live_until / 1000 if live_until else None
            state.revision, state.configuration = revision, settings
            self.memory.save()
            self._apply_limits()
        self.faults.reach("configured")
        self._report_settings()

    def _report_settings(self) -> None:
        state = self.memory.state
        self.tell("reported/config", {"revision": state.revision, "config": state.configuration})

    def _apply_limits(self) -> None:
        settings = self.memory.state.configuration
        self.hardware.link_loss = float(settings.get("link_loss_timeout_s", 30))
        longest = [
            channel["max_duration_ms"] / 1000
            for channel in settings.get("channels", [])
            if isinstance(channel, dict) and channel.get("max_duration_ms")
        ]
        self.hardware.longest_run = max(longest, default=300.0)

    def _end_trial(self) -> None:
        """Take back settings on trial when their time is over and nobody else did."""
        state = self.memory.state
        if state.live_until is None or self.now() < state.live_until + TRIAL_GRACE_SECONDS:
            return
        state.configuration, state.live_until = state.steady, None
        self.memory.save()
        self._apply_limits()
        self._report_settings()

    def _report_seconds(self) -> float:
        asked = self.memory.state.configuration.get("report_interval_s")
        return float(asked) if asked else self.habits.report_seconds

    def _report(self) -> None:
        """Measure; without a connection the readings wait for the next one."""
        now = self.now()
        values = self._meter.read(now=now)
        for topic, content in encode_readings(self.identity, values, at=now):
            self._kept.add(topic, content)
        if self.link.is_connected:
            for topic, payload in self._kept.take_unsent():
                if not self.faults.lose_reading():
                    self.publish(topic, payload)

    def _keep_or_send(self, word: str, payload: bytes) -> None:
        for topic, again in self._kept.hear(word.removeprefix("down/"), payload):
            self.publish(topic, again)

    def _beat(self) -> None:
        if self.link.is_connected:
            health = self._meter.read_health(now=self.now())
            firmware = {"fw_version": self.memory.state.firmware.version}
            serial = {"cert_serial": serial_of(self.identity.certificate)}
            self.tell("reported/heartbeat", {**health, **firmware, **serial})

    def _status(self, word: str) -> tuple[str, str]:
        told = {
            "status": word,
            "fw": self.memory.state.firmware.version,
            "cert_serial": serial_of(self.identity.certificate),
        }
        return f"{self.identity.prefix}/reported/status", json.dumps(told)

    def _note_stop(self, actuator: str, reason: str) -> None:
        self._jobs.put(partial(self._tell_stop, actuator, reason))

    def _tell_stop(self, actuator: str, reason: str) -> None:
        """Tell that the box itself has switched something off."""
        logger.info("%s switched %s off: %s", self.identity.username, actuator, reason)
        self.tell("evt/alarm", {"code": reason, "severity": "warning", "actuator": actuator,
                                "ts": int(self.now())})  # fmt: skip

    def _note_refusal(self, reason: str) -> None:
        if self._refused_since is None:
            self._refused_since = time.monotonic()
            logger.warning("%s is not let in: %s", self.identity.username, reason)
        if self._fallback is not None:
            logger.warning("%s goes back to its older certificate", self.identity.username)
            self.identity.certificate, self.identity.key_pem = self._fallback
            self._fallback = None
            self.memory.save()
            self._reconnect()

    def _is_given_up(self) -> bool:
        limit, since = self.habits.give_up_after, self._refused_since
        return limit is not None and since is not None and time.monotonic() - since > limit

    def _keep_certificate(self) -> None:
        """Ask for a successor in time, with a new key; the old one is used until that is here."""
        if not self.link.is_connected:
            return
        if ends_at(self.identity.certificate) - self.now() > self.habits.renew_before:
            return
        if time.monotonic() - self._asked_at < REQUEST_AGAIN_SECONDS:
            return
        self._asked_at = time.monotonic()
        self.ask_for_certificate()

    def ask_for_certificate(self) -> None:
        """Send a signing request for a key that is kept before it is shown to anybody."""
        state = self.memory.state
        if not state.next_key:
            state.next_key = make_key()
            self.memory.save()
        self.tell("reported/certificate_request", {"csr": signing_request(state.next_key)})

    def _take_certificate(self, payload: bytes) -> None:
        """Connect anew with a certificate that is for our next key."""
        state = self.memory.state
        try:
            told = json.loads(payload)
            certificate = str(told["certificate"])
            if not state.next_key or not is_of_key(certificate, state.next_key):
                return
        except (ValueError, KeyError, TypeError):
            return
        self._fallback = (self.identity.certificate, self.identity.key_pem)
        self.identity.certificate, self.identity.key_pem = certificate, state.next_key
        self.identity.authority = str(told.get("ca") or self.identity.authority)
        state.identity, state.next_key = self.identity, ""
        self.memory.save()
        logger.info("%s tries its new certificate", self.identity.username)
        self._reconnect()

    def _reconnect(self) -> None:
        self.link.close()
        self._is_in = False
        self.link = self._open_link()

    def _open_link(self) -> Link:
        identity = self.identity
        self.memory.write_file("box.crt", identity.certificate.encode())
        self.memory.write_file("box.key", identity.key_pem.encode())
        tls = None
        if identity.is_tls:
            tls = client_context(
                self.memory.folder, authority=identity.authority, certificate="box"
            )
        endpoint = Endpoint(identity.host, identity.port, identity.username, tls=tls)
        topics = [f"{identity.prefix}/down/#"]
        if not identity.gateway_uid:
            topics.append(f"{identity.prefix}/commands/+")
        will = self._status("offline")
        return Link(endpoint, topics=tuple(topics), will=will, is_durable=True)

    def _every(self, seconds: Callable[[], float], action: Callable[[], None]) -> None:
        def again() -> None:
            action()
            self.later(seconds(), again)

        self.later(seconds(), again)

    def _seconds_to_next(self) -> float:
        moment = time.monotonic()
        return max(min((at - moment for at, _action in self._due), default=1.0), 0.0)
