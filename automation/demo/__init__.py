"""Automation of the demo."""
