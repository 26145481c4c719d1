"""The customers' pages about access."""
