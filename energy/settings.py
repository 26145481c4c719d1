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
from energy.lib.logs import logging_config
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
    "daphne",
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
    "energy.middleware.ForwardedMiddleware",
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
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "accounts.credentials.middleware.CredentialsMiddleware",
    "accounts.middleware.TenantMiddleware",
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
            ],
        },
    }
]

# Under ASGI each request may run in its own thread: persistent connections would pile
# up, so the pool holds them (60 backends were exhausted with CONN_MAX_AGE=60).
DATABASES = {"default": env.db_url("DATABASE_URL", default="postgresql://127.0.0.1/energy")}
DATABASES["default"] |= {
    "ENGINE": "energy.lib.database",
    "CONN_MAX_AGE": 0,
    "CONN_HEALTH_CHECKS": True,  # the pool checks a connection before it hands it out
    "OPTIONS": {
        "pool": {
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL_MAX", default=8),
            "timeout": 10,
            # how long it tries again at growing intervals; then the next query tries at once
            "reconnect_timeout": 5,
        },
        "connect_timeout": 5,
        "application_name": "energy",
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_DURABLE_URL = env.str("REDIS_DURABLE_URL", default="redis://127.0.0.1:6379/0")
REDIS_EPHEMERAL_URL = env.str("REDIS_EPHEMERAL_URL", default="redis://127.0.0.1:6380/0")
REDIS_KEY_PREFIX = env.str("REDIS_KEY_PREFIX", default="")


def redis_database(url: str, number: int) -> str:
    """Return the URL of another database of the same Redis server."""
    return f"{url.rsplit('/', 1)[0]}/{number}"


CACHES = {
    "default": {
        "BACKEND": "energy.lib.cache.RedisOrMemoryCache",
        "LOCATION": REDIS_EPHEMERAL_URL,
        "KEY_PREFIX": f"{REDIS_KEY_PREFIX}cache",
        "TIMEOUT": 300,
        # a web request never waits long for the cache
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            # redis-py 8 has a 5 s socket timeout and 100 connections by default: idle
            # consumers would close with 1011 (django/channels_redis#422)
            "hosts": [
                {
                    "address": redis_database(REDIS_EPHEMERAL_URL, 1),
                    "socket_timeout": None,
                    "max_connections": 2000,
                }
            ],
            "prefix": f"{REDIS_KEY_PREFIX}asgi",
            "capacity": 1000,
            "expiry": 10,
            # a killed process stays in its groups this long; members join again every 5 s
            "group_expiry": 60,
        },
    }
}

CELERY_BROKER_URL = redis_database(REDIS_DURABLE_URL, 1)
CELERY_RESULT_BACKEND = redis_database(REDIS_EPHEMERAL_URL, 2)
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_TASK_TIME_LIMIT = 600
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_RESULT_EXPIRES = 3600
CELERY_TIMEZONE = "UTC"  # crontabs in other zones may fire continuously (celery#9715)
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "telemetry-maintain-partitions": {
        "task": "telemetry.tasks.maintain_partitions",
        "schedule": 3600.0,
        "options": {"queue": "cleanup"},
    },
    "telemetry-prune-rejected": {
        "task": "telemetry.tasks.prune_rejected",
        "schedule": 3600.0,
        "options": {"queue": "cleanup"},
    },
}

INGEST_STREAM_MAX_ENTRIES = env.int("INGEST_STREAM_MAX_ENTRIES", default=20_000)
SAMPLE_RETENTION_DAYS = env.int("SAMPLE_RETENTION_DAYS", default=730)

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
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "energy.static_files.ModuleStaticFiles"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# without collectstatic, files are served from the source folders
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_MANIFEST_STRICT = False

from energy.settings_security import *  # noqa: E402, F403 (after .env was read)
from energy.settings_sign_in import *  # noqa: E402, F403
from energy.theme import UNFOLD  # noqa: E402, F401

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.MiddlewareAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.HasPermission"],
    "DEFAULT_RENDERER_CLASSES": ["accounts.api.renderers.ORJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.renderers.ORJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "accounts.api.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "accounts.api.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "accounts.api.problems.ProblemHandler",
    "EXCEPTION_FORMATTER_CLASS": "accounts.api.problems.ProblemFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Energy platform",
    "DESCRIPTION": "Devices, latest values and time series of your sites.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "Quality": "telemetry.serializers.QUALITIES",
        "Presence": "telemetry.serializers.PRESENCES",
        "Interval": "telemetry.serializers.ANSWER_INTERVALS",
        "Aggregate": "telemetry.serializers.ANSWER_AGGREGATES",
    },
}

METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
PROMETHEUS_EXPORT_MIGRATIONS = False

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOG_FORMAT = env.str("LOG_FORMAT", default="json" if PRODUCTION else "console")
LOGGING = logging_config(level=LOG_LEVEL, style=LOG_FORMAT)
DJANGO_STRUCTLOG_CELERY_ENABLED = False

TESTING = "pytest" in sys.modules
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

HAS_BROKER = is_set("MQTT_HOST")
