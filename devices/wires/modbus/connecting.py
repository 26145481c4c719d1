"""How a poller gets to a bus: addresses that are allowed, ports that nobody else has."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from django.db import Error as DatabaseError

from devices.modbus.client import BusAddress, Client, Lengths, connect
from devices.modbus.errors import NotConnected, PortBusy
from devices.wires.modbus.config import KIND_RTU, BusConfig, LineConfig
from devices.wires.reach import AddressRefused, addresses_of, check_address
from devices.wires.serial.lease import RENEW_SECONDS, PortClaim, PortHeld

COMMAND = "run_modbus_poller"
LOOK_UP_SECONDS = 5.0
MOST_LOOK_UPS = 16
RELEASE_SECONDS = 1.0
InDatabase = Callable[[Callable[[], Any]], Awaitable[Any]]


class CannotReach(NotConnected):
    """A bus cannot be connected to for a reason that has a word; the text is for people."""

    def __init__(self, word: str, detail: str) -> None:
        super().__init__(detail)
        self.word = word


class Connector:
    """Makes the connections of all buses.

    Args: in_database: runs a function in the thread of the database.
    """

    def __init__(self, in_database: InDatabase) -> None:
        self._in_database = in_database
        self._lengths: dict[uuid.UUID, Lengths] = {}
        self._look_ups = asyncio.Semaphore(MOST_LOOK_UPS)

    async def open(self, config: BusConfig) -> Connection:
        """Connect to a bus. Raises: NotConnected."""
        if config.line.kind == KIND_RTU:
            return await self._open_port(config)
        client = await self._open_tcp(config)
        return Connection(client, self._remember(config.id))

    def forget(self, bus_id: uuid.UUID) -> None:
        """Forget what is known of a bus that is no longer polled."""
        self._lengths.pop(bus_id, None)

    async def _open_tcp(self, config: BusConfig) -> Client:
        line, error = config.line, NotConnected(f"{config.line.host} has no address.")
        for host in await self._addresses(line):
            address = BusAddress(line.kind, host=host, port=line.port)
            try:
                return await self._connect(address, config)
            except NotConnected as failure:
                error = failure
        raise error

    async def _addresses(self, line: LineConfig) -> list[str]:
        try:
            if _is_address(line.host):
                check_address(line.host)
                return [line.host]
            async with asyncio.timeout(LOOK_UP_SECONDS), self._look_ups:
                return await asyncio.wrap_future(_look_up(line.host, line.port))
        except AddressRefused as error:
            raise CannotReach("address_refused", str(error)) from error
        except TimeoutError as error:
            raise CannotReach("name_unknown", f"{line.host} was not resolved.") from error

    async def _open_port(self, config: BusConfig) -> Connection:
        line = config.line
        claim = PortClaim(line.serial_port, command=COMMAND)
        lease = _Lease(claim, self._in_database)
        await lease.take()
        address = BusAddress(
            line.kind, serial_port=line.serial_port, baudrate=line.baudrate,
            parity=line.parity, stop_bits=line.stop_bits,
        )  # fmt: skip
        try:
            client = await self._connect(address, config)
        except NotConnected as error:
            await lease.release()
            if isinstance(error, PortBusy):
                raise CannotReach("port_held", str(error)) from error
            raise
        return Connection(client, self._remember(config.id), lease)

    async def _connect(self, address: BusAddress, config: BusConfig) -> Client:
        lengths = self._lengths.get(config.id)
        return await connect(address, timeout=config.line.timeout_seconds, lengths=lengths)

    def _remember(self, bus_id: uuid.UUID) -> Callable[[Client], None]:
        def remember(client: Client) -> None:
            if client.lengths is not None:
                self._lengths[bus_id] = client.lengths

        return remember


class Connection:
    """A connection while it lasts."""

    def __init__(
        self, client: Client, remember: Callable[[Client], None], lease: _Lease | None = None
    ) -> None:
        self.client = client
        self._remember = remember
        self._lease = lease
        if lease is not None:
            lease.keep()

    def check(self) -> None:
        """Raises: NotConnected: another process has the port now."""
        if self._lease is not None and self._lease.lost is not None:
            raise CannotReach("port_held", str(self._lease.lost))

    async def close(self) -> None:
        """Close it and let others have the port."""
        self._remember(self.client)
        await self.client.close()
        if self._lease is not None:
            await self._lease.release()


class _Lease:
    """Keeps the lease of a port; without the database it is kept as long as nobody else asks."""

    def __init__(self, claim: PortClaim, in_database: InDatabase) -> None:
        self.lost: PortHeld | None = None
        self._claim = claim
        self._in_database = in_database
        self._task: asyncio.Task[None] | None = None

    async def take(self) -> None:
        """Raises: NotConnected."""
        try:
            await self._in_database(self._claim.hold)
        except PortHeld as error:
            raise CannotReach("port_held", str(error)) from error
        except DatabaseError as error:
            raise CannotReach("lease_unknown", f"The port cannot be claimed: {error}") from error

    def keep(self) -> None:
        """Renew it from now on."""
        self._task = asyncio.create_task(self._renew())

    async def release(self) -> None:
        """Let others have the port."""
        if self._task is not None:
            self._task.cancel()
        if self.lost is None:
            with suppress(DatabaseError, asyncio.TimeoutError):  # else it runs out by itself
                async with asyncio.timeout(RELEASE_SECONDS):
                    await self._in_database(self._claim.release)

    async def _renew(self) -> None:
        while self.lost is None:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._in_database(self._claim.hold)
            except PortHeld as error:
                self.lost = error
            except DatabaseError:  # the system's own lock of the port still keeps others out
                continue


def _look_up(host: str, port: int) -> Future[list[str]]:
    """Resolve a name in a thread that no end of the process waits for."""
    future: Future[list[str]] = Future()

    def run() -> None:
        future.set_running_or_notify_cancel()  # now nobody can cancel it
        try:
            found = addresses_of(host, port)
        except AddressRefused as error:
            future.set_exception(error)
        else:
            future.set_result(found)

    threading.Thread(target=run, name="modbus-dns", daemon=True).start()
    return future


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
