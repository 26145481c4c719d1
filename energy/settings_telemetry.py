"""How much is buffered, and where and how long samples lie; a part of energy.settings."""

from __future__ import annotations

from energy.lib.env import read_environment

_env = read_environment()

INGEST_STREAM_MAX_ENTRIES = _env.int("INGEST_STREAM_MAX_ENTRIES", default=20_000)
SAMPLE_RETENTION_DAYS = _env.int("SAMPLE_RETENTION_DAYS", default=730)
# days by kind of channel, such as state=90,gauge=365; kinds not named keep the days above
SAMPLE_RETENTION_KINDS = _env.dict("SAMPLE_RETENTION_KINDS", cast={"value": int}, default={})
# auto: TimescaleDB where its extension is in the database; plain; timescale: or migrate fails
SAMPLE_TIER = _env.str("SAMPLE_TIER", default="auto")
SAMPLE_PACK_AFTER_DAYS = _env.int("SAMPLE_PACK_AFTER_DAYS", default=7)  # 0: never
