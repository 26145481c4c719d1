"""What OpenAPI says about every endpoint: its parameters and its problems."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from accounts.api.params import Params
from accounts.api.problems import PROBLEM_MEDIA_TYPE, ProblemSerializer

PROBLEMS = {
    "400": "Parameters or the body do not fit.",
    "401": "Nobody is signed in.",
    "403": "The person is no member of the organisation, or the role does not allow it.",
    "404": "There is no such object in the organisation.",
    "406": "None of the accepted formats is offered.",
    "415": "The body is not JSON.",
    "429": "Too many calls; see Retry-After and RateLimit-Policy.",
    "500": "Something failed on our side.",
    "503": "The query took too long; see Retry-After.",
}


class ProblemAutoSchema(AutoSchema):
    """Adds the declared query parameters and the problem answers."""

    def get_override_parameters(self) -> list[Any]:
        """Describe the parameters that the view declares for GET."""
        declared = getattr(self.view, "params_class", Params)
        return [declared] if self.method == "GET" and declared is not Params else []

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        for status, description in PROBLEMS.items():
            if status not in bodies and self._may_answer(status):
                body = self._get_response_for_code(
                    ProblemSerializer, status, [PROBLEM_MEDIA_TYPE], direction
                )
                bodies[status] = body | {"description": description}
        return bodies

    def _may_answer(self, status: str) -> bool:
        if status == "404":
            return "{" in self.path or "telemetry" in self.path
        if status == "503":
            return "telemetry" in self.path
        return status != "415" or self.method in {"POST", "PUT", "PATCH"}


class SessionScheme(OpenApiAuthenticationExtension):
    """One of three; unsafe methods of a session also need the CSRF token."""

    target_class = "accounts.authentication.MiddlewareAuthentication"
    name = ["access token", "API key", "session"]  # type: ignore[assignment]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, str]]:
        """Describe an app's token, a program's key and a browser's cookie."""
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            {"type": "apiKey", "in": "cookie", "name": "sessionid"},
        ]
