"""The MQTT broker: mosquitto with dynamic security, mutual TLS and a revocation list."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.embedded.pki import Authority
from tools.embedded.ports import Ports, accepts_connections
from tools.embedded.program import Program
from tools.embedded.state import State, give_to_servers, stage_programs, write_private
from tools.fetch_deb import fetch_packages
from tools.paths import DOWNLOADS

PLATFORM_USER = "platform"
PBKDF2_ITERATIONS = 10_000
# Zigbee2MQTT tells a network of hundreds of devices in one message of up to 1 MiB; of
# everything else ingest takes 64 KiB
MAX_PACKET_BYTES = 1_114_112
PKI_FILES = ("ca.crt", "server.crt", "server.key")

# Without limits: with the defaults of 20 and 1000, bursts are lost silently. A queue limit
# of 0 would do the same, but 2.0.11 then disconnects a client after each denied publish.
# per_listener_settings false: otherwise 2.0.11 applies the plugin to no listener.
CONFIG = """\
per_listener_settings false
allow_anonymous false
persistence true
persistence_location {folder}/
pid_file {folder}/mosquitto.pid
autosave_interval 1
autosave_on_changes false
max_inflight_messages 0
max_queued_messages 1000000000
persistent_client_expiration 7d
max_packet_size {max_packet_bytes}
plugin {plugin}
plugin_opt_config_file {folder}/dynsec.json
log_dest stdout
log_type error
log_type warning
connection_messages false

listener {port} 127.0.0.1

listener {tls_port} 127.0.0.1
cafile {folder}/ca.crt
certfile {folder}/server.crt
keyfile {folder}/server.key
crlfile {folder}/ca.crl
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
use_username_as_clientid true
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where mosquitto lies, and the environment that lets it find its libraries."""

    program: Path
    plugin: Path
    env: dict[str, str]


def find_mosquitto() -> Installation:
    """Find mosquitto on the machine, else fetch it with apt without installing it.

    Raises: RuntimeError: there is none.
    """
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    plugins = [*Path("/usr/lib").glob("*/mosquitto_dynamic_security.so")]
    plugins += Path("/usr/lib").glob("mosquitto_dynamic_security.so")
    if program and plugins:
        return Installation(Path(program), plugins[0], {})
    tree = DOWNLOADS / "mosquitto"
    if not (tree / "usr/sbin/mosquitto").exists() and not fetch_packages(tree, "mosquitto"):
        raise RuntimeError(
            "no mosquitto: `apt-get install -y mosquitto` as root, or set MQTT_HOST, "
            "MQTT_PORT, MQTT_USERNAME and MQTT_PASSWORD"
        )
    [tree] = stage_programs("mosquitto", tree)
    plugin = next(tree.glob("usr/lib/*/mosquitto_dynamic_security.so"))
    libraries = ":".join(
        map(str, [*tree.glob("usr/lib/*-linux-gnu"), *tree.glob("lib/*-linux-gnu")])
    )
    return Installation(tree / "usr/sbin/mosquitto", plugin, {"LD_LIBRARY_PATH": libraries})


def config_for(folder: Path, plugin: Path, *, port: int, tls_port: int) -> str:
    """Return mosquitto.conf; `folder` holds the files that it names."""
    return CONFIG.format(
        folder=folder,
        plugin=plugin,
        port=port,
        tls_port=tls_port,
        max_packet_bytes=MAX_PACKET_BYTES,
    )


def dynsec_seed(password: str, *, salt: bytes) -> str:
    """Return dynamic-security.json with one client, "platform", who may do everything.

    Everybody else has no rights until a role gives some.
    """
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, PBKDF2_ITERATIONS, 64)
    allowed = [
        *(("publishClientSend", topic) for topic in ("$CONTROL/dynamic-security/#", "#")),
        *(("publishClientReceive", topic) for topic in ("$CONTROL/#", "$SYS/#", "#")),
        *(("subscribePattern", topic) for topic in ("$CONTROL/#", "$SYS/#", "#")),
    ]
    rules = [{"acltype": kind, "topic": topic, "allow": True} for kind, topic in allowed]
    client: dict[str, Any] = {
        "username": PLATFORM_USER,
        "roles": [{"rolename": PLATFORM_USER}],
        "password": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": PBKDF2_ITERATIONS,
    }
    default_access = {
        "publishClientSend": False,
        "publishClientReceive": False,
        "subscribe": False,
        "unsubscribe": True,
    }
    seed = {
        "defaultACLAccess": default_access,
        "clients": [client],
        "roles": [{"rolename": PLATFORM_USER, "acls": rules}],
    }
    return json.dumps(seed, indent=1)


def mosquitto_program(
    state: State, ports: Ports, authority: Authority
) -> tuple[Program, dict[str, str]]:
    """Return the broker and the MQTT_* variables of its clients."""
    found = find_mosquitto()
    folder = state.server_folder("mosquitto")
    port, tls_port = ports.take(1883), ports.take(8883)
    password = state.secret("mqtt")
    for name in PKI_FILES:
        _place(folder / name, (authority.folder / name).read_text())
    # from the first start on the platform signs the list: what it revoked stays revoked
    _place(folder / "ca.crl", authority.revocation_list(folder / "ca.crl"))
    if not (folder / "dynsec.json").exists():  # afterwards it belongs to the broker
        _place(folder / "dynsec.json", dynsec_seed(password, salt=os.urandom(12)))
    config = folder / "mosquitto.conf"
    _place(config, config_for(folder, found.plugin, port=port, tls_port=tls_port))
    program = Program(
        "mosquitto",
        (str(found.program), "-c", str(config)),
        env=found.env,
        ready=accepts_connections(port),
        as_server=True,
    )
    return program, {
        "MQTT_HOST": "127.0.0.1",
        "MQTT_PORT": str(port),
        "MQTT_USERNAME": PLATFORM_USER,
        "MQTT_PASSWORD": password,
        "MQTT_TLS": "false",
        "MQTT_CA_FILE": str(authority.folder / "ca.crt"),
        "MQTT_EXTERNAL_HOST": "127.0.0.1",
        "MQTT_EXTERNAL_PORT": str(tls_port),
        "MQTT_EXTERNAL_TLS": "true",
        "BROKER_CRL_FILE": str(folder / "ca.crl"),
        "BROKER_RELOAD": f"pid:{folder / 'mosquitto.pid'}",
        "BOOTSTRAP_MQTT_PASSWORD": state.secret("bootstrap"),
    }


def _place(path: Path, text: str) -> None:
    write_private(path, text)
    give_to_servers(path)
