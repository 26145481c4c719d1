"""The address by which other programs set a rule off.

Its secret is told once; only its hash is kept, so that nobody who reads the database can use it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid

from django.db import transaction
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from automation.models import AutomationRule
from automation.rules.definition import OnWebhook
from automation.services.rule_checks import check_control, read_definition
from automation.services.rule_refusals import RuleRefused
from automation.services.rules import lock_rule
from devices.services.commanders import Commander

TOKEN_BYTES = 32


@transaction.atomic
def make_hook(rule_id: uuid.UUID, *, actor: Commander, now: dt.datetime) -> str:
    """Give a rule an address, or a new one instead of the old; return its secret.

    Raises: AutomationRule.DoesNotExist. RuleRefused: no webhook sets it off.
    """
    rule = lock_rule(rule_id)
    newest = rule.versions.order_by("-number").first()
    definition = read_definition(newest.definition if newest else {})
    if not any(isinstance(one, OnWebhook) for one in definition.when):
        raise RuleRefused("no_webhook", _("No webhook sets this rule off: change it first."))
    check_control(definition, actor)  # whoever has the address may set its commands off
    token = secrets.token_urlsafe(TOKEN_BYTES)
    action = "automation_rule.hook_rotated" if rule.hook_hash else "automation_rule.hook_made"
    rule.hook_hash = hash_of(token)
    _save(rule, action, now)
    return token


@transaction.atomic
def remove_hook(rule_id: uuid.UUID, *, now: dt.datetime) -> None:
    """Let an address set nothing off any more. Raises: AutomationRule.DoesNotExist."""
    rule = lock_rule(rule_id)
    if rule.hook_hash:
        rule.hook_hash = ""
        _save(rule, "automation_rule.hook_removed", now)


def hash_of(token: str) -> str:
    """Return how a secret is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def address_of(token: str) -> str:
    """Return the path at which a rule is called."""
    try:
        return reverse("automation-hook", args=[token])
    except NoReverseMatch:
        return f"/hooks/automation/{token}"


def _save(rule: AutomationRule, action: str, now: dt.datetime) -> None:
    rule.save(update_fields=["hook_hash", "updated_at"])
    record_event(action=action, now=now, tenant_id=rule.tenant_id, obj=rule, label=rule.name)
