"""What changes automation."""
