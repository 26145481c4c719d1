"""PostgreSQL, Redis and what Celery does with it; a part of energy.settings."""

from __future__ import annotations

import pghistory

from energy.lib.env import read_environment

_env = read_environment()

# Under ASGI each request may run in its own thread: persistent connections would pile
# up, so the pool holds them (60 backends were exhausted with CONN_MAX_AGE=60).
DATABASES = {"default": _env.db_url("DATABASE_URL", default="postgresql://127.0.0.1/energy")}
DATABASES["default"] |= {
    "ENGINE": "energy.lib.database",
    "CONN_MAX_AGE": 0,
    "CONN_HEALTH_CHECKS": True,  # the pool checks a connection before it hands it out
    "OPTIONS": {
        "pool": {
            "min_size": 1,
            "max_size": _env.int("DATABASE_POOL_MAX", default=8),
            "timeout": 10,
            # how long it tries again at growing intervals; then the next query tries at once
            "reconnect_timeout": 5,
        },
        "connect_timeout": 5,
        "application_name": "energy",
    },
}
# history finds changes by object and by tenant only (accounts.models.history)
PGHISTORY_FOREIGN_KEY_FIELD = pghistory.ForeignKey(db_index=False)

REDIS_DURABLE_URL = _env.str("REDIS_DURABLE_URL", default="redis://127.0.0.1:6379/0")
REDIS_EPHEMERAL_URL = _env.str("REDIS_EPHEMERAL_URL", default="redis://127.0.0.1:6380/0")
REDIS_KEY_PREFIX = _env.str("REDIS_KEY_PREFIX", default="")


def _database(url: str, number: int) -> str:
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
                    "address": _database(REDIS_EPHEMERAL_URL, 1),
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

CELERY_BROKER_URL = _database(REDIS_DURABLE_URL, 1)
CELERY_RESULT_BACKEND = _database(REDIS_EPHEMERAL_URL, 2)
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
CELERY_BEAT_SCHEDULER = "energy.schedule:Schedule"
