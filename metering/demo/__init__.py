"""Meters of the demo's sites, what they counted in a year, and prices."""
