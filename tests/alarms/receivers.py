"""Other sides of notifications: a mail server and a web server, both real, in threads."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Mailbox:
    """A mail server on `port`. `refuse`: the answer to recipients, such as "550 no".

    hang: seconds before it takes a mail.
    """

    port: int = 0
    refuse: str = ""
    hang: float = 0.0
    mails: list[Message] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    taken: Callable[[], None] = lambda: None
    server: Any = None

    def __enter__(self) -> Mailbox:
        box = self

        class Conversation(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                box._talk(self)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Conversation)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _talk(self, conversation: socketserver.StreamRequestHandler) -> None:
        def say(text: str) -> None:
            conversation.wfile.write(f"{text}\r\n".encode())

        say("220 ready")
        for line in conversation.rfile:
            word = line.strip().decode().upper()
            if word.startswith("RCPT"):
                if self.refuse:
                    say(self.refuse)
                    continue
                self.recipients.append(line.strip().decode().split(":", 1)[1].strip(" <>"))
                say("250 ok")
            elif word == "DATA":
                say("354 go on")
                data = self._read(conversation)
                time.sleep(self.hang)
                self.mails.append(message_from_bytes(data))
                self.taken()
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    @staticmethod
    def _read(conversation: socketserver.StreamRequestHandler) -> bytes:
        found = b""
        for line in conversation.rfile:
            if line == b".\r\n":
                return found
            found += line[1:] if line.startswith(b"..") else line
        return found


@dataclass
class Post:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A web server on `port` that answers with `status` after `hang` seconds."""

    status: int = 200
    hang: float = 0.0
    posts: list[Post] = field(default_factory=list)
    port: int = 0
    server: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Receiver:
        receiver = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.posts.append(Post(self.path, headers, body))
                time.sleep(receiver.hang)
                self.send_response(receiver.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.server.shutdown()
        self.server.server_close()
