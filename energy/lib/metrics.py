"""Prometheus metrics of the data plane; each process counts for itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, start_http_server

MESSAGES_RECEIVED = Counter("energy_messages_received", "Messages taken from a wire", ["transport"])
MESSAGES_REJECTED = Counter("energy_messages_rejected", "Messages kept as rejected", ["reason"])
QUOTA_EXCEEDED = Counter(
    "energy_quota_exceeded", "Messages above the plan of their tenant", ["outcome"]
)
SAMPLES_STORED = Counter("energy_samples_stored", "Samples committed")
SAMPLES_DUPLICATE = Counter("energy_samples_duplicate", "Samples that were stored before")
STREAM_ENTRIES = Gauge("energy_stream_entries", "Entries waiting in a stream", ["stream"])
STREAM_FULL = Counter("energy_stream_full", "Times the ingest stream refused an entry")
BATCH_SECONDS = Histogram(
    "energy_batch_seconds",
    "Time to decode and commit a batch",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
COMMIT_LAG_SECONDS = Histogram(
    "energy_commit_lag_seconds",
    "From receipt to commit",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600),
)
LIVE_FRAMES = Counter("energy_live_frames", "Frames handed to viewers' rooms")
LIVE_DROPPED = Counter("energy_live_dropped", "Frames withheld from viewers without credit")


def serve_metrics(port: int) -> None:
    """Serve this process's metrics on loopback; port 0 serves nothing."""
    if port:
        start_http_server(port, addr="127.0.0.1")
