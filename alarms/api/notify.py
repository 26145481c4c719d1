"""Targets and the bell, the delivery log and the browsers of the caller in the API."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from accounts.models import User
from alarms.api import notify_serializers as shapes
from alarms.delivery.push import application_key
from alarms.models import (
    InAppNote,
    MessageState,
    NotificationMessage,
    NotificationTarget,
    PushSubscription,
)
from alarms.models.notify import PERSONAL
from alarms.queries import notify as queries
from alarms.services import notify_reading
from alarms.services.notify_targets import (
    Manners,
    Wanted,
    remove_target,
    rotate_secret,
    save_mine,
    save_target,
)
from alarms.services.sending import queue_test, requeue
from devices.api_fleet import FleetView, find_row

TAGS = ["notifications"]
READ = {"GET": "read:alarm", "HEAD": "read:alarm"}
LIST = READ | {"POST": "write:alarm"}
ONE = READ | {"PUT": "write:alarm", "DELETE": "delete:alarm"}
PRIVATE = {"Cache-Control": "private, no-store"}
_MANNERS = ("language", "timezone", "gather_seconds", "most_per_hour", "digest_at")


class NotifyView(FleetView):
    """Base of endpoints about notifications; closed to guests."""

    permission: Any = LIST
    http_method_names = ["get", "head", "post", "put", "delete"]

    def somebody(self) -> User:
        """Return the caller; programs have no bell. Raises: Http404."""
        if self.person is None:
            raise Http404
        return self.person


def told(data: Any, status: int = 200) -> Response:
    """Return an answer that nobody keeps."""
    return Response(data, status=status, headers=PRIVATE)


def describe_target(target: NotificationTarget, secret: str = "") -> dict[str, Any]:
    """Return a target as the API tells it."""
    names = (*_MANNERS, "id", "name", "kind", "address", "quiet", "is_active", "failures",
             "paused_until")  # fmt: skip
    found = {name: getattr(target, name) for name in names}
    return found | ({"secret": secret} if secret else {})


def _wanted(body: dict[str, Any]) -> Wanted:
    return Wanted(body["name"], body["kind"], body["address"], _manners(body, body["is_active"]))


def _manners(body: dict[str, Any], is_active: bool = True) -> Manners:
    given = {name: body[name] for name in _MANNERS}
    return Manners(quiet=tuple(shapes.plain(body["quiet"])), is_active=is_active, **given)


class TargetList(NotifyView):
    """By what people of the organisation are told."""

    pagination_class = None  # a whole list: few rows, by limit
    serializer_class = shapes.TargetRow

    @extend_schema(
        operation_id="list_notification_targets", summary="List targets", tags=TAGS,
        responses=shapes.TargetRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the targets, without those of people."""
        rows = [describe_target(target) for target in queries.list_targets()]
        return told(shapes.TargetRow(rows, many=True).data)

    @extend_schema(
        operation_id="create_notification_target", summary="Add a target", tags=TAGS,
        request=shapes.TargetBody, responses={201: shapes.TargetRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Add a target. The secret of a webhook is told here, and never again."""
        target, secret = save_target(_wanted(read_body(request, shapes.TargetBody)))
        row = shapes.TargetRow(describe_target(target, secret))
        return told(row.data, HTTPStatus.CREATED)


class TargetDetail(NotifyView):
    """One target."""

    permission = ONE
    serializer_class = shapes.TargetRow

    @extend_schema(
        operation_id="get_notification_target", summary="Read a target", tags=TAGS,
        responses=shapes.TargetRow,
    )  # fmt: skip
    def get(self, request: Request, target_id: uuid.UUID) -> Response:
        """Return a target."""
        return told(shapes.TargetRow(describe_target(_target(target_id))).data)

    @extend_schema(
        operation_id="change_notification_target", summary="Change a target", tags=TAGS,
        request=shapes.TargetBody, responses=shapes.TargetRow,
    )  # fmt: skip
    def put(self, request: Request, target_id: uuid.UUID) -> Response:
        """Change a target; a blank address leaves it as it is."""
        known = _target(target_id)
        target, secret = save_target(_wanted(read_body(request, shapes.TargetBody)), target=known)
        return told(shapes.TargetRow(describe_target(target, secret)).data)

    @extend_schema(
        operation_id="remove_notification_target", summary="Remove a target", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, target_id: uuid.UUID) -> Response:
        """Remove a target with what was sent to it."""
        remove_target(_target(target_id).id)
        return Response(status=HTTPStatus.NO_CONTENT)


class TargetTest(NotifyView):
    """A test to a target."""

    permission = {"POST": "write:alarm"}
    serializer_class = shapes.MessageRow

    @extend_schema(
        operation_id="test_notification_target", summary="Send a test", tags=TAGS, request=None,
        responses={202: shapes.MessageRow},
    )  # fmt: skip
    def post(self, request: Request, target_id: uuid.UUID) -> Response:
        """Send a test by the way that alarms take; its message says what came of it."""
        message = queue_test(_target(target_id), now=self.now)
        return told(shapes.MessageRow(message).data, HTTPStatus.ACCEPTED)


class TargetSecret(NotifyView):
    """The secret of a webhook."""

    permission = {"POST": "write:alarm"}
    serializer_class = shapes.TargetRow

    @extend_schema(
        operation_id="rotate_notification_secret", summary="Sign with a new secret", tags=TAGS,
        request=None, responses=shapes.TargetRow,
    )  # fmt: skip
    def post(self, request: Request, target_id: uuid.UUID) -> Response:
        """Sign with a new secret from now on."""
        target = _target(target_id)
        if target.kind != "webhook":
            raise Http404
        return told(shapes.TargetRow(describe_target(target, rotate_secret(target))).data)


class Mine(NotifyView):
    """How the caller is told."""

    permission = READ | {"PUT": "read:alarm"}
    serializer_class = shapes.MineRow

    @extend_schema(
        operation_id="get_my_notifications", summary="Read how you are told", tags=TAGS,
        responses=shapes.MineRow,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return by what and how the caller is told."""
        rows = NotificationTarget.objects.filter(person=self.somebody()).order_by("created_at")
        return told(shapes.MineRow(_describe_mine(list(rows))).data)

    @extend_schema(
        operation_id="set_my_notifications", summary="Choose how you are told", tags=TAGS,
        request=shapes.MineBody, responses=shapes.MineRow,
    )  # fmt: skip
    def put(self, request: Request) -> Response:
        """Set by what and how the caller is told."""
        body = read_body(request, shapes.MineBody)
        rows = save_mine(self.somebody(), _manners(body), set(body["kinds"]))
        return told(shapes.MineRow(_describe_mine(rows)).data)


class MessageList(NotifyView):
    """The delivery log."""

    permission = READ
    params_class = shapes.MessageParams
    serializer_class = shapes.MessageRow
    queryset = NotificationMessage.objects.none()
    orderings = {"made_at": "made_at"}

    @extend_schema(
        operation_id="list_notification_messages", summary="List what was sent", tags=TAGS,
        parameters=[shapes.MessageParams], responses=shapes.MessageRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List messages with their tries."""
        rows = queries.list_messages()
        if "state" in self.params:
            rows = rows.filter(state=self.params["state"])
        if "target" in self.params:
            rows = rows.filter(target_id=self.params["target"])
        return self.page(rows, shapes.MessageRow)


class MessageRetry(NotifyView):
    """A message that was given up."""

    permission = {"POST": "write:alarm"}
    serializer_class = shapes.MessageRow

    @extend_schema(
        operation_id="retry_notification_message", summary="Try a message again", tags=TAGS,
        request=None, responses={202: shapes.MessageRow},
    )  # fmt: skip
    def post(self, request: Request, message_id: uuid.UUID) -> Response:
        """Try a message again that was given up, under the same id."""
        message = find_row(NotificationMessage, message_id)
        if message.state == MessageState.DEAD:
            requeue(message, now=self.now)
            message.refresh_from_db()
        return told(shapes.MessageRow(message).data, HTTPStatus.ACCEPTED)


class NoteList(NotifyView):
    """What stands behind the bell of the caller."""

    permission = READ
    params_class = shapes.NoteParams
    serializer_class = shapes.NoteRow
    queryset = InAppNote.objects.none()
    orderings = {"at": "at"}

    @extend_schema(
        operation_id="list_notification_notes", summary="List your notes", tags=TAGS,
        parameters=[shapes.NoteParams], responses=shapes.NoteRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the notes of the caller."""
        return self.page(queries.list_notes(self.somebody()), shapes.NoteRow)


class NotesRead(NotifyView):
    """That the caller has read notes."""

    permission = {"POST": "read:alarm"}
    serializer_class = shapes.CountRow

    @extend_schema(
        operation_id="read_notification_notes", summary="Mark notes as read", tags=TAGS,
        request=shapes.ReadBody, responses=shapes.CountRow,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Mark notes as read; return how many were unread."""
        body = read_body(request, shapes.ReadBody)
        person = self.somebody()
        count = notify_reading.mark_read(person, now=self.now, note_ids=body.get("notes"))
        return told({"count": count})


class PushList(NotifyView):
    """The browsers of the caller."""

    permission = READ | {"POST": "read:alarm"}
    serializer_class = shapes.PushAnswer

    @extend_schema(
        operation_id="get_push_subscriptions", summary="List your browsers", tags=TAGS,
        responses=shapes.PushAnswer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return the key to subscribe with, and the browsers that are pushed to."""
        rows = PushSubscription.objects.filter(person=self.somebody()).order_by("created_at", "id")
        return told(shapes.PushAnswer({"key": application_key(), "browsers": rows}).data)

    @extend_schema(
        operation_id="subscribe_push", summary="Push to a browser", tags=TAGS,
        request=shapes.PushBody, responses={201: shapes.PushRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Let a browser of the caller be pushed to."""
        body = read_body(request, shapes.PushBody)
        made = notify_reading.subscribe(
            self.somebody(), endpoint=body["endpoint"], p256dh=body["keys"]["p256dh"],
            auth=body["keys"]["auth"], label=body["browser"],
        )  # fmt: skip
        return told(shapes.PushRow(made).data, HTTPStatus.CREATED)


class PushDetail(NotifyView):
    """One browser of the caller."""

    permission = {"DELETE": "read:alarm"}
    serializer_class = shapes.PushRow

    @extend_schema(
        operation_id="unsubscribe_push", summary="Push no more to a browser", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, subscription_id: uuid.UUID) -> Response:
        """Push no more to it."""
        if not notify_reading.unsubscribe(self.somebody(), subscription_id):
            raise Http404
        return Response(status=HTTPStatus.NO_CONTENT)


def _target(target_id: uuid.UUID) -> NotificationTarget:
    target: NotificationTarget = find_row(NotificationTarget, target_id)
    if target.person_id is not None:
        raise Http404
    return target


def _describe_mine(rows: list[NotificationTarget]) -> dict[str, Any]:
    """Return how somebody is told; who has chosen nothing is told by mail and in the app."""
    first = rows[0] if rows else NotificationTarget()
    kinds = [row.kind for row in rows if row.is_active] if rows else ["email", "in_app"]
    order = [kind.value for kind in PERSONAL]
    found = {name: getattr(first, name) for name in (*_MANNERS, "quiet")}
    return found | {"kinds": sorted(kinds, key=order.index)}
