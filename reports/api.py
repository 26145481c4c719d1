"""Reports in the API."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import FileResponse
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actor import actor_of
from accounts.api.params import Params, read_body
from accounts.api.problems import InvalidRequest, Problem, Violation
from accounts.api.write import AccessView
from reports.models import (
    Comparison,
    DecimalMark,
    Delivery,
    DeliveryState,
    ReportFormat,
    ReportKind,
    ReportPeriod,
    ReportRun,
    ReportStep,
    ReportTemplate,
    RunState,
    Schedule,
    Separator,
)
from reports.models.template import MAX_METERS, MAX_RECIPIENTS
from reports.services import asking, refusals, templates
from reports.services.templates import Mailing

TAGS = ["reports"]
READ, WRITE, DELETE, EXPORT = "read:report", "write:report", "delete:report", "export:report"
MAX_LISTED = 200
_POINTERS = {
    refusals.UnknownSite.code: "#/site", refusals.UnknownMeters.code: "#/meters",
    refusals.WrongDays.code: "#/first_day", refusals.TemplateNameTaken.code: "#/name",
    refusals.UnknownRecipient.code: "#/recipients", refusals.NoRecipient.code: "#/recipients",
    refusals.TooManyRecipients.code: "#/recipients",
}  # fmt: skip


class LookBody(Params):
    """What a report is about and how it looks."""

    kind = serializers.ChoiceField(choices=ReportKind.choices, default=ReportKind.CONSUMPTION)
    site = serializers.UUIDField()
    meters = serializers.ListField(
        child=serializers.UUIDField(), max_length=MAX_METERS, default=list,
        help_text="Empty: all meters in use of the site.",
    )  # fmt: skip
    period = serializers.ChoiceField(
        choices=ReportPeriod.choices, default=ReportPeriod.MONTH,
        help_text="The last whole one by the clock of the site; fixed: from first to last day.",
    )  # fmt: skip
    first_day = serializers.DateField(
        default=None, allow_null=True,
        help_text="Of another period than fixed: the period in which this day lies.",
    )  # fmt: skip
    last_day = serializers.DateField(default=None, allow_null=True, help_text="Included.")
    step = serializers.ChoiceField(choices=ReportStep.choices, default=ReportStep.AUTO)
    compare = serializers.ChoiceField(choices=Comparison.choices, default=Comparison.NONE)
    format = serializers.ChoiceField(choices=ReportFormat.choices, default=ReportFormat.PDF)
    separator = serializers.ChoiceField(choices=Separator.choices, default=Separator.COMMA)
    decimal_mark = serializers.ChoiceField(choices=DecimalMark.choices, default=DecimalMark.POINT)
    language = serializers.ChoiceField(choices=settings.LANGUAGES, default="en")


class ReportBody(Params):
    """A template to be run, or a report that is described here; `template` goes before."""

    template = serializers.UUIDField(default=None, allow_null=True)
    send = serializers.BooleanField(
        default=False,
        help_text="Also to the recipients of the template; needs `write:report`.",
    )
    name = serializers.CharField(max_length=100, default="")
    report = LookBody(default=None, allow_null=True)


class TemplateBody(LookBody):
    """A report that is asked for again, and when and to whom it is sent."""

    name = serializers.CharField(max_length=100)
    is_active = serializers.BooleanField(default=True)
    schedule = serializers.ChoiceField(choices=Schedule.choices, default=Schedule.NONE)
    send_at = serializers.TimeField(default=dt.time(6), help_text="Local time of the site.")
    weekday = serializers.IntegerField(
        min_value=0, max_value=6, default=0, help_text="Of a weekly one; 0 is Monday."
    )
    month_day = serializers.IntegerField(min_value=1, max_value=28, default=1)
    recipients = serializers.ListField(
        child=serializers.EmailField(), max_length=MAX_RECIPIENTS, default=list,
        help_text="Addresses. Those of members get it while they may export reports.",
    )  # fmt: skip


class TemplateSerializer(serializers.ModelSerializer):
    """A report that is asked for again."""

    site = serializers.UUIDField(source="site_id")
    meters = serializers.ListField(child=serializers.UUIDField(), source="meter_ids")
    kind = serializers.ChoiceField(choices=ReportKind.choices)
    period = serializers.ChoiceField(choices=ReportPeriod.choices)
    step = serializers.ChoiceField(choices=ReportStep.choices)
    compare = serializers.ChoiceField(choices=Comparison.choices)
    format = serializers.ChoiceField(choices=ReportFormat.choices)
    separator = serializers.ChoiceField(choices=Separator.choices)
    decimal_mark = serializers.ChoiceField(choices=DecimalMark.choices)
    schedule = serializers.ChoiceField(choices=Schedule.choices)
    member_ids = serializers.ListField(child=serializers.UUIDField(), source="recipient_ids")
    addresses = serializers.ListField(child=serializers.EmailField())

    class Meta:
        model = ReportTemplate
        fields = (
            "id", "name", "kind", "site", "meters", "period", "first_day", "last_day", "step",
            "compare", "format", "separator", "decimal_mark", "language", "is_active",
            "schedule", "send_at", "weekday", "month_day", "member_ids", "addresses",
            "next_due_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class TemplateListSerializer(serializers.Serializer):
    """All of them."""

    results = TemplateSerializer(many=True)


class DeliverySerializer(serializers.ModelSerializer):
    """A mail with a report."""

    state = serializers.ChoiceField(choices=DeliveryState.choices)

    class Meta:
        model = Delivery
        fields = ("address", "state", "tries", "error_code", "sent_at", "has_file")
        read_only_fields = fields


class ReportSerializer(serializers.ModelSerializer):
    """A report that was asked for. `file_url` is empty while there is no file."""

    template = serializers.UUIDField(source="template_id", allow_null=True)
    state = serializers.ChoiceField(choices=RunState.choices)
    file_url = serializers.SerializerMethodField()

    class Meta:
        model = ReportRun
        fields = (
            "id", "title", "template", "question", "requested_by", "due_at", "state",
            "progress", "error_code", "created_at", "started_at", "finished_at", "file_name",
            "size", "sha256", "expires_at", "file_url",
        )  # fmt: skip
        read_only_fields = fields

    def get_file_url(self, run: ReportRun) -> str:
        """Return where the file is."""
        return reverse("api-report-file", args=[run.id]) if run.state == RunState.DONE else ""


class ReportDetailSerializer(ReportSerializer):
    """A report with its delivery log."""

    deliveries = DeliverySerializer(many=True)

    class Meta(ReportSerializer.Meta):
        fields: Any = (*ReportSerializer.Meta.fields, "deliveries")
        read_only_fields = fields


class ReportListSerializer(serializers.Serializer):
    """The newest ones."""

    results = ReportSerializer(many=True)


class TooMany(Problem):
    """The quota is used up."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_code = refusals.TooManyReports.code


class ReportView(AccessView):
    """Base: refusals point to the member of the body that is at fault."""

    absent = frozenset({refusals.ReportGone.code})  # type: ignore[assignment]

    def handle_exception(self, exc: Exception) -> Any:
        """Turn a refusal into a problem."""
        code = getattr(exc, "code", "")
        if isinstance(exc, refusals.TooManyReports):
            exc = TooMany(str(exc), retry_after_seconds=60)
        elif isinstance(exc, refusals.Refusal) and code in _POINTERS:
            problem = InvalidRequest(
                str(exc), violations=[Violation(code, str(exc), _POINTERS[code])]
            )
            problem.default_code = code
            exc = problem
        return super().handle_exception(exc)


class ReportList(ReportView):
    """Reports of the organisation."""

    permission: Any = {"GET": READ, "HEAD": READ, "POST": EXPORT}

    @extend_schema(
        operation_id="list_reports", summary="List reports", tags=TAGS,
        responses=ReportListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the newest two hundred."""
        rows = asking.list_runs()[:MAX_LISTED]
        return Response(ReportListSerializer({"results": rows}).data)

    @extend_schema(
        operation_id="request_report", summary="Have a report made", tags=TAGS,
        request=ReportBody, responses={202: ReportSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Have a report made in the background; its file is kept for 90 days."""
        body = read_body(request, ReportBody)
        if body["send"] and WRITE not in self.acting.codes:
            raise PermissionDenied
        template = templates.find_template(body["template"]) if body["template"] else None
        if template is None and not body["report"]:
            detail = str(refusals.UnknownSite.message)
            raise InvalidRequest(violations=[Violation("required", detail, "#/report")])
        wanted = (
            asking.wanted_of(template) if template else wanted_from(body["name"], body["report"])
        )
        run = asking.request_report(
            tenant_id=self.acting.tenant_id, wanted=wanted, actor=actor_of(request._request),
            now=self.now, template=template, is_sent=body["send"],
        )  # fmt: skip
        return Response(
            ReportSerializer(run).data, status=HTTPStatus.ACCEPTED,
            headers={"Location": reverse("api-report-detail", args=[run.id])},
        )  # fmt: skip


class ReportDetail(ReportView):
    """One report."""

    permission: Any = {"GET": READ, "HEAD": READ, "DELETE": DELETE}

    @extend_schema(
        operation_id="get_report", summary="Read a report", tags=TAGS,
        responses=ReportDetailSerializer,
    )  # fmt: skip
    def get(self, request: Request, report_id: uuid.UUID) -> Response:
        """Tell how far it is, and to whom it went."""
        return Response(ReportDetailSerializer(asking.find_run(report_id)).data)

    @extend_schema(
        operation_id="delete_report", summary="Delete a report", tags=TAGS, responses={204: None}
    )
    def delete(self, request: Request, report_id: uuid.UUID) -> Response:
        """Delete it with its file and delivery log."""
        asking.delete_report(report_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class ReportFile(ReportView):
    """The file of a report."""

    permission: Any = EXPORT

    @extend_schema(
        operation_id="download_report", summary="Download a report", tags=TAGS,
        responses={(200, "application/octet-stream"): OpenApiResponse(description="The file.")},
    )  # fmt: skip
    def get(self, request: Request, report_id: uuid.UUID) -> Any:
        """Send the file."""
        run, file = asking.open_report(report_id, now=self.now)
        response = FileResponse(file, as_attachment=True, filename=run.file_name)
        response["Content-Type"] = "application/octet-stream"
        response["Cache-Control"] = "private, no-store"
        return response


class TemplateList(ReportView):
    """Templates of reports."""

    permission: Any = {"GET": READ, "HEAD": READ, "POST": WRITE}

    @extend_schema(
        operation_id="list_report_templates", summary="List report templates", tags=TAGS,
        responses=TemplateListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by name."""
        return Response(TemplateListSerializer({"results": templates.list_templates()}).data)

    @extend_schema(
        operation_id="create_report_template", summary="Make a report template", tags=TAGS,
        request=TemplateBody, responses={201: TemplateSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Keep a report, and send it by a schedule."""
        body = read_body(request, TemplateBody)
        made = templates.save_template(
            tenant_id=self.acting.tenant_id, wanted=wanted_from(body["name"], body),
            mailing=mailing_from(body), is_active=body["is_active"], now=self.now,
        )  # fmt: skip
        return Response(TemplateSerializer(made).data, status=HTTPStatus.CREATED)


class TemplateDetail(ReportView):
    """One template."""

    permission: Any = {"GET": READ, "HEAD": READ, "PUT": WRITE, "DELETE": DELETE}

    @extend_schema(
        operation_id="get_report_template", summary="Read a report template", tags=TAGS,
        responses=TemplateSerializer,
    )  # fmt: skip
    def get(self, request: Request, report_template_id: uuid.UUID) -> Response:
        """Return it with its schedule."""
        return Response(TemplateSerializer(templates.find_template(report_template_id)).data)

    @extend_schema(
        operation_id="change_report_template", summary="Change a report template", tags=TAGS,
        request=TemplateBody, responses=TemplateSerializer,
    )  # fmt: skip
    def put(self, request: Request, report_template_id: uuid.UUID) -> Response:
        """Replace it; its schedule counts from now."""
        template = templates.find_template(report_template_id)
        body = read_body(request, TemplateBody)
        changed = templates.save_template(
            tenant_id=self.acting.tenant_id, wanted=wanted_from(body["name"], body),
            mailing=mailing_from(body), is_active=body["is_active"], now=self.now,
            template=template,
        )  # fmt: skip
        return Response(TemplateSerializer(changed).data)

    @extend_schema(
        operation_id="delete_report_template", summary="Delete a report template", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, report_template_id: uuid.UUID) -> Response:
        """Delete it; reports that were made from it stay."""
        templates.delete_template(report_template_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


def wanted_from(name: str, body: Mapping[str, Any]) -> asking.Wanted:
    """Return what a checked body asks for; without a name that of the kind."""
    return asking.Wanted(
        title=name or str(ReportKind(body["kind"]).label), site_id=body["site"],
        meter_ids=list(dict.fromkeys(body["meters"])),
        **{field: body[field] for field in (
            "kind", "period", "first_day", "last_day", "step", "compare", "format", "separator",
            "decimal_mark", "language",
        )},
    )  # fmt: skip


def mailing_from(body: Mapping[str, Any]) -> Mailing:
    """Return when and to whom a checked body sends."""
    return Mailing(
        schedule=body["schedule"], send_at=body["send_at"].replace(second=0, microsecond=0),
        weekday=body["weekday"], month_day=body["month_day"], addresses=body["recipients"],
    )  # fmt: skip
