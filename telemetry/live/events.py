"""Events on their way to sockets: who is shown which, and their frames; no I/O.

Unlike values they are neither coalesced nor paced. A socket without credit gets none of them
later: it is told from which number on it may ask again.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from devices.live_types import EventType
from energy.lib.metrics import LIVE_DROPPED
from telemetry.live.credit import CreditWindow
from telemetry.live.limits import FRAME_BYTES

if TYPE_CHECKING:
    from telemetry.live.viewer import Subscription, Viewer

# more are for the API
MAX_RESUMED = 1000


class Happened(NamedTuple):
    """An event as the reactor tells it; `text` is what a client gets."""

    seq: int
    type: str
    severity: str
    site: str | None
    device: str | None
    text: str


class EventFrame(NamedTuple):
    """Encoded events with numbers above `after`, up to `last`."""

    after: int
    last: int
    size: int
    text: str


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What a subscription wants to hear, of what its person may see.

    `devices` None: of the whole tenant. `sites` are those whose events about no single device
    concern it; `has_whole_sites` shows all that happens at them.
    """

    types: frozenset[str]
    severities: frozenset[str]
    devices: frozenset[str] | None
    sites: frozenset[str] = frozenset()
    has_whole_sites: bool = False

    def shows(self, event: Happened) -> bool:
        """Tell whether an event is shown."""
        if event.type not in self.types or event.severity not in self.severities:
            return False
        if self.devices is None:
            return True
        if event.device is not None:
            return event.device in self.devices or (
                self.has_whole_sites and event.site in self.sites
            )
        if event.site is not None:
            return event.site in self.sites
        return event.type == EventType.EMERGENCY_STOP  # of the whole organisation


@dataclass(slots=True)
class Listening:
    """The events of one subscription; it has got, or needs not get, those up to `since`."""

    filter: EventFilter
    since: int


def read_events(encoded: bytes) -> list[Happened]:
    """Read what the reactor sent."""
    return [happened(event) for event in orjson.loads(encoded)]


def happened(event: Mapping[str, Any]) -> Happened:
    """Return an event with its text."""
    return Happened(
        event["seq"], event["event_type"], event["severity"], event["site"], event["device"],
        orjson.dumps(event).decode(),
    )  # fmt: skip


def frames_of(events: Sequence[Happened], *, after: int) -> list[EventFrame]:
    """Encode events for frames of at most 64 KiB."""
    frames: list[EventFrame] = []
    waiting: list[Happened] = []
    size = 0
    for event in events:
        if waiting and size + len(event.text) > FRAME_BYTES:
            frames.append(_frame(waiting, after))
            after, waiting, size = waiting[-1].seq, [], 0
        waiting.append(event)
        size += len(event.text) + 1
    return [*frames, _frame(waiting, after)] if waiting else frames


def _frame(events: Sequence[Happened], after: int) -> EventFrame:
    text = ",".join(event.text for event in events)
    return EventFrame(after, events[-1].seq, len(events), f"[{text}]")


def event_text(number: int, frame: EventFrame) -> str:
    """Return the text of a frame of events: `frame` is acknowledged, `seq` is resumed from."""
    return f'{{"type":"event","frame":{number},"seq":{frame.last},"events":{frame.text}}}'


class EventQueue:
    """Events that wait to be sent to one socket; nothing is kept for one that stalls."""

    __slots__ = ("_dropped", "_missed_after", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[EventFrame] = deque()
        self._missed_after: int | None = None
        self._dropped = 0

    def offer(self, frame: EventFrame, *, is_open: bool) -> None:
        """Take a frame while the socket has credit; else note that it is missed."""
        if is_open:
            self._waiting.append(frame)
        else:
            self.miss(frame.after, frame.size)

    def miss(self, after: int, count: int) -> None:
        """Note that events after a number are not sent."""
        LIVE_DROPPED.inc(count)
        known = self._missed_after
        self._missed_after = after if known is None else min(known, after)
        self._dropped += count

    def drop(self) -> None:
        """Forget what waits, because the socket has no credit left."""
        while self._waiting:
            frame = self._waiting.popleft()
            self.miss(frame.after, frame.size)

    def next_text(self, credit: CreditWindow, now: float) -> str | None:
        """Return what goes out next: first where to resume, then events."""
        if self._missed_after is not None:
            told = {"type": "lag", "dropped": self._dropped, "since_seq": self._missed_after}
            self._missed_after, self._dropped = None, 0
            return orjson.dumps(told).decode()
        if not self._waiting:
            return None
        frame = self._waiting.popleft()
        return event_text(credit.take(len(frame.text), now=now), frame)


@dataclass(slots=True)
class EventRoom:
    """Who listens to the events of a tenant in this process."""

    listeners: set[Subscription] = field(default_factory=set)
    needs_reading: bool = False

    def since(self) -> int:
        """Return the number up to which every listener has what it needs."""
        return min((listener.events_since() for listener in self.listeners), default=0)

    def note_newest(self, seq: int) -> None:
        """Ask for a look into the table when the reactor has given larger numbers."""
        if self.listeners and seq > self.since():
            self.needs_reading = True

    def take(self, events: Sequence[Happened], *, after: int) -> set[Viewer]:
        """Offer events to those who listen; return the sockets that got some.

        Args: after: `events` are all that have numbers above it, up to their last. Who lacks
            earlier ones gets none of these: all are read from the table, in order.
        """
        if not events:
            return set()
        by_viewer: defaultdict[Viewer, list[Listening]] = defaultdict(list)
        for listener in self.listeners:
            listening = listener.listening
            if listening is None or listening.since < after:
                self.needs_reading = True
            elif listening.since < events[-1].seq:
                by_viewer[listener.viewer].append(listening)
        encode = _Encoder(events)
        woken = {viewer for viewer, heard in by_viewer.items() if _offer(viewer, heard, encode)}
        for heard in by_viewer.values():
            for listening in heard:
                listening.since = events[-1].seq
        return woken

    def skip_to(self, newest: int) -> set[Viewer]:
        """Tell everybody who lacks too much to be sent where to resume; return the sockets."""
        woken = set()
        for listener in self.listeners:
            listening = listener.listening
            if listening is not None and listening.since < newest:
                listener.viewer.miss_events(listening.since, newest - listening.since)
                listening.since = newest
                woken.add(listener.viewer)
        return woken


class _Encoder:
    """Encodes once what sockets with the same filter get."""

    def __init__(self, events: Sequence[Happened]) -> None:
        self._events = events
        self._known: dict[tuple[EventFilter, int], list[EventFrame]] = {}

    def frames(self, heard: Sequence[Listening]) -> list[EventFrame]:
        if len(heard) > 1:
            return self._encode(
                lambda e: any(e.seq > one.since and one.filter.shows(e) for one in heard),
                min(one.since for one in heard),
            )
        (one,) = heard
        key = one.filter, max(one.since, self._events[0].seq - 1)
        if key not in self._known:
            self._known[key] = self._encode(
                lambda e: e.seq > one.since and one.filter.shows(e), key[1]
            )
        return self._known[key]

    def _encode(self, shows: Callable[[Happened], bool], after: int) -> list[EventFrame]:
        return frames_of([event for event in self._events if shows(event)], after=after)


def _offer(viewer: Viewer, heard: Sequence[Listening], encode: _Encoder) -> bool:
    frames = encode.frames(heard)
    viewer.offer_events(frames)
    return bool(frames)
