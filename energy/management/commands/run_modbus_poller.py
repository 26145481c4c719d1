"""Ask Modbus units for their registers and do the commands to them."""

from __future__ import annotations

import contextlib
import gc
import time
import uuid
from typing import Any

from prometheus_client import REGISTRY

from devices.queries_modbus import POLLER_PROCESS
from devices.wires.modbus.counters import BusCollector
from devices.wires.modbus.outflow import NotTaken, Reading
from devices.wires.modbus.poller import ModbusPoller
from energy.lib import heartbeat
from energy.lib.identity import is_gone, own_identity
from energy.lib.metrics import MESSAGES_RECEIVED
from energy.lib.process import ProcessCommand
from energy.lib.redis import RedisError, RedisNotDurable, check_durability, durable, key
from energy.lib.watchdog import EXIT_CODE
from telemetry.ingest.buffer import BufferFull, BufferUnavailable, IngestBuffer
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.topics import door_topic
from telemetry.reactors.lease import Lease

# longer than a process may stall without being given up
LEASE_SECONDS = 8.0
MOST_TOPICS = 50_000
# the database takes an answer or refuses it long before
HANG_UP_SECONDS, GIVE_UP_SECONDS = 30.0, 60.0


class Command(ProcessCommand):
    """Own the buses of an instance. Who has its lease polls; another copy stands by."""

    help = "Poll the Modbus buses whose `poller` is this --instance, and do commands on them."
    process_name = POLLER_PROCESS
    idle_seconds = 0.5

    def open(self, **options: Any) -> None:
        """Prepare; nothing is connected yet."""
        self._is_durable = False
        self._buffer = IngestBuffer()
        self._topics: dict[uuid.UUID, str] = {}
        self._poller: ModbusPoller | None = None
        self._lease = Lease(
            durable(),
            key(f"lease:modbus:{self.instance}"),
            holder=own_identity(),
            seconds=LEASE_SECONDS,
            is_gone=is_gone,
        )
        self._collector = BusCollector(lambda: self._poller.counts() if self._poller else [])
        REGISTRY.register(self._collector)
        # what is loaded stays: to look through it would stop all buses for a tenth of a second
        gc.collect()
        gc.freeze()

    def work(self) -> bool:
        """Keep the lease; the poller works in threads of its own."""
        try:
            self._check_buffer()
            may_poll = self._lease.hold(now=time.monotonic())
        except RedisNotDurable as error:
            raise SystemExit(str(error)) from error
        except RedisError:
            # who polls goes on: commands must be done, and no other copy gets the lease either
            may_poll = self._poller is not None
        self._follow(may_poll=may_poll)
        if self._poller is not None and not self._poller.is_alive:
            self.stderr.write("The loop of the poller ended.")
            raise SystemExit(EXIT_CODE)
        if self._poller is not None:
            self._watch_records(self._poller)
        return False

    def _watch_records(self, poller: ModbusPoller) -> None:
        """Free the thread of the database where it hangs, else nobody takes commands."""
        silent = poller.records.silent_seconds
        if silent > GIVE_UP_SECONDS:
            self.stderr.write(f"The thread of the database hangs for {silent:.0f} s.")
            raise SystemExit(EXIT_CODE)
        if silent > HANG_UP_SECONDS:
            poller.records.hang_up()

    def close(self) -> None:
        """Finish the frames in flight and let another copy take over."""
        self._stop_polling()
        with contextlib.suppress(KeyError):
            REGISTRY.unregister(self._collector)
        with contextlib.suppress(RedisError):  # else it runs out by itself
            self._lease.release()

    def _follow(self, *, may_poll: bool) -> None:
        name = POLLER_PROCESS if may_poll else f"{POLLER_PROCESS}_standby"
        if name != self.process_name:
            self.stderr.write("Polling." if may_poll else "Standing by: another copy polls.")
            heartbeat.forget(self.process_name, self.instance)
            self.process_name = name
        if may_poll and self._poller is None:
            self._poller = ModbusPoller(instance=self.instance, deliver=self._deliver)
            self._poller.start()
        elif not may_poll:
            self._stop_polling()

    def _stop_polling(self) -> None:
        poller, self._poller = getattr(self, "_poller", None), None
        if poller is not None:
            poller.stop()

    def _check_buffer(self) -> None:
        """Ask Redis once whether it keeps what it takes. Raises: RedisError, RedisNotDurable."""
        if not self._is_durable:
            check_durability(durable())
            self._is_durable = True

    def _deliver(self, readings: list[Reading]) -> None:
        """Make readings durable. Raises: NotTaken."""
        if not self._is_durable:
            raise NotTaken("nothing is known of Redis yet")
        try:
            self._buffer.append(
                [
                    Envelope("modbus", self._topic_of(one), one.payload, one.received_at)
                    for one in readings
                ]
            )
        except (BufferFull, BufferUnavailable) as error:
            raise NotTaken(str(error)) from error
        MESSAGES_RECEIVED.labels("modbus").inc(len(readings))

    def _topic_of(self, reading: Reading) -> str:
        topic = self._topics.get(reading.device_id)
        if topic is None:
            if len(self._topics) >= MOST_TOPICS:
                self._topics.clear()
            topic = door_topic(reading.tenant_id, reading.device_id)
            self._topics[reading.device_id] = topic
        return topic
