"""Tags of the alarm pages."""
