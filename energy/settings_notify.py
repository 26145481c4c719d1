"""How people are told of alarms; a part of energy.settings."""

from __future__ import annotations

from energy.lib.env import read_environment, require_networks

_env = read_environment()

# Webhooks may call these schemes, and these networks although they are not public: for receivers
# in one's own data centre
NOTIFY_WEBHOOK_SCHEMES = tuple(_env.list("NOTIFY_WEBHOOK_SCHEMES", default=["https"]))
NOTIFY_NETWORKS = require_networks("NOTIFY_NETWORKS", _env.list("NOTIFY_NETWORKS", default=[]))
# Hosts of chat servers that customers may name in URLs of Apprise, such as ntfy.example.com
NOTIFY_CHAT_HOSTS = frozenset(_env.list("NOTIFY_CHAT_HOSTS", default=[]))
# Signs what is pushed to browsers (VAPID): 32 bytes, base64url; blank: made of SECRET_KEY.
# Another key ends all subscriptions.
WEB_PUSH_KEY = _env.str("WEB_PUSH_KEY", default="")
# How long what was sent is kept
NOTIFY_LOG_DAYS = _env.int("NOTIFY_LOG_DAYS", default=365)
