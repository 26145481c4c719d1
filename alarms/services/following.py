"""Makes the alarms of rules say what the samples say."""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from django.db import DataError, IntegrityError, transaction
from django.db.models import Q, QuerySet

from alarms.engine.fold import NEVER, Episode, Event, State, Turn, episodes
from alarms.engine.reconcile import Known, reconcile
from alarms.models import Alarm, AlarmEvent, Ending, Source
from alarms.rules.text import render
from alarms.services.raising import Sign
from alarms.services.suppression import suppress
from telemetry.ingest.batch import from_microseconds, to_microseconds

logger = logging.getLogger(__name__)

# What began and ended longer ago than this before it became known only fills the history.
OLD_NEWS = dt.timedelta(minutes=15)
BATCH = 1_000
_CHANGED = ("raised_at", "cleared_at", "ending", "value", "limit", "text", "updated_at")
# those are over, whatever samples say
_OVER = (Ending.WITHDRAWN, Ending.RULE_CHANGED, Ending.GONE)


@dataclass(frozen=True, slots=True)
class Found:
    """What the samples of a channel say since `start`, where a rule stood before them.

    limits: upper and lower one. since: µs; what ended by then is not concerned. is_fresh: the
    rule is new there, so what ended is not told. ahead: what follows by itself if no sample
    comes; where that is known already, it stays known. names: for `rules.text`, and
    `zone`, the time zone of the site.
    """

    sign: Sign
    limits: tuple[float, float]
    since: int
    start: State
    events: Sequence[Event]
    is_fresh: bool = False
    ahead: Event | None = None
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Writing:
    """What is to be written for a portion."""

    now: dt.datetime
    added: list[Alarm] = field(default_factory=list)
    changed: list[Alarm] = field(default_factory=list)
    events: list[AlarmEvent] = field(default_factory=list)

    def tell(self, alarm: Alarm, kind: str, *, is_old: bool = False) -> None:
        """Add an event. Args: is_old: nobody is told of it."""
        self.events.append(
            AlarmEvent(
                tenant_id=alarm.tenant_id, alarm=alarm, kind=kind, at=self.now,
                planned_at=self.now if is_old else None,
            )
        )  # fmt: skip


def follow(found: Sequence[Found], *, now: dt.datetime) -> int:
    """Write what is different from what is known; repeating it changes nothing.

    Returns: how many alarms were added or changed.
    """
    return sum(
        _follow_apart(found[begin : begin + BATCH], now=now)
        for begin in range(0, len(found), BATCH)
    )


def end_unwatched(keys: Iterable[str], *, now: dt.datetime) -> int:
    """End the open alarms of rules that watch nothing like it any more.

    Args: keys: of all that is watched.
    """
    watched = set(keys)
    with transaction.atomic():
        alarms = _locked().filter(source=Source.RULE, ending="")
        writing = _Writing(now)
        for alarm in alarms.order_by("key", "id").iterator():
            if alarm.key not in watched:
                _end(alarm, now, Ending.RULE_CHANGED if alarm.channel_id else Ending.GONE)
                writing.changed.append(alarm)
                writing.tell(alarm, AlarmEvent.Kind.CLEARED)
        _write(writing)
    return len(writing.changed)


def _follow_apart(found: Sequence[Found], *, now: dt.datetime) -> int:
    """Write a portion; where the database refuses one, such as of a channel that was deleted at
    this moment, the others are written all the same.
    """
    try:
        return _follow(found, now=now)
    except (IntegrityError, DataError) as error:
        if len(found) == 1:
            logger.warning("The alarm %s cannot be written: %s", found[0].sign.key, error)
            return 0
    half = len(found) // 2
    return _follow_apart(found[:half], now=now) + _follow_apart(found[half:], now=now)


@transaction.atomic
def _follow(found: Sequence[Found], *, now: dt.datetime) -> int:
    writing = _Writing(now)
    known = _known(found)
    for one in found:
        _compare(one, known[one.sign.key], writing)
    _write(writing)
    return len(writing.added) + len(writing.changed)


def _known(found: Sequence[Found]) -> dict[str, list[Alarm]]:
    """Return the alarms that could be those of the episodes, locked, in order of time."""
    since = min((one.since for one in found), default=0)
    raised = [from_microseconds(at) for one in found for at in _raised(one)]
    alarms = (
        _locked()
        .filter(
            Q(ending="") | Q(cleared_at__gt=from_microseconds(since)) | Q(raised_at__in=raised),
            tenant_id__in={one.sign.tenant_id for one in found},
            key__in=[one.sign.key for one in found],
        )
        .exclude(ending__in=_OVER)
        .order_by("key", "raised_at", "id")  # as everybody locks alarms
    )
    by_key: dict[str, list[Alarm]] = defaultdict(list)
    for alarm in alarms:
        by_key[alarm.key].append(alarm)
    return by_key


def _locked() -> QuerySet[Alarm]:
    return Alarm.objects.select_for_update(of=("self",), no_key=True)


def _raised(one: Found) -> list[int]:
    own = [one.start.raised_at] if one.start.is_raised else []
    return own + [event.at for event in one.events if event.turn is Turn.RAISED]


def _compare(one: Found, alarms: list[Alarm], writing: _Writing) -> None:
    raised = set(_raised(one))
    mine = {
        number: alarm for number, alarm in enumerate(alarms)
        if alarm.cleared_at is None or to_microseconds(alarm.cleared_at) > one.since
        or to_microseconds(alarm.raised_at) in raised
    }  # fmt: skip
    said = _episodes(one, mine.values())
    if one.is_fresh:
        _begin(one, said, list(mine.values()), writing)
        return
    steps = reconcile([_as_known(number, alarm) for number, alarm in mine.items()], said)
    for number in steps.withdrawn:
        _withdraw(mine[number], writing)
    for number, episode in steps.changed.items():
        _change(mine[number], episode, one, writing)
    for episode in steps.added:
        _add(episode, one, writing)


def _episodes(one: Found, mine: Iterable[Alarm]) -> list[Episode]:
    mine = list(mine)
    events = [*one.events]
    if one.ahead is not None and any(_is_known(one.ahead, alarm) for alarm in mine):
        events.append(one.ahead)
    if not one.start.is_raised:
        return episodes(events)
    begun, value = one.start.raised_at, one.start.value
    for alarm in mine:  # in order of time; an older version of the rule may have raised it
        raised_at = to_microseconds(alarm.raised_at)
        if raised_at <= one.start.time or raised_at == one.start.raised_at:
            begun, value = raised_at, value if alarm.value is None else alarm.value
    return episodes(events, open_since=(begun, value))


def _is_known(event: Event, alarm: Alarm) -> bool:
    moment = alarm.raised_at if event.turn is Turn.RAISED else alarm.cleared_at
    return moment is not None and to_microseconds(moment) == event.at


def _as_known(number: int, alarm: Alarm) -> Known:
    cleared = NEVER if alarm.cleared_at is None else to_microseconds(alarm.cleared_at)
    value = math.nan if alarm.value is None else alarm.value
    return Known(number, to_microseconds(alarm.raised_at), value, cleared)


def _begin(one: Found, said: list[Episode], mine: list[Alarm], writing: _Writing) -> None:
    """Begin with a rule or version: only what is wrong now counts."""
    open_now = [episode for episode in said if episode.cleared_at == NEVER]
    still = [alarm for alarm in mine if not alarm.ending]
    if open_now and still:
        alarm = still[0]
        alarm.rule_id, alarm.version_id = one.sign.rule_id, one.sign.version_id
        alarm.severity, alarm.title, alarm.advice = (
            one.sign.severity, one.sign.title, one.sign.advice,
        )  # fmt: skip
        alarm.save(update_fields=["rule", "version", "severity", "title", "advice", "updated_at"])
        return
    for alarm in still:
        _end(alarm, writing.now, Ending.RULE_CHANGED)
        writing.changed.append(alarm)
        writing.tell(alarm, AlarmEvent.Kind.CLEARED)
    taken = {to_microseconds(alarm.raised_at) for alarm in mine}
    for episode in open_now:
        if episode.raised_at not in taken:
            _add(episode, one, writing)


def _withdraw(alarm: Alarm, writing: _Writing) -> None:
    if alarm.ending == Ending.BY_HAND:  # samples do not undo what people did
        return
    alarm.cleared_at = alarm.cleared_at or max(writing.now, alarm.raised_at)
    alarm.ending = Ending.WITHDRAWN
    writing.changed.append(alarm)
    writing.tell(alarm, AlarmEvent.Kind.WITHDRAWN)


def _change(alarm: Alarm, episode: Episode, one: Found, writing: _Writing) -> None:
    if alarm.ending == Ending.BY_HAND:  # samples do not undo what people did
        return
    was_open, is_open = not alarm.ending, episode.cleared_at == NEVER
    _set(alarm, episode, one)
    writing.changed.append(alarm)
    if was_open == is_open:
        kind = AlarmEvent.Kind.CHANGED
    else:
        kind = AlarmEvent.Kind.RAISED if is_open else AlarmEvent.Kind.CLEARED
    writing.tell(alarm, kind)


def _add(episode: Episode, one: Found, writing: _Writing) -> None:
    alarm = one.sign.alarm(raised_at=from_microseconds(episode.raised_at))
    _set(alarm, episode, one)
    is_old = alarm.cleared_at is not None and alarm.cleared_at < writing.now - OLD_NEWS
    writing.added.append(alarm)
    writing.tell(alarm, AlarmEvent.Kind.RAISED, is_old=is_old)
    if alarm.cleared_at is not None:
        writing.tell(alarm, AlarmEvent.Kind.CLEARED, is_old=is_old)


def _set(alarm: Alarm, episode: Episode, one: Found) -> None:
    alarm.raised_at = from_microseconds(episode.raised_at)
    is_open = episode.cleared_at == NEVER
    alarm.cleared_at = None if is_open else from_microseconds(episode.cleared_at)
    alarm.ending = "" if is_open else Ending.CLEARED
    alarm.value = None if math.isnan(episode.value) else episode.value
    above, below = one.limits
    limit = below if math.isfinite(below) and episode.value < below else above
    alarm.limit = limit if math.isfinite(limit) else None
    alarm.text = _text(one, alarm)


def _text(one: Found, alarm: Alarm) -> str:
    if not one.sign.text:
        return ""
    since = alarm.raised_at.astimezone(ZoneInfo(one.names.get("zone", "UTC")))
    told = {"value": alarm.value, "limit": alarm.limit}
    numbers = {name: "" if value is None else f"{value:.6g}" for name, value in told.items()}
    return render(one.sign.text, {**one.names, **numbers, "since": f"{since:%Y-%m-%d %H:%M}"})[
        :1000
    ]


def _end(alarm: Alarm, now: dt.datetime, ending: Ending) -> None:
    alarm.cleared_at, alarm.ending = max(now, alarm.raised_at), ending


def _write(writing: _Writing) -> None:
    """Write all of a portion; what ends goes first, because one of a key may be open.

    Past the checks of `TenantOwned`, which load each related object: subjects come from joins
    within the tenant, and the walls in the database refuse others.
    """
    for alarm in writing.changed:
        alarm.updated_at = writing.now
    ended = [alarm for alarm in writing.changed if alarm.ending]
    still = [alarm for alarm in writing.changed if not alarm.ending]
    for some in (ended, still):
        Alarm._base_manager.bulk_update(some, _CHANGED, batch_size=BATCH)
    Alarm._base_manager.bulk_create(writing.added, batch_size=BATCH)
    AlarmEvent._base_manager.bulk_create(writing.events, batch_size=BATCH)
    suppress([alarm for alarm in writing.added if alarm.is_open], now=writing.now)
