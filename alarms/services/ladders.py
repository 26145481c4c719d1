"""Who is told of an alarm, and who next: the ladders of the routes that it takes."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from alarms.models import Alarm, EscalationStep, NotificationRoute, NotificationTarget
from alarms.notify.holding import Hold
from alarms.notify.routing import RANK, Path, Trouble, matching
from alarms.notify.weeks import week_of, zone_of
from alarms.services.people import administrators, targets_of
from devices.models import Severity

DEFAULT_SEVERITY = Severity.WARNING
_AT_ONCE = dt.timedelta()


@dataclass(frozen=True, slots=True)
class Rung:
    """A step for one alarm: a target, or whoever is on call then. `number` counts from 0.

    bypasses: critical alarms do not wait for the end of quiet hours.
    """

    number: int
    after: dt.timedelta
    target: NotificationTarget | None = None
    rota_id: uuid.UUID | None = None
    route_id: uuid.UUID | None = None
    bypasses: bool = True


def hold_of(target: NotificationTarget) -> Hold:
    """Return when a target is left alone."""
    return Hold(zone_of(target.timezone), week_of(target.quiet, target.timezone), target.digest_at)


class Ladders:
    """The routes of the tenant in scope, read when they are first asked for."""

    def __init__(self, tenant_id: uuid.UUID) -> None:
        self._tenant_id = tenant_id
        self._routes: list[NotificationRoute] | None = None
        self._default: list[Rung] | None = None

    def of(self, alarm: Alarm) -> list[Rung]:
        """Return whom an alarm is told.

        Without a route, or critical and taken by none, by e-mail and in the app to the
        administrators.
        """
        routes = self._active_routes()
        taken = _taken(routes, alarm)
        rungs = [rung for route in taken for rung in _rungs(route)]
        if rungs:
            return rungs
        is_told = RANK[alarm.severity] >= RANK[DEFAULT_SEVERITY] if not routes else False
        return self.default() if is_told or alarm.severity == Severity.CRITICAL else []

    def default(self) -> list[Rung]:
        """Return the ladder of those whom no route names."""
        if self._default is None:
            found = targets_of(administrators(self._tenant_id))
            self._default = [Rung(0, _AT_ONCE, target=target) for target in found]
        return self._default

    def _active_routes(self) -> list[NotificationRoute]:
        if self._routes is None:
            active = NotificationRoute.objects.filter(is_active=True, steps__isnull=False)
            active = active.prefetch_related("steps__target").distinct()
            self._routes = list(active.order_by("position", "name", "id"))
        return self._routes


def _taken(routes: list[NotificationRoute], alarm: Alarm) -> list[NotificationRoute]:
    zone = alarm.site.timezone if alarm.site else "UTC"
    by_id = {route.id: route for route in routes}
    paths = [
        Path(route.id, route.min_severity, route.site_id, route.tag, week_of(route.slots, zone))
        for route in routes
    ]
    tags = frozenset(alarm.device.tags if alarm.device else ())
    trouble = Trouble(alarm.severity, alarm.raised_at, alarm.site_id, tags)
    return [by_id[path.id] for path in matching(paths, trouble)]


def _rungs(route: NotificationRoute) -> list[Rung]:
    """Return the steps of a route; those at the same time are the same rung, 0 is at once."""
    steps: list[EscalationStep] = list(route.steps.all())
    times = sorted({0} | {step.after_seconds for step in steps})
    return [
        Rung(
            times.index(step.after_seconds), dt.timedelta(seconds=step.after_seconds),
            step.target, step.rota_id, route.id, route.overrides_quiet,
        )
        for step in sorted(steps, key=lambda step: (step.after_seconds, str(step.id)))
        if step.target is None or step.target.is_active
    ]  # fmt: skip
