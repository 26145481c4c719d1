"""The bench of the ingest tests: a gateway and a worker on real servers."""

from tests.ingest.conftest import bench

__all__ = ["bench"]
