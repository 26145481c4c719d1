"""`/ws/v1/live`: one client, from the handshake to the close."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from typing import Any

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from django.utils import timezone
from redis.exceptions import RedisError

from telemetry.live.credit import CreditWindow, UnsentFrame
from telemetry.live.database import TargetRefused
from telemetry.live.hub import NORMAL, Hub, get_hub
from telemetry.live.identity import Identity
from telemetry.live.limits import (
    ACK_TIMEOUT_SECONDS,
    ACKS_BURST,
    ACKS_PER_SECOND,
    MAX_MESSAGE_BYTES,
    MESSAGES_PER_SECOND,
    PUBLISHED,
    TokenBucket,
)
from telemetry.live.messages import (
    Acknowledge,
    Authenticate,
    BadMessage,
    ClientMessage,
    NotJson,
    Ping,
    Subscribe,
    Unsubscribe,
    decode_message,
)
from telemetry.live.origin import is_allowed_origin
from telemetry.live.renewal import format_time, may_replace, renew
from telemetry.live.signin import UNAUTHORIZED, SignInRefused, sign_in, sign_in_by_message
from telemetry.live.viewer import Viewer

logger = logging.getLogger(__name__)

BAD_REQUEST = 4400
TOO_MANY_MESSAGES = 4429
SUBPROTOCOL = "ems.v1"
# how long a socket without a sign-in has for its first message
AUTH_SECONDS = 5.0


class LiveConsumer(AsyncWebsocketConsumer):
    """Speaks the protocol; the hub holds the subscriptions.

    Close codes: 4400 no JSON or too long, 4401 not signed in (any more), 4403 member of
    no tenant, 4408 stalled, 4429 too many messages, 1000 the server stops.
    """

    # The hub receives for all sockets: none has a channel of its own in the layer.
    channel_layer_alias = "none"
    ack_seconds = ACK_TIMEOUT_SECONDS

    hub: Hub | None = None
    viewer: Viewer | None = None
    deadline: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the socket; when the server cancels it, say goodbye."""
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            if self.viewer is not None:
                await self.viewer.close(NORMAL)
            raise
        finally:
            await self._detach()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle a message here: Channels would visit a database thread before each."""
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        """Refuse a foreign Origin with 403; accept others, then say who may stay.

        Who brings no sign-in may send one as the first message.
        """
        if not is_allowed_origin(self.scope):
            await self.close()
            return
        now = timezone.now()
        try:
            identity = await sign_in(self.scope, now=now)
        except SignInRefused as refused:
            await self._accept()
            await self.close(refused.code)
            return
        except (DatabaseError, RedisError) as error:
            logger.warning("A live socket is refused, a server does not answer: %s", error)
            await self.close()
            return
        await self._accept()
        if identity is None:
            self.deadline = asyncio.create_task(self._close_when_silent())
        else:
            await self._enter(identity, now=now)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take a message within the limits of size and rate."""
        if self.viewer is None:
            await self._authenticate(text_data)
            return
        if self.viewer.is_closed:
            return
        if text_data is None or len(text_data.encode()) > MAX_MESSAGE_BYTES:
            await self._refuse(None, "too_long" if text_data else "not_text", close=BAD_REQUEST)
            return
        try:
            message = decode_message(text_data)
        except NotJson:
            await self._refuse(None, "not_json", close=BAD_REQUEST)
            return
        except BadMessage as bad:
            if await self._take_token(is_ack=False):
                await self._refuse(bad.id, "bad_message")
            return
        if await self._take_token(is_ack=isinstance(message, Acknowledge)):
            await self._answer(message, self.viewer)

    async def disconnect(self, code: int) -> None:
        """Forget the socket."""
        await self._detach()

    async def _close_when_silent(self) -> None:
        await asyncio.sleep(AUTH_SECONDS)
        await self.close(UNAUTHORIZED)

    async def _authenticate(self, text: str | None) -> None:
        """Take the first message of a socket that is not signed in; there is one attempt."""
        if self.deadline is None:
            return
        self.deadline.cancel()
        self.deadline = None
        now = timezone.now()
        try:
            message = decode_message(text or "") if len(text or "") <= MAX_MESSAGE_BYTES else None
            if not isinstance(message, Authenticate):
                raise SignInRefused(UNAUTHORIZED)
            identity = await sign_in_by_message(message.token, now=now)
        except (BadMessage, NotJson):
            await self.close(UNAUTHORIZED)
        except SignInRefused as refused:
            await self.close(refused.code)
        except DatabaseError as error:
            logger.warning("A live socket is refused, the database does not answer: %s", error)
            await self.close(1011)
        else:
            await self._enter(identity, now=now)

    async def _accept(self) -> None:
        offered = self.scope.get("subprotocols") or ()
        await self.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)

    async def _enter(self, identity: Identity, *, now: dt.datetime) -> None:
        self.hub = get_hub()
        clock = self.hub.now()
        self._messages = TokenBucket(rate=MESSAGES_PER_SECOND, burst=MESSAGES_PER_SECOND, now=clock)
        self._acks = TokenBucket(rate=ACKS_PER_SECOND, burst=ACKS_BURST, now=clock)
        credit = CreditWindow(ack_seconds=self.ack_seconds)
        self.viewer = Viewer(
            identity, send=self.deliver, close=self.close, now=clock, credit=credit
        )
        await self.hub.attach(self.viewer)
        await self.viewer.send_message(
            {
                "type": "welcome",
                "server_time": format_time(now),
                "exp": format_time(identity.expires_at),
                "limits": PUBLISHED,
            }
        )
        await self.begin(self.viewer)

    async def begin(self, viewer: Viewer) -> None:
        """Go on after the welcome; clients say themselves what they want."""

    async def deliver(self, text: str) -> None:
        """Send a message to the client."""
        await self.send(text)

    async def _answer(self, message: ClientMessage, viewer: Viewer) -> None:
        assert self.hub is not None  # noqa: S101 set together with the viewer
        match message:
            case Subscribe():
                await self._subscribe(message, viewer, self.hub)
            case Unsubscribe():
                if self.hub.unsubscribe(viewer, message.id):
                    await viewer.send_message({"type": "ok", "id": message.id})
                else:
                    await self._refuse(message.id, "unknown_subscription")
            case Acknowledge():
                await self._acknowledge(message, viewer, self.hub)
            case Authenticate():
                await self._sign_in_again(message, viewer)
            case Ping():
                named = {} if message.id is None else {"id": message.id}
                await viewer.send_message({"type": "pong", **named})

    async def _sign_in_again(self, message: Authenticate, viewer: Viewer) -> None:
        """Take a new token of the same person; a bad one ends the socket as any other."""
        try:
            identity = await sign_in_by_message(message.token, now=timezone.now())
        except SignInRefused as refused:
            await viewer.close(refused.code)
            await self._detach()
        except DatabaseError:
            await self._refuse(None, "unavailable")
        else:
            if not may_replace(viewer.identity, identity):
                await self._refuse(None, "other_identity")
                return
            renew(viewer, identity)
            await viewer.send_message(
                {"type": "ok", "id": None, "exp": format_time(identity.expires_at)}
            )

    async def _subscribe(self, message: Subscribe, viewer: Viewer, hub: Hub) -> None:
        try:
            await hub.subscribe(viewer, message)
        except TargetRefused as refused:
            await self._refuse(message.id, refused.code)
        except DatabaseError as error:
            logger.warning("A subscription failed, the database does not answer: %s", error)
            hub.unsubscribe(viewer, message.id)
            await self._refuse(message.id, "unavailable")

    async def _acknowledge(self, message: Acknowledge, viewer: Viewer, hub: Hub) -> None:
        try:
            viewer.credit.acknowledge(message.n, now=hub.now())
        except UnsentFrame:
            await self._refuse(None, "unsent_frame")
        else:
            hub.wake(viewer)

    async def _take_token(self, *, is_ack: bool) -> bool:
        assert self.hub is not None and self.viewer is not None  # noqa: S101 checked by receive
        bucket = self._acks if is_ack else self._messages
        if bucket.take(self.hub.now()):
            return True
        await self.viewer.close(TOO_MANY_MESSAGES)
        await self._detach()
        return False

    async def _refuse(self, message_id: str | int | None, code: str, *, close: int = 0) -> None:
        assert self.viewer is not None  # noqa: S101 only signed-in sockets are answered
        await self.viewer.send_message({"type": "err", "id": message_id, "code": code})
        if close:
            await self.viewer.close(close)
            await self._detach()

    async def _detach(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
        if self.hub is not None and self.viewer is not None:
            self.viewer.is_closed = True
            await self.hub.detach(self.viewer)
