"""Alarm rules, alarms, incidents and notifications."""
