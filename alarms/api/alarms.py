"""Alarms in the API: list, one, its events and chart, numbers, and what people do about them."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.problems import InvalidRequest, Violation, pointer_to
from alarms.api.actions import ACTIONS
from alarms.api.alarm_rows import (
    AcknowledgeBody,
    AlarmDetailRow,
    AlarmEventRow,
    AlarmListParams,
    AlarmRow,
    AssignBody,
    BulkBody,
    ChartSerializer,
    CommentBody,
    CountsSerializer,
    EventListParams,
    IncidentBody,
    NoteBody,
    RateBody,
    ResultsSerializer,
    SnoozeBody,
    StatisticsParams,
    StatisticsSerializer,
)
from alarms.models import Alarm, AlarmEvent
from alarms.queries.chart import AlarmChart, read_chart
from alarms.queries.detail import events_of, find_alarm
from alarms.queries.inbox import ORDERINGS, AlarmFilter, count_states, find_alarms
from alarms.queries.statistics import read_statistics
from alarms.services.life import Chosen
from devices.api_fleet import FleetView
from telemetry.ingest.batch import to_microseconds

TAGS = ["alarms"]
_HEADERS = {"Cache-Control": "private, no-store"}


class AlarmView(FleetView):
    """Base of endpoints about alarms; closed to guests."""

    permission: Any = "read:alarm"
    serializer_class: Any = AlarmRow
    queryset: Any = Alarm.objects.none()  # tells the schema what is listed
    orderings = dict(ORDERINGS)

    def find(self, alarm_id: uuid.UUID) -> Alarm:
        """Return an alarm of the organisation. Raises: Http404."""
        alarm = find_alarm(alarm_id, now=self.now)
        if alarm is None:
            raise Http404
        return alarm


class AlarmList(AlarmView):
    """The alarms of the organisation."""

    params_class = AlarmListParams

    @extend_schema(
        operation_id="list_alarms", summary="List alarms", tags=TAGS,
        parameters=[AlarmListParams], responses=AlarmRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List alarms, the newest first. Of incidents, `explained=false` lists the causes."""
        return self.page(find_alarms(self._wanted(), now=self.now), AlarmRow)

    def _wanted(self) -> AlarmFilter:
        given = self.params
        person = self.person
        return AlarmFilter(
            state=given.get("state", ""), is_acknowledged=given["acknowledged"],
            is_snoozed=given["snoozed"], is_quiet=given["quiet"], is_child=given["explained"],
            min_severity=given.get("min_severity", ""), source=given.get("source", ""),
            site_id=given.get("site"), gateway_id=given.get("gateway"),
            device_id=given.get("device"), rule_id=given.get("rule"),
            assignee_id=(person.pk if person else uuid.UUID(int=0)) if given["mine"]
            else given.get("assignee"),
            ending=given.get("ending", ""), start=given.get("start"), end=given.get("end"),
            text=given["q"].replace("\0", ""),
        )  # fmt: skip


class AlarmCounts(AlarmView):
    """How many alarms there are."""

    @extend_schema(
        operation_id="count_alarms", summary="Count alarms by state", tags=TAGS,
        responses=CountsSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Count the open alarms, and those that ended within 24 h without being seen."""
        return Response(CountsSerializer(count_states(now=self.now)).data, headers=_HEADERS)


class AlarmStatistics(AlarmView):
    """Which rules and codes are worth it."""

    params_class = StatisticsParams

    @extend_schema(
        operation_id="alarm_statistics", summary="See what raises alarms, and how often", tags=TAGS,
        parameters=[StatisticsParams], responses=StatisticsSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Count alarms, their usual duration and how people rated them, by rule or code."""
        rows = read_statistics(now=self.now, days=self.params["days"])
        return Response(StatisticsSerializer({"results": rows}).data, headers=_HEADERS)


class AlarmDetail(AlarmView):
    """One alarm."""

    @extend_schema(
        operation_id="get_alarm", summary="Read an alarm", tags=TAGS, responses=AlarmDetailRow
    )
    def get(self, request: Request, alarm_id: uuid.UUID) -> Response:
        """Return an alarm with the condition of its rule in words."""
        return Response(AlarmDetailRow(self.find(alarm_id)).data, headers=_HEADERS)


class AlarmEvents(AlarmView):
    """What happened to an alarm."""

    params_class = EventListParams
    serializer_class = AlarmEventRow
    queryset = AlarmEvent.objects.none()
    orderings = {"id": "id"}

    @extend_schema(
        operation_id="list_alarm_events", summary="See what happened to an alarm", tags=TAGS,
        parameters=[EventListParams], responses=AlarmEventRow(many=True),
    )  # fmt: skip
    def get(self, request: Request, alarm_id: uuid.UUID) -> Response:
        """List what happened in the order in which it became known, the newest first."""
        return self.page(events_of(self.find(alarm_id)), AlarmEventRow)


class AlarmChartView(AlarmView):
    """The values around the beginning."""

    permission = "read:telemetry"

    @extend_schema(
        operation_id="get_alarm_chart", summary="Read the values around an alarm", tags=TAGS,
        responses=ChartSerializer,
    )  # fmt: skip
    def get(self, request: Request, alarm_id: uuid.UUID) -> Response:
        """Return at most 240 points; 404 for an alarm that is about no channel."""
        if "read:alarm" not in self.acting.codes:
            raise Http404
        chart = read_chart(self.find(alarm_id), now=self.now)
        if chart is None:
            raise Http404
        return Response(ChartSerializer(_columns(chart)).data, headers=_HEADERS)


def _columns(chart: AlarmChart) -> dict[str, Any]:
    points, gaps, place = chart.points, [], -1
    for run in chart.runs[:-1]:
        place += len(run)
        gaps.append(place)
    return {
        "source": chart.source or "none", "unit": chart.unit, "start": chart.start,
        "end": chart.end, "raised_at": chart.raised_at, "ended_at": chart.ended_at,
        "limit": chart.limit, "value": chart.value, "gaps": gaps,
        "t": [to_microseconds(point.at) // 1000 for point in points],
        "low": [point.low for point in points], "high": [point.high for point in points],
        "mean": [point.mean for point in points],
    }  # fmt: skip


class ActionView(AlarmView):
    """Base: something is done about one alarm."""

    permission = "acknowledge:alarm"
    action: str

    def act(self, request: Request, alarm_id: uuid.UUID) -> Response:
        """Do it, and return the alarm as it is then."""
        self.find(alarm_id)
        action = ACTIONS[self.action]
        given = read_body(request, action.body)
        chosen = Chosen([alarm_id], with_children=given.get("with_children", False))
        action.call(chosen, given, self.person, self.now)
        return Response(AlarmDetailRow(self.find(alarm_id)).data, headers=_HEADERS)


def _schema(name: str, summary: str, body: type[Params]) -> Any:
    return extend_schema(
        operation_id=f"{name}_alarm", summary=summary, tags=TAGS, request=body,
        responses=AlarmDetailRow,
    )  # fmt: skip


class AlarmAcknowledge(ActionView):
    """Somebody looks after it."""

    action = "acknowledge"

    @_schema("acknowledge", "Acknowledge an alarm", AcknowledgeBody)
    def post(self, request: Request, alarm_id: uuid.UUID) -> Response:
        """Say that somebody looks after it; changes nothing the second time."""
        return self.act(request, alarm_id)


class AlarmUnacknowledge(ActionView):
    """Nobody looks after it any more."""

    action = "unacknowledge"

    @_schema("unacknowledge", "Take an acknowledgement back", IncidentBody)
    def post(self, request: Request, alarm_id: uuid.UUID) -> Response:
        """Take the acknowledgement back."""
        return self.act(request, alarm_id)


class AlarmAssign(ActionView):
    """Whose business it is."""

    action = "assign"

    @_schema("assign", "Assign an alarm", AssignBody)
    def post(self, request: Request, alarm_id: uuid.UUID) -> Response:
        """Assign it to a person who may see alarms, or to nobody."""
        return self.act(request, alarm_id)


class AlarmComment(ActionView):
    """Words about it."""

    action = "comment"

    @_schema("comment", "Comment on an alarm", CommentBody)
    def post(self, request: Request, alarm_id: uuid.UUID) -> Response:
        """Add words; the same words within a minute are added once."""
        return self.act(request, alarm_id)


class AlarmSnooze(ActionView):
    """Put aside for a while."""

    action = "snooze"

    @_schema("snooze", "Snooze an alarm", SnoozeBody)
    def post(self, request: Request, alarm_id: uuid.UUID) -> Response:
        """Put an open alarm aside until a time; one that has ended stays as it is."""
        return self.act(request, alarm_id)


class AlarmClear(ActionView):
    """End it by hand."""

    action = "clear"

    @_schema("clear", "Clear an alarm by hand", NoteBody)
    def post(self, request: Request, alarm_id: uuid.UUID) -> Response:
        """End it; it comes back only when it is wrong anew."""
        return self.act(request, alarm_id)


class AlarmRate(ActionView):
    """Whether it was worth it."""

    action = "rate"

    @_schema("rate", "Rate an alarm", RateBody)
    def post(self, request: Request, alarm_id: uuid.UUID) -> Response:
        """Say whether it was useful or false; ratings show which rules make noise."""
        return self.act(request, alarm_id)


class AlarmActions(AlarmView):
    """One action on many alarms."""

    permission = "acknowledge:alarm"

    @extend_schema(
        operation_id="act_on_alarms", summary="Do something about many alarms", tags=TAGS,
        request=BulkBody, responses=ResultsSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Act on up to 500 alarms in one transaction, and say what became of each.

        Members that the action does not have are refused; 404 when none of the alarms exists.
        """
        given = read_body(request, BulkBody)
        action, ids = ACTIONS[given.pop("action")], given.pop("alarms")
        given = _only(given, action.body)
        chosen = Chosen(ids, with_children=given.get("with_children", False))
        results = action.call(chosen, given, self.person, self.now)
        return Response(ResultsSerializer({"results": results}).data, headers=_HEADERS)


def _only(given: dict[str, Any], body: type[Params]) -> dict[str, Any]:
    """Return the members with defaults. Raises: InvalidRequest: too many, or one is missing."""
    fields: dict[str, serializers.Field] = dict(body().fields)
    missing = [name for name, field in fields.items() if field.required and name not in given]
    wrong = [Violation("required", "This action needs it.", pointer_to(n)) for n in missing]
    wrong += [
        Violation("unknown_field", "This action does not have it.", pointer_to(name))
        for name in given
        if name not in fields
    ]
    if wrong:
        raise InvalidRequest(violations=wrong)
    defaults = {name: field.default for name, field in fields.items() if not field.required}
    return defaults | given
