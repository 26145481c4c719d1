"""Doors for boxes that have no identity yet: what they know is a code or a token."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.params import Params, read_body
from accounts.api.problems import Problem
from accounts.limits.policy import network_of
from accounts.services.refusals import Refusal
from devices.services.bootstrap import CODE_LIFETIME, BadHello, Hello, hear_hello
from devices.services.claim_delivery import describe_identity, take_credentials
from devices.services.guesses import CodeRefused, TooManyTries, guessing
from devices.services.onboarding import use_token
from energy.lib.client_address import client_address

POLL_SECONDS = 3
_STATUS = {
    "code_wrong": HTTPStatus.UNAUTHORIZED,
    "token_refused": HTTPStatus.UNAUTHORIZED,
    "not_claimed": HTTPStatus.CONFLICT,
    "credentials_taken": HTTPStatus.CONFLICT,
    "too_many_tries": HTTPStatus.TOO_MANY_REQUESTS,
    "no_authority": HTTPStatus.SERVICE_UNAVAILABLE,
}
_CODE = OpenApiParameter(
    "Authorization", str, OpenApiParameter.HEADER, required=True,
    description="`Bearer <code>`: the code that the box shows.",
)  # fmt: skip


class HelloBody(Params):
    """What a box says of itself; nothing secret."""

    hardware_id = serializers.CharField(max_length=64, help_text="MAC or serial number.")
    code_sha256 = serializers.RegexField(
        r"^[0-9a-fA-F]{64}$", help_text="Of the code that the box shows; new for each hello."
    )
    model = serializers.CharField(max_length=64, default="", allow_blank=True)
    serial = serializers.CharField(max_length=64, default="", allow_blank=True)
    fw = serializers.CharField(max_length=50, default="", allow_blank=True)
    csr = serializers.CharField(
        max_length=16_384, default="", allow_blank=True, help_text="PEM, of a new key."
    )


class HeardSerializer(serializers.Serializer):
    """The box was heard."""

    hardware_id = serializers.CharField()
    code_expires_at = serializers.DateTimeField()
    poll_seconds = serializers.IntegerField(help_text="Ask for credentials this often.")


class CredentialsBody(Params):
    """Which box asks."""

    hardware_id = serializers.CharField(max_length=64)
    csr = serializers.CharField(
        max_length=16_384, default="", allow_blank=True,
        help_text="PEM; empty where it came with the hello, or where the box wants a key.",
    )  # fmt: skip


class OnboardBody(Params):
    """A token for an identity."""

    token = serializers.CharField(max_length=200)
    csr = serializers.CharField(
        max_length=16_384, default="", allow_blank=True, help_text="PEM; empty: a key is made."
    )


class EndpointSerializer(serializers.Serializer):
    """Where devices connect, from outside."""

    host = serializers.CharField()
    port = serializers.IntegerField()
    tls = serializers.BooleanField()


class IdentitySerializer(serializers.Serializer):
    """What a box connects with."""

    state = serializers.CharField(help_text="delivered")
    tenant_id = serializers.UUIDField()
    device_id = serializers.UUIDField()
    gateway_uid = serializers.CharField(allow_blank=True)
    username = serializers.CharField(help_text="The certificate's common name, and client id.")
    mqtt = EndpointSerializer()
    ca = serializers.CharField(help_text="PEM of the authorities to trust.")
    certificate = serializers.CharField(help_text="PEM.")
    key = serializers.CharField(required=False, help_text="PEM; once, if the box sent no csr.")
    firmware = serializers.DictField(
        child=serializers.CharField(),
        help_text="Key by which offers of firmware are checked: alg, key (base64), fingerprint.",
    )
    topics = serializers.DictField(child=serializers.CharField())


class BoxDoor(APIView):
    """Base: nobody is signed in, every caller counts as a guesser by its network."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    def handle_exception(self, exc: Exception) -> Any:
        """Answer refusals as problems with their code."""
        if isinstance(exc, BadHello):
            problem = Problem(str(exc))
            problem.default_code = exc.code
            exc = problem
        elif isinstance(exc, Refusal):
            exc = problem_of(exc)
        return super().handle_exception(exc)

    @property
    def guesser(self) -> list[str]:
        """Return who tries."""
        return [f"address:{network_of(client_address(self.request._request))}"]


def problem_of(refusal: Refusal) -> Problem:
    """Return a refusal as a problem with its code, a status and when to come again."""
    wait = {"not_claimed": POLL_SECONDS, "too_many_tries": TooManyTries.wait_seconds}
    problem = Problem(str(refusal), retry_after_seconds=wait.get(refusal.code))
    problem.default_code = refusal.code
    problem.status_code = _STATUS.get(refusal.code, HTTPStatus.BAD_REQUEST)
    return problem


class BootstrapHello(BoxDoor):
    """A box is switched on."""

    @extend_schema(
        operation_id="bootstrap_hello", summary="Say hello as a new box", tags=["bootstrap"],
        auth=[], request=HelloBody, responses=HeardSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Tell who the box is and the hash of the code it shows; then poll the credentials."""
        body, now = read_body(request, HelloBody), timezone.now()
        pending = hear_hello(
            hello=Hello(
                hardware_id=body["hardware_id"],
                model=body["model"],
                serial_number=body["serial"],
                firmware_version=body["fw"],
                code_sha256=body["code_sha256"],
                csr=body["csr"],
            ),
            now=now,
        )
        told = {
            "hardware_id": pending.hardware_id,
            "code_expires_at": pending.code_expires_at or now + CODE_LIFETIME,
            "poll_seconds": POLL_SECONDS,
        }
        return Response(HeardSerializer(told).data)


class BootstrapCredentials(BoxDoor):
    """A claimed box fetches its identity."""

    @extend_schema(
        operation_id="bootstrap_credentials", summary="Fetch the identity of a claimed box",
        tags=["bootstrap"], auth=[], parameters=[_CODE], request=CredentialsBody,
        responses=IdentitySerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Trade the code for the identity; 409 `not_claimed` until somebody claimed the box.

        A key that the platform made is in the answer once.
        """
        body, now = read_body(request, CredentialsBody), timezone.now()
        scheme, _blank, code = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise CodeRefused
        with guessing(self.guesser, now=now):
            identity = take_credentials(
                hardware_id=body["hardware_id"], code=code, csr=body["csr"], now=now
            )
        return Response(describe_identity(identity, now=now))


class BootstrapOnboard(BoxDoor):
    """A registered device trades a token for its identity."""

    @extend_schema(
        operation_id="bootstrap_onboard", summary="Onboard with a token", tags=["bootstrap"],
        auth=[], request=OnboardBody, responses=IdentitySerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Trade a one-time token, which an installer made, for the device's identity."""
        body = read_body(request, OnboardBody)
        now = timezone.now()
        identity = use_token(text=body["token"], csr=body["csr"], guesser=self.guesser, now=now)
        return Response(describe_identity(identity, now=now))
