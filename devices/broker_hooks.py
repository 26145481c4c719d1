"""`/api/v1/broker/auth` and `/acl`: what EMQX asks before a client gets in or uses a topic.

The broker is no person: it is known by a shared secret and its address, asks thousands of
times a minute and has no session, so it is answered before all that. To everybody else
there is nothing here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from devices.services.broker_doors import Caller, Verdict, judge_connection, judge_topic
from energy.lib.client_address import client_address, parse_address

MAX_BODY_BYTES = 200_000  # a topic has up to 64 kB


class ConnectionQuestion(msgspec.Struct, frozen=True):
    """The body of /auth, as docs/reference/pki.md tells EMQX to write it."""

    username: str = ""
    clientid: str = ""
    cert_common_name: str = ""
    password: str = ""


class TopicQuestion(msgspec.Struct, frozen=True):
    """The body of /acl; `action` is publish or subscribe."""

    username: str = ""
    action: str = ""
    topic: str = ""


class BrokerHookMiddleware:
    """Answer the broker, hand every other request on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a question; the broker treats everything but `allow` as a refusal."""
        answer = HOOKS.get(request.path)
        if answer is None or not _is_broker(request):
            return self.get_response(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            verdict = answer(request.body[:MAX_BODY_BYTES])
        except msgspec.MsgspecError:
            return JsonResponse({"result": "deny"}, status=400)
        return JsonResponse(
            {
                "result": "allow" if verdict.is_allowed else "deny",
                "is_superuser": verdict.is_superuser,
            }
        )


def answer_connection(body: bytes) -> Verdict:
    """Judge who wants in. Raises: MsgspecError."""
    question = msgspec.json.decode(body, type=ConnectionQuestion)
    caller = Caller(
        username=question.username,
        client_id=question.clientid,
        common_name=question.cert_common_name,
        password=question.password,
    )
    return judge_connection(caller, now=timezone.now())


def answer_topic(body: bytes) -> Verdict:
    """Judge what somebody wants to do. Raises: MsgspecError."""
    question = msgspec.json.decode(body, type=TopicQuestion)
    return judge_topic(
        username=question.username,
        action=question.action,
        topic=question.topic,
        now=timezone.now(),
    )


HOOKS: dict[str, Callable[[bytes], Verdict]] = {
    "/api/v1/broker/auth": answer_connection,
    "/api/v1/broker/acl": answer_topic,
}


def _is_broker(request: HttpRequest) -> bool:
    """Ask for the secret and for the address: either may leak."""
    token: str = settings.BROKER_HTTP_TOKEN
    given = request.headers.get("Authorization", "")
    if not token or not constant_time_compare(given, f"Bearer {token}"):
        return False
    address: Any = parse_address(client_address(request))
    networks = map(ipaddress.ip_network, settings.BROKER_HTTP_NETWORKS)
    return address is not None and any(address in network for network in networks)
