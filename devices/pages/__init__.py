"""The customers' pages about the fleet's access."""
