"""Meters, the energy ledger, tariffs and cost lines."""
