"""The fleet and the worker of the ingest tests, for what is told about their data."""

from tests.ingest.conftest import bench

__all__ = ["bench"]
