"""Alarm rules in the API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.problems import InvalidRequest, Problem, Violation
from accounts.api.write import AccessView
from alarms.api.rule_serializers import (
    AlarmRuleSerializer,
    AlarmRulesSerializer,
    BackTestBody,
    BackTestParams,
    BackTestSerializer,
    ImportedRulesSerializer,
    RuleBody,
    RuleChangeBody,
    RuleFileBody,
    RuleFileSerializer,
    RuleRestoreBody,
    RuleTemplateBody,
    RuleTemplatesSerializer,
    RuleVersionsSerializer,
    describe,
    describe_result,
    describe_template,
    describe_test,
    describe_version,
)
from alarms.models import AlarmRule, AlarmRuleVersion
from alarms.queries.rule_files import export_rules
from alarms.queries.rules import find_rule, list_rules, rows_of, units_of, versions_of
from alarms.queries.scopes import Scope
from alarms.services.backtest import back_test, back_test_rule
from alarms.services.expressions import Expression, channel_of
from alarms.services.rule_files import import_rules
from alarms.services.rule_refusals import RuleRefused
from alarms.services.rule_templates import add_template
from alarms.services.rules import (
    Content,
    change_rule,
    create_rule,
    remove_rule,
    restore_version,
)
from alarms.shipped import TEMPLATES, words_of
from devices.models import DeviceProfile
from devices.queries import channels_named

TAGS = ["alarm rules"]
READ = {"GET": "read:alarm", "HEAD": "read:alarm"}
_CONFLICTS = {"changed_meanwhile", "busy"}


class RuleListParams(Params):
    """Which rules."""

    enabled = serializers.BooleanField(required=False, allow_null=True, default=None)
    search = serializers.CharField(
        max_length=100, required=False, default="", allow_blank=True,
        help_text="A part of name, metric or tag.",
    )  # fmt: skip


class RuleView(AccessView):
    """Base: refusals point to the member of the body that is at fault."""

    def handle_exception(self, exc: Exception) -> Any:
        """Turn a refusal into a problem."""
        if isinstance(exc, RuleRefused):
            exc = _problem(exc)
        elif isinstance(exc, AlarmRule.DoesNotExist | AlarmRuleVersion.DoesNotExist):
            exc = NotFound()
        return super().handle_exception(exc)

    def answer(self, rules: list[AlarmRule]) -> list[dict[str, Any]]:
        """Return rules as the API shows them."""
        rows = rows_of(rules, tenant_id=self.acting.tenant.id, now=self.now)
        return [describe(row) for row in rows]

    def read_scope(self, given: Mapping[str, Any], *, is_trial: bool = False) -> Scope:
        """Return what a body wants to watch; makes the channel of an expression.

        Args: is_trial: make nothing.
        Raises: RuleRefused.
        """
        if given["expression"] is not None:
            expression = _expression(given["expression"])
            may_make = not is_trial and "write:device" in self.acting.codes
            return Scope(channel=channel_of(expression, may_make=may_make, now=self.now))
        if given["channel"] is not None:
            return Scope(channel=_channels([given["channel"]], "scope/channel")[0])
        profile = given["profile"]
        if profile is not None:
            found = DeviceProfile.objects.filter(key=profile).values_list("id", flat=True).first()
            if found is None:
                raise RuleRefused("unknown_profile", _("There is no such object."), "scope.profile")
            profile = found
        return Scope(None, given["metric"], given["device"], profile, given["site"], given["tag"])


class RuleList(RuleView):
    """The rules of the organisation."""

    permission = {**READ, "POST": "write:alarm"}
    params_class = RuleListParams

    @extend_schema(
        operation_id="list_alarm_rules", summary="List alarm rules", tags=TAGS,
        responses=AlarmRulesSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by name, with what they look for and how useful they were."""
        rules = list_rules(is_enabled=self.params["enabled"], search=self.params["search"])
        return Response({"results": self.answer(list(rules))})

    @extend_schema(
        operation_id="create_alarm_rule", summary="Make an alarm rule", tags=TAGS,
        request=RuleBody, responses={201: AlarmRuleSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make a rule; try it with a back-test before you enable it."""
        body = read_body(request, RuleBody)
        with transaction.atomic():  # without the rule there is no channel of its expression
            made = create_rule(
                name=body["name"], scope=self.read_scope(body["scope"]), content=_content(body),
                is_enabled=body["is_enabled"], made_by=self.person, now=self.now,
            )  # fmt: skip
        return Response(self.answer([find_rule(made.id)])[0], status=HTTPStatus.CREATED)


class RuleDetail(RuleView):
    """One rule."""

    permission = {**READ, "PATCH": "write:alarm", "DELETE": "delete:alarm"}

    @extend_schema(
        operation_id="get_alarm_rule", summary="Read an alarm rule", tags=TAGS,
        responses=AlarmRuleSerializer,
    )  # fmt: skip
    def get(self, request: Request, alarm_rule_id: uuid.UUID) -> Response:
        """Return it in its newest version."""
        return Response(self.answer([find_rule(alarm_rule_id)])[0])

    @extend_schema(
        operation_id="change_alarm_rule", summary="Change an alarm rule", tags=TAGS,
        request=RuleChangeBody, responses=AlarmRuleSerializer,
    )  # fmt: skip
    def patch(self, request: Request, alarm_rule_id: uuid.UUID) -> Response:
        """Change, enable or disable it; another definition or text is a new version."""
        body = read_body(request, RuleChangeBody)
        find_rule(alarm_rule_id)
        with transaction.atomic():
            change_rule(
                rule_id=alarm_rule_id, name=body.get("name"),
                scope=self.read_scope(body["scope"]) if "scope" in body else None,
                is_enabled=body.get("is_enabled"), content=_content(body),
                based_on=body.get("based_on"), made_by=self.person, now=self.now,
            )  # fmt: skip
        return Response(self.answer([find_rule(alarm_rule_id)])[0])

    @extend_schema(
        operation_id="remove_alarm_rule", summary="Remove an alarm rule", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, alarm_rule_id: uuid.UUID) -> Response:
        """Remove it; its alarms stay as history, open ones end."""
        remove_rule(rule_id=alarm_rule_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class RuleVersions(RuleView):
    """What a rule looked for."""

    permission = READ

    @extend_schema(
        operation_id="list_alarm_rule_versions", summary="List versions of an alarm rule",
        tags=TAGS, responses=RuleVersionsSerializer,
    )  # fmt: skip
    def get(self, request: Request, alarm_rule_id: uuid.UUID) -> Response:
        """List them, the newest first."""
        rule = find_rule(alarm_rule_id)
        unit = units_of([rule])[rule.id]
        return Response({"results": [describe_version(one, unit) for one in versions_of(rule)]})


class RuleRestore(RuleView):
    """An older version once more."""

    permission = {"POST": "write:alarm"}

    @extend_schema(
        operation_id="restore_alarm_rule_version", summary="Go back to an older version",
        tags=TAGS, request=RuleRestoreBody, responses=AlarmRuleSerializer,
    )  # fmt: skip
    def post(self, request: Request, alarm_rule_id: uuid.UUID) -> Response:
        """Make a new version that says what an older one did."""
        number = read_body(request, RuleRestoreBody)["number"]
        restore_version(rule_id=alarm_rule_id, number=number, made_by=self.person, now=self.now)
        return Response(self.answer([find_rule(alarm_rule_id)])[0])


class RuleBackTest(RuleView):
    """What a rule would have done."""

    permission = READ
    params_class = BackTestParams

    @extend_schema(
        operation_id="back_test_alarm_rule", summary="Try an alarm rule on the past", tags=TAGS,
        responses=BackTestSerializer,
    )  # fmt: skip
    def get(self, request: Request, alarm_rule_id: uuid.UUID) -> Response:
        """Return the alarms that there would have been in the last days; nothing is stored."""
        found = back_test_rule(
            rule_id=alarm_rule_id, days=self.params["days"], zone=ZoneInfo("UTC"), now=self.now
        )
        return Response(describe_test(found))


class BackTestNew(RuleView):
    """What a rule that is not saved would have done."""

    permission = {"POST": "write:alarm"}

    @extend_schema(
        operation_id="back_test_new_alarm_rule", summary="Try a new alarm rule on the past",
        tags=TAGS, request=BackTestBody, responses=BackTestSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Return the alarms that there would have been in the last days; nothing is stored."""
        body = read_body(request, BackTestBody)
        found = back_test(
            scope=self.read_scope(body["scope"], is_trial=True), content=_content(body),
            days=body["days"],
            zone=ZoneInfo("UTC"), tenant_id=self.acting.tenant.id, now=self.now,
        )  # fmt: skip
        return Response(describe_test(found))


class RuleExport(RuleView):
    """All rules as a file."""

    permission = READ

    @extend_schema(
        operation_id="export_alarm_rules", summary="Export alarm rules", tags=TAGS,
        responses=RuleFileSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return the rules in their newest versions; another organisation can import them."""
        return Response(msgspec.json.decode(export_rules()))


class RuleImport(RuleView):
    """Rules from a file."""

    permission = {"POST": "write:alarm"}

    @extend_schema(
        operation_id="import_alarm_rules", summary="Import alarm rules", tags=TAGS,
        request=RuleFileBody, responses=ImportedRulesSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make the rules of a file, or change those of the same name; each row on its own."""
        body = read_body(request, RuleFileBody)
        enable = body.pop("enable")
        results = import_rules(
            msgspec.json.encode(body), may_enable=enable, made_by=self.person, now=self.now,
            may_make_channels="write:device" in self.acting.codes,
        )  # fmt: skip
        return Response({"results": [describe_result(row) for row in results]})


class RuleTemplateList(RuleView):
    """Rules to begin with."""

    permission = {**READ, "POST": "write:alarm"}

    @extend_schema(
        operation_id="list_alarm_rule_templates", summary="List templates of alarm rules",
        tags=TAGS, responses=RuleTemplatesSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the rules that come with the product, in the language of the request."""
        found = [describe_template(row, words_of(row)) for row in TEMPLATES.values()]
        return Response({"results": found})

    @extend_schema(
        operation_id="add_alarm_rule_template", summary="Add a template", tags=TAGS,
        request=RuleTemplateBody, responses={201: AlarmRulesSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make its rules, disabled: one for each of its metrics that there are channels of."""
        code = read_body(request, RuleTemplateBody)["code"]
        made = add_template(code=code, made_by=self.person, now=self.now)
        rules = [find_rule(rule.id) for rule in made]
        return Response({"results": self.answer(rules)}, status=HTTPStatus.CREATED)


def _content(body: Mapping[str, Any]) -> Content:
    return Content(
        body.get("definition"), body.get("text"), body.get("advice"), body.get("note", "")
    )


def _expression(given: Mapping[str, Any]) -> Expression:
    channels = _channels(given["inputs"], "scope/expression/inputs")
    names = [entry["name"] for entry in given["inputs"]]
    if len(set(names)) < len(names):
        raise RuleRefused("repeated", _("A name stands twice."), "scope.expression.inputs")
    return Expression(
        given["formula"], dict(zip(names, channels, strict=True)), given["unit"],
        given["alignment"], given["tolerance_seconds"], given["label"],
    )  # fmt: skip


def _channels(given: list[Mapping[str, Any]], field: str) -> list[int]:
    found = channels_named({row["device"] for row in given}, {row["metric"] for row in given})
    for row in given:
        if (row["device"], row["metric"]) not in found:
            raise RuleRefused("unknown_metric", _("The device has no such metric."), field)
    return [found[row["device"], row["metric"]].id for row in given]


def _problem(refusal: RuleRefused) -> Problem:
    field = refusal.field
    if field in {"channel", "metric", "device", "profile", "site", "tag"} or field.startswith(
        "expression"
    ):
        field = f"scope.{field}"
    parts = field.replace("[", ".").replace("]", "").replace(".", "/")
    pointer = f"#/{parts}" if field else ""
    problem = InvalidRequest(
        str(refusal), violations=[Violation(refusal.code, str(refusal), pointer)]
    )
    if refusal.code in _CONFLICTS:
        problem.status_code = HTTPStatus.CONFLICT
    problem.default_code = refusal.code
    return problem
