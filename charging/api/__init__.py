"""Charging in the API."""
