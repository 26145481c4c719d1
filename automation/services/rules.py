"""Rules: made, changed, given versions, put on duty, removed. Who acts follows by itself."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.services.audit import record_event
from automation.models import AutomationRule, AutomationRuleVersion
from automation.rules.definition import (
    InDaylight,
    OnTime,
    RuleDefinition,
    Samples,
    channels_of,
    parts,
    write_rule,
)
from automation.schedules.definition import Sun
from automation.schedules.occurrences import next_run
from automation.schedules.place import Place
from automation.services.events import listened_types
from automation.services.quarantine import arm_rule, end_alarm
from automation.services.rule_checks import check_control, check_definition, read_definition
from automation.services.rule_names import names_in
from automation.services.rule_refusals import RuleRefused
from automation.services.timing import place_of_site
from devices.models import Site
from devices.services.commanders import Commander
from devices.services.fleet_edits import VersionMoved, version_of

MAX_A_TENANT = 500
MAX_VERSIONS = 1_000


class Keep(Enum):
    """Stands for a setting that stays; a site may be none."""

    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True, slots=True)
class Wish:
    """What a rule is to be; what is None or KEEP stays as it was.

    definition: as stored; another one than before is a new version. note: why it is changed.
    """

    name: str | None = None
    site: uuid.UUID | None | Literal[Keep.KEEP] = KEEP
    is_enabled: bool | None = None
    is_dry: bool | None = None
    definition: Mapping[str, Any] | None = None
    note: str = ""


@transaction.atomic
def create_rule(
    wish: Wish, *, actor: Commander, made_by: User | None = None, now: dt.datetime
) -> AutomationRule:
    """Make a rule with its first version; off, unless it is wished otherwise.

    Raises: RuleRefused.
    """
    if AutomationRule.objects.count() >= MAX_A_TENANT:
        raise RuleRefused("too_many", _("There are too many rules already."))
    rule = AutomationRule()
    version, definition = _version(rule, wish, None, actor)
    _put(rule, wish)
    rule.site = find_site(rule.site_id)
    check_place(definition, rule.site)
    follow(rule, definition, now)
    _save(rule)
    _save_version(version, made_by)
    _record("automation_rule.created", rule, _settings(rule) | _said(version), now)
    return rule


@transaction.atomic
def change_rule(
    rule_id: uuid.UUID,
    wish: Wish,
    *,
    actor: Commander,
    based_on: int | None = None,
    seen: str = "",
    made_by: User | None = None,
    now: dt.datetime,
) -> AutomationRule:
    """Rename a rule, let it do something else, put it on or off duty.

    What it waits for begins anew where it does something else, belongs to another site or is
    put on duty: what happened while it was off is not made up for.

    Args: based_on: number of the version that the person has read; refused if there is a newer.
        seen: `version_of` the rule as it was read; blank: any.

    Raises: AutomationRule.DoesNotExist. RuleRefused. VersionMoved.
    """
    rule = lock_rule(rule_id, seen)
    before, newest = _settings(rule), _newest(rule)
    if based_on is not None and (newest is None or based_on != newest.number):
        raise RuleRefused(
            "changed_meanwhile", _("Somebody has changed the rule meanwhile: look at it again.")
        )
    version, definition = _version(rule, wish, newest, actor)
    _put(rule, wish)
    after = _settings(rule)
    is_new = newest is None or version.definition != newest.definition
    changes = {key: value for key, value in after.items() if before[key] != value}
    if _acts_more(before, after) and not is_new:
        check_control(definition, actor)
    if is_new or {"site", "is_enabled"} & set(changes):
        rule.site = find_site(rule.site_id)
        check_place(definition, rule.site)
        follow(rule, definition, now)
    if changes or is_new:
        _save(rule)
    if not rule.is_enabled:
        end_alarm(rule, now=now)
    if is_new:
        _save_version(version, made_by)
        changes |= _said(version)
    if changes:
        _record("automation_rule.changed", rule, changes, now)
    return rule


def restore_version(
    rule_id: uuid.UUID,
    number: int,
    *,
    actor: Commander,
    made_by: User | None = None,
    now: dt.datetime,
) -> AutomationRule:
    """Let a rule do again what an older version did, as a new version.

    Raises: AutomationRule.DoesNotExist. AutomationRuleVersion.DoesNotExist. RuleRefused.
    """
    rule = AutomationRule.objects.get(id=rule_id)
    old = AutomationRuleVersion.objects.get(rule=rule, number=number)
    note = _("As version %(number)d") % {"number": number}
    wish = Wish(definition=old.definition, note=note)
    return change_rule(rule_id, wish, actor=actor, made_by=made_by, now=now)


@transaction.atomic
def arm_again(rule_id: uuid.UUID, *, actor: Commander, now: dt.datetime) -> AutomationRule:
    """Let a rule that was stopped act again; what it missed is not made up for.

    Raises: AutomationRule.DoesNotExist. RuleRefused: it is not stopped.
    """
    rule = lock_rule(rule_id)
    if not rule.quarantine:
        raise RuleRefused("not_stopped", _("The rule is not stopped."))
    newest = _newest(rule)
    definition = read_definition(newest.definition if newest else {})
    check_control(definition, actor)
    arm_rule(rule, now=now)
    follow(rule, definition, now)
    rule.save()
    return rule


@transaction.atomic
def remove_rule(rule_id: uuid.UUID, *, seen: str = "", now: dt.datetime) -> None:
    """Delete a rule with its versions; what it did stays in the log.

    Raises: AutomationRule.DoesNotExist. VersionMoved.
    """
    rule = lock_rule(rule_id, seen)
    _record("automation_rule.removed", rule, _settings(rule), now)
    end_alarm(rule, now=now)
    rule.delete()


def follow(rule: AutomationRule, definition: RuleDefinition, now: dt.datetime) -> None:
    """Write into a rule what it waits for from now on."""
    rule.listens = sorted({kind for one in definition.when for kind in listened_types(one)})
    looked_at = [channels_of(one.that) for one in definition.when if isinstance(one, Samples)]
    rule.channels = sorted(set().union(*looked_at))
    rule.position, rule.next_at = now, next_time(definition, place_of_site(rule.site), now)


def next_time(definition: RuleDefinition, place: Place, now: dt.datetime) -> dt.datetime | None:
    """Return when its times next set a rule off; None: never."""
    runs = [
        next_run(one.schedule, place, now) for one in definition.when if isinstance(one, OnTime)
    ]
    return min((run.at for run in runs if run), default=None)


def check_place(definition: RuleDefinition, site: Site | None) -> None:
    """Refuse the sun of a place that nobody knows: it would never rise. Raises: RuleRefused."""
    if place_of_site(site).is_located:
        return
    places = [
        f"when[{number}].schedule.when"
        for number, one in enumerate(definition.when)
        if isinstance(one, OnTime) and isinstance(one.schedule.when, Sun)
    ]
    if definition.if_ is not None:
        places += [
            where for where, one, _depth in parts(definition.if_, "if")
            if isinstance(one, InDaylight)
        ]  # fmt: skip
    if places:
        detail = _("For the sun, choose a site whose coordinates are known.")
        raise RuleRefused("no_coordinates", detail, places[0])


def lock_rule(rule_id: uuid.UUID, seen: str = "") -> AutomationRule:
    """Return a rule that nobody else changes now.

    Raises: AutomationRule.DoesNotExist. VersionMoved: it is not as it was seen.
    """
    rules = AutomationRule.objects.select_for_update(of=("self",)).select_related("site")
    rule = rules.get(id=rule_id)
    if seen and seen != version_of(rule):
        raise VersionMoved
    return rule


def _newest(rule: AutomationRule) -> AutomationRuleVersion | None:
    return rule.versions.order_by("-number").first()


def _version(
    rule: AutomationRule, wish: Wish, newest: AutomationRuleVersion | None, actor: Commander
) -> tuple[AutomationRuleVersion, RuleDefinition]:
    """Return the version that would be next, not saved. Raises: RuleRefused."""
    old = newest or AutomationRuleVersion(number=0, definition={})
    definition = read_definition(old.definition if wish.definition is None else wish.definition)
    made = AutomationRuleVersion(
        rule=rule, number=old.number + 1, definition=write_rule(definition), note=wish.note.strip()
    )
    if made.definition != old.definition:
        check_definition(definition, actor=actor, known=names_in(old.definition))
        check_control(definition, actor)
    _check_fields(made, ["tenant", "id", "rule", "made_by"])
    return made, definition


def _put(rule: AutomationRule, wish: Wish) -> None:
    """Write settings into a rule. Raises: RuleRefused."""
    if wish.name is not None:
        rule.name = wish.name.strip()
    if wish.site is not KEEP:
        rule.site_id = wish.site
    if wish.is_enabled is not None:
        rule.is_enabled = wish.is_enabled
    if wish.is_dry is not None:
        rule.is_dry = wish.is_dry
    _check_fields(rule, ["tenant", "id", "site"])


def find_site(site_id: uuid.UUID | None) -> Site | None:
    """Return a site of the organisation. Raises: RuleRefused: there is none."""
    if site_id is None:
        return None
    site = Site.objects.filter(id=site_id).first()
    if site is None:
        raise RuleRefused("unknown_site", _("There is no such object."), "site")
    return site


def _check_fields(row: AutomationRule | AutomationRuleVersion, exclude: list[str]) -> None:
    try:
        row.clean_fields(exclude=exclude)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise RuleRefused("invalid", messages[0], field) from None


def _acts_more(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether a rule that did nothing to devices does now."""

    def acts(settings: Mapping[str, Any]) -> bool:
        return bool(settings["is_enabled"] and not settings["is_dry"])

    return acts(after) and not acts(before)


def _save(rule: AutomationRule) -> None:
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError as error:
        if "automation_rule_name_per_tenant" not in str(error):
            raise
        raise RuleRefused("name_taken", _("There is such a rule already."), "name") from None


def _save_version(version: AutomationRuleVersion, made_by: User | None) -> None:
    if version.rule.versions.count() >= MAX_VERSIONS:
        raise RuleRefused("too_many_versions", _("There are too many versions already."))
    version.tenant_id, version.made_by = version.rule.tenant_id, made_by
    version.save()


def _settings(rule: AutomationRule) -> dict[str, Any]:
    return {
        "name": rule.name, "is_enabled": rule.is_enabled, "is_dry": rule.is_dry,
        "site": None if rule.site_id is None else str(rule.site_id),
    }  # fmt: skip


def _said(version: AutomationRuleVersion) -> dict[str, Any]:
    return {"version": version.number, "definition": version.definition, "note": version.note}


def _record(action: str, rule: AutomationRule, detail: dict[str, Any], now: dt.datetime) -> None:
    record_event(
        action=action, now=now, tenant_id=rule.tenant_id, obj=rule, label=rule.name, detail=detail
    )
