"""Database engine: PostgreSQL with or without TimescaleDB, measured by django-prometheus.

The engine of django-timescaledb stops `migrate` where the extension is missing
(jamessewell/django-timescaledb#59), so the product keeps plain PostgreSQL below and
makes a hypertable in `telemetry.storage.tiers` where the server has the extension.
"""
