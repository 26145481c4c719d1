"""Decides whether a command may reach the hardware. Knows no database and no clock.

Whatever switches something off, and whatever only reads, passes everywhere but to a device
that is not ours any more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from devices.command_schema import CommandSpec, Effect

# what nothing exceeds unless the profile of the device says so
MAX_DOSE_ML = 500.0
MAX_RUNTIME_SECONDS = 300.0
PERCENT = (0.0, 100.0)

# what is wrong, and what to do
REASONS: Mapping[str, Promise] = {
    "decommissioned": _("The device is decommissioned. Register it again to use it."),
    "revoked": _("The device's access is revoked. Issue a new certificate first."),
    "maintenance": _("The device is under maintenance. End the maintenance first."),
    "emergency_stop": _("Emergency stop: %(label)s. Release it before switching anything on."),
    "zone_leased": _("%(holder)s controls the zone until %(until)s. Wait, or end it there."),
    "interlock": _("%(name)s: %(other)s may be on. Switch it off first."),
    "interlock_requires": _("%(name)s: %(other)s must be on. Switch it on first."),
    "dose_too_large": _("%(given)s ml asked, at most %(limit)s ml are allowed at once."),
    "runtime_too_long": _("%(given)s s asked, at most %(limit)s s are allowed."),
    "runtime_used_up": _("It has run %(given)s s already; at most %(limit)s s in one go."),
    "value_too_large": _("%(given)s asked, at most %(limit)s is allowed."),
    "value_too_small": _("%(given)s asked, at least %(limit)s is needed."),
    "not_positive": _("%(given)s asked; it must be more than nothing."),
    "min_off_time": _("It must rest %(limit)s s; try again in %(left)s s."),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: a command that fits its profile, and by whom."""

    spec: CommandSpec
    params: Mapping[str, Any]
    requester: str

    @property
    def value(self) -> float | None:
        """The value that is set, in the unit of the parameter."""
        return self.spec.measured(self.params, "value")

    @property
    def runtime_seconds(self) -> float | None:
        """How long it shall run: as asked, else as long as the profile allows."""
        asked = self.spec.measured(self.params, "runtime_s")
        return self.spec.limits.max_runtime_s if asked is None else asked

    @property
    def energises(self) -> bool:
        """Tell whether something starts or goes on; a value of nothing switches off."""
        if self.spec.effect == Effect.SET:
            return self.value != 0
        return self.spec.effect == Effect.ON

    @property
    def always_passes(self) -> bool:
        """Tell whether it makes things safer, or changes nothing."""
        return not self.energises and self.spec.effect != Effect.NONE


@dataclass(frozen=True, slots=True)
class Peer:
    """The other side of an interlock: `needs_on` when it must run, else it must not."""

    name: str
    label: str
    needs_on: bool
    may_be_on: bool
    is_on: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the device and its surroundings, read under lock. Times are UTC."""

    now: dt.datetime
    lifecycle: str = "active"
    is_revoked: bool = False
    stops: tuple[str, ...] = ()  # what is stopped: names of device, zone, site, organisation
    lease_holder: str = ""
    lease_label: str = ""
    lease_until: dt.datetime | None = None
    may_be_on: bool = False
    on_since: dt.datetime | None = None
    off_since: dt.datetime | None = None
    peers: tuple[Peer, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `code` names what was wrong, `values` its numbers."""

    name: str
    code: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Tell whether nothing was wrong."""
        return not self.code

    @property
    def detail(self) -> str:
        """What is wrong and what to do, in the current language."""
        return explain(self.code, self.values)

    def as_json(self) -> dict[str, Any]:
        """Return what is kept with the command."""
        return {"check": self.name, "code": self.code, "values": dict(self.values)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was checked, in order, up to the first refusal."""

    checks: tuple[Check, ...]

    @property
    def refusal(self) -> Check | None:
        """The check that failed; None when the command may go."""
        return next((check for check in self.checks if not check.passed), None)


def judge(request: Request, facts: Facts) -> Verdict:
    """Look at everything that may forbid a command; stop at the first that does."""
    done: list[Check] = []
    for check in _checks(request, facts):
        done.append(check)
        if not check.passed:
            break
    return Verdict(tuple(done))


def explain(code: str, values: Mapping[str, Any]) -> str:
    """Return a reason in the current language; "" for none."""
    return str(REASONS[code]) % values if code in REASONS else code


def _checks(request: Request, facts: Facts) -> Iterator[Check]:
    gone = "decommissioned" if facts.lifecycle == "decommissioned" else ""
    yield Check("life_cycle", gone or ("revoked" if facts.is_revoked else ""))
    if request.always_passes:
        return
    if request.energises:
        yield Check("maintenance", "maintenance" if facts.lifecycle == "maintenance" else "")
        yield _check_stops(facts)
        yield _check_lease(request, facts)
        yield from (_check_peer(peer) for peer in facts.peers)
    yield _check_dose(request)
    yield _check_value(request)
    yield _check_runtime(request, facts)
    if request.energises:
        yield _check_rest(request, facts)


def _check_stops(facts: Facts) -> Check:
    if facts.stops:
        return Check("emergency_stop", "emergency_stop", {"label": ", ".join(facts.stops)})
    return Check("emergency_stop")


def _check_lease(request: Request, facts: Facts) -> Check:
    until = facts.lease_until
    if until is None or until <= facts.now or facts.lease_holder == request.requester:
        return Check("zone_lease")
    holder = facts.lease_label or facts.lease_holder
    return Check(
        "zone_lease", "zone_leased", {"holder": holder, "until": f"{until:%Y-%m-%d %H:%M:%S} UTC"}
    )


def _check_peer(peer: Peer) -> Check:
    values = {"name": peer.name, "other": peer.label}
    if peer.needs_on and not peer.is_on:
        return Check("interlock", "interlock_requires", values)
    if not peer.needs_on and peer.may_be_on:
        return Check("interlock", "interlock", values)
    return Check("interlock")


def _check_dose(request: Request) -> Check:
    given = request.spec.measured(request.params, "dose_ml")
    limit = request.spec.limits.max_dose_ml or MAX_DOSE_ML
    if given is not None and given <= 0:
        return Check("dose", "not_positive", _numbers(given=given))
    if given is not None and given > limit:
        return Check("dose", "dose_too_large", _numbers(given=given, limit=limit))
    return Check("dose")


def _check_value(request: Request) -> Check:
    given = request.value
    if given is None:
        return Check("value")
    low, high = _range(request.spec)
    if high is not None and given > high:
        return Check("value", "value_too_large", _numbers(given=given, limit=high))
    if low is not None and given < low:
        return Check("value", "value_too_small", _numbers(given=given, limit=low))
    return Check("value")


def _range(spec: CommandSpec) -> tuple[float | None, float | None]:
    """Return the limits of the profile; those of a percentage are known without."""
    in_percent = any(param.measures == "value" and param.unit == "%" for param in spec.params)
    low, high = PERCENT if in_percent else (None, None)
    limits = spec.limits
    return (
        low if limits.min_value is None else limits.min_value,
        high if limits.max_value is None else limits.max_value,
    )


def _check_runtime(request: Request, facts: Facts) -> Check:
    asked = request.spec.measured(request.params, "runtime_s")
    limit = request.spec.limits.max_runtime_s or MAX_RUNTIME_SECONDS
    if asked is not None and asked <= 0:
        return Check("runtime", "not_positive", _numbers(given=asked))
    if asked is not None and asked > limit:
        return Check("runtime", "runtime_too_long", _numbers(given=asked, limit=limit))
    planned = request.runtime_seconds
    if planned is None or facts.on_since is None or not facts.may_be_on:
        return Check("runtime")
    # switched on again and again it would never rest
    ran = (facts.now - facts.on_since).total_seconds()
    if ran + (asked or 0) > limit:
        return Check("runtime", "runtime_used_up", _numbers(given=ran, limit=limit))
    return Check("runtime")


def _check_rest(request: Request, facts: Facts) -> Check:
    rest = request.spec.limits.min_off_s
    if rest is None or facts.may_be_on or facts.off_since is None:
        return Check("rest")
    left = rest - (facts.now - facts.off_since).total_seconds()
    if left > 0:
        return Check("rest", "min_off_time", _numbers(limit=rest, left=max(1, round(left))))
    return Check("rest")


def _numbers(**values: float) -> dict[str, str]:
    return {name: f"{value:g}" for name, value in values.items()}
