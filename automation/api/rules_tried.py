"""What rules would have done, what they saw, and rules as files, in the API."""

from __future__ import annotations

import uuid

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from automation.api.rule_serializers import (
    AutomationFileBody,
    AutomationFileSerializer,
    AutomationImportSerializer,
    EvaluationsSerializer,
    ReplayBody,
    ReplayParams,
    ReplaySerializer,
    describe_evaluation,
    describe_replay,
    describe_result,
)
from automation.api.rules import READ, TAGS, WRITE, RuleView
from automation.queries.rule_files import export_rules
from automation.queries.rule_words import load_words
from automation.queries.rules import find_rule, newest_versions
from automation.services.evaluations import evaluations_of
from automation.services.replay import replay_rule, try_rule
from automation.services.rule_channels import with_keys
from automation.services.rule_checks import read_definition
from automation.services.rule_files import import_rules
from automation.services.rules import find_site
from automation.services.timing import place_of_site


class AutomationRuleReplay(RuleView):
    """What a rule would have done."""

    permission = READ
    params_class = ReplayParams

    @extend_schema(
        operation_id="replay_automation_rule", summary="Replay a rule", tags=TAGS,
        responses=ReplaySerializer,
    )  # fmt: skip
    def get(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """Return what it would have done in the last days; nothing is stored or commanded."""
        rule = find_rule(automation_rule_id)
        version = newest_versions([rule]).get(rule.id)
        definition = version.definition if version else {}
        found = try_rule(
            read_definition(definition), place=place_of_site(rule.site),
            tenant_id=self.acting.tenant.id, now=self.now, days=self.params["days"],
        )  # fmt: skip
        return Response(describe_replay(found, load_words([definition])))


class AutomationReplayNew(RuleView):
    """What a rule that is not saved would have done."""

    permission = WRITE

    @extend_schema(
        operation_id="replay_new_automation_rule", summary="Replay a new rule", tags=TAGS,
        request=ReplayBody, responses=ReplaySerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Return what a definition would have done in the last days; nothing is stored."""
        body = read_body(request, ReplayBody)
        definition = with_keys(body["definition"])
        found = replay_rule(
            definition, place=place_of_site(find_site(body["site"])), actor=request.user,
            tenant_id=self.acting.tenant.id, now=self.now, days=body["days"],
        )  # fmt: skip
        return Response(describe_replay(found, load_words([definition])))


class AutomationEvaluations(RuleView):
    """What a rule saw lately."""

    permission = READ

    @extend_schema(
        operation_id="list_automation_rule_evaluations", summary="List the last 20 evaluations",
        tags=TAGS, responses=EvaluationsSerializer,
    )  # fmt: skip
    def get(self, request: Request, automation_rule_id: uuid.UUID) -> Response:
        """List how the rule was looked at, what it saw, and why nothing came of it."""
        rule = find_rule(automation_rule_id)
        version = newest_versions([rule]).get(rule.id)
        words = load_words([version.definition] if version else [])
        found = evaluations_of(rule, now=self.now)
        return Response({"results": [describe_evaluation(one, words) for one in found]})


class AutomationExportParams(Params):
    """Which rules."""

    rule = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="One alone."
    )


class AutomationExport(RuleView):
    """Rules as a file."""

    permission = READ
    params_class = AutomationExportParams

    @extend_schema(
        operation_id="export_automation_rules", summary="Export rules", tags=TAGS,
        responses=AutomationFileSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return the rules in their newest versions; another organisation can import them."""
        return Response(msgspec.json.decode(export_rules(self.params["rule"])))


class AutomationImport(RuleView):
    """Rules from a file."""

    permission = WRITE

    @extend_schema(
        operation_id="import_automation_rules", summary="Import rules", tags=TAGS,
        request=AutomationFileBody, responses=AutomationImportSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make the rules of a file, or change those of the same name; each row on its own."""
        body = read_body(request, AutomationFileBody)
        enable = body.pop("enable")
        results = import_rules(
            msgspec.json.encode(body), actor=request.user, may_enable=enable,
            made_by=self.person, now=self.now,
        )  # fmt: skip
        return Response({"results": [describe_result(row) for row in results]})
