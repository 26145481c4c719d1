"""Values in the API: the newest ones and the past."""

from __future__ import annotations

import datetime as dt
import uuid
from hashlib import blake2b
from typing import Any

import orjson
from django.http import Http404, HttpResponseBase
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from accounts.api.problems import Problem, Violation
from accounts.api.renderers import ORJSONRenderer
from accounts.api.views import ReadView
from devices.models import Channel, Device
from devices.presence import presence_of
from devices.queries import find_device
from telemetry.queries import QueryTooSlow, ValuesTooLarge
from telemetry.questions import (
    Question,
    QuestionRefused,
    TooManyPoints,
    UnknownDevice,
    UnknownMetric,
)
from telemetry.renderers import CSVRenderer, NDJSONRenderer
from telemetry.serializers import (
    AnswerSerializer,
    DeviceLatestSerializer,
    QueryParams,
    TableParams,
    describe_latest,
    to_question,
)
from telemetry.series import Answer, answer_question, epoch_ms
from telemetry.timespec import is_relative

CLOSED_AFTER = dt.timedelta(hours=1)  # gateways deliver what they buffered
CLOSED_MAX_AGE_SECONDS = 86_400
RETRY_AFTER_SECONDS = 30
TEXT = {"type": "string"}


class DeviceLatest(ReadView):
    """The newest values of one device."""

    permission = "read:telemetry"

    @extend_schema(
        operation_id="get_device_latest",
        summary="Read the newest values of a device",
        tags=["telemetry"],
        responses=DeviceLatestSerializer,
    )
    def get(self, request: Request, device_id: uuid.UUID) -> Response:
        """Return the newest value of each channel with its age and quality."""
        try:
            device = find_device(device_id)
        except Device.DoesNotExist as error:
            raise Http404 from error
        channels = Channel.objects.filter(device=device).select_related("latest")
        return Response(
            {
                "device": device.id,
                "status": presence_of(
                    now=self.now,
                    last_seen_at=device.last_seen_at,
                    reported_status=device.reported_status,
                    reported_status_at=device.reported_status_at,
                    expected_interval_seconds=device.profile.expected_interval_seconds,
                ),
                "last_seen_at": device.last_seen_at,
                "values": [
                    describe_latest(channel, now=self.now)
                    for channel in channels.order_by("name", "id")
                ],
            }
        )


class QueryNotPossible(Problem):
    """A question without an answer."""

    def __init__(self, refusal: QuestionRefused, prefix: str) -> None:
        self.default_code = refusal.code
        extra = {}
        if isinstance(refusal, TooManyPoints):
            extra["suggested_interval"] = refusal.suggested_interval
        violation = Violation(refusal.code, str(refusal), prefix + refusal.parameter)
        super().__init__(str(refusal), violations=[violation], extra=extra)
        if isinstance(refusal, UnknownDevice | UnknownMetric):
            self.status_code = NotFound.status_code


class QueryTookTooLong(Problem):
    """The database gave up."""

    status_code = 503
    default_code = "query_too_slow"


class ValuesCannotBeAggregated(Problem):
    """Somewhere in the period stands an absurdly large value."""

    default_code = "values_too_large"


QUERY_RESPONSES = {
    (200, "application/json"): AnswerSerializer,
    (200, "text/csv"): TEXT,
    (200, "application/x-ndjson"): TEXT,
    (304, "application/json"): OpenApiResponse(description="What `If-None-Match` names."),
}


class TelemetryQuery(ReadView):
    """The past of devices as columns."""

    permission = "read:telemetry"
    params_class = TableParams
    renderer_classes = [ORJSONRenderer, CSVRenderer, NDJSONRenderer]

    @extend_schema(
        operation_id="query_telemetry",
        summary="Query time series",
        tags=["telemetry"],
        responses=QUERY_RESPONSES,
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Return series of samples or of buckets that follow the site's clock.

        Periods that ended an hour ago may be cached; every answer has an ETag.
        """
        question = to_question(self.params)
        answer = self._answer(request, question, prefix="?")
        return self._cacheable(request, question, answer)

    @extend_schema(
        operation_id="query_telemetry_by_body",
        summary="Query time series with a long question",
        tags=["telemetry"],
        request=QueryParams,
        responses={200: AnswerSerializer},
    )
    def post(self, request: Request) -> Response:
        """Do the same as GET with the parameters as members of a JSON body."""
        question = to_question(read_body(request, QueryParams))
        return Response(_describe(self._answer(request, question, prefix="#/")))

    def _answer(self, request: Request, question: Question, *, prefix: str) -> Answer:
        try:
            return answer_question(
                tenant_id=request.acting.tenant_id,  # type: ignore[attr-defined]
                question=question,
                now=self.now,
            )
        except QuestionRefused as error:
            raise QueryNotPossible(error, prefix) from error
        except QueryTooSlow as error:
            raise QueryTookTooLong(
                _("The query took too long: take a shorter period or fewer devices."),
                retry_after_seconds=RETRY_AFTER_SECONDS,
            ) from error
        except ValuesTooLarge as error:
            raise ValuesCannotBeAggregated(
                _("The values are too large to be added up; interval=raw shows them.")
            ) from error

    def _cacheable(self, request: Request, question: Question, answer: Answer) -> HttpResponseBase:
        body = _describe(answer)
        etag = _etag(body, request.accepted_renderer.format, request.META["QUERY_STRING"])
        response = Response(body, headers={"ETag": etag})
        moves = is_relative(question.start) or is_relative(question.end)
        if moves or answer.end + CLOSED_AFTER > self.now:
            patch_cache_control(response, private=True, no_cache=True)
        else:
            patch_cache_control(response, private=True, max_age=CLOSED_MAX_AGE_SECONDS)
        patch_vary_headers(response, ["Accept", "Cookie"])
        return get_conditional_response(request, etag=etag, response=response) or response


def _describe(answer: Answer) -> dict[str, Any]:
    return {
        "from": epoch_ms(answer.start),
        "to": epoch_ms(answer.end),
        "interval": answer.interval,
        "tz": answer.timezone,
        "source": "raw",
        "series": answer.series,
        "partial": answer.is_partial,
    }


def _etag(body: dict[str, Any], media: str, options: str) -> str:
    """Return a strong tag of the content: late rows change it, also in closed periods."""
    digest = blake2b(orjson.dumps([body, media, options]), digest_size=12).hexdigest()
    return f'"{digest}"'
