"""Charge points, sessions and load balancing."""
