"""What brings values of a zone to their targets; pure."""
