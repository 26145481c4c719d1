"""Charging of the demo."""
