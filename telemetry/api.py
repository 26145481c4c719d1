"""Values in the API: the newest ones and the past."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import orjson
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpResponseBase, StreamingHttpResponse
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
from devices.queries import devices_by_id, find_device
from telemetry.figures import ValuesTooLarge
from telemetry.queries import RAW, QueryTooSlow
from telemetry.questions import (
    Question,
    QuestionRefused,
    TooManyPoints,
    UnknownChannel,
    UnknownDevice,
    UnknownMetric,
)
from telemetry.renderers import SEPARATORS, CSVRenderer, MessagePackRenderer, NDJSONRenderer
from telemetry.serializers import (
    AnswerSerializer,
    DeviceLatestSerializer,
    LatestBody,
    LatestListSerializer,
    QueryParams,
    TableParams,
    describe_device,
    to_question,
)
from telemetry.series import Answer, Series, answer_question, as_members, epoch_ms
from telemetry.streaming import Writer, csv_writer, find_raw, in_thread, write_ndjson
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
        return Response(describe_device(device, channels.order_by("name", "id"), now=self.now))


class LatestOfMany(ReadView):
    """The newest values of many devices."""

    permission = "read:telemetry"

    @extend_schema(
        operation_id="get_latest", summary="Read the newest values of many devices",
        tags=["telemetry"], request=LatestBody, responses=LatestListSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Return what `devices/{id}/latest` does, in the order asked; two queries."""
        body = read_body(request, LatestBody)
        devices = devices_by_id(body["device"])
        if missing := [id_ for id_ in body["device"] if id_ not in devices]:
            refusal = UnknownDevice(f"There is no device {missing[0]}.")
            raise QueryNotPossible(refusal, "#/")
        channels = Channel.objects.filter(device_id__in=devices).select_related("latest")
        if names := body.get("metric"):
            channels = channels.filter(name__in=names)
        by_device: dict[uuid.UUID, list[Channel]] = {id_: [] for id_ in body["device"]}
        for channel in channels.order_by("name", "id"):
            by_device[channel.device_id].append(channel)
        results = [
            describe_device(devices[id_], found, now=self.now) for id_, found in by_device.items()
        ]
        return Response({"results": results})


class QueryNotPossible(Problem):
    """A question without an answer."""

    def __init__(self, refusal: QuestionRefused, prefix: str) -> None:
        self.default_code = refusal.code
        extra = {}
        if isinstance(refusal, TooManyPoints):
            extra["suggested_interval"] = refusal.suggested_interval
        violation = Violation(refusal.code, str(refusal), prefix + refusal.parameter)
        super().__init__(str(refusal), violations=[violation], extra=extra)
        if isinstance(refusal, UnknownChannel | UnknownDevice | UnknownMetric):
            self.status_code = NotFound.status_code


class QueryTookTooLong(Problem):
    """The database gave up."""

    status_code = 503
    default_code = "query_too_slow"


class ValuesCannotBeAggregated(Problem):
    """Somewhere in the period stands an absurdly large value."""

    default_code = "values_too_large"


@contextmanager
def _refusals(prefix: str) -> Iterator[None]:
    """Tell why a question has no answer as problems; `prefix` leads to the parameter."""
    try:
        yield
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


QUERY_RESPONSES = {
    (200, "application/json"): AnswerSerializer,
    (200, "text/csv"): TEXT,
    (200, "application/x-ndjson"): TEXT,
    (200, "application/msgpack"): {"type": "string", "format": "binary"},
    (304, "application/json"): OpenApiResponse(description="What `If-None-Match` names."),
}


class TelemetryQuery(ReadView):
    """The past of devices as columns."""

    permission = "read:telemetry"
    params_class = TableParams
    renderer_classes = [ORJSONRenderer, CSVRenderer, NDJSONRenderer, MessagePackRenderer]

    @extend_schema(
        operation_id="query_telemetry",
        summary="Query time series",
        tags=["telemetry"],
        responses=QUERY_RESPONSES,
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Return series of samples or of buckets that follow the site's clock.

        Periods that ended an hour ago may be cached; every answer has an ETag. Raw samples as
        NDJSON or as a long table are streamed, however many they are.
        """
        question = to_question(self.params)
        if write := self._stream_writer(request, question):
            return self._stream(request, question, write)
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
        params = read_body(request, QueryParams)
        answer = self._answer(request, to_question(params), prefix="#/")
        return Response(_describe(answer, completeness=params["completeness"]))

    def _stream_writer(self, request: Request, question: Question) -> Writer | None:
        if question.interval != RAW:
            return None
        if request.accepted_renderer.format == NDJSONRenderer.format:
            return write_ndjson
        if (
            request.accepted_renderer.format == CSVRenderer.format
            and self.params["layout"] == "long"
        ):
            separator = SEPARATORS[self.params["sep"]]
            return csv_writer(separator=separator, has_mark=self.params["bom"])
        return None

    def _stream(self, request: Request, question: Question, write: Writer) -> HttpResponseBase:
        with _refusals("?"):
            found = find_raw(
                tenant_id=request.acting.tenant_id,  # type: ignore[attr-defined]
                question=question,
                now=self.now,
            )
        body: Any = () if request.method == "HEAD" else write(found.pieces())
        if isinstance(request._request, ASGIRequest):
            body = in_thread(iter(body))
        media = f"{request.accepted_renderer.media_type}; charset=utf-8"
        response = StreamingHttpResponse(body, content_type=media)
        patch_cache_control(response, private=True, no_store=True)
        patch_vary_headers(response, ["Accept", "Cookie"])
        return response

    def _answer(self, request: Request, question: Question, *, prefix: str) -> Answer:
        with _refusals(prefix):
            return answer_question(
                tenant_id=request.acting.tenant_id,  # type: ignore[attr-defined]
                question=question,
                now=self.now,
                longest=dt.timedelta(days=settings.SAMPLE_RETENTION_DAYS),
            )

    def _cacheable(self, request: Request, question: Question, answer: Answer) -> HttpResponseBase:
        body = _describe(answer, completeness=self.params["completeness"])
        etag = _etag(body, request.accepted_renderer.format, request.META["QUERY_STRING"])
        response = Response(body, headers={"ETag": etag})
        moves = is_relative(question.start) or is_relative(question.end)
        if moves or answer.end + CLOSED_AFTER > self.now:
            patch_cache_control(response, private=True, no_cache=True)
        else:
            patch_cache_control(response, private=True, max_age=CLOSED_MAX_AGE_SECONDS)
        patch_vary_headers(response, ["Accept", "Cookie"])
        return get_conditional_response(request, etag=etag, response=response) or response


def _describe(answer: Answer, *, completeness: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "from": epoch_ms(answer.start),
        "to": epoch_ms(answer.end),
        "interval": answer.interval,
        "tz": answer.timezone,
        "source": answer.source,
        "series": [_describe_series(series, completeness) for series in answer.series],
        "partial": answer.is_partial,
    }
    if compared := answer.comparison:
        body["comparison"] = {
            "kind": compared.kind,
            "from": epoch_ms(compared.start),
            "to": epoch_ms(compared.end),
            "series": [_describe_series(series, completeness) for series in compared.series],
        }
    return body


def _describe_series(series: Series, completeness: bool) -> dict[str, Any]:
    members = as_members(series)
    return members | {"c": series.c} if completeness and series.agg != RAW else members


def _etag(body: dict[str, Any], media: str, options: str) -> str:
    """Return a strong tag of the content: late rows change it, also in closed periods."""
    digest = blake2b(orjson.dumps([body, media, options]), digest_size=12).hexdigest()
    return f'"{digest}"'
