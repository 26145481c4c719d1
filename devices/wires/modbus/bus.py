"""One bus: a task that alone speaks on it, asks its units when they are due, and does jobs."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from devices.modbus.blocks import Block
from devices.modbus.errors import (
    Ambiguous,
    BadAnswer,
    Code,
    GatewayRefused,
    ModbusError,
    NoAnswer,
    NotConnected,
    Refused,
)
from devices.modbus.sunspec import discover
from devices.wires.modbus.asking import Asker
from devices.wires.modbus.config import KIND_RTU, BusConfig, UnitConfig
from devices.wires.modbus.connecting import Connection, Connector
from devices.wires.modbus.counters import Counters
from devices.wires.modbus.outflow import Outflow
from devices.wires.modbus.seen import Notes
from devices.wires.modbus.sight import Sight
from devices.wires.modbus.units import Group, Unit

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
LONGEST_PAUSE_OF_A_PORT_SECONDS = 2.0  # an adapter that is plugged in again is read soon
SHORT_SECONDS = 0.5  # a connection that lasts less is not made again at once
IDLE_SECONDS = 60.0
AFTER_ERROR_SECONDS = 5.0
SILENT_BEFORE_RECONNECT = 3
IDENTITY_SELDOM_SECONDS = 3600.0
_ASKS_FOR_TIME = frozenset({Code.ACKNOWLEDGE, Code.BUSY})


class Job(Protocol):
    """Something to be done on a bus between two reads."""

    @property
    def is_urgent(self) -> bool:
        """Tell whether it goes before what is not."""

    async def run(self, bus: Bus, asker: Asker) -> None:
        """Do it and tell what became of it. Raises: NotConnected."""

    def refuse(self, code: str, detail: str) -> None:
        """Tell that it was not done and will not be."""


@dataclass(slots=True)
class Shared:
    """What all buses of a process have in common."""

    outflow: Outflow
    connector: Connector
    notes: Notes = field(default_factory=Notes)


class Bus:
    """Owns a connection. `run` is its task; everything else is called in the same loop."""

    def __init__(self, config: BusConfig, shared: Shared) -> None:
        self.config = config
        self.counters = Counters()
        self.jobs: deque[Job] = deque()
        self._shared = shared
        self._sight = Sight(config, shared.notes)
        self._units: dict[UnitConfig, Unit] = {}
        self._connection: Connection | None = None
        self._waker: asyncio.Future[None] | None = None
        self._is_stopping = self._begins_anew = False
        self._silent = 0
        self.renew(config)

    @property
    def is_connected(self) -> bool:
        """Tell whether there is a connection now."""
        return self._connection is not None

    def renew(self, config: BusConfig) -> None:
        """Take another configuration; units that stay the same go on as they are."""
        self._begins_anew = self._begins_anew or config.line != self.config.line
        known, now = self._units, time.time()
        self._units = {one: known.get(one) or Unit(one, now=now) for one in config.units}
        self.config = self._sight.config = config
        for one, unit in self._units.items():
            if one not in known:
                self._sight.first_look(unit)
        self.wake()

    def submit(self, job: Job) -> None:
        """Let something be done before the next read; what switches off goes first."""
        place = sum(one.is_urgent for one in self.jobs) if job.is_urgent else len(self.jobs)
        self.jobs.insert(place, job)
        self.wake()

    def stop(self) -> None:
        """End after the frame in flight."""
        self._is_stopping = True
        self.wake()

    def wake(self) -> None:
        """Look again at what is to be done."""
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    def unit_of(self, device_id: uuid.UUID) -> Unit | None:
        """Return the unit that is a device."""
        found = (unit for one, unit in self._units.items() if one.device_id == device_id)
        return next(found, None)

    async def run(self) -> None:
        """Poll until stopped, connecting again for ever."""
        try:
            while not self._is_stopping:
                try:
                    await self._live()
                except Exception:
                    logger.exception("Modbus bus %s failed, going on", self.config.id)
                    await self._disconnect()
                    await self._wait(AFTER_ERROR_SECONDS)
        finally:
            await self._disconnect()
            self._refuse_jobs("poller_stopped", "The poller ended before it was done.")

    async def _live(self) -> None:
        """Connect, work while the connection lasts, and again."""
        pause = FIRST_PAUSE_SECONDS
        while not self._is_stopping:
            if not self._units and not self.jobs:
                await self._wait(IDLE_SECONDS)
                continue
            try:
                self._begins_anew = False
                connection = await self._connect()
            except NotConnected as error:
                self._sight.lost(error, self._units.values())
                self._refuse_jobs("not_connected", str(error))
                await self._wait(pause)
                pause = min(2 * pause, self._longest_pause)
                continue
            pause, began = FIRST_PAUSE_SECONDS, time.monotonic()
            try:
                await self._serve(connection)
            except NotConnected as error:
                self._sight.lost(error, self._units.values())
            await self._disconnect()
            if time.monotonic() - began < SHORT_SECONDS and not self._begins_anew:
                await self._rest(pause)
            elif not (self.jobs or self._begins_anew or self._is_stopping):
                await self._wait(pause)

    async def _connect(self) -> Connection:
        """Raises: NotConnected."""
        connection = self._connection = await self._shared.connector.open(self.config)
        connection.client.when_lost(self.wake)
        self.counters.connections += 1
        self._silent = 0
        return connection

    @property
    def _longest_pause(self) -> float:
        is_port = self.config.line.kind == KIND_RTU
        return LONGEST_PAUSE_OF_A_PORT_SECONDS if is_port else LONGEST_PAUSE_SECONDS

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _serve(self, connection: Connection) -> None:
        """Work for as long as the connection is wanted. Raises: NotConnected."""
        asker = Asker(connection.client, self.config.line, self.counters)
        while not self._is_stopping and not self._begins_anew:
            connection.check()
            if not connection.client.is_connected:
                return
            if self.jobs:
                await self._do_jobs(asker)
                continue
            now = time.time()
            due, unit, group = self._next(now)
            if unit is None or group is None or due > now:
                if not self._units:
                    return
                await self._wait(due - now)
            elif not self._shared.outflow.has_room:
                self.counters.withheld_cycles += 1
                group.beat.move_on(now)
            else:
                await self._cycle(asker, unit, group, now)

    def _next(self, now: float) -> tuple[float, Unit | None, Group | None]:
        """Return what is due first, also where that is later."""
        first: tuple[float, Unit | None, Group | None] = (now + IDLE_SECONDS, None, None)
        for unit in self._units.values():
            held_until = unit.backoff.until_at(now) if unit.backoff.failures else 0.0
            for group in unit.groups:
                due = group.beat.due_at(now)
                due = due if due > held_until else held_until
                if due < first[0]:
                    first = due, unit, group
        return first

    async def _cycle(self, asker: Asker, unit: Unit, group: Group, now: float) -> None:
        counters, counts = self.counters, not unit.backoff.failures and not group.is_once
        counters.cycles += 1
        if counts:
            counters.late_seconds += now - group.beat.due
        if group.plan.refused and now > group.relearn_at:
            group.learn_anew()
        try:
            await self._read_blocks(asker, unit, group)
            group.was_lost = False
        except NotConnected:
            # it is read over the next connection; once only, for it may be what ends them
            group.was_lost = not group.was_lost
            if group.was_lost:
                raise
            self._move_on(group, now, counts=counts)
            raise
        except Exception:
            logger.exception(
                "Unit %s of Modbus bus %s failed, going on", unit.config.id, self.config.id
            )
            unit.backoff.fail(time.time())
            self._sight.broken(unit)
        self._move_on(group, now, counts=counts)

    def _move_on(self, group: Group, now: float, *, counts: bool) -> None:
        if group.beat.due <= now:  # else something wants it read once more
            missed = group.beat.move_on(time.time())
            self.counters.skipped_cycles += missed if counts else 0

    async def _read_blocks(self, asker: Asker, unit: Unit, group: Group) -> None:
        """Read what a cycle has left; what goes wrong is noted. Raises: NotConnected."""
        if unit.needs_discovery:
            await self._discover(asker, unit)
            return
        blocks = deque(group.plan.blocks[at] for at in group.ring.order())
        group.problem = None
        if not blocks and not group.is_once:
            return  # all are refused, so nothing is asked and nothing learnt
        while blocks and not self._is_stopping:
            if self.jobs:
                await self._do_jobs(asker)
            block = blocks.popleft()
            retries = 0 if unit.backoff.failures else self.config.line.retries
            try:
                data = await asker.read_data(
                    unit.config.unit, block.function, block.address, block.count, retries=retries
                )
            except (GatewayRefused, NoAnswer, BadAnswer) as error:
                self._failed(unit, group, block, error)
                return
            except Refused as error:
                unit.backoff.succeed()
                if error.code == Code.ILLEGAL_ADDRESS:
                    blocks.extendleft(reversed(group.refuse(block, time.time())))
                    continue
                group.problem = error
                if error.code in _ASKS_FOR_TIME:
                    group.ring.interrupt(group.plan.blocks.index(block))
                    break
            else:
                unit.backoff.succeed()
                self._take(unit, group, block, data)
        else:
            group.ring.finish()
            self._end_once(unit, group)
        self._silent = 0
        self._sight.answered(unit)

    async def _discover(self, asker: Asker, unit: Unit) -> None:
        """Find out where a SunSpec device has its registers. Raises: NotConnected."""
        try:
            unit.take_discovery(await discover(asker, unit.config.unit), time.time())
        except NotConnected:
            raise
        except ModbusError as error:
            unit.backoff.fail(time.time())
            self._sight.failed(unit, error, self._units.values())
            return
        unit.backoff.succeed()
        self._shared.notes.note_identity(unit.config.id, unit.identity)
        self._sight.answered(unit)

    def _take(self, unit: Unit, group: Group, block: Block, data: bytes) -> None:
        """Hand on the values of an answer, with the time at which it came."""
        at = time.time()
        found = block.decode(data)
        self.counters.missing_values += len(found.missing)
        if group.is_once:
            unit.identity |= found.values
            self._shared.notes.note_identity(unit.config.id, unit.identity)
            return
        reading = unit.reading_of(found.values, at)
        if reading is not None:
            self._shared.outflow.add(reading)
            self.counters.readings += 1

    def _end_once(self, unit: Unit, group: Group) -> None:
        if group.is_once and group.problem is None and not self._is_stopping:
            unit.groups = [one for one in unit.groups if one is not group]

    def _failed(self, unit: Unit, group: Group, block: Block, error: ModbusError) -> None:
        """Leave a unit alone for a while."""
        group.ring.interrupt(group.plan.blocks.index(block))
        if isinstance(error, Ambiguous):  # it was not asked, so nothing is known of it
            return
        unit.backoff.fail(time.time())
        if group.is_once:  # many units are silent where they have no registers
            group.beat.every = min(2 * group.beat.every, IDENTITY_SELDOM_SECONDS)
        self._silent = 0 if isinstance(error, GatewayRefused) else self._silent + 1
        self._sight.failed(unit, error, self._units.values())
        if self._silent >= SILENT_BEFORE_RECONNECT and self.config.line.kind != KIND_RTU:
            self._begins_anew = True  # the other end may have forgotten the connection

    async def _do_jobs(self, asker: Asker) -> None:
        """Do what waits. Raises: NotConnected."""
        while self.jobs and not self._is_stopping and asker.client.is_connected:
            job = self.jobs.popleft()
            try:
                await job.run(self, asker)
            except NotConnected:
                raise
            except Exception:
                logger.exception("A job on Modbus bus %s failed", self.config.id)
                job.refuse("unknown_outcome", "The poller failed at it; see its log.")

    def _refuse_jobs(self, code: str, detail: str) -> None:
        while self.jobs:
            self.jobs.popleft().refuse(code, detail)

    async def _rest(self, seconds: float) -> None:
        """Wait, whatever is to be done."""
        end = time.monotonic() + seconds
        while not self._is_stopping and (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.1))

    async def _wait(self, seconds: float) -> None:
        """Wait, less when woken; not at all when something is to be done already."""
        if self.jobs or self._is_stopping:
            return
        loop = asyncio.get_running_loop()
        self._waker = loop.create_future()
        timer = loop.call_later(seconds, self.wake)
        try:
            await self._waker
        finally:
            timer.cancel()
            self._waker = None
