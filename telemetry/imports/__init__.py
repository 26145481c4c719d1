"""Files of meters: read as a person decided, stored once, in steps that survive a crash."""
