"""The next version of the platform: a migration that changes tables which ingest writes to."""
