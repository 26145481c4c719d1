"""How people sign in, and how mail goes out; a part of energy.settings."""

from __future__ import annotations

import datetime as dt
from typing import Any

from energy.lib.env import read_environment, require_secret
from energy.lib.sealing import DERIVED, derive_key, read_key_ring

_env = read_environment()
_PRODUCTION = _env.str("ENVIRONMENT", default="production") == "production"
_SECRET_KEY = require_secret("SECRET_KEY", _env.str("SECRET_KEY", default=""))

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # invitations reach the address, nobody signs up alone
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no mail to people whom we do not know
ACCOUNT_PREVENT_ENUMERATION = True
# by account over all addresses, too: axes counts each pair of account and address
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "30/m/ip,10/15m/key",
    "reset_password": "10/m/ip,3/15m/key",
}
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # all other sessions end, see accounts.signin.receivers
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_REAUTHENTICATION_REQUIRED = True

MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Energy platform"
MFA_TOTP_TOLERANCE = 1  # phones are half a minute late
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"  # a passkey replaces the password
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _PRODUCTION

HEADLESS_CLIENTS = ("app",)
HEADLESS_TOKEN_STRATEGY = "accounts.signin.strategy.TokenStrategy"  # noqa: S105 (a path)
HEADLESS_JWT_ALGORITHM = "HS256"


def _token_keys(text: str) -> dict[str, str]:
    """Return the keys of apps' tokens by id, the one that signs first.

    The entry `derived`, alone when there are none, is made from SECRET_KEY: whoever learns one
    of them does not know the other.
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()] or [DERIVED]
    named = ",".join(entry for entry in entries if entry != DERIVED)
    found = {key_id: key.hex() for key_id, key in read_key_ring(named, setting="JWT_KEYS").items()}
    found[DERIVED] = derive_key("headless tokens", secret=_SECRET_KEY).hex()
    return {key_id: found[key_id] for key_id in (entry.partition(":")[0] for entry in entries)}


# id:base64 of 32 bytes, comma separated; the first signs, all are accepted
JWT_KEYS = _token_keys(_env.str("JWT_KEYS", default=""))
HEADLESS_JWT_PRIVATE_KEY = next(iter(JWT_KEYS.values()))
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 1800
HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN = 604_800

AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # never by address alone: offices share one
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = dt.timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_FORM_FIELD = "login"
AXES_LOCKOUT_CALLABLE = "accounts.signin.lockout.refuse_sign_in"
AXES_VERBOSE = False


def _mail() -> dict[str, Any]:
    """Return the settings of Django's mail backends, or of a provider through anymail.

    `MAIL_PROVIDER` is the name of anymail's backend, such as `postmark` or `mailgun`, and
    `MAIL_PROVIDER_OPTIONS` its settings, such as `POSTMARK_SERVER_TOKEN=…`.
    """
    settings: dict[str, Any] = dict(_env.email_url("EMAIL_URL", default="consolemail://"))
    provider = _env.str("MAIL_PROVIDER", default="")
    if provider:
        settings["EMAIL_BACKEND"] = f"anymail.backends.{provider}.EmailBackend"
    return settings


vars().update(_mail())
ANYMAIL = _env.dict("MAIL_PROVIDER_OPTIONS", default={})
EMAIL_TIMEOUT = 10  # seconds, of each step of a conversation with the mail server
DEFAULT_FROM_EMAIL = _env.str("MAIL_FROM", default="Energy platform <no-reply@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
