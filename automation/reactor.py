"""Sets off rules that look at samples."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import time
import uuid

from django.db import DatabaseError, DataError, IntegrityError, transaction
from prometheus_client import Counter, Gauge
from redis import Redis

from accounts.tenancy import all_tenants
from alarms.watching.reading import newest_receipt, usable
from alarms.watching.sight import Sight
from automation.engine.board import Found
from automation.models import Reason
from automation.services.deciding import Fired, decide_triggers
from automation.services.quarantine import blame_rule
from automation.watching import Followed, Loaded, load_board, rules_mark, save_states
from energy.lib.redis import durable
from energy.lib.waiting import must_wait
from telemetry.ingest.batch import StoredBatch, from_microseconds
from telemetry.reactors.base import Reactor

logger = logging.getLogger(__name__)

RELOAD_SECONDS = 2.0
RELOAD_SHARE = 0.1  # of the time at most is spent on loading rules again
MOST_RELOAD_SECONDS = 60.0
KEEP_SECONDS = 60.0
DECIDED_AT_ONCE = 1_000

WATCHES = Gauge("energy_automation_watches", "Triggers of rules that look at samples")
FIRED = Counter("energy_automation_fired", "Triggers of rules that samples have set off")


class AutomationReactor(Reactor):
    """Follows stored samples with all rules of all tenants that are on.

    A firing, what is decided of it and where the rule stands are one transaction: after a crash
    the rule goes on from there, so nothing is lost and nothing happens twice.
    """

    name = "automation"

    def __init__(self, client: Redis | None = None) -> None:
        self._loaded: Loaded | None = None
        self._sight = Sight(client or durable())
        self._found: list[Found[Followed]] = []
        self._mark: object = None
        self._look_at = self._keep_at = 0.0
        self._newest_batch: float | None = None

    def react(self, batch: StoredBatch) -> None:
        """Look at the rows of a batch."""
        self._newest_batch = batch.received / 1_000_000
        self._found += self._rules(_now()).board.take(usable(batch.samples()))

    def on_gap(self) -> None:
        """Begin again with what was kept and stored: batches, or another copy, went by."""
        self._loaded, self._found = None, []

    def flush(self, now: float) -> None:
        """Decide what has fired, also because time passed."""
        moment = dt.datetime.fromtimestamp(now, dt.UTC)
        loaded = self._rules(moment)
        seen = self._sight.until(now, newest_batch=self._newest_batch)
        self._newest_batch = None
        self._found += loaded.board.due(int(seen * 1_000_000))
        self._decide(moment)
        self._blame(loaded, moment)
        if not must_wait(self._keep_at, now=now, at_most=KEEP_SECONDS):
            self._keep(loaded, now)
        self._reload(moment)

    def close(self) -> None:
        """Keep where rules stand, so that whoever goes on has little to read."""
        if self._loaded is not None and not self._found:
            with contextlib.suppress(DatabaseError):
                self._keep(self._loaded, _now().timestamp())

    def _decide(self, now: dt.datetime) -> None:
        """Decide in portions; if one fails nothing of it is kept, and all begins again."""
        found, self._found = self._found, []
        try:
            for begin in range(0, len(found), DECIDED_AT_ONCE):
                _decide(found[begin : begin + DECIDED_AT_ONCE], now)
        except BaseException:
            self._loaded = None  # watches are ahead of what was decided
            raise
        FIRED.inc(len(found))

    def _blame(self, loaded: Loaded, now: dt.datetime) -> None:
        """Count failures of rules; the fifth stops one, once a round at most."""
        failed, loaded.board.failed = loaded.board.failed, {}
        for rule, error in failed.items():
            logger.warning("The rule %s cannot be worked out: %r", rule.id, error)
            with all_tenants():
                blame_rule(rule.id, f"{type(error).__name__}: {error}"[:300], now=now)

    def _keep(self, loaded: Loaded, now: float) -> None:
        moved = {entry.owner.id: entry.owner for entry in loaded.board.moved()}
        with transaction.atomic():
            save_states(moved.values())
        self._keep_at = now + KEEP_SECONDS

    def _rules(self, now: dt.datetime) -> Loaded:
        if self._loaded is not None:
            return self._loaded
        mark, began = rules_mark(), time.monotonic()
        self._sight.begin(now.timestamp(), newest_receipt=newest_receipt())
        return self._use(load_board(None, now=now), mark, now, time.monotonic() - began)

    def _reload(self, now: dt.datetime) -> None:
        """Follow changes of rules; all that has fired is decided when this is called."""
        seconds = now.timestamp()
        if self._loaded is None or must_wait(
            self._look_at, now=seconds, at_most=MOST_RELOAD_SECONDS
        ):
            return
        self._look_at = seconds + RELOAD_SECONDS
        mark, began = rules_mark(), time.monotonic()
        if mark != self._mark:
            loaded = load_board(self._loaded.rules, now=now)
            self._use(loaded, mark, now, time.monotonic() - began)
            self._decide(now)

    def _use(self, loaded: Loaded, mark: object, now: dt.datetime, took: float) -> Loaded:
        self._loaded, self._mark = loaded, mark
        self._found += loaded.found
        pause = min(MOST_RELOAD_SECONDS, max(RELOAD_SECONDS, took / RELOAD_SHARE))
        self._look_at = now.timestamp() + pause
        WATCHES.set(len(loaded.board.entries))
        return loaded


def _decide(found: list[Found[Followed]], now: dt.datetime) -> None:
    fired = [_fired(one) for one in found if one.firing.at >= one.owner.quiet_until]
    owners = {one.owner.id: one.owner for one in found}
    try:
        _decide_together(fired, owners, now)
    except (DataError, IntegrityError) as error:
        if len(owners) == 1:  # one bad rule never stops the others
            logger.warning("What set off %s cannot be kept: %s", *owners, error)
            return
        half = len(found) // 2
        _decide(found[:half], now)
        _decide(found[half:], now)


def _decide_together(
    fired: list[Fired], owners: dict[uuid.UUID, Followed], now: dt.datetime
) -> None:
    with all_tenants(), transaction.atomic():
        begun = decide_triggers(fired, now=now)
        for execution in begun:
            if execution.rule_id and execution.reason in (Reason.NONE, Reason.DRY):
                owner = owners[execution.rule_id]
                at = int(execution.triggered_at.timestamp() * 1_000_000)
                owner.quiet_until = max(owner.quiet_until, at + owner.cooldown)
        save_states(owners.values())


def _fired(one: Found[Followed]) -> Fired:
    rule, at = one.owner, one.firing.at
    return Fired(
        rule_id=rule.id, version=rule.version, key=f"{rule.version}:{one.number}:{at}",
        at=from_microseconds(at), trigger={"number": one.number, "kind": "samples"},
        seen=one.firing.seen,
    )  # fmt: skip


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
