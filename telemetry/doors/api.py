"""`POST /api/v1/ingest`."""

from __future__ import annotations

import uuid
from functools import cache
from http import HTTPStatus
from typing import IO, Any

import orjson
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from accounts.api.problems import Problem
from accounts.api.write import AccessView
from energy.lib.redis import RedisError, RedisNotDurable, check_durability, durable
from telemetry.doors import repetition
from telemetry.doors.accept import Receipt, accept_readings
from telemetry.doors.body import plain_bytes, read_document
from telemetry.doors.given import BadBody, Given, TooMuch
from telemetry.doors.quota import BeyondQuota, count_readings
from telemetry.doors.shapes import is_single, read_ingest
from telemetry.ingest.batch import to_microseconds
from telemetry.ingest.buffer import BufferFull, BufferUnavailable
from telemetry.services.rejected import printable

RETRY_AFTER_SECONDS = 5


class BodyRefused(Problem):
    """A body that is not understood at all."""

    def __init__(self, error: BadBody) -> None:
        self.default_code = error.code
        super().__init__(str(error))
        if isinstance(error, TooMuch):
            self.status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        elif error.code == "unknown_encoding":
            self.status_code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class NotAccepted(Problem):
    """Nothing can be made durable now."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "buffer_full"


class QuotaExceeded(Problem):
    """More than ten times the plan."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_code = "quota_exceeded"


class DeviceNotAllowed(Problem):
    """A single reading for a device that is not there for the caller."""

    status_code = HTTPStatus.FORBIDDEN
    default_code = "unknown_device"


class KeyReused(Problem):
    """An Idempotency-Key with another body."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"


class RawParser(BaseParser):
    """Leaves the bytes alone: the view reads them within bounds."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Any = None,
    ) -> Any:
        """Return the bytes of the body."""
        return stream.read()


class JSONBytes(RawParser):
    """JSON, not read yet."""

    media_type = "application/json"


class MessagePackBytes(RawParser):
    """MessagePack, not read yet."""

    media_type = "application/msgpack"


class OldMessagePackBytes(RawParser):
    """MessagePack under the name it had before it was registered."""

    media_type = "application/x-msgpack"


class RefusedSerializer(serializers.Serializer):
    """A value that was not taken, or all values of an item when `metric` is empty."""

    index = serializers.IntegerField(help_text="Position of the item in the request, from 0.")
    metric = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class ReceiptSerializer(serializers.Serializer):
    """What became of the values; each is counted or listed once."""

    accepted = serializers.IntegerField(help_text="Values that are safe and will be stored.")
    duplicates = serializers.IntegerField(
        help_text="Values whose device, metric and time were known with the same number."
    )
    rejected = RefusedSerializer(many=True)


class ReadingSerializer(serializers.Serializer):
    """Values of one device at one instant: `values`, or `metric` and `value`."""

    device = serializers.CharField(
        required=False, help_text="Id, or identifier; blank with the key of a device."
    )
    gateway = serializers.CharField(required=False, help_text="Identifier of its gateway.")
    ts = serializers.JSONField(
        required=False, help_text="s, ms or µs since 1970, or ISO 8601 with an offset."
    )
    values = serializers.DictField(child=serializers.FloatField(), required=False)
    metric = serializers.CharField(required=False)
    value = serializers.FloatField(required=False)


IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Any text of at most 255 characters; a repetition gets the same answer.",
)


class Ingest(AccessView):
    """The door for measurements."""

    permission = {"POST": "write:telemetry"}
    parser_classes = [JSONBytes, MessagePackBytes, OldMessagePackBytes]
    http_method_names = ["post"]

    @extend_schema(
        operation_id="ingest",
        summary="Send measurements",
        tags=["telemetry"],
        parameters=[IDEMPOTENCY],
        request={"application/json": ReadingSerializer(many=True)},
        responses={
            202: ReceiptSerializer,
            413: OpenApiResponse(description="Over 5 MB, 16 MB inflated or 10,000 readings."),
            422: OpenApiResponse(description="The Idempotency-Key came with another body."),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Take measurements; what the answer counts as accepted survives every crash of ours.

        Values with an error are refused one by one; the others of the request are taken.
        """
        body = request.data if isinstance(request.data, bytes) else b""
        try:
            raw = plain_bytes(body, request.headers.get("Content-Encoding", ""))
            document = read_document(raw, request.content_type or "")
            given = read_ingest(document)
        except BadBody as error:
            raise BodyRefused(error) from error
        received_at = to_microseconds(self.now)
        repeated = self._repetition(request, raw, received_at, given)
        if repeated is not None and repeated.answer:
            return _answer(repeated.answer, headers={"Idempotent-Replayed": "true"})
        if repeated is not None:
            received_at = repeated.record.received_at
        receipt = self._accept(given, received_at)
        _check_single(document, receipt)
        answer = orjson.dumps(describe(receipt))
        if repeated is not None:
            repetition.keep_answer(repeated, answer)
        return _answer(answer)

    def _accept(self, given: Given, received_at: int) -> Receipt:
        check_buffer()
        try:
            count_readings(
                self.acting.tenant, len(given.readings), received_at=to_microseconds(self.now)
            )
            return accept_readings(
                given, own_device=own_device(self.request), received_at=received_at
            )
        except BeyondQuota as error:
            raise QuotaExceeded(
                _("The plan allows %(number)s readings a minute; send the rest later.")
                % {"number": error.allowed},
                retry_after_seconds=error.wait_seconds,
            ) from error
        except (BufferFull, BufferUnavailable) as error:
            raise not_accepted() from error

    def _repetition(
        self, request: Request, body: bytes, received_at: int, given: Given
    ) -> repetition.Repetition | None:
        sent_key = request.headers.get("Idempotency-Key", "")[: repetition.MAX_KEY_LENGTH]
        if not sent_key:
            return None
        user: Any = request.user
        principal = f"{self.acting.tenant_id}:{getattr(user, 'key_id', user.pk)}"
        try:
            return repetition.begin(
                principal=principal, sent_key=sent_key, body=body, received_at=received_at
            )
        except repetition.OtherBody as error:
            raise KeyReused(_("This Idempotency-Key was used with another body.")) from error
        except repetition.NotRemembered as error:
            if any(reading.raw_time is None for reading in given.readings):
                raise not_accepted() from error
            return None


def not_accepted() -> NotAccepted:
    """Return the answer while nothing can be stored durably."""
    return NotAccepted(
        _("Nothing was accepted: the buffer is full or away. Send the same again later."),
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def check_buffer() -> None:
    """Refuse to accept into a Redis that may lose it; asked once a process.

    Raises: NotAccepted.
    """
    try:
        _check_durable()
    except (RedisError, OSError, RedisNotDurable) as error:
        raise not_accepted() from error


@cache
def _check_durable() -> None:
    check_durability(durable())


def own_device(request: Any) -> uuid.UUID | None:
    """Return the device that the key of a request is for, if it is for one."""
    found: uuid.UUID | None = getattr(request.user, "device_id", None)
    return found


def describe(receipt: Receipt) -> dict[str, Any]:
    """Return the body of an answer."""
    return {
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "rejected": [
            {
                "index": r.index,
                "metric": printable(r.metric),
                "code": r.code,
                "detail": printable(r.detail),
            }
            for r in receipt.refused
        ],
    }


def _check_single(document: Any, receipt: Receipt) -> None:
    """Answer 403 for the one reading of a device that the caller may not write to."""
    codes = {found.code for found in receipt.refused}
    if is_single(document) and codes & {"unknown_device", "unexpected_device"}:
        raise DeviceNotAllowed(receipt.refused[0].detail)


def _answer(body: bytes, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(
        body, status=HTTPStatus.ACCEPTED, content_type="application/json", headers=headers
    )
