"""Another program sets a rule off by its address."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.tenancy import all_tenants
from automation.models import AutomationRule
from automation.services.rule_hooks import hash_of
from devices.models import Device
from energy.lib.masking import mask_text
from tests.automation.operator import executions, rule_of

pytestmark = pytest.mark.django_db
TOKEN = "uqPZ4mXy7rT0bKc9sLd2vWf5aGh8jNe1"


@pytest.fixture
def rule(device: Device) -> AutomationRule:
    """Switches off when the other program says that prices are high."""
    return rule_of(
        {
            "when": [{"kind": "webhook"}],
            "if": {"kind": "payload", "path": "price.level", "equals": "high"},
            "then": [{"kind": "command", "device": str(device.id), "name": "heater_off"}],
        },
        tenant=device.tenant, hook_hash=hash_of(TOKEN),
    )  # fmt: skip


def call(body: Any, token: str = TOKEN, **headers: str) -> Any:
    return Client().post(
        f"/hooks/automation/{token}", body, content_type="application/json", headers=headers
    )


def test_a_call_sets_it_off(rule: AutomationRule) -> None:
    answer = call({"price": {"level": "high"}})

    assert (answer.status_code, answer.json()) == (202, {"state": "running", "reason": ""})
    [execution] = executions()
    assert execution.trigger["said"] == {"price": {"level": "high"}}


def test_what_it_says_counts(rule: AutomationRule) -> None:
    for body in ({"price": {"level": "low"}}, {"price": "high"}, {}):
        assert call(body).json() == {"state": "skipped", "reason": "conditions"}


def test_the_same_key_sets_it_off_once(rule: AutomationRule) -> None:
    for _ in range(3):
        answer = call({"price": {"level": "high"}}, **{"Idempotency-Key": "order-7"})
        assert answer.status_code == 202
    assert len(executions()) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [("[1]", 400, "bad_body"), ("{", 400, "bad_body"), ('{"a": NaN}', 400, "bad_body"),
     ('{"a": "' + "x" * 20_000 + '"}', 413, "too_large")],
)  # fmt: skip
def test_a_bad_body_is_refused(rule: AutomationRule, body: str, status: int, code: str) -> None:
    answer = call(body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert executions() == []


def test_a_stranger_finds_nothing(rule: AutomationRule) -> None:
    assert call({}, token="guess").status_code == 404
    assert Client().get(f"/hooks/automation/{TOKEN}").status_code == 405


@pytest.mark.parametrize("change", [{"is_enabled": False}, {"hook_hash": ""}])
def test_a_rule_that_is_off_is_not_there(rule: AutomationRule, change: dict[str, Any]) -> None:
    with all_tenants():
        AutomationRule.objects.filter(id=rule.id).update(**change)
    assert call({}).status_code == 404


def test_nothing_is_done_for_a_suspended_tenant(rule: AutomationRule) -> None:
    tenant = rule.tenant
    tenant.suspended_at = timezone.now() - dt.timedelta(days=1)
    tenant.save()
    assert call({}).status_code == 404
    assert executions() == []


def test_the_secret_is_never_logged() -> None:
    assert TOKEN not in mask_text(f"POST /hooks/automation/{TOKEN} 202")
