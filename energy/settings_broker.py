"""The broker's accounts and its list of revoked certificates; a part of energy.settings."""

from __future__ import annotations

from energy.lib.env import read_environment, require_networks

_env = read_environment()

# of the account that boxes use until they are claimed; empty: there is none
BOOTSTRAP_MQTT_PASSWORD = _env.str("BOOTSTRAP_MQTT_PASSWORD", default="")

# the file that the broker's `crlfile` names; empty: somebody else fetches /pki/ca.crl
BROKER_CRL_FILE = _env.str("BROKER_CRL_FILE", default="")
# how it reads the file again: "pid:/run/mosquitto.pid" (SIGHUP) or "command:/usr/bin/…"
BROKER_RELOAD = _env.str("BROKER_RELOAD", default="")

# EMQX asks /api/v1/broker/auth and /acl with this bearer, from these networks
BROKER_HTTP_TOKEN = _env.str("BROKER_HTTP_TOKEN", default="")
BROKER_HTTP_NETWORKS = require_networks(
    "BROKER_HTTP_NETWORKS", _env.list("BROKER_HTTP_NETWORKS", default=["127.0.0.0/8", "::1/128"])
)
