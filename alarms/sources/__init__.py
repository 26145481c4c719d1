"""Alarms that no rule raises: what devices say themselves, and what the platform notices."""
