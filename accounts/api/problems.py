"""Errors as RFC 9457 problem details, wherever under /api/ they arise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework import exceptions, serializers
from rest_framework.request import Request

PROBLEM_MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong: `?name` points to a parameter, `#/name` into the body."""

    code: str
    detail: str
    pointer: str = ""


class Problem(exceptions.APIException):
    """A refusal whose `code` callers may rely on.

    Args: extra: further members of the answer, such as a suggestion.
    """

    status_code: int = HTTPStatus.BAD_REQUEST
    default_code = "invalid_request"
    default_detail = _("The request is not valid.")

    def __init__(
        self,
        detail: str | None = None,
        *,
        violations: Sequence[Violation] = (),
        extra: dict[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.violations = violations
        self.extra = extra or {}
        self.wait = retry_after_seconds


class InvalidRequest(Problem):
    """Parameters or a body that do not fit; the violations say which."""

    default_detail = _("Some values of the request are not valid; see errors.")


class ProblemFormatter(ExceptionFormatter):
    """Writes an exception of REST framework as a problem."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        """Return the members that depend on the exception."""
        if isinstance(self.exc, Problem):
            return {
                "code": self.exc.default_code,
                "detail": str(self.exc.detail),
                "errors": list(self.exc.violations),
                **self.exc.extra,
            }
        if isinstance(self.exc, exceptions.ValidationError):
            found = [
                Violation(error.code, error.detail, pointer_to(error.attr))
                for error in error_response.errors
            ]
            return {"code": "invalid_request", "detail": str(InvalidRequest.default_detail),
                    "errors": found}  # fmt: skip
        error = error_response.errors[0]
        return {"code": error.code, "detail": error.detail, "errors": []}


class ProblemHandler(ExceptionHandler):
    """Answers in problem details whatever format was asked for."""

    def convert_unhandled_exceptions(self, exc: Exception) -> exceptions.APIException:
        """Say nothing about the cause of an error of ours; the log has it."""
        if isinstance(exc, exceptions.APIException):
            return exc
        return exceptions.APIException(_("Something failed on our side; it has been logged."))

    def report_exception(self, exc: exceptions.APIException, response: Any) -> None:
        """Log what needs a code change; a refusal of ours does not, whatever its status."""
        if not isinstance(exc, Problem):
            super().report_exception(exc, response)

    def get_response(self, exc: exceptions.APIException, data: dict[str, Any]) -> Any:
        """Render at once: the negotiated renderer may be for CSV."""
        request: Request | None = self.context["request"]
        response = problem_response(
            request._request if request else None, status=exc.status_code, **data
        )
        for name, value in self.get_headers(exc).items():
            response[name] = value
        return response


def problem_response(
    request: HttpRequest | None,
    *,
    status: int,
    code: str,
    detail: str,
    errors: Sequence[Violation] = (),
    **extra: Any,
) -> HttpResponse:
    """Return the answer to a request that failed."""
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "instance": request.path if request else "",
        "code": code,
        "errors": errors,
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
        **extra,
    }
    return HttpResponse(
        orjson.dumps(problem, default=str),
        status=status,
        content_type=PROBLEM_MEDIA_TYPE,
    )


def pointer_to(attribute: str | None) -> str:
    """Turn `names.1.unit` into the JSON pointer `#/names/1/unit`."""
    if not attribute or attribute == "non_field_errors":
        return ""
    return "#/" + attribute.replace("~", "~0").replace("/", "~1").replace(".", "/")


class ViolationSerializer(serializers.Serializer):
    """One thing that is wrong with a request."""

    code = serializers.CharField(help_text="Stable name of the rule that was broken.")
    detail = serializers.CharField(help_text="For people, in the language of the request.")
    pointer = serializers.CharField(
        help_text="`?name` is a query parameter, `#/name` a member of the body.", allow_blank=True
    )


class ProblemSerializer(serializers.Serializer):
    """Problem details (RFC 9457). Rely on `code`, not on texts; members may be added."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(allow_blank=True)
    instance = serializers.CharField(help_text="Path of the request.", allow_blank=True)
    code = serializers.CharField(help_text="Stable name of the problem.")
    errors = ViolationSerializer(many=True)  # type: ignore[assignment]
    request_id = serializers.CharField(help_text="Quote it to support.", allow_blank=True)
