"""All buses of a process: one loop in one thread, a task for each bus."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Mapping, Sequence

from devices.services.wire_commands import WireOrder
from devices.wires.modbus.bus import Bus, Shared
from devices.wires.modbus.config import BusConfig
from devices.wires.modbus.connecting import Connector
from devices.wires.modbus.counters import Counters
from devices.wires.modbus.jobs import OrderJob, QuestionJob, describe
from devices.wires.modbus.outflow import Deliver, Outflow
from devices.wires.modbus.questions import Question, UnknownBus, answer_questions
from devices.wires.modbus.records import Records
from devices.wires.modbus.seen import Notes

logger = logging.getLogger(__name__)

# a frame in flight may take as long as its bus's time limit; supervisors wait ten seconds
FRAME_SECONDS = 3.0
JOIN_SECONDS = 1.5


class ModbusPoller:
    """Polls what the database says belongs to an instance, from `start` to `stop`.

    Args: deliver: see `Outflow`.
    """

    def __init__(self, *, instance: str, deliver: Deliver) -> None:
        self._instance = instance
        self._outflow = Outflow(deliver)
        self._records = Records(self, poller=instance)
        self._shared = Shared(self._outflow, Connector(self._in_database))
        self._buses: dict[uuid.UUID, Bus] = {}
        self._tasks: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._asked_to_stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="modbus-loop", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Tell whether the loop runs."""
        return self._thread.is_alive()

    @property
    def records(self) -> Records:
        """What it reads from the database and writes to it."""
        return self._records

    @property
    def outflow(self) -> Outflow:
        """Where readings wait for the pipeline."""
        return self._outflow

    def start(self) -> None:
        """Begin."""
        self._outflow.start()
        self._thread.start()
        self._records.start()

    def stop(self) -> None:
        """Finish the frames in flight, hand on what was read, write down what became of orders."""
        self._records.take_no_more()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._asked_to_stop.set)
            self._thread.join(FRAME_SECONDS + JOIN_SECONDS)
        self._records.stop()
        self._outflow.stop()

    def counts(self) -> list[tuple[str, Counters, bool]]:
        """Return (id, counters, whether it is connected) of each bus, by id."""
        buses = sorted(self._buses.copy().items())
        return [(str(id_), bus.counters, bus.is_connected) for id_, bus in buses]

    # --- what the thread of the database calls ---

    def apply(self, buses: Mapping[uuid.UUID, BusConfig]) -> None:
        """Drive these buses; those that stay the same notice nothing."""
        self._loop.call_soon_threadsafe(self._apply, dict(buses))

    def order(self, orders: Sequence[tuple[WireOrder, float]]) -> None:
        """Do these commands."""
        self._loop.call_soon_threadsafe(self._order, list(orders))

    def take_notes(self) -> Notes:
        """Return the notes of all buses since the last time."""
        return self._shared.notes.take()

    def waiting_orders(self) -> Mapping[uuid.UUID, int]:
        """Return how much waits on each bus."""
        return {id_: len(bus.jobs) for id_, bus in self._buses.copy().items() if bus.jobs}

    # --- in the loop ---

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        except Exception:
            logger.exception("The loop of the Modbus poller ended")
        finally:
            self._loop.close()

    async def _main(self) -> None:
        questions = asyncio.create_task(
            answer_questions(
                poller=self._instance, read=self._read, describe=describe,
                stopping=self._asked_to_stop,
            )
        )  # fmt: skip
        await self._asked_to_stop.wait()
        for bus in self._buses.values():
            bus.stop()
        tasks = {*self._tasks.values(), *self._ending}
        if tasks:
            _done, late = await asyncio.wait(tasks, timeout=FRAME_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        questions.cancel()
        await asyncio.gather(questions, return_exceptions=True)

    def _apply(self, configs: dict[uuid.UUID, BusConfig]) -> None:
        if self._asked_to_stop.is_set():
            return
        for gone in self._buses.keys() - configs.keys():
            self._end(gone)
        changed = 0
        for config in configs.values():
            try:
                changed += self._apply_one(config)
            except Exception:
                logger.exception("Modbus bus %s stays as it was", config.id)
        if changed:
            logger.info("%d Modbus buses, %d of them new or changed", len(configs), changed)

    def _apply_one(self, config: BusConfig) -> bool:
        """Drive a bus; tell whether it is new or changed."""
        bus = self._buses.get(config.id)
        if bus is not None and bus.config == config:
            return False
        if bus is not None:
            bus.renew(config)
            return True
        bus = self._buses[config.id] = Bus(config, self._shared)
        self._tasks[config.id] = self._loop.create_task(self._drive(bus))
        return True

    async def _drive(self, bus: Bus) -> None:
        # one that is replaced ends first: a line has one owner
        for former in list(self._ending):
            if former.get_name() == str(bus.config.id):
                await asyncio.wait([former])
        await bus.run()

    def _end(self, id_: uuid.UUID) -> None:
        self._buses.pop(id_).stop()
        task = self._tasks.pop(id_)
        task.set_name(str(id_))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        self._shared.connector.forget(id_)

    def _order(self, orders: list[tuple[WireOrder, float]]) -> None:
        for order, expires_at in orders:
            job = OrderJob(order, expires_at=expires_at, tell=self._records.answer)
            bus = self._buses.get(order.line_id)
            if bus is None or self._asked_to_stop.is_set():
                job.refuse("poller_stopped", "The poller does not drive this bus now.")
                continue
            if job.switches_off:
                self._overrule(bus, order)
            bus.submit(job)

    def _overrule(self, bus: Bus, off: WireOrder) -> None:
        """Drop what would start something after it is switched off."""
        for job in list(bus.jobs):
            if not isinstance(job, OrderJob) or not job.starts_something:
                continue
            if (job.order.device_id, job.order.actuator) == (off.device_id, off.actuator):
                bus.jobs.remove(job)
                job.refuse("overruled", "It was switched off before this could be done.")

    async def _read(self, question: Question) -> list[int]:
        bus = self._buses.get(question.bus_id)
        if bus is None:
            raise UnknownBus(str(question.bus_id))
        job = QuestionJob(question)
        bus.submit(job)
        return await job.answer

    async def _in_database(self, function: object) -> object:
        return await asyncio.wrap_future(self._records.call(function))  # type: ignore[arg-type]
