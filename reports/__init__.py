"""Read-only overview pages, consumption and cost reports, exports."""
