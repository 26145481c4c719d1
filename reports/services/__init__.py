"""Asks for reports, makes them, sends them."""
