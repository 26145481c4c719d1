"""MQTT clients that show a certificate, and the requests they send for one."""

from __future__ import annotations

import queue
import ssl
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

PATIENCE_SECONDS = 60.0


class Refused(Exception):
    """The broker ended TLS or did not accept the client."""


class CertificateClient:
    """A client over mutual TLS that remembers what it receives and when it was cut."""

    def __init__(
        self,
        port: int,
        ca_file: Path,
        cert_file: Path | None,
        key_file: Path | None,
        *,
        client_id: str = "whatever",
        clean: bool = True,
        will: str = "",
    ) -> None:
        self.received: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.disconnected = threading.Event()
        self.cut_at = 0.0
        self._answered = threading.Event()
        self._subscribed = threading.Event()
        self._reason = "no answer"
        self._port = port
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean,
            reconnect_on_failure=False,
        )
        if will:
            self.client.will_set(will, "last will", qos=1)
        context = ssl.create_default_context(cafile=str(ca_file))
        if cert_file is not None:
            context.load_cert_chain(str(cert_file), str(key_file))
        self.client.tls_set_context(context)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = lambda _c, _u, m: self.received.put((m.topic, m.payload))

    def __enter__(self) -> Self:
        try:
            self.client.connect("127.0.0.1", self._port, keepalive=60)
        except OSError as error:
            raise Refused(str(error)) from error
        self.client.loop_start()
        self._answered.wait(PATIENCE_SECONDS)
        if self._reason:
            self.close()
            raise Refused(self._reason)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        self.client.disconnect()
        self.client.loop_stop()

    def subscribe(self, topic: str) -> None:
        """Subscribe and wait for the answer, whatever it says."""
        self._subscribed.clear()
        self.client.subscribe(topic, qos=1)
        assert self._subscribed.wait(PATIENCE_SECONDS)

    def publish(self, topic: str, payload: str = "x", *, retain: bool = False) -> None:
        """Publish and wait for the acknowledgement, which the broker gives in any case."""
        sent = self.client.publish(topic, payload, qos=1, retain=retain)
        sent.wait_for_publish(PATIENCE_SECONDS)

    def take_until(self, topic: str) -> list[str]:
        """Return the topics received before `topic`."""
        seen: list[str] = []
        while True:
            received, _payload = self.received.get(timeout=PATIENCE_SECONDS)
            if received == topic:
                return seen
            seen.append(received)

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, props: Any) -> None:
        self._reason = "" if reason == "Success" else str(reason)
        self._answered.set()

    def _on_disconnect(self, *_: Any) -> None:
        self.cut_at = time.monotonic()
        self.disconnected.set()
        self._answered.set()


def request_for(key: Any, *, subject: str = "ignored", digest: Any = None) -> str:
    """Return a signing request as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject, _validate=False)])
    signed = x509.CertificateSigningRequestBuilder().subject_name(name)
    request = signed.sign(key, digest or hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()
