"""Time series as files, made in the background."""
