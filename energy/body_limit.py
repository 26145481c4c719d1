"""A bound on request bodies, before they are buffered.

Daphne keeps a whole body before it calls the application (100 MiB of body cost 100 MiB of
memory), so the bound stands where the bytes arrive.
"""

from __future__ import annotations

import json

from daphne import http_protocol
from django.conf import settings

_WebRequest: type = http_protocol.WebRequest


class BoundedRequest(_WebRequest):  # type: ignore[misc]
    """A request that answers 413 and closes when its body is too large."""

    _received = 0
    _is_refused = False

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        """Refuse by the declared length."""
        if length is not None and length > settings.REQUEST_MAX_BYTES:
            self._refuse()
            length = 0
        super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Refuse by what has really come, for bodies of undeclared length."""
        self._received += len(data)
        if self._received > settings.REQUEST_MAX_BYTES:
            self._refuse()
        if not self._is_refused:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Hand the request on unless it was refused."""
        if not self._is_refused:
            super().requestReceived(command, path, version)

    def _refuse(self) -> None:
        if self._is_refused:
            return
        self._is_refused = True
        megabytes = settings.REQUEST_MAX_BYTES // (1024 * 1024)
        problem = {
            "type": "about:blank",
            "title": "Request body too large",
            "status": 413,
            "code": "body_too_large",
            "detail": f"Send at most {megabytes} MB in one request; split the data.",
        }
        body = json.dumps(problem).encode()
        head = (
            "HTTP/1.1 413 Content Too Large\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.channel.transport.write(head.encode() + body)
        self.channel.loseConnection()


def bound_request_bodies() -> None:
    """Make Daphne build bounded requests; it looks the class up for each connection."""
    http_protocol.WebRequest = BoundedRequest
