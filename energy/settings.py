"""All settings, read from the environment (see .env.example)."""

from __future__ import annotations

import sys
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from energy.lib.env import (
    choose_languages,
    is_set,
    load_env_file,
    read_environment,
    refuse_insecure_production,
    require_secret,
)
from energy.lib.sealing import read_key_ring

BASE_DIR = Path(__file__).resolve().parent.parent
load_env_file(BASE_DIR / ".env")
env = read_environment()

ENVIRONMENT = env.str("ENVIRONMENT", default="production")
if ENVIRONMENT not in {"development", "production"}:
    raise ValueError(f"ENVIRONMENT is {ENVIRONMENT!r}; use development or production.")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = require_secret("SECRET_KEY", env.str("SECRET_KEY", default=""))
# id:base64 of 32 bytes, comma separated; the first seals, all unseal
SECRET_STORE_KEYS = env.str("SECRET_STORE_KEYS", default="")
read_key_ring(SECRET_STORE_KEYS)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1"])
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

MQTT_HOST = env.str("MQTT_HOST", default="127.0.0.1")
MQTT_PORT = env.int("MQTT_PORT", default=1883)
MQTT_USERNAME = env.str("MQTT_USERNAME", default="")
MQTT_PASSWORD = env.str("MQTT_PASSWORD", default="")
MQTT_TLS = env.bool("MQTT_TLS", default=False)
MQTT_CA_FILE = env.str("MQTT_CA_FILE", default="")
MQTT_SHARE_GROUP = env.str("MQTT_SHARE_GROUP", default="")
# what devices are told; the internal endpoint above may differ
MQTT_EXTERNAL_HOST = env.str("MQTT_EXTERNAL_HOST", default="localhost")
MQTT_EXTERNAL_PORT = env.int("MQTT_EXTERNAL_PORT", default=8883)
MQTT_EXTERNAL_TLS = env.bool("MQTT_EXTERNAL_TLS", default=True)

if PRODUCTION:
    refuse_insecure_production(
        debug=DEBUG,
        allowed_hosts=ALLOWED_HOSTS,
        public_url=PUBLIC_URL,
        trusted_origins=CSRF_TRUSTED_ORIGINS,
        secret_store_keys=SECRET_STORE_KEYS,
        mqtt_username=MQTT_USERNAME,
        mqtt_tls=MQTT_TLS,
        mqtt_host=MQTT_HOST,
    )

INSTALLED_APPS = [
    # runserver with WebSockets; elsewhere it would only load Twisted, 12 MiB a process
    *(["daphne"] if "runserver" in sys.argv else []),
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "accounts.admin_config.ProductAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "channels",
    "guardian",
    "pgtrigger",
    "pghistory",
    "hijack",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.headless",
    "allauth.usersessions",
    "axes",
    "csp",
    "anymail",
    "django_celery_beat",
    "django_prometheus",
    "django_structlog",
    "health_check",
    "energy.apps.EnergyConfig",
    "accounts",
    "devices",
    "telemetry",
    "metering",
    "alarms",
    "automation",
    "charging",
    "reports",
]

MIDDLEWARE = [
    "energy.health.ProbeMiddleware",
    "energy.middleware.LoadMiddleware",
    "energy.middleware.ForwardedMiddleware",
    "devices.broker_hooks.BrokerHookMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "energy.middleware.AdminCSPMiddleware",
    "energy.middleware.PrivacyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "accounts.limits.middleware.RefusedCallerMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "hijack.middleware.HijackUserMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.signin.activity.LastSeenMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "accounts.credentials.middleware.CredentialsMiddleware",
    "accounts.middleware.TenantMiddleware",
    "devices.local_time.LocalTimeMiddleware",
    "accounts.limits.middleware.RateLimitMiddleware",
    "accounts.actor.ActorMiddleware",
    "accounts.signin.gate.SecondFactorMiddleware",
    "accounts.signin.lockout.RetryAfterMiddleware",
    "accounts.impersonation.ImpersonationMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "energy.urls"
ASGI_APPLICATION = "energy.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context_processors.acting_tenant",
                "accounts.pages.menu.settings_menu",
                "devices.pages.menu.main_menu",
                "alarms.pages.menu.alarm_count",
                "alarms.pages.notify_mine.bell",
            ],
        },
    }
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: it refuses who is locked out
    "accounts.rbac.backend.TenantRoleBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "devices.sharing.ShareBackend",
]
ANONYMOUS_USER_NAME = None  # guardian: nobody is not somebody
HIJACK_PERMISSION_CHECK = "accounts.services.impersonation.may_impersonate"
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_MONKEY_PATCH_GROUP = False
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]  # ShareBackend is guardian's, with an end for shares
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
LANGUAGES = choose_languages(
    {"en": _("English"), "tr": _("Turkish"), "de": _("German"), "ru": _("Russian")},
    env.list("LANGUAGES_ENABLED", default=["en", "tr"]),
)
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["energy.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

from energy.settings_api import *  # noqa: E402, F403 (after .env was read)
from energy.settings_broker import *  # noqa: E402, F403
from energy.settings_files import *  # noqa: E402, F403
from energy.settings_firmware import *  # noqa: E402, F403
from energy.settings_logging import *  # noqa: E402, F403
from energy.settings_notify import *  # noqa: E402, F403
from energy.settings_schedule import *  # noqa: E402, F403
from energy.settings_security import *  # noqa: E402, F403
from energy.settings_servers import *  # noqa: E402, F403
from energy.settings_sign_in import *  # noqa: E402, F403
from energy.settings_telemetry import *  # noqa: E402, F403
from energy.settings_wires import *  # noqa: E402, F403
from energy.theme import UNFOLD  # noqa: E402, F401

METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
PROMETHEUS_EXPORT_MIGRATIONS = False

TESTING = "pytest" in sys.modules
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

HAS_BROKER = is_set("MQTT_HOST")
