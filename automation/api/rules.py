"""Rules of automation in the API: read, made, changed, removed."""

from __future__ import annotations

import re
import uuid
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.problems import InvalidRequest, Problem, Violation
from accounts.api.write import AccessView
from automation.api.rule_serializers import (
    AutomationRuleBody,
    AutomationRulePatch,
    AutomationRuleSerializer,
    AutomationRulesSerializer,
    AutomationRuleVersionsSerializer,
    DryBody,
    HookSerializer,
    RollbackBody,
    describe_rules,
    describe_versions,
)
from automation.models import AutomationRule, AutomationRuleVersion
from automation.queries.rules import find_rule, list_rules, rows_of, versions_of
from automation.rules.definition import BadRule
from automation.services.rule_channels import with_keys
from automation.services.rule_hooks import address_of, make_hook, remove_hook
from automation.services.rule_refusals import RuleRefused, refusal_of
from automation.services.rules import (
    KEEP,
    Wish,
    arm_again,
    change_rule,
    create_rule,
    remove_rule,
    restore_version,
)
from devices.api_fleet import IF_MATCH, Moved
from devices.services.fleet_edits import VersionMoved

TAGS = ["automation rules"]
READ = {"GET": "read:automation", "HEAD": "read:automation"}
WRITE = {"POST": "write:automation"}
_CONFLICTS = {"changed_meanwhile", "busy", "not_stopped"}
_OWN = {"name", "site", "note", "is_enabled", "is_dry"}
_NEVER = "-"  # no rule has this version


class AutomationRuleListParams(Params):
    """Which rules."""

    state = serializers.ChoiceField(
        choices=["", "on", "dry", "off", "stopped"], required=False, default=""
    )
    site = serializers.UUIDField(required=False, allow_null=True, default=None)
    search = serializers.CharField(
        max_length=100, required=False, default="", allow_blank=True,
        help_text="A part of the name of a rule or its site.",
    )  # fmt: skip


class RuleView(AccessView):
    """Base: refusals point to the member of the body that is at fault."""

    def handle_exception(self, exc: Exception) -> Any:
        """Turn a refusal into a problem."""
        if isinstance(exc, BadRule):
            exc = refusal_of(exc)
        if isinstance(exc, RuleRefused):
            exc = _problem(exc)
        elif isinstance(exc, VersionMoved):
            exc = Moved(str(exc))
        elif isinstance(exc, AutomationRule.DoesNotExist | AutomationRuleVersion.DoesNotExist):
            exc = NotFound()
        return super().handle_exception(exc)

    @property
    def seen(self) -> str:
        """Return the version of If-Match; "" when the caller does not care."""
        text = self.request.headers.get("If-Match", "").strip()
        if text in {"", "*"}:
            return ""
        return text.strip('"') if text.startswith('"') else _NEVER

    def answer(self, rule_id: uuid.UUID, status: int = HTTPStatus.OK) -> Response:
        """Return a rule with the ETag that If-Match takes."""
        (row,) = rows_of([find_rule(rule_id)], now=self.now)
        headers = {"ETag": f'"{row.tag}"', "Cache-Control": "private, no-store"}
        return Response(describe_rules([row])[0], status=status, headers=headers)

    def wish(self, body: dict[str, Any]) -> Wish:
        """Return what a body asks for. Raises: RuleRefused."""
        definition = body.get("definition")
        return Wish(
            name=body.get("name"), site=body.get("site", KEEP),
            is_enabled=body.get("is_enabled"), is_dry=body.get("is_dry"),
            definition=None if definition is None else with_keys(definition),
            note=body.get("note", ""),
        )  # fmt: skip

    def switch(self, rule_id: uuid.UUID, wish: Wish) -> Response:
        """Change a setting."""
        change_rule(
            rule_id, wish, actor=self.request.user, seen=self.seen, made_by=self.person,
            now=self.now,
        )  # fmt: skip
        return self.answer(rule_id)


class AutomationRuleList(RuleView):
    """The rules of the organisation."""

    permission = READ | WRITE
    params_class = AutomationRuleListParams

    @extend_schema(
        operation_id="list_automation_rules", summary="List rules", tags=TAGS,
        responses=AutomationRulesSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by name, with what they do in words and what they did lately."""
        rules = list_rules(**self.params)
        return Response({"results": describe_rules(rows_of(list(rules), now=self.now))})

    @extend_schema(
        operation_id="create_automation_rule", summary="Make a rule", tags=TAGS,
        request=AutomationRuleBody, responses={201: AutomationRuleSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make a rule; replay it before you enable it. Commands need control:device."""
        body = read_body(request, AutomationRuleBody)
        made = create_rule(self.wish(body), actor=request.user, made_by=self.person, now=self.now)
        return self.answer(made.id, HTTPStatus.CREATED)


class AutomationRuleDetail(RuleView):
    """One rule."""

    permission = {**READ, "PATCH": "write:automation", "DELETE": "delete:automation"}

    @extend_schema(
        operation_id="get_automation_rule", summary="Read a rule", tags=TAGS,
        responses=AutomationRuleSerializer,
    )  # fmt: skip
    def get(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """Return it in its newest version."""
        return self.answer(automation_rule_id)

    @extend_schema(
        operation_id="change_automation_rule", summary="Change a rule", tags=TAGS,
        parameters=[IF_MATCH], request=AutomationRulePatch, responses=AutomationRuleSerializer,
    )  # fmt: skip
    def patch(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """Change, enable or disable it; another definition is a new version."""
        body = read_body(request, AutomationRulePatch)
        find_rule(automation_rule_id)
        change_rule(
            automation_rule_id, self.wish(body), actor=request.user, seen=self.seen,
            based_on=body.get("based_on"), made_by=self.person, now=self.now,
        )  # fmt: skip
        return self.answer(automation_rule_id)

    @extend_schema(
        operation_id="remove_automation_rule", summary="Remove a rule", tags=TAGS,
        parameters=[IF_MATCH], responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """Remove it; what it did stays in the log."""
        remove_rule(automation_rule_id, seen=self.seen, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class AutomationRuleVersions(RuleView):
    """What a rule did."""

    permission = READ

    @extend_schema(
        operation_id="list_automation_rule_versions", summary="List versions of a rule",
        tags=TAGS, responses=AutomationRuleVersionsSerializer,
    )  # fmt: skip
    def get(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """List them, the newest first."""
        versions = list(versions_of(find_rule(automation_rule_id)))
        return Response({"results": describe_versions(versions)})


class AutomationRuleRollback(RuleView):
    """An older version once more."""

    permission = WRITE

    @extend_schema(
        operation_id="roll_back_automation_rule", summary="Go back to an older version",
        tags=TAGS, request=RollbackBody, responses=AutomationRuleSerializer,
    )  # fmt: skip
    def post(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """Make a new version that does what an older one did."""
        number = read_body(request, RollbackBody)["number"]
        restore_version(
            automation_rule_id, number, actor=request.user, made_by=self.person, now=self.now
        )
        return self.answer(automation_rule_id)


class AutomationRuleEnable(RuleView):
    """Duty."""

    permission = WRITE

    @extend_schema(
        operation_id="enable_automation_rule", summary="Put a rule on duty", tags=TAGS,
        parameters=[IF_MATCH], request=None, responses=AutomationRuleSerializer,
    )  # fmt: skip
    def post(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """Let it act from now on; what happened before is not made up for."""
        return self.switch(automation_rule_id, Wish(is_enabled=True))


class AutomationRuleDisable(RuleView):
    """Rest."""

    permission = WRITE

    @extend_schema(
        operation_id="disable_automation_rule", summary="Switch a rule off", tags=TAGS,
        parameters=[IF_MATCH], request=None, responses=AutomationRuleSerializer,
    )  # fmt: skip
    def post(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """Let it act no more; what it has begun goes on."""
        return self.switch(automation_rule_id, Wish(is_enabled=False))


class AutomationRuleDry(RuleView):
    """Dry runs."""

    permission = WRITE

    @extend_schema(
        operation_id="dry_run_automation_rule", summary="Let a rule only write down", tags=TAGS,
        parameters=[IF_MATCH], request=DryBody, responses=AutomationRuleSerializer,
    )  # fmt: skip
    def post(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """Let it write down what it would do, or do it again."""
        is_dry = read_body(request, DryBody)["is_dry"]
        return self.switch(automation_rule_id, Wish(is_dry=is_dry))


class AutomationRuleArm(RuleView):
    """The end of a quarantine."""

    permission = WRITE

    @extend_schema(
        operation_id="arm_automation_rule", summary="Arm a rule again", tags=TAGS, request=None,
        responses=AutomationRuleSerializer,
    )  # fmt: skip
    def post(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """Let a rule act again that was stopped after failures, or because it set itself off."""
        arm_again(automation_rule_id, actor=request.user, now=self.now)
        return self.answer(automation_rule_id)


class AutomationRuleHook(RuleView):
    """The address by which other programs set a rule off."""

    permission = {**WRITE, "DELETE": "write:automation"}

    @extend_schema(
        operation_id="make_automation_rule_hook", summary="Make or rotate a webhook address",
        tags=TAGS, request=None, responses={201: HookSerializer},
    )  # fmt: skip
    def post(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """Return a new address; one that there was works no more. It is told only now."""
        token = make_hook(automation_rule_id, actor=request.user, now=self.now)
        return Response(
            {"token": token, "url": request.build_absolute_uri(address_of(token))},
            status=HTTPStatus.CREATED, headers={"Cache-Control": "private, no-store"},
        )  # fmt: skip

    @extend_schema(
        operation_id="remove_automation_rule_hook", summary="Remove a webhook address",
        tags=TAGS, responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """Let the address set nothing off any more."""
        remove_hook(automation_rule_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


def _problem(refusal: RuleRefused) -> Problem:
    problem = InvalidRequest(
        str(refusal), violations=[Violation(refusal.code, str(refusal), _pointer(refusal.field))]
    )
    if refusal.code in _CONFLICTS:
        problem.status_code = HTTPStatus.CONFLICT
    problem.default_code = refusal.code
    return problem


def _pointer(field: str) -> str:
    """Return where a field stands in the body: `then[0].name` in its definition."""
    if not field:
        return ""
    parts = field.replace("[", ".").replace("]", "").replace(".", "/")
    is_own = re.split(r"[.\[]", field)[0] in {*_OWN, "definition", "rules"}
    return f"#/{parts}" if is_own else f"#/definition/{parts}"
