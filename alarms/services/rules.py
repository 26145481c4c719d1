"""Alarm rules: made, changed, given versions, removed. The reactor follows by itself."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.services.audit import record_event
from alarms.models import AlarmRule, AlarmRuleVersion
from alarms.queries.scopes import Scope, channels_in, scope_of
from alarms.rules.definition import (
    BadRule,
    Rate,
    RuleDefinition,
    Threshold,
    read_rule,
    write_rule,
)
from alarms.rules.text import NAMES, UnknownName, check_text
from alarms.services.rule_refusals import RuleRefused, refusal_of
from devices.models import Device, DeviceProfile, Site

MAX_A_TENANT = 500
MAX_VERSIONS = 1_000
MAX_CHANNELS = 10_000


@dataclass(frozen=True, slots=True)
class Content:
    """What a version of a rule says; see `AlarmRuleVersion`.

    What is None stays as it was. note: why it is changed.
    """

    definition: Mapping[str, Any] | None = None
    text: str | None = None
    advice: str | None = None
    note: str = ""


@transaction.atomic
def create_rule(
    *,
    name: str,
    scope: Scope,
    content: Content,
    is_enabled: bool = False,
    made_by: User | None = None,
    now: dt.datetime,
) -> AlarmRule:
    """Make a rule with its first version.

    Raises: RuleRefused.
    """
    if AlarmRule.objects.count() >= MAX_A_TENANT:
        raise RuleRefused("too_many", _("There are too many rules already."))
    rule = AlarmRule(is_enabled=is_enabled)
    version, definition = _version(rule, content, None)
    _put(rule, name, scope, definition)
    _save(rule)
    _save_version(version, made_by)
    _record("alarm_rule.created", rule, _settings(rule) | _said(version), now)
    return rule


@transaction.atomic
def change_rule(
    *,
    rule_id: uuid.UUID,
    name: str | None = None,
    scope: Scope | None = None,
    is_enabled: bool | None = None,
    content: Content | None = None,
    based_on: int | None = None,
    made_by: User | None = None,
    now: dt.datetime,
) -> AlarmRule:
    """Rename a rule, let it watch or look for something else, enable or disable it.

    Other content is a new version; what is the same as before makes none. Open alarms of what
    is watched no more end.

    Args:
        name, scope, is_enabled, content: what is None stays.
        based_on: number of the version that the person has read; refused if there is a newer.
    Raises: AlarmRule.DoesNotExist. RuleRefused.
    """
    rule = AlarmRule.objects.select_for_update(of=("self",)).get(id=rule_id)
    before, newest = _settings(rule), _newest(rule)
    if based_on is not None and (newest is None or based_on != newest.number):
        raise RuleRefused(
            "changed_meanwhile", _("Somebody has changed the rule meanwhile: look at it again.")
        )
    version, definition = _version(rule, content or Content(), newest)
    if is_enabled is not None:
        rule.is_enabled = is_enabled
    _put(
        rule, rule.name if name is None else name, scope_of(rule) if scope is None else scope,
        definition,
    )  # fmt: skip
    after, is_new = _settings(rule), newest is None or _content(version) != _content(newest)
    changes = {key: value for key, value in after.items() if before[key] != value}
    if changes or is_new:
        _save(rule)
    if is_new:
        _save_version(version, made_by)
        changes |= _said(version)
    if changes:
        _record("alarm_rule.changed", rule, changes, now)
    return rule


def restore_version(
    *, rule_id: uuid.UUID, number: int, made_by: User | None = None, now: dt.datetime
) -> AlarmRule:
    """Let a rule look again for what an older version did, as a new version.

    Raises: AlarmRule.DoesNotExist. AlarmRuleVersion.DoesNotExist. RuleRefused.
    """
    old = AlarmRuleVersion.objects.get(rule=AlarmRule.objects.get(id=rule_id), number=number)
    note = _("As version %(number)d") % {"number": number}
    content = Content(old.definition, old.text, old.advice, note)
    return change_rule(rule_id=rule_id, content=content, made_by=made_by, now=now)


@transaction.atomic
def remove_rule(*, rule_id: uuid.UUID, now: dt.datetime) -> None:
    """Delete a rule with its versions; its alarms stay as history, open ones end.

    Raises: AlarmRule.DoesNotExist.
    """
    rule = AlarmRule.objects.select_for_update(of=("self",)).get(id=rule_id)
    _record("alarm_rule.removed", rule, _settings(rule), now)
    rule.delete()


def check_rule(scope: Scope, content: Content) -> RuleDefinition:
    """Return the definition if it could be looked for there. Raises: RuleRefused."""
    rule = AlarmRule()
    definition = _version(rule, content, None)[1]
    _put(rule, "-", scope, definition)
    return definition


def _newest(rule: AlarmRule) -> AlarmRuleVersion | None:
    return rule.versions.order_by("-number").first()


def _version(
    rule: AlarmRule, content: Content, newest: AlarmRuleVersion | None
) -> tuple[AlarmRuleVersion, RuleDefinition]:
    """Return the version that would be next, not saved. Raises: RuleRefused."""
    old = newest or AlarmRuleVersion(number=0, definition={})
    definition = _read(old.definition if content.definition is None else content.definition)
    made = AlarmRuleVersion(
        rule=rule, number=old.number + 1, definition=write_rule(definition),
        text=(old.text if content.text is None else content.text).strip(),
        advice=(old.advice if content.advice is None else content.advice).strip(),
        note=content.note.strip(),
    )  # fmt: skip
    _check_names(made)
    _check_fields(made, ["tenant", "id", "rule", "made_by"])
    return made, definition


def _read(definition: Mapping[str, Any]) -> RuleDefinition:
    try:
        return read_rule(dict(definition))
    except BadRule as error:
        raise refusal_of(error) from None


def _check_names(version: AlarmRuleVersion) -> None:
    for field in ("text", "advice"):
        try:
            check_text(getattr(version, field))
        except UnknownName as error:
            known = ", ".join(f"{{{name}}}" for name in NAMES)
            detail = _("{%(name)s} is not known. Known are: %(known)s.") % {
                "name": error.name[:40], "known": known,
            }  # fmt: skip
            raise RuleRefused("unknown_name", detail, field) from None


def _check_fields(row: AlarmRule | AlarmRuleVersion, exclude: list[str]) -> None:
    try:
        row.clean_fields(exclude=exclude)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise RuleRefused("invalid", messages[0], field) from None


def _put(rule: AlarmRule, name: str, scope: Scope, definition: RuleDefinition) -> None:
    """Write name and scope into a rule. Raises: RuleRefused."""
    if (scope.channel is None) == (not scope.metric):
        raise RuleRefused("no_scope", _("Choose a channel, or the metric of devices."), "metric")
    if scope.channel is not None:
        scope = Scope(channel=scope.channel)
        _find(channels_in(scope), "channel")
    for field, model in (("device", Device), ("profile", DeviceProfile), ("site", Site)):
        if (key := getattr(scope, field)) is not None:
            _find(model.objects.filter(id=key), field)
    rule.name, rule.metric, rule.tag = name.strip(), scope.metric, scope.tag.strip()
    rule.channel_id, rule.device_id = scope.channel, scope.device
    rule.profile_id, rule.site_id = scope.profile, scope.site
    _check_fields(rule, ["tenant", "id", "channel", "device", "profile", "site"])
    _check_channels(replace(scope, tag=rule.tag), definition)


def _find(rows: Any, field: str) -> None:
    if not rows.exists():
        raise RuleRefused(f"unknown_{field}", _("There is no such object."), field)


def _check_channels(scope: Scope, definition: RuleDefinition) -> None:
    """Refuse too many channels, and one limit for values in several units."""
    if scope.channel is not None:
        return
    channels = channels_in(scope).order_by()
    count = channels.count()
    if count > MAX_CHANNELS:
        detail = _("%(count)d channels are too many for one rule; %(limit)d are the most.")
        raise RuleRefused(
            "too_many_channels", detail % {"count": count, "limit": MAX_CHANNELS}, "metric"
        )
    if not isinstance(definition.when, Threshold | Rate):
        return
    units = sorted(set(channels.values_list("unit", flat=True).distinct()))
    if len(units) > 1:
        detail = _("The channels have several units: %(units)s. Choose fewer devices.")
        text = ", ".join(unit or "–" for unit in units[:5])
        raise RuleRefused("several_units", detail % {"units": text}, "metric")


def _save(rule: AlarmRule) -> None:
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError as error:
        if "alarm_rule_name_per_tenant" not in str(error):
            raise
        raise RuleRefused("name_taken", _("There is such a rule already."), "name") from None


def _save_version(version: AlarmRuleVersion, made_by: User | None) -> None:
    if version.rule.versions.count() >= MAX_VERSIONS:
        raise RuleRefused("too_many_versions", _("There are too many versions already."))
    version.tenant_id, version.made_by = version.rule.tenant_id, made_by
    version.save()


def _content(version: AlarmRuleVersion) -> tuple[Any, str, str]:
    return version.definition, version.text, version.advice


def _settings(rule: AlarmRule) -> dict[str, Any]:
    return {
        "name": rule.name, "is_enabled": rule.is_enabled, "channel": rule.channel_id,
        "metric": rule.metric, "device": _text(rule.device_id), "profile": _text(rule.profile_id),
        "site": _text(rule.site_id), "tag": rule.tag,
    }  # fmt: skip


def _text(key: uuid.UUID | None) -> str | None:
    return None if key is None else str(key)


def _said(version: AlarmRuleVersion) -> dict[str, Any]:
    return {"version": version.number, "definition": version.definition, "note": version.note}


def _record(action: str, rule: AlarmRule, detail: dict[str, Any], now: dt.datetime) -> None:
    record_event(
        action=action, now=now, tenant_id=rule.tenant_id, obj=rule, label=rule.name, detail=detail
    )
