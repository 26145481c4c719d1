"""Files of meters: read, stored once, and true to the last figure."""
