"""What is read of automation."""
