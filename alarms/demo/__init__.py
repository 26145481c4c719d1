"""Alarm rules of the demo."""
