"""Rejected messages in the API: groups of a tenant, their messages, replay, discard."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.write import AccessView
from telemetry.masking import masked
from telemetry.models import RejectedState
from telemetry.payload_view import as_text
from telemetry.queries_rejected import (
    RejectedGroup,
    count_reasons,
    find_group,
    list_groups,
    newest_messages,
)
from telemetry.services.replays import discard_group, progress_of, start_replay

READ, CHANGE = "write:telemetry", "delete:telemetry"
MESSAGES_SHOWN = 50
_TAGS = ["telemetry"]


class GroupParams(Params):
    """Which groups."""

    state = serializers.ChoiceField(choices=RejectedState.choices, default=RejectedState.OPEN)
    reason = serializers.CharField(max_length=50, default="")
    q = serializers.CharField(max_length=200, default="", help_text=_("Part of the topic."))


class NoBody(Params):
    """A request without members."""


class GroupSerializer(serializers.Serializer):
    """Messages with one reason on one pattern of topics of one sender."""

    id = serializers.CharField(source="key")
    reason = serializers.CharField()
    pattern = serializers.CharField()
    sender = serializers.CharField()
    count = serializers.IntegerField()
    different = serializers.IntegerField()
    first_received_at = serializers.DateTimeField()
    last_received_at = serializers.DateTimeField()
    detail = serializers.CharField()


class ProgressSerializer(serializers.Serializer):
    """How far a replay is."""

    total = serializers.IntegerField()
    done = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["waiting", "running", "done"])
    started_at = serializers.DateTimeField()


class MessageSerializer(serializers.Serializer):
    """A rejected message; secrets in the payload are hidden, bad bytes spelled out."""

    id = serializers.UUIDField()
    topic = serializers.CharField()
    transport = serializers.CharField()
    detail = serializers.CharField()
    state = serializers.ChoiceField(choices=RejectedState.choices)
    count = serializers.IntegerField()
    first_received_at = serializers.DateTimeField()
    last_received_at = serializers.DateTimeField()
    payload = serializers.SerializerMethodField()

    def get_payload(self, message: Any) -> str:
        """Return the payload as text."""
        return as_text(masked(bytes(message.payload)))


class GroupListSerializer(serializers.Serializer):
    """Groups, and how many open messages each reason has."""

    results = GroupSerializer(many=True)
    reasons = serializers.DictField(child=serializers.IntegerField())


class GroupDetailSerializer(GroupSerializer):
    """A group with its newest messages and its last replay."""

    messages = MessageSerializer(many=True)
    replay = ProgressSerializer(allow_null=True)


class DiscardedSerializer(serializers.Serializer):
    """How many messages are not wanted any more."""

    discarded = serializers.IntegerField()


class RejectedGroups(AccessView):
    """The work list."""

    permission = READ
    params_class = GroupParams

    @extend_schema(
        operation_id="list_rejected", summary="List rejected messages in groups", tags=_TAGS,
        parameters=[GroupParams], responses=GroupListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List groups of the organisation, the one that was heard last first, at most 500."""
        tenant_id = self.acting.tenant_id
        groups = list_groups(
            tenant_id=tenant_id,
            state=self.params["state"],
            reason=self.params["reason"],
            text=self.params["q"],
        )
        reasons = dict(count_reasons(tenant_id=tenant_id))
        return Response(GroupListSerializer({"results": groups, "reasons": reasons}).data)


class GroupView(AccessView):
    """Base: a group of the acting tenant."""

    permission: Any = READ
    absent = frozenset({"nothing_open"})  # type: ignore[assignment]

    def group(self, key: str) -> RejectedGroup:
        """Return the group.

        Raises: NotFound.
        """
        found = find_group(tenant_id=self.acting.tenant_id, key=key)
        if found is None:
            raise NotFound
        return found


class RejectedGroupDetail(GroupView):
    """One group."""

    @extend_schema(
        operation_id="get_rejected", summary="See a group of rejected messages", tags=_TAGS,
        responses=GroupDetailSerializer,
    )  # fmt: skip
    def get(self, request: Request, group_key: str) -> Response:
        """Show a group with its newest 50 messages."""
        tenant_id = self.acting.tenant_id
        found = self.group(group_key)
        messages = newest_messages(tenant_id=tenant_id, key=group_key, limit=MESSAGES_SHOWN)
        shown = {"messages": messages, "replay": progress_of(tenant_id, group_key)}
        return Response(GroupDetailSerializer({**asdict(found), **shown}).data)


class RejectedReplay(GroupView):
    """Replay of a group."""

    @extend_schema(
        operation_id="replay_rejected", summary="Replay a group of rejected messages",
        tags=_TAGS, request=NoBody, responses={202: ProgressSerializer},
    )  # fmt: skip
    def post(self, request: Request, group_key: str) -> Response:
        """Send the open messages through the pipeline again, in the background."""
        self.group(group_key)
        read_body(request, NoBody)
        progress = start_replay(tenant_id=self.acting.tenant_id, key=group_key, now=self.now)
        return Response(ProgressSerializer(progress).data, status=HTTPStatus.ACCEPTED)


class RejectedDiscard(GroupView):
    """What nobody wants."""

    permission = CHANGE

    @extend_schema(
        operation_id="discard_rejected", summary="Discard a group of rejected messages",
        tags=_TAGS, request=NoBody,
        responses={200: OpenApiResponse(DiscardedSerializer)},
    )  # fmt: skip
    def post(self, request: Request, group_key: str) -> Response:
        """Mark the open messages as not wanted; they are kept for 90 days."""
        self.group(group_key)
        read_body(request, NoBody)
        count = discard_group(tenant_id=self.acting.tenant_id, key=group_key, now=self.now)
        return Response({"discarded": count})
