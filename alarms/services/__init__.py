"""What changes alarms and their rules."""
