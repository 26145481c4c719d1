"""The pipeline's bench."""

from tests.ingest.conftest import bench  # noqa: F401 (a fixture)
