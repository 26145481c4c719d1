"""REST of automation."""
