"""What browsers, proxies and callers are held to; a part of energy.settings."""

from __future__ import annotations

from csp.constants import NONCE, NONE, SELF

from energy.lib.env import read_environment, require_networks

_env = read_environment()
_PRODUCTION = _env.str("ENVIRONMENT", default="production") == "production"

# Addresses whose X-Forwarded-* headers count; from all others they are dropped
TRUSTED_PROXIES = require_networks("TRUSTED_PROXIES", _env.list("TRUSTED_PROXIES", default=[]))
AXES_CLIENT_IP_CALLABLE = "energy.lib.client_address.client_address"

# Larger bodies are refused before they are buffered (energy.body_limit)
REQUEST_MAX_BYTES = 5 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = REQUEST_MAX_BYTES

# Requests in sixty seconds, beside the plan of the tenant; None does not limit
RATE_LIMITS: dict[str, int | None] = {
    "person": _env.int("API_CALLS_PER_MINUTE_PERSON", default=600),
    "key": _env.int("API_CALLS_PER_MINUTE_KEY", default=1200),
    "address": _env.int("API_CALLS_PER_MINUTE_ADDRESS", default=60),
    # starts and stops of charging
    "charging": _env.int("CHARGING_CALLS_PER_MINUTE", default=10),
    # posts to pages that send an e-mail
    "mail": _env.int("MAILS_PER_MINUTE_ADDRESS", default=10),
    "mail_hour": _env.int("MAILS_PER_HOUR_PERSON", default=20),
}

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True  # scripts of ours never read it
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SAMESITE = "Lax"
if _PRODUCTION:
    # browsers take these names only over TLS, for all paths and this very host
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    LANGUAGE_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = _env.bool("SECURE_SSL_REDIRECT", default=True)
    # energy.middleware drops it unless a trusted proxy sent it
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "object-src": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        # no text becomes markup or code through a script, not even by mistake
        "require-trusted-types-for": ["'script'"],
        "trusted-types": [NONE],
    }
}
_FOR_NOBODY = (
    "accelerometer", "autoplay", "camera", "display-capture", "geolocation", "gyroscope",
    "magnetometer", "microphone", "midi", "payment", "usb", "xr-spatial-tracking",
)  # fmt: skip
_PASSKEYS = ("publickey-credentials-create", "publickey-credentials-get")
PERMISSIONS_POLICY = ", ".join(
    [f"{feature}=()" for feature in _FOR_NOBODY] + [f"{feature}=(self)" for feature in _PASSKEYS]
)
