"""Rules of a mapping: from the messages of some topics to readings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from telemetry.decoding import formats
from telemetry.decoding.errors import MappingError
from telemetry.decoding.frames.reading import FrameError, FrameReading
from telemetry.decoding.gather import Gathered
from telemetry.decoding.numbers import NoNumber, read_number
from telemetry.decoding.paths import Budget, Path
from telemetry.decoding.sequence import Counting, FrameCounting
from telemetry.decoding.spec import RuleSpec
from telemetry.decoding.text import Text, device_uid
from telemetry.decoding.values import Captures, Clock, ValueRule, When, mapped
from telemetry.ingest.decode import DecodeError, Reading
from telemetry.ingest.times import TimeError
from telemetry.quality import Quality

OF_FRAMES = frozenset({"name", "medium", "frame_device"})
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LONGEST_TEXT = 200


@dataclass(slots=True)
class _Work:
    """One message on its way through a rule."""

    received_at: int
    zone: dt.tzinfo
    budget: Budget
    gathered: Gathered


@dataclass(frozen=True, slots=True)
class Presence:
    """How a message says that a device is there."""

    path: Path
    online: frozenset[str]
    offline: frozenset[str]
    always: bool | None

    def read(self, item: Any, captures: Captures, budget: Budget) -> bool | None:
        """Return whether it is there; None when the message does not say."""
        if self.always is not None:
            return self.always
        value = self.path.first(item, captures, budget)
        word = f"{value:g}" if isinstance(value, float) else str(value).strip().lower()
        return word in self.online if word in self.online | self.offline else None


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule."""

    spec: RuleSpec
    where: str
    when: tuple[When, ...]
    wrap: Text | None
    root: tuple[Path, ...]
    each: Path | None
    device: Text
    device_path: Path | None
    clocks: tuple[Clock, ...]
    counting: Counting | None
    frame_counting: FrameCounting | None
    values: tuple[ValueRule, ...]
    presence: Presence | None
    announce: Mapping[str, Path]
    answer: tuple[Text, Mapping[str, Any]] | None

    @property
    def is_ignored(self) -> bool:
        """Tell whether its messages say nothing that is measured."""
        return self.spec.ignore

    @property
    def is_counted(self) -> bool:
        """Tell whether its messages carry numbers."""
        return self.counting is not None or self.frame_counting is not None

    @property
    def names_device_in_payload(self) -> bool:
        """Tell whether the payload says which device is meant."""
        return self.device_path is not None or bool(
            self.each and self.each.names & set(self.device.names)
        )

    def device_of(self, captures: Captures) -> str | None:
        """Return the device that the topic names."""
        if self.device_path is not None:
            return None
        name = self.device.render(captures)
        return device_uid(name) if name else None

    def decode(
        self,
        topic: str,
        captures: Captures,
        payload: bytes,
        received_at: int,
        zone: dt.tzinfo,
        scope: str,
    ) -> list[Reading] | None:
        """Return the readings of a message; None when the rule is not for it.

        Raises: DecodeError.
        """
        translated = mapped(captures, self.spec.map)
        if translated is None:
            return None
        if self.is_ignored and not self.when:
            return []
        work = _Work(received_at, zone, Budget(), Gathered())
        if not payload.strip() and self.spec.format != "sparkplug":
            return self._nothing(translated, work)
        message = formats.Message(topic, payload, zone, scope, self.spec.options)
        if self.spec.format in formats.FRAMES:
            self._read_frames(message, translated, work)
            return work.gathered.readings()
        document = formats.DOCUMENTS[self.spec.format](payload, self.spec.options)
        if self.wrap is not None:
            document = {self.wrap.render(translated) or "": document}
        if not all(when.holds(document, translated, work.budget) for when in self.when):
            return None
        document = self._rooted(document, translated, work)
        if not self.is_ignored:
            self._read(document, translated, work)
        return work.gathered.readings()

    def _nothing(self, captures: Captures, work: _Work) -> list[Reading]:
        if self.spec.empty == "reject":
            raise DecodeError("empty", "The payload is empty.")
        if self.spec.empty == "offline" and not self.is_ignored:
            work.gathered.reading(self.device_of(captures)).presence = False
        return work.gathered.readings()

    def _rooted(self, document: Any, captures: Captures, work: _Work) -> Any:
        for path in self.root:
            found = path.first(document, captures, work.budget)
            if found is not None:
                return found
        return document

    def _read(self, document: Any, captures: Captures, work: _Work) -> None:
        if self.each is None:
            self._read_item(document, document, captures, work)
            return
        for _where, item, found in self.each.find(document, captures, work.budget):
            translated = mapped(found, self.spec.map)
            if translated is not None:
                self._read_item(item, document, translated, work)

    def _read_item(self, item: Any, document: Any, captures: Captures, work: _Work) -> None:
        device = self._device(item, captures, work)
        self._read_signals(item, captures, device, work)
        if self.counting is not None:
            number = self.counting.read((item, document), captures, work.budget)
            work.gathered.count(device, number)
        try:
            moment, is_sure = self._time((item, document), captures, work)
        except TimeError as error:
            work.gathered.note(device, error.code, str(error))
            return
        taken: set[tuple[str | int, ...]] = set()
        for rule in self.values:
            for where, value, found in self._found(rule, item, captures, taken, work):
                self._read_value(rule, item, value, found, device, moment, is_sure, work)
                taken.add(where)

    def _device(self, item: Any, captures: Captures, work: _Work) -> str | None:
        if self.device_path is None:
            return self.device_of(captures)
        name = self.device_path.first(item, captures, work.budget)
        return device_uid(str(name)) if isinstance(name, str | int) else None

    def _read_signals(self, item: Any, captures: Captures, device: str | None, work: _Work) -> None:
        """Read what is said besides measurements."""
        if self.presence is not None:
            said_online = self.presence.read(item, captures, work.budget)
            if said_online is not None:
                work.gathered.reading(device).presence = said_online
        if self.announce:
            said = {
                name: str(value)[:_LONGEST_TEXT]
                for name, path in self.announce.items()
                if (value := path.first(item, captures, work.budget)) not in (None, "")
            }
            work.gathered.reading(device).announced = said
        if self.answer is not None:
            topic, payload = self.answer
            rendered = topic.render(captures)
            if rendered is not None:
                answer = rendered, msgspec.json.encode(payload)
                work.gathered.reading(device).answer = answer

    def _time(
        self, places: Sequence[Any], captures: Captures, work: _Work
    ) -> tuple[dt.datetime | None, bool]:
        """Return the first time that is there: beside the values, else in the whole message."""
        for place in places:
            for clock in self.clocks:
                found = clock.read(place, captures, work.budget, work.zone, work.received_at)
                if found is not None:
                    return found
        return None, True

    def _found(
        self,
        rule: ValueRule,
        item: Any,
        captures: Captures,
        taken: set[tuple[str | int, ...]],
        work: _Work,
    ) -> Iterator[tuple[tuple[str | int, ...], Any, Captures]]:
        """Yield what a value rule finds, with translated captures."""
        for where, value, found in rule.path.find(item, captures, work.budget):
            if isinstance(value, dict | list):
                continue
            if rule.spec.otherwise and (where in taken or isinstance(value, str)):
                continue
            translated = mapped(found, rule.spec.map)
            if translated is None:
                continue
            if all(when.holds(item, found, work.budget) for when in rule.when):
                yield where, value, translated

    def _read_value(
        self,
        rule: ValueRule,
        item: Any,
        raw: Any,
        captures: Captures,
        device: str | None,
        moment: dt.datetime | None,
        is_sure: bool,
        work: _Work,
    ) -> None:
        name = rule.channel.render(captures)
        if not name:
            return
        try:
            number = read_number(raw, words=rule.words, has_decimal_comma=self.spec.decimal_comma)
            if number is None or number in rule.spec.sentinels or number in self.spec.sentinels:
                return
            if rule.clock is not None:
                own = rule.clock.read(item, captures, work.budget, work.zone, work.received_at)
                moment, is_sure = own or (moment, is_sure)
            target = rule.targets.find(name, rule.unit(item, captures, work.budget))
        except NoNumber as error:
            work.gathered.note(device, "not_a_number", f"{rule.path.text} is {error}.")
            return
        except TimeError as error:
            work.gathered.note(device, error.code, str(error))
            return
        except MappingError as error:
            work.gathered.note(device, error.code, str(error))
            return
        number = rule.scaled(number, item, captures, work.budget)
        quality = rule.quality if is_sure else max(rule.quality, Quality.UNCERTAIN)
        work.gathered.add(target, number, device=device, moment=moment, quality=quality)

    def _read_frames(self, message: formats.Message, captures: Captures, work: _Work) -> None:
        try:
            frames = formats.FRAMES[self.spec.format](message)
        except FrameError as error:
            raise DecodeError(error.code, str(error)) from None
        device = self.device_of(captures)
        for code, detail in frames.problems:
            work.gathered.note(device, code, detail)
        if frames.answer is not None:
            work.gathered.reading(device).answer = frames.answer
        if self.frame_counting is not None:
            work.gathered.count(device, self.frame_counting.read(frames.readings))
        for reading in frames.first_of_each():
            self._read_frame(reading, captures, work)

    def _read_frame(self, reading: FrameReading, captures: Captures, work: _Work) -> None:
        more = {**captures, "name": reading.name, "medium": reading.medium}
        if reading.device is not None:
            more["frame_device"] = reading.device
        for rule in self.values:
            found = rule.obis.match(reading.name) if rule.obis else {}
            if found is None:
                continue
            translated = mapped({**more, **found}, rule.spec.map)
            facts = {"name": reading.name, "medium": reading.medium, "unit": reading.unit,
                     "value": reading.value}  # fmt: skip
            if translated is None or not all(
                when.holds(facts, translated, work.budget) for when in rule.when
            ):
                continue
            self._add_frame(rule, reading, translated, work)
            return

    def _add_frame(
        self, rule: ValueRule, reading: FrameReading, captures: Captures, work: _Work
    ) -> None:
        device, name = self.device_of(captures), rule.channel.render(captures)
        number = reading.value
        if not name or number in rule.spec.sentinels:
            return
        unit = rule.spec.unit if isinstance(rule.spec.unit, str) else ""
        try:
            target = rule.targets.find(name, unit or reading.unit)
        except MappingError as error:
            work.gathered.note(device, error.code, str(error))
            return
        moment = None
        if reading.time is not None:
            moment = _EPOCH + dt.timedelta(microseconds=reading.time)
        number = rule.scaled(number, {}, captures, work.budget)
        quality = max(rule.quality, reading.quality)
        work.gathered.add(target, number, device=device, moment=moment, quality=quality)
