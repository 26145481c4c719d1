"""Pages about measurements."""
