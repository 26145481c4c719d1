"""Samples, latest values, rejected messages, the ingest pipeline and time-series queries."""
