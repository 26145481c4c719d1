"""A mail server that takes everything and notes when, in a thread."""

from __future__ import annotations

import socketserver
import threading
import time
from types import TracebackType

READY, GO_ON, DONE = b"220 ready\r\n", b"354 go on\r\n", b"250 ok\r\n"


class Mailbox:
    """Listens on a free port of this machine in a `with` block."""

    def __init__(self) -> None:
        self.mails: list[tuple[float, str]] = []  # when the last line came, s since 1970; text
        box = self

        class Conversation(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                box._talk(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """For the setting EMAIL_URL."""
        return f"smtp://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Mailbox:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _talk(self, conversation: socketserver.StreamRequestHandler) -> None:
        conversation.wfile.write(READY)
        lines: list[bytes] | None = None
        for line in conversation.rfile:
            if lines is None:
                is_data = line.strip().upper() == b"DATA"
                lines = [] if is_data else None
                conversation.wfile.write(GO_ON if is_data else DONE)
                if line.strip().upper() == b"QUIT":
                    return
            elif line == b".\r\n":
                self.mails.append((time.time(), b"".join(lines).decode(errors="replace")))
                lines = None
                conversation.wfile.write(DONE)
            else:
                lines.append(line)
