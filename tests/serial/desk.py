"""A conversation and a simulated controller on one clock that only the test moves."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from charging.esp32.conversation import Conversation
from charging.esp32.facts import Ask, Look, Note, NoteKind, Result
from devices.simulators.evse import PROTOCOLS
from devices.simulators.evse_hardware import Hardware

STEP = 0.01


class Desk:
    """`run` lets time pass; `down` and `up` may change what goes over the line."""

    def __init__(self, talk: Conversation, *, protocol: str = "v1") -> None:
        self.now = 100.0
        self.talk = talk
        self.hardware = Hardware()
        self.written: list[bytes] = []  # by the host
        self.said: list[bytes] = []  # by the controller
        self.heard: list[Any] = []
        self.down: Callable[[bytes], list[bytes]] = lambda data: [data]
        self.up: Callable[[bytes], list[bytes]] = lambda data: [data]
        self.controller = PROTOCOLS[protocol](self.hardware, self._say)
        self._on_the_way: list[bytes] = []
        self._deaf_until = 0.0
        talk.opened(self.now)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let so much time pass, or less once something is so."""
        end = self.now + seconds
        while self.now < end and not until():
            self.now += STEP
            self.talk.tick(self.now)
            if data := self.talk.take_outgoing():
                self.written.append(data)
                for piece in self.down(data):
                    self.controller.receive(piece)
            if self.now >= self._deaf_until:
                self._deaf_until = self.now + self.controller.loop(self.now)
            self.hardware.pass_time(STEP)
            coming, self._on_the_way = self._on_the_way, []
            for piece in coming:
                self.talk.receive(piece, self.now)
            self.heard += self.talk.take_heard()

    def be_deaf(self, seconds: float) -> None:
        """Let the controller stand still."""
        self._deaf_until = self.now + seconds

    def order(self, name: str, *, amps: int = 0, life: float = 5.0) -> uuid.UUID:
        """Give an order; return its key."""
        ask = Ask(uuid.uuid4(), name, self.now + life, amps)
        self.talk.ask(ask, self.now)
        return ask.key

    def result(self, key: uuid.UUID, within: float = 30.0) -> Result:
        """Let time pass until an order has ended; return what became of it."""
        self.run(within, until=lambda: any(self._is_end(one, key) for one in self.heard))
        return next(one for one in self.heard if self._is_end(one, key))

    def do(self, name: str, **options: Any) -> Result:
        """Give an order and wait for its end."""
        return self.result(self.order(name, **options))

    def plug_in(self, *, wants_energy: bool = True) -> None:
        """Connect a vehicle and wait until the controller has seen it."""
        self.hardware.plug_in()
        self.hardware.vehicle.wants_energy = wants_energy
        self.run(5)
        assert self.state == 3

    def charge(self) -> None:
        """Connect a vehicle and let it charge."""
        self.plug_in()
        assert self.do("charge_start").verdict == "done"
        self.run(3)
        assert self.state == 5

    @property
    def state(self) -> int | None:
        """The last state that was told."""
        looks = self.looks
        return looks[-1].state if looks else None

    @property
    def looks(self) -> list[Look]:
        """What was told of the state."""
        return [one for one in self.heard if isinstance(one, Look)]

    def notes(self, kind: NoteKind) -> list[Note]:
        """What was told beside it."""
        return [one for one in self.heard if isinstance(one, Note) and one.kind == kind]

    def commands(self) -> list[bytes]:
        """What the host wrote but for questions."""
        found = [part[at : at + 5] for part in self.written for at in range(0, len(part), 5)]
        return [command for command in found if command[1] != 0]

    def _say(self, data: bytes) -> None:
        self.said.append(data)
        self._on_the_way += self.up(data)

    @staticmethod
    def _is_end(heard: object, key: uuid.UUID) -> bool:
        return isinstance(heard, Result) and heard.key == key
