"""Alarms in the API."""
