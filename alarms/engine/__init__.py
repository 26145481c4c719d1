"""Decides from samples when an alarm is raised and cleared. Pure: no database, no clock."""
