"""Meters in the API."""
