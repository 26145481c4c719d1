"""What changes measurements."""
