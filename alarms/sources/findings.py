"""Turns what is wrong now into alarms, and ends those whose reason is gone."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from accounts.tenancy import all_tenants, tenant_scope
from alarms.engine.incidents import system_key
from alarms.models import Alarm, Source
from alarms.services.raising import Sign, clear_alarm, raise_alarm
from alarms.services.worse import make_worse
from alarms.sources.checks import words_in_english
from alarms.sources.shipped import Check
from devices.models import Severity

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now.

    `about` ends the key; `subject` is what people read. `since`: if it is known; else it is
    wrong since it was first found. `severity`: where it is another than that of the check.
    """

    tenant_id: uuid.UUID
    about: str
    subject: str
    value: float | None = None
    since: dt.datetime | None = None
    severity: Severity | None = None
    site_id: uuid.UUID | None = None
    gateway_id: uuid.UUID | None = None
    device_id: uuid.UUID | None = None


@dataclass
class Settling:
    """Remembers since when a check finds what it finds; each check of a process has one."""

    _since: dict[tuple[uuid.UUID, str], dt.datetime] = field(default_factory=dict)

    def settle(
        self,
        check: Check,
        findings: Iterable[Finding] | None,
        *,
        now: dt.datetime,
        place: str = "",
    ) -> None:
        """Raise what has been found for long enough; end what is not found any more.

        Open alarms of the check that are not found are ended at `now`: with `place` only those
        whose subject begins with it, because others look elsewhere. None: nobody can tell yet.
        """
        if findings is None:
            return
        found = {(one.tenant_id, system_key(check.code, one.about)): one for one in findings}
        self._since = {
            key: min(self._since.get(key, now), one.since or now) for key, one in found.items()
        }
        known = _open_alarms(check.code, place)
        for (tenant_id, key), alarm in known.items():
            if (tenant_id, key) not in found:
                with tenant_scope(tenant_id):
                    clear_alarm(tenant_id, key, at=now, now=now)
            else:
                _worse(alarm, found[tenant_id, key], now)
        if check.is_enabled:
            for tenant_id, key in found.keys() - known.keys():
                self._raise(check, found[tenant_id, key], key, now)

    def _raise(self, check: Check, finding: Finding, key: str, now: dt.datetime) -> None:
        since = self._since[finding.tenant_id, key]
        if (now - since).total_seconds() < check.for_seconds:
            return
        with tenant_scope(finding.tenant_id):
            raise_alarm(sign_of(check, finding), at=since, now=now)


def sign_of(check: Check, finding: Finding) -> Sign:
    """Return what is raised for a finding."""
    title, text, advice = words_in_english(check, value=finding.value, subject=finding.subject)
    return Sign(
        tenant_id=finding.tenant_id, key=system_key(check.code, finding.about),
        source=Source.SYSTEM, code=check.code, title=title, subject=finding.subject[:300],
        severity=finding.severity or check.severity, text=text, advice=advice,
        value=finding.value, limit=check.limit, unit=check.unit, site_id=finding.site_id,
        gateway_id=finding.gateway_id, device_id=finding.device_id,
    )  # fmt: skip


def _open_alarms(code: str, place: str) -> dict[tuple[uuid.UUID, str], Alarm]:
    with all_tenants():
        rows = Alarm.objects.filter(
            source=Source.SYSTEM, code=code, ending="", key__startswith=system_key(code, place)
        ).only("id", "tenant_id", "key", "severity")
        return {(row.tenant_id, row.key): row for row in rows}


def _worse(alarm: Alarm, finding: Finding, now: dt.datetime) -> None:
    if finding.severity is not None:
        with tenant_scope(alarm.tenant_id):
            make_worse(alarm=alarm, severity=finding.severity, value=finding.value, now=now)


def above(findings: Iterable[Finding], limit: float | None) -> Collection[Finding]:
    """Return the findings whose value is above the limit."""
    return [one for one in findings if limit is None or (one.value or 0) > limit]
