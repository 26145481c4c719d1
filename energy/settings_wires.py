"""What buses and serial lines may be connected to; a part of energy.settings."""

from __future__ import annotations

from energy.lib.env import read_environment, require_networks

_env = read_environment()

# An address of a bus or a line that staff type in must lie in one of these: without this a name
# could lead to this machine's own servers or to a cloud's metadata
WIRE_NETWORKS = require_networks(
    "WIRE_NETWORKS",
    _env.list(
        "WIRE_NETWORKS", default=["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
    ),
)
