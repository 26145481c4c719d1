"""The way of a reading from an envelope to a committed row."""
